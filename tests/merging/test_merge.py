"""One record for each landslide: crops of a scene tell what the scene tells, and people's work is kept."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from click.testing import CliRunner
from rasterio.windows import Window
from scipy import ndimage

from landslide_cli import merge
from landslide_cli.cli import main
from landslide_cli.errors import InventoryError, OptionError, OutputError
from landslide_cli.merging.groups import Doubles
from landslide_cli.typing import Float32
from tests.merging.conftest import Box, cropped, edit, read

Said = Callable[..., Path]
SIZE = 420


def field(seed: int) -> Float32:
    """Smooth probabilities with landslides of all sizes, some long ones among them."""
    rng = np.random.default_rng(seed)
    values = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE)), (3, 12)) * 6
    values += ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE)), 5) * 4
    return (1 / (1 + np.exp(1.2 - 2.5 * values))).astype(np.float32)


def crops(rng: np.random.Generator, height: int, width: int) -> list[Window]:
    """Twenty windows that cover all and overlap as much as chance has it, by no pixel at least."""
    found = []
    for i in range(4):
        for j in range(5):
            top, left = round(i * (SIZE - height) / 3), round(j * (SIZE - width) / 4)
            room = (height - SIZE // 4) // 3, (width - SIZE // 5) // 3
            if 0 < i < 3 and 0 < j < 4:
                top, left = (v + int(rng.integers(-r, r + 1)) for v, r in zip((top, left), room, strict=True))
            found.append(Window(left, top, width, height))
    return found


# Crops that overlap by much, by a few pixels, and not at all.
@pytest.mark.parametrize(
    ("size", "doubles"), [((130, 120), "best"), ((130, 120), "union"), ((111, 90), "best"), ((105, 84), "best")]
)
def test_twenty_crops_tell_what_the_whole_scene_tells(size: tuple[int, int], doubles: Doubles, tmp_path: Path) -> None:
    values, rng = field(1), np.random.default_rng(size[0])
    whole = cropped(tmp_path, "whole", values, Window(0, 0, SIZE, SIZE))
    parts = [cropped(tmp_path, f"crop{n}", values, w) for n, w in enumerate(crops(rng, *size))]
    found = merge(parts, tmp_path / "all.gpkg", doubles=doubles)
    expected, merged = read(whole), read(tmp_path / "all.gpkg")
    assert len(expected) > 100
    assert found.doubles > 10
    assert (found.joined > 10) == (size[0] < 130 or doubles == "union")
    assert len(merged) == found.landslides == len(expected)
    union, truth = (shapely.union_all(frame.geometry.to_numpy()) for frame in (merged, expected))
    assert union.symmetric_difference(truth).area < 1e-6 * truth.area
    assert found.area_m2 == pytest.approx(expected["area_m2"].sum(), rel=1e-5)
    assert found.analysed_m2 == pytest.approx(read(whole, "analysed")["area_m2"].sum(), rel=1e-6)
    # Which is which: by a point inside of each.
    pairs = expected.sjoin(merged.set_geometry(merged.representative_point()), how="left")
    assert pairs["index_right"].nunique() == len(expected)
    for name in ("area_m2", "perimeter_m", "compactness", "pixels", "prob_max", "nearest_m"):
        tolerance = 0.05 if name == "nearest_m" else 0.02
        assert pairs[f"{name}_left"].to_numpy() == pytest.approx(pairs[f"{name}_right"].to_numpy(), abs=tolerance), name
    # Two rectangles around a small staircase may be of one area, and then the last digit chooses.
    assert ((pairs["length_m_left"] - pairs["length_m_right"]).abs() < 0.02).mean() > 0.97
    assert (pairs["cut_left"] == pairs["cut_right"]).all()


def test_the_better_record_stands_for_a_landslide_and_tells_who_saw_it(said: Said, tmp_path: Path) -> None:
    slide = (60, 40, 90, 50)
    parts = [
        said("a", [slide, (10, 10, 20, 20)], prob_mean=[0.7, 0.6]),
        said("b", [(60, 40, 85, 50)], (50, 0, 150, 100), prob_mean=0.9),
        said("c", [], (55, 30, 155, 130)),
    ]
    found = merge(parts, tmp_path / "all.gpkg")
    rows = read(tmp_path / "all.gpkg").set_index("scene")
    assert (found.landslides, found.doubles, found.contested, found.scenes) == (2, 1, 0, 3)
    assert rows.loc["b.tif", ["scenes", "seen", "analysed_by"]].tolist() == ["b.tif, a.tif", 2, 3]
    assert rows.loc["a.tif", ["scenes", "seen", "analysed_by"]].tolist() == ["a.tif", 1, 1]
    assert rows.loc["b.tif"].geometry.area == pytest.approx(250)
    assert found.area_m2 == pytest.approx(350 / 0.9996**2, rel=1e-3)
    assert found.analysed_m2 == pytest.approx((150 * 100 + 100 * 30 + 5 * 70) / 0.9996**2, rel=1e-3)
    analysed, footprints = read(tmp_path / "all.gpkg", "analysed"), read(tmp_path / "all.gpkg", "footprints")
    assert analysed["area_m2"].sum() == pytest.approx(found.analysed_m2)
    assert analysed["scenes"].tolist() == [3]
    assert footprints["scene"].tolist() == ["a.tif", "b.tif", "c.tif"]


def test_a_landslide_that_one_of_three_looks_found_is_contested(said: Said, tmp_path: Path) -> None:
    parts = [said("a", [(60, 40, 90, 50)]), said("b", []), said("c", [])]
    assert merge(parts, tmp_path / "all.gpkg").contested == 1
    assert read(tmp_path / "all.gpkg")[["seen", "analysed_by"]].to_numpy().tolist() == [[1, 3]]


def test_a_record_that_is_not_cut_is_better_than_one_of_higher_probability(said: Said, tmp_path: Path) -> None:
    a = said("a", [(80, 40, 100, 50)], prob_mean=0.9, cut=True)
    b = said("b", [(80, 40, 110, 50)], (50, 0, 150, 100), prob_mean=0.6)
    merge([a, b], tmp_path / "all.gpkg")
    merged = read(tmp_path / "all.gpkg")
    assert merged[["scene", "cut", "seen"]].to_numpy().tolist() == [["b.tif", False, 2]]


def test_a_scene_that_saw_a_corner_does_not_speak_for_the_whole(said: Said, tmp_path: Path) -> None:
    """The larger one stays, though the smaller one is of higher probability: its scene hasn't looked at most of it."""
    a = said("a", [(20, 40, 60, 50)], prob_mean=0.6)
    b = said("b", [(52, 40, 58, 50)], (50, 0, 150, 100), prob_mean=0.9)
    merge([a, b], tmp_path / "all.gpkg")
    assert read(tmp_path / "all.gpkg")[["scene", "seen", "analysed_by"]].to_numpy().tolist() == [["a.tif", 2, 2]]
    c = said("c", [(52, 40, 58, 50)], (0, 0, 150, 100), prob_mean=0.9)
    merge([a, c], tmp_path / "both.gpkg")
    assert read(tmp_path / "both.gpkg")["scene"].tolist() == ["c.tif"]


