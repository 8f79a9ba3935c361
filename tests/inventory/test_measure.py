"""An inventory after a person: what `detect` measured of its own polygons is the truth that `measure` is held to."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from affine import Affine
from hypothesis import example, given, settings
from hypothesis import strategies as st

from landslide_cli import measure
from landslide_cli.errors import InventoryError, OutputError
from landslide_cli.inventory.edited import up_to_date
from landslide_cli.inventory.formats import DRIVERS, WRITERS
from landslide_cli.inventory.read import read_inventory
from tests.conftest import UTM, MakeScene, blobs, first_band, go, stand_in_card
from tests.inventory.conftest import hills, write_dem

WRITTEN = ("status", "note", "reviewer", "reviewed_at", "model")
DEM = Affine(5, 0, 499_900, 0, -5, 2_950_100)


@pytest.fixture(scope="module")
def detected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scene, an elevation model, its inventory and its probability raster."""
    import rasterio

    folder = tmp_path_factory.mktemp("detected")
    image = blobs(150, 180)
    image[:, :40, :30] = 0
    with rasterio.open(
        folder / "scene.tif", "w", driver="GTiff", count=3, height=150, width=180, dtype="uint8", nodata=0, crs=UTM,
        transform=Affine(0.8, 0, 500_000, 0, -0.8, 2_950_000),
    ) as dst:  # fmt: skip
        dst.write(image)
    dem = write_dem(folder / "dem.tif", hills(80, 80), transform=DEM)
    go(folder / "scene.tif", stand_in_card(), first_band(), dem=dem)
    return folder


@pytest.fixture
def folder(detected: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(detected, tmp_path / "here"))


def rows_of(path: Path) -> geopandas.GeoDataFrame:
    return pyogrio.read_dataframe(path, layer="landslides")


def save(frame: geopandas.GeoDataFrame, path: Path, **options: Any) -> Path:
    """Replace the layer, as a person's editing in the end does."""
    pyogrio.write_dataframe(frame, path, layer="landslides", driver="GPKG", **options)
    return path


def assert_same(one: pd.DataFrame, other: pd.DataFrame, *, apart: float = 0.0) -> None:
    for name in other:
        if name == "geometry":
            continue
        if pd.api.types.is_numeric_dtype(other[name]):
            np.testing.assert_allclose(
                one[name].astype(float), other[name].astype(float), rtol=0, atol=apart, err_msg=name
            )
        else:
            assert one[name].fillna("").tolist() == other[name].fillna("").tolist(), name


# ---- what is measured ----


@pytest.mark.parametrize("ending", ["gpkg", "shp", "geojson", "fgb", "parquet"])
def test_outlines_alone_get_all_that_detect_said_of_them(folder: Path, ending: str) -> None:
    truth = rows_of(folder / "scene.gpkg")
    bare = folder / f"bare.{ending}"
    if ending == "parquet":
        truth[["geometry"]].to_parquet(bare)
    else:
        truth[["geometry"]].to_file(bare)
    told = measure(
        bare, folder / "measured.gpkg", scene=folder / "scene.tif", probability=folder / "prob.tif",
        dem=folder / "dem.tif",
    )  # fmt: skip
    assert (told.drawn, told.reshaped, told.unchanged) == (len(truth), 0, 0)
    found = rows_of(folder / "measured.gpkg")
    if ending == "fgb":  # which is sorted by place
        found, truth = (frame.sort_values(["lat", "lon"]).assign(id=0) for frame in (found, truth))
    known = [name for name in truth if name not in (*WRITTEN, "confidence")]
    if ending == "geojson":  # coordinates of a centimetre
        np.testing.assert_allclose(found["area_m2"], truth["area_m2"], rtol=0.01)
        np.testing.assert_allclose(found["prob_mean"], truth["prob_mean"], atol=0.02)
        return
    assert_same(found[known], truth[known], apart=1e-6)
    assert (found["status"] == "landslide").all()
    assert found["model"].isna().all()


