"""The whole run with stand-ins for the network: what comes out must be known beforehand."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import shapes

from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import Summary, run
from landslide_cli.errors import NoCRSWarning, SceneError
from landslide_cli.inventory import slope
from landslide_cli.inventory.attributes import FIELDS, SHORT_NAMES
from landslide_cli.inventory.rules import Shaping
from landslide_cli.model.card import ModelCard
from landslide_cli.mosaic.encoding import STEPS
from landslide_cli.prediction.plan import make_plan
from landslide_cli.prediction.predictor import read_batches
from landslide_cli.scene.area import read_area
from landslide_cli.scene.scene import open_scene
from tests.conftest import TRANSFORM, UTM, StandIn, constant, first_band, noise

MakeScene = Callable[..., Path]


def go(
    path: Path, card: ModelCard, engine: StandIn, *, aoi: Path | None = None,
    bbox: tuple[float, float, float, float] | None = None, ending: str = ".gpkg", **settings: Any,
) -> tuple[Summary, geopandas.GeoDataFrame, NDArray[np.uint8], NDArray[np.uint8]]:  # fmt: skip
    """Run and read everything back: summary, landslides, probability, mask."""
    outputs = Outputs(path.with_suffix(ending), path.with_name("prob.tif"), path.with_name("mask.tif"))
    with open_scene(path, wanted=card.bands) as scene:
        area = read_area(
            aoi=aoi, bbox=bbox, transform=scene.transform, crs=scene.crs, height=scene.height, width=scene.width
        )
        summary = run(make_plan(scene, card, area=area, **settings), engine, outputs)
    rasters = []
    for raster in (outputs.probability, outputs.mask):
        assert raster is not None
        with rasterio.open(raster) as src, rasterio.open(path) as scene_src:
            assert (src.shape, src.transform, src.crs) == (scene_src.shape, scene_src.transform, scene_src.crs)
            rasters.append(src.read(1))
    options = {"layer": "landslides"} if ending == ".gpkg" else {}
    return summary, geopandas.read_file(outputs.inventory, **options), rasters[0], rasters[1]


def blobs(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth random first band with values below and above the threshold."""
    from scipy import ndimage

    field = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((height, width)), 6)
    band = ((field - field.min()) / (field.max() - field.min()) * 254).astype(np.uint8)
    return np.stack([band, noise(height, width), noise(height, width)])


@pytest.mark.parametrize("shape", [(1, 1), (31, 700), (512, 512), (513, 1025)])
@pytest.mark.parametrize("value", [0.3, 1.0])
def test_a_constant_comes_back_at_every_pixel(
    make_scene: MakeScene, card: ModelCard, shape: tuple[int, int], value: float
) -> None:
    _, _, probability, mask = go(make_scene(noise(3, *shape)), card, constant(value))
    assert (probability == round(value * STEPS)).all()
    assert (mask == (value >= 0.5)).all()


@pytest.mark.parametrize("shape", [(1, 1), (31, 700), (513, 1025), (300, 300)])
@pytest.mark.parametrize("overlap", [0, 128, 256])
def test_a_network_that_gives_its_input_gives_the_scene_back(
    make_scene: MakeScene, card: ModelCard, shape: tuple[int, int], overlap: int
) -> None:
    pixels = noise(3, *shape)
    _, _, probability, _ = go(make_scene(pixels), card, first_band(), overlap=overlap)
    assert (probability == pixels[0]).all()


