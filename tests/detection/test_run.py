"""The whole run with stand-ins for the network: what comes out must be known beforehand."""

from __future__ import annotations

import subprocess
import sys
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
from landslide_cli.detection.run import run
from landslide_cli.errors import NoCRSWarning, SceneError
from landslide_cli.model.card import ModelCard
from landslide_cli.mosaic.encoding import STEPS
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import TRANSFORM, MakeScene, StandIn, blobs, constant, first_band, go, noise


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
        summary, slides, _, _ = go(path, card, first_band(), min_area_m2=100, fill_holes_m2=100, simplify_m=2)
    assert len(slides) > 1
    assert slides.crs is None
    assert slides[["area_m2", "perimeter_m"]].isna().all(axis=None)
    assert (summary.area_m2, summary.analysed_m2, summary.bounds) == (None, None, None)


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
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[3])
from tests.conftest import StandIn
from landslide_cli.detection.run import run
from landslide_cli.detection.outputs import Outputs
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.plan import make_plan
from landslide_cli.prediction.predictor import read_batches
from landslide_cli.scene.scene import open_scene

rest = (0.1, 9), 0.5, "0" * 64, ""
card = ModelCard("stand-in", "msasnet", {}, ("r", "g", "b"), (0, 255), (0.4,) * 3, (0.2,) * 3, *rest)
scene, out = Path(sys.argv[1]), Path(sys.argv[2])
tta = sys.argv[4]
outputs = Outputs(out, out.with_suffix(".tif"), None, None if tta == "none" else out.with_suffix(".spread.tif"))
with open_scene(scene, wanted=card.bands) as opened:
    run(make_plan(opened, card, tta=tta), StandIn(lambda x: x[:, 0] / 254), outputs)
# Not getrusage's, which begins with what the process had that started this one.
print(next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.parametrize("tta", ["none", "flips"])
def test_memory_does_not_grow_with_the_scenes_height(make_scene: MakeScene, tmp_path: Path, tta: str) -> None:
    tile = np.tile(blobs(500, 500), (1, 2, 4))
    tile[0, -1] = 0
    peaks = []
    for rows in (12_000, 30_000):  # what is read ahead has filled its buffers by then
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
            str(Path(__file__).parents[2]),
            tta,
        ]
        peaks.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    assert abs(peaks[1] - peaks[0]) < 50, peaks
