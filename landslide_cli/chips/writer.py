"""Chips as files: images and masks with their place on the map, and their groups."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

from landslide_cli.chips.decode import LANDSLIDE, UNKNOWN, stretched
from landslide_cli.chips.labels import Labels
from landslide_cli.scene.scene import Scene
from landslide_cli.typing import Bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chip is cut: its window and the block that becomes its group."""

    window: Window
    group: str


class ChipWriter:
    """Writes chips with their masks into a new folder and notes their groups.

    Args:
        scene: Where the chips come from.
        labels: Its landslides.
        folder: Folder to make.
        scale: Raw values that become 0 and 255; None for 8-bit scenes.

    Attributes:
        landslide: Chips with landslide.
        invalid: Windows left out because a pixel is invalid.
        pixels: Pixels of all chips.
        unknown: Those of them of which nobody knows what they are.
    """

    def __init__(self, scene: Scene, labels: Labels, folder: Path, scale: tuple[float, float] | None) -> None:
        self.scene = scene
        self.labels = labels
        self.folder = folder
        self.scale = scale
        self.stem = Path(scene.name).stem
        self.groups: dict[str, str] = {}
        self.landslide = self.invalid = self.pixels = self.unknown = 0
        for name in ("image", "mask"):
            (folder / name).mkdir(parents=True)

    @property
    def written(self) -> int:
        """Chips so far."""
        return len(self.groups)

    def write(self, place: Place, *, landslide: bool | None = None, known: float = 0) -> None:
        """Write one chip, unless it is there already or a pixel is invalid.

        Args:
            place: Where.
            landslide: Whether it must show landslide; None takes both.
            known: More than this part of it must be known.
        """
        top, left = int(place.window.row_off), int(place.window.col_off)
        name = f"{self.stem}_{top:06d}_{left:06d}"
        truth = self.labels.truth(place.window)
        told, slides = truth != UNKNOWN, bool((truth == LANDSLIDE).any())
        misfit = landslide is not None and slides != landslide
        if misfit or told.mean() <= known or name in self.groups:
            return
        image, valid = self.scene.read(place.window)
        if not valid.all():
            self.invalid += 1
            return
        pixels = image.astype(np.uint8) if self.scale is None else stretched(image, self.scale)
        transform = self.scene.transform @ Affine.translation(left, top)
        self._save("image", name, pixels, transform, photometric="rgb", predictor=2)
        self._save("mask", name, truth[None], transform, nodata=UNKNOWN)
        self.pixels += truth.size
        self.unknown += int(truth.size - told.sum())
        self.groups[name] = f"{self.stem}_{place.group}"
        self.landslide += slides

    def _save(self, kind: str, name: str, array: Bytes, transform: Affine, **profile: Any) -> None:
        count, height, width = array.shape
        with rasterio.open(
            self.folder / kind / f"{name}.tif", "w", driver="GTiff", count=count, height=height, width=width,
            dtype="uint8", crs=self.scene.crs, transform=transform, compress="deflate", **profile,
        ) as dst:  # fmt: skip
            dst.write(array)
            if self.scale and kind == "image":
                dst.update_tags(LANDSLIDE_SCALE=f"{self.scale[0]:g},{self.scale[1]:g}")

    def close(self) -> None:
        """Write ``groups.csv``."""
        with (self.folder / "groups.csv").open("w", newline="") as lines:
            table = csv.writer(lines)
            table.writerow(("stem", "group"))
            table.writerows(sorted(self.groups.items()))
