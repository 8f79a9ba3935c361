"""Classes of confidence: each landslide has one, by the measures that are known, and every program shows the same."""

from __future__ import annotations

import math

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.errors import ModelError
from landslide_cli.inventory.classes import CLASSES, classes_of, classes_there
from landslide_cli.inventory.confidence import CONFIDENCES, DEFAULT, TAG, Bar, Confidence

shares = st.floats(0, 1)
bars = st.builds(Bar, shares, st.floats(0, 1e4), st.none() | st.floats(0.01, 0.5), st.none() | st.floats(0.01, 1))
rules = st.builds(Confidence, st.none() | bars, st.none() | bars)
slides = st.tuples(shares | st.just(math.nan), st.floats(0, 1e5) | st.just(math.nan), st.floats(0, 0.5))


@given(rules, st.lists(slides, max_size=8))
def test_a_class_is_the_first_whose_bar_is_reached(confidence: Confidence, found: list[tuple[float, ...]]) -> None:
    columns = dict(zip(("prob_mean", "area_m2", "prob_spread"), np.array(found).reshape(-1, 3).T, strict=True))
    for name, (probability, area, spread) in zip(confidence.classify(columns), found, strict=True):
        reached = [
            one for one in ("high", "medium")
            if (bar := getattr(confidence, one)) and probability >= bar.prob_mean and not area < bar.area_m2
            and not (bar.prob_spread is not None and spread > bar.prob_spread)
        ]  # fmt: skip
        assert name == (None if math.isnan(probability) else [*reached, "low"][0])


@given(rules)
def test_rules_survive_the_way_through_a_file(confidence: Confidence) -> None:
    again = Confidence.told({TAG: confidence.as_text()})
    assert again == confidence


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"high": 3}', '{"high": {"size": 3}}', '{"low": {"prob_mean": "a"}}', "[" * 9999]
)
def test_provenance_of_another_kind_says_nothing(text: str) -> None:
    assert Confidence.told({TAG: text}) == DEFAULT


def test_a_card_of_another_kind_is_refused() -> None:
    with pytest.raises(ModelError, match="landslide models confidence"):
        Confidence.of({"high": {"size": 3}})


def test_what_a_file_says_counts_and_else_its_probability() -> None:
    frame = geopandas.GeoDataFrame(
        {
            "prob_mean": [0.9, 0.9, 0.65, 0.3, None, 0.9],
            "confidence": ["low", "high", "medium", "low", None, "high"],
            "status": [None, "landslide", "unreviewed", "unsure", "landslide", "not_landslide"],
        },
        geometry=[shapely.Point(0, 0).buffer(1)] * 6,
    )
    names = [CLASSES[number].name for number in classes_of(frame, DEFAULT)]
    assert names == ["low", "high", "medium", "low", "drawn", "rejected"]
    older = frame.drop(columns=["confidence", "status"])
    assert [CLASSES[number].name for number in classes_of(older, DEFAULT)] == [
        *("high", "high", "medium", "low", "drawn", "high")
    ]
    bare = frame[["geometry"]]
    assert {CLASSES[number].name for number in classes_of(bare, DEFAULT)} == {"drawn"}
    assert [shown.name for shown, _ in classes_there(frame, DEFAULT)] == [shown.name for shown in CLASSES]
    assert classes_there(frame[:0], DEFAULT) == []


def test_a_legend_says_what_its_numbers_are() -> None:
    confidence = Confidence(Bar(0.7, 400, 0.05, precision=0.9), None, Bar(precision=0.31))
    assert confidence.says("high") == (
        "mean probability 0.7 or more, 400 m² or more, spread up to 0.05; 90% right on held-out images"
    )
    assert confidence.says("medium") == "none: no class was right often enough"
    assert confidence.says("low") == "the rest; 31% right on held-out images"
    assert all(DEFAULT.says(name) for name in CONFIDENCES)
