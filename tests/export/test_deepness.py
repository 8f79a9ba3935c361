"""What Deepness reads of a file, and what it then sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landslide_cli.export import export_model
from landslide_cli.export.deepness import deepness_metadata
from landslide_cli.model.card import ModelCard, read_card
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import noise
from tests.export.conftest import SIDE, need_format, torch_says


def deepness(path: Path, tiles: np.ndarray) -> np.ndarray:
    """What Deepness does with uint8 tiles (N, H, W, C), written anew after its description.

    Divide by 255, standardise by the file's metadata, put channels first, run; class 1 is what isn't below the
    threshold, which the plugin's form holds to two decimals. An output of one channel counts as a sigmoid's.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (source,), (target,) = session.get_inputs(), session.get_outputs()
    batch, bands, height, width = source.shape
    assert source.type == target.type == "tensor(float)"
    assert isinstance(batch, str)  # a name means that any number of tiles is taken
    assert (height, width) == (SIDE, SIDE)  # numbers, not names
    assert target.shape[1:] == [1, height, width]
    metadata = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    assert metadata["model_type"] == "Segmentor"
    assert [int(key) for key in metadata["class_names"]] == [0, 1]  # in a row, one for each class of a sigmoid
    mean, std = (np.array(metadata[f"standardization_{name}"], dtype=np.float32) for name in ("mean", "std"))
    x = np.float32(tiles[..., :bands] * 1.0 / 255.0)
    x = np.transpose((x - mean) / std, (0, 3, 1, 2))
    (said,) = session.run(None, {source.name: x})
    assert len(mean) == len(std) == bands
    assert metadata["tile_size"] == metadata["tiles_size"] == SIDE
    return ~(said[:, 0] < round(metadata["seg_thresh"], 2))


def test_deepness_sees_what_detect_sees(small_model: Path, tmp_path: Path) -> None:
    need_format("onnx")
    value_range = (20.0, 220.0)  # the plugin divides by 255 in any case
    pixels = noise(2, 3, SIDE, SIDE).clip(*value_range).astype(np.uint8)
    card = replace(
        read_card(small_model.with_suffix(".json")), value_range=value_range, mean=(0.3, 0.4, 0.5), std=(0.1, 0.2, 0.3)
    )
    card.write(small_model.with_suffix(".json"))
    expected = torch_says(small_model, pixels)
    threshold = round(float(np.median(expected)), 2)
    replace(card, threshold=threshold).write(small_model.with_suffix(".json"))
    export_model(small_model, "onnx", tmp_path / "out.onnx", size=SIDE)
    found = deepness(tmp_path / "out.onnx", pixels.transpose(0, 2, 3, 1))
    clear = np.abs(expected - threshold) > 1e-5
    assert clear.mean() > 0.9
    assert 0.05 < (expected >= threshold).mean() < 0.95
    assert (found == (expected >= threshold))[clear].all()


def test_the_metadata_of_deepness(card: ModelCard) -> None:
    card = replace(card, resolution_m=(0.5, 2.0), threshold=0.4)
    metadata = {key: json.loads(value) for key, value in deepness_metadata(card, size=512, overlap=128).items()}
    assert metadata["resolution"] == 50.0  # cm per pixel
    assert metadata["tiles_overlap"] == 25  # percent
    assert metadata["class_names"] == {"0": "background", "1": "landslide"}
    assert metadata["standardization_mean"] == pytest.approx(card.mean)
    assert metadata["standardization_std"] == pytest.approx(card.std)
    assert (metadata["seg_thresh"], metadata["seg_small_segment"]) == (0.4, 0)
    for name in ("tiles_size", "tile_size", "tiles_overlap", "seg_small_segment"):
        assert isinstance(metadata[name], int)


@pytest.mark.parametrize("resolution_m", [(4.0, 6.0), (1.23, 1.85)])
def test_deepness_shows_a_finer_scene_at_the_resolution_of_detect(
    card: ModelCard, make_scene: Callable[..., Path], resolution_m: tuple[float, float]
) -> None:
    card = replace(card, resolution_m=resolution_m)
    with open_scene(make_scene(noise(3, 64, 64)), wanted=card.bands) as scene:
        working_m = make_plan(scene, card).working_m
    metadata = deepness_metadata(card, size=512, overlap=128)
    assert working_m == json.loads(metadata["resolution"]) / 100
