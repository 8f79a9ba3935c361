"""Workers in threads of this process, and stand-ins that can be sent to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from distributed import Client, LocalCluster

from landslide_cli.cluster.orders import opened


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, memory_limit=0
    ) as running:
        yield running


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Any]:
    opened.cache_clear()
    with Client(cluster) as connected:
        yield connected
    opened.cache_clear()
