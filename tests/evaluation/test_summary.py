"""Numbers of all images together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landslide_cli.evaluation.summary import judge_image, summarise
from landslide_cli.mosaic.encoding import NODATA, stored_threshold
from tests.metrics.conftest import arrays, sklearn

images = st.lists(arrays(np.uint8, bool), min_size=1, max_size=5)


@settings(max_examples=50)
@given(images)
def test_pooled_and_mean_are_the_two_conventions(some: list[tuple[np.ndarray, ...]]) -> None:
    summary = summarise([judge_image(str(n), "", "", *both, threshold=0.5, tolerance=1) for n, both in enumerate(some)])
    known = [stored != NODATA for stored, _ in some]
    found = [(stored >= stored_threshold(0.5))[here] for (stored, _), here in zip(some, known, strict=True)]
    truth = [mask[here] for (_, mask), here in zip(some, known, strict=True)]
    whole = (
        sklearn.f1_score(np.concatenate(truth), np.concatenate(found), zero_division=0) if sum(map(len, truth)) else 0
    )
    assert summary.pooled.f1 == pytest.approx(whole)
    single = [sklearn.f1_score(t, f, zero_division=0) for t, f in zip(truth, found, strict=True) if t.any()]
    assert (summary.mean or {}).get("f1") == (pytest.approx(np.mean(single)) if single else None)
    assert summary.with_landslide == len(single)
    quiet = [f for t, f in zip(truth, found, strict=True) if len(t) and not t.any()]
    assert summary.quiet.pixels == sum(map(len, quiet))
    assert summary.quiet.false_alarm == pytest.approx(np.concatenate(quiet).mean() if quiet else 0)
    assert summary.alarmed == sum(f.any() for f in quiet)
    true_area = sum(t.sum() for t in truth)
    bias = None if true_area == 0 else sum(f.sum() for f in found) / true_area - 1
    assert summary.area_bias == (None if bias is None else pytest.approx(bias))
