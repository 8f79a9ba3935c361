"""`landslide evaluate`: a model on chips, and an inventory against a reference."""

from __future__ import annotations

import json
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner, Result
from PIL import Image
from rasterio.features import shapes
from scipy import ndimage

from landslide_cli.chips.chip import Chip
from landslide_cli.cli import main
from landslide_cli.errors import EvaluationError, MissingExtraError, NoReferenceWarning, OutputError
from landslide_cli.evaluation import inventories
from landslide_cli.evaluation.chips import Viewed, card_source, choose_zoom, judge_views
from landslide_cli.evaluation.curves import draw_curves, refuse_plot
from landslide_cli.evaluation.inventories import Comparison, compare, evaluate_inventory
from landslide_cli.evaluation.painter import Painter
from landslide_cli.evaluation.summary import Evaluation
from landslide_cli.evaluation.text import as_numbers, as_text
from landslide_cli.metrics.boundary import BoundaryCounts
from landslide_cli.metrics.objects import Overlaps
from landslide_cli.metrics.scores import Histogram, Scores
from landslide_cli.model.card import ModelCard
from landslide_cli.scene.scene import open_scene
from tests.conftest import TRANSFORM, UTM, StandIn, constant, noise

MakeScene = Callable[..., Path]


def blobs(*shape: int, seed: int, part: float = 0.25) -> np.ndarray:
    """A random mask of smooth shapes."""
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.5)
    return field > np.quantile(field, 1 - part)


