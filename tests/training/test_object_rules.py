from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from landslide_cli.training.object_rules import Rules, choose_rules, components

GREY, GREEN = (120, 120, 120), (60, 140, 60)


def picture(colour: tuple[int, int, int], shape: tuple[int, int] = (40, 60)) -> np.ndarray:
    return np.broadcast_to(np.array(colour, dtype=np.uint8), (*shape, 3)).copy()


@given(hnp.arrays(np.float64, (9, 11), elements=st.floats(0, 1)), st.floats(0.05, 0.95))
def test_the_defaults_only_apply_the_threshold(probability: np.ndarray, candidate: float) -> None:
    kept = Rules(candidate=candidate).apply(probability, picture(GREY, (9, 11)))
    np.testing.assert_array_equal(kept, probability >= candidate)


@given(
    hnp.arrays(np.float64, (9, 11), elements=st.floats(0, 1)),
    hnp.arrays(np.uint8, (9, 11, 3)),
    st.builds(
        Rules, candidate=st.floats(0.1, 0.9), seed=st.floats(0, 1), greenest=st.floats(-1, 2),
        smallest=st.integers(1, 20), thinnest=st.floats(0, 5),
    ),
)  # fmt: skip
@settings(deadline=None)
def test_a_component_is_kept_whole_or_dropped_whole(probability: np.ndarray, image: np.ndarray, rules: Rules) -> None:
    labels, count = ndimage.label(probability >= rules.candidate)
    kept = rules.apply(probability, image)
    assert not kept[labels == 0].any()
    for number in range(1, count + 1):
        part = labels == number
        red, green, blue = image[part].astype(float).T
        right = (
            probability[part].max() >= rules.seed
            and ((2 * green - red - blue) / np.maximum(red + green + blue, 1)).mean() <= rules.greenest
            and part.sum() >= rules.smallest
        )
        assert kept[part].all() or not kept[part].any()
        if not right:
            assert not kept[part].any()


def test_each_rule_drops_what_it_is_for() -> None:
    probability = np.zeros((40, 60))
    image = picture(GREY)
    probability[2:14, 2:14] = 0.9  # a landslide
    probability[20:32, 2:14] = 0.9  # a green one
    image[20:32, 2:14] = GREEN
    probability[2:14, 20:32] = 0.6  # a faint one
    probability[35, 5:55] = 0.9  # a road
    probability[20:23, 40:43] = 0.9  # a speck
    rules = Rules(seed=0.8, greenest=0.1, smallest=20, thinnest=3)
    found, _ = ndimage.label(rules.apply(probability, image))
    np.testing.assert_array_equal(np.argwhere(found)[[0, -1]], [[2, 2], [13, 13]])


@pytest.mark.parametrize("width", [1, 2, 3, 8, 15])
def test_the_width_of_a_long_band_is_its_width(width: int) -> None:
    mask = np.zeros((40, 2000), dtype=bool)
    mask[10 : 10 + width] = True
    found = components(mask, mask.astype(float), picture(GREY, mask.shape))
    assert found.width[0] == pytest.approx(width, abs=1)


def test_the_chosen_rules_are_the_best_of_those_tried() -> None:
    rng = np.random.default_rng(3)
    cases = []
    for _ in range(3):
        probability = ndimage.gaussian_filter(rng.random((30, 40)), 2)
        probability = (probability - probability.min()) / np.ptp(probability)
        cases.append((probability, rng.integers(0, 255, (30, 40, 3)).astype(np.uint8), rng.random((30, 40)) < 0.3))
    tried = {
        "candidates": (0.4, 0.6),
        "seeds": (0.0, 0.8),
        "greenest": (2.0, 0.0),
        "smallest": (1, 30),
        "thinnest": (0.0, 3.0),
    }
    chosen = choose_rules(cases, **tried)  # type: ignore[arg-type]

    def f1(rules: Rules) -> float:
        masks = [rules.apply(probability, image) for probability, image, _ in cases]
        hits = sum((mask & truth).sum() for mask, (_, _, truth) in zip(masks, cases, strict=True))
        return float(2 * hits / sum(mask.sum() + truth.sum() for mask, (_, _, truth) in zip(masks, cases, strict=True)))

    every = [
        Rules(c, s, g, p, t)
        for c in tried["candidates"] for s in tried["seeds"] for g in tried["greenest"]
        for p in tried["smallest"] for t in tried["thinnest"]
    ]  # fmt: skip
    assert f1(chosen) == max(map(f1, every))


def test_nothing_found_is_nothing_kept() -> None:
    assert not Rules().apply(np.zeros((5, 5)), picture(GREY, (5, 5))).any()
    assert choose_rules([]) == Rules(candidate=0.3)
