"""The workers of a run: those that it starts itself, or those of a cluster that runs."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from landslide_cli._version import __version__
from landslide_cli.cluster.orders import EngineElsewhere, Opener, Order, predict, ready, version
from landslide_cli.engine import Engine
from landslide_cli.engine.openvino_engine import THREADS
from landslide_cli.errors import ClusterError, LandslideError, counted
from landslide_cli.extras import need
from landslide_cli.parsing import parse_json, read_text
from landslide_cli.prediction.runtime import Runtime

log = logging.getLogger(__name__)

# Bands for each worker that are sent and not yet joined: one that it works on, one that waits, one that is done.
BANDS_AHEAD = 3
# Times that a band is tried again; Dask counts the deaths of workers by itself.
RETRIES = 2
COUNTED_S = 5.0
CONNECTING = "20s"
# Dask's page for people is left out, and its server takes any port that is free.
NO_PAGE = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}


class LostBandError(Exception):
    """Workers die of a band."""


class Workers:
    """Workers that are ready: they have our version, and the model is open in each.

    Args:
        client: Connected to their scheduler.
        opener: Opens the engine.

    Attributes:
        engine: The facts of their engines.
        count: How many there were at the start.
    """

    def __init__(self, client: Any, opener: Opener, *, cards: bool = False) -> None:
        self._client, self._opener = client, opener
        self._counted, self._until = 0, 0.0
        there = self._there()
        has_cards = any("GPU" in info["resources"] for info in there.values())
        self._resources = {"GPU": 1} if has_cards and cards else None
        self.engine = self._checked(list(there))
        self.count = self._number(there)

    @property
    def bound(self) -> int:
        """Bands that may be under way at once."""
        if time.monotonic() > self._until:
            self._counted, self._until = self._number(self._there()), time.monotonic() + COUNTED_S
        return BANDS_AHEAD * max(1, self._counted)

    def send(self, order: Order) -> Any:
        """Send a band; give Dask's future of it."""
        return self._client.submit(predict, order, pure=False, retries=RETRIES, resources=self._resources)

    @property
    def order_opener(self) -> Opener:
        """What orders carry."""
        return self._opener

    def take(self, future: Any) -> Any:
        """Wait for the result.

        Raises:
            ClusterError: the scheduler is gone.
            LostBandError: workers die of the band.
        """
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError

        try:
            return future.result()
        except KilledWorker as error:
            raise LostBandError(
                "workers died of it again and again, the last one on "
                f"{error.last_worker.address}; look at its log, and whether it has memory enough"
            ) from error
        except (FutureCancelledError, CommClosedError, OSError) as error:
            if self._client.status == "running" and not isinstance(error, FutureCancelledError):
                raise
            raise ClusterError(
                "the connection to Dask's scheduler is lost; what is finished is kept: start the same command again "
                "when it runs"
            ) from error

    def _there(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self._client.scheduler_info(n_workers=-1)["workers"]
        return found

    def _number(self, there: dict[str, dict[str, Any]]) -> int:
        if self._resources:
            return int(sum(info["resources"].get("GPU", 0) for info in there.values()))
        return len(there)

    def _checked(self, addresses: list[str]) -> Engine:
        """Compare versions, then open the model everywhere.

        Raises:
            ClusterError: a worker can't do what this process would, or not in the same way.
        """
        told = self._client.run(version, on_error="return")
        for address, said in told.items():
            if not isinstance(said, str):
                raise ClusterError(f"worker {address} can't run landslide ({said}); look at its log, and start again")
            if said != __version__:
                raise ClusterError(
                    f"worker {address} has landslide {said}, this is {__version__}; give all the same version"
                )
        opening = {
            address: self._client.submit(ready, self._opener, pure=False, workers=[address], resources=self._resources)
            for address, info in self._there().items()
            if address in addresses and (not self._resources or "GPU" in info["resources"])
        }
        facts = {address: _ready(address, future) for address, future in opening.items()}
        names, devices, precisions = (sorted(set(values)) for values in zip(*facts.values(), strict=True))
        for kind, found in (("engine", names), ("precision", precisions)):
            if len(found) > 1:
                raise ClusterError(
                    f"workers would differ in their {kind}: {', '.join(found)}; choose one with --{kind}"
                )
        return EngineElsewhere(names[0], ",".join(devices), precisions[0])


def _ready(address: str, future: Any) -> tuple[str, str, str]:
    try:
        found: tuple[str, str, str] = future.result()
    except LandslideError as error:
        raise ClusterError(f"worker {address}: {error}") from error
    return found


@contextmanager
def open_workers(runtime: Runtime, opener: Opener) -> Iterator[Workers]:
    """Start or join workers; what they still do is cancelled when the block ends.

    Raises:
        MissingExtraError: Dask isn't installed.
        ClusterError: there is no such cluster, or its workers can't do it.
    """
    asked = "--cluster" if runtime.cluster else "--workers"
    need("distributed", extra="dask", purpose=asked)
    import dask
    import distributed  # noqa: F401  (its settings, which would go away with ours if they came later)

    patience = {"distributed.comm.timeouts.connect": CONNECTING}
    with dask.config.set(patience), _joined(runtime.cluster) if runtime.cluster else _started(runtime) as client:
        workers = Workers(client, opener, cards=runtime.device == "auto" or runtime.device.startswith("cuda"))
        name, device, precision = workers.engine.name, workers.engine.device, workers.engine.precision
        log.info("%s: %s on %s, %s", counted(workers.count, "worker"), name, device, precision)
        yield workers


@contextmanager
def _joined(cluster: str) -> Iterator[Any]:
    from distributed import Client

    is_file = Path(cluster).is_file()
    if not is_file and "://" not in cluster:
        raise ClusterError(
            f"--cluster {cluster} is neither a file nor an address; give tcp://HOST:8786, or the scheduler file"
        )
    try:
        client = Client(parse_json(dict[str, Any], read_text(Path(cluster)))["address"] if is_file else cluster)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ClusterError(
            f"--cluster {cluster}: no scheduler answers ({reason}); start one with dask scheduler"
        ) from error
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            log.info("waiting for a worker at %s (dask worker %s)", cluster, client.scheduler.address)
            client.wait_for_workers(1)
        yield client


@contextmanager
def _started(runtime: Runtime) -> Iterator[Any]:
    """Processes of this machine, one for each card if several are named; they end with this one."""
    from distributed import Client, Nanny, Scheduler, SpecCluster

    cards = [name.strip() for name in runtime.device.split(",")] if "," in runtime.device else []
    number = runtime.workers or len(cards)
    common = {"nthreads": 1, "memory_limit": 0, "silence_logs": logging.CRITICAL, **NO_PAGE}
    threads = str(max(1, (os.cpu_count() or 1) // number))
    specs = {}
    for index in range(number):
        env = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", THREADS), threads)
        options: dict[str, Any] = {**common, "env": env}
        if cards:
            env["CUDA_VISIBLE_DEVICES"] = _visible(cards[index % len(cards)])
            options["resources"] = {"GPU": 1}
        specs[index] = {"cls": Nanny, "options": options}
    scheduler = {"cls": Scheduler, "options": {"host": "127.0.0.1", "port": 0, **NO_PAGE}}
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(SpecCluster(specs, scheduler, silence_logs=logging.CRITICAL))
        except RuntimeError as error:
            raise ClusterError(
                f"workers can't be started ({error}); look whether there is memory for so many, or give fewer --workers"
            ) from error
        client = stack.enter_context(Client(cluster))
        client.wait_for_workers(number)
        yield client


def _visible(card: str) -> str:
    """What CUDA has to show to a worker, so that the card is the only one for it."""
    number = card.partition(":")[2] or "0"
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return shown.split(",")[int(number)] if shown else number
