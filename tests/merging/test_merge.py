"""One record for each landslide: crops of a scene tell what the scene tells, and people's work is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from rasterio.windows import Window
from scipy import ndimage

from landslide_cli import merge
from landslide_cli.merging.groups import Doubles
from landslide_cli.typing import Float32
from tests.merging.conftest import cropped, read

SIZE = 420


def field(seed: int) -> Float32:
    """Smooth probabilities with landslides of all sizes, some long ones among them."""
    rng = np.random.default_rng(seed)
    values = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE)), (3, 12)) * 6
    values += ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE)), 5) * 4
    return (1 / (1 + np.exp(1.2 - 2.5 * values))).astype(np.float32)


def crops(rng: np.random.Generator, height: int, width: int) -> list[Window]:
    """Twenty windows that cover all and overlap as much as chance has it, by no pixel at least."""
    found = []
    for i in range(4):
        for j in range(5):
            top, left = round(i * (SIZE - height) / 3), round(j * (SIZE - width) / 4)
            room = (height - SIZE // 4) // 3, (width - SIZE // 5) // 3
            if 0 < i < 3 and 0 < j < 4:
                top, left = (v + int(rng.integers(-r, r + 1)) for v, r in zip((top, left), room, strict=True))
            found.append(Window(left, top, width, height))
    return found


# Crops that overlap by much, by a few pixels, and not at all.
@pytest.mark.parametrize(
    ("size", "doubles"), [((130, 120), "best"), ((130, 120), "union"), ((111, 90), "best"), ((105, 84), "best")]
)
def test_twenty_crops_tell_what_the_whole_scene_tells(size: tuple[int, int], doubles: Doubles, tmp_path: Path) -> None:
    values, rng = field(1), np.random.default_rng(size[0])
    whole = cropped(tmp_path, "whole", values, Window(0, 0, SIZE, SIZE))
    parts = [cropped(tmp_path, f"crop{n}", values, w) for n, w in enumerate(crops(rng, *size))]
    found = merge(parts, tmp_path / "all.gpkg", doubles=doubles)
    expected, merged = read(whole), read(tmp_path / "all.gpkg")
    assert len(expected) > 100
    assert found.doubles > 10
    assert (found.joined > 10) == (size[0] < 130 or doubles == "union")
    assert len(merged) == found.landslides == len(expected)
    union, truth = (shapely.union_all(frame.geometry.to_numpy()) for frame in (merged, expected))
    assert union.symmetric_difference(truth).area < 1e-6 * truth.area
    assert found.area_m2 == pytest.approx(expected["area_m2"].sum(), rel=1e-5)
    assert found.analysed_m2 == pytest.approx(read(whole, "analysed")["area_m2"].sum(), rel=1e-6)
    # Which is which: by a point inside of each.
    pairs = expected.sjoin(merged.set_geometry(merged.representative_point()), how="left")
    assert pairs["index_right"].nunique() == len(expected)
    for name in ("area_m2", "perimeter_m", "compactness", "pixels", "prob_max", "nearest_m"):
        tolerance = 0.05 if name == "nearest_m" else 0.02
        assert pairs[f"{name}_left"].to_numpy() == pytest.approx(pairs[f"{name}_right"].to_numpy(), abs=tolerance), name
    # Two rectangles around a small staircase may be of one area, and then the last digit chooses.
    assert ((pairs["length_m_left"] - pairs["length_m_right"]).abs() < 0.02).mean() > 0.97
    assert (pairs["cut_left"] == pairs["cut_right"]).all()
