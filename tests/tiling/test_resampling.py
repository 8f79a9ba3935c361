from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.tiling import resampling
from landslide_cli.tiling.resampling import Inward, Outward, Scaling, resized, rows_at_once

lengths = st.integers(1, 200)


@given(st.integers(2, 700), st.integers(2, 700), st.integers(2, 200), st.integers(2, 200))
def test_resampling_is_that_of_torch(height: int, width: int, rows: int, cols: int) -> None:
    images = np.random.default_rng(0).random((2, height, width), dtype=np.float32)
    found = resized(images, (rows, cols))
    assert found.dtype == np.float32
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(images)[None], (rows, cols), mode="bilinear", align_corners=False, antialias=True
    )
    np.testing.assert_allclose(found, expected[0].numpy(), atol=1e-4)  # torch counts pixels in float32


@given(lengths, lengths, lengths, lengths, st.integers(1, 50), st.data())
def test_rows_that_come_a_few_at_a_time_are_seen_as_the_whole(
    height: int, width: int, rows: int, cols: int, step: int, data: st.DataObject
) -> None:
    image = np.random.default_rng(0).random((2, height, width), dtype=np.float32)
    counts = np.random.default_rng(1).random((height, width)) < data.draw(st.sampled_from([0.01, 1]))
    down, across = Scaling(height, rows), Scaling(width, cols)
    first = data.draw(st.integers(0, rows - 1))
    inward = Inward(down, across, first)
    top = down.under(first, rows)[0]
    seen, touched = zip(
        *(inward.feed(image[:, at : at + step], counts[at : at + step]) for at in range(top, height, step)),
        strict=True,
    )
    np.testing.assert_allclose(np.concatenate(seen, axis=1), resized(image, (rows, cols))[:, first:], atol=1e-5)
    assert (np.concatenate(touched) == (resized(counts, (rows, cols)) > 0)[first:]).all()


@given(lengths, lengths, lengths, lengths, st.integers(1, 50), st.integers(1, 999))
def test_what_was_seen_comes_back_as_the_whole_would(
    height: int, width: int, rows: int, cols: int, step: int, at_once: int
) -> None:
    seen = np.random.default_rng(0).random((2, rows, cols), dtype=np.float32)
    down, across = Scaling(height, rows), Scaling(width, cols)
    parts, fed = [], 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "PIXELS_AT_ONCE", at_once)
        outward = Outward(down, across)
        for at in range(0, rows, step):
            fed += min(step, rows - at)
            parts += list(outward.feed(seen[:, at : at + step]))
            # As soon as they can be known.
            assert sum(part.shape[1] for part in parts) == down.complete(fed)
        assert max(part.shape[1] for part in parts) <= rows_at_once(down, across)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), resized(seen, (height, width)), atol=1e-5)


@given(lengths, lengths, st.integers(1, 200))
def test_a_pixel_is_complete_when_nothing_below_has_a_part_in_it(scene: int, seen: int, known: int) -> None:
    known = min(known, seen)
    below = np.zeros((1, seen, 1), dtype=np.float32)
    below[:, known:] = 1
    touched = resized(below, (scene, 1))[0, :, 0] > 0
    complete = Scaling(scene, seen).complete(known)
    assert not touched[:complete].any()
    assert complete == scene or touched[complete]
