from __future__ import annotations

from pathlib import Path

import torch

from landslide_cli.engine.choice import LOSS, int8_path
from landslide_cli.model.card import ModelCard, read_card
from landslide_cli.model.openvino import read_openvino_model
from landslide_cli.model.weights import DEFAULT_MODEL, find_model, load_network, weights_folder, write_weights
from landslide_cli.networks.registry import build_network


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


def test_the_shipped_model_is_whole() -> None:
    weights, card = find_model(DEFAULT_MODEL)
    assert not load_network(weights, card).training
    assert weights.stat().st_size < 60e6


def test_the_shipped_card_tells_what_a_user_asks() -> None:
    _, card = find_model(DEFAULT_MODEL)
    assert card.licence
    assert card.known_failures
    for source in card.training["sources"]:
        assert source["licence"], source["name"]
        assert source["citation"], source["name"]


def test_the_shipped_model_was_measured_and_is_no_worse_than_the_first() -> None:
    _, card = find_model(DEFAULT_MODEL)
    assert card.metrics["places"]["all"]["f1"] >= 0.59
    assert set(card.metrics["test"]) >= {"bijie-landslide", "bijie-other", "sichuan", "all"}


def test_every_shipped_card_has_its_weights() -> None:
    for path in weights_folder().glob("*.json"):
        assert read_card(path).model_id == path.stem
        assert path.with_suffix(".safetensors").is_file()


def test_the_shipped_int8_model_is_of_the_shipped_weights_and_costs_little() -> None:
    weights, card = find_model("msasnet-rgb-s")
    model = read_openvino_model(int8_path(weights))
    model.refuse_damaged()
    assert model.card.sha256 == card.sha256
    assert model.f1_loss is not None and model.f1_loss < LOSS
