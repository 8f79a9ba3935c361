"""Every format holds what the GeoPackage holds, as its own rules ask."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner
from pyarrow import parquet
from rio_cogeo import cog_validate

import landslide_cli
from landslide_cli import extras
from landslide_cli.cli import main
from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.preview import preview
from landslide_cli.detection.run import run
from landslide_cli.errors import MissingExtraError, NoCRSWarning, OutputError
from landslide_cli.inventory import geoparquet, shapefile
from landslide_cli.inventory.attributes import FIELDS, SHORT_NAMES
from landslide_cli.inventory.provenance import FROM_TAGS
from landslide_cli.inventory.rules import Shaping
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import UTM, constant, first_band, noise
from tests.test_detection import blobs, go
from tests.test_terrain import write_dem

MakeScene = Callable[..., Path]
ACROSS = [
    ("EPSG:32660", Affine(2, 0, 817_350, 0, -2, 2_001_800)),
    ("EPSG:4326", Affine(2e-5, 0, 179.998, 0, -2e-5, 18)),
    ("EPSG:4326", Affine(2e-5, 0, -180.002, 0, -2e-5, 18)),
    ("EPSG:3832", Affine(2, 0, 3_339_400, 0, -2, 2_000_000)),
]


def test_the_layers_of_a_geopackage(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = blobs(300, 320)
    pixels[:, 40:60, 100:200] = 0  # nodata inside
    pixels[:, :, :30] = 0  # and a collar
    path = make_scene(pixels, nodata=0)
    before = datetime.now(UTC)
    with open_scene(path, wanted=card.bands) as scene:
        plan = make_plan(scene, card)
        out = path.with_suffix(".gpkg")
        run(plan, first_band(), Outputs(out, path.with_name("prob.tif")), command="landslide detect 'a b.tif'")
    layers = [["landslides", "Polygon"], ["analysed", "Polygon"], ["runs", None], ["layer_styles", None]]
    assert pyogrio.list_layers(out).tolist() == layers
    analysed = geopandas.read_file(out, layer="analysed")
    assert list(analysed.columns) == ["area_m2", "nodata_share", "resolution_m", "scene", "geometry"]
    assert analysed["nodata_share"].tolist() == [round(20 * 100 / (300 * 290), 4)]
    assert analysed["resolution_m"].iloc[0] == pytest.approx(0.8, rel=1e-3)
    table = pyogrio.read_dataframe(out, layer="runs")
    (row,) = table.to_dict("records")
    metadata = pyogrio.read_info(out, layer="landslides")["dataset_metadata"]
    with rasterio.open(path.with_name("prob.tif")) as src:
        tags = src.tags()
    for column, tag in FROM_TAGS.items():
        if tag in metadata:
            assert str(row[column]) == metadata[tag] == tags[tag], column
        else:
            assert table[column].isna().all()
    assert (row["width"], row["height"], row["crs"], row["scene"]) == (320, 300, UTM, "scene.tif")
    assert (row["command"], row["device"], row["precision"]) == ("landslide detect 'a b.tif'", "cpu", "float32")
    assert before.replace(microsecond=0) <= row["started"] <= row["ended"] <= datetime.now(UTC)
    with sqlite3.connect(out) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (10200,)  # GeoPackage 1.2
        kept = file.execute("SELECT metadata FROM gpkg_metadata").fetchall()
    assert any("LANDSLIDE_WEIGHTS_SHA256" in text for (text,) in kept)


def test_polygonize_writes_the_same_layers(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    pixels = blobs(200, 220)
    pixels[:, 40:60, 100:200] = 0
    path = make_scene(pixels, nodata=0)
    go(path, card, first_band())
    landslide_cli.polygonize(tmp_path / "prob.tif", tmp_path / "again.gpkg", command="landslide polygonize")
    one, other = path.with_suffix(".gpkg"), tmp_path / "again.gpkg"
    for layer in ("landslides", "analysed"):
        assert geopandas.read_file(one, layer=layer).equals(geopandas.read_file(other, layer=layer))
    runs = [pyogrio.read_dataframe(p, layer="runs").drop(columns=["started", "ended"]) for p in (one, other)]
    assert runs[1]["command"].tolist() == ["landslide polygonize"]
    assert runs[0].drop(columns="command").equals(runs[1].drop(columns="command"))


def test_a_raster_without_provenance_leaves_the_run_null(tmp_path: Path) -> None:
    values = np.zeros((20, 20), np.float32)
    values[5:9, 5:9] = 0.9
    write_dem(tmp_path / "float.tif", values)
    landslide_cli.polygonize(tmp_path / "float.tif", tmp_path / "a.gpkg", threshold=0.5)
    row = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="runs").iloc[0]
    assert (row["scene"], row["threshold"], row["version"]) == ("float.tif", 0.5, landslide_cli.__version__)
    assert row[["model", "weights_sha256", "device", "command"]].isna().all()


def test_the_command_line_is_kept(small_model: Path, make_scene: MakeScene, tmp_path: Path) -> None:
    out = tmp_path / "slides.gpkg"
    words = ["detect", str(make_scene(noise(3, 64, 64))), "-o", str(out), "--model", str(small_model), "-q"]
    subprocess.run([sys.executable, "-m", "landslide_cli", *words], check=True)
    (command,) = pyogrio.read_dataframe(out, layer="runs")["command"]
    assert command.split() == ["landslide", *words]


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
    go(path, card, first_band(), ending=".geojson", shaping=Shaping())
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


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("rows", [3, 20_000])
def test_geoparquet_is_the_geopackage(
    make_scene: MakeScene, card: ModelCard, monkeypatch: pytest.MonkeyPatch, rows: int, connectivity: int
) -> None:
    monkeypatch.setattr(geoparquet, "ROWS_IN_A_GROUP", rows)
    path = make_scene(blobs(200, 220))
    _, slides, _, _ = go(path, card, first_band(), connectivity=connectivity)
    with open_scene(path, wanted=card.bands) as scene:
        run(make_plan(scene, card, connectivity=connectivity), first_band(), Outputs(path.with_suffix(".parquet")))
    found = geopandas.read_parquet(path.with_suffix(".parquet"))
    boxes = found.pop("bbox") if "bbox" in found else None
    assert boxes is None  # geopandas takes it for what it is
    assert found[slides.columns].to_wkb().equals(slides.to_wkb())
    assert found.crs == slides.crs == UTM
    file = parquet.ParquetFile(path.with_suffix(".parquet"))
    assert file.num_row_groups == -(-len(slides) // rows)
    kept = {key.decode(): value.decode() for key, value in file.metadata.metadata.items()}
    assert kept["LANDSLIDE_MODEL"] == "stand-in"
    geo = json.loads(kept["geo"])
    column = geo["columns"]["geometry"]
    assert (geo["version"], column["encoding"], column["orientation"]) == ("1.1.0", "WKB", "counterclockwise")
    assert set(slides.geom_type) == set(column["geometry_types"])
    assert pyproj.CRS.from_json_dict(column["crs"]) == slides.crs
    np.testing.assert_array_equal(column["bbox"], slides.total_bounds)
    told = np.array([[row["bbox"][name] for name in geoparquet.BBOX] for row in file.read(["bbox"]).to_pylist()])
    np.testing.assert_array_equal(told, slides.bounds.to_numpy())
    # Readers skip row groups by that column.
    first = geopandas.read_parquet(path.with_suffix(".parquet"), bbox=slides.geometry.iloc[0].bounds)
    assert 1 in first["id"].tolist()
    assert len(first) < len(slides)
    assert all(shapely.Polygon(p.exterior).exterior.is_ccw for p in found.geometry.explode())


def test_geoparquet_without_a_crs_says_so(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(noise(3, 40, 40), crs=None)
    with pytest.warns(NoCRSWarning), open_scene(path, wanted=card.bands) as scene:
        run(make_plan(scene, card), constant(1), Outputs(path.with_suffix(".parquet")))
    assert geopandas.read_parquet(path.with_suffix(".parquet")).crs is None


def test_geoparquet_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "pyarrow" else find_spec(name))
    with pytest.raises(MissingExtraError, match=r"slides\.parquet: GeoParquet needs the package pyarrow.*\[parquet\]"):
        Outputs(tmp_path / "slides.parquet").refuse(overwrite=False)


def test_a_shapefile_has_short_names_and_its_sidecars(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(blobs(90, 90), name="übersicht " + "x" * 100 + ".tif")
    _, slides, _, _ = go(path, card, first_band())
    _, found, _, _ = go(path, card, first_band(), ending=".shp")
    assert all(len(name) <= 10 for name in found.columns)
    for name in slides.columns.drop("geometry"):
        there = found[SHORT_NAMES.get(name, name)]
        values = there == "T" if name == "cut" and there.dtype == object else there
        assert np.array_equal(values.to_numpy(), slides[name].to_numpy()), name
    sides = {file.suffix: file for file in path.parent.glob(f"{path.stem}.*")}
    assert {".shp", ".shx", ".dbf", ".prj", ".cpg"} <= sides.keys()
    assert sides[".cpg"].read_text() == "UTF-8"
    assert pyproj.CRS.from_wkt(sides[".prj"].read_text()).to_epsg() == 32648
    # What is told of a record's size is what GDAL writes.
    table = sides[".dbf"].read_bytes()
    record = int.from_bytes(table[10:12], "little")
    count = int.from_bytes(table[4:8], "little")
    assert count == len(slides)
    room = shapefile.Room(path)
    room.take(slides)
    assert room._table >= record * count
    assert room._table <= 1.1 * record * count
    assert room._geometry == sides[".shp"].stat().st_size


def test_every_short_name_fits_and_is_its_own() -> None:
    names = [SHORT_NAMES.get(name, name) for name in FIELDS]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 10


@pytest.mark.parametrize("kind", ["geometry", "table"])
def test_a_shapefile_that_grows_too_large_is_refused(
    make_scene: MakeScene, card: ModelCard, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = make_scene(blobs(200, 200))
    monkeypatch.setattr(shapefile, "LARGEST_BYTES", 12_000 if kind == "geometry" else 5_000)
    with pytest.raises(OutputError, match=r"scene\.shp: the landslides don't fit into a shapefile.*2 GB; write \.gpkg"):
        go(path, card, first_band(), ending=".shp")
    assert [file.name for file in path.parent.iterdir()] == ["scene.tif"]


def test_a_shapefile_refuses_what_it_would_cut(make_scene: MakeScene, card: ModelCard) -> None:
    bound = "+proj=utm +zone=48 +ellps=bessel +towgs84=100,20,300,0,0,0,0 +units=m"
    path = make_scene(noise(3, 40, 40), crs=pyproj.CRS(bound).to_wkt())
    with pytest.raises(OutputError, match=r"scene\.shp: a shapefile's \.prj can't tell the CRS .* write \.gpkg"):
        go(path, card, constant(1), ending=".shp")
    assert any("can't tell the CRS" in text for text in preview(path, path.with_suffix(".shp"), probe=False).refusals)
    assert go(path, card, constant(1))[0].landslides == 1
    with pytest.raises(OutputError, match=r"slides\.shp: model has 300 bytes, but a shapefile's texts hold 254"):
        shapefile.refuse_misfit(Path("slides.shp"), crs=None, texts={"scene": "a", "model": "ä" * 150})


def test_a_crs_that_vector_formats_lack_is_refused(make_scene: MakeScene, card: ModelCard) -> None:
    rotated = "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=30 +lon_0=10 +datum=WGS84"
    path = make_scene(noise(3, 40, 40), crs=pyproj.CRS(rotated).to_wkt(), transform=Affine(1e-5, 0, 0, 0, -1e-5, 0))
    with pytest.raises(OutputError, match=r"scene\.gpkg: polygons can't be written in the scene's CRS .*gdalwarp"):
        go(path, card, constant(1))


def test_a_geopackage_may_be_spelt_otherwise(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    with open_scene(make_scene(noise(3, 40, 40)), wanted=card.bands) as scene:
        run(make_plan(scene, card), constant(1), Outputs(tmp_path / "SLIDES.GPKG"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["SLIDES.GPKG", "scene.tif"]


def shown(*command: str) -> str:
    """What GDAL's own tool says; it must say nothing on stderr."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} (Debian: gdal-bin) is not installed")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Warning" not in done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".geojson", ".fgb"])
