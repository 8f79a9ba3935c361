"""`polygonize` writes what `detect` would have written with that threshold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner

import landslide_cli
from landslide_cli.cli import main
from landslide_cli.detection import polygonize as thresholds
from landslide_cli.errors import NoCRSWarning
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.model.card import ModelCard
from landslide_cli.mosaic import reading as stored
from tests.conftest import TRANSFORM, UTM, MakeScene, blobs, first_band, go, noise
from tests.inventory.conftest import hills, write_dem


def test_polygonize_writes_the_same_layers(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    pixels = blobs(200, 220)
    pixels[:, 40:60, 100:200] = 0
    path = make_scene(pixels, nodata=0)
    go(path, card, first_band())
    outputs = landslide_cli.Outputs(tmp_path / "again.gpkg", command="landslide polygonize")
    landslide_cli.polygonize(tmp_path / "prob.tif", outputs)
    one, other = path.with_suffix(".gpkg"), tmp_path / "again.gpkg"
    for layer in ("landslides", "analysed"):
        assert geopandas.read_file(one, layer=layer).equals(geopandas.read_file(other, layer=layer))
    runs = [pyogrio.read_dataframe(p, layer="runs").drop(columns=["started", "ended"]) for p in (one, other)]
    assert runs[1]["command"].tolist() == ["landslide polygonize"]
    same = [run.drop(columns=["command", "config"]) for run in runs]
    assert same[0].equals(same[1])


def contents(path: Path) -> tuple[list[bytes], Any, Any]:
    """Bytes of the geometry, attributes and the analysed layer."""
    slides = geopandas.read_file(path, layer="landslides")
    analysed = geopandas.read_file(path, layer="analysed")
    return slides.to_wkb()["geometry"].tolist(), slides.drop(columns="geometry"), analysed


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": 0.5},
        {"threshold": 0.6, "connectivity": 8},
        {"threshold": 0.43, "min_area_m2": 100, "fill_holes_m2": 60, "simplify_m": 1.5},
        {"threshold": 0.5, "boundary": "smooth"},
        {"threshold": 0.6, "boundary": "smooth", "connectivity": 8, "min_area_m2": 100, "fill_holes_m2": 60},
    ],
)
def test_geometry_and_attributes_are_those_of_detect(
    make_scene: MakeScene, card: ModelCard, tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = blobs(700, 600)
    pixels[:, 300:420, 100:200] = 0
    path = make_scene(pixels, nodata=0)
    _, _, _, _ = go(path, card, first_band())  # with the card's threshold
    with rasterio.open(tmp_path / "prob.tif") as src:
        profile, tags, values = src.profile, src.tags(), src.read(1)
        scales = src.scales
    summary, _, _, _ = go(path, card, first_band(), **settings)
    rules = PolygonRules(**settings)
    expected = contents(path.with_suffix(".gpkg"))
    with rasterio.open(tmp_path / "plain.tif", "w", **{**profile, "driver": "GTiff"}) as dst:
        dst.write(values, 1)
        dst.update_tags(**tags)
        dst.scales = scales
    for rows in (512, 77):
        monkeypatch.setattr(stored, "ROWS_AT_ONCE", rows)
        found = landslide_cli.polygonize(tmp_path / "plain.tif", tmp_path / f"{rows}.gpkg", rules=rules)
        geometry, attributes, analysed = contents(tmp_path / f"{rows}.gpkg")
        assert geometry == expected[0]
        assert attributes.equals(expected[1])
        assert analysed.equals(expected[2])
        assert (found.landslides, found.area_m2, found.bounds) == (
            summary.landslides, pytest.approx(summary.area_m2), summary.bounds,
        )  # fmt: skip
    kept = [pyogrio.read_info(p, layer="landslides")["dataset_metadata"] for p in
            (path.with_suffix(".gpkg"), tmp_path / "77.gpkg")]  # fmt: skip
    assert kept[0] == kept[1]
    rows_of = {row.threshold: row for row in thresholds.table(tmp_path / "plain.tif", rules=rules)}
    if settings["threshold"] in rows_of:
        row = rows_of[settings["threshold"]]
        assert (row.landslides, row.area_m2) == (found.landslides, pytest.approx(found.area_m2, abs=0.01))


@pytest.fixture
def polygonized(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> Callable[..., Any]:
    """A probability raster `prob.tif` and a way to call `landslide polygonize` on it, or on another raster."""
    go(make_scene(blobs(300, 320)), card, first_band())

    def invoke(*words: str, raster: str = "prob.tif", out: str | None = "out.gpkg", status: int = 0) -> Any:
        where = [] if out is None else ["-o", str(tmp_path / out)]
        result = CliRunner().invoke(main, ["polygonize", str(tmp_path / raster), *where, *words])
        assert result.exit_code == status, result.output
        if status:
            assert result.stdout == ""
            assert out is None or out in ("scene.gpkg", "prob.tif") or not (tmp_path / out).exists()
            (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
            return line
        return result.stdout

    return invoke


def test_the_table_is_what_polygonize_writes_at_each_threshold(
    polygonized: Callable[..., Any], tmp_path: Path, card: ModelCard
) -> None:
    dem = str(write_dem(tmp_path / "dem.tif", hills(120, 120)))
    words = (
        "--min-area",
        "20",
        "--fill-holes",
        "30",
        "--connectivity",
        "8",
        "--boundary",
        "smooth",
        "--dem",
        dem,
        "--min-slope",
        "20",
    )
    rows = json.loads(polygonized(*words, "--table", "--json", "-q", out=None))
    assert [row["threshold"] for row in rows] == pytest.approx(np.arange(1, 10) / 10)
    for row in rows:
        given = ("--threshold", str(row["threshold"]))
        found = json.loads(polygonized(*words, *given, "--json", "-q", "--overwrite"))
        assert (row["landslides"], row["flat"]) == (found["landslides"], found["flat"])
        assert row["area_m2"] == pytest.approx(found["area_m2"], abs=0.01)
    assert sum(row["flat"] for row in rows) > 0
    text = polygonized(*words, "--table", out=None)
    header, *lines = text.splitlines()
    assert header.split() == ["threshold", "landslides", "area", "ha", "too", "flat"]
    assert [line.split()[:2] for line in lines] == [[f"{r['threshold']:.1f}", str(r["landslides"])] for r in rows]
    assert "too flat" not in polygonized("--table", out=None)


def test_smooth_outlines_change_the_geometry_and_what_is_measured_of_it_alone(
    polygonized: Callable[..., Any], tmp_path: Path
) -> None:
    for form in ("pixel", "smooth"):
        polygonized("--boundary", form, "-q", out=f"{form}.gpkg")
    pixel, smooth = (geopandas.read_file(tmp_path / name, layer="landslides") for name in ("pixel.gpkg", "smooth.gpkg"))
    of_pixels = ["id", "pixels", "prob_mean", "prob_median", "prob_p90", "prob_max", "high_share", "cut"]
    assert smooth[of_pixels].equals(pixel[of_pixels])
    large = pixel["pixels"] > 200
    assert large.any()
    assert (smooth["perimeter_m"] < 0.95 * pixel["perimeter_m"])[large].all()
    assert (smooth["compactness"] > pixel["compactness"])[large].all()
    # UTM shrinks lengths by up to 0.04 %.
    assert smooth["area_m2"].to_numpy() == pytest.approx(smooth.geometry.area.to_numpy(), rel=2e-3)
    assert smooth.geometry.boundary.hausdorff_distance(pixel.geometry.boundary).max() <= 0.5 * abs(TRANSFORM.a) + 1e-6


def test_the_threshold_is_that_of_the_raster_unless_another_is_given(
    polygonized: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "out.gpkg"
    text = polygonized()
    slides = geopandas.read_file(out, layer="landslides")
    assert text.startswith(f"{out}: {len(slides)} landslides, {slides['area_m2'].sum() / 1e4:.2f} ha of ")
    assert geopandas.read_file(tmp_path / "scene.gpkg", layer="landslides").equals(slides)
    found = json.loads(polygonized("--threshold", "0.7", "--json", "--overwrite"))
    assert (found["threshold"], found["model"]) == (0.7, "stand-in")
    metadata = pyogrio.read_info(out, layer="landslides")["dataset_metadata"]
    assert metadata["LANDSLIDE_THRESHOLD"] == "0.7"
    assert metadata["LANDSLIDE_SCENE"] == "scene.tif"


def test_terrain_is_that_of_detect(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    path = make_scene(blobs(300, 320))
    dem = write_dem(tmp_path / "dem.tif", hills(120, 120))
    summary, _, _, _ = go(path, card, first_band(), dem=dem, min_slope_deg=20)
    assert summary.flat
    rules = PolygonRules(dem=dem, min_slope_deg=20)
    landslide_cli.polygonize(tmp_path / "prob.tif", tmp_path / "again.gpkg", rules=rules)
    one, other = contents(path.with_suffix(".gpkg")), contents(tmp_path / "again.gpkg")
    assert one[0] == other[0]
    assert one[1].equals(other[1])
    assert one[1]["slope_mean_deg"].min() >= 20
    text = CliRunner().invoke(main, ["polygonize", str(tmp_path / "prob.tif"), "-o", str(tmp_path / "c.gpkg"), "--dem",
                                     str(dem), "--min-slope", "20"]).stdout  # fmt: skip
    assert f"({summary.flat} more dropped, the ground is too flat)" in text


def test_floating_point_probabilities_are_stored_alike(
    polygonized: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rasterio.open(tmp_path / "prob.tif") as src:
        values = src.read(1).astype(np.float32) / 254
    values[:9] = np.nan
    values[20:30] = -9999
    write_dem(tmp_path / "float.tif", values, transform=TRANSFORM, nodata=-9999)
    polygonized("--threshold", "0.5", raster="float.tif")
    geometry, attributes, analysed = contents(tmp_path / "out.gpkg")
    assert len(geometry) > 3
    assert set(attributes["model"]) == {"unknown"}
    assert len(analysed) == 2
    write_dem(tmp_path / "scores.tif", values * 100, transform=TRANSFORM, nodata=-999900)
    assert re.search(r"holds values from 0 to 100, but probabilities lie between 0 and 1",
                     polygonized("--threshold", "0.5", raster="scores.tif", out="new.gpkg", status=1))  # fmt: skip


def test_spread_comes_from_its_own_raster(polygonized: Callable[..., Any], tmp_path: Path) -> None:
    with rasterio.open(tmp_path / "prob.tif") as src:
        profile, values, tags = src.profile | {"driver": "GTiff"}, src.read(1), src.tags()
    with rasterio.open(tmp_path / "spread.tif", "w", **profile) as dst:
        dst.write(values // 5, 1)
        dst.scales = (0.5 / 254,)
    with rasterio.open(tmp_path / "views.tif", "w", **profile) as dst:
        dst.write(values, 1)
        dst.scales = (1 / 254,)
        dst.update_tags(**{**tags, "LANDSLIDE_TTA": "flips"})
    polygonized("--spread", str(tmp_path / "spread.tif"), raster="views.tif")
    slides = geopandas.read_file(tmp_path / "out.gpkg", layer="landslides")
    for slide in slides.itertuples():
        inside = rasterio.features.geometry_mask([slide.geometry], values.shape, TRANSFORM, invert=True)
        assert slide.prob_spread == pytest.approx((values[inside] // 5).mean() * 0.5 / 254, abs=1e-4)
    assert "prob_spread" not in geopandas.read_file(tmp_path / "scene.gpkg", layer="landslides")
    message = polygonized("--spread", str(tmp_path / "mask.tif"), out="new.gpkg", status=1)
    assert "mask.tif is not the spread raster of" in message


def test_without_a_crs_metres_stay_unknown(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    path = make_scene(blobs(90, 90), crs=None)
    with pytest.warns(NoCRSWarning):
        go(path, card, first_band())
    with pytest.warns(NoCRSWarning, match=r"prob\.tif has no coordinate reference system"):
        found = landslide_cli.polygonize(tmp_path / "prob.tif", tmp_path / "a.gpkg")
    assert (found.area_m2, found.analysed_m2, found.bounds) == (None, None, None)
    with pytest.warns(NoCRSWarning):
        assert {row.area_m2 for row in thresholds.table(tmp_path / "prob.tif")} == {None}


@pytest.mark.parametrize(
    ("raster", "message"),
    [
        ("mask.tif", "mask.tif is no probability raster; give one that landslide detect --probability has written"),
        ("scene.tif", "is no probability raster"),
        ("missing.tif", "missing.tif can't be opened as a raster"),
    ],
)
def test_what_is_no_probability_is_refused(polygonized: Callable[..., Any], raster: str, message: str) -> None:
    assert message in polygonized(raster=raster, status=1)


def test_a_threshold_that_nobody_tells_is_asked_for(polygonized: Callable[..., Any], tmp_path: Path) -> None:
    write_dem(tmp_path / "float.tif", np.full((50, 50), 0.7, np.float32))
    message = polygonized(raster="float.tif", status=1)
    assert "doesn't tell the threshold of its run; give one with --threshold" in message


def test_a_raster_without_a_valid_pixel_is_refused(polygonized: Callable[..., Any], tmp_path: Path) -> None:
    write_dem(tmp_path / "empty.tif", np.full((50, 50), np.nan, np.float32))
    message = polygonized("--threshold", "0.5", raster="empty.tif", status=1)
    assert "is nodata everywhere, so nothing was analysed" in message


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("scene.gpkg", "exists; choose another name or allow it with --overwrite"),
        ("out.kmz", "no format is known by the ending '.kmz'"),
    ],
)
def test_an_inventory_that_can_not_be_written_is_refused(
    polygonized: Callable[..., Any], out: str, message: str
) -> None:
    assert message in polygonized(out=out, status=1)


def test_a_damaged_raster_is_refused(polygonized: Callable[..., Any], tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.tif"
    with rasterio.open(damaged, "w", driver="GTiff", count=1, height=900, width=900, dtype="float32", crs=UTM,
                       transform=TRANSFORM, tiled=True) as dst:  # fmt: skip
        dst.write(noise(900, 900).astype(np.float32) / 255, 1)
    damaged.write_bytes(damaged.read_bytes()[:1_500_000])
    assert re.search(r"damaged\.tif can't be read at row \d+.*copy it again",
                     polygonized("--threshold", "0.5", raster="damaged.tif", status=1))  # fmt: skip


def refused_dem(polygonized: Callable[..., Any], path: Path) -> Any:
    return polygonized("--dem", str(path), status=1)


def test_a_smallest_slope_needs_an_elevation_model(polygonized: Callable[..., Any]) -> None:
    message = polygonized("--min-slope", "5", status=1)
    assert "--min-slope 5 needs the heights of the ground; give them with --dem FILE" in message


def test_an_elevation_model_that_is_missing_is_refused(polygonized: Callable[..., Any], tmp_path: Path) -> None:
    message = refused_dem(polygonized, tmp_path / "none.tif")
    assert re.search(r"--dem .*none\.tif can't be opened as a raster", message)


def test_an_image_is_no_elevation_model(polygonized: Callable[..., Any], tmp_path: Path) -> None:
    message = refused_dem(polygonized, tmp_path / "scene.tif")
    assert re.search(r"has 3 bands, but one of heights is needed; .*gdal_translate -b", message)


def test_an_elevation_model_without_a_crs_is_refused(polygonized: Callable[..., Any], tmp_path: Path) -> None:
    message = refused_dem(polygonized, write_dem(tmp_path / "bare.tif", np.zeros((50, 50), np.float32), crs=None))
    assert re.search(r"has no coordinate reference system, .*gdal_edit\.py -a_srs", message)


def test_an_elevation_model_elsewhere_is_refused(polygonized: Callable[..., Any], tmp_path: Path) -> None:
    there = Affine(10, 0, 600_000, 0, -10, 2_950_500)
    far = write_dem(tmp_path / "far.tif", np.zeros((50, 50), np.float32), transform=there)
    assert "far.tif does not meet the scene" in refused_dem(polygonized, far)


def test_heights_in_fathoms_are_refused(polygonized: Callable[..., Any], tmp_path: Path) -> None:
    fathoms = write_dem(tmp_path / "deep.tif", np.zeros((50, 50), np.float32))
    with rasterio.open(fathoms, "r+") as dst:
        dst.units = ("fathom",)
    assert "has heights in 'fathom', but metres or feet are needed" in refused_dem(polygonized, fathoms)


def test_a_damaged_elevation_model_is_refused(polygonized: Callable[..., Any], tmp_path: Path) -> None:
    damaged = write_dem(tmp_path / "damaged.tif", hills(200, 200))
    damaged.write_bytes(damaged.read_bytes()[:20_000])
    message = refused_dem(polygonized, damaged)
    assert re.search(r"damaged\.tif can't be read at row \d+, column \d+.*copy it again", message)


@pytest.mark.parametrize(
    ("words", "out", "message"),
    [
        ("", None, "give either -o FILE or --table"),
        ("--table", "out.gpkg", "give either -o FILE or --table"),
        ("--table --threshold 0.5", None, "--table goes without --threshold"),
        ("--table --before p.tif", None, "--table goes without --threshold, --spread, --before"),
    ],
)
def test_wrong_usage(polygonized: Callable[..., Any], words: str, out: str | None, message: str) -> None:
    assert message in polygonized(*words.split(), out=out, status=2)
