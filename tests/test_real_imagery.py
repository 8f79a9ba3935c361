"""The shipped model on real imagery, where it is at hand; none of it is part of the project."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
import torch
from rasterio.enums import Resampling
from rasterio.features import rasterize
from rasterio.windows import Window

import landslide_cli
from landslide_cli.export import export_model
from landslide_cli.export.formats import FORMATS
from landslide_cli.metrics.scores import Histogram
from landslide_cli.model.normalise import Normalise
from landslide_cli.model.weights import find_model, load_network
from landslide_cli.mosaic.encoding import stored_threshold
from tests.conftest import SHARED

SCENES = SHARED / "scenes"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SCENES.is_dir(), reason="real scenes are not here (../shared/data/scenes)"),
]


def test_landslides_of_a_real_scene_are_found_far_better_than_by_chance(tmp_path: Path) -> None:
    """A quarter of the mosaic, by --bbox; the truth was drawn by hand."""
    scene = SCENES / "mosaic.tif"
    with rasterio.open(scene) as src:
        left, top = src.transform @ (0, 0)
        right, bottom = src.transform @ (1920, 1920)
        shape, transform = src.shape, src.transform
    out, probability = tmp_path / "slides.gpkg", tmp_path / "prob.tif"
    summary = landslide_cli.detect(
        scene,
        landslide_cli.Outputs(out, probability),
        view=landslide_cli.View(bbox=(left, bottom, right, top)),
        rules=landslide_cli.PolygonRules(min_area_m2=0),
    )
    assert summary.analysed_share == 0.25
    truth = geopandas.read_file(SCENES / "mosaic_truth.gpkg")
    with rasterio.open(probability) as src:
        stored = src.read(1)
        threshold = float(src.tags()["LANDSLIDE_THRESHOLD"])
    painted = rasterize(truth.geometry, out_shape=shape, transform=transform) > 0
    share = painted[:1920, :1920].mean()
    anywhere = 2 * share / (1 + share)  # the F1 of calling everything a landslide
    assert Histogram.of(stored, painted).scores(threshold).f1 > 2 * anywhere
    slides = geopandas.read_file(out, layer="landslides")
    assert slides.geometry.is_valid.all()
    found = rasterize(slides.geometry, out_shape=shape, transform=transform) > 0
    assert (found[:1920, :1920] == (stored[:1920, :1920] >= stored_threshold(threshold))).all()


def test_a_real_collar_yields_no_polygon(tmp_path: Path) -> None:
    scene = SCENES / "collar_4326.tif"
    out = tmp_path / "slides.gpkg"
    summary = landslide_cli.detect(scene, out)
    assert summary.analysed_share == pytest.approx(0.66, abs=0.01)
    slides = geopandas.read_file(out, layer="landslides")
    analysed = geopandas.read_file(out, layer="analysed")
    assert slides.crs == "EPSG:4326"
    assert len(slides) > 10
    with rasterio.open(scene) as src:
        collar = (src.read_masks() == 0).all(axis=0)
        inside = rasterize(slides.geometry, out_shape=src.shape, transform=src.transform) > 0
    assert not (inside & collar).any()
    outline = shapely.union_all(analysed.geometry.to_numpy())
    assert slides.geometry.within(outline.buffer(1e-9)).all()


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_the_exported_file_says_what_torch_says_on_real_windows(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("onnxruntime" if kind == "onnx" else "openvino")
    model = "msasnet-rgb-s"  # of the same layers as the default, in a quarter of the time
    done = export_model(model, kind, tmp_path / f"out{FORMATS[kind].endings[0]}")
    weights, card = find_model(model)
    # Two at the resolution of the weights, one as fine as the scene is.
    side = round(512 * card.resolution_m[0] / 0.8)
    windows = Window(0, 0, side, side), Window(1280, 1280, side, side), Window(500, 3000, 512, 512)
    with rasterio.open(SCENES / "mosaic.tif") as src:
        shape = (len(card.bands), 512, 512)
        raw = np.stack([src.read(window=w, out_shape=shape, resampling=Resampling.average) for w in windows])
    pixels = Normalise(card.value_range, card.mean, card.std)(torch.from_numpy(raw))
    with torch.inference_mode():
        expected = torch.sigmoid(load_network(weights, card)(pixels)).numpy()
    assert expected.max() > 0.5
    assert np.abs(FORMATS[kind].run(done.path, pixels.numpy()) - expected).max() < 1e-3
