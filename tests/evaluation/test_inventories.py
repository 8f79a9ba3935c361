"""An inventory against a reference."""

from __future__ import annotations

import json
import tracemalloc
import warnings
from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner
from rasterio.features import shapes
from scipy import ndimage

from landslide_cli.cli import main
from landslide_cli.errors import EvaluationError, NoReferenceWarning
from landslide_cli.evaluation import inventories
from landslide_cli.evaluation.curves import draw_curves
from landslide_cli.evaluation.inventories import Comparison, compare, evaluate_inventory
from landslide_cli.evaluation.painter import Painter
from landslide_cli.evaluation.summary import Evaluation
from landslide_cli.evaluation.text import as_numbers, as_text
from landslide_cli.metrics.boundary import BoundaryCounts
from landslide_cli.metrics.objects import Overlaps
from landslide_cli.metrics.scores import Histogram, Scores
from landslide_cli.mosaic.encoding import STEPS
from landslide_cli.scene.scene import open_scene
from tests.conftest import TRANSFORM, UTM, MakeScene, noise
from tests.evaluation.conftest import evaluate, random_mask, refusal


def with_scale(path: Path) -> Path:
    """A raster of stored values that says what they mean, as `detect` writes it."""
    with rasterio.open(path, "r+") as dst:
        dst.scales = (1 / STEPS,)
    return path


