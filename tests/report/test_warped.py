"""Overviews are read where there are some."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from landslide_cli.demo import make_demo_scene
from landslide_cli.report.imagery import scene_imagery
from landslide_cli.report.tiles import make_tiles
from tests.conftest import MakeScene
from tests.report.conftest import laid_out, picture


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_overviews_are_read_where_they_are_and_show_the_same(make_scene: MakeScene) -> None:
    image = make_demo_scene(1024, 3)[0].transpose(2, 0, 1)
    plain, reduced = (make_scene(image, name=name, tiled=True) for name in ("a.tif", "b.tif"))
    with rasterio.open(reduced, "r+") as dst:
        dst.build_overviews([2, 4], rasterio.enums.Resampling.average)
    shown = []
    for path in (plain, reduced):
        tiles = make_tiles(scene_imagery(path, (1, 2, 3), (0, 255)), laid_out(path), budget=60_000)
        assert tiles.deepest == laid_out(path).native_zoom - 2
        shown.append([picture(uri).astype(int) for _, uri in sorted(tiles.images.items())])
    difference = np.concatenate([np.abs(one - other).ravel() for one, other in zip(*shown, strict=True)])
    assert difference.mean() < 3