LEFT = (80, 40, 100, 50)


@pytest.mark.parametrize(
    ("right", "looked", "joined"),
    [
        ((100, 40, 120, 50), (100, 0, 200, 100), True),  # touching
        ((100, 50, 120, 60), (100, 0, 200, 100), False),  # at a corner
        ((100.4, 40, 120, 50), (100.4, 0, 200, 100), True),  # grids that don't fit
        ((103, 40, 120, 50), (100, 0, 200, 100), False),  # beside each other
        ((95, 40, 120, 50), (95, 0, 200, 100), True),  # overlapping
    ],
)
def test_halves_are_joined_where_they_touch_at_the_edge_of_a_scene(
    said: Said, tmp_path: Path, right: Box, looked: Box, joined: bool
) -> None:
    parts = [said("a", [LEFT], cut=True, prob_max=0.8), said("b", [right], looked, cut=True, prob_max=0.9)]
    found = merge(parts, tmp_path / "all.gpkg")
    merged = read(tmp_path / "all.gpkg")
    assert (found.joined, len(merged)) == ((1, 1) if joined else (0, 2))
    if joined:
        assert merged.geometry[0].geom_type == "Polygon"
        assert merged.geometry[0].bounds == pytest.approx(np.add((80, 40, 120, 50), (500_000, 2_949_000) * 2))
        told = merged.iloc[0]
        assert (told["prob_max"], told["seen"], told["cut"]) == (0.9, 2, False)
        assert told["pixels"] == pytest.approx(400, abs=4)
        assert {"a.tif", "b.tif"} == set(told["scenes"].split(", "))


