"""What the merged inventory holds."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import geopandas
import pyogrio
import pyproj
import pytest
import shapely
from affine import Affine
from click.testing import Result

import landslide_cli
from landslide_cli.errors import OutputError
from tests.batch.conftest import assert_same, beside, go_batch, image, layers, planned
from tests.conftest import TRANSFORM, UTM, MakeScene, first_band

NEW = ["id_in_scene", "overlaps"]


def test_the_merged_inventory_is_all_inventories_one_after_the_other(scenes: Path, tmp_path: Path, model: Path) -> None:
    out = tmp_path / "out"
    summary = go_batch(scenes, out, model)
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith(".")) == [
        "a.gpkg", "b.gpkg", "c.gpkg", "d.gpkg", "landslide.log", "landslides.gpkg",
    ]  # fmt: skip
    singles = []
    for name in "abcd":
        single = tmp_path / f"{name}.gpkg"
        runtime = landslide_cli.Runtime(model=model)
        landslide_cli.detect(scenes / f"{name}.tif", single, runtime=runtime, engine=first_band())
        assert_same(single, out / f"{name}.gpkg")
        singles.append(layers(single))
    merged = layers(out / "landslides.gpkg")
    for layer, frame in merged.items():
        rows = [row for single in singles for row in single[layer].itertuples(index=False)]
        if layer == "landslides":
            assert frame["id"].tolist() == list(range(1, 11))
            assert (frame["overlaps"] == 0).all()
            frame = frame.assign(id=frame["id_in_scene"]).drop(columns=NEW)
        assert list(frame.columns) == list(singles[0][layer].columns)
        assert [str(row) for row in frame.itertuples(index=False)] == [str(row) for row in rows]
    assert merged["landslides"].crs == "EPSG:32648"
    assert merged["landslides"]["scene"].tolist() == [f"{name}.tif" for name, n in zip("abcd", range(1, 5), strict=True)
                                                      for _ in range(n)]  # fmt: skip
    assert (summary.done, summary.failed, summary.landslides) == (4, 0, 10)
    assert summary.area_m2 == pytest.approx(sum(single["landslides"]["area_m2"].sum() for single in singles))
    assert summary.analysed_m2 == pytest.approx(sum(single["analysed"]["area_m2"].sum() for single in singles))
    styles = pyogrio.read_dataframe(out / "landslides.gpkg", layer="layer_styles", read_geometry=False)
    assert set(styles["f_table_name"]) == {"landslides", "analysed"}
    assert pyogrio.read_info(out / "landslides.gpkg", layer="landslides")["dataset_metadata"]["LANDSLIDE_MODEL"]


def test_long_layers_are_merged_in_pieces(
    scenes: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = [scenes / "c.tif", scenes / "a.tif"]
    go_batch(some, tmp_path / "one", model)
    monkeypatch.setattr("landslide_cli.batch.parts.ROWS", 2)
    go_batch(some, tmp_path / "two", model)
    assert_same(tmp_path / "one" / "landslides.gpkg", tmp_path / "two" / "landslides.gpkg")


@pytest.mark.parametrize(
    ("systems", "centre"),
    [
        (("EPSG:32648", "EPSG:32649"), (108.0, 26.6)),
        (("EPSG:32648", "EPSG:3857"), (105.1, 26.6)),
        (("EPSG:32660", "EPSG:32601"), (180.0, -16.5)),  # across the antimeridian
    ],
)
def test_scenes_of_several_systems_are_merged_in_degrees(
    systems: tuple[str, str], centre: tuple[float, float], tmp_path: Path, model: Path, make_scene: MakeScene
) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    for name, crs, east in zip("ab", systems, (-0.001, 0.0), strict=True):
        place = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(centre[0] + east, centre[1])
        transform = Affine.translation(*place) @ Affine.scale(0.8, -0.8)
        make_scene(image((10, 10, 30, 40), (60, 60, 20, 9)), name=f"scenes/{name}.tif", crs=crs, transform=transform)
    summary = go_batch(folder, tmp_path / "out", model)
    assert summary.crs == "EPSG:4326"
    merged = geopandas.read_file(tmp_path / "out" / "landslides.gpkg", layer="landslides")
    assert merged.is_valid.all()
    assert merged.total_bounds[2] - merged.total_bounds[0] < 0.01
    singles = [geopandas.read_file(tmp_path / "out" / f"{name}.gpkg", layer="landslides") for name in "ab"]
    for name in ("area_m2", "lon", "lat", "prob_mean", "azimuth_deg"):
        assert merged[name].tolist() == [value for single in singles for value in single[name]]
    geod = pyproj.Geod(ellps="WGS84")
    for row in merged.itertuples():
        area, _ = geod.geometry_area_perimeter(row.geometry)
        assert area == pytest.approx(row.area_m2, abs=0.006)  # attributes are rounded
        assert (row.geometry.centroid.x - row.lon + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)
        assert row.geometry.centroid.y == pytest.approx(row.lat, abs=1e-6)
    analysed = geopandas.read_file(tmp_path / "out" / "landslides.gpkg", layer="analysed")
    for row in analysed.itertuples():
        assert geod.geometry_area_perimeter(row.geometry)[0] == pytest.approx(row.area_m2, abs=0.006)


def test_landslides_that_lie_in_two_scenes_are_marked(
    tmp_path: Path, make_scene: MakeScene, command: Callable[..., Result]
) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    # b lies 60 columns east of a, c 100 east of b: b and c share an edge.
    make_scene(image((10, 70, 10, 12), (50, 10, 10, 10)), name="scenes/a.tif")
    make_scene(image((10, 12, 10, 10), (40, 90, 10, 10)), name="scenes/b.tif", transform=beside(1, 60))
    make_scene(image((40, 0, 10, 10)), name="scenes/c.tif", transform=beside(1, 160))
    make_scene(image(), name="scenes/empty.tif")
    result = command(folder, "-o", tmp_path / "out")
    merged = geopandas.read_file(tmp_path / "out" / "landslides.gpkg", layer="landslides")
    assert merged["overlaps"].tolist() == [1, 0, 1, 0, 0]
    assert result.stdout.splitlines()[0] == (
        "2 landslides overlap one of another scene, 0.01 ha of them more than once: see the attribute overlaps"
    )
    told = json.loads(command(folder, "-o", tmp_path / "out", "--json").stdout)
    assert told["overlapping"] == 2
    # From column 72 to 82 of a, 10 rows.
    assert told["overlap_m2"] == pytest.approx(100 * 0.64 / 0.9996**2, rel=1e-4)
    assert told["area_m2"] == pytest.approx(merged["area_m2"].sum())


def test_scenes_without_a_system_are_left_out_where_others_have_one(
    tmp_path: Path, make_scene: MakeScene, command: Callable[..., Result]
) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    make_scene(image((10, 10, 5, 5)), name="scenes/a.tif", crs=None)
    alone = command(folder, "-o", tmp_path / "alone")
    assert alone.stdout.splitlines()[-1].endswith("1 of 1 scene, 1 landslide, areas unknown without a CRS")
    make_scene(image((20, 10, 5, 5)), name="scenes/b.tif")
    both = command(folder, "-o", tmp_path / "both")
    assert both.stdout.startswith("not in it, for they have no coordinate reference system as the others do: a.tif\n")
    merged = geopandas.read_file(tmp_path / "both" / "landslides.gpkg", layer="landslides")
    assert merged["scene"].tolist() == ["b.tif"]


def edit(path: Path, *statements: str) -> None:
    """As QGIS saves edits: triggers that need GDAL's functions step aside."""
    with closing(sqlite3.connect(path)) as file, file:
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            file.execute(statement)


