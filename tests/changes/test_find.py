"""What became of each landslide, between inventories of anyone."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import geopandas
import numpy as np
import pyogrio
import pyogrio.raw
import pytest
import shapely
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity

from landslide_cli import ChangeRules, Changes, find_changes
from landslide_cli.changes.match import CLASSES
from landslide_cli.cli import main
from landslide_cli.errors import InventoryError, OptionError, OutputError
from landslide_cli.inventory.geopackage import read_style
from tests.conftest import UTM
from tests.merging.conftest import read

X, Y = 500_000, 2_949_000


def box(left: float, bottom: float, right: float, top: float) -> shapely.Polygon:
    return shapely.box(X + left, Y + bottom, X + right, Y + top)


def write(path: Path, shapes: list[Any], looked: Any = None, crs: str | None = UTM, **columns: Any) -> Path:
    """An inventory; where it looked, if it tells."""
    columns = {"id": range(1, len(shapes) + 1), **columns}
    frame = geopandas.GeoDataFrame(columns, geometry=shapes, crs=UTM).to_crs(crs)
    frame.to_file(path, **({"layer": "landslides"} if path.suffix == ".gpkg" else {}))
    if looked is not None:
        there = geopandas.GeoDataFrame({"scene": ["s"]}, geometry=[looked], crs=UTM).to_crs(crs)
        there.to_file(path, layer="analysed")
    return path


def counts(found: Changes) -> dict[str, int]:
    return {row.change: row.landslides for row in found.classes if row.landslides}


def test_each_landslide_has_one_class(tmp_path: Path) -> None:
    old = write(
        tmp_path / "old.gpkg",
        [box(0, 0, 10, 10), box(20, 0, 30, 10), box(40, 0, 50, 10), box(60, 0, 70, 10), box(300, 0, 310, 10)],
        box(-50, -50, 150, 150),
    )
    new = write(
        tmp_path / "new.gpkg",
        [box(0, 0, 10, 11), box(20, 0, 30, 20), box(40, 0, 44, 10), box(80, 0, 90, 10), box(160, 0, 170, 10)],
        box(-50, -50, 200, 150),
    )
    found = find_changes(old, new, tmp_path / "changes.gpkg")
    assert counts(found) == {"known": 1, "grown": 1, "shrunk": 1, "new": 1, "gone": 1, "not analysed": 2}
    rows = read(tmp_path / "changes.gpkg", "changes")
    told = {(row.ids_old, row.ids_new): (row.change, row.outline) for row in rows.itertuples()}
    assert told == {
        ("1", "1"): ("known", "new"), ("2", "2"): ("grown", "new"), ("3", "3"): ("shrunk", "new"),
        ("", "4"): ("new", "new"), ("", "5"): ("not analysed", "new"), ("4", ""): ("gone", "old"),
        ("5", ""): ("not analysed", "old"),
    }  # fmt: skip
    grown = rows[rows["change"] == "grown"].iloc[0]
    assert (grown["ratio"], grown["iou"]) == (2.0, 0.5)
    assert grown["area_new_m2"] == pytest.approx(200 / 0.9996**2, rel=1e-3)
    assert rows["area_old_m2"].isna().sum() == 2
    styles = pyogrio.read_dataframe(tmp_path / "changes.gpkg", layer="layer_styles", read_geometry=False)
    assert styles["f_table_name"].tolist() == ["changes"]


shifts = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 6)), min_size=1, max_size=12)


@given(shifts, shifts)
@settings(max_examples=15)
def test_every_landslide_of_both_is_told_once(tmp_path_factory: pytest.TempPathFactory, old: Any, new: Any) -> None:
    folder = tmp_path_factory.mktemp("changes")
    shapes = [[box(10 * x, 10 * y, 10 * x + 3 * size, 10 * y + 3 * size) for x, y, size in side] for side in (old, new)]
    paths = [write(folder / f"{name}.gpkg", side) for name, side in zip(("old", "new"), shapes, strict=True)]
    found = find_changes(*paths, folder / "changes.gpkg")
    rows = read(folder / "changes.gpkg", "changes")
    for name, side in zip(("ids_old", "ids_new"), shapes, strict=True):
        told = [one for text in rows[name] for one in text.split(", ") if one]
        assert sorted(map(int, told)) == list(range(1, len(side) + 1))
    back = find_changes(*paths[::-1], folder / "back.gpkg")
    turned = {"new": "gone", "gone": "new", "grown": "shrunk", "shrunk": "grown", "known": "known"}
    assert {turned[name]: count for name, count in counts(found).items()} == counts(back)
    assert sum(counts(found).values()) == len(rows)


def test_an_inventory_against_itself_changes_nothing(tmp_path: Path) -> None:
    shapes = [box(30 * n, 0, 30 * n + 5 + n, 9) for n in range(8)]
    for crs in (UTM, "EPSG:4326", "EPSG:3857"):
        one = write(tmp_path / f"{crs[5:]}.gpkg", shapes, crs=crs)
        other = write(tmp_path / f"new{crs[5:]}.gpkg", shapes)
        found = find_changes(one, other, tmp_path / f"c{crs[5:]}.gpkg")
        assert (counts(found), found.crs) == ({"known": 8}, UTM)
        rows = read(tmp_path / f"c{crs[5:]}.gpkg", "changes")
        assert rows["iou"].min() > 0.999


def test_only_ground_that_both_looked_at_is_compared(tmp_path: Path) -> None:
    """The new scene ends in the middle of a landslide that hasn't changed."""
    old = write(tmp_path / "old.gpkg", [box(0, 0, 40, 10)], box(-50, -50, 150, 150))
    new = write(tmp_path / "new.gpkg", [box(0, 0, 20, 10)], box(-50, -50, 20, 150))
    found = find_changes(old, new, tmp_path / "changes.gpkg")
    assert counts(found) == {"known": 1}
    assert read(tmp_path / "changes.gpkg", "changes")["area_old_m2"][0] == pytest.approx(400, rel=1e-2)


