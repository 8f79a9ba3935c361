"""What the outputs of scenes are called."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from landslide_cli.batch.finding import Found, rasters_in
from landslide_cli.batch.ledger import Ledger
from landslide_cli.errors import OutputError, SceneError

MERGED = "landslides"


def name_scenes(scenes: Sequence[Found], ledger: Ledger) -> list[str]:
    """A name for each scene: its own, and before it as many folders as it takes to tell it from the others.

    A scene that the ledger knows keeps its name, whichever others have come or gone since.

    Raises:
        OutputError: two scenes can't be told apart by their folders.
    """
    names = [_names(scene) for scene in scenes]
    depths = [0] * len(scenes)
    recorded = ledger.names()
    kept: dict[str, int] = {}
    for number, scene in enumerate(scenes):
        for depth, name in enumerate(names[number]):
            record = ledger.read(name) if name in recorded and name.casefold() not in kept else None
            if record is not None and record.scene == scene.where:
                kept[name.casefold()] = number
                depths[number] = depth
                break
    while clash := _clash(names, depths):
        movable = [n for n in clash if n not in kept.values() and depths[n] + 1 < len(names[n])]
        if not movable:
            one, other = (scenes[number].path for number in clash[:2])
            raise OutputError(f"{one} and {other} would both write {names[clash[0]][0]}.gpkg; rename one")
        for number in movable:
            depths[number] += 1
    return [all_of_it[depth] for all_of_it, depth in zip(names, depths, strict=True)]


def counterpart(folder: Path, scene: Found) -> Path:
    """The raster of a folder that shows the same ground before: the one that is named as the scene, or its probability.

    Raises:
        SceneError: there is none, or more than one.
    """
    rasters = [Path(path) for path in rasters_in(folder)]
    for name in reversed(_names(scene)):  # with all its folders first
        there = [path for path in rasters if path.stem in (name, f"{name}_probability")]
        if len(there) > 1:
            raise SceneError(f"{' and '.join(map(str, there))} could both be what {scene.path} was before; remove one")
        if there:
            return there[0]
    stem = scene.called.stem
    raise SceneError(
        f"--before {folder} holds no {stem}.tif nor {stem}_probability.tif, so what was before {scene.path} isn't "
        "known; put it there, or give one raster of all the ground"
    )


def _names(scene: Found) -> list[str]:
    """Names that a scene may have, with one folder more in each; what isn't UTF-8 in them becomes a mark that is."""
    place = Path(os.fsencode(scene.called).decode("utf-8", "replace"))
    folders = [part for part in place.parent.parts if part != place.anchor and ":" not in part]
    return ["_".join([*folders[len(folders) - depth :], place.stem]) for depth in range(len(folders) + 1)]


def _clash(names: Sequence[Sequence[str]], depths: Sequence[int]) -> list[int]:
    """Scenes that would have one name, or one that of the merged inventory; empty if there are none."""
    numbers = defaultdict(list)
    for number, depth in enumerate(depths):
        # Names that differ in case are one on many a file system.
        numbers[names[number][depth].casefold()].append(number)
    return next((found for name, found in numbers.items() if len(found) > 1 or name == MERGED), [])
