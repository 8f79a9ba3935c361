"""Opening and reading a scene: bands, validity, radiometry, ground resolution."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from landslide_cli.errors import NoCRSWarning, SceneError, UndeclaredNodataWarning, without_secrets
from landslide_cli.scene.bands import choose_bands
from landslide_cli.scene.ground import Ground
from landslide_cli.scene.opening import opened
from landslide_cli.scene.placing import ground_of
from landslide_cli.scene.remote import reason_of, remedy
from landslide_cli.scene.validity import Nodata, Probe, Undeclared, ValidData, holding, undeclared
from landslide_cli.typing import Bools, Pixels

Raster: TypeAlias = "str | PathLike[str] | DatasetReader"
PERCENTILES = (1.0, 99.0)
PROBES = 16  # windows along each side when the stretch is measured
PROBE_SIZE = 64


@dataclass(frozen=True)
class Scene:
    """An open scene and what is known of it without reading all of its pixels.

    Attributes:
        src: The open dataset.
        bands: Numbers of the bands that are read, counted from 1, in the model's order.
        ground: Where its pixels lie, and how large they are at its centre.
        data: What the file tells of its pixels without data.
    """

    src: DatasetReader
    bands: tuple[int, ...]
    ground: Ground
    data: ValidData

    @property
    def name(self) -> str:
        """File name without its folder."""
        return Path(name_of(self.src)).name

    @property
    def height(self) -> int:
        """Rows of the scene."""
        return int(self.src.height)

    @property
    def width(self) -> int:
        """Columns of the scene."""
        return int(self.src.width)

    @property
    def transform(self) -> Affine:
        """Pixel to map."""
        return self.ground.transform

    @property
    def crs(self) -> CRS | None:
        """Coordinate reference system, if the file has one."""
        return self.ground.crs

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Number type that all the bands fit in."""
        return np.result_type(*(self.src.dtypes[band - 1] for band in self.bands))

    @property
    def resolution_m(self) -> float | None:
        """Metres per pixel at the centre: the geometric mean of both directions."""
        return self.ground.resolution_m

    def read(self, window: Window) -> tuple[Pixels, Bools]:
        """Read a window that lies inside the scene.

        Returns:
            ``(image, valid)``: ``image`` in the file's own numbers, shape ``(bands, height, width)``;
            ``valid`` is bool, shape ``(height, width)``. A pixel is invalid where an alpha band or the
            mask says so, where every band holds nodata, or where any band is not a finite number.

        Raises:
            SceneError: the file can't be read there, as a truncated one can't.
        """
        try:
            image = self.src.read(self.bands, window=window, out_dtype=self.dtype)
            valid = self.data.of(image, window)
        except RasterioIOError as error:
            raise SceneError(
                f"{self.src.name} can't be read at row {int(window.row_off)}, column {int(window.col_off)}: "
                f"{reason_of(error, self.src.name)}"
            ) from error
        if image.dtype.kind == "f":
            finite = np.isfinite(image).all(axis=0)
            if not finite.all():
                image[:, ~finite] = 0
                valid &= finite
        return image, valid

    def stretch(self) -> tuple[float, float]:
        """Raw values that map to the model's range, for scenes that aren't uint8.

        The 1st and 99th percentile of the valid pixels in small windows spread evenly over the scene:
        one pair for the whole scene and all bands, so that neither place nor colour shifts. A value that looks as if it
        stood for no data doesn't stretch anything, even if the file doesn't declare it.

        Raises:
            SceneError: none of the windows holds a valid pixel.
        """
        samples = []
        found = self.undeclared_nodata
        for window in self._probes():
            image, valid = self.read(window)
            if found:
                valid &= ~holding(image, found.values)
            samples.append(image[:, valid].ravel())
        values: NDArray[Any] = np.concatenate(samples)
        if values.size == 0:
            raise SceneError(f"{self.src.name}: no valid pixel was found to stretch by; give --scale LO,HI")
        low, high = (float(v) for v in np.percentile(values, PERCENTILES))
        # Next to a very large number, 1 is nothing.
        return (low, high) if high > low else (low, low + 1 if low + 1 > low else low + abs(low))

    def valid_share(self, within: Window | None = None) -> float:
        """Part of the pixels that are valid, in small windows spread evenly over one window, or the scene."""
        probed = [valid for _, valid in map(self.read, self._probes(within))]
        return sum(int(valid.sum()) for valid in probed) / sum(valid.size for valid in probed)

    @cached_property
    def undeclared_nodata(self) -> Undeclared | None:
        """A value that looks as if it stood for no data, by the windows that `stretch` looks at."""
        return self.undeclared_nodata_in(None)

    def undeclared_nodata_in(self, within: Window | None) -> Undeclared | None:
        """The same by windows spread evenly over one window, or the scene. None where ``--nodata`` has answered."""
        if self.data.nodata is not None:
            return None
        probes = []
        for window in self._probes(within):
            image, valid = self.read(window)
            rows, cols = (np.arange(start, start + length) for start, length in _extent(window))
            edge = np.isin(rows, (0, self.height - 1))[:, None] | np.isin(cols, (0, self.width - 1))
            probes.append(Probe(image, valid, edge))
        return undeclared(probes)

    def _probes(self, within: Window | None = None) -> Iterator[Window]:
        (top, height), (left, width) = _extent(within or Window(0, 0, self.width, self.height))
        for down in _spread(height):
            for along in _spread(width):
                size = min(PROBE_SIZE, width - along), min(PROBE_SIZE, height - down)
                yield Window(left + along, top + down, *size)


