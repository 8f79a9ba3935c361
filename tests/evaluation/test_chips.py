"""A model on chips."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landslide_cli.chips.chip import Chip
from landslide_cli.errors import EvaluationError, MissingExtraError, OutputError
from landslide_cli.evaluation.chips import card_source, choose_zoom, judge_views
from landslide_cli.evaluation.curves import refuse_plot
from landslide_cli.evaluation.text import as_numbers
from landslide_cli.metrics.scores import Histogram
from landslide_cli.model.card import ModelCard
from tests.conftest import MakeScene, StandIn, noise
from tests.evaluation.conftest import constant_one, evaluate, judged, random_mask, refusal, views, write_image_and_mask


def test_a_network_that_knows_the_mask_is_perfect(tmp_path: Path) -> None:
    for number in range(3):
        mask = random_mask(40, 45, seed=number)
        write_image_and_mask(
            tmp_path / "slides", f"s{number}", np.repeat(mask[..., None] * np.uint8(254), 3, axis=2), mask
        )
    write_image_and_mask(tmp_path / "others", "o", np.zeros((30, 30, 3), np.uint8), None)
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


def test_evaluate_on_chips_from_end_to_end(chips: Path, small_model: Path, tmp_path: Path) -> None:
    plot = tmp_path / "curves.png"
    command = (chips / "slides", chips / "others", "--model", small_model, "--pixel-size", 1, "--device", "cpu")
    result = evaluate(*command, "--json", "--quiet", "--plot", plot, "--threshold", 0.4)
    assert result.stderr == ""
    numbers = json.loads(result.stdout)
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert (numbers["model"], numbers["threshold"], numbers["zoom"]) == ("small", 0.4, "1")
    assert numbers["all"]["pixels"] == 3 * 60 * 70 + 2 * 50 * 50
    assert numbers["all"]["pooled"] == expected_pooled(chips, small_model, 0.4)


def test_groups_choose_chips_and_the_run_is_told(chips: Path, small_model: Path) -> None:
    text = evaluate(chips / "slides", chips / "others", "--model", small_model, "--pixel-size", 1, "--groups", "b,x*")
    assert text.stdout.startswith("small at threshold 0.5: s2, 0.0042 Mpx")
    assert "small by " in text.stderr
    assert "chips: 1, seen at 1 times their size" in text.stderr


def test_a_plot_that_exists_is_not_replaced(chips: Path, small_model: Path, tmp_path: Path) -> None:
    (tmp_path / "curves.png").write_text("mine")
    message = refusal(chips / "slides", "--model", small_model, "--pixel-size", 1, "--plot", tmp_path / "curves.png")
    assert "exists; choose another name or allow it with --overwrite" in message


def expected_pooled(chips: Path, model: Path, threshold: float) -> dict[str, float]:
    from landslide_cli.engine.torch_engine import TorchEngine
    from landslide_cli.evaluation.judging import judge
    from landslide_cli.model.weights import find_model, load_network

    weights, card = find_model(model)
    engine = TorchEngine(load_network(weights, card), mean=card.mean, std=card.std, batch_size=1, device="cpu")
    sources = {name: [view.chip for view in views(chips) if view.source == name] for name in ("slides", "others")}
    judged = judge(engine, sources, {"slides": 1.0, "others": 1.0}, card.value_range)
    scores = Histogram.total(judged.values()).scores(threshold)
    return {name: round(getattr(scores, name), 6) for name in ("precision", "recall", "f1", "iou")}


def zoom_of(card: ModelCard, folder: Path, metres: float | None, resolution: float | None = None) -> float:
    return choose_zoom(folder / "x.png", folder, card, metres=metres, resolution=resolution)


@pytest.mark.parametrize(
    ("metres", "resolution", "zoom"), [(0.5, None, 0.25), (3, None, 1), (8, None, 2), (0.5, 1, 0.5)]
)
def test_the_network_sees_a_resolution_that_it_was_trained_for(
    tmp_path: Path, card: ModelCard, metres: float, resolution: float | None, zoom: float
) -> None:
    assert zoom_of(replace(card, resolution_m=(2.0, 4.0)), tmp_path, metres, resolution) == zoom


@pytest.mark.parametrize(("metres", "zoom"), [(None, 0.3), (1.0, 0.5)])
def test_a_folder_that_was_trained_on_is_seen_as_then(
    tmp_path: Path, card: ModelCard, metres: float | None, zoom: float
) -> None:
    training = {"sources": [{"name": "here", "path": "data/slides", "zoom": 0.5}], "working_zoom": 0.6}
    card = replace(card, resolution_m=(2.0, 4.0), training=training)
    assert zoom_of(card, tmp_path / "data" / "slides", metres) == pytest.approx(zoom)
    assert card_source(tmp_path / "slides", card) is None


def test_metres_that_nobody_tells_are_asked_for(tmp_path: Path, card: ModelCard) -> None:
    with pytest.raises(
        EvaluationError, match=r"how many metres a pixel of x\.png is, .* 2 to 4 m .*; give --pixel-size"
    ):
        zoom_of(replace(card, resolution_m=(2.0, 4.0)), tmp_path, None)


def test_a_geotiff_chip_says_itself_how_large_its_pixels_are(make_scene: MakeScene, card: ModelCard) -> None:
    card = replace(card, resolution_m=(1.6, 3.2))
    placed = make_scene(noise(3, 20, 20), name="placed.tif")
    assert choose_zoom(placed, placed.parent, card, metres=None, resolution=None) == pytest.approx(0.5, rel=1e-3)
    bare = make_scene(noise(3, 20, 20), name="bare.tif", crs=None)
    with pytest.raises(EvaluationError, match="give --pixel-size METRES"):
        choose_zoom(bare, bare.parent, card, metres=None, resolution=None)


@pytest.mark.parametrize(
    ("words", "message", "status"),
    [
        ("slides --model M", "give --pixel-size METRES", 1),
        ("slides --model M --pixel-size 1 --groups z*,y", "no chip is of a group z* or y; the folders hold a, b", 1),
        ("slides --model M --pixel-size 1 --pixel-size 2",
         "--pixel-size is given 2 times for 1 folder; give it once for all", 1),
        ("nowhere --model M --pixel-size 1", "is not a folder; name one that holds image/", 1),
        ("slides --model M --plot x.tif", "no picture is known by the ending '.tif'", 1),
        ("slides --scene x", "--scene says nothing of CHIPS; leave it out", 2),
        ("groups.csv --model M", "a file is judged with --reference and --scene; chips are folders", 2),
    ],
)  # fmt: skip
def test_chips_that_can_not_be_judged(chips: Path, small_model: Path, words: str, message: str, status: int) -> None:
    first, *rest = words.split()
    assert message in refusal(chips / first, *(small_model if word == "M" else word for word in rest), status=status)


def test_a_plot_without_matplotlib_tells_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("landslide_cli.extras.find_spec", lambda module: None)
    with pytest.raises(MissingExtraError, match=r"--plot needs the package matplotlib, .* 'landslide-cli\[plot\]'"):
        refuse_plot(tmp_path / "x.png", overwrite=False)


def test_a_plot_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"use one of \.png, \.svg, \.pdf"):
        refuse_plot(tmp_path / "x.bmp", overwrite=False)


def test_chips_are_judged_one_at_a_time(chips: Path) -> None:
    """The next chip is not read before the last one is judged."""
    read: list[str] = []

    class Watched(Chip):
        def read_image(self) -> np.ndarray:
            read.append(self.image.stem)
            return super().read_image()

    some = [replace(view, chip=Watched(view.chip.image, view.chip.mask, "g")) for view in views(chips)]
    results = judge_views(constant_one(), some, value_range=(0, 255), threshold=0.5, tolerance=1)
    next(results)
    assert read == ["s0"]