@pytest.mark.parametrize("ending", [*DRIVERS, *WRITERS])
def test_every_format_is_written_read_and_written_again(folder: Path, ending: str) -> None:
    """With nothing beside it but what belongs to it."""
    whole = measure(folder / "scene.gpkg", folder / "first.gpkg")
    before = set(folder.iterdir())
    measure(folder / "scene.gpkg", folder / f"a{ending}")
    after = {path.name for path in set(folder.iterdir()) - before}
    companions = {".shp": {".shx", ".dbf", ".prj", ".cpg", ".qml", ".lyrx"}}.get(ending, {".qml"})
    assert {f"a{ending}"} <= after <= {f"a{ending}", *(f"a{one}" for one in companions)}
    if ending in (".pmtiles", ".csv"):
        return  # for maps on the web and for tables: polygons are not what they hold
    again = measure(folder / f"a{ending}", folder / "again.gpkg", probability=folder / "prob.tif")
    assert len(rows_of(folder / "again.gpkg")) == len(rows_of(folder / "scene.gpkg"))
    assert again.area_m2 == pytest.approx(whole.area_m2, rel=1e-3)


def test_how_far_it_is_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landslide_cli.inventory.filling.AT_ONCE", 4)
    rows_of(folder / "scene.gpkg")[["geometry"]].to_file(folder / "drawn.gpkg")
    sources: dict[str, Any] = {"probability": folder / "prob.tif", "dem": folder / "dem.tif"}
    seen: list[tuple[int, int, str]] = []
    told = measure(folder / "drawn.gpkg", folder / "a.gpkg", on_progress=lambda *now: seen.append(now), **sources)
    parts = [*range(4, told.drawn, 4), told.drawn]
    assert [(done, total) for done, total, _ in seen] == 2 * [(done, told.drawn) for done in parts]
    assert seen[0][2] == f"measured 4 of {told.drawn} landslides by the raster"
    assert seen[-1][2] == f"measured {told.drawn} of {told.drawn} landslides by the elevation model"
    monkeypatch.undo()
    measure(folder / "drawn.gpkg", folder / "b.gpkg", **sources)
    assert rows_of(folder / "a.gpkg").equals(rows_of(folder / "b.gpkg"))


def test_what_nobody_touched_stays_as_it_is(folder: Path) -> None:
    before = (folder / "scene.gpkg").read_bytes()
    told = measure(folder / "scene.gpkg", folder / "out.gpkg", probability=folder / "prob.tif")
    assert (told.drawn, told.reshaped) == (0, 0)
    assert told.unchanged == len(rows_of(folder / "scene.gpkg"))
    assert rows_of(folder / "out.gpkg").equals(rows_of(folder / "scene.gpkg"))
    assert (folder / "scene.gpkg").read_bytes() == before
    for ending in ("shp", "geojson", "fgb", "parquet"):
        measure(folder / "scene.gpkg", folder / f"as_{ending}.{ending}")
        again = measure(folder / f"as_{ending}.{ending}", folder / f"again_{ending}.{ending}")
        assert again.unchanged == told.unchanged, ending


EDITS = st.lists(st.sampled_from(["keep", "grow", "shift", "empty", "copy", "draw", "cross"]), min_size=3, max_size=8)


@settings(max_examples=6)
@given(EDITS)
@example(["draw", "keep", "keep"])
@example(["keep", *["draw"] * 7])
def test_any_editing_is_told_and_measured(
    detected: Path, tmp_path_factory: pytest.TempPathFactory, edits: list[str]
) -> None:
    path = tmp_path_factory.mktemp("edited") / "slides.gpkg"
    shutil.copy(detected / "scene.gpkg", path)
    before = rows_of(path)
    rows: list[dict[str, Any]] = []
    for (_, row), edit in zip(before.iterrows(), edits, strict=False):
        row = row.to_dict() | {"mine": edit}
        shape = row["geometry"]
        if edit == "draw":
            # Not so far that it lies on pixels without data.
            row = {"geometry": shapely.affinity.translate(shape, 0.5, 0.5), "mine": edit}
        elif edit == "cross":
            left, bottom, right, top = shape.bounds
            ring = [(left, bottom), (right, top), (right, bottom), (left, top)]
            row = {"geometry": shapely.Polygon(ring), "mine": edit}
        elif edit == "grow":
            row["geometry"] = shape.buffer(0.05)
        elif edit == "shift":
            row["geometry"] = shapely.affinity.translate(shape, 0, 0.05)
        elif edit == "empty":
            row["geometry"] = None
        rows += [row, row] if edit == "copy" else [row]
    frame = geopandas.GeoDataFrame(rows, geometry="geometry", crs=before.crs)
    if "mine" not in frame or frame["area_m2"].isna().all():
        return
    save(frame, path, promote_to_multi=True)
    told = measure(path, probability=detected / "prob.tif", dem=detected / "dem.tif", scene=detected / "scene.tif")
    counts = {edit: edits[: len(before)].count(edit) for edit in set(edits)}
    number = lambda *names: sum(counts.get(name, 0) for name in names)  # noqa: E731
    assert told.reshaped == number("grow", "shift")
    assert told.drawn == number("draw", "cross")
    assert told.without_polygon == number("empty")
    assert told.unchanged == number("keep", "copy", "copy")
    assert (told.crossing, told.renumbered) == (number("cross"), number("copy"))
    found = rows_of(path)
    assert found["mine"].tolist() == frame["mine"].tolist()
    there = ~found.geometry.isna()
    assert found.loc[there, "id"].is_unique
    assert found.loc[there, ["area_m2", "prob_mean", "slope_mean_deg", "pixels", "cut", "scene"]].notna().all().all()
    assert found.loc[~there, ["area_m2", "prob_mean"]].isna().all().all()
    areas = found.geometry[there].make_valid().area
    np.testing.assert_allclose(found.loc[there, "area_m2"], areas, rtol=2e-3)
    again = measure(path, probability=detected / "prob.tif", dem=detected / "dem.tif")
    assert (again.reshaped, again.drawn, again.renumbered) == (0, 0, 0)
    assert rows_of(path).equals(found)