def _extent(window: Window) -> tuple[tuple[int, int], tuple[int, int]]:
    """First row and number of rows, then the same of columns."""
    return (int(window.row_off), int(window.height)), (int(window.col_off), int(window.width))


def _spread(length: int) -> list[int]:
    """Where windows begin: side by side in a small scene, so that none counts twice, else spread evenly."""
    if length <= PROBES * PROBE_SIZE:
        return list(range(0, length, PROBE_SIZE))
    return [round(v) for v in np.linspace(0, length - PROBE_SIZE, PROBES)]


@contextmanager
def open_scene(
    raster: Raster,
    *,
    wanted: Sequence[str],
    bands: Sequence[int] | None = None,
    nodata: Nodata = None,
    allow_remote: bool = False,
) -> Iterator[Scene]:
    """Open a scene for a model.

    Args:
        raster: Any raster that GDAL reads, or a dataset that rasterio has opened, which stays open.
        wanted: Names of the bands that the model needs, in order.
        bands: Numbers of the bands to use, counted from 1; else their names choose, else the file's colour
            interpretation, else the first ones are taken.
        nodata: Value that stands for no data, see `landslide_cli.scene.view.View`.
        allow_remote: Let a local file, such as a VRT, read from other machines.

    Raises:
        SceneError: it isn't a raster, lacks the bands, is complex, or has only control points.
    """
    with _opened(raster, allow_remote=allow_remote) as src:
        _refuse_unrectified(src)
        chosen = choose_bands(src, wanted, bands)
        _refuse_complex(src, chosen)
        if src.crs is None:
            warn_without_crs(src.name)
        yield Scene(src, chosen, ground_of(src), ValidData(src, chosen, nodata))


def warn_of_undeclared_nodata(scene: Scene, within: Window | None = None) -> None:
    """Warn of a value that looks as if it stood for no data, and ask whether it does.

    Where a window alone is analysed, only that is looked at, unless the whole scene is for its stretch.
    """
    found = scene.undeclared_nodata_in(within) if scene.dtype == np.uint8 else scene.undeclared_nodata
    if found is None:
        return
    if found.value is None:
        value = " ".join(f"{value:.9g}" for value in found.values)
        remedy = f'say so in the file if it holds no data (gdalwarp -srcnodata "{value}" -dstalpha)'
    else:
        value = f"{found.value:.9g}"
        remedy = f"give --nodata {value} if it holds no data"
    share = f"{found.share:.0%}" if found.share >= 0.01 else "less than 1%"
    warnings.warn(
        f"{scene.name}: {share} of the scene holds the one value {value} {found.where}; the file doesn't declare it "
        f"as nodata, so it is taken for ground: {remedy}, --nodata none if it is ground",
        UndeclaredNodataWarning,
        stacklevel=3,
    )


@contextmanager
def _opened(raster: Raster, *, allow_remote: bool) -> Iterator[DatasetReader]:
    if not isinstance(raster, str | PathLike):
        if raster.closed:
            raise SceneError(f"{raster.name} is closed; give an open dataset, or its name")
        yield raster
        return
    with ExitStack() as stack:
        try:
            src = stack.enter_context(opened(raster, remote=allow_remote))
        except (RasterioError, ValueError) as error:
            # ValueErrors are of names that aren't UTF-8, in the path or inside, and of a CRS that can't be parsed.
            reason = " ".join(str(error).split()).encode(errors="backslashreplace").decode()
            name = str(raster).encode(errors="backslashreplace").decode()
            do = remedy(name, reason, "give a GeoTIFF or another GDAL raster")
            raise SceneError(f"{name} can't be opened as a raster: {reason}; {do}") from error
        yield src


def warn_without_crs(name: str) -> None:
    """Warn that polygons of a raster can't be measured."""
    warnings.warn(
        f"{name} has no coordinate reference system: polygons come in its own coordinates, "
        "areas and lengths stay empty and nothing is filtered by metres; assign one with gdal_edit.py -a_srs",
        NoCRSWarning,
        stacklevel=4,
    )


def name_of(raster: Raster) -> str:
    """The name of a raster: its path, or that of an open dataset, without signatures and passwords."""
    return without_secrets(str(raster) if isinstance(raster, str | PathLike) else str(raster.name))


def _refuse_complex(src: DatasetReader, bands: Sequence[int]) -> None:
    kinds = {src.dtypes[band - 1] for band in bands}
    odd = {kind for kind in kinds if "complex" in kind or "cint" in kind.lower()}
    if odd:
        raise SceneError(
            f"{src.name} holds complex numbers ({', '.join(sorted(odd))}), such as unprocessed radar; "
            "give an optical image"
        )


def _refuse_unrectified(src: DatasetReader) -> None:
    if not src.transform.is_identity:
        return
    points, _ = src.gcps
    how = "-tps" if points else "-rpc" if src.rpcs else None
    if how:
        kind = "ground control points" if points else "rational polynomial coefficients"
        raise SceneError(
            f"{src.name} is placed by {kind} alone and has no pixel grid on the map; "
            f"rectify it first: gdalwarp {how} {src.name} rectified.tif"
        )
