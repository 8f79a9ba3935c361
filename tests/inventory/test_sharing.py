"""CSV, KML and PMTiles tell what the GeoPackage tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from affine import Affine
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.errors import LandslideError
from landslide_cli.inventory.formats import refuse_unknown_ending
from landslide_cli.inventory.sharing import WRITERS
from tests.conftest import MakeScene, blobs

ACROSS: dict[str, Any] = {"crs": "EPSG:32660", "transform": Affine(2, 0, 817_350, 0, -2, 2_001_800)}


def written(make_scene: MakeScene, ending: str, *more: str, **place: Any) -> tuple[Path, geopandas.GeoDataFrame]:
    """An inventory of a format and the GeoPackage's landslides, in longitude and latitude if they can be told."""
    probability = make_scene(blobs(200, 220)[:1].astype(np.float32) / 254, name="prob.tif", **place)
    out = probability.with_name(f"slides{ending}")
    for path in (out, out.with_suffix(".gpkg")):
        words = ["polygonize", str(probability), "-o", str(path), "--threshold", "0.5", "-q", *more]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
    slides = geopandas.read_file(out.with_suffix(".gpkg"), layer="landslides")
    return out, slides.to_crs(4326) if slides.crs else slides


def read_csv(path: Path) -> geopandas.GeoDataFrame:
    table = pd.read_csv(path)
    return geopandas.GeoDataFrame(table, geometry=geopandas.GeoSeries.from_wkt(table.pop("WKT")), crs=4326)


def told_alike(found: Any, slides: geopandas.GeoDataFrame) -> None:
    for name in ("id", "pixels", "scene"):
        assert found[name].astype(str).tolist() == slides[name].astype(str).tolist()
    for name in ("area_m2", "prob_mean", "lon", "lat", "nearest_m"):
        np.testing.assert_allclose(found[name].astype(float), slides[name], rtol=1e-9)


def test_csv_has_attributes_centroids_and_outlines_as_text(make_scene: MakeScene) -> None:
    out, slides = written(make_scene, ".csv")
    found = read_csv(out)
    assert list(pd.read_csv(out).columns) == ["WKT", *slides.columns.drop("geometry")]
    told_alike(found, slides)
    assert len(found) > 5
    assert (shapely.hausdorff_distance(found.geometry.to_numpy(), slides.geometry.to_numpy()) < 2e-7).all()
    assert {path.name for path in out.parent.glob("slides.*")} <= {"slides.csv", "slides.gpkg", "slides.gpkg.aux.xml"}


def test_csv_of_nothing_has_its_headings(make_scene: MakeScene) -> None:
    out, slides = written(make_scene, ".csv", "--min-area", "1e9")
    assert list(pd.read_csv(out).columns) == ["WKT", *slides.columns.drop("geometry")]


@pytest.mark.filterwarnings("ignore:.*no coordinate reference system")
def test_csv_without_a_crs_has_the_scene_s_coordinates(make_scene: MakeScene) -> None:
    out, slides = written(make_scene, ".csv", crs=None)
    assert (read_csv(out).geometry.to_numpy() == slides.geometry.to_numpy()).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("connectivity", ["4", "8"])
def test_kml_has_outlines_and_centroids_in_a_folder_each(make_scene: MakeScene, connectivity: str) -> None:
    out, slides = written(make_scene, ".kml", "--connectivity", connectivity)
    assert [name for name, _ in pyogrio.list_layers(out)] == ["Outlines", "Centroids"]
    outlines, centroids = (geopandas.read_file(out, layer=name) for name in ("Outlines", "Centroids"))
    for found in (outlines, centroids):
        told_alike(found, slides)
        assert found["Name"].tolist() == slides["id"].astype(str).tolist()
        assert set(found["cut"].unique()) <= {"true", "false"}
    assert any(polygon.interiors for one in slides.geometry for polygon in shapely.get_parts(one))
    flat = shapely.force_2d(outlines.geometry.to_numpy())
    assert (shapely.hausdorff_distance(flat, slides.geometry.to_numpy()) < 2e-7).all()
    np.testing.assert_allclose(shapely.area(flat), shapely.area(slides.geometry.to_numpy()), rtol=5e-3)
    assert centroids.geometry.x.tolist() == slides["lon"].tolist()