def test_pieces_of_one_landslide_are_one(tmp_path: Path) -> None:
    old = write(tmp_path / "old.gpkg", [box(0, 0, 30, 10)])
    new = write(tmp_path / "new.gpkg", [box(0, 0, 14, 10), box(15, 0, 30, 10)])
    find_changes(old, new, tmp_path / "changes.gpkg")
    (row,) = read(tmp_path / "changes.gpkg", "changes").itertuples()
    assert (row.change, row.n_old, row.n_new, row.ids_new) == ("known", 1, 2, "1, 2")
    assert row.geometry.area == pytest.approx(290)


@pytest.mark.parametrize("crs", ["EPSG:4326", UTM])
def test_points_are_found_by_their_distance(tmp_path: Path, crs: str) -> None:
    points = [shapely.Point(X + x, Y + 5) for x in (5, 40, 95, 200)]
    old = write(tmp_path / "points.geojson", points, crs="EPSG:4326")
    new = write(tmp_path / "new.gpkg", [box(0, 0, 10, 10), box(60, 0, 70, 10), box(120, 0, 130, 10)],
                box(-50, -50, 150, 150), crs=crs)  # fmt: skip
    found = find_changes(old, new, tmp_path / "changes.gpkg", rules=ChangeRules(distance_m=22))
    assert counts(found) == {"known": 2, "new": 1, "gone": 1, "not analysed": 1}
    spots = read(tmp_path / "changes.gpkg", "points")
    assert spots["change"].tolist() == ["known", "known", "gone", "not analysed"]
    assert spots["id_there"].tolist() == ["1", "2", "3", "4"]
    rows = read(tmp_path / "changes.gpkg", "changes")
    assert rows["change"].tolist() == ["known", "known", "new"]
    assert rows["id"].tolist()[:2] == spots["id"].tolist()[:2]
    assert counts(find_changes(old, new, tmp_path / "in.gpkg", rules=ChangeRules(distance_m=0)))["known"] == 1


