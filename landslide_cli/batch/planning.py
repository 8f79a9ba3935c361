"""What a batch has to do, decided before any scene is read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from landslide_cli.batch.finding import Found, find_scenes
from landslide_cli.batch.ledger import Ledger
from landslide_cli.batch.naming import MERGED, name_scenes
from landslide_cli.batch.ownership import Shard
from landslide_cli.batch.tasks import ALSO, Also, Task, Wish, make_task
from landslide_cli.detection.outputs import refuse_lonely_spread
from landslide_cli.engine import Engine
from landslide_cli.errors import OutputError, counted, refuse_unless
from landslide_cli.files import refuse_unwritable
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import find_model
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.scene.view import View

NAMED = 5  # files that a refusal names


@dataclass(frozen=True, slots=True)
class Batch:
    """The work that a batch has to do.

    Attributes:
        folder: Where the outputs go.
        scenes: All scenes, in their order.
        left: Why a scene has to be done, by the names of those that have to.
        card: The model's card.
        wish: What is asked of every scene alike.
        shard: The share of the scenes that is done.
    """

    folder: Path
    scenes: tuple[Task, ...]
    left: dict[str, str]
    card: ModelCard
    wish: Wish
    shard: Shard = Shard()

    @property
    def tasks(self) -> Sequence[Task]:
        """The scenes of this share."""
        return self.shard.take(self.scenes)

    @property
    def ledger(self) -> Ledger:
        """Where what becomes of the scenes is noted."""
        return Ledger.of(self.folder)

    def open_engine(self) -> Engine:
        """Load the model, for one scene after the other.

        Raises:
            LandslideError: it can't be loaded, or the device isn't there.
        """
        runtime = self.wish.runtime
        weights, card = find_model(runtime.model)
        return runtime.choose(weights, card).open()

    @property
    def pixels_left(self) -> int:
        """Pixels of the scenes that have to be done."""
        return sum(task.pixels for task in self.tasks if task.name in self.left)


def plan_batch(
    scenes: Iterable[str | Path] | Sequence[Found],
    folder: str | Path,
    *,
    view: View = View(),
    rules: PolygonRules = PolygonRules(),
    runtime: Runtime = Runtime(),
    also: Collection[Also] = (),
    overwrite: bool = False,
    shard: Shard = Shard(),
) -> Batch:
    """Look which scenes there are and which of them have to be done; nothing is written.

    Args:
        scenes: Rasters, and folders that are searched for rasters; or what `find_scenes` gave.
        folder: Folder for the outputs; it is made if it isn't there, but not those above it.
        view: What of each scene is seen.
        rules: What counts as a landslide, and how its polygon is drawn.
        runtime: What predicts, and how.
        also: What is written of each scene beside its inventory: ``probability``, ``mask``, ``spread``, ``stac``.
        overwrite: Replace outputs that the batch didn't write, or that were changed since.
        shard: The share of the scenes that is done.

    Raises:
        LandslideError: nothing could be done: no scenes, two of one name, no such model, outputs in the way.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; name a folder for the outputs")
    if not folder.exists():
        refuse_unwritable(folder, overwrite=False)
    refuse_unless(set(also) <= set(ALSO), "also", tuple(also), f"give some of {', '.join(ALSO)}")
    _, card = find_model(runtime.model)
    refuse_lonely_spread(folder if "spread" in also else None, runtime.tta or card.tta)
    rules.refuse_lonely_slope()
    given = list(scenes)
    found = [scene for scene in given if isinstance(scene, Found)]
    paths = [scene for scene in given if not isinstance(scene, Found)]
    refuse_unless(not (found and paths), "scenes", given, "give paths, or what find_scenes gave, and not both")
    found = found or find_scenes(paths)
    wish = Wish(view, rules.with_threshold(card.threshold), replace(runtime, tta=runtime.tta or card.tta))
    ledger = Ledger.of(folder)
    named = zip(name_scenes(found, ledger), found, strict=True)
    every = tuple(make_task(name, scene, folder, card, wish, also) for name, scene in named)
    tasks = shard.take(every)
    left = {task.name: why for task in tasks if (why := task.left(ledger.read(task.name)))}
    left |= {task.name: "can't be opened" for task in tasks if task.name in left and not task.pixels}
    if folder.exists():
        # Not at the end of a long batch.
        refuse_unwritable(folder / f"{MERGED}.gpkg", overwrite=True)
    if not overwrite:
        foreign = [path for task in tasks if task.name in left for path in task.foreign(ledger.read(task.name))]
        if shard.is_all and ledger.read(MERGED) is None:
            foreign += [path for path in (folder / f"{MERGED}.gpkg",) if path.exists()]
        _refuse_foreign(folder, foreign)
    return Batch(folder, every, left, card, wish, shard)


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
    share = "" if batch.shard.is_all else f" in shard {batch.shard}"
    return (
        f"{counted(count, 'scene')}{share}, {pixels / 1e6:.1f} Mpx: {count - left} done, "
        f"{left} to do ({batch.pixels_left / 1e6:.1f} Mpx)"
    )
