"""Beginning with VGG-16: layouts, the fit, its file, refusals, learning rates and what the card tells."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from landslide_cli.chips.chip import Chip
from landslide_cli.cli import main
from landslide_cli.errors import ModelError, TrainingDataError
from landslide_cli.model.card import checksum, read_card
from landslide_cli.model.normalise import Normalise
from landslide_cli.networks.registry import build_network
from landslide_cli.networks.segnet import SegNet
from landslide_cli.networks.unet import UNet
from landslide_cli.training import encoder_files
from landslide_cli.training.batches import Pool
from landslide_cli.training.encoder import MEAN, STAGES, STD, VGG, encoder_layers, fit_encoder
from landslide_cli.training.encoder_files import Origin, load_fitted, read_vgg, write_fitted
from landslide_cli.training.least_squares import Moments, fit_convolution
from landslide_cli.training.optimize import make_optimizer
from landslide_cli.training.recipe import Phase, Recipe, Source
from landslide_cli.training.start import sample_crops
from tests.training.conftest import RECIPE, refused

IDENTITIES = (17, 27)  # conv3_2 and conv4_2: what follows them can be done by one convolution


def vgg_network(width: int, *, seed: int = 0, plain: tuple[int, ...] = ()) -> nn.Sequential:
    """VGG-16-BN as torchvision builds it, random, with statistics of its own; ``plain`` layers return their input."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    before = 3
    for stage, factor in zip(STAGES, (1, 2, 4, 8, 8), strict=True):
        for number in stage:
            assert len(layers) == number
            conv, norm = nn.Conv2d(before, before := width * factor, 3, padding=1), nn.BatchNorm2d(before)
            state = conv.state_dict() | {f"norm.{name}": tensor for name, tensor in norm.state_dict().items()}
            nn.init.kaiming_normal_(state["weight"])
            for name in ("bias", "norm.bias", "norm.running_mean"):
                nn.init.normal_(state[name], std=0.3)
            for name in ("norm.weight", "norm.running_var"):
                nn.init.uniform_(state[name], 0.5, 1.5)
            if number in plain:
                nn.init.dirac_(state["weight"])
                state["bias"].copy_(state["norm.running_mean"])
                state["norm.bias"].zero_()
                state["norm.weight"].copy_((state["norm.running_var"] + norm.eps).sqrt())
            layers += [conv, norm, nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers).eval()


def torchvision_layout(network: nn.Sequential) -> dict[str, Tensor]:
    """As torchvision keeps it, the part that tells classes included."""
    classifier = {"classifier.0.weight": torch.zeros(2, 2), "classifier.0.bias": torch.zeros(2)}
    return {f"features.{name}": tensor for name, tensor in network.state_dict().items()} | classifier


def craft_layout(network: nn.Sequential) -> dict[str, Tensor]:
    """As `basenet/vgg16_bn.py` of CRAFT cuts it: up to conv5_2, then convolutions of its own, also called 1 and 2."""
    ends = {1: 12, 2: 19, 3: 29, 4: 39}
    found = {
        f"module.basenet.slice{part}.{name}": tensor
        for name, tensor in network.state_dict().items()
        for part in (next((part for part, end in ends.items() if int(name.split(".")[0]) < end), None),)
        if part
    }
    own = {"module.basenet.slice5.1.weight": torch.zeros(4, 4, 3, 3), "module.conv_cls.0.weight": torch.zeros(1, 1)}
    return found | own


def as_vgg(network: nn.Sequential, *, last: int = 42) -> VGG:
    return VGG({n: t for n, t in network.state_dict().items() if int(n.split(".")[0]) < last})