def test_names_that_xml_must_not_hold_are_escaped(make_scene: MakeScene, tmp_path: Path) -> None:
    probability = make_scene(blobs(90, 80)[:1].astype(np.float32) / 254, name="a<&\"'b.tif")
    out = tmp_path / "a&b<.kml"
    result = CliRunner().invoke(main, ["polygonize", str(probability), "-o", str(out), "--threshold", "0.5", "-q"])
    assert result.exit_code == 0, result.output
    assert set(geopandas.read_file(out, layer="Outlines")["scene"]) == {"a<&\"'b.tif"}


@pytest.mark.parametrize("ending", [".csv", ".kml"])
def test_nothing_runs_around_the_earth(make_scene: MakeScene, ending: str) -> None:
    out, slides = written(make_scene, ending, **ACROSS)
    found = read_csv(out) if ending == ".csv" else geopandas.read_file(out, layer="Outlines")
    assert len(found) == len(slides)
    parts = found.geometry.explode()
    assert len(parts) > len(found)
    assert (parts.bounds["maxx"] - parts.bounds["minx"]).max() < 0.01


def test_pmtiles_hold_every_landslide_at_the_finest_level(make_scene: MakeScene) -> None:
    out, slides = written(make_scene, ".pmtiles")
    tiles = geopandas.read_file(out)
    assert out.read_bytes().startswith(b"PMTiles")
    assert set(tiles["id"]) == set(slides["id"])
    whole = tiles.dissolve("id").geometry.sort_index()
    expected = slides.to_crs(tiles.crs).set_index("id").geometry
    np.testing.assert_allclose(whole.area, expected.area, rtol=0.15, atol=3)
    assert whole.centroid.distance(expected.centroid).max() < 1


@pytest.mark.parametrize("ending", WRITERS)
def test_nothing_found_is_a_file_too(make_scene: MakeScene, ending: str) -> None:
    out, slides = written(make_scene, ending, "--min-area", "1e9")
    assert len(slides) == 0
    assert all(len(geopandas.read_file(out, layer=name)) == 0 for name, _ in pyogrio.list_layers(out))


@pytest.mark.filterwarnings("ignore:.*no coordinate reference system")
@pytest.mark.parametrize("ending", [".kml", ".pmtiles"])
def test_longitude_and_latitude_must_be_known(make_scene: MakeScene, tmp_path: Path, ending: str) -> None:
    probability = make_scene(blobs(90, 80)[:1].astype(np.float32) / 254, crs=None)
    out = tmp_path / f"slides{ending}"
    result = CliRunner().invoke(main, ["polygonize", str(probability), "-o", str(out), "--threshold", "0.5", "-q"])
    assert result.exit_code == 1
    assert "holds longitude and latitude, and the scene doesn't tell them; write a GeoPackage" in result.output
    assert not out.exists()


def test_a_gdal_without_pmtiles_says_what_to_do(
    make_scene: MakeScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyogrio.list_drivers", dict)
    probability = make_scene(blobs(90, 80)[:1].astype(np.float32) / 254)
    words = ["polygonize", str(probability), "-o", str(tmp_path / "s.pmtiles"), "--threshold", "0.5", "-q"]
    assert "this GDAL writes no PMTiles; write .geojson, and tiles" in CliRunner().invoke(main, words).output


def test_they_are_named_where_an_ending_is_unknown() -> None:
    with pytest.raises(LandslideError, match=r"\.parquet, \.csv, \.kml, \.pmtiles"):
        refuse_unknown_ending(Path("slides.kmz"))


def test_the_stac_item_tells_their_kind(make_scene: MakeScene, small_model: Path, tmp_path: Path) -> None:
    words = ["detect", make_scene(blobs(64, 64)), "-o", tmp_path / "s.kml", "--stac", "--model", small_model,
             "--engine", "torch", "-q"]  # fmt: skip
    assert CliRunner().invoke(main, list(map(str, words))).exit_code == 0
    item = json.loads((tmp_path / "s.json").read_text())
    assert item["assets"]["landslides"]["type"] == "application/vnd.google-earth.kml+xml"
