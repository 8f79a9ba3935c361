from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import rasterio
from rasterio.features import rasterize

from landslide_cli.demo import CRS, make_demo_scene, write_demo_scene


def test_a_seed_decides_the_scene() -> None:
    one, other, third = (make_demo_scene(300, seed) for seed in (1, 1, 2))
    assert (one[0] == other[0]).all()
    assert (one[1] == other[1]).all()
    assert (one[0] != third[0]).any()


def test_scene_and_truth_fit_each_other_and_are_called_synthetic(tmp_path: Path) -> None:
    count = write_demo_scene(tmp_path / "demo.tif", tmp_path / "truth.gpkg", size=400)
    truth = geopandas.read_file(tmp_path / "truth.gpkg")
    assert len(truth) == count >= 3
    assert set(truth["source"]) == {"synthetic"}
    with rasterio.open(tmp_path / "demo.tif") as src:
        assert (src.count, src.shape, src.crs, src.res) == (3, (400, 400), CRS, (0.8, 0.8))
        assert src.tags()["DESCRIPTION"].startswith("synthetic")
        scars = rasterize(truth.geometry, out_shape=src.shape, transform=src.transform) > 0
        red, green, _ = src.read().astype(int)
    assert (scars == make_demo_scene(400, 7)[1]).all()
    assert np.median(red[scars] - green[scars]) > 5 > 0 > np.median(red[~scars] - green[~scars])
