"""Images cut from one piece of ground complete each other's masks; others are left alone."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

pytest.importorskip("cv2", reason="benchmarks/complete_masks.py needs opencv-python-headless")

from benchmarks.complete_masks import Overlap, common, complete, find_overlaps, main

SLIDES = (slice(70, 100), slice(130, 160)), (slice(150, 180), slice(190, 230))
"""Rows and columns of two landslides on the ground."""


def ground(seed: int, side: int = 320) -> NDArray[np.uint8]:
    """Texture of several sizes, as aerial imagery has it."""
    rng = np.random.default_rng(seed)
    layers = [gaussian_filter(rng.standard_normal((side, side)), sigma) * sigma for sigma in (1, 2, 4, 8)]
    texture = sum(layers)
    return np.clip(110 + 35 * texture / np.std(texture), 0, 255).astype(np.uint8)


def noisy(image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """The same pixels after another compression."""
    noise = np.random.default_rng(seed).normal(0, 2, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("row", "col"), [(0, 0), (31, 87), (-31, 87), (90, -55), (-120, -101), (0, 139)], ids=lambda value: str(value)
)
def test_offset_is_found_to_the_pixel(row: int, col: int) -> None:
    whole = ground(1, side=480)
    first, second = (whole[top : top + 170, left : left + 180] for top, left in ((150, 150), (150 + row, 150 + col)))
    (overlap,) = find_overlaps([noisy(first, 2), noisy(second, 3)], ["a", "a"])
    assert (overlap.row, overlap.col) == (row, col)
    assert overlap.pixels == (170 - abs(row)) * (180 - abs(col))
    assert overlap.agreement > 0.95


def test_no_common_ground_no_overlap() -> None:
    apart = [ground(5)[:150, :150], ground(5)[160:, 160:]]
    other = [ground(seed, side=200) for seed in range(6, 12)]
    plain = [np.full((80, 90), 120, dtype=np.uint8)] * 2
    images = apart + other + plain
    assert find_overlaps(images, ["a"] * len(images)) == []


def test_same_ground_in_other_light_or_scale_is_not_taken_for_the_same_pixels() -> None:
    whole = ground(20)
    darker = (whole * 0.7).astype(np.uint8)
    larger = np.asarray(Image.fromarray(whole).resize((400, 400)))
    assert find_overlaps([whole, darker, larger], ["a"] * 3) == []


def test_pairs_of_different_groups_are_found_but_complete_nothing() -> None:
    whole = ground(30)
    images, masks = [whole[:200, :200], whole[40:, 60:]], [np.zeros((200, 200), bool), np.ones((280, 260), bool)]
    (overlap,) = find_overlaps(images, ["training", "test"])
    assert (overlap.row, overlap.col) == (40, 60)
    apart = complete(masks, ["training", "test"], [overlap])
    assert all((old == new).all() for old, new in zip(masks, apart, strict=True))
    together = complete(masks, ["a", "a"], [overlap])
    assert together[0].sum() == 160 * 140


def test_common_views_meet_on_the_ground() -> None:
    rows, cols = np.mgrid[:60, :70]
    for row, col in ((0, 0), (5, 9), (-7, 12), (20, -30), (-3, -4), (59, 69), (60, 0), (0, -70), (200, 200), (-200, 3)):
        places = np.stack([rows, cols], axis=-1)
        mine, theirs = common(places, places + np.array((row, col)), row, col)
        assert (mine == theirs).all()
        assert mine.size == 2 * max(60 - abs(row), 0) * max(70 - abs(col), 0)


def test_given_masks_stay_and_only_the_given_ones_are_painted() -> None:
    """A slide doesn't wander on through an image that doesn't draw it to a third one that shows other ground."""
    masks = [np.zeros((10, 10), bool) for _ in range(3)]
    masks[0][:, 9] = True
    chain = [Overlap(0, 1, 0, 5, 50, 1.0), Overlap(1, 2, 0, 0, 100, 1.0)]
    full = complete(masks, ["a"] * 3, chain)
    assert [int(mask.sum()) for mask in masks] == [10, 0, 0]
    assert [int(mask.sum()) for mask in full] == [10, 10, 0]


def write_bijie(folder: Path) -> None:
    """Two landslide images of one county, one of another, and one said to hold none, all of one piece of ground."""
    whole = ground(40)
    slides = np.zeros((2, *whole.shape), dtype=bool)
    for layer, place in zip(slides, SLIDES, strict=True):
        layer[place] = True
    windows = {"ls_1": (0, 0), "ls_2": (60, 110), "ls_3": (20, 30), "nls_1": (50, 90)}
    for stem, (row, col) in windows.items():
        at = (slice(row, row + 200), slice(col, col + 210))
        kind = folder / ("non-landslide" if stem == "nls_1" else "landslide")
        for name in ("image", "mask") if stem != "nls_1" else ("image",):
            (kind / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.dstack([whole[at]] * 3)).save(kind / "image" / f"{stem}.jpg", quality=92)
        if stem != "nls_1":
            Image.fromarray(slides[int(stem == "ls_2")][at]).save(kind / "mask" / f"{stem}.png")
    (folder / "groups.csv").write_text("stem,group\nls_1,a\nls_2,a\nls_3,b\nnls_1,c\n")


def test_script_writes_all_masks_a_table_and_what_stands_on_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bijie(tmp_path / "bijie")
    out, table = tmp_path / "masks", tmp_path / "pairs.csv"
    monkeypatch.setattr(sys, "argv", ["complete_masks", str(tmp_path / "bijie"), str(out), "--pairs", str(table)])
    main()
    written = {path.stem: Image.open(path) for path in sorted(out.iterdir())}
    assert list(written) == ["ls_1", "ls_2", "ls_3"]
    assert {mask.mode for mask in written.values()} == {"1"}
    areas = {stem: int(np.asarray(mask).sum()) for stem, mask in written.items()}
    second_slide = 30 * (210 - 190)  # the first image ends at column 210 of the ground
    assert areas == {"ls_1": 30 * 30 + second_slide, "ls_2": 30 * 40 + 30 * 30, "ls_3": 30 * 30}
    rows = {(row["stem"], row["other"]): row for row in csv.DictReader(table.open())}
    assert len(rows) == 6
    pair = rows["ls_1", "ls_2"]
    assert [int(pair[name]) for name in ("row", "col", "added_px", "other_added_px")] == [60, 110, second_slide, 900]
    assert rows["ls_1", "ls_3"]["added_px"] == "0"
    said = capsys.readouterr().out
    assert "2 masks completed" in said
    assert "different groups show the same ground: ls_1 (a) and ls_3 (b)" in said
    assert "not without landslide" in said and "nls_1" in said


def test_masks_are_never_written_over_their_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bijie(tmp_path)
    before = (tmp_path / "landslide/mask/ls_1.png").read_bytes()
    monkeypatch.setattr(sys, "argv", ["complete_masks", str(tmp_path), str(tmp_path / "landslide" / "mask")])
    with pytest.raises(SystemExit):
        main()
    assert (tmp_path / "landslide/mask/ls_1.png").read_bytes() == before
