from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from landslide_cli.engine.choice import LOSS, int8_path
from landslide_cli.engine.torch_engine import TorchEngine
from landslide_cli.errors import ModelError
from landslide_cli.model.card import ModelCard, read_card
from landslide_cli.model.normalise import Normalise
from landslide_cli.model.openvino import read_openvino_model
from landslide_cli.model.weights import DEFAULT_MODEL, find_model, load_network, weights_folder, write_weights
from landslide_cli.networks.registry import NETWORKS, build_network


@pytest.mark.slow
def test_msasnet_has_the_shapes_that_the_paper_states() -> None:
    """At 512×512: stem 64 × 512², 1024 × 32² after the pyramid, up blocks back to 64 × 512²."""
    network = build_network("msasnet").eval()
    seen = {}
    for name in ("stem", "downs.0", "downs.1", "downs.2", "downs.3", "pyramid", "ups.0", "ups.1", "ups.2", "ups.3"):
        network.get_submodule(name).register_forward_hook(
            lambda _m, _i, out, name=name: seen.update({name: tuple(out.shape[1:])})
        )
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 512, 512)).shape == (1, 1, 512, 512)
    assert list(seen.values()) == [
        (64, 512, 512), (128, 256, 256), (256, 128, 128), (512, 64, 64), (512, 32, 32), (1024, 32, 32),
        (512, 64, 64), (256, 128, 128), (128, 256, 256), (64, 512, 512),
    ]  # fmt: skip


# Multiply-adds and parameters at 256×256, counted as the paper's Table 4 counts (thop, one class). The paper's own
# figures are met by FCN (3.1366 G, 11.1774 M), SegNet (40.1311, 22.3610) and PSPNet (44.4399, 46.5823); its row for
# MsASNet (42.7559, 27.5391) can't be, by the network that its text describes.
COUNTS = {
    "unet": (50_711_232_512, 23_566_273),
    "unet-ca": (50_715_186_560, 23_642_049),
    "unet-cbam": (50_717_319_040, 23_642_441),
    "unet-psp": (53_533_657_088, 26_582_209),
    "msasnet": (53_540_071_808, 26_756_681),
    "fcn": (3_136_684_032, 11_177_473),
    "segnet": (40_131_100_672, 22_361_089),
    "pspnet": (44_439_904_256, 46_582_337),
    # Open in the paper: 48.6439 G and 17.2806 M; 651.5271 and 7.8757; 11.1131 and 7.9369.
    "ldlaim": (40_123_498_496, 17_266_885),
    "resunet-obia": (45_566_918_656, 8_220_993),
    "drs-unet": (13_761_683_456, 7_936_929),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_counts_at_256(name: str) -> None:
    thop = pytest.importorskip("thop")
    found = thop.profile(build_network(name).eval(), (torch.rand(1, 3, 256, 256),), verbose=False)
    assert found == COUNTS[name]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [(32, 32), (33, 70)])
def test_every_network_gives_one_logit_for_each_pixel(name: str, size: tuple[int, int]) -> None:
    network = build_network(name).eval()
    with torch.inference_mode():
        assert network(torch.rand(2, 3, *size)).shape == (2, 1, *size)


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (48, 100), (65, 32)])
def test_any_size_from_32_up_comes_back(size: tuple[int, int]) -> None:
    network = build_network("msasnet", width=8).eval()
    with torch.inference_mode():
        assert network(torch.rand(2, 3, *size)).shape == (2, 1, *size)


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    network = build_network("msasnet", width=16)
    network(torch.rand(2, 3, 64, 64)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_normalising_is_the_formula_of_the_card() -> None:
    pixels = torch.randint(100, 3000, (2, 3, 4, 5))
    mean, std = torch.tensor([0.3, 0.4, 0.5]), torch.tensor([0.1, 0.2, 0.3])
    expected = ((pixels.double() - 100) / 2900 - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    torch.testing.assert_close(
        Normalise((100, 3000), mean.tolist(), std.tolist())(pixels).double(), expected, atol=1e-4, rtol=1e-4
    )


def test_weights_and_card_survive_a_round_trip(tmp_path: Path, card: ModelCard) -> None:
    from dataclasses import replace

    network = build_network("msasnet", width=8).eval()
    path = tmp_path / "own.safetensors"
    card = replace(card, arguments={"width": 8}, sha256=write_weights(network, path))
    card.write(path.with_suffix(".json"))
    found, again = find_model(path)
    assert (found, again) == (path, card)
    for one, other in zip(network.parameters(), load_network(found, again).parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ModelError, match="no network is called 'vgg'; choose one of"):
        build_network("vgg")


def engine(**options: object) -> TorchEngine:
    torch.manual_seed(0)
    settings = {"value_range": (0, 255), "mean": (0.4,) * 3, "std": (0.2,) * 3, "batch_size": 2, "device": "cpu"}
    return TorchEngine(build_network("msasnet", width=8), **settings | options)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32", "float64"])
def test_the_engine_takes_every_number_type_of_a_file(dtype: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 3, 64, 64))
    expected = engine(precision="float32")(pixels.astype(np.uint8))
    assert expected.shape == (2, 64, 64)
    np.testing.assert_array_equal(engine(precision="float32")(pixels.astype(dtype)), expected)


def test_values_outside_the_range_are_clamped() -> None:
    pixels = np.random.default_rng(0).integers(-100, 400, (2, 3, 64, 64)).astype(np.int16)
    run = engine(precision="float32")
    np.testing.assert_array_equal(run(pixels), run(pixels.clip(0, 255)))


def test_bfloat16_is_near_float32() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 3, 64, 64)).astype(np.uint8)
    difference = engine(precision="float32")(pixels) - engine(precision="bfloat16")(pixels)
    assert 0 < np.abs(difference).max() < 0.05


def test_the_shipped_model_is_whole_and_its_card_tells_what_a_user_asks() -> None:
    weights, card = find_model(DEFAULT_MODEL)
    network = load_network(weights, card)
    assert not network.training
    assert weights.stat().st_size < 60e6
    assert card.bands == ("red", "green", "blue")
    assert card.licence and card.known_failures
    for source in card.training["sources"]:
        assert source["licence"] and source["citation"], source["name"]
    assert card.metrics["validation"]["all"]["f1"] >= 0.65
    assert set(card.metrics["test"]) >= {"bijie-landslide", "bijie-other", "sichuan", "all"}


def test_every_shipped_card_has_its_weights() -> None:
    for path in weights_folder().glob("*.json"):
        assert read_card(path).model_id == path.stem
        assert path.with_suffix(".safetensors").is_file()


def test_the_shipped_int8_model_is_of_the_shipped_weights_and_costs_little() -> None:
    weights, card = find_model(DEFAULT_MODEL)
    model = read_openvino_model(int8_path(weights))
    model.refuse_damaged()
    assert model.card.sha256 == card.sha256
    assert model.f1_loss is not None and model.f1_loss < LOSS