def test_halves_of_scenes_of_two_systems_are_joined(said: Said, tmp_path: Path) -> None:
    parts = [
        said("a", [LEFT], cut=True),
        said("b", [(100, 40, 120, 50)], (100, 0, 200, 100), cut=True, crs="EPSG:4326"),
    ]
    found = merge(parts, tmp_path / "all.gpkg")
    assert (found.joined, found.landslides, found.crs) == (1, 1, "EPSG:32648")
    assert read(tmp_path / "all.gpkg").geometry[0].area == pytest.approx(400, rel=1e-3)


def test_every_record_can_be_kept_and_says_which_one_stands_for_it(said: Said, tmp_path: Path) -> None:
    parts = [said("a", [(10, 10, 20, 20), (60, 40, 90, 50)]), said("b", [(60, 40, 85, 50)], prob_mean=0.9)]
    found = merge(parts, tmp_path / "all.gpkg", doubles="keep")
    merged = read(tmp_path / "all.gpkg")
    assert merged["same_as"].fillna(0).tolist() == [0, 3, 0]
    assert merged["seen"].tolist() == [1, 2, 2]
    assert merged["overlaps"].tolist() == [0, 1, 1]
    assert found.landslides == 2
    assert found.area_m2 == pytest.approx(400 / 0.9996**2, rel=1e-3)
    assert not read(merge_of(parts, tmp_path / "best.gpkg")).columns.isin(["same_as"]).any()


def merge_of(parts: list[Path], out: Path, **settings: Any) -> Path:
    merge(parts, out, **settings)
    return out


def test_what_overlaps_by_less_than_half_stays_and_its_ground_counts_once(said: Said, tmp_path: Path) -> None:
    parts = [said("a", [(10, 10, 30, 20)]), said("b", [(22, 10, 42, 20)])]
    found = merge(parts, tmp_path / "all.gpkg")
    assert (found.landslides, found.overlapping) == (2, 2)
    assert found.area_m2 == pytest.approx(320 / 0.9996**2, rel=1e-3)
    assert found.area_m2 < read(tmp_path / "all.gpkg").area.sum()


# ---- people's work ----

SEEN = {"status": "landslide", "reviewer": "Ana", "reviewed_at": "2026-03-01T10:00:00Z", "note": "scarp clear"}


