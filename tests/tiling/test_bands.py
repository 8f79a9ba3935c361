from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.tiling.bands import Band, cut, default_band, gaps, shared_band
from landslide_cli.tiling.grid import Axis
from landslide_cli.tiling.resampling import Scaling, shares

rows = st.integers(1, 60)


@given(rows, st.lists(st.tuples(st.integers(0, 59), st.integers(1, 9)), max_size=5))
def test_gaps_and_what_is_there_are_all_rows(count: int, drawn: list[tuple[int, int]]) -> None:
    there = {(first, min(first + height, count)) for first, height in drawn if first < count}
    missing = {row for first, stop in gaps(count, there) for row in range(first, stop)}
    assert missing == set(range(count)) - {row for first, stop in there for row in range(first, stop)}


@given(rows, rows, rows)
def test_bands_are_of_nearly_equal_height(first: int, count: int, band: int) -> None:
    found = list(cut((first, first + count), band))
    assert [row for ends in found for row in range(*ends)] == list(range(first, first + count))
    heights = [stop - top for top, stop in found]
    assert max(heights) <= band
    assert max(heights) - min(heights) <= 1
    assert heights == sorted(heights, reverse=True)


@given(st.integers(1, 200), st.integers(2, 40), st.integers(1, 40))
def test_a_shared_scene_keeps_all_workers_equally_long(count: int, band: int, workers: int) -> None:
    height = shared_band(count, band, workers)
    assert height <= max(2, 1.5 * band + 1)
    if count >= band * workers:
        assert height >= band / 1.5
    if height > 2:  # of lower ones there may be too few
        given = [list(cut((0, count), height))[number::workers] for number in range(workers)]
        most = max(sum(stop - first for first, stop in bands) for bands in given)
        assert most < count / workers + len(given[0])


@given(st.integers(1, 400), st.integers(1, 200), st.integers(2, 40), st.data())
def test_bands_cover_the_scene_without_gaps(height: int, seen: int, size: int, data: st.DataObject) -> None:
    axis = Axis(seen, size, data.draw(st.integers(0, size // 2)))
    bands = [Band(axis, Scaling(height, seen), *ends) for ends in cut((0, axis.count), data.draw(rows))]
    assert [band.top for band in bands] == [0, *(band.bottom for band in bands[:-1])]
    assert bands[-1].bottom == height
    for band in bands:
        assert band.seen_top == shares(seen, height)[[band.top]].indices.min()
        # No window above those that are predicted adds to what is needed of them, and the uppermost of them does.
        highest = band.windows[0]
        assert highest == 0 or axis.stop(highest - 1) <= band.seen_top
        assert highest == band.first or axis.stop(highest) > band.seen_top


def test_a_band_has_a_few_hundred_windows_and_some_rows() -> None:
    assert [default_band(across) for across in (1, 3, 37, 223)] == [256, 86, 8, 8]
