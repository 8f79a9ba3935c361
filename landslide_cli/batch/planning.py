"""What a batch has to do, decided before any scene is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from landslide_cli.batch.finding import MERGED, NameBy, find_scenes, names
from landslide_cli.batch.ledger import Ledger
from landslide_cli.batch.tasks import RASTERS, Settings, Task, make_task
from landslide_cli.detection.outputs import refuse_lonely_spread
from landslide_cli.errors import OutputError
from landslide_cli.files import refuse_unwritable
from landslide_cli.inventory.terrain import refuse_lonely_slope
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import DEFAULT_MODEL, find_model

LEDGER = ".landslide-batch"
NAMED = 5  # files that a refusal names


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be done.

    Attributes:
        folder: Where the outputs go.
        tasks: All scenes, in their order.
        left: Why a scene has to be done, by the names of those that have to.
        card: The model's card.
    """

    folder: Path
    tasks: tuple[Task, ...]
    left: dict[str, str]
    card: ModelCard

    @property
    def pixels_left(self) -> int:
        """Pixels of the scenes that have to be done."""
        return sum(task.pixels for task in self.tasks if task.name in self.left)


def plan_batch(
    scenes: Iterable[str | Path],
    folder: str | Path,
    *,
    recursive: bool = False,
    name_by: NameBy = "stem",
    probability: bool = False,
    mask: bool = False,
    spread: bool = False,
    overwrite: bool = False,
    **settings: Unpack[Settings],
) -> Batch:
    """Look which scenes there are and which of them have to be done; nothing is written.

    Args:
        scenes: Rasters, and folders that are searched for rasters.
        folder: Folder for the outputs; it is made if it isn't there, but not those above it.
        recursive: Search folders inside of folders as well.
        name_by: Name outputs by the scene's name (``stem``), or by the folders on the way to it as well (``path``).
        probability: Write each scene's probability as well.
        mask: Write each scene's mask as well.
        spread: Write each scene's spread between views as well; needs ``tta``.
        overwrite: Replace outputs that the batch didn't write, or that were changed since.
        settings: As for `landslide_cli.detect`; ``stac`` writes an item for each scene.

    Raises:
        LandslideError: nothing could be done: no scenes, two of one name, no such model, outputs in the way.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; name a folder for the outputs")
    if not folder.exists():
        refuse_unwritable(folder, overwrite=False)
    _, card = find_model(settings.get("model", DEFAULT_MODEL))
    refuse_lonely_spread(folder if spread else None, settings.get("tta") or card.tta)
    refuse_lonely_slope(settings.get("dem"), settings.get("min_slope", 0.0))
    found = find_scenes(scenes, recursive=recursive)
    rasters = dict(zip(RASTERS, (probability, mask, spread), strict=True))
    called = names(found, name_by)
    tasks = [make_task(scene, name, folder, card, settings, rasters) for scene, name in zip(found, called, strict=True)]
    ledger = Ledger(folder / LEDGER)
    left = {task.name: why for task in tasks if (why := task.left(ledger.read(task.name)))}
    if not overwrite:
        # What is claimed may be in its place already, but not yet in the ledger.
        foreign = [
            path
            for task in tasks
            if task.name in left and not ledger.claimed(task.name)
            for path in task.foreign(ledger.read(task.name))
        ]
        if not ledger.claimed(MERGED) and ledger.read(MERGED) is None:
            foreign += [path for path in (folder / f"{MERGED}.gpkg",) if path.exists()]
        _refuse_foreign(folder, foreign)
    return Batch(folder, tuple(tasks), left, card)


def _refuse_foreign(folder: Path, files: list[Path]) -> None:
    if files:
        more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
        raise OutputError(
            f"{folder} holds files that this batch didn't write, or that were changed since: "
            f"{', '.join(path.name for path in files[:NAMED])}{more}; take another folder, or allow replacing them "
            "with --overwrite"
        )


def plan_line(batch: Batch) -> str:
    """How much there is to do."""
    pixels = sum(task.pixels for task in batch.tasks)
    count, left = len(batch.tasks), len(batch.left)
    return (
        f"{count} scene{'s' * (count != 1)}, {pixels / 1e6:.1f} Mpx: {count - left} done, "
        f"{left} to do ({batch.pixels_left / 1e6:.1f} Mpx)"
    )
