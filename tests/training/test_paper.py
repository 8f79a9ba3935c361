from __future__ import annotations

import pytest

from landslide_cli.networks.registry import NETWORKS
from landslide_cli.training.compare import every_network
from landslide_cli.training.paper import PAPER

pytest.importorskip("lightning")


def test_every_network_of_the_registry_has_its_line_in_the_paper() -> None:
    assert set(PAPER) == set(NETWORKS)
    assert list(PAPER) == every_network()
