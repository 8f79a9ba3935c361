"""Every format holds what the GeoPackage holds, as its own rules ask."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import run
from landslide_cli.errors import OutputError
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import MakeScene, blobs, constant, first_band, go, noise
from tests.inventory.conftest import shown


def test_geojson_is_longitude_and_latitude(make_scene: MakeScene, card: ModelCard) -> None:
    _, slides, _, _ = go(make_scene(noise(3, 90, 80)), card, constant(1), ending=".geojson")
    assert slides.crs == "EPSG:4326"
    expected = pyproj.Transformer.from_crs("EPSG:32648", 4326, always_xy=True).transform(500_000, 2_950_000)
    assert slides.total_bounds[[0, 3]] == pytest.approx(expected, abs=1e-6)


ACROSS = [
    ("EPSG:32660", Affine(2, 0, 817_350, 0, -2, 2_001_800)),
    ("EPSG:4326", Affine(2e-5, 0, 179.998, 0, -2e-5, 18)),
    ("EPSG:4326", Affine(2e-5, 0, -180.002, 0, -2e-5, 18)),
    ("EPSG:3832", Affine(2, 0, 3_339_400, 0, -2, 2_000_000)),
]


@pytest.mark.parametrize(("crs", "transform"), ACROSS)
def test_across_the_antimeridian(make_scene: MakeScene, card: ModelCard, crs: str, transform: Affine) -> None:
    path = make_scene(blobs(200, 220), crs=crs, transform=transform)
    summary, slides, _, _ = go(path, card, first_band())
    assert summary.bounds is not None
    west, south, east, north = summary.bounds
    assert 179.99 < west <= 180
    assert -180 <= east < -179.99
    assert north - south < 0.01
    run_geojson, features, _, _ = go(path, card, first_band(), ending=".geojson")
    assert run_geojson.bounds == summary.bounds
    assert len(features) == len(slides)
    assert features.geometry.is_valid.all()
    # No polygon runs around the earth: those across are cut in two (RFC 7946, section 3.1.9).
    parts = features.explode().geometry
    assert (parts.bounds["maxx"] - parts.bounds["minx"]).max() < 0.01
    assert (features.geom_type == "MultiPolygon").any()
    geod = pyproj.Geod(ellps="WGS84")
    cut = parts.map(lambda part: abs(geod.geometry_area_perimeter(part)[0])).groupby(level=0).sum()
    np.testing.assert_allclose(cut, slides["area_m2"], rtol=0.02)
    assert cut.sum() == pytest.approx(slides["area_m2"].sum(), rel=1e-3)


def test_geojson_follows_rfc_7946(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = blobs(120, 130)
    path = make_scene(pixels)
    _, slides, _, _ = go(path, card, first_band())
    go(path, card, first_band(), ending=".geojson")
    document = json.loads(path.with_suffix(".geojson").read_text())
    assert "crs" not in document
    numbers = np.concatenate(
        [np.concatenate(list(map(np.array, f["geometry"]["coordinates"]))) for f in document["features"]]
    )
    np.testing.assert_array_equal(numbers, numbers.round(7))
    expected = slides.to_crs(4326).geometry.to_numpy()
    found = np.array([shapely.geometry.shape(f["geometry"]) for f in document["features"]], dtype=object)
    assert (shapely.hausdorff_distance(found, expected) < 1e-7).all()
    for polygon in found:
        assert polygon.exterior.is_ccw
        assert not any(ring.is_ccw for ring in polygon.interiors)


def test_a_crs_that_vector_formats_lack_is_refused(make_scene: MakeScene, card: ModelCard) -> None:
    rotated = "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=30 +lon_0=10 +datum=WGS84"
    path = make_scene(noise(3, 40, 40), crs=pyproj.CRS(rotated).to_wkt(), transform=Affine(1e-5, 0, 0, 0, -1e-5, 0))
    with pytest.raises(OutputError, match=r"scene\.gpkg: polygons can't be written in the scene's CRS .*gdalwarp"):
        go(path, card, constant(1))


def test_a_geopackage_may_be_spelt_otherwise(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    with open_scene(make_scene(noise(3, 40, 40)), wanted=card.bands) as scene:
        run(make_plan(scene, card), constant(1), Outputs(tmp_path / "SLIDES.GPKG"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["SLIDES.GPKG", "scene.tif"]


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".geojson", ".fgb"])
@pytest.mark.parametrize("value", [0, 1])
def test_gdal_opens_each_inventory_without_a_warning(
    make_scene: MakeScene, card: ModelCard, ending: str, value: int
) -> None:
    path = make_scene(blobs(60, 70))
    with open_scene(path, wanted=card.bands) as scene:
        run(make_plan(scene, card), first_band() if value else constant(0), Outputs(path.with_suffix(ending)))
    beside = {".shx", ".dbf", ".prj", ".cpg", ".lyrx"} if ending == ".shp" else set()
    beside |= {".qml"} if ending != ".gpkg" else set()
    assert {file.suffix for file in path.parent.iterdir()} == {ending, ".tif", *beside}
    text = shown("ogrinfo", "-al", "-ro", str(path.with_suffix(ending)))
    assert "Layer name: " in text
    if ending == ".gpkg":
        assert "LANDSLIDE_MODEL=stand-in" in text
        assert "Layer name: runs" in text


def test_an_unknown_ending_names_those_known(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["detect", "scene.tif", "-o", str(tmp_path / "slides.kmz")])
    assert result.exit_code == 1
    assert "use one of .gpkg, .shp, .geojson, .json, .fgb, .parquet" in result.stderr
