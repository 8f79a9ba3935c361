"""Landslide polygons over a scene, in its pixel coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.windows import Window

from landslide_cli.errors import TrainingDataError
from landslide_cli.scene.scene import Scene
from landslide_cli.scene.vectors import UnreadableError, read_polygons, reprojected
from landslide_cli.typing import Bools, Bytes, Indices


@dataclass(frozen=True)
class Labels:
    """Polygons in the scene's CRS, with the scene's transform.

    Attributes:
        polygons: Those that meet the scene.
        transform: Pixel to map, of the scene.
        tree: Finds the polygons of a window.
    """

    polygons: NDArray[Any]
    transform: Affine
    tree: shapely.STRtree

    @classmethod
    def read(cls, path: Path, scene: Scene, layer: str | None = None) -> Labels:
        """Read polygons of any CRS and bring them to the scene's.

        Args:
            path: Any vector file; without a CRS its coordinates are taken as the scene's.
            scene: The scene they belong to.
            layer: Layer to read; else ``landslides`` if there is one, else all.

        Raises:
            TrainingDataError: the file can't be read, or none of its polygons meets the scene.
            MissingExtraError: it is GeoParquet and pyarrow is missing.
        """
        try:
            frame = read_polygons(path, layer, columns=[])
            shapes = reprojected(frame, scene.crs).geometry.to_numpy()
        except UnreadableError as error:
            raise TrainingDataError(
                f"{path} can't be read as polygons: {error}; give a GeoPackage, shapefile, GeoJSON or GeoParquet"
            ) from error
        whole = _outline(scene.transform, Window(0, 0, scene.width, scene.height))
        met = np.array([shape for shape in shapes if shape.intersects(whole)], dtype=object)
        if not len(met):
            raise TrainingDataError(
                f"no polygon of {path} ({len(shapes)} in all) meets {scene.name}; check their coordinates "
                f"and CRS ({frame.crs or 'none'}; the scene's is {scene.crs or 'none'})"
            )
        return cls(met, scene.transform, shapely.STRtree(met))

    def touch(self, window: Window) -> bool:
        """Whether any polygon meets a window, be it only at its edge."""
        return bool(len(self._within(window)))

    def mask(self, window: Window) -> Bools:
        """True where a pixel's centre lies in a polygon; shape of the window."""
        shape = (int(window.height), int(window.width))
        found = self._within(window)
        if not len(found):
            return np.zeros(shape, dtype=bool)
        transform = self.transform @ Affine.translation(window.col_off, window.row_off)
        burnt: Bytes = rasterize(self.polygons[found], out_shape=shape, transform=transform, dtype="uint8")
        return burnt > 0

    def centres(self) -> list[tuple[float, float, float, float]]:
        """For each polygon ``(row, col, height, width)`` of its bounds in pixels, row and col of their centre."""
        inverse = ~self.transform
        pixels = shapely.transform(self.polygons, lambda x, y: inverse @ (x, y), interleaved=False)
        left, top, right, bottom = shapely.bounds(pixels).T
        return list(zip((top + bottom) / 2, (left + right) / 2, bottom - top, right - left, strict=True))

    def _within(self, window: Window) -> Indices:
        return self.tree.query(_outline(self.transform, window), predicate="intersects")


def _outline(transform: Affine, window: Window) -> Any:
    """A window's outline on the map; rotated scenes have rotated windows."""
    left, top = window.col_off, window.row_off
    right, bottom = left + window.width, top + window.height
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return shapely.Polygon([transform @ corner for corner in corners])
