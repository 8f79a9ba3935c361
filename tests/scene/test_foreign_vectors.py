"""Polygons as other programs write them: folders, collections, tables, long edges, odd paths."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.crs import CRS

from landslide_cli.chips.labels import Labels
from landslide_cli.errors import AreaError, EvaluationError, InventoryError, TrainingDataError
from landslide_cli.evaluation.painter import read_polygons as paint
from landslide_cli.inventory.read import read_inventory
from landslide_cli.scene.area import read_area
from landslide_cli.scene.scene import Scene, open_scene
from landslide_cli.scene.vectors import read_polygons, reprojected
from landslide_cli.scene.view import View
from tests.conftest import TRANSFORM, UTM, MakeScene, noise

ONE, TWO = shapely.box(10, 10, 20, 20), shapely.box(30, 10, 50, 40)  # pixels: 100 and 600 of them
POINT = shapely.Point(102.9, 26.6)


def on_map(shape: shapely.Geometry) -> shapely.Geometry:
    return shapely.transform(shape, lambda x, y: TRANSFORM @ (x, y), interleaved=False)


def write_kml(path: Path, folders: Sequence[shapely.Geometry]) -> Path:
    for number, shape in enumerate(folders):
        frame = geopandas.GeoDataFrame(geometry=[shape], crs=4326)
        frame.to_file(path, layer=f"folder {number}", driver="LIBKML", mode="a" if number else "w")
    return path


def degrees(shape: shapely.Geometry) -> shapely.Geometry:
    return geopandas.GeoSeries([on_map(shape)], crs=UTM).to_crs(4326).iloc[0]


def pixels_in(path: Path, scene: Scene) -> int:
    area = read_area(View(aoi=path), scene)
    assert area is not None
    return int(area.mask(rasterio.windows.Window(0, 0, 60, 50)).sum())


@pytest.fixture
def scene(make_scene: MakeScene) -> Path:
    return make_scene(noise(3, 50, 60))


def test_all_folders_of_a_kml_count_and_points_in_them_do_not(scene: Path, tmp_path: Path) -> None:
    two = write_kml(tmp_path / "two.kml", [degrees(ONE), degrees(TWO)])
    points_first = write_kml(tmp_path / "points.kml", [POINT, degrees(ONE)])
    with open_scene(scene, wanted=("any",)) as opened:
        assert pixels_in(two, opened) == 700
        assert pixels_in(points_first, opened) == 100
        assert Labels.read(two, opened).mask(rasterio.windows.Window(0, 0, 60, 50)).sum() == 700
    assert len(read_inventory(two)) == 2


def test_polygons_in_collections_count(scene: Path, tmp_path: Path) -> None:
    mixed = shapely.GeometryCollection([on_map(ONE), shapely.LineString([(0, 0), (1, 1)])])
    path = tmp_path / "mixed.gpkg"
    geopandas.GeoDataFrame(geometry=[mixed, on_map(TWO), None], crs=UTM).to_file(path)
    with open_scene(scene, wanted=("any",)) as opened:
        assert pixels_in(path, opened) == 700
        assert Labels.read(path, opened).mask(rasterio.windows.Window(0, 0, 60, 50)).sum() == 700
        painted = paint(path, "mixed", transform=opened.transform, crs=opened.crs)
    assert shapely.area(painted).round(6).tolist() == [100, 600]
    assert read_inventory(path).area.round(6).tolist() == [64, 384]
    assert not list(tmp_path.glob("*.aux.xml"))


@pytest.mark.parametrize("width", [1, 5, 20])
def test_long_edges_bend_as_parallels_do(tmp_path: Path, width: float) -> None:
    path = tmp_path / "box.geojson"
    geopandas.GeoDataFrame(geometry=[shapely.box(102 - width / 2, 27, 102 + width / 2, 28)], crs=4326).to_file(path)
    (moved,) = reprojected(read_polygons(path), CRS.from_user_input(UTM)).geometry
    here = geopandas.GeoSeries(shapely.points(np.linspace(101.6, 102.4, 9), 27), crs=4326).to_crs(UTM)
    assert max(here.distance(moved.exterior)) < 0.1


def test_a_table_is_told_apart_from_polygons(scene: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("id,lat,lon\n1,27,102\n")
    with open_scene(scene, wanted=("any",)) as opened:
        with pytest.raises(AreaError, match="table without geometries"):
            read_area(View(aoi=table), opened)
        with pytest.raises(TrainingDataError, match="table without geometries"):
            Labels.read(table, opened)
        with pytest.raises(EvaluationError, match="table without geometries"):
            paint(table, "table", transform=opened.transform, crs=opened.crs)
    with pytest.raises(InventoryError, match="table without geometries"):
        read_inventory(table)


def test_degrees_onto_a_local_system_are_refused_in_words(make_scene: MakeScene, tmp_path: Path) -> None:
    path = tmp_path / "aoi.geojson"
    geopandas.GeoDataFrame(geometry=[shapely.box(102, 27, 103, 28)], crs=4326).to_file(path)
    local = make_scene(noise(3, 50, 60), crs='LOCAL_CS["site",UNIT["metre",1]]')
    with open_scene(local, wanted=("any",)) as opened, pytest.raises(AreaError, match="isn't tied to the earth"):
        read_area(View(aoi=path), opened)


def test_coordinates_that_are_no_numbers_are_refused(scene: Path, tmp_path: Path) -> None:
    path = tmp_path / "aoi.geojson"
    path.write_text('{"type":"Polygon","coordinates":[[[0,0],[1e999,0],[1,1],[0,0]]]}')
    with open_scene(scene, wanted=("any",)) as opened, pytest.raises(AreaError):
        read_area(View(aoi=path), opened)


@pytest.mark.parametrize("name", ["a!b", "!urgent", "a;b", "a#b", "a?b", "50%", "a&b c"])
def test_paths_are_taken_as_they_are(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    other = folder / "b.gpkg"  # what a path cut at its ! or ; would lead to
    for path, shape in ((other, ONE), (Path(f"{name}.gpkg"), TWO)):
        geopandas.GeoDataFrame(geometry=[on_map(shape)], crs=UTM).to_file(path, layer="landslides")
    shutil.copy(f"{name}.gpkg", folder / f"copy {name}.gpkg")
    assert sorted(path.name for path in folder.iterdir()) == sorted({"b.gpkg", f"{name}.gpkg", f"copy {name}.gpkg"})
    for path in (Path(f"{name}.gpkg"), folder / f"copy {name}.gpkg"):
        assert read_inventory(path).area.round(6).tolist() == [384]
    assert read_inventory(other).area.round(6).tolist() == [64]
