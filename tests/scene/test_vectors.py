"""Whatever `detect` writes, the commands that take polygons read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from click.testing import CliRunner
from rasterio.crs import CRS

from landslide_cli import extras
from landslide_cli.chips.labels import Labels
from landslide_cli.cli import main
from landslide_cli.errors import AreaError, EvaluationError, InventoryError, LandslideError, TrainingDataError
from landslide_cli.evaluation.inventories import evaluate_inventory
from landslide_cli.evaluation.painter import read_polygons as paint
from landslide_cli.inventory.formats import DRIVERS
from landslide_cli.inventory.read import read_inventory, read_layers
from landslide_cli.model.card import ModelCard
from landslide_cli.scene.area import read_area
from landslide_cli.scene.scene import Scene, open_scene
from landslide_cli.scene.vectors import read_polygons, reprojected
from landslide_cli.scene.view import View
from tests.conftest import TRANSFORM, UTM, MakeScene, blobs, first_band, go, noise


def read_by_area(path: Path, scene: Path) -> object:
    with open_scene(scene, wanted=("any",)) as opened:
        return read_area(View(aoi=path), opened)


def read_by_labels(path: Path, scene: Path) -> object:
    with open_scene(scene, wanted=("any",)) as opened:
        return Labels.read(path, opened)


READERS: dict[type[LandslideError], Callable[[Path, Path], object]] = {
    InventoryError: lambda path, scene: read_inventory(path),
    EvaluationError: lambda path, scene: evaluate_inventory(path, reference=path, scene=scene),
    TrainingDataError: read_by_labels,
    AreaError: read_by_area,
}


@pytest.mark.parametrize("ending", DRIVERS)
@pytest.mark.filterwarnings("error")
def test_every_format_that_is_written_is_read_as_the_geopackage_is(
    make_scene: MakeScene, card: ModelCard, tmp_path: Path, ending: str
) -> None:
    scene = make_scene(blobs(160, 180))
    _, slides, _, mask = go(scene, card, first_band())
    made = tmp_path / f"slides{ending}"
    result = CliRunner().invoke(main, ["polygonize", str(tmp_path / "prob.tif"), "-o", str(made)])
    assert result.exit_code == 0, result.output
    read = read_layers(made, scene.name)
    # FlatGeobuf lies in the order of its spatial index.
    landslides = read.landslides.sort_values("id")
    assert landslides["id"].tolist() == slides["id"].tolist()
    assert landslides["area_m2"].tolist() == slides["area_m2"].tolist()
    assert "bbox" not in landslides
    if ending in (".gpkg", ".parquet"):
        assert read.run["model"] == card.model_id
    scores = evaluate_inventory(made, reference=tmp_path / "scene.gpkg", scene=scene).judged[0].scores
    assert scores.true == np.count_nonzero(mask == 1)
    assert scores.f1 == pytest.approx(1, abs=1e-4)
    with pytest.raises(TrainingDataError, match=f"nobody has reviewed the {len(slides)} polygons"):
        read_by_labels(made, scene)
    area = read_by_area(made, scene)
    assert area.polygon.area == pytest.approx(np.count_nonzero(mask == 1), rel=1e-3)  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", READERS)
@pytest.mark.parametrize("held", ["no table", "no geometry"])
def test_what_is_no_geoparquet_is_refused(
    make_scene: MakeScene, tmp_path: Path, error: type[LandslideError], held: str
) -> None:
    path = tmp_path / "slides.parquet"
    if held == "no table":
        path.write_text("nothing")
    else:
        import pandas as pd

        pd.DataFrame({"id": [1]}).to_parquet(path)
    with pytest.raises(error, match=r"slides\.parquet can't be read as .*; give "):
        READERS[error](path, make_scene(blobs(160, 180)))


@pytest.mark.parametrize("error", READERS)
def test_reading_geoparquet_needs_its_extra(
    make_scene: MakeScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[LandslideError]
) -> None:
    path = tmp_path / "slides.parquet"
    path.touch()
    find = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "pyarrow" else find(name))
    with pytest.raises(LandslideError, match=r"slides\.parquet: GeoParquet needs the package pyarrow.*\[parquet\]"):
        READERS[error](path, make_scene(blobs(160, 180)))


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
        assert Labels.read(two, opened).truth(rasterio.windows.Window(0, 0, 60, 50)).sum() == 700
    assert len(read_inventory(two)) == 2
    frame = read_polygons(two)
    assert frame.index.tolist() == [0, 1]
    assert frame.crs.to_epsg() == 4326


def test_polygons_in_collections_count(scene: Path, tmp_path: Path) -> None:
    mixed = shapely.GeometryCollection([on_map(ONE), shapely.LineString([(0, 0), (1, 1)])])
    path = tmp_path / "mixed.gpkg"
    geopandas.GeoDataFrame(geometry=[mixed, on_map(TWO), None], crs=UTM).to_file(path)
    with open_scene(scene, wanted=("any",)) as opened:
        assert pixels_in(path, opened) == 700
        assert Labels.read(path, opened).truth(rasterio.windows.Window(0, 0, 60, 50)).sum() == 700
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


def test_an_area_of_the_whole_world_is_all_of_the_scene(scene: Path, tmp_path: Path) -> None:
    path = tmp_path / "world.geojson"
    geopandas.GeoDataFrame(geometry=[shapely.box(-180, -90, 180, 90)], crs=4326).to_file(path)
    with open_scene(scene, wanted=("any",)) as opened:
        assert pixels_in(path, opened) == 50 * 60


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