def crops(count: int = 6, size: int = 64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(7)
    return [torch.randint(0, 256, (8, 3, size, size), generator=generator, dtype=torch.uint8) for _ in range(count)]


@pytest.fixture(scope="module")
def full() -> nn.Sequential:
    return vgg_network(64)


def test_a_double_convolution_that_is_one_is_found() -> None:
    torch.manual_seed(0)
    first, second = torch.zeros(5, 5, 3, 3), torch.randn(7, 5, 3, 3)
    nn.init.dirac_(first)
    parts = Moments(5, 7), Moments(5, 7)
    for part in parts:
        features = torch.rand(16, 5, 24, 24)
        both = nn.functional.conv2d(nn.functional.conv2d(features, first, padding=1), second, padding=1)
        part.add(features, both + torch.arange(7.0)[:, None, None])
    weight, shift, explained = fit_convolution(*parts, near=torch.zeros_like(second))
    torch.testing.assert_close(weight, second, atol=0.02, rtol=0.02)
    torch.testing.assert_close(shift, torch.arange(7.0), atol=0.1, rtol=0)
    assert explained > 0.999


def test_explained_is_the_part_of_the_variance_that_is_left() -> None:
    torch.manual_seed(0)
    features, wanted = torch.rand(8, 3, 20, 20), torch.randn(8, 4, 20, 20) * torch.tensor([1, 2, 3, 4])[:, None, None]
    moments = Moments(3, 4)
    moments.add(features, wanted)
    weight, shift = torch.randn(4, 3, 3, 3, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    answer = nn.functional.conv2d(features.double(), weight, shift, padding=1)
    centred = wanted - wanted.mean(dim=(0, 2, 3), keepdim=True)
    expected = 1 - float((wanted - answer).square().sum() / centred.square().sum())
    assert moments.explained(weight.flatten(1).T, shift) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", ["unet", "unet-psp"])
def test_a_network_answers_as_the_vgg_that_it_was_fitted_to(name: str) -> None:
    theirs = vgg_network(4, plain=IDENTITIES)
    network = build_network(name, width=4)
    assert isinstance(network, UNet)
    imagery = crops()
    explained = fit_encoder(network, as_vgg(theirs), imagery)
    assert list(explained) == [layer.name for layer in encoder_layers(network)]
    assert min(explained.values()) > 0.98
    assert all(explained[name] == 1 for name in ("stem.0", "stem.3", "downs.0.1.0", "downs.0.1.3", "downs.1.1.0"))
    x = Normalise((0.0, 255.0), MEAN, STD)(torch.cat(imagery))
    with torch.no_grad():
        ours = network.eval().stem(x)
        torch.testing.assert_close(ours, theirs[:6](x), atol=1e-3, rtol=1e-3)
        # In batches the network normalises by what it sees, which changes nothing on the imagery it was fitted to.
        torch.testing.assert_close(network.train().stem(x), ours, atol=1e-3, rtol=1e-3)
        for down, end in zip(network.eval().downs, (13, 23, 33, 40), strict=True):
            ours, expected = down(ours), theirs[:end](x)
            assert float((ours - expected).square().mean() / expected.var()) < 0.03


def test_one_convolution_stands_in_for_two_as_far_as_it_can() -> None:
    network = build_network("unet", width=4)
    explained = fit_encoder(network, as_vgg(vgg_network(4)), crops())
    assert 0.2 < explained["downs.1.1.3"] < 0.98


def test_without_conv5_3_the_bridge_is_left_alone() -> None:
    network = build_network("unet", width=4)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert "bridge.0" not in fit_encoder(network, as_vgg(vgg_network(4), last=40), crops(2))
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {name.split(".")[0] for name in changed} == {"stem", "downs"}


def test_both_layouts_and_both_formats_give_the_same(tmp_path: Path, full: nn.Sequential) -> None:
    torch.save(torchvision_layout(full), tmp_path / "vgg16_bn-6c64b313.pth")
    torch.save(craft_layout(full), tmp_path / "craft.pth")
    save_file(craft_layout(full), tmp_path / "craft.safetensors")
    torch.save({"state_dict": torchvision_layout(full)}, tmp_path / "wrapped.pth")
    theirs, craft, tensors, wrapped = (
        read_vgg(tmp_path / name, licence="mine")
        for name in ("vgg16_bn-6c64b313.pth", "craft.pth", "craft.safetensors", "wrapped.pth")
    )
    assert theirs[1].licence == "mine"
    assert "torchvision" in theirs[1].layout
    assert craft[1] == Origin("craft.pth", checksum(tmp_path / "craft.pth"), "VGG-16-BN inside CRAFT", "mine", {})
    networks: list[SegNet] = []
    for vgg, _ in (theirs, craft, tensors, wrapped):
        torch.manual_seed(0)
        networks.append(SegNet())
        # SegNet has all of VGG's convolutions, with biases: everything is copied.
        assert set(fit_encoder(networks[-1], vgg, crops(1, 32)).values()) == {1.0}
    state = networks[0].state_dict()
    for network in networks[1:]:
        for name, tensor in network.state_dict().items():
            if not name.startswith(("encoder.4.6", "encoder.4.7")) or network is networks[3]:
                torch.testing.assert_close(tensor, state[name])
    x = Normalise((0.0, 255.0), MEAN, STD)(crops(1, 32)[0])
    with torch.no_grad():
        ours = x
        for stage in networks[0].eval().encoder:
            ours, _ = networks[0].pool(stage(ours))
        torch.testing.assert_close(ours, full(x), atol=1e-3, rtol=1e-3)


def test_the_licence_of_a_known_file_is_told_whatever_it_is_called(
    tmp_path: Path, full: nn.Sequential, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "renamed.pth"
    torch.save(torchvision_layout(full), path)
    assert read_vgg(path)[1].licence == "unknown"
    monkeypatch.setitem(encoder_files.LICENCES, checksum(path)[:8], "known")
    assert read_vgg(path, licence="mine")[1].licence == "known"


class Malice:
    """Runs a program when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    torch.save({"features.0.weight": Malice(tmp_path / "mark")}, tmp_path / "bad.pth")
    with pytest.raises(ModelError, match="holds more than numbers, and nothing else is unpickled"):
        read_vgg(tmp_path / "bad.pth")
    assert not (tmp_path / "mark").exists()


def test_files_of_other_networks_are_refused_by_name(tmp_path: Path, full: nn.Sequential) -> None:
    def message(tensors: dict[str, Tensor]) -> str:
        torch.save(tensors, tmp_path / "other.pth")
        with pytest.raises(ModelError, match="needed is VGG-16 with batch norm") as refusal:
            read_vgg(tmp_path / "other.pth")
        return str(refusal.value)

    one = torch.zeros(1, 1, 3, 3)
    vgg = torchvision_layout(full)
    assert "what looks like a ResNet;" in message(build_network("fcn").state_dict() | {"layer1.0.conv1.weight": one})
    assert "a ResNet-50 or deeper" in message({"layer1.0.conv1.weight": one, "layer1.0.conv3.weight": one})
    assert "a DenseNet" in message({"features.denseblock1.denselayer1.norm1.weight": torch.zeros(1)})
    assert "which --start takes" in message(build_network("unet", width=4).state_dict())
    plain = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    assert "a VGG without batch norm" in message({f"features.{number}.weight": one for number in plain})
    nineteen = (0, 3, 7, 10, 14, 17, 20, 23, 27, 30, 33, 36, 40, 43, 46, 49)
    assert "what looks like VGG-19-BN" in message({f"features.{number}.weight": one for number in nineteen})
    assert "a VGG-16 without 25.running_var" in message(
        {n: t for n, t in vgg.items() if n != "features.25.running_var"}
    )
    assert "whose 14.weight has the shape (1, 1, 3, 3) instead of (256, 128, 3, 3)" in message(
        vgg | {"features.14.weight": one}
    )
    assert "no network that is known here (a.weight ...)" in message({"a.weight": one})
    assert "no weights" in message({})
    (tmp_path / "text.pth").write_text("no weights at all")
    (tmp_path / "text.safetensors").write_text("no weights at all")
    for name in ("text.pth", "text.safetensors", "missing.pth"):
        with pytest.raises(ModelError, match=name):
            read_vgg(tmp_path / name)


def test_networks_without_such_an_encoder_are_refused() -> None:
    with pytest.raises(ModelError, match=r"FCN has no encoder of VGG-16's kind; msasnet, the U-Nets and segnet have"):
        encoder_layers(build_network("fcn"))
    with pytest.raises(ModelError, match=r"has 3 bands and 8 channels .* the network 3 and 4; train at full width"):
        fit_encoder(build_network("unet", width=4), as_vgg(vgg_network(8)), crops(1))
    with pytest.raises(ModelError, match="the network 4 and 8"):
        fit_encoder(build_network("unet", width=8, in_channels=4), as_vgg(vgg_network(8)), crops(1))


def write_small_encoder(path: Path, name: str = "unet") -> Origin:
    network = build_network(name, width=4)
    origin = Origin("craft.pth", "abc", "VGG-16-BN inside CRAFT", "unknown", {})
    origin = dataclasses.replace(origin, explained=fit_encoder(network, as_vgg(vgg_network(4), last=40), crops(2)))
    write_fitted(network, origin, path)
    return origin


def test_a_fitted_encoder_is_read_again_for_any_network_that_has_it(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    origin = write_small_encoder(path)
    networks = [build_network(name, width=4) for name in ("unet", "unet-psp", "unet")]
    assert [load_fitted(network, path) for network in networks] == [origin] * 3
    for network in networks[1:]:
        found = network.get_submodule("downs").state_dict()
        torch.testing.assert_close(found, networks[0].get_submodule("downs").state_dict())
    again = load_fitted(networks[0], path, licence="CC0")
    assert again is not None
    assert again.licence == "CC0"
    for wrong in (build_network("unet", width=8), build_network("segnet")):
        with pytest.raises(ModelError, match=r"fitted for another network than .*; fit it anew from craft.pth"):
            load_fitted(wrong, path)
    save_file({"stem.0.weight": torch.zeros(1)}, tmp_path / "plain.safetensors")
    assert load_fitted(networks[0], tmp_path / "plain.safetensors") is None


def tiny_recipe(**changes: object) -> Recipe:
    source = Source("slides", "slides", 1.0, (0.8, 0.8))
    return dataclasses.replace(Recipe("m", (source,), (Phase(2, 2, 32),), (0.8, 0.8)), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_the_encoder_learns_at_its_own_rate(optimizer: str) -> None:
    network = build_network("unet", width=4)
    layers = {"stem.0", "stem.3", "downs.0.1.0"}
    recipe = tiny_recipe(optimizer=optimizer, learning_rate=0.01, encoder_rate=0.25)
    made = make_optimizer(recipe, network, encoder=layers)
    plain = make_optimizer(recipe, network)
    rates = {id(p): group["lr"] for group in made.param_groups for p in group["params"]}
    others = {id(p): {k: v for k, v in g.items() if k not in ("params", "lr")}
              for g in plain.param_groups for p in g["params"]}  # fmt: skip
    assert sum(len(group["params"]) for group in made.param_groups) == len(rates)
    slow = {f"{name}.{part}" for name in ("stem.0", "stem.1", "stem.3", "stem.4", "downs.0.1.0", "downs.0.1.1")
            for part in ("weight", "bias")}  # fmt: skip
    for name, parameter in network.named_parameters():
        assert rates[id(parameter)] == (0.0025 if name in slow else 0.01), name
    for group in made.param_groups:
        for parameter in group["params"]:
            assert others[id(parameter)] == {k: v for k, v in group.items() if k not in ("params", "lr")}
    network(torch.rand(2, 3, 32, 32)).sum().backward()
    made.step()


def test_a_training_begins_with_an_encoder_and_the_card_tells_of_it(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A narrow VGG makes the same way short.
    monkeypatch.setattr(encoder_files, "CHANNELS", ((4, 4), (8, 8), (16,) * 3, (32,) * 3, (32,) * 3))
    torch.save(torchvision_layout(vgg_network(4)), tmp_path / "narrow.pth")
    text = RECIPE.replace('"drs-unet"', '"unet"').replace("steps = 120", "steps = 3").replace("hard_every = 50", "")
    (tmp_path / "tiny.toml").write_text('encoder = "narrow.pth"\nencoder_licence = "MIT"\nencoder_rate = 0.5\n' + text)

    def train(recipe: str, name: str) -> tuple[dict[str, Any], str]:
        out = tmp_path / f"{name}.safetensors"
        command = [
            "train",
            str(tmp_path / recipe),
            "--data",
            str(data),
            "-o",
            str(out),
            "--run-dir",
            str(tmp_path / name),
        ]
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
        card = read_card(out.with_suffix(".json"))
        assert (card.mean, card.std) == (MEAN, STD)
        assert not {"encoder_rate", "encoder_licence"} & card.training.keys()
        return card.training["encoder"], result.stderr

    told, log = train("tiny.toml", "first")
    assert told["file"] == "narrow.pth"
    assert told["sha256"] == checksum(tmp_path / "narrow.pth")
    assert (told["licence"], told["rate"]) == ("MIT", 0.5)
    assert told["explained"]["stem.0"] == 1
    assert 0 < told["explained"]["downs.1.1.3"] < 1
    assert "variance explained where layers are fitted: downs.1.1.3 " in log
    # The fitted encoder that the run kept does as well, and tells of the same origin.
    (tmp_path / "again.toml").write_text('encoder = "first/encoder.safetensors"\nencoder_rate = 0.5\n' + text)
    assert train("again.toml", "second")[0] == told
    # Without an encoder, nothing is said of one.
    (tmp_path / "none.toml").write_text(text)
    out = tmp_path / "none.safetensors"
    CliRunner().invoke(main, ["train", str(tmp_path / "none.toml"), "--data", str(data), "-o", str(out),
                              "--run-dir", str(tmp_path / "none")])  # fmt: skip
    assert not {name for name in read_card(out.with_suffix(".json")).training if name.startswith("encoder")}


def test_what_judges_a_fit_shows_other_chips(tmp_path: Path) -> None:
    chips = []
    for number in range(10):
        Image.new("RGB", (40, 30), (number, 0, 0)).save(tmp_path / f"{number}.png")
        chips.append(Chip(tmp_path / f"{number}.png", None, "g"))
    batches = list(sample_crops(tiny_recipe(), [Pool([], 0.5, 1.0), Pool(chips, 0.5, 2.0)]))
    assert {tuple(batch.shape) for batch in batches} == {(16, 3, 96, 96)}
    seen = [set(batch[:, 0].flatten().tolist()) for batch in batches]
    assert set.union(*seen[::5]) == {0, 5}
    assert set.union(*(found for place, found in enumerate(seen) if place % 5)) == {1, 2, 3, 4, 6, 7, 8, 9}


def test_encoder_and_start_do_not_go_together(tmp_path: Path, data: Path) -> None:
    with pytest.raises(TrainingDataError, match="start gives all weights and encoder some of them"):
        tiny_recipe(start="a", encoder="b")
    with pytest.raises(TrainingDataError, match="encoder_rate = 0 is out of range; it needs more than 0"):
        tiny_recipe(encoder_rate=0)
    file = tmp_path / "some.pth"
    file.write_text("")
    chips = ("--chips", str(data / "slides"), "--start", str(file), "--encoder", str(file))
    assert "give --start, for all weights, or --encoder" in refused(tmp_path, *chips, status=2)
    known = ("--chips", str(data / "slides"), "--resolution", "1", "--steps", "1", "--encoder", str(file))
    assert "some.pth can't be read as weights" in refused(tmp_path, *known)