def test_a_moved_vertex_is_seen(folder: Path) -> None:
    frame = rows_of(folder / "scene.gpkg")
    ring = np.array(frame.geometry[2].exterior.coords)
    ring[2] += (0.02, 0.02)
    frame.loc[2, "geometry"] = shapely.Polygon(ring)
    assert measure(save(frame, folder / "scene.gpkg")).reshaped == 1


def test_without_a_raster_old_probabilities_of_a_new_outline_go(folder: Path) -> None:
    frame = rows_of(folder / "scene.gpkg")
    before = frame.copy()
    one = frame.index[~frame["cut"] & (frame["area_m2"] > 100)][0]
    frame.loc[one, "geometry"] = frame.geometry[one].buffer(2)
    told = measure(save(frame, folder / "scene.gpkg"))
    found = rows_of(folder / "scene.gpkg")
    assert told.unprobed == 1
    gone = ["prob_mean", "pixels", "cut", "slope_mean_deg", "confidence"]
    assert found.loc[one, gone].isna().all()
    assert found.loc[one, "area_m2"] > before.loc[one, "area_m2"]
    measure(folder / "scene.gpkg", scene=folder / "scene.tif")
    again = rows_of(folder / "scene.gpkg")
    assert again.loc[one, "pixels"] == pytest.approx(again.loc[one, "area_m2"] / 0.64, rel=0.1)
    assert np.isnan(again.loc[one, "prob_mean"])


def test_polygons_of_another_system_are_laid_over_the_raster(folder: Path) -> None:
    truth = rows_of(folder / "scene.gpkg")
    truth[["geometry"]].to_crs(4326).to_file(folder / "degrees.shp")
    measure(folder / "degrees.shp", folder / "out.gpkg", probability=folder / "prob.tif", dem=folder / "dem.tif")
    found = rows_of(folder / "out.gpkg")
    assert found.crs == "EPSG:4326"
    np.testing.assert_allclose(found["area_m2"], truth["area_m2"], rtol=1e-3)
    np.testing.assert_allclose(found["prob_mean"], truth["prob_mean"], atol=0.01)
    np.testing.assert_allclose(found["slope_mean_deg"], truth["slope_mean_deg"], atol=0.5)


# ---- what a person wrote ----


def test_a_geopackage_keeps_all_that_others_have_in_it(folder: Path) -> None:
    path = folder / "scene.gpkg"
    frame = rows_of(path).assign(mine="m", Status="sure", inspected=pd.Timestamp("2026-11-02"))
    frame = frame.drop(columns="status").rename(columns={"Status": "STATUS"})
    frame.loc[0, ["STATUS", "note"]] = ["Not a landslide", "quarry: ñ"]
    save(frame, path)
    pyogrio.write_dataframe(frame[["geometry"]].head(2), path, layer="roads")
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE layer_styles SET styleQML = 'mine'")
        file.execute("CREATE TABLE qgis_projects (name TEXT)")
    measure(path)
    found = rows_of(path)
    assert (found["mine"] == "m").all()
    assert (found["inspected"] == frame["inspected"]).all()
    assert found["STATUS"].tolist() == ["not_landslide", *["sure"] * (len(frame) - 1)]
    assert found.loc[0, "note"] == "quarry: ñ"
    assert "status" not in found
    assert len(pyogrio.read_dataframe(path, layer="roads")) == 2
    with closing(sqlite3.connect(path)) as file:
        assert {text for (text,) in file.execute("SELECT styleQML FROM layer_styles")} == {"mine"}
        assert file.execute("SELECT count(*) FROM qgis_projects").fetchone() == (0,)
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        triggers = file.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone()
    assert triggers[0] > 0


