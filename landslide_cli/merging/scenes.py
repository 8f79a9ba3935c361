"""The scenes of all parts: what they are called, and where they looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import geopandas
import numpy as np
import shapely

from landslide_cli.inventory.footprints import Footprints
from landslide_cli.merging.parts import Part
from landslide_cli.merging.placing import Placing
from landslide_cli.typing import Geometries

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
    _numbers: dict[tuple[int, str], int] = field(repr=False)

    def number(self, part: int, told: str) -> int:
        """The number of the scene that a part calls so; a new one for what was drawn in no scene."""
        if (part, told) not in self._numbers:
            self._numbers[part, told] = len(self.names)
            self.names.append(told)
        return self._numbers[part, told]

    def numbers(self, part: int) -> dict[str, int]:
        """The numbers of all scenes of a part, by what it calls them."""
        return {told: number for (which, told), number in self._numbers.items() if which == part}

    @property
    def silent(self) -> set[int]:
        """Scenes of which nothing tells where they looked."""
        return set(range(len(self.names))) - set(self.footprints.scenes.tolist())


def find_scenes(parts: Sequence[Part], placing: Placing) -> Scenes:
    """Find out which scenes there are.

    A scene that two merged inventories hold is one. Two scenes of one name are called after their inventories.
    """
    frames = [_looked(part, placing) for part in parts]
    names: list[str] = []
    numbers: dict[tuple[int, str], int] = {}
    for index, (part, frame) in enumerate(zip(parts, frames, strict=True)):
        for told in dict.fromkeys([*part.scenes, *frame["scene"]]):
            number = _known(told, index, frames, numbers)
            if number is None:
                number = len(names)
                names.append(_free(told, part.path, names))
            numbers[index, told] = number
    scenes = [
        np.array([numbers[index, told] for told in frame["scene"]], dtype=np.int64)
        for index, frame in enumerate(frames)
    ]
    outlines: Geometries = np.concatenate([frame.geometry.to_numpy() for frame in frames])
    everywhere = np.concatenate(scenes)
    # A scene that came twice looked once.
    first = {number: key[0] for key, number in reversed(numbers.items())}
    own = np.concatenate([np.full(len(frame), index) for index, frame in enumerate(frames)])
    once = np.array([first[int(number)] for number in everywhere], dtype=np.int64) == own
    for index, frame in enumerate(frames):
        kept = once[own == index]
        frames[index] = frame.assign(scene=[names[n] for n in scenes[index]])[kept].reset_index(drop=True)
    return Scenes(names, frames, Footprints(outlines[once], everywhere[once]), numbers)


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


def _known(
    told: str, part: int, frames: Sequence[geopandas.GeoDataFrame], numbers: dict[tuple[int, str], int]
) -> int | None:
    """The number of a scene that another part has too: of the same name, and where it looked the same."""
    here = _bounds(frames[part], told)
    for (other, name), number in numbers.items():
        if name == told and other != part and here is not None:
            there = _bounds(frames[other], told)
            if there is not None and np.allclose(here, there, rtol=0, atol=SAME * (here[2] - here[0])):
                return number
    return None


def _bounds(frame: geopandas.GeoDataFrame, told: str) -> np.ndarray | None:
    rows = frame.geometry.to_numpy()[(frame["scene"] == told).to_numpy()]
    return shapely.total_bounds(rows) if len(rows) else None


def _free(told: str, path: Path, names: list[str]) -> str:
    """The name itself, or that of the inventory where another scene has it already, with folders as long as needed."""
    ending = Path(told).suffix
    for candidate in (told, path.stem + ending, *(f"{folder.name}/{path.stem}{ending}" for folder in path.parents)):
        if candidate not in names:
            return candidate
    return f"{len(names) + 1}/{told}"
