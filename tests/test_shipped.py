"""The shipped weights find on the demo scene what they found; every engine and precision says about the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landslide_cli.model.card import read_card
from landslide_cli.model.openvino import read_openvino_model
from landslide_cli.model.weights import find_model
from tests.engine.conftest import largest_weight
from tests.shipped import MEASURED, MODELS, PLAIN, RECORDED, Found, demo_scene, run

TOLD: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
LARGEST = 10  # landslides that are compared one by one; a pixel more or less is much of a small one
# By how much a number of MEASURED may differ between processors: as a part of it, or in its own unit.
RELATIVE = {"area_m2": 0.005, "perimeter_m": 0.01}
ABSOLUTE = {"prob_mean": 0.005, "prob_max": 0.005, "lon": 2e-6, "lat": 2e-6}
# Steps (of 254) that a stored probability may be away from float32's: the most, and on the mean; and the least IoU.
BOUNDS = {"float32": (1, 0.01, 0.999), "bfloat16": (20, 0.5, 0.96), "int8": (100, 3.5, 0.8)}
Run = Callable[..., Found]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("shipped")
    scene = demo_scene(folder)
    known: dict[tuple[Any, ...], Found] = {}

    def get(model: str, *, again: bool = False, **runtime: Any) -> Found:
        key = (model, again, *sorted(runtime.items()))
        if key not in known:
            known[key] = run(scene, folder / str(len(known)), model, **runtime)
        return known[key]

    return get


def test_every_shipped_model_is_recorded() -> None:
    shipped = {model: find_model(model)[1].sha256 for model in MODELS}
    assert {model: told["sha256"] for model, told in TOLD.items()} == shipped, "record anew: python -m tests.shipped"


@pytest.mark.parametrize("model", MODELS)
def test_the_demo_scene_gives_what_it_gave(found: Run, model: str) -> None:
    now, told = found(model, **PLAIN), TOLD[model]
    was = np.array(told["landslides"])
    rows = np.array(now.numbers)
    assert abs(len(rows) - len(was)) <= 1
    assert rows[:, 0].sum() == pytest.approx(was[:, 0].sum(), rel=0.002)
    assert now.probability.mean() / 254 == pytest.approx(told["mean_probability"], abs=1e-4)
    for number, name in enumerate(MEASURED):
        np.testing.assert_allclose(
            rows[:LARGEST, number], was[:LARGEST, number], rtol=RELATIVE.get(name, 0), atol=ABSOLUTE.get(name, 0)
        )


@pytest.mark.parametrize("model", MODELS)
def test_two_runs_give_the_same_bytes(found: Run, model: str) -> None:
    one, other = found(model, **PLAIN), found(model, again=True, **PLAIN)
    assert (one.probability == other.probability).all()
    assert one.slides.drop(columns="geometry").equals(other.slides.drop(columns="geometry"))
    assert one.slides.geometry.to_wkb().tolist() == other.slides.geometry.to_wkb().tolist()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("engine", "precision"),
    [("torch", "bfloat16"), ("openvino", "float32"), ("openvino", "bfloat16"), ("openvino", "int8")],
)
def test_engines_and_precisions_lie_within_their_bounds(found: Run, model: str, engine: str, precision: str) -> None:
    if engine == "openvino" and find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    if precision == "int8" and not find_model(model)[0].with_suffix(".int8.xml").exists():
        pytest.skip("the model has no int8 file")
    plain = found(model, **PLAIN).probability
    other = found(model, engine=engine, precision=precision).probability
    steps = np.abs(plain.astype(int) - other)
    most, mean, least_iou = BOUNDS[precision]
    threshold = find_model(model)[1].threshold * 254
    both, either = (
        ((plain >= threshold) & (other >= threshold)).sum(),
        ((plain >= threshold) | (other >= threshold)).sum(),
    )
    assert steps.max() <= most
    assert steps.mean() <= mean
    assert both / either >= least_iou


def test_threads_change_no_more_than_a_step(found: Run, tmp_path: Path) -> None:
    model, threads = MODELS[-1], torch.get_num_threads()
    plain = found(model, **PLAIN).probability
    torch.set_num_threads(2 if threads == 1 else 1)
    try:
        other = found(model, again=None, **PLAIN).probability
    finally:
        torch.set_num_threads(threads)
    assert np.abs(plain.astype(int) - other).max() <= 1


@pytest.mark.parametrize("model", MODELS)
def test_the_int8_file_carries_the_whole_card(model: str) -> None:
    weights = find_model(model)[0]
    quantized = read_openvino_model(weights.with_suffix(".int8.xml"))
    quantized.refuse_damaged()
    assert quantized.card == read_card(weights.with_suffix(".json"))


@pytest.mark.parametrize("model", MODELS)
def test_the_int8_file_is_right_on_every_cpu(model: str) -> None:
    # Two products of 64 and what is at most 255 fit into 16 bits, in which CPUs without VNNI add them.
    assert largest_weight(find_model(model)[0].with_suffix(".int8.xml")) <= 64
