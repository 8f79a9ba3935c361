"""Scenes of a batch whose bands workers predict: opened and sent ahead of their turn, joined one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass

from landslide_cli.batch.ledger import Record
from landslide_cli.batch.planning import Batch
from landslide_cli.batch.tasks import HOPELESS, Attempt, Doing, Task
from landslide_cli.cluster.gathering import Gathering, SceneBands
from landslide_cli.cluster.orders import on_workers
from landslide_cli.cluster.workers import Workers, open_workers
from landslide_cli.detection.announcing import announce
from landslide_cli.detection.beginning import Begun, begin
from landslide_cli.detection.joining import Earlier, join
from landslide_cli.detection.summary import Summary
from landslide_cli.errors import OutsideAreaError
from landslide_cli.files.interrupts import asked_to_stop
from landslide_cli.prediction.keeping import keeping
from landslide_cli.typing import OnProgress


@dataclass(slots=True)
class _Opened:
    """A scene that is begun, or why it can't be."""

    attempt: Attempt
    stack: ExitStack
    begun: Begun | None = None
    bands: SceneBands | None = None
    error: Exception | None = None


class Ahead:
    """The scenes of a batch in their order, opened as early as workers can take bands of them.

    Args:
        workers: Who predicts.
        tasks: The scenes.
        attempting: Makes the attempt at one.
        on_progress: Called after each band with the scene's pixels done and in all.
    """

    def __init__(
        self, workers: Workers, tasks: Sequence[Task], attempting: Callable[[Task], Attempt],
        on_progress: OnProgress | None = None,
    ) -> None:  # fmt: skip
        self._workers, self._attempting, self._on_progress = workers, attempting, on_progress
        self._opened: dict[str, _Opened] = {}
        self._gathering = Gathering(workers, self._scenes(tasks))
        self._turns = iter(self._gathering)
        self._next: SceneBands | None = None

    def do(self, task: Task) -> Record:
        """Join a scene whose turn it is, and note what becomes of it.

        Raises:
            LandslideError: what would go wrong with every scene.
        """
        if self._next is None:
            self._next = next(self._turns, None)
        opened = self._opened.pop(task.name)
        try:
            return opened.attempt.record(lambda: self._joined(opened))
        finally:
            if opened.bands:
                opened.bands.close()
                self._next = None

    def close(self) -> None:
        """Keep what is finished of the scenes that weren't joined, and close them."""
        self._gathering.close()
        for opened in self._opened.values():
            with suppress(KeyboardInterrupt), opened.stack:
                raise KeyboardInterrupt  # cut off, so that its bands stay

    def _scenes(self, tasks: Sequence[Task]) -> Iterator[SceneBands]:
        """The bands of each scene that can be begun; of the others, why they can't."""
        for number, task in enumerate(tasks, 1):
            wish = task.wish
            opened = self._opened[task.name] = _Opened(self._attempting(task), ExitStack())
            try:
                opening = begin(
                    task.scene, opened.attempt.outputs, view=wish.view, rules=wish.rules, runtime=wish.runtime,
                    overwrite=True, choosing=False,
                )  # fmt: skip
                with asked_to_stop.obeyed():
                    opened.begun = opened.stack.enter_context(opening)
            except OutsideAreaError as error:
                opened.error = error
                continue
            except HOPELESS:
                raise
            except Exception as error:
                opened.error = error
                continue
            plan, out = opened.begun.plan, task.outputs.inventory
            if len(tasks) - number < self._workers.count:
                # Some would have nothing to do while the others end their bands.
                plan = plan.shared(self._workers.count)
            kept = opened.stack.enter_context(keeping(out, plan, self._workers.engine, wanted=wish.runtime.resume))
            opened.bands = SceneBands(plan, kept, self._on_progress)
            yield opened.bands

    def _joined(self, opened: _Opened) -> Summary:
        with opened.stack:
            if opened.error:
                raise opened.error
            assert opened.begun is not None
            assert opened.bands is not None
            begun, engine = opened.begun, self._workers.engine
            announce(begun.plan, engine)
            return join(
                begun.plan, engine, opened.bands, begun.outputs, measurer=begun.measurer, files=begun.files,
                earlier=Earlier(begun.before) if begun.before else None,
            )  # fmt: skip


@contextmanager
def doing_elsewhere(batch: Batch, command: str | None, on_progress: OnProgress | None) -> Iterator[Doing]:
    """Start or join the workers of a batch; for scenes in their order, give what does one of them and notes it.

    Args:
        batch: What to do.
        command: Command line to note in the layers ``runs``.
        on_progress: Called after each band with the scene's pixels done and in all.

    Raises:
        LandslideError: there are no workers, or they can't do it.
    """
    runtime = batch.wish.runtime
    with open_workers(runtime, on_workers(runtime, batch.card.sha256)) as workers:

        @contextmanager
        def doing(tasks: list[Task]) -> Iterator[Callable[[Task], Record]]:
            ahead = Ahead(workers, tasks, lambda task: Attempt(task, batch.ledger, command), on_progress)
            with closing(ahead):
                yield ahead.do

        yield doing