def test_a_layer_of_any_name_is_measured_where_it_is(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"kind": ["a"]}, geometry=[shapely.box(500_000, 0, 500_100, 50)], crs=UTM)
    pyogrio.write_dataframe(frame, tmp_path / "own.gpkg", layer="drawn by me", layer_options={"FID": "id"})
    assert measure(tmp_path / "own.gpkg").drawn == 1
    found = pyogrio.read_dataframe(tmp_path / "own.gpkg", layer="drawn by me")
    assert found.loc[0, ["kind", "status"]].tolist() == ["a", "landslide"]
    assert found.loc[0, "area_m2"] == pytest.approx(5000, rel=2e-3)
    with closing(sqlite3.connect(tmp_path / "own.gpkg")) as file:
        assert file.execute("SELECT f_table_name FROM layer_styles").fetchall() == [("drawn by me",)]


# ---- decisions ----

CSV = """id;Status;note;reviewer;reviewed_at
1;not landslide;;ana;2026-11-26T10:00:00Z
2;unsure;sombra, ñ;;
3;;only a note;;
"""


@pytest.mark.parametrize("kind", ["csv", "geojson"])
def test_decisions_are_written_into_the_inventory(folder: Path, kind: str) -> None:
    path = folder / f"decisions.{kind}"
    path.write_text(CSV, encoding="utf-8-sig")
    if kind == "geojson":
        table = pd.read_csv(path, sep=";", encoding="utf-8-sig")
        path.unlink()
        places = rows_of(folder / "scene.gpkg").head(3).to_crs(4326)
        geopandas.GeoDataFrame(table, geometry=places.geometry, crs=4326).to_file(path)
    before = rows_of(folder / "scene.gpkg")
    told = measure(folder / "scene.gpkg", decisions=path)
    assert (told.decided, told.unchanged) == (2, len(before))
    found = rows_of(folder / "scene.gpkg")
    assert found["status"].tolist() == ["not_landslide", "unsure", *["unreviewed"] * (len(before) - 2)]
    assert found.loc[:2, "note"].fillna("").tolist() == ["", "sombra, ñ", "only a note"]
    assert found.loc[:1, "reviewer"].fillna("").tolist() == ["ana", ""]
    kept = [name for name in before if name not in WRITTEN]
    assert_same(found[kept], before[kept])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,note\n1,x\n", "no column status"),
        ("id,status\n1,maybe\n", r"row 1 has id '1' and status 'maybe'; an id is a number"),
        ("id,status\nx,unsure\n", "row 1 has id 'x'"),
        ("", "can't be read as decisions"),
        ("id,status,lon,lat\n1,unsure,12,50\n", "says of landslide 1 that it lies elsewhere"),
    ],
)
def test_decisions_that_cannot_be_meant_are_refused(folder: Path, text: str, message: str) -> None:
    (folder / "d.csv").write_text(text)
    before = (folder / "scene.gpkg").read_bytes()
    with pytest.raises(InventoryError, match=message):
        measure(folder / "scene.gpkg", decisions=folder / "d.csv")
    assert (folder / "scene.gpkg").read_bytes() == before


def test_decisions_on_landslides_that_are_gone_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "d.csv").write_text("id,status\n1,unsure\n999,landslide\n")
    with caplog.at_level("INFO", "landslide_cli"):
        assert measure(folder / "scene.gpkg", decisions=folder / "d.csv").decided == 1
    assert "1 of the landslides aren't in the inventory any more: 999" in caplog.text


# ---- files ----


def test_a_file_that_is_open_elsewhere_is_read_but_not_replaced(folder: Path) -> None:
    path = folder / "scene.gpkg"
    with closing(sqlite3.connect(path)) as held:
        held.execute("PRAGMA journal_mode = WAL")
        held.execute("UPDATE runs SET scene = 'saved, but only in the log'")
        held.commit()
        held.execute("BEGIN")
        held.execute("SELECT count(*) FROM runs").fetchone()
        with pytest.raises(OutputError, match="open in another program, such as QGIS; close it there"):
            measure(path)
        measure(path, folder / "out.gpkg")
    assert pyogrio.read_dataframe(folder / "out.gpkg", layer="runs")["scene"][0] == "saved, but only in the log"
    assert not list(folder.glob("out.gpkg-*"))


