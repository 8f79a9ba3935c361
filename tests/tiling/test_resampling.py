from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.errors import TrainingDataError
from landslide_cli.tiling import resampling
from landslide_cli.tiling.resampling import MOST_PIXELS, Inward, Outward, Scaling, resized, rows_at_once, seen_size

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


@given(lengths, lengths, lengths, lengths, st.integers(1, 50), st.sampled_from([1, 300, 1 << 15]), st.data())
def test_rows_that_come_a_few_at_a_time_are_seen_as_the_whole(
    height: int, width: int, rows: int, cols: int, step: int, in_cache: int, data: st.DataObject
) -> None:
    image = np.random.default_rng(0).random((2, height, width), dtype=np.float32)
    counts = np.random.default_rng(1).random((height, width)) < data.draw(st.sampled_from([0.01, 1]))
    down, across = Scaling(height, rows), Scaling(width, cols)
    first = data.draw(st.integers(0, rows - 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "PIXELS_IN_CACHE", in_cache)
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


@given(lengths, lengths, lengths, lengths, st.integers(1, 50), st.integers(1, 999), st.data())
def test_a_band_comes_back_as_in_the_whole(
    height: int, width: int, rows: int, cols: int, step: int, at_once: int, data: st.DataObject
) -> None:
    seen = np.random.default_rng(0).random((2, rows, cols), dtype=np.float32)
    down, across = Scaling(height, rows), Scaling(width, cols)
    first = data.draw(st.integers(0, height - 1))
    fed_from = resampling.spans(rows, height)[0][first] if first else 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "PIXELS_AT_ONCE", at_once)
        outward = Outward(down, across, first)
        parts = [part for at in range(fed_from, rows, step) for part in outward.feed(seen[:, at : at + step])]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), resized(seen, (height, width))[:, first:], atol=1e-5)


def test_a_grid_that_is_the_scenes_own_is_handed_on_in_parts() -> None:
    """So that what makes polygons of them never holds more than a part."""
    seen = np.zeros((1, 40, 30), dtype=np.float32)
    same = Scaling(40, 40), Scaling(30, 30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "PIXELS_AT_ONCE", 7 * 30)
        assert [part.shape[1] for part in Outward(*same).feed(seen)] == [7, 7, 7, 7, 7, 5]


@pytest.mark.parametrize(("scene", "seen", "at_once"), [(1000, 100, 100), (1000, 1000, 100), (1000, 4000, 25)])
def test_rows_at_once_are_large_on_neither_side(scene: int, seen: int, at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "PIXELS_AT_ONCE", 100_000)
        rows = rows_at_once(Scaling(500, 500), Scaling(scene, seen))
        assert rows == at_once
        patch.setattr(resampling, "PIXELS_AT_ONCE", 10)
        assert rows_at_once(Scaling(500, 500), Scaling(scene, seen)) == 1


@given(st.integers(1, 9000), st.integers(1, 9000), st.floats(1e-6, 2), st.sampled_from([1, 32]))
def test_an_image_is_seen_at_its_zoom(height: int, width: int, zoom: float, least: int) -> None:
    wanted = max(least, height * zoom), max(least, width * zoom)
    if wanted[0] * wanted[1] > max(MOST_PIXELS, height * width):
        with pytest.raises(TrainingDataError, match="more than can be done"):
            seen_size(height, width, zoom, least)
    else:
        assert seen_size(height, width, zoom, least) == tuple(map(round, wanted))


@pytest.mark.parametrize("zoom", [1e5, 1e300, float("inf")])
def test_what_can_not_be_held_is_refused(zoom: float) -> None:
    with pytest.raises(TrainingDataError, match=r"50 x 60 pixels would be seen as .* more than can be done"):
        seen_size(60, 50, zoom)