def test_polygons_are_those_of_the_mask(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = blobs(700, 900)
    summary, slides, _, mask = go(make_scene(pixels), card, first_band())
    assert (mask == (pixels[0] >= 127)).all()
    expected = [shapely.geometry.shape(s) for s, _ in shapes(mask, mask=mask == 1, transform=TRANSFORM)]
    found = shapely.normalize(slides.geometry.to_numpy())
    assert sorted(shapely.to_wkb(found)) == sorted(shapely.to_wkb(shapely.normalize(np.array(expected, dtype=object))))
    assert summary.landslides == len(slides) > 20
    assert slides["id"].tolist() == list(range(1, len(slides) + 1))


def test_attributes_are_those_of_the_pixels(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = np.zeros((3, 200, 200), np.uint8)
    pixels[0, 50:60, 70:90] = 200
    pixels[0, 55, 75] = 254
    pixels[0, 190:, 0:10] = 130
    _, slides, _, _ = go(make_scene(pixels), card, first_band())
    inner, corner = slides.itertuples()
    # UTM's central meridian shrinks lengths by 0.9996, so the ground is a little larger than the map.
    assert inner.area_m2 == pytest.approx(200 * 0.64 / 0.9996**2, rel=1e-4)
    assert inner.perimeter_m == pytest.approx(60 * 0.8 / 0.9996, rel=1e-4)
    assert inner.prob_mean == pytest.approx((199 * 200 + 254) / 200 / 254, abs=1e-4)
    values = [200] * 199 + [254]
    assert (inner.pixels, inner.prob_median, inner.high_share) == (200, round(200 / 254, 4), 1 / 200)
    assert inner.prob_p90 == pytest.approx(np.percentile(values, 90) / 254, abs=1e-4)
    assert (inner.length_m, inner.width_m) == pytest.approx((20 * 0.8 / 0.9996, 10 * 0.8 / 0.9996), abs=0.01)
    # UTM's grid north is true north on the central meridian alone, and this is beside it.
    assert (inner.azimuth_deg, inner.elongation) == (90.0, 2.0)
    assert inner.compactness == pytest.approx(4 * np.pi * 200 / 60**2, abs=1e-4)
    there = pyproj.Transformer.from_crs("EPSG:32648", 4326, always_xy=True).transform(*(TRANSFORM @ (80, 55)))
    assert (inner.lon, inner.lat) == pytest.approx(there, abs=1e-7)
    metres = pyproj.Geod(ellps="WGS84").inv(inner.lon, inner.lat, corner.lon, corner.lat)[2]
    assert inner.nearest_m == corner.nearest_m == pytest.approx(metres, abs=0.01)
    assert (inner.prob_max, inner.cut, inner.scene, inner.model) == (1.0, False, "scene.tif", "stand-in")
    assert (corner.prob_max, corner.cut) == (pytest.approx(130 / 254, abs=1e-4), True)


@pytest.mark.parametrize("connectivity", [4, 8])
def test_outlines_of_holes_count(connectivity: int, make_scene: MakeScene, card: ModelCard) -> None:
    pixels = np.zeros((3, 200, 200), np.uint8)
    pixels[0, 50:60, 70:90] = 200
    pixels[0, 52:54, 72:76] = 0
    pixels[0, 60:64, 90:94] = 200  # touches at a corner
    _, slides, _, _ = go(make_scene(pixels), card, first_band(), connectivity=connectivity)
    metre = 0.8 / 0.9996
    assert slides["area_m2"].sum() == pytest.approx((200 - 8 + 16) * metre**2, rel=1e-4)
    assert slides["perimeter_m"].sum() == pytest.approx((60 + 12 + 16) * metre, rel=1e-4)
    assert len(slides) == (2 if connectivity == 4 else 1)


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:32648", TRANSFORM),
        ("EPSG:32648", Affine(0.8, 0, 500_000, 0, 0.8, 2_900_000)),                      # south-up
        ("EPSG:32648", Affine.translation(500_000, 2_900_000) @ Affine.rotation(30) @ Affine.scale(0.8, -0.8)),
        ("EPSG:4326", Affine(8e-6, 0, 105, 0, -7.2e-6, 26.6)),
        ("EPSG:3857", Affine(0.9, 0, 11_700_000, 0, -0.9, 3_070_000)),
        ("EPSG:32648+5773", TRANSFORM),
        ("+proj=laea +lat_0=26 +lon_0=105 +ellps=GRS80 +units=m", Affine(0.8, 0, 100, 0, -0.8, 200)),
    ],
)  # fmt: skip
def test_polygons_lie_on_the_right_ground(make_scene: MakeScene, card: ModelCard, crs: str, transform: Affine) -> None:
    pixels = np.zeros((3, 600, 700), np.uint8)
    pixels[0, 40:60, 500:530] = 254
    _, slides, _, _ = go(make_scene(pixels, crs=crs, transform=transform), card, first_band())
    corners = [(500, 40), (530, 40), (530, 60), (500, 60)]
    by_hand = shapely.Polygon(
        [
            (transform.a * c + transform.b * r + transform.c, transform.d * c + transform.e * r + transform.f)
            for c, r in corners
        ]
    )
    (found,) = slides.geometry
    assert found.symmetric_difference(by_hand).area < 1e-9 * by_hand.area
    assert found.exterior.is_ccw
    assert pyproj.CRS(slides.crs).equals(pyproj.CRS(crs), ignore_axis_order=True)
    # An area computed on another way: an equal-area projection around the place.
    longitude, latitude = slides.to_crs(4326).geometry.iloc[0].centroid.coords[0]
    equal_area = slides.to_crs(f"+proj=laea +lat_0={latitude} +lon_0={longitude} +ellps=WGS84 +units=m")
    assert slides["area_m2"].iloc[0] == pytest.approx(equal_area.area.iloc[0], rel=1e-4)


