"""The scenes of all parts: what they are called, and where they looked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import geopandas
import numpy as np
import shapely

from landslide_cli.inventory.footprints import Footprints
from landslide_cli.merging.parts import Part
from landslide_cli.merging.placing import Placing
from landslide_cli.typing import Float64, Geometries

# Outlines of one scene that went through two files differ by less, as a part of its width.
SAME = 1e-6


@dataclass
class Scenes:
    """The scenes of all parts, numbered.

    Attributes:
        names: What the merged inventory calls each.
        frames: Rows of where scenes looked, part by part, in the coordinate system of the merged inventory.
        footprints: The same for questions.
    """

    names: list[str]
    frames: list[geopandas.GeoDataFrame]
    footprints: Footprints
    _numbers: list[dict[str, int]] = field(repr=False)

    def number(self, part: int, told: str) -> int:
        """The number of the scene that a part calls so; a new one for what was drawn in no scene."""
        numbers = self._numbers[part]
        if told not in numbers:
            numbers[told] = len(self.names)
            self.names.append(told)
        return numbers[told]

    def numbers(self, part: int) -> dict[str, int]:
        """The numbers of all scenes of a part, by what it calls them."""
        return self._numbers[part]

    @property
    def silent(self) -> set[int]:
        """Scenes of which nothing tells where they looked."""
        return set(range(len(self.names))) - set(self.footprints.scenes.tolist())


def find_scenes(parts: Sequence[Part], placing: Placing) -> Scenes:
    """Find out which scenes there are.

    A scene that two merged inventories hold is one. Two scenes of one name are called after their inventories.
    """
    frames = [_looked(part, placing) for part in parts]
    names: dict[str, None] = {}
    numbers: list[dict[str, int]] = []
    # Scenes of a name that were met: their numbers, the first part of each, and where they looked.
    met: dict[str, list[tuple[int, Float64 | None]]] = {}
    first: list[int] = []
    for index, (part, frame) in enumerate(zip(parts, frames, strict=True)):
        numbers.append({})
        before = {told: list(met.get(told, ())) for told in part.scenes}
        for told in dict.fromkeys([*part.scenes, *frame["scene"]]):
            where = _bounds(frame, told)
            number = _known(where, before.get(told, []))
            if number is None:
                number = len(first)
                first.append(index)
                names[_free(told, part.path, names)] = None
                met.setdefault(told, []).append((number, where))
            numbers[index][told] = number
    called = list(names)
    scenes = [
        np.array([numbers[index][told] for told in frame["scene"]], dtype=np.int64)
        for index, frame in enumerate(frames)
    ]
    outlines: Geometries = np.concatenate([frame.geometry.to_numpy() for frame in frames])
    everywhere = np.concatenate(scenes)
    # A scene that came twice looked once.
    own = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames])
    once = np.array(first, dtype=np.int64)[everywhere] == own
    for index, frame in enumerate(frames):
        kept = once[own == index]
        frames[index] = frame.assign(scene=[called[n] for n in scenes[index]])[kept].reset_index(drop=True)
    return Scenes(called, frames, Footprints(outlines[once], everywhere[once]), numbers)


def _looked(part: Part, placing: Placing) -> geopandas.GeoDataFrame:
    """Where the scenes of a part looked, by what it calls them."""
    layer = part.looked
    if layer is None:
        return geopandas.GeoDataFrame({"scene": np.empty(0, dtype=object)}, geometry=[], crs=placing.target)
    pieces = []
    for frame in part.read(layer):
        geometry = placing(frame.geometry.to_numpy(), part.crs, outlines=True)
        table = frame.drop(columns="geometry").assign(scene=part.scene_of(frame))
        pieces.append(geopandas.GeoDataFrame(table, geometry=geometry, crs=placing.target))
    return pieces[0] if len(pieces) == 1 else geopandas.pd.concat(pieces, ignore_index=True)


def _known(here: Float64 | None, met: Iterable[tuple[int, Float64 | None]]) -> int | None:
    """The number of a scene of the same name that looked at the same place; None if there is none."""
    if here is None:
        return None
    room = SAME * (here[2] - here[0])
    same = (number for number, there in met if there is not None and np.allclose(here, there, rtol=0, atol=room))
    return next(same, None)


def _bounds(frame: geopandas.GeoDataFrame, told: str) -> Float64 | None:
    rows = frame.geometry.to_numpy()[(frame["scene"] == told).to_numpy(dtype=bool)]
    return np.asarray(shapely.total_bounds(rows)) if len(rows) else None


def _free(told: str, path: Path, names: Collection[str]) -> str:
    """The name itself, or that of the inventory where another scene has it already, with folders as long as needed."""
    ending = Path(told).suffix
    for candidate in (told, path.stem + ending, *(f"{folder.name}/{path.stem}{ending}" for folder in path.parents)):
        if candidate not in names:
            return candidate
    return f"{len(names) + 1}/{told}"
