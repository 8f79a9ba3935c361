"""The bands of scenes in their order, predicted by workers ahead of whoever joins them."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from landslide_cli.cluster.orders import Order
from landslide_cli.cluster.workers import LostBandError, Workers
from landslide_cli.errors import PredictionError
from landslide_cli.mosaic.blend import Strip
from landslide_cli.mosaic.packing import Packed
from landslide_cli.prediction.keeping import Kept
from landslide_cli.prediction.plan import Plan
from landslide_cli.tiling.bands import Rows, cut
from landslide_cli.typing import OnProgress

log = logging.getLogger(__name__)


class SceneBands:
    """The strips of one scene, whose bands workers predict.

    Args:
        plan: What is predicted.
        kept: Bands that are there already, and where others are kept; none by default.
        on_progress: Called after each band with the scene's pixels done and in all.

    Attributes:
        asked: Windows that the network was asked about for the strips so far, in runs before as well.
    """

    def __init__(self, plan: Plan, kept: Kept | None = None, on_progress: OnProgress | None = None) -> None:
        self.plan, self.asked = plan, 0
        self._kept, self._on_progress = kept, on_progress
        self._unsent = deque(kept.left if kept else cut((0, plan.grid.rows.count), plan.band))
        self._there = sorted(kept.bands) if kept else []
        self._sent: dict[Rows, Any] = {}
        self._gathering: Gathering | None = None

    def __iter__(self) -> Generator[Strip]:
        """All strips; close it when no more are wanted."""
        assert self._gathering is not None
        scene = self.plan.scene
        try:
            for rows in sorted([*self._there, *self._unsent, *self._sent]):
                packed = self._kept.read(rows) if self._kept and rows in self._there else self._taken(rows)
                self.asked += packed.asked
                yield from packed.strips()
                if self._on_progress:
                    self._on_progress(packed.bottom * scene.width, scene.height * scene.width)
        finally:
            self.close()

    def close(self) -> None:
        """Keep what is finished, and take nothing more."""
        self._unsent.clear()
        while self._sent:
            rows, future = self._sent.popitem()
            with contextlib.suppress(Exception):  # whatever ends a run may have ended the cluster
                if self._kept and future.status == "finished":
                    self._kept.write(rows, future.result(timeout=10))
                future.cancel()

    def _taken(self, rows: Rows) -> Packed:
        assert self._gathering is not None
        self._gathering.fill(self)
        workers = self._gathering.workers
        try:
            packed: Packed = workers.take(self._sent[rows])
        except LostBandError as error:
            band = self.plan.rows_of_windows(rows)
            raise PredictionError(f"{self.plan.scene.name}, rows {band.top} to {band.bottom}: {error}") from error
        del self._sent[rows]  # and the worker forgets it
        if self._kept:
            self._kept.write(rows, packed)
        return packed

    def send_one(self, workers: Workers) -> bool:
        """Send the next band, if one is left."""
        if not self._unsent:
            return False
        rows = self._unsent[0]
        self._sent[rows] = workers.send(Order.of(self.plan, rows, workers.order_opener))
        self._unsent.popleft()
        return True

    @property
    def under_way(self) -> int:
        """Bands that are sent and not yet taken."""
        return len(self._sent)


class Gathering:
    """Scenes one after another; the bands of those that follow are sent while one is joined.

    Args:
        workers: Who predicts.
        scenes: The scenes, each asked for when its bands are to be sent.
    """

    def __init__(self, workers: Workers, scenes: Iterable[SceneBands]) -> None:
        self.workers = workers
        self._scenes = iter(scenes)
        self._waiting: deque[SceneBands] = deque()

    def __iter__(self) -> Iterator[SceneBands]:
        """The scenes; take the strips of one before the next."""
        while True:
            self.fill()
            if not self._waiting:
                return
            yield self._waiting.popleft()

    def fill(self, joined: SceneBands | None = None) -> None:
        """Send bands until as many are under way as may be, first those of the scene that is joined."""
        bound = self.workers.bound
        queue = [*([joined] if joined else []), *self._waiting]
        under_way = sum(scene.under_way for scene in queue)
        while under_way < bound and len(queue) <= bound:
            if any(scene.send_one(self.workers) for scene in queue):
                under_way += 1
                continue
            following = next(self._scenes, None)
            if following is None:
                return
            following._gathering = self
            self._waiting.append(following)
            queue.append(following)

    def close(self) -> None:
        """Keep what is finished of the scenes that nobody has joined."""
        for scene in self._waiting:
            scene.close()