@pytest.mark.parametrize("which", ["a", "b"])
def test_columns_that_were_added_or_deleted(scenes: Path, tmp_path: Path, model: Path, which: str) -> None:
    some, out = [scenes / "a.tif", scenes / "b.tif"], tmp_path / "out"
    before = go_batch(some, out, model)
    edit(
        out / f"{which}.gpkg",
        "ALTER TABLE landslides ADD COLUMN verified TEXT",
        "ALTER TABLE landslides ADD COLUMN visits INTEGER",
        "ALTER TABLE landslides DROP COLUMN elongation",
        "UPDATE landslides SET verified = 'yes', visits = 3",
    )
    assert go_batch(some, out, model).area_m2 == before.area_m2
    merged = geopandas.read_file(out / "landslides.gpkg", layer="landslides")
    edited = merged["scene"] == f"{which}.tif"
    assert (merged.loc[edited, ["verified", "visits"]] == ["yes", 3]).all(axis=None)
    assert merged.loc[~edited, ["verified", "visits"]].isna().all(axis=None)
    assert (merged["elongation"].isna() == edited).all()
    assert merged["id"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("which", ["a", "b"])
def test_types_of_columns_that_differ(scenes: Path, tmp_path: Path, model: Path, which: str) -> None:
    some, out = [scenes / "a.tif", scenes / "b.tif"], tmp_path / "out"
    go_batch(some, out, model)
    for name in "ab":
        kind, value = ("TEXT", "'7b'") if name == which else ("INTEGER", "7")
        add, fill = f"ALTER TABLE landslides ADD COLUMN Note {kind}", f"UPDATE landslides SET Note = {value}"
        edit(out / f"{name}.gpkg", add, fill)
    go_batch(some, out, model)
    merged = geopandas.read_file(out / "landslides.gpkg", layer="landslides")
    assert merged["Note"].tolist() == [{True: "7b", False: "7"}[name[0] == which] for name in merged["scene"]]


def test_polygons_that_were_drawn(scenes: Path, tmp_path: Path, model: Path) -> None:
    some, out = [scenes / "a.tif", scenes / "b.tif"], tmp_path / "out"
    before = go_batch(some, out, model)
    x, y = TRANSFORM.c, TRANSFORM.f
    bow_tie = shapely.Polygon([(x, y), (x + 8, y - 8), (x + 8, y), (x, y - 8)])
    drawn = [shapely.box(x + 40, y - 8, x + 48, y), bow_tie, None, shapely.Point(x, y)]
    frame = geopandas.GeoDataFrame({"id": [99, None, None, None]}, geometry=drawn, crs=UTM)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pyogrio.write_dataframe(frame, out / "b.gpkg", layer="landslides", append=True)
    found = go_batch(some, out, model)
    assert (found.landslides, found.area_m2) == (before.landslides + 2, before.area_m2)
    merged = geopandas.read_file(out / "landslides.gpkg", layer="landslides")
    ours = merged[merged["area_m2"].isna()]
    assert ours.geometry.area.tolist() == pytest.approx([64, 32])
    assert merged.geometry.is_valid.all()
    assert ours["id"].tolist() == [4, 5]
    assert ours["id_in_scene"].iloc[0] == 99
    assert ours["id_in_scene"].isna().tolist() == [False, True]


def test_a_layer_of_another_name_is_told_in_one_line(
    scenes: Path, tmp_path: Path, command: Callable[..., Result]
) -> None:
    out = tmp_path / "out"
    assert command(scenes, "-o", out).exit_code == 0
    frame = geopandas.read_file(out / "a.gpkg", layer="landslides")
    (out / "a.gpkg").unlink()
    frame.to_file(out / "a.gpkg", layer="mine")
    again = command(scenes, "-o", out)
    assert again.exit_code == 1
    assert "a.gpkg has no layer 'landslides' of polygons, only mine" in again.stderr.splitlines()[-1]
    assert geopandas.list_layers(out / "a.gpkg")["name"].tolist() == ["mine"]


def test_layers_that_were_deleted(scenes: Path, tmp_path: Path, model: Path) -> None:
    out = tmp_path / "out"
    go_batch(scenes, out, model)
    frame = geopandas.read_file(out / "a.gpkg", layer="landslides")
    (out / "a.gpkg").unlink()
    frame.to_file(out / "a.gpkg", layer="landslides")
    assert go_batch(scenes, out, model).landslides == 10
    assert set(layers(out / "landslides.gpkg")["analysed"]["scene"]) == {"b.tif", "c.tif", "d.tif"}


OPEN = """
import sqlite3, sys
con = sqlite3.connect(sys.argv[1]); con.execute("pragma journal_mode=wal")
names = con.execute("select name from sqlite_master where type='trigger'").fetchall()
for name, in names: con.execute(f'drop trigger "{name}"')
con.commit(); print("open", flush=True); sys.stdin.readline()
con.execute("delete from landslides where id > 1"); con.commit(); print("saved", flush=True); sys.stdin.readline()
"""


def test_edits_that_are_saved_while_the_file_stays_open(scenes: Path, tmp_path: Path, model: Path) -> None:
    out, pipe = tmp_path / "out", subprocess.PIPE
    go_batch(scenes, out, model)
    command = [sys.executable, "-c", OPEN, str(out / "d.gpkg")]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as qgis:
        assert qgis.stdin is not None
        assert qgis.stdout is not None
        qgis.stdout.readline()
        assert go_batch(scenes, out, model).landslides == 10
        qgis.stdin.write("\n")
        qgis.stdin.flush()
        qgis.stdout.readline()
        assert go_batch(scenes, out, model).landslides == 7
        assert planned(scenes, out, model).left == {}
        qgis.stdin.write("\n")
    assert go_batch(scenes, out, model).landslides == 7


def test_a_merged_inventory_that_is_open_or_has_layers_of_others(scenes: Path, tmp_path: Path, model: Path) -> None:
    out = tmp_path / "out"
    go_batch(scenes, out, model)
    frame = geopandas.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(0, 0)], crs=UTM)
    frame.to_file(out / "landslides.gpkg", layer="field_points")
    with pytest.raises(OutputError, match="field_points"):
        go_batch(scenes, out, model)