def test_without_a_crs_the_run_works_and_says_so(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(blobs(300, 300), crs=None)
    with pytest.warns(NoCRSWarning, match=r"scene\.tif has no coordinate reference system.*gdal_edit"):
        summary, slides, _, _ = go(path, card, first_band(), shaping=Shaping(100, 100, 2))
    assert len(slides) > 1
    assert slides.crs is None
    assert slides[["area_m2", "perimeter_m"]].isna().all(axis=None)
    assert (summary.area_m2, summary.analysed_m2, summary.bounds) == (None, None, None)


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".geojson", ".fgb"])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_every_format_and_an_empty_result(make_scene: MakeScene, card: ModelCard, ending: str, value: float) -> None:
    summary, slides, _, _ = go(make_scene(noise(3, 90, 80)), card, constant(value), ending=ending)
    assert summary.landslides == len(slides) == value
    assert summary.area_m2 == pytest.approx(value * 90 * 80 * 0.64 / 0.9996**2, rel=1e-4)
    short = SHORT_NAMES if ending == ".shp" else {}
    absent = {"prob_spread", *slope.FIELDS, "h_over_l", "h_l_angle_deg"}
    expected = {"geometry", *(short.get(name, name) for name in FIELDS if name not in absent)}
    # GeoJSON has no fields where it has no features.
    assert set(slides.columns) == ({"geometry"} if ending == ".geojson" and not value else expected)


def test_the_spatial_index_still_follows_edits(make_scene: MakeScene, card: ModelCard) -> None:
    """Neighbours are filled in behind GDAL's back; afterwards its index must work, and go on to."""
    path = make_scene(blobs(300, 300))
    _, slides, _, _ = go(path, card, first_band())
    assert slides["nearest_m"].notna().all()
    out = path.with_suffix(".gpkg")
    with sqlite3.connect(out) as file:
        made = file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'landslides'")
        layers = {name.removesuffix(end) for (name,) in made for end in ("_insert", "_delete") if name.endswith(end)}
    assert "rtree_landslides_geom" in layers
    box = slides.geometry.iloc[2].bounds
    assert slides["id"].iloc[2] in geopandas.read_file(out, layer="landslides", bbox=box)["id"].tolist()
    moved = slides.iloc[[2]].set_geometry(slides.geometry.iloc[[2]].translate(5000, 0))
    moved.to_file(out, layer="landslides", mode="a")
    assert len(geopandas.read_file(out, layer="landslides", bbox=tuple(moved.total_bounds))) == 1


def test_geojson_is_longitude_and_latitude(make_scene: MakeScene, card: ModelCard) -> None:
    _, slides, _, _ = go(make_scene(noise(3, 90, 80)), card, constant(1), ending=".geojson")
    assert slides.crs == "EPSG:4326"
    expected = pyproj.Transformer.from_crs("EPSG:32648", 4326, always_xy=True).transform(500_000, 2_950_000)
    assert slides.total_bounds[[0, 3]] == pytest.approx(expected, abs=1e-6)