def test_what_is_there_is_replaced_on_request_alone(folder: Path) -> None:
    measure(folder / "scene.gpkg", folder / "out.geojson")
    with pytest.raises(OutputError, match="exists"):
        measure(folder / "scene.gpkg", folder / "out.geojson")
    measure(folder / "scene.gpkg", folder / "out.geojson", overwrite=True)
    (folder / "d.geojson").write_text("{}")
    with pytest.raises(OutputError, match="are the same file"):
        measure(folder / "scene.gpkg", folder / "d.geojson", decisions=folder / "d.geojson", overwrite=True)


def test_a_style_of_ones_own_stays(folder: Path) -> None:
    measure(folder / "scene.gpkg", folder / "out.geojson")
    style = folder / "out.qml"
    assert "categorizedSymbol" in style.read_text(encoding="utf-8")
    style.write_text("mine")
    measure(folder / "out.geojson")
    assert style.read_text() == "mine"
    with pytest.raises(OutputError, match=r"out\.qml exists"):
        measure(folder / "scene.gpkg", folder / "out.fgb")


@pytest.mark.parametrize("make", [lambda p: p.write_text("no"), lambda p: None])
def test_what_is_no_inventory_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "a.gpkg")
    with pytest.raises(InventoryError, match=r"a\.gpkg"):
        measure(tmp_path / "a.gpkg")


def test_several_layers_of_polygons_need_a_name(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=UTM)
    for name in ("a", "b"):
        pyogrio.write_dataframe(frame, tmp_path / "x.gpkg", layer=name)
    with pytest.raises(
        InventoryError, match=r"several layers of polygons \(a, b\); call the one to measure 'landslides'"
    ):
        measure(tmp_path / "x.gpkg")


@pytest.mark.filterwarnings("ignore::landslide_cli.errors.NoCRSWarning")
@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_without_a_crs_pixels_are_counted_and_metres_stay_unknown(make_scene: MakeScene) -> None:
    scene = make_scene(blobs(60, 70), crs=None)
    _, truth, _, _ = go(scene, stand_in_card(), first_band())
    truth[["geometry"]].to_file(scene.with_name("bare.gpkg"), layer="landslides")
    told = measure(scene.with_name("bare.gpkg"), probability=scene.with_name("prob.tif"))
    found = rows_of(scene.with_name("bare.gpkg"))
    assert told.area_m2 is None
    assert found["area_m2"].isna().all()
    assert found["pixels"].tolist() == truth["pixels"].tolist()
    assert found["prob_mean"].tolist() == truth["prob_mean"].tolist()
    again = measure(scene.with_name("bare.gpkg"), probability=scene.with_name("prob.tif"))
    assert (again.drawn, again.unchanged) == (0, len(truth))


# ---- readers of edited inventories ----


def test_a_file_of_others_is_read_as_it_is() -> None:
    for columns in ({"name": ["a"]}, {"area_m2": ["about 100"]}):
        frame = geopandas.GeoDataFrame(columns, geometry=[shapely.box(0, 0, 9, 9)], crs=UTM)
        assert up_to_date(frame).equals(frame)


def test_whoever_reads_an_edited_inventory_gets_sizes_that_fit(folder: Path) -> None:
    path = folder / "scene.gpkg"
    frame = rows_of(path)
    assert up_to_date(frame).equals(frame)
    drawn = geopandas.GeoDataFrame(geometry=[shapely.box(500_010, 2_949_900, 500_020, 2_949_910), None], crs=UTM)
    edited = frame.copy()
    edited.loc[0, "geometry"] = frame.geometry[0].buffer(3)
    save(pd.concat([edited, drawn], ignore_index=True), path)
    read = read_inventory(path)
    assert len(read) == len(frame) + 1
    np.testing.assert_allclose(read["area_m2"], read.geometry.area, rtol=2e-3)
    assert_same(read.loc[1 : len(frame) - 1, ["area_m2", "prob_mean"]], frame.loc[1:, ["area_m2", "prob_mean"]])
    assert read["prob_mean"].isna().tolist() == [True, *[False] * (len(frame) - 1), True]
