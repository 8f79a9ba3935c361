"""A synthetic scene: computed terrain with forest, fields, a river, roads and landslide scars.

It shows how the tool is used where no imagery may be passed on. How well a model does is measured on
real imagery alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.random import Generator
from rasterio.features import shapes
from scipy import ndimage
from scipy.spatial import KDTree

from landslide_cli.files import FileSet
from landslide_cli.typing import Bools, Bytes, Float32

PIXEL_M = 0.8
CRS = "EPSG:32648"
ORIGIN = (500_000.0, 2_950_000.0)  # invented


def write_demo_scene(
    out: str | Path, truth: str | Path, *, size: int = 2048, seed: int = 7, overwrite: bool = False
) -> int:
    """Write a synthetic scene and the outlines of its scars; give the number of scars.

    Raises:
        OutputError: one of the files can't be written.
    """
    out, truth = Path(out), Path(truth)
    files = FileSet([out, truth], overwrite=overwrite, layers=["landslides"])
    image, scars = make_demo_scene(size, seed)
    transform = Affine.translation(*ORIGIN) @ Affine.scale(PIXEL_M, -PIXEL_M)
    outlines = [
        shapely.geometry.shape(shape) for shape, _ in shapes(scars.astype(np.uint8), mask=scars, transform=transform)
    ]
    frame = geopandas.GeoDataFrame({"source": ["synthetic"] * len(outlines)}, geometry=outlines, crs=CRS)
    profile = {
        "driver": "GTiff", "height": size, "width": size, "count": 3, "dtype": "uint8", "crs": CRS,
        "transform": transform, "photometric": "rgb", "tiled": True, "compress": "deflate", "predictor": 2,
    }  # fmt: skip
    with files.staged() as places:
        with rasterio.open(places[out], "w", **profile) as dst:
            dst.write(image.transpose(2, 0, 1))
            dst.update_tags(DESCRIPTION="synthetic scene, computed and not photographed", SEED=str(seed))
        frame.to_file(places[truth], layer="landslides", driver="GPKG", engine="pyogrio", VERSION="1.2")
    return len(outlines)


def make_demo_scene(size: int, seed: int) -> tuple[Bytes, Bools]:
    """Compute the scene: uint8 ``(size, size, 3)``, and where its scars are: bool ``(size, size)``."""
    rng = np.random.default_rng(seed)
    terrain = Terrain.random(rng, size)
    colour = _forest(rng, terrain)
    _lay(colour, *_fields(rng, terrain))
    _lay(colour, *_roads(rng, terrain))
    _lay(colour, *_river(rng, terrain))
    scars, bare = _scars(rng, terrain)
    _lay(colour, scars.astype(np.float32), bare)
    light = 0.35 + 0.65 * terrain.light
    grain = rng.normal(0, 0.012, colour.shape)
    image = ndimage.gaussian_filter(colour * light[..., None], (0.6, 0.6, 0)) + grain
    return (image.clip(0, 1) * 255 + 0.5).astype(np.uint8), scars > 0.5


@dataclass(frozen=True)
class Terrain:
    """Height in metres, slope (rise over run), downhill direction, sunlight (0 to 1), pixels to the river."""

    height: Float32
    slope: Float32
    downhill: tuple[Float32, Float32]
    light: Float32
    from_river: Float32

    @classmethod
    def random(cls, rng: Generator, size: int) -> Terrain:
        """Mountains of 500 m relief and a valley with a river."""
        height = 500 * _noise(rng, size, roughness=2.1)
        course = size * (0.2 + 0.6 * _noise(rng, size, roughness=2.4)[size // 2])
        course = ndimage.gaussian_filter1d(course, size / 80)
        above = np.arange(size)[:, None] < course
        shore = above ^ np.roll(above, 1, axis=0) | above ^ np.roll(above, 1, axis=1)
        shore[0], shore[:, 0] = False, False  # where rolling wraps round
        from_river = ndimage.distance_transform_edt(~shore).astype(np.float32)
        height *= 1 - 0.85 * np.exp(-((from_river / 220) ** 2))
        dy, dx = np.gradient(ndimage.gaussian_filter(height, 4), PIXEL_M)
        slope = np.hypot(dx, dy)
        # Lambert's law, with the sun in the north-west at 45 degrees.
        light = ((dx + dy) / np.sqrt(2) + 1) / np.sqrt(2) / np.sqrt(1 + slope**2)
        length = np.maximum(slope, 1e-6)
        return cls(height, slope, (-dy / length, -dx / length), light.clip(0.1, 1).astype(np.float32), from_river)

    @property
    def size(self) -> int:
        """Side in pixels."""
        return len(self.height)


def _noise(rng: Generator, size: int, *, roughness: float) -> Float32:
    """A random field between 0 and 1 whose amplitudes fall with frequency to the power ``roughness``."""
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    # A square larger than the scene would show the field's period; the lowest frequencies are damped instead.
    frequency = np.hypot(np.hypot(fy, fx), 1.5 / size)
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / frequency**roughness
    field = np.fft.irfft2(spectrum, s=(size, size))
    low, high = field.min(), field.max()
    return ((field - low) / (high - low)).astype(np.float32)


def _lay(colour: Float32, cover: Float32, paint: Float32) -> None:
    """Cover ``colour`` by ``paint`` where ``cover`` is 1, in part where it lies between 0 and 1."""
    colour += cover[..., None] * (paint - colour)


def _paint(rng: Generator, size: int, rgb: tuple[float, float, float], *, spread: float, roughness: float) -> Float32:
    """One colour, brighter and darker by a random field."""
    tone = 1 + spread * (2 * _noise(rng, size, roughness=roughness) - 1)
    return (tone[..., None] * np.array(rgb, dtype=np.float32)).astype(np.float32)


def _forest(rng: Generator, terrain: Terrain) -> Float32:
    """Crowns of a few pixels in stands of different green."""
    size = terrain.size
    crowns = np.zeros((size, size))
    for sigma, weight in ((1.2, 0.5), (2.5, 0.6), (5.0, 0.35)):
        crowns += weight * sigma * ndimage.gaussian_filter(rng.standard_normal((size, size)), sigma)
    stands = _noise(rng, size, roughness=1.4)[..., None]
    green = (1 - stands) * np.array([0.20, 0.31, 0.17]) + stands * np.array([0.36, 0.45, 0.24])
    return (green * (1 + 0.38 * crowns[..., None])).clip(0.03, 1).astype(np.float32)


def _fields(rng: Generator, terrain: Terrain) -> tuple[Float32, Float32]:
    """Parcels of crops and ploughed earth where the ground is gentle."""
    size = terrain.size
    gentle = ndimage.gaussian_filter(terrain.slope, 12)
    cover = gentle < np.quantile(gentle, 0.2)
    seeds = rng.uniform(0, size, (size * size // 9000, 2))
    _, parcel = KDTree(seeds).query(np.indices((size, size)).reshape(2, -1).T, workers=2)
    crops = np.array(
        [[0.50, 0.55, 0.30], [0.40, 0.50, 0.27], [0.58, 0.54, 0.38], [0.46, 0.40, 0.30], [0.35, 0.44, 0.24]]
    )
    paint = crops[rng.integers(len(crops), size=len(seeds))][parcel].reshape(size, size, 3)
    rows = 1 + 0.05 * np.sin(np.arange(size) / 1.3)[:, None, None]
    return ndimage.gaussian_filter(cover.astype(np.float32), 1), (paint * rows).astype(np.float32)


def _roads(rng: Generator, terrain: Terrain) -> tuple[Float32, Float32]:
    """Two roads that keep their height, as mountain roads do."""
    smooth = ndimage.gaussian_filter(terrain.height, 10)
    dy, dx = np.gradient(smooth)
    rise = np.maximum(np.hypot(dx, dy), 1e-3)
    cover = np.zeros_like(smooth)
    for level in np.quantile(smooth, rng.uniform((0.3, 0.6), (0.45, 0.75))):
        pixels_away = np.abs(smooth - level) / rise
        cover = np.maximum(cover, (4.0 - pixels_away).clip(0, 1))
    return cover, _paint(rng, terrain.size, (0.66, 0.64, 0.60), spread=0.06, roughness=1.0)


def _river(rng: Generator, terrain: Terrain) -> tuple[Float32, Float32]:
    """Water along the valley floor, between banks of gravel."""
    size = terrain.size
    bank = 9 + 5 * (2 * _noise(rng, size, roughness=1.5) - 1)
    wet = (bank - terrain.from_river).clip(0, 1)
    gravel = (bank + 4 + 14 * _noise(rng, size, roughness=1.2) - terrain.from_river).clip(0, 1)
    water = _paint(rng, size, (0.24, 0.34, 0.35), spread=0.08, roughness=1.5)
    stones = _paint(rng, size, (0.60, 0.59, 0.56), spread=0.15, roughness=0.6)
    paint = stones + wet[..., None] * (water - stones)
    return np.maximum(wet, gravel), paint.astype(np.float32)


def _scars(rng: Generator, terrain: Terrain) -> tuple[Float32, Float32]:
    """Scars that begin on steep ground and widen downhill; fresh soil, streaked along the way of the slide."""
    size = terrain.size
    cover = np.zeros((size, size), dtype=np.float32)
    steep = np.argwhere(terrain.slope > np.quantile(terrain.slope, 0.75))
    ragged = 2 * _noise(rng, size, roughness=1.2) - 1
    for row, col in steep[rng.choice(len(steep), size=max(3, round(40 * (size / 2048) ** 2)), replace=False)]:
        _slide(rng, terrain, cover, ragged, float(row), float(col))
    soil = _paint(rng, size, (0.66, 0.53, 0.40), spread=0.22, roughness=0.9)
    soil += 0.10 * (2 * _noise(rng, size, roughness=0.5) - 1)[..., None]
    return ndimage.gaussian_filter((cover > 0).astype(np.float32), 0.8), soil


def _slide(rng: Generator, terrain: Terrain, cover: Float32, ragged: Float32, row: float, col: float) -> None:
    size = terrain.size
    length, width = rng.lognormal(4.6, 0.5), rng.lognormal(2.7, 0.4)
    way = 0.0
    while way < length and 0 <= row < size and 0 <= col < size:
        part = way / length
        radius = width * (0.45 + 0.55 * np.sin(np.pi * min(1.0, 0.25 + 0.75 * part)))
        reach = int(radius * 1.6) + 2
        top, left = max(0, int(row) - reach), max(0, int(col) - reach)
        here = np.s_[top : int(row) + reach, left : int(col) + reach]
        y, x = np.indices(cover[here].shape)
        distance = np.hypot(y + top - row, x + left - col)
        cover[here] = np.maximum(cover[here], distance < radius * (1 + 0.9 * ragged[here]))
        step = max(1.0, radius / 4)
        place = int(row), int(col)
        row += step * float(terrain.downhill[0][place])
        col += step * float(terrain.downhill[1][place])
        way += step
