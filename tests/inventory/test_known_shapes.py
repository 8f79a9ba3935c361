"""Known shapes from a raster to measured landslides, against other programs: PROJ's planes, Shapely and gdaldem.

``python -m tests.inventory.test_known_shapes`` writes the table of differences in docs/outputs.md anew.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner
from numpy.typing import NDArray
from rasterio.features import geometry_mask, shapes
from scipy import ndimage

from landslide_cli.cli import main
from landslide_cli.inventory.attributes import FIELDS

pytestmark = pytest.mark.skipif(shutil.which("gdaldem") is None, reason="gdaldem (gdal-bin) is not installed")


DOCS = Path(__file__).parents[2] / "docs" / "outputs.md"


MARKS = "<!-- known shapes -->\n", "<!-- end of known shapes -->\n"


GEOD = pyproj.Geod(ellps="WGS84")


SHAPE = 300, 560  # rows and columns of a scene


DRAWN = "smooth, from the shape"


FINE = 5  # times finer that shapes are painted, so that pixels know how much of them is covered


@dataclass(frozen=True)
class Place:
    """A grid of pixels of about two metres, and the longitude and latitude of its centre."""

    name: str
    crs: str
    longitude: float
    latitude: float
    pixel: Affine

    @property
    def transform(self) -> Affine:
        x, y = self.longitude, self.latitude
        if self.crs != "EPSG:4326":
            x, y = pyproj.Transformer.from_crs(4326, self.crs, always_xy=True).transform(x, y)
        rows, cols = SHAPE
        return Affine.translation(x, y) @ self.pixel @ Affine.translation(-cols / 2, -rows / 2)

    @property
    def plane(self) -> pyproj.CRS:
        """Metres east and north of the centre; distances and directions from it are true, areas nearly so."""
        return pyproj.CRS(f"+proj=aeqd +lat_0={self.latitude} +lon_0={self.longitude} +ellps=WGS84 +units=m")

    def local(self, x: Any, y: Any, *, onto: pyproj.CRS | None = None) -> tuple[Any, Any]:
        """From the CRS of the scene to the plane."""
        return pyproj.Transformer.from_crs(self.crs, onto or self.plane, always_xy=True).transform(x, y)


METRE = Affine.scale(2, -2)


PLACES = [
    Place("UTM, 45° N", "EPSG:32632", 9.6, 45, METRE),
    Place("UTM, 70° N", "EPSG:32635", 25, 70, METRE),
    Place("degrees, 70° N", "EPSG:4326", 25, 70, Affine.scale(5e-5, -1.8e-5)),
    Place("degrees, 180°", "EPSG:4326", 180, -17, Affine.scale(1.9e-5, -1.8e-5)),
    Place("UTM, 180°", "EPSG:32760", 180, -17, METRE),
    Place("Web Mercator, 60° N", "EPSG:3857", 10, 60, Affine.scale(4, -4)),
    Place("UTM, turned 10°", "EPSG:32632", 9.6, 45, Affine.rotation(10) @ METRE),
    Place("UTM, south-up", "EPSG:32632", 9.6, 45, Affine.scale(2, 2)),
]


def turned(polygon: Any, azimuth: float, east: float, north: float) -> Any:
    return shapely.affinity.translate(shapely.affinity.rotate(polygon, -azimuth, (0, 0)), east, north)


ARMS = shapely.union(shapely.box(-30, -110, 30, 110), shapely.box(-30, -110, 150, -50))


WHOLE = 3  # of the following lie wholly in the scene


# On the plane about the centre of a scene: metres east and north. The last one leaves it.
KNOWN = {
    "rectangle": turned(shapely.box(-40, -170, 40, 170), 35, -270, 0),
    "L": turned(ARMS, 10, -20, 0),
    "disc": shapely.Point(260, 20).buffer(90, 64),
    "cut disc": shapely.Point(430, -310).buffer(120, 64),
}


def covered(place: Place) -> NDArray[np.float32]:
    """Part of each pixel that lies in a shape."""
    rows, cols = (np.arange(n * FINE) + 0.5 for n in SHAPE)
    across, down = np.meshgrid(cols / FINE, rows / FINE)
    x, y = place.local(*(place.transform @ (across, down)))
    wanted = shapely.union_all(list(KNOWN.values()))
    shapely.prepare(wanted)
    inside = shapely.contains_xy(wanted, x, y)
    return inside.reshape(SHAPE[0], FINE, SHAPE[1], FINE).mean(axis=(1, 3)).astype(np.float32)


def write(path: Path, values: NDArray[Any], transform: Affine, crs: Any) -> Path:
    with rasterio.open(path, "w", driver="GTiff", count=1, height=values.shape[0], width=values.shape[1],
                       dtype=values.dtype, transform=transform, crs=crs) as dst:  # fmt: skip
        dst.write(values, 1)
    return path


@dataclass(frozen=True)
class Dem:
    """An elevation model on the plane, where gdaldem has all that it needs: square pixels, metres, north up."""

    path: Path
    heights: NDArray[np.float64]
    slope: NDArray[np.float64]
    aspect: NDArray[np.float64]

    GRID = Affine(5, 0, -700, 0, -5, 500)

    @classmethod
    def write(cls, path: Path, place: Place) -> Dem:
        shape = 200, 280
        field = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal(shape), 12)
        heights = (field / field.std() * 60 + np.arange(shape[0])[:, None] * 1.5 + 900).astype(np.float32)
        write(path, heights, cls.GRID, place.plane)
        return cls(path, heights.astype(np.float64), gdaldem("slope", path), gdaldem("aspect", path))


def gdaldem(mode: str, dem: Path) -> NDArray[np.float64]:
    out = dem.with_name(f"{mode}.tif")
    subprocess.run(["gdaldem", mode, dem, out, "-q"], check=True)
    with rasterio.open(out) as src:
        return src.read(1, masked=True).astype(np.float64).filled(np.nan)


def polygonized(folder: Path, place: Place, probability: Path, dem: Dem, *words: str) -> geopandas.GeoDataFrame:
    """What the command writes, in the order of ``KNOWN``."""
    out = folder / f"{'-'.join(words) or 'pixel'}.gpkg"
    command = ["polygonize", probability, "-o", out, "--threshold", "0.5", "--dem", dem.path, *words, "-q"]
    result = CliRunner().invoke(main, list(map(str, command)))
    assert result.exit_code == 0, result.output
    slides = geopandas.read_file(out, layer="landslides")
    assert len(slides) == len(KNOWN)
    centres = shapely.points(*place.local(*shapely.get_coordinates(slides.representative_point()).T))
    order = [int(np.flatnonzero(shapely.contains(shape, centres))[0]) for shape in KNOWN.values()]
    return slides.iloc[order].reset_index(drop=True)


def measured(pixels: Any, place: Place, dem: Dem) -> dict[str, Any]:
    """One polygon of the scene's CRS by other means than ours."""
    inner = shapely.transform(pixels, place.local, interleaved=False)
    longitude, latitude = pyproj.Transformer.from_crs(place.plane, 4326, always_xy=True).transform(*inner.centroid.xy)
    longitude, latitude = longitude[0], latitude[0]
    kinds = {kind: pyproj.CRS(f"+proj={kind} +lat_0={latitude} +lon_0={longitude} +ellps=WGS84") for kind in
             ("laea", "aeqd")}  # fmt: skip
    # A true area is that on an equal-area plane; a true direction, that from the middle of an azimuthal one.
    equal, true = (
        shapely.transform(pixels.segmentize(pixels.length / 400), lambda x, y, kind=kind: place.local(x, y, onto=kind),
                          interleaved=False)
        for kind in kinds.values()
    )  # fmt: skip
    degrees = [pyproj.Transformer.from_crs(place.crs, 4326, always_xy=True).transform(*ring.xy)
               for ring in (pixels.exterior, *pixels.interiors)]  # fmt: skip
    perimeter = sum(GEOD.line_length(*ring) for ring in degrees)
    length, width, azimuth = narrowest(true)
    inside = geometry_mask([inner], dem.heights.shape, dem.GRID, invert=True)
    heights, slope, aspect = dem.heights[inside], dem.slope[inside], np.radians(dem.aspect[inside])
    relief = np.ptp(heights)
    return {
        "area_m2": equal.area, "perimeter_m": perimeter, "length_m": length, "width_m": width, "azimuth_deg": azimuth,
        "elongation": length / width, "compactness": 4 * np.pi * equal.area / perimeter**2,
        "lon": longitude, "lat": latitude, "elev_min_m": heights.min(), "elev_max_m": heights.max(),
        "relief_m": relief, "slope_mean_deg": slope.mean(), "slope_max_deg": slope.max(),
        "aspect_deg": np.degrees(np.arctan2(np.sin(aspect).mean(), np.cos(aspect).mean())) % 360,
        "h_over_l": relief / length, "h_l_angle_deg": np.degrees(np.arctan(relief / length)),
    }  # fmt: skip