def test_geometry_of_all_kinds_is_taken(tmp_path: Path) -> None:
    """Broken, of several parts, with heights, in collections, curved; and null."""
    bow = shapely.Polygon([(X, Y), (X + 10, Y + 10), (X + 10, Y), (X, Y + 10)])
    several = shapely.MultiPolygon([box(100, 0, 110, 10), box(112, 0, 122, 10)])
    high = shapely.force_3d(box(200, 0, 210, 10), 77)
    mixed = shapely.GeometryCollection([box(300, 0, 310, 10), shapely.Point(X, Y)])
    shapes = [bow, several, high, mixed, None, shapely.LineString([(X, Y), (X + 1, Y)])]
    old = write(tmp_path / "old.gpkg", shapes)
    new = write(tmp_path / "new.gpkg", [shapely.convex_hull(bow), several, high, box(300, 0, 310, 10)])
    found = find_changes(old, new, tmp_path / "changes.gpkg", rules=ChangeRules(growth=1.1))
    assert counts(found) == {"known": 4}
    assert not read(tmp_path / "changes.gpkg", "changes").has_z.any()

    corners = [(X, Y), (X + 10, Y + 10), (X + 20, Y), (X + 10, Y - 10), (X, Y)]
    arc = struct.pack("<BII", 1, 8, 5) + b"".join(struct.pack("<dd", *corner) for corner in corners)
    wkb = np.array([struct.pack("<BII", 1, 10, 1) + arc], dtype=object)
    pyogrio.raw.write(
        tmp_path / "curved.gpkg", wkb, [np.array([1])], ["id"], layer="a", driver="GPKG", geometry_type="Unknown",
        crs=UTM,
    )  # fmt: skip
    disc = write(tmp_path / "disc.gpkg", [shapely.Point(X + 10, Y).buffer(10)])
    find_changes(tmp_path / "curved.gpkg", disc, tmp_path / "curve.gpkg")
    assert read(tmp_path / "curve.gpkg", "changes")["iou"][0] > 0.99


def test_what_a_reviewer_rejected_is_left_out(tmp_path: Path) -> None:
    old = write(tmp_path / "old.gpkg", [box(0, 0, 10, 10)], status=["not_landslide"])
    new = write(tmp_path / "new.gpkg", [box(0, 0, 10, 10)], status=["landslide"])
    assert counts(find_changes(old, new, tmp_path / "changes.gpkg")) == {"new": 1}


def test_an_inventory_of_nothing_is_an_answer(tmp_path: Path) -> None:
    nothing = geopandas.GeoDataFrame({"id": np.zeros(0, int)}, geometry=[], crs=UTM)
    pyogrio.write_dataframe(nothing, tmp_path / "new.gpkg", layer="landslides", geometry_type="Polygon")
    old = write(tmp_path / "old.gpkg", [box(0, 0, 10, 10)])
    assert counts(find_changes(old, tmp_path / "new.gpkg", tmp_path / "changes.gpkg")) == {"gone": 1}
    assert counts(find_changes(tmp_path / "new.gpkg", old, tmp_path / "back.gpkg")) == {"new": 1}


