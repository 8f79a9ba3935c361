"""Signals that wait while files get their names, and those that libraries lose."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WAITING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


class Asked:
    """Whether the process was asked to stop, by a handler that notes it before it raises.

    The `KeyboardInterrupt` itself may be lost: in a library that is being imported it comes out as an error of its own,
    and in one that calls back it is left out.
    """

    came = False

    def obey(self) -> None:
        """Raise the interrupt that was lost.

        Raises:
            KeyboardInterrupt: the process was asked to stop.
        """
        if self.came:
            raise KeyboardInterrupt

    @contextmanager
    def obeyed(self) -> Iterator[None]:
        """Raise the interrupt that was lost before a block, or in place of the error that it became in there."""
        self.obey()
        try:
            yield
        except Exception:
            self.obey()
            raise


asked_to_stop = Asked()


class _Gate:
    """Remembers the signals of the main thread; Python runs handlers nowhere else."""

    def __init__(self) -> None:
        self.users = 0
        self._before: dict[int, Any] = {}
        self._came: list[int] = []

    def close(self) -> None:
        if not self._before and threading.current_thread() is threading.main_thread():
            # None stands for a handler that isn't Python's, which nobody could put back.
            known = [number for number in WAITING if signal.getsignal(number) is not None]
            self._before = {number: signal.signal(number, self._remember) for number in known}

    def open(self) -> None:
        if self._before and threading.current_thread() is threading.main_thread():
            before, self._before = self._before, {}
            came, self._came = self._came, []
            for number, handler in before.items():
                signal.signal(number, handler)
            for number in came[:1]:
                signal.raise_signal(number)

    def _remember(self, number: int, frame: object) -> None:
        self._came.append(number)


_gate = _Gate()


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Let signals wait until the block, and the `finishing` around it, ends."""
    _gate.close()
    try:
        yield
    finally:
        if not _gate.users:
            _gate.open()


@contextmanager
def finishing() -> Iterator[None]:
    """Let signals that come from the first `interrupts_wait` inside on wait until the end of this block.

    For those who note down that files have their names: whatever comes between must not part the two.
    """
    main = threading.current_thread() is threading.main_thread()
    _gate.users += main
    try:
        yield
    finally:
        _gate.users -= main
        if not _gate.users:
            _gate.open()