def narrowest(plane: Any) -> tuple[float, float, float]:
    """Length, width and azimuth of the rectangle of least area, by trying the direction of each edge of the hull."""
    corners = shapely.get_coordinates(shapely.convex_hull(plane))
    best = (np.inf, 0.0, 0.0, 0.0)
    for east, north in np.diff(corners, axis=0):
        azimuth = np.degrees(np.arctan2(east, north))
        along, across = np.ptp(shapely.get_coordinates(shapely.affinity.rotate(plane, azimuth, (0, 0))), axis=0)[::-1]
        long, short = max(along, across), min(along, across)
        best = min(best, (along * across, long, short, (azimuth + (0 if along >= across else 90)) % 180))
    return best[1:]


def nearest(slides: Any) -> NDArray[np.float64]:
    """Metres from each centroid to the nearest other one."""
    count = len(slides)
    metres = np.array([[GEOD.inv(a["lon"], a["lat"], b["lon"], b["lat"])[2] for b in slides] for a in slides])
    return (metres + np.diag(np.full(count, np.inf))).min(axis=1)


def turn(difference: float, whole: float) -> float:
    return abs((difference + whole / 2) % whole - whole / 2)


def difference(name: str, found: float, true: float, row: dict[str, Any]) -> float:
    """In metres for a place, in degrees for a direction, relative for anything else."""
    if name in ("lon", "lat"):
        metres = GEOD.inv(found, row["lat"], true, row["lat"])[2] if name == "lon" else abs(found - true) * 111_000
        return float(metres)
    if name == "azimuth_deg":
        return turn(found - true, 180)
    if name == "aspect_deg":
        return turn(found - true, 360)
    return float(abs(found - true) / true)