def write_inventory(path: Path, mask: np.ndarray, *, layer: str = "landslides", crs: str | None = UTM) -> Path:
    """The polygons of a mask on the grid of the scenes in these tests."""
    outlines = [
        shapely.geometry.shape(shape) for shape, _ in shapes(mask.astype(np.uint8), mask=mask, transform=TRANSFORM)
    ]
    frame = geopandas.GeoDataFrame(geometry=geopandas.GeoSeries(outlines, crs=UTM))
    frame = frame.to_crs(crs) if crs else frame.set_crs(None, allow_override=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        frame.to_file(path, layer=layer, geometry_type="Polygon", mode="a" if path.exists() else "w")
    return path


@pytest.fixture
def truth() -> np.ndarray:
    return random_mask(90, 70, seed=1) ^ (random_mask(90, 70, seed=2, part=0.1))


@pytest.fixture
def case(tmp_path: Path, make_scene: MakeScene, found: np.ndarray, truth: np.ndarray) -> dict[str, Path]:
    return {
        "scene": make_scene(noise(3, 90, 70)),
        "inventory": write_inventory(tmp_path / "slides.gpkg", found),
        "reference": write_inventory(tmp_path / "truth.gpkg", truth),
    }


def check(evaluation: Evaluation, found: np.ndarray, truth: np.ndarray, known: np.ndarray) -> None:
    """All counts are those of the arrays; what isn't known hides part of an object, but doesn't split it."""
    overlaps = Overlaps()
    overlaps.add(*(np.where(known, ndimage.label(mask)[0], 0) for mask in (found, truth)))
    (result,) = evaluation.judged
    assert result.scores == Scores.of(found, truth, known)
    assert result.objects == overlaps.counts()
    assert result.boundary == BoundaryCounts.of(found, truth, known, tolerance=evaluation.tolerance)


def test_an_inventory_is_judged_as_its_pixels(case: dict[str, Path], found: np.ndarray, truth: np.ndarray) -> None:
    done: list[tuple[int, int]] = []
    evaluation = evaluate_inventory(**case, on_progress=lambda *now: done.append(now))
    check(evaluation, found, truth, np.ones_like(truth))
    assert done[-1] == (90 * 70, 90 * 70)
    assert as_numbers(evaluation)["all"]["area_bias"] == pytest.approx(found.sum() / truth.sum() - 1, abs=1e-6)
    assert "calibration" not in as_numbers(evaluation)["all"]
    with pytest.raises(EvaluationError, match="--plot needs probabilities; add --probability TIF"):
        draw_curves(evaluation, case["scene"].with_suffix(".png"))


@pytest.mark.parametrize("rows", [1, 7, 64, 1000])
def test_how_the_scene_is_cut_changes_nothing(rows: int, case: dict[str, Path], make_scene: MakeScene) -> None:
    stored = noise(1, 90, 70, seed=4)
    stored[:, 30:40] = 255
    probability = with_scale(make_scene(stored, name="prob.tif", nodata=255))
    whole = evaluate_inventory(**case, probability=probability).judged[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inventories, "STRIP_PIXELS", rows * 70)
        patch.setattr(inventories, "LEAST_ROWS", 1)
        parts = evaluate_inventory(**case, probability=probability).judged[0]
    assert parts.histogram is not None
    assert whole.histogram is not None
    np.testing.assert_array_equal(parts.histogram.landslide, whole.histogram.landslide)
    np.testing.assert_array_equal(parts.histogram.other, whole.histogram.other)
    assert replace(parts, histogram=None) == replace(whole, histogram=None)


def test_inventories_may_come_in_other_crs(
    case: dict[str, Path], tmp_path: Path, found: np.ndarray, truth: np.ndarray
) -> None:
    case["inventory"] = write_inventory(tmp_path / "degrees.gpkg", found, crs="EPSG:4326")
    case["reference"] = write_inventory(tmp_path / "mercator.gpkg", truth, crs="EPSG:3857")
    check(evaluate_inventory(**case), found, truth, np.ones_like(truth))


def all_but_a_corner(shape: tuple[int, ...]) -> np.ndarray:
    """All but the upper left corner."""
    rows, cols = np.indices(shape)
    return rows + cols > 40


def test_what_is_nodata_in_the_scene_does_not_count(
    case: dict[str, Path], make_scene: MakeScene, found: np.ndarray, truth: np.ndarray
) -> None:
    valid = all_but_a_corner(truth.shape)
    case["scene"] = make_scene(noise(3, 90, 70), valid=valid)
    check(evaluate_inventory(**case), found, truth, valid)


def test_what_lies_outside_the_analysed_layer_does_not_count(
    case: dict[str, Path], found: np.ndarray, truth: np.ndarray
) -> None:
    analysed = all_but_a_corner(truth.shape)
    write_inventory(case["inventory"], analysed, layer="analysed")
    check(evaluate_inventory(**case), found, truth, analysed)


def test_what_is_nodata_in_the_probability_does_not_count(
    case: dict[str, Path], make_scene: MakeScene, found: np.ndarray, truth: np.ndarray
) -> None:
    analysed = all_but_a_corner(truth.shape)
    write_inventory(case["inventory"], analysed, layer="analysed")
    stored = noise(1, 90, 70, seed=4)
    rows = np.indices(truth.shape)[0]
    stored[0, ~analysed | (rows > 80)] = 255
    evaluation = evaluate_inventory(**case, probability=with_scale(make_scene(stored, name="prob.tif", nodata=255)))
    check(evaluation, found, truth, analysed & (rows <= 80))
    assert evaluation.judged[0].histogram is not None
    np.testing.assert_array_equal(evaluation.judged[0].histogram.landslide, Histogram.of(stored[0], truth).landslide)


def test_what_detect_writes_is_judged_from_end_to_end(
    make_scene: MakeScene, small_model: Path, tmp_path: Path, truth: np.ndarray
) -> None:
    """The polygons are the raster at the threshold, so both give the same scores; nodata is left out."""
    valid = np.ones(truth.shape, dtype=bool)
    valid[:20, :30] = False
    scene = make_scene(noise(3, *truth.shape), valid=valid)
    inventory, probability, plot = tmp_path / "slides.gpkg", tmp_path / "prob.tif", tmp_path / "curves.svg"
    reference = write_inventory(tmp_path / "truth.gpkg", truth)
    detect = ["detect", scene, "-o", inventory, "--probability", probability, "--model", small_model, "-q"]
    draft = CliRunner().invoke(main, [*map(str, detect), "--threshold", "0.5"])
    assert draft.exit_code == 0, draft.output
    with rasterio.open(probability) as src:
        threshold = float(np.quantile(src.read(1)[valid], 0.7)) / 254
    assert CliRunner().invoke(main, [*map(str, detect), "--threshold", str(threshold), "--overwrite"]).exit_code == 0
    command = (inventory, "--reference", reference, "--scene", scene, "--probability", probability)
    numbers = json.loads(evaluate(*command, "--json", "-q", "--plot", plot).stdout)
    with rasterio.open(probability) as src:
        scores = Histogram.of(src.read(1), truth).scores(threshold)
    assert numbers["all"]["pixels"] == valid.sum() == scores.pixels
    assert numbers["all"]["pooled"] == {
        name: round(getattr(scores, name), 6) for name in ("precision", "recall", "f1", "iou")
    }
    assert numbers["all"]["calibration"]["expected_error"] > 0
    assert "<svg" in plot.read_text()
    text = evaluate(*command).stdout
    assert text.startswith(f"{inventory} against {reference}: scene.tif, 0.0057 Mpx")
    assert "  mean" not in text


def test_memory_does_not_grow_with_the_scene(tmp_path: Path) -> None:
    def peak(height: int) -> int:
        path = tmp_path / f"{height}.tif"
        with rasterio.open(
            path, "w", driver="GTiff", width=400, height=height, count=1, dtype="uint8", crs=UTM, transform=TRANSFORM
        ):
            pass
        polygon = np.array([shapely.box(3, 3, 60, height - 5)], dtype=object)
        with open_scene(path, wanted=("any",)) as scene:
            painters = Painter(polygon, width=400), Painter(polygon, width=400)
            tracemalloc.start()
            compare(Comparison(scene, *painters, None), tolerance=3, rows=64)
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return most

    assert peak(6400) < 1.1 * peak(640)


def test_a_reference_that_is_empty_here_leaves_the_false_alarms(
    case: dict[str, Path], tmp_path: Path, found: np.ndarray
) -> None:
    case["reference"] = write_inventory(tmp_path / "none.gpkg", np.zeros_like(found))
    with pytest.warns(NoReferenceWarning, match=r"no polygon of .*none\.gpkg lies in what was analysed of scene\.tif"):
        evaluation = evaluate_inventory(**case)
    numbers = as_numbers(evaluation)["all"]
    assert (numbers["pooled"], numbers["boundary"], numbers["area_bias"]) == (None, None, None)
    assert numbers["false_alarm"]["share_of_other_area"] == pytest.approx(found.mean(), abs=1e-6)
    assert "no true landslide" in as_text(evaluation)


def refused(case: dict[str, Path], *more: object, **changed: Path) -> str:
    given = case | changed
    return refusal(given["inventory"], "--reference", given["reference"], "--scene", given["scene"], *more)


def test_a_reference_that_is_missing_is_refused(case: dict[str, Path], tmp_path: Path) -> None:
    assert "missing.gpkg can't be read as polygons" in refused(case, reference=tmp_path / "missing.gpkg")


def test_a_reference_of_two_layers_is_refused(case: dict[str, Path], tmp_path: Path, truth: np.ndarray) -> None:
    two = write_inventory(write_inventory(tmp_path / "two.gpkg", truth, layer="a"), truth, layer="b")
    message = refused(case, reference=two)
    assert "two.gpkg holds a, b; one layer is needed, or one called landslides" in message


def test_a_reference_of_points_is_refused(case: dict[str, Path], tmp_path: Path) -> None:
    points = tmp_path / "points.gpkg"
    geopandas.GeoSeries([shapely.Point(0, 0)], crs=4326).to_file(points)
    assert "layer points: holds Point; polygons are needed" in refused(case, reference=points)


def test_a_reference_without_a_crs_is_refused_where_the_scene_has_one(
    case: dict[str, Path], tmp_path: Path, truth: np.ndarray
) -> None:
    bare = write_inventory(tmp_path / "bare.gpkg", truth, crs=None)
    message = refused(case, reference=bare)
    assert "bare.gpkg has no coordinate reference system but the scene has one" in message


def test_a_scene_that_is_missing_is_refused(case: dict[str, Path], tmp_path: Path) -> None:
    assert "can't be opened as a raster" in refused(case, scene=tmp_path / "missing.tif")


def test_a_scene_of_which_nothing_was_analysed_is_refused(
    case: dict[str, Path], make_scene: MakeScene, truth: np.ndarray
) -> None:
    away = make_scene(noise(3, 20, 20), name="away.tif", transform=Affine(0.8, 0, 600_000, 0, -0.8, 2_950_000))
    write_inventory(case["inventory"], np.ones_like(truth), layer="analysed")
    assert "nothing of away.tif was analysed by" in refused(case, scene=away)


@pytest.mark.parametrize(
    ("cols", "dtype", "moved", "message"),
    [
        (70, "uint16", 0, "is no probability raster; give one that landslide detect --probability has written"),
        (60, "uint8", 0, "is 60 x 90 pixels, scene.tif is 70 x 90"),
        (70, "uint8", 1, "lies elsewhere than scene.tif"),
    ],
)
def test_a_probability_that_is_not_the_scene_s_is_refused(
    case: dict[str, Path], make_scene: MakeScene, cols: int, dtype: str, moved: int, message: str
) -> None:
    raster = make_scene(
        noise(1, 90, cols, dtype=dtype), name="prob.tif", transform=TRANSFORM @ Affine.translation(moved, 0),
        nodata=255 if dtype == "uint8" else None,
    )  # fmt: skip
    assert message in refused(case, "--probability", with_scale(raster) if dtype == "uint8" else raster)


def test_floating_point_probabilities_are_judged_as_the_stored_ones(
    case: dict[str, Path], make_scene: MakeScene
) -> None:
    stored = noise(1, 90, 70, seed=4)
    stored[:, 30:40] = 255
    floats = np.where(stored == 255, -1, stored / STEPS).astype(np.float32)
    one, other = (
        evaluate_inventory(**case, probability=raster).judged[0]
        for raster in (
            with_scale(make_scene(stored, name="stored.tif", nodata=255)),
            make_scene(floats, name="floats.tif", nodata=-1),
        )
    )
    assert one.scores == other.scores
    assert one.histogram is not None and other.histogram is not None
    assert (one.histogram.landslide == other.histogram.landslide).all()


def test_a_probability_that_is_missing_is_refused(case: dict[str, Path], tmp_path: Path) -> None:
    assert "can't be opened as a raster" in refused(case, "--probability", tmp_path / "none.tif")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "--reference needs one INVENTORY and its --scene"),
        ("--scene SCENE --threshold 0.4", "--threshold says nothing of INVENTORY; leave it out"),
        ("--scene SCENE --plot x.png", "--plot of an inventory needs --probability: polygons alone have no curves"),
    ],
)
def test_wrong_usage_is_status_2(case: dict[str, Path], words: str, message: str) -> None:
    given = [str(case["scene"]) if word == "SCENE" else word for word in words.split()]
    assert message in refusal(case["inventory"], "--reference", case["reference"], *given, status=2)