def test_a_collar_is_nodata_and_outside_the_analysed_layer(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = noise(3, 700, 900) % 100 + 100
    collar = np.ones((700, 900), dtype=bool)
    collar[200:650, 333:800] = False
    pixels[:, collar] = 0
    path = make_scene(pixels, nodata=0)
    summary, slides, probability, mask = go(path, card, constant(1))
    assert ((probability == 255) == collar).all()
    assert ((mask == 255) == collar).all()
    analysed = geopandas.read_file(path.with_suffix(".gpkg"), layer="analysed")
    box = shapely.box(*(TRANSFORM @ (333, 650)), *(TRANSFORM @ (800, 200)))
    assert analysed.geometry.iloc[0].equals(box)
    assert slides.geometry.iloc[0].equals(box)
    assert slides["cut"].all()
    assert summary.analysed_share == (~collar).mean()


def test_windows_without_a_valid_pixel_are_not_sent(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = np.zeros((3, 512, 512 * 6), np.uint8)
    pixels[:, :, :100] = 9
    engine = StandIn(lambda x: x[:, 0] / 254, batch_size=1)
    summary, _, _, _ = go(make_scene(pixels, nodata=0), card, engine)
    assert engine.windows == summary.windows == 1


def test_invalid_pixels_reach_the_network_as_the_mean(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = np.full((3, 100, 100), 200, np.uint8)
    pixels[:, :50] = 0
    seen: list[NDArray[Any]] = []

    def remember(x: NDArray[Any]) -> NDArray[Any]:
        seen.append(x)
        return x[:, 0] * 0.0

    go(make_scene(pixels, nodata=0), card, StandIn(remember, batch_size=1))
    assert set(np.unique(seen[0])) == {102, 200}  # 0.4 of 255


def test_an_area_of_interest_limits_what_is_analysed_and_changes_nothing_inside(
    make_scene: MakeScene, card: ModelCard, tmp_path: Path
) -> None:
    path = make_scene(blobs(900, 1200))
    triangle = shapely.Polygon([TRANSFORM @ p for p in ((100, 100), (600, 150), (300, 500))])
    aoi = tmp_path / "aoi.geojson"
    geopandas.GeoSeries([triangle], crs="EPSG:32648").to_crs(4326).to_file(aoi)
    _, _, everything, _ = go(path, card, first_band())
    engine = first_band()
    _, _, probability, _ = go(path, card, engine, aoi=aoi)
    centres_x, centres_y = TRANSFORM @ (np.arange(1200)[None] + 0.5, np.arange(900)[:, None] + 0.5)
    inside = shapely.contains_xy(triangle, *np.broadcast_arrays(centres_x, centres_y))
    # The file's seven decimals move the triangle by a centimetre.
    assert np.count_nonzero((probability != 255) != inside) < 10
    assert (probability[probability != 255] == everything[probability != 255]).all()
    assert engine.windows == 3


def test_a_bbox_is_in_the_scenes_coordinates(make_scene: MakeScene, card: ModelCard) -> None:
    left, top = TRANSFORM @ (10, 20)
    right, bottom = TRANSFORM @ (60, 90)
    _, _, probability, _ = go(make_scene(noise(3, 200, 200)), card, constant(1), bbox=(left, bottom, right, top))
    rows, cols = np.nonzero(probability != 255)
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (20, 89, 10, 59)


def test_min_area_holes_and_simplification(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = np.zeros((3, 300, 300), np.uint8)
    pixels[0, 10:110, 10:110] = 254  # with two holes
    pixels[0, 20:24, 20:24] = 0  # 10.24 m²
    pixels[0, 40:60, 40:60] = 0  # 256 m²
    pixels[0, 200:205, 200:205] = 254  # 16 m²
    path = make_scene(pixels)
    _, slides, _, mask = go(path, card, first_band(), shaping=Shaping(min_area_m2=17, fill_holes_m2=11))
    assert len(slides) == 1
    assert len(slides.geometry.iloc[0].interiors) == 1
    assert slides["area_m2"].iloc[0] == pytest.approx((10_000 - 400) * 0.64, rel=1e-3)
    assert mask[202, 202] == 1  # the raster is the threshold alone
    plain = go(make_scene(blobs(400, 400)), card, first_band())[1]
    simple = go(make_scene(blobs(400, 400)), card, first_band(), shaping=Shaping(simplify_m=2))[1]
    assert simple.geometry.is_valid.all()
    assert len(simple) == len(plain)
    assert shapely.get_num_coordinates(simple.geometry).sum() < shapely.get_num_coordinates(plain.geometry).sum() / 2
    # hausdorff_distance compares vertices, and a stair's vertex lies within the tolerance of the new edge.
    assert shapely.hausdorff_distance(simple.geometry, plain.geometry).max() < 2.5


def test_sixteen_bit_scenes_are_stretched_as_a_whole(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = (noise(3, 300, 300).astype(np.uint16) + 5) * 40
    path = make_scene(pixels)
    with open_scene(path, wanted=card.bands) as scene:
        low, high = make_plan(scene, card).value_range
        assert make_plan(scene, card, scale=(1, 9000)).value_range == (1, 9000)
    assert (low, high) == pytest.approx(np.percentile(pixels, (1, 99)), rel=0.05)


@pytest.mark.parametrize(("factor", "size"), [(0.25, 256), (4, 512)])
def test_a_scene_outside_the_trained_resolution_is_seen_at_the_nearest_one(
    make_scene: MakeScene, card: ModelCard, factor: float, size: int
) -> None:
    """``factor`` pixels of the network for each of the scene."""
    metres = 0.8 / factor
    from dataclasses import replace

    card = replace(card, resolution_m=(metres, metres))
    pixels = np.zeros((3, 900, 900), np.uint8)
    pixels[0, 300:500, 200:600] = 254
    shapes_seen = set()

    def remember(x: NDArray[Any]) -> NDArray[Any]:
        shapes_seen.add(x.shape[2:])
        return x[:, 0] / 254

    path = make_scene(pixels)
    with open_scene(path, wanted=card.bands) as scene:
        plan = make_plan(scene, card)
        assert plan.working_m == metres
    _, slides, _, _ = go(path, card, StandIn(remember, batch_size=1))
    assert shapes_seen == {(size, size)}
    drawn = shapely.box(*(TRANSFORM @ (200, 500)), *(TRANSFORM @ (600, 300)))
    # Corners are rounded by what the network doesn't see.
    assert shapely.area(slides.geometry.iloc[0] ^ drawn) < 4 * metres**2
    assert shapely.hausdorff_distance(slides.geometry.iloc[0], drawn) < metres


def test_degrees_far_from_the_equator_are_made_square(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(noise(3, 600, 900), crs="EPSG:4326", transform=Affine(1e-5, 0, 10, 0, -1e-5, 60.0))
    with open_scene(path, wanted=card.bands) as scene:
        plan = make_plan(scene, card)
    assert plan.cols.factor / plan.rows.factor == pytest.approx(2, rel=0.01)


def test_a_scene_without_a_valid_pixel_is_refused(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    path = make_scene(np.zeros((3, 90, 90), np.uint8), nodata=0)
    with pytest.raises(SceneError, match=r"scene\.tif: the scene holds no valid pixel; check the file's nodata"):
        go(path, card, constant(1))
    assert [file.name for file in tmp_path.iterdir()] == ["scene.tif"]


def test_a_truncated_scene_is_refused_and_leaves_nothing(
    make_scene: MakeScene, card: ModelCard, tmp_path: Path
) -> None:
    path = make_scene(noise(3, 1500, 1500), tiled=True, compress="deflate")
    path.write_bytes(path.read_bytes()[:3_000_000])
    with pytest.raises(SceneError, match=r"scene\.tif can't be read at row \d+, column \d+.*copy it again"):
        go(path, card, constant(1))
    assert [file.name for file in tmp_path.iterdir()] == ["scene.tif"]


def test_a_failing_network_leaves_nothing(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    def fail(x: NDArray[Any]) -> NDArray[Any]:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        go(make_scene(noise(3, 90, 90)), card, StandIn(fail))
    assert [file.name for file in tmp_path.iterdir()] == ["scene.tif"]


def test_batch_size_changes_nothing(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(blobs(1200, 1400))
    one, other = (go(path, card, StandIn(lambda x: x[:, 0] / 254, batch_size=size)) for size in (1, 7))
    assert (one[2] == other[2]).all()
    assert one[1].to_wkb().equals(other[1].to_wkb())


def test_progress_ends_at_the_last_pixel(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with open_scene(make_scene(noise(3, 900, 900)), wanted=card.bands) as scene:
        run(make_plan(scene, card), constant(0), Outputs(tmp_path / "a.gpkg"), on_progress=lambda *x: told.append(x))
    assert len(told) == 4
    assert told == sorted(told)
    assert told[-1] == (810_000, 810_000)


MEMORY = """
import sys, resource
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[3])
from tests.conftest import StandIn
from landslide_cli.detection import run
from landslide_cli.outputs import Outputs
from landslide_cli.model.card import ModelCard
from landslide_cli.plan import make_plan
from landslide_cli.prediction import read_batches
from landslide_cli.scene import open_scene

card = ModelCard("stand-in", "msasnet", {}, ("r", "g", "b"), (0, 255), (0.4,) * 3, (0.2,) * 3, (0.1, 9), 0.5, "", "")
scene, out = Path(sys.argv[1]), Path(sys.argv[2])
tta = sys.argv[4]
outputs = Outputs(out, out.with_suffix(".tif"), None, None if tta == "none" else out.with_suffix(".spread.tif"))
with open_scene(scene, wanted=card.bands) as opened:
    run(make_plan(opened, card, tta=tta), StandIn(lambda x: x[:, 0] / 254), outputs)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/io").is_file(), reason="counts bytes by Linux's /proc")
@pytest.mark.parametrize(("bands", "interleave"), [(3, "band"), (3, "pixel"), (8, "pixel")])
def test_each_block_is_read_once(make_scene: MakeScene, card: ModelCard, bands: int, interleave: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (bands, 1300, 6000)).astype(np.uint8)
    path = make_scene(pixels, tiled=True, blockxsize=256, blockysize=256, interleave=interleave)

    def read() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    with open_scene(path, wanted=card.bands) as scene:
        plan = make_plan(scene, card)
        before = read()
        with rasterio.Env(GDAL_CACHEMAX=plan.cache_bytes):
            assert sum(1 for _ in read_batches(plan, StandIn(lambda x: x[:, 0], batch_size=1))) == len(plan.grid) > 40
        wanted = path.stat().st_size * (3 / bands if interleave == "band" else 1)
    assert read() - before < 1.1 * wanted


@pytest.mark.parametrize(("dtype", "seen_at_m"), [("uint8", None), ("uint16", None), ("uint8", 2.5)])
def test_buffers_of_a_wide_scene_have_a_limit(
    card: ModelCard, tmp_path: Path, dtype: str, seen_at_m: float | None
) -> None:
    path = tmp_path / "wide.tif"
    profile = {"driver": "GTiff", "width": 40_000, "height": 9_000, "count": 3, "dtype": dtype, "tiled": True}
    with rasterio.open(path, "w", crs=UTM, transform=Affine(0.5, 0, 5e5, 0, -0.5, 3e6), sparse_ok=True, **profile):
        pass
    with open_scene(path, wanted=card.bands) as scene:
        plan = make_plan(scene, card, resolution_m=seen_at_m, scale=(0, 255))
        assert plan.cache_bytes + plan.read_bytes + plan.blended_bytes < 700e6
        # A row of blocks is decoded once.
        assert plan.cache_bytes > scene.width * scene.src.block_shapes[0][0] * 3 * scene.dtype.itemsize


@pytest.mark.slow
@pytest.mark.parametrize("tta", ["none", "flips"])
def test_memory_does_not_grow_with_the_scenes_height(make_scene: MakeScene, tmp_path: Path, tta: str) -> None:
    tile = np.tile(blobs(500, 500), (1, 2, 4))
    tile[0, -1] = 0
    peaks = []
    for rows in (1_000, 20_000):
        path = tmp_path / f"{rows}.tif"
        profile = {"driver": "GTiff", "count": 3, "height": rows, "width": 2000, "dtype": "uint8", "tiled": True}
        with rasterio.open(path, "w", crs="EPSG:32648", transform=TRANSFORM, compress="deflate", **profile) as dst:
            for top in range(0, rows, 1000):
                dst.write(tile, window=rasterio.windows.Window(0, top, 2000, 1000))
        command = [
            sys.executable,
            "-c",
            MEMORY,
            str(path),
            str(tmp_path / f"{rows}.gpkg"),
            str(Path(__file__).parents[1]),
            tta,
        ]
        peaks.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    assert abs(peaks[1] - peaks[0]) < 50, peaks


@pytest.mark.parametrize(("zoomed_out", "size"), [(None, 192), (2.0, 96), (4.0, 64)])
def test_a_small_scene_is_one_window_not_much_larger(
    make_scene: MakeScene, card: ModelCard, zoomed_out: float | None, size: int
) -> None:
    with open_scene(make_scene(blobs(100, 170)), wanted=card.bands) as scene:
        assert scene.resolution_m is not None
        plan = make_plan(scene, card, resolution_m=zoomed_out and zoomed_out * scene.resolution_m)
        assert plan.size == size
        assert len(plan.grid) == 1
        # Pixels are nearly, not quite, square on the ground.
        assert plan.scene_px(size) == pytest.approx((size * (zoomed_out or 1),) * 2, rel=0.03)