def compared(folder: Path, place: Place) -> tuple[dict[str, float], dict[str, float]]:
    """Largest difference of each attribute: of pixels to other programs, and of smooth outlines to the shapes."""
    part = covered(place)
    probability = write(folder / "prob.tif", part, place.transform, place.crs)
    dem = Dem.write(folder / "dem.tif", place)
    slides = polygonized(folder, place, probability, dem)
    assert slides["cut"].tolist() == [False, False, False, True]

    mask = (np.round(part * 254) >= 127).astype(np.uint8)  # stored probability has 254 steps
    outlines = [shapely.geometry.shape(it) for it, value in shapes(mask, transform=place.transform) if value]
    for slide in slides.geometry:
        assert min(slide.symmetric_difference(it).area for it in outlines) < 1e-9 * slide.area
    assert slides["pixels"].sum() == mask.sum()
    by_others = [measured(outline, place, dem) for outline in slides.geometry]
    for row, metres in zip(by_others, nearest(by_others), strict=True):
        row["nearest_m"] = metres

    smooth = polygonized(folder, place, probability, dem, "--boundary", "smooth")
    return largest(slides, by_others), largest(smooth[:WHOLE], [ideal(shape) for shape in KNOWN.values()][:WHOLE])


def ideal(shape: Any) -> dict[str, float]:
    length, width, azimuth = narrowest(shape)
    return {
        "area_m2": shape.area, "perimeter_m": shape.length, "length_m": length, "width_m": width,
        "azimuth_deg": azimuth, "elongation": length / width, "compactness": 4 * np.pi * shape.area / shape.length**2,
    }  # fmt: skip


