"""What an exported OpenVINO model tells of itself, read without OpenVINO."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from landslide_cli.errors import ModelError
from landslide_cli.model.card import ModelCard, checksum, parse_card

ROOM = "landslide"  # of ours in the runtime information
PRECISIONS = ("float32", "int8")


@dataclass(frozen=True, slots=True)
class OpenVINOModel:
    """A pair of files, ``.xml`` and ``.bin``, that `landslide_cli.export` wrote.

    Attributes:
        path: The ``.xml``.
        card: Card of the weights that it was made of.
        precision: ``float32`` or ``int8``.
        f1_loss: F1 that quantization has cost on validation chips; None if that wasn't measured.
        sha256: Checksum of the ``.bin``.
    """

    path: Path
    card: ModelCard
    precision: str
    f1_loss: float | None
    sha256: str

    def refuse_damaged(self) -> None:
        """Compare the numbers with their checksum.

        Raises:
            ModelError: they differ, or aren't there.
        """
        numbers = self.path.with_suffix(".bin")
        if not numbers.is_file():
            raise ModelError(f"{numbers} is missing; it belongs beside {self.path.name}")
        if checksum(numbers) != self.sha256:
            raise ModelError(f"{numbers} is damaged or belongs to another .xml: export the model again")


def read_openvino_model(path: Path) -> OpenVINOModel:
    """Read what stands in the ``.xml``.

    Raises:
        ModelError: it isn't there, or `landslide export` didn't write it.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise ModelError(f"no model {str(path)!r}: the file is missing") from error
    except ElementTree.ParseError as error:
        raise ModelError(f"{path} is not an OpenVINO model: {error}") from error
    ours = root.find(f"rt_info/{ROOM}")
    entries = {} if ours is None else {entry.tag: entry.get("value", "") for entry in ours}
    if not {"card", "precision", "sha256"} <= entries.keys():
        raise ModelError(f"{path} tells nothing of its model; write it with landslide export --format openvino")
    try:
        loss = float(entries["f1_loss"]) if "f1_loss" in entries else None
    except ValueError as error:
        raise ModelError(f"{path} tells an f1_loss that is no number: {error}; export the model again") from error
    if entries["precision"] not in PRECISIONS:
        raise ModelError(f"{path} tells a precision that is none of {', '.join(PRECISIONS)}; export the model again")
    card = parse_card(entries["card"], str(path), ignored=("exported_by",))
    return OpenVINOModel(path, card, entries["precision"], loss, entries["sha256"])
