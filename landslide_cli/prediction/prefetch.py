"""Stages of a run beside each other: each in a thread of its own, a few items ahead of the next.

GDAL, torch and most of numpy release the interpreter's lock, so threads are enough. One thread does all the reading
of a scene, one all the asking, one all the writing: nothing needs a lock of its own, and order stays.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from queue import Empty, Full, Queue
from typing import TypeVar

Item = TypeVar("Item")
PATIENCE_S = 0.1


class _Failure:
    """An error in the thread, on its way to whoever waits for items."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _End:
    """No item follows."""


def ahead(items: Iterable[Item], depth: int) -> Generator[Item]:
    """Give the items in their order while a thread makes the next ones.

    Close it (``contextlib.closing``) before anything that ``items`` uses goes away: an error elsewhere keeps a
    generator, and so the thread, alive until its traceback is dropped.

    Args:
        items: Iterated in the thread, from its start to its end or until nobody wants more.
        depth: Items that may be ready and waiting; the thread holds one more in its hands.

    Raises:
        Exception: whatever ``items`` raises, at the place where the item was due.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, not {depth}")
    ready: Queue[Item | _Failure | _End] = Queue(depth)
    unwanted = threading.Event()
    thread = threading.Thread(target=_make, args=(iter(items), ready, unwanted), daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _End):
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        # Files and memory that the thread uses may go away as soon as this returns.
        unwanted.set()
        _empty(ready)
        thread.join()


def _make(items: Iterator[Item], ready: Queue[Item | _Failure | _End], unwanted: threading.Event) -> None:
    last: _Failure | _End = _End()
    try:
        for item in items:
            if not _put(item, ready, unwanted):
                break
    except BaseException as error:  # an interrupt in a library counts as well
        last = _Failure(error)
    finally:
        close = getattr(items, "close", None)
        if close:
            close()
    _put(last, ready, unwanted)


def _put(item: Item | _Failure | _End, ready: Queue[Item | _Failure | _End], unwanted: threading.Event) -> bool:
    while not unwanted.is_set():
        try:
            ready.put(item, timeout=PATIENCE_S)
            return True
        except Full:
            continue
    return False


def _empty(ready: Queue[Item | _Failure | _End]) -> None:
    try:
        while True:
            ready.get_nowait()
    except Empty:
        pass