def largest(slides: geopandas.GeoDataFrame, truth: list[dict[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for slide, row in zip(slides.drop(columns="geometry").to_dict("records"), truth, strict=True):
        for name in row:
            # A disc has no long axis.
            if name != "azimuth_deg" or row["elongation"] > 1.1:
                found[name] = max(found.get(name, 0), difference(name, slide[name], row[name], slide))
    return {name: found[name] for name in FIELDS if name in found}


# What is written is rounded; half a step of that is nearly all of these.
AS_OTHERS = {
    "area_m2": 3e-5,  # in degrees, the edge of the scene is a parallel here and a geodesic there
    "perimeter_m": 2e-5, "length_m": 1e-4, "width_m": 1.5e-4, "azimuth_deg": 0.055, "elongation": 6e-4,
    "compactness": 3e-4, "lon": 0.01, "lat": 0.01, "nearest_m": 1e-4, "elev_min_m": 1e-5, "elev_max_m": 1e-5,
    "relief_m": 1e-4, "slope_mean_deg": 4e-4, "slope_max_deg": 4e-4, "aspect_deg": 0.065, "h_over_l": 3e-4,
    "h_l_angle_deg": 4e-4,
}  # fmt: skip


# Half a pixel, that is a metre, at either end of a side of 80 m or more, and in the mean a twentieth of it for area.
AS_DRAWN = {
    "area_m2": 1e-3, "perimeter_m": 0.015, "length_m": 2 / 180, "width_m": 2 / 80, "azimuth_deg": 0.35,
    "elongation": 2 / 80 + 2 / 340, "compactness": 0.03,
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_attributes_are_what_others_measure(tmp_path: Path, place: Place) -> None:
    by_others, drawn = compared(tmp_path, place)
    assert by_others.keys() == AS_OTHERS.keys()
    assert {name: value for name, value in by_others.items() if value > AS_OTHERS[name]} == {}
    assert drawn.keys() == AS_DRAWN.keys()
    assert {name: value for name, value in drawn.items() if value > AS_DRAWN[name]} == {}


def test_the_table_in_the_docs_has_every_attribute_and_place() -> None:
    text = DOCS.read_text().partition(MARKS[0])[2].partition(MARKS[1])[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert rows[0][1:] == [*(place.name for place in PLACES), DRAWN]
    assert [row[0] for row in rows[2:]] == [f"`{name}`" for name in AS_OTHERS]


def table() -> str:
    """Largest differences by attribute and place, and from the shapes themselves in any place."""
    columns, drawn = [], dict.fromkeys(AS_DRAWN, 0.0)
    for place in PLACES:
        with tempfile.TemporaryDirectory() as folder:
            by_others, here = compared(Path(folder), place)
        columns.append(by_others)
        drawn = {name: max(drawn[name], here[name]) for name in drawn}
    columns.append(drawn)
    lines = [["", *(place.name for place in PLACES), DRAWN], ["---"] * (len(columns) + 1)]
    lines += [[f"`{name}`", *(shown(name, column.get(name)) for column in columns)] for name in AS_OTHERS]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def shown(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name in ("lon", "lat"):
        return f"{value * 1000:.0f} mm"
    return f"{value:.2f}°" if name in ("azimuth_deg", "aspect_deg") else f"{100 * value:.2g} %"


if __name__ == "__main__":
    before, _, rest = DOCS.read_text().partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    DOCS.write_text(before + MARKS[0] + table() + MARKS[1] + after)
