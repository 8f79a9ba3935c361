"""Inventories as people leave them: new columns, drawn polygons, broken rings, files that are still open."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine

from landslide_cli import merge
from landslide_cli.errors import InventoryError
from landslide_cli.merging.parts import Part
from landslide_cli.scene.ground import Ground
from tests.conftest import UTM
from tests.merging.conftest import edit, read

Said = Callable[..., Path]


@pytest.fixture
def two(said: Said) -> list[Path]:
    """Two scenes that share nothing."""
    a = said("a", [(0, 0, 10, 10), (20, 0, 30, 10)])
    return [a, said("b", [(200, 0, 210, 10)], (150, 0, 250, 100))]


@pytest.mark.parametrize("which", ["a", "b"])
def test_columns_that_were_added_or_deleted(two: list[Path], tmp_path: Path, which: str) -> None:
    edit(
        tmp_path / f"{which}.gpkg",
        "ALTER TABLE landslides ADD COLUMN verified TEXT",
        "ALTER TABLE landslides ADD COLUMN visits INTEGER",
        "ALTER TABLE landslides DROP COLUMN prob_mean",
        "UPDATE landslides SET verified = 'yes', visits = 3",
    )
    merge(two, tmp_path / "all.gpkg")
    merged = read(tmp_path / "all.gpkg")
    edited = merged["scene"] == f"{which}.tif"
    assert (merged.loc[edited, ["verified", "visits"]] == ["yes", 3]).all(axis=None)
    assert merged.loc[~edited, ["verified", "visits"]].isna().all(axis=None)
    assert (merged["prob_mean"].isna() == edited).all()
    assert merged["id"].tolist() == [1, 2, 3]


def test_types_of_columns_that_differ(two: list[Path], tmp_path: Path) -> None:
    for path, kind, value in zip(two, ("TEXT", "INTEGER"), ("'7b'", "7"), strict=True):
        edit(path, f"ALTER TABLE landslides ADD COLUMN Note {kind}", f"UPDATE landslides SET Note = {value}")
    merge(two, tmp_path / "all.gpkg")
    assert read(tmp_path / "all.gpkg")["Note"].tolist() == ["7b", "7b", "7"]


def test_polygons_that_were_drawn_are_measured_and_rows_without_one_left_out(two: list[Path], tmp_path: Path) -> None:
    x, y = 500_000, 2_949_050
    bow_tie = shapely.Polygon([(x, y), (x + 8, y - 8), (x + 8, y), (x, y - 8)])
    drawn = [shapely.box(x + 40, y - 8, x + 48, y), bow_tie, None, shapely.Point(x, y)]
    frame = geopandas.GeoDataFrame({"id": [99, None, None, None]}, geometry=drawn, crs=UTM)
    edit(two[0], "ALTER TABLE landslides ADD COLUMN area_m2 REAL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pyogrio.write_dataframe(frame, two[0], layer="landslides", append=True)
    found = merge(two, tmp_path / "all.gpkg")
    merged = read(tmp_path / "all.gpkg")
    assert found.landslides == 5
    assert merged.geometry.is_valid.all()
    assert merged["area_m2"].to_numpy() == pytest.approx(merged.area.to_numpy() / 0.9996**2, rel=1e-3)
    assert found.area_m2 == pytest.approx(merged["area_m2"].sum(), rel=1e-4)
    assert merged["id_in_scene"].fillna(-1).tolist() == [1, 2, 99, -1, 1]
    assert merged["scene"].tolist() == ["a.tif"] * 4 + ["b.tif"]
    assert merged["cut"].tolist() == [False] * 5


def test_what_was_reshaped_is_measured_anew_and_all_else_stays_as_it_was_told(two: list[Path], tmp_path: Path) -> None:
    merge(two, tmp_path / "once.gpkg")
    (true,) = Ground(Affine.identity(), UTM).measure(read(two[1]).geometry.to_numpy())[0]
    for name, kind in (("area_m2", "REAL"), ("length_m", "REAL"), ("pixels", "INTEGER")):
        if name not in read(two[0]):
            edit(two[0], f"ALTER TABLE landslides ADD COLUMN {name} {kind}")
    edit(two[0], f"UPDATE landslides SET area_m2 = {true:.2f}, length_m = 77, pixels = 90")
    edit(two[0], "UPDATE landslides SET area_m2 = 55 WHERE fid = 2")
    merge(two, tmp_path / "all.gpkg")
    merged = read(tmp_path / "all.gpkg")
    assert merged["area_m2"].tolist()[:2] == pytest.approx([true, true], abs=0.01)
    assert merged["length_m"].tolist()[:2] == pytest.approx([77, 10], abs=0.01)
    assert merged["pixels"].fillna(-1).tolist()[:2] == [90, -1]


def test_what_was_moved_is_measured_anew(two: list[Path], tmp_path: Path) -> None:
    merge(two, tmp_path / "all.gpkg")
    once = read(tmp_path / "all.gpkg")
    edit(two[0], "ALTER TABLE landslides ADD COLUMN area_m2 REAL", "ALTER TABLE landslides ADD COLUMN lon REAL")
    edit(two[0], "ALTER TABLE landslides ADD COLUMN lat REAL", "ALTER TABLE landslides ADD COLUMN length_m REAL")
    lon, lat = Ground(Affine.identity(), UTM).longitude_latitude(*(np.array([v]) for v in (500_005.0, 2_949_005.0)))
    (area,) = Ground(Affine.identity(), UTM).measure(read(two[1]).geometry.to_numpy())[0]
    edit(two[0], f"UPDATE landslides SET area_m2 = {area:.2f}, lon = {lon[0]:.7f}, lat = {lat[0]:.7f}, length_m = 77")
    merge(two, tmp_path / "moved.gpkg")
    moved = read(tmp_path / "moved.gpkg")
    assert moved["length_m"].tolist()[:2] == pytest.approx([77, 10], abs=0.01)
    assert moved["lon"][1] > moved["lon"][0] + 1e-4
    assert len(once) == len(moved)


OPEN = """
import sqlite3, sys
con = sqlite3.connect(sys.argv[1]); con.execute("pragma journal_mode=wal")
names = con.execute("select name from sqlite_master where type='trigger'").fetchall()
for name, in names: con.execute(f'drop trigger "{name}"')
con.commit(); print("open", flush=True); sys.stdin.readline()
con.execute("delete from landslides where id > 1"); con.commit(); print("saved", flush=True); sys.stdin.readline()
"""


def test_edits_that_are_saved_while_the_file_stays_open(two: list[Path], tmp_path: Path) -> None:
    pipe, out = subprocess.PIPE, tmp_path / "all.gpkg"
    with subprocess.Popen([sys.executable, "-c", OPEN, str(two[0])], stdin=pipe, stdout=pipe, text=True) as qgis:
        assert qgis.stdin is not None
        assert qgis.stdout is not None
        qgis.stdout.readline()
        assert merge(two, out).landslides == 3
        qgis.stdin.write("\n")
        qgis.stdin.flush()
        qgis.stdout.readline()
        assert merge(two, out, overwrite=True).landslides == 2
        qgis.stdin.write("\n")
    assert merge(two, out, overwrite=True).landslides == 2


def test_a_layer_of_another_name_is_told_with_what_to_do(two: list[Path], tmp_path: Path) -> None:
    frame = read(two[0])
    two[0].unlink()
    frame.to_file(two[0], layer="mine")
    with pytest.raises(
        InventoryError, match=r"a\.gpkg has no layer 'landslides' of polygons, only mine.*call its layer"
    ):
        merge(two, tmp_path / "all.gpkg")
    two[0].write_text("no database")
    with pytest.raises(InventoryError, match=r"a\.gpkg can't be read: .*leave it out"):
        merge(two, tmp_path / "all.gpkg")
    assert not (tmp_path / "all.gpkg").exists()


def test_what_is_edited_meanwhile_is_refused(two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Part.attributes

    def slow(part: Part, piece: int, fids: object) -> object:
        edit(two[0], "DELETE FROM landslides WHERE fid = 1")
        return before(part, piece, fids)  # type: ignore[arg-type]

    monkeypatch.setattr(Part, "attributes", slow)
    with pytest.raises(InventoryError, match=r"a\.gpkg was changed while it was merged; start the same command again"):
        merge(two, tmp_path / "all.gpkg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gpkg", "b.gpkg"]


def test_long_layers_are_merged_in_pieces(two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    merge(two, tmp_path / "one.gpkg")
    for module in ("parts", "pairs", "records"):
        monkeypatch.setattr(f"landslide_cli.merging.{module}.ROWS", 1)
    merge(two, tmp_path / "two.gpkg")
    assert read(tmp_path / "one.gpkg").equals(read(tmp_path / "two.gpkg"))