def test_what_can_not_be_compared_is_refused(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.gpkg", [box(0, 0, 10, 10)]), write(tmp_path / "b.gpkg", [box(0, 0, 10, 10)])
    out = tmp_path / "changes.gpkg"
    with pytest.raises(InventoryError, match="is named twice"):
        find_changes(a, a, out)
    with pytest.raises(OutputError, match=r"let the name end in \.gpkg"):
        find_changes(a, b, tmp_path / "changes.shp")
    with pytest.raises(OptionError, match="give a share from 0 to below 1"):
        ChangeRules(overlap=1)
    for wrong in ({"growth": -0.1}, {"growth": float("nan")}, {"distance_m": -1}, {"overlap": True}):
        with pytest.raises(OptionError, match=next(iter(wrong))):
            ChangeRules(**wrong)
    lines = write(tmp_path / "lines.gpkg", [shapely.LineString([(X, Y), (X + 1, Y)])])
    with pytest.raises(InventoryError, match="holds neither polygons nor points"):
        find_changes(lines, b, out)
    (tmp_path / "no.gpkg").write_text("no")
    with pytest.raises(InventoryError, match=r"no\.gpkg can't be read as an inventory"):
        find_changes(tmp_path / "no.gpkg", b, out)
    lost = geopandas.GeoDataFrame({"id": [1]}, geometry=[affinity.translate(box(0, 0, 1, 1))])
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        lost.to_file(tmp_path / "lost.gpkg", layer="landslides")
    with pytest.raises(InventoryError, match=r"lost\.gpkg has no coordinate reference system"):
        find_changes(tmp_path / "lost.gpkg", b, out)
    assert not out.exists()
    find_changes(a, b, out)
    with pytest.raises(OutputError, match="exists"):
        find_changes(a, b, out)
    told: list[tuple[int, int, str]] = []
    find_changes(a, b, out, overwrite=True, on_progress=lambda *now: told.append(now))
    assert told == [(1, 3, "1 and 1 landslides read"), (2, 3, "compared"), (3, 3, "written")]


@pytest.mark.parametrize("layer", ["changes", "points"])
def test_the_style_of_a_layer_has_a_colour_for_each_class(layer: str) -> None:
    style = ElementTree.fromstring(read_style(layer))
    categories = {one.get("value"): one.get("symbol") for one in style.iter("category")}
    assert set(categories) == set(CLASSES)
    assert set(categories.values()) == {one.get("name") for one in style.iterfind("renderer-v2/symbols/symbol")}


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    old = write(tmp_path / "old.gpkg", [box(0, 0, 100, 100)], box(-50, -50, 550, 550))
    new = write(tmp_path / "new.gpkg", [box(0, 0, 100, 200), box(300, 0, 400, 100)])
    words = ["changes", str(old), str(new), "-o", str(tmp_path / "changes.gpkg")]
    shown = CliRunner().invoke(main, words)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines() == [
        "change        landslides      old ha      new ha",
        "new                    1                    1.00",
        "grown                  1        1.00        2.00",
        "known                  0",
        "shrunk                 0",
        "gone                   0",
        "not analysed           0",
        f"{new} doesn't tell where it looked: it is taken to have looked everywhere",
        f"{tmp_path}/changes.gpkg: 1 landslides against 2",
    ]
    told = json.loads(CliRunner().invoke(main, [*words, "--overwrite", "--json"]).stdout)
    assert [row["change"] for row in told["classes"]] == list(CLASSES)
    assert (told["old"], told["new"], told["new_tells"]) == (1, 2, False)


def test_time_grows_with_the_landslides_and_not_with_their_square(tmp_path: Path) -> None:
    """By the calls into shapely, which a busy machine doesn't change."""

    def calls(count: int) -> int:
        shapes = [box(30 * n, 0, 30 * n + 5 + n % 7, 9) for n in range(count)]
        paths = [write(tmp_path / f"{name}{count}.gpkg", shapes) for name in ("old", "new")]
        seen = 0
        with pytest.MonkeyPatch.context() as patch:
            real = shapely.get_type_id

            def counting(geometry: Any) -> Any:
                nonlocal seen
                seen += np.size(geometry)
                return real(geometry)

            patch.setattr(shapely, "get_type_id", counting)
            find_changes(*paths, tmp_path / f"changes{count}.gpkg")
        return seen

    assert calls(400) < 5 * calls(100)