@pytest.mark.parametrize("doubles", ["best", "union"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_reviewed_beats_unreviewed(said: Said, tmp_path: Path, order: tuple[int, int], doubles: Doubles) -> None:
    parts = [
        said("a", [(10, 10, 30, 20)], prob_mean=0.5, cut=True, **SEEN),
        said("b", [(10, 10, 34, 20)], prob_mean=0.9, status="unreviewed", reviewer=None),
    ]
    merge([parts[n] for n in order], tmp_path / "all.gpkg", doubles=doubles)
    (row,) = read(tmp_path / "all.gpkg").to_dict("records")
    assert {name: row[name] for name in SEEN} == SEEN
    assert (row["scene"], row["seen"], row["geometry"].area) == ("a.tif", 2, pytest.approx(200))


def test_the_later_of_two_reviews_counts(said: Said, tmp_path: Path) -> None:
    later = SEEN | {"reviewer": "Luis", "reviewed_at": "2026-03-02 08:00:00+02:00", "status": "unsure"}
    parts = [said("a", [(10, 10, 30, 20)], **SEEN), said("b", [(10, 10, 30, 20)], prob_mean=0.1, **later)]
    merge(parts, tmp_path / "all.gpkg")
    assert read(tmp_path / "all.gpkg")["reviewer"].tolist() == ["Luis"]


def test_what_was_rejected_stays_rejected_and_does_not_count(said: Said, tmp_path: Path) -> None:
    no = {"status": "not_landslide"}
    parts = [
        said("a", [(10, 10, 30, 20), LEFT], cut=[False, True], prob_mean=0.5, **no),
        said("b", [(10, 10, 30, 20), (60, 60, 70, 70)], prob_mean=0.9),
        said("c", [(100, 40, 120, 50)], (100, 0, 200, 100), cut=True),
    ]
    found = merge(parts, tmp_path / "all.gpkg")
    merged = read(tmp_path / "all.gpkg")
    assert (found.landslides, found.rejected, found.joined) == (2, 2, 0)
    assert (merged["status"] == "not_landslide").tolist() == [True, True, False, False]
    assert found.area_m2 == pytest.approx(300 / 0.9996**2, rel=1e-3)


def test_what_a_person_reshaped_or_noted_beats_what_nobody_touched(said: Said, tmp_path: Path) -> None:
    noted = said("a", [(10, 10, 30, 20)], prob_mean=0.5, verified="yes")
    other = said("b", [(10, 10, 34, 20)], prob_mean=0.9)
    merge([noted, other], tmp_path / "all.gpkg")
    assert read(tmp_path / "all.gpkg")["verified"].tolist() == ["yes"]


# ---- inventories of inventories ----


def as_set(path: Path) -> set[tuple[Any, ...]]:
    frame = read(path)
    return {
        (row.geometry.normalize().wkt, row.scene, frozenset(row.scenes.split(", ")), row.seen, row.analysed_by, row.cut)
        for row in frame.itertuples()
    }


def test_the_order_of_parts_and_steps_between_change_nothing(tmp_path: Path) -> None:
    values, rng = field(3)[:200, :200], np.random.default_rng(3)
    windows = [Window(0, 0, 120, 120), Window(80, 0, 120, 120), Window(0, 80, 120, 120), Window(80, 80, 120, 120)]
    parts = [cropped(tmp_path, f"crop{n}", values, window) for n, window in enumerate(windows)]
    once = as_set(merge_of(parts, tmp_path / "once.gpkg"))
    assert len(once) > 20
    shuffled = [parts[n] for n in rng.permutation(4)]
    assert {row[0] for row in as_set(merge_of(shuffled, tmp_path / "shuffled.gpkg"))} == {row[0] for row in once}
    first = merge_of(parts[:2], tmp_path / "first.gpkg")
    second = merge_of(parts[1:], tmp_path / "second.gpkg")
    stepwise = as_set(merge_of([first, second], tmp_path / "stepwise.gpkg"))
    assert {row[0] for row in stepwise} == {row[0] for row in once}
    assert {(row[0], row[2], row[3], row[4]) for row in stepwise} == {(row[0], row[2], row[3], row[4]) for row in once}
    assert sorted(read(tmp_path / "stepwise.gpkg", "footprints")["scene"]) == [f"crop{n}.tif" for n in range(4)]
    assert len(pyogrio.read_dataframe(tmp_path / "stepwise.gpkg", layer="runs")) == 4


def test_scenes_of_one_name_are_called_after_their_inventories(said: Said, tmp_path: Path) -> None:
    one, other = said("a", [(0, 0, 10, 10)]), said("b", [(200, 0, 210, 10)], (150, 0, 250, 100))
    for path in (one, other):
        edit(path, "UPDATE landslides SET scene = 'ortho.tif'", "UPDATE analysed SET scene = 'ortho.tif'")
    merge([one, other], tmp_path / "all.gpkg")
    assert read(tmp_path / "all.gpkg")["scene"].tolist() == ["ortho.tif", "b.tif"]
    assert read(tmp_path / "all.gpkg", "footprints")["scene"].tolist() == ["ortho.tif", "b.tif"]


def test_an_inventory_that_does_not_tell_where_it_looked(
    said: Said, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = [said("a", [(10, 10, 20, 20)], None), said("b", [(50, 50, 60, 60)])]
    with caplog.at_level("INFO", "landslide_cli"):
        merge(parts, tmp_path / "all.gpkg")
    assert read(tmp_path / "all.gpkg")[["seen", "analysed_by"]].to_numpy().tolist() == [[1, 2], [1, 1]]
    assert [message.split(" doesn't")[0] for message in caplog.messages] == ["a.tif"]


def test_nothing_at_all_makes_an_inventory_of_nothing(said: Said, tmp_path: Path) -> None:
    found = merge([said("a", []), said("b", [], (50, 0, 150, 100))], tmp_path / "all.gpkg")
    assert (found.landslides, found.area_m2) == (0, 0)
    assert found.analysed_m2 == pytest.approx(15_000, rel=1e-2)
    assert {"scenes", "seen", "analysed_by", "overlaps"} <= set(read(tmp_path / "all.gpkg").columns)


# ---- coordinates ----


def test_most_inventories_choose_the_system(said: Said, tmp_path: Path) -> None:
    slide = (60, 40, 90, 50)
    parts = [
        said("a", [slide], crs="EPSG:4326", prob_mean=0.9),
        said("b", [slide]),
        said("c", [slide], prob_mean=0.8),
    ]
    found = merge(parts, tmp_path / "all.gpkg")
    (row,) = read(tmp_path / "all.gpkg").itertuples()
    assert (found.crs, row.scene, row.seen, row.analysed_by) == ("EPSG:32648", "a.tif", 3, 3)
    assert row.geometry.area == pytest.approx(300, rel=1e-4)
    assert merge(parts, tmp_path / "asked.gpkg", crs="EPSG:4326").crs == "EPSG:4326"
    assert read(tmp_path / "asked.gpkg").total_bounds[0] == pytest.approx(105.0, abs=0.01)
    assert found.analysed_m2 == pytest.approx(10_000 / 0.9996**2, rel=1e-4)


def test_across_the_antimeridian_longitudes_go_on(tmp_path: Path) -> None:
    paths = []
    for name, crs, east in (("a", "EPSG:32660", -0.001), ("b", "EPSG:32601", 0.0)):
        x, y = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(180 + east, -16.5)
        box = shapely.box(x, y, x + 30, y + 30)
        frame = geopandas.GeoDataFrame({"id": [1], "scene": [name], "cut": False}, geometry=[box], crs=crs)
        paths.append(tmp_path / f"{name}.gpkg")
        frame.to_file(paths[-1], layer="landslides")
    merge(paths, tmp_path / "all.gpkg", crs="EPSG:4326")
    left, _, right, _ = read(tmp_path / "all.gpkg").total_bounds
    assert right - left < 0.01


def test_a_system_that_does_not_reach_is_refused(said: Said, tmp_path: Path) -> None:
    far = said("a", [(0, 0, 10, 10)])
    with pytest.raises(InventoryError, match=r"reach farther than .* does; choose another"):
        merge([far], tmp_path / "all.gpkg", crs="+proj=gnom +lat_0=-26 +lon_0=-75")
    with pytest.raises(InventoryError, match="'utm48' is no coordinate reference system; name one as EPSG:32648"):
        merge([far], tmp_path / "all.gpkg", crs="utm48")


def test_without_a_system_areas_are_unknown_and_beside_others_it_is_left_out(said: Said, tmp_path: Path) -> None:
    lost = tmp_path / "lost.gpkg"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = geopandas.GeoDataFrame({"id": [1], "scene": "lost.tif"}, geometry=[shapely.box(0, 0, 5, 5)])
        frame.to_file(lost, layer="landslides")
    alone = merge([lost], tmp_path / "alone.gpkg")
    assert (alone.landslides, alone.area_m2, alone.crs) == (1, None, None)
    both = merge([lost, said("b", [(0, 0, 10, 10)])], tmp_path / "both.gpkg")
    assert (both.landslides, both.left_out) == (1, ("lost.gpkg",))


# ---- refusals ----


def test_what_can_not_be_merged_is_refused_before_work(said: Said, tmp_path: Path) -> None:
    a, out = said("a", []), tmp_path / "all.gpkg"
    with pytest.raises(InventoryError, match=r"a\.gpkg is named twice; name each inventory once"):
        merge([a, tmp_path / "x" / ".." / "a.gpkg"], out)
    with pytest.raises(OutputError, match=r"all\.shp: a merged inventory is a GeoPackage; let the name end in \.gpkg"):
        merge([a], tmp_path / "all.shp")
    with pytest.raises(OptionError, match="give best, union or keep"):
        merge([a], out, doubles="mean")  # type: ignore[arg-type]
    with pytest.raises(OutputError, match=r"a\.gpkg"):
        merge([a], a, overwrite=True)
    merge([a], out)
    with pytest.raises(OutputError, match="exists; choose another name or allow it with --overwrite"):
        merge([a], out)
    merge([a], out, overwrite=True)


def test_the_command_tells_what_the_inventory_holds(said: Said, tmp_path: Path) -> None:
    parts = [said("a", [(60, 40, 90, 50), LEFT], cut=[False, True]), said("b", [(60, 40, 85, 50)]), said("c", [])]
    words = ["merge", *map(str, parts), "-o", str(tmp_path / "all.gpkg")]
    shown = CliRunner().invoke(main, words)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines() == [
        "1 record told of a landslide that another one stands for",
        "1 landslide seen by at most half of the scenes that looked there: compare the attributes seen and analysed_by",
        f"{tmp_path}/all.gpkg: 3 scenes, 2 landslides, 0.05 ha of 1.00 ha analysed",
    ]
    told = json.loads(CliRunner().invoke(main, [*words, "--overwrite", "--json"]).stdout)
    assert (told["landslides"], told["doubles"], told["contested"]) == (2, 1, 1)
    styles = pyogrio.read_dataframe(tmp_path / "all.gpkg", layer="layer_styles", read_geometry=False)
    assert set(styles["f_table_name"]) == {"landslides", "analysed", "footprints"}
