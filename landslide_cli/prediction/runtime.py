"""What predicts, and how: model, engine, device and the windows that it is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landslide_cli.engine.choice import Choice, decide
from landslide_cli.engine.views import VIEWS
from landslide_cli.errors import is_number, refuse_unless
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import DEFAULT_MODEL
from landslide_cli.tiling.grid import DEFAULT_OVERLAP

ENGINES = ("auto", "torch", "openvino")
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8")
MOST_OVERLAP = 256
MOST_WINDOWS = 1024  # in a batch; no card holds more


@dataclass(frozen=True, slots=True)
class Runtime:
    """The model, where and how it runs, and the windows that it is asked about.

    Raises:
        OptionError: a value that it can't have.
    """

    model: str | Path = DEFAULT_MODEL
    """Id of an installed model, a ``.safetensors`` file with its card beside it, or an OpenVINO ``.xml`` that
    ``landslide export`` wrote."""
    engine: str = "auto"
    """``torch``, ``openvino``, or ``auto`` for the fastest that is installed."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; OpenVINO runs on the CPU. Several, such as ``cuda:0,cuda:1``,
    get a worker each."""
    precision: str = "auto"
    """``auto``, ``float32``, ``bfloat16``, ``float16`` (torch) or ``int8`` (OpenVINO)."""
    batch_size: int | None = None
    """Windows in each call of the network; by default as many as are quickest and fit into memory."""
    overlap: int = DEFAULT_OVERLAP
    """Pixels that neighbouring windows share; their tiles are blended there."""
    tta: str | None = None
    """``flips`` or ``d4`` to ask the network about four or eight views of each window and take their mean, ``none`` for
    one; the card's by default."""
    workers: int | None = None
    """Processes of this machine that predict bands beside each other; this one alone by default."""
    cluster: str | None = None
    """Address of a Dask scheduler, such as ``tcp://HOST:8786``, or its scheduler file: its workers predict."""
    resume: bool = True
    """Keep finished bands of a large scene beside the inventory until it is complete, and go on from those that a run
    before has left."""

    def __post_init__(self) -> None:
        for name, known in (("engine", ENGINES), ("precision", PRECISIONS), ("tta", (None, "none", *VIEWS))):
            value = getattr(self, name)
            named = ", ".join(one for one in known if one)
            refuse_unless(value in known, name, value, f"give one of {named}")
        refuse_unless(isinstance(self.device, str), "device", self.device, "give auto, cpu, cuda, cuda:N or mps")
        if self.batch_size is not None:
            fits = _whole(self.batch_size, 1) and self.batch_size <= MOST_WINDOWS
            refuse_unless(fits, "batch_size", self.batch_size, f"give a whole number from 1 to {MOST_WINDOWS}")
        if self.workers is not None:
            refuse_unless(_whole(self.workers, 1), "workers", self.workers, "give a whole number from 1")
            refuse_unless(
                self.cluster is None, "workers", self.workers, "a cluster has workers already; give one of both"
            )
        if "," in self.device:
            cards = all(part.strip().startswith("cuda:") for part in self.device.split(","))
            refuse_unless(
                cards and self.cluster is None, "device", self.device, "name cards of this machine, cuda:0,cuda:1"
            )
        fits = _whole(self.overlap, 0) and self.overlap <= MOST_OVERLAP
        refuse_unless(fits, "overlap", self.overlap, f"give a whole number of pixels from 0 to {MOST_OVERLAP}")

    @property
    def elsewhere(self) -> bool:
        """Whether other processes predict."""
        return self.workers is not None or self.cluster is not None or "," in self.device

    def choose(self, weights: Path, card: ModelCard | None) -> Choice:
        """Decide which engine runs a model on which device in which precision.

        Raises:
            LandslideError: see `landslide_cli.engine.choice.decide`.
        """
        return decide(
            weights, card, engine=self.engine, device=self.device, precision=self.precision, batch_size=self.batch_size
        )


def _whole(value: object, least: int) -> bool:
    return is_number(value) and value == int(value) and value >= least