@pytest.mark.parametrize("value", [0, 1])
def test_gdal_opens_each_inventory_without_a_warning(
    make_scene: MakeScene, card: ModelCard, ending: str, value: int
) -> None:
    path = make_scene(blobs(60, 70))
    with open_scene(path, wanted=card.bands) as scene:
        run(make_plan(scene, card), first_band() if value else constant(0), Outputs(path.with_suffix(ending)))
    beside = {".shx", ".dbf", ".prj", ".cpg"} if ending == ".shp" else set()
    beside |= {".qml"} if ending != ".gpkg" else set()
    assert {file.suffix for file in path.parent.iterdir()} == {ending, ".tif", *beside}
    text = shown("ogrinfo", "-al", "-ro", str(path.with_suffix(ending)))
    assert "Layer name: " in text
    if ending == ".gpkg":
        assert "LANDSLIDE_MODEL=stand-in" in text
        assert "Layer name: runs" in text


def test_rasters_are_valid_cogs_with_provenance(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(blobs(700, 900))
    go(path, card, first_band())
    for name in ("prob.tif", "mask.tif"):
        raster = path.with_name(name)
        valid, errors, warnings = cog_validate(raster, strict=True)
        assert (valid, errors, warnings) == (True, [], [])
        assert "LANDSLIDE_MODEL=stand-in" in shown("gdalinfo", str(raster))


def test_an_unknown_ending_names_those_known(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["detect", "scene.tif", "-o", str(tmp_path / "slides.kml")])
    assert result.exit_code == 1
    assert "use one of .gpkg, .shp, .geojson, .json, .fgb, .parquet" in result.stderr