def run(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(main, ["evaluate", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result


def refusal(*arguments: object, status: int = 1) -> str:
    result = run(*arguments, status=status)
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return line


# --- chips ---------------------------------------------------------------------------------------


def write_chip(folder: Path, stem: str, image: np.ndarray, mask: np.ndarray | None) -> None:
    for kind, array in (("image", image), ("mask", mask)):
        if array is not None:
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(folder / kind / f"{stem}.png")


@pytest.fixture
def chips(tmp_path: Path) -> Path:
    """Three images with landslides in groups a, a, b; two without in c."""
    data = tmp_path / "data"
    for number in range(3):
        write_chip(data / "slides", f"s{number}", noise(60, 70, 3, seed=number), blobs(60, 70, seed=number))
    for number in range(2):
        write_chip(data / "others", f"o{number}", noise(50, 50, 3, seed=9 + number), None)
    (data / "groups.csv").write_text("stem,group\ns0,a\ns1,a\ns2,b\no0,c\no1,c\n")
    return data


def views(chips: Path, zoom: float = 1.0) -> list[Viewed]:
    from landslide_cli.chips.chip import find_chips

    return [Viewed(chip, name, zoom) for name in ("slides", "others") for chip in find_chips(chips / name)]


def judged(engine: StandIn, some: list[Viewed], threshold: float = 0.5) -> Evaluation:
    done: list[tuple[int, int]] = []
    found = tuple(
        judge_views(engine, some, threshold=threshold, tolerance=2, on_progress=lambda *now: done.append(now))
    )
    assert done[-1][0] == done[-1][1] == sum(image.scores.pixels for image in found)
    return Evaluation("stand-in", {}, threshold, 2, found)


def test_a_network_that_knows_the_mask_is_perfect(tmp_path: Path) -> None:
    for number in range(3):
        mask = blobs(40, 45, seed=number)
        write_chip(tmp_path / "slides", f"s{number}", np.repeat(mask[..., None] * np.uint8(254), 3, axis=2), mask)
    write_chip(tmp_path / "others", "o", np.zeros((30, 30, 3), np.uint8), None)
    perfect = judged(StandIn(lambda pixels: pixels[:, 0] / 254, batch_size=1), views(tmp_path))
    numbers = as_numbers(perfect)["all"]
    assert set(numbers["pooled"].values()) == set(numbers["mean_over_images"].values()) == {1.0}
    assert set(numbers["boundary"].values()) == {1.0}
    assert {numbers["objects"][f"iou_{iou}"]["f1"] for iou in (0.1, 0.3, 0.5)} == {1.0}
    assert numbers["area_bias"] == 0
    assert numbers["false_alarm"]["share_of_their_area"] == 0
    assert numbers["average_precision"] == 1
    assert numbers["calibration"]["expected_error"] == 0


def test_a_network_that_sees_landslide_everywhere(chips: Path) -> None:
    everywhere = judged(constant_one(), views(chips))
    summary = everywhere.summary()
    part = summary.pooled.true / summary.pooled.pixels
    assert summary.pooled.recall == 1
    assert summary.pooled.precision == pytest.approx(part)
    assert summary.area_bias == pytest.approx(1 / part - 1)
    assert summary.quiet.false_alarm == 1
    assert summary.alarmed == 2
    numbers = as_numbers(everywhere)
    assert numbers["all"]["calibration"]["expected_error"] == pytest.approx(1 - part, abs=1e-5)
    assert numbers["by_group"].keys() == {"a", "b", "c"}
    assert numbers["by_group"]["a"]["images"] == 2
    assert numbers["by_group"]["c"]["pooled"] is None
    assert numbers["by_source"]["others"]["false_alarm"]["share_of_their_area"] == 1
    assert [image["name"] for image in numbers["images"]] == ["s0", "s1", "s2", "o0", "o1"]


def constant_one() -> StandIn:
    engine = constant(1.0)
    engine.batch_size = 1
    return engine


def test_the_table_shows_both_conventions(chips: Path) -> None:
    text = as_text(judged(constant_one(), views(chips)))
    assert "stand-in: 5 images (3 with landslide), 0.0176 Mpx" in text
    for line in (
        "  pooled",
        "  mean",
        "  IoU >= 0.1",
        "by group",
        "by source",
        "  slides",
        "false alarms",
        "calibration",
    ):
        assert any(row.startswith(line) for row in text.splitlines()), line
    assert "100.00% of the 2 images without landslide, 2 of which have any" in text
    assert as_text(judged(constant_one(), views(chips)[3:])).count("no true landslide") == 1


def test_evaluate_on_chips_from_end_to_end(chips: Path, small_model: Path, tmp_path: Path) -> None:
    plot = tmp_path / "curves.png"
    command = (chips / "slides", chips / "others", "--model", small_model, "--pixel-size", 1, "--device", "cpu")
    result = run(*command, "--json", "--quiet", "--plot", plot, "--threshold", 0.4)
    assert result.stderr == ""
    numbers = json.loads(result.stdout)
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert (numbers["model"], numbers["threshold"], numbers["zoom"]) == ("small", 0.4, "1")
    assert numbers["all"]["pixels"] == 3 * 60 * 70 + 2 * 50 * 50
    assert numbers["all"]["pooled"] == expected_pooled(chips, small_model, 0.4)

    text = run(*command, "--groups", "b,x*")
    assert text.stdout.startswith("small at threshold 0.5: s2, 0.0042 Mpx")
    assert "small by " in text.stderr
    assert "chips: 1, seen at 1 times their size" in text.stderr
    assert "exists; choose another name or allow it with --overwrite" in refusal(*command, "--plot", plot)


def expected_pooled(chips: Path, model: Path, threshold: float) -> dict[str, float]:
    from landslide_cli.engine.torch_engine import TorchEngine
    from landslide_cli.evaluation.judging import judge
    from landslide_cli.model.weights import find_model, load_network

    weights, card = find_model(model)
    engine = TorchEngine(
        load_network(weights, card), value_range=card.value_range, mean=card.mean, std=card.std,
        batch_size=1, device="cpu",
    )  # fmt: skip
    sources = {name: [view.chip for view in views(chips) if view.source == name] for name in ("slides", "others")}
    scores = Histogram.total(judge(engine, sources, {"slides": 1.0, "others": 1.0}).values()).scores(threshold)
    return {name: round(getattr(scores, name), 6) for name in ("precision", "recall", "f1", "iou")}


def test_the_network_sees_a_resolution_that_it_was_trained_for(tmp_path: Path, card: ModelCard) -> None:
    image = tmp_path / "x.png"
    card = replace(card, resolution_m=(2.0, 4.0))

    def zoom(metres: float | None, resolution: float | None = None, folder: Path = tmp_path, **changes: Any) -> float:
        return choose_zoom(image, folder, replace(card, **changes), metres=metres, resolution=resolution)

    assert zoom(0.5) == 0.25
    assert zoom(3.0) == 1
    assert zoom(8.0) == 2
    assert zoom(0.5, resolution=1.0) == 0.5
    training = {
        "sources": [{"name": "here", "path": "data/slides", "zoom": 0.5}],
        "working_zoom": 0.6,
    }
    known = tmp_path / "data" / "slides"
    assert zoom(None, folder=known, training=training) == pytest.approx(0.3)
    assert zoom(1.0, folder=known, training=training) == 0.5
    assert card_source(tmp_path / "slides", replace(card, training=training)) is None
    with pytest.raises(
        EvaluationError, match=r"how many metres a pixel of x\.png is, .* 2 to 4 m .*; give --pixel-size"
    ):
        zoom(None)


def test_a_geotiff_chip_says_itself_how_large_its_pixels_are(make_scene: MakeScene, card: ModelCard) -> None:
    card = replace(card, resolution_m=(1.6, 3.2))
    placed = make_scene(noise(3, 20, 20), name="placed.tif")
    assert choose_zoom(placed, placed.parent, card, metres=None, resolution=None) == pytest.approx(0.5, rel=1e-3)
    bare = make_scene(noise(3, 20, 20), name="bare.tif", crs=None)
    with pytest.raises(EvaluationError, match="give --pixel-size METRES"):
        choose_zoom(bare, bare.parent, card, metres=None, resolution=None)


def test_chips_that_can_not_be_judged(chips: Path, small_model: Path) -> None:
    slides, model = chips / "slides", ("--model", small_model)
    assert "give --pixel-size METRES" in refusal(slides, *model)
    message = refusal(slides, *model, "--pixel-size", 1, "--groups", "z*,y")
    assert "no chip is of a group z* or y; the folders hold a, b" in message
    message = refusal(slides, *model, "--pixel-size", 1, "--pixel-size", 2)
    assert "--pixel-size is given 2 times for 1 folders; give it once for all" in message
    assert "is not a folder; name one that holds image/" in refusal(chips / "nowhere", *model, "--pixel-size", 1)
    assert "no picture is known by the ending '.tif'" in refusal(slides, *model, "--plot", chips / "x.tif")
    assert "--scene says nothing of CHIPS; leave it out" in refusal(slides, "--scene", "x", status=2)
    message = refusal(chips / "groups.csv", *model, status=2)
    assert "a file is judged with --reference and --scene; chips are folders" in message


def test_an_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("landslide_cli.extras.find_spec", lambda module: None)
    with pytest.raises(MissingExtraError, match=r"--plot needs the package matplotlib, .* 'landslide-cli\[plot\]'"):
        refuse_plot(tmp_path / "x.png", overwrite=False)
    monkeypatch.undo()
    with pytest.raises(OutputError, match=r"use one of \.png, \.svg, \.pdf"):
        refuse_plot(tmp_path / "x.bmp", overwrite=False)


# --- inventories ---------------------------------------------------------------------------------


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
def found() -> np.ndarray:
    return blobs(90, 70, seed=1)


@pytest.fixture
def truth() -> np.ndarray:
    return blobs(90, 70, seed=1) ^ (blobs(90, 70, seed=2, part=0.1))


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
    probability = make_scene(stored, name="prob.tif", nodata=255)
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


def test_only_what_was_analysed_counts(
    case: dict[str, Path], make_scene: MakeScene, found: np.ndarray, truth: np.ndarray
) -> None:
    rows, cols = np.indices(truth.shape)
    valid = rows + cols > 40
    case["scene"] = make_scene(noise(3, 90, 70), valid=valid)
    check(evaluate_inventory(**case), found, truth, valid)
    analysed = valid & (cols < 50)
    write_inventory(case["inventory"], analysed, layer="analysed")
    check(evaluate_inventory(**case), found, truth, analysed)
    stored = noise(1, 90, 70, seed=4)
    stored[0, ~analysed | (rows > 80)] = 255
    evaluation = evaluate_inventory(**case, probability=make_scene(stored, name="prob.tif", nodata=255))
    check(evaluation, found, truth, analysed & (rows <= 80))
    expected = Histogram.of(stored[0], truth)
    assert evaluation.judged[0].histogram is not None
    np.testing.assert_array_equal(evaluation.judged[0].histogram.landslide, expected.landslide)


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
    numbers = json.loads(run(*command, "--json", "-q", "--plot", plot).stdout)
    with rasterio.open(probability) as src:
        scores = Histogram.of(src.read(1), truth).scores(threshold)
    assert numbers["all"]["pixels"] == valid.sum() == scores.pixels
    assert numbers["all"]["pooled"] == {
        name: round(getattr(scores, name), 6) for name in ("precision", "recall", "f1", "iou")
    }
    assert numbers["all"]["calibration"]["expected_error"] > 0
    assert "<svg" in plot.read_text()
    text = run(*command).stdout
    assert text.startswith(f"{inventory} against {reference}: scene.tif, 0.0057 Mpx")
    assert "  mean" not in text


def test_where_polygons_overlap_the_later_one_is_seen() -> None:
    polygons = np.array([shapely.box(x, 0, x + 4, 6) for x in (4, 2, 0)], dtype=object)
    painter = Painter(polygons, width=9)
    expected = np.array([3, 3, 3, 3, 2, 2, 1, 1, 0])
    for first, last in ((0, 6), (2, 3), (4, 8)):
        rows = painter.rows(first, last)
        assert rows.shape == (last - first, 9)
        np.testing.assert_array_equal(rows[: 6 - first], np.broadcast_to(expected, (min(last, 6) - first, 9)))
        assert not rows[6 - first :].any()
    assert not Painter(polygons[:0], width=9).rows(0, 5).any()


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


def test_inventories_that_can_not_be_judged(
    case: dict[str, Path], make_scene: MakeScene, tmp_path: Path, truth: np.ndarray
) -> None:
    inventory, reference, scene = case["inventory"], case["reference"], case["scene"]

    def refused(inventory: Path = inventory, reference: Path = reference, scene: Path = scene, *more: object) -> str:
        return refusal(inventory, "--reference", reference, "--scene", scene, *more)

    assert "missing.gpkg can't be read as polygons" in refused(reference=tmp_path / "missing.gpkg")
    two = write_inventory(write_inventory(tmp_path / "two.gpkg", truth, layer="a"), truth, layer="b")
    assert "two.gpkg holds a, b; one layer is needed, or one called landslides" in refused(reference=two)
    points = tmp_path / "points.gpkg"
    geopandas.GeoSeries([shapely.Point(0, 0)], crs=4326).to_file(points)
    assert "layer points: holds Point; polygons are needed" in refused(reference=points)
    bare = write_inventory(tmp_path / "bare.gpkg", truth, crs=None)
    assert "bare.gpkg has no coordinate reference system but the scene has one" in refused(reference=bare)
    assert "can't be opened as a raster" in refused(scene=tmp_path / "missing.tif")

    away = make_scene(noise(3, 20, 20), name="away.tif", transform=Affine(0.8, 0, 600_000, 0, -0.8, 2_950_000))
    write_inventory(inventory, np.ones_like(truth), layer="analysed")
    assert "nothing of away.tif was analysed by" in refused(scene=away)

    def with_probability(array: np.ndarray, **profile: Any) -> str:
        raster = make_scene(array, name="prob.tif", **profile)
        return refused(inventory, reference, scene, "--probability", raster)

    assert "not one of uint8 with nodata 255" in with_probability(noise(1, 90, 70, dtype="float32"))
    assert "is 60 x 90 pixels, scene.tif is 70 x 90" in with_probability(noise(1, 90, 60), nodata=255)
    moved = TRANSFORM @ Affine.translation(1, 0)
    assert "lies elsewhere than scene.tif" in with_probability(noise(1, 90, 70), nodata=255, transform=moved)
    assert "can't be opened as a raster" in refused(inventory, reference, scene, "--probability", tmp_path / "none.tif")


def test_wrong_usage_is_status_2(case: dict[str, Path]) -> None:
    judged = (case["inventory"], "--reference", case["reference"])
    assert "--reference needs one INVENTORY and its --scene" in refusal(*judged, status=2)
    command = (*judged, "--scene", case["scene"])
    assert "--threshold says nothing of INVENTORY; leave it out" in refusal(*command, "--threshold", 0.4, status=2)
    message = refusal(*command, "--plot", "x.png", status=2)
    assert "--plot of an inventory needs --probability: polygons alone have no curves" in message


def test_chips_are_judged_one_at_a_time(chips: Path) -> None:
    """The next chip is not read before the last one is judged."""
    read: list[str] = []

    class Watched(Chip):
        def read_image(self) -> np.ndarray:
            read.append(self.image.stem)
            return super().read_image()

    some = [replace(view, chip=Watched(view.chip.image, view.chip.mask, "g")) for view in views(chips)]
    results = judge_views(constant_one(), some, threshold=0.5, tolerance=1)
    next(results)
    assert read == ["s0"]
