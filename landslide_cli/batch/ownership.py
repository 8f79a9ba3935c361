"""One run at a time in a folder of outputs, or several that do a share of its scenes each.

A lock is the operating system's, so that it ends with its process. Its file stays: whoever removed it could leave two
runs with a lock on two files of one name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from landslide_cli.errors import OutputError, refuse_unless

# Whoever only looks whether a folder is in use has the lock for a moment.
PATIENCE_S = 1.0
LOCKS = "batch-*.lock"

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Shard:
    """A share of the scenes: every ``of``-th of them, beginning with the ``number``-th. 1/1 is all.

    Raises:
        OptionError: there is no such share.
    """

    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        refuse_unless(0 < self.number <= self.of, "shard", str(self), "give K/N with K from 1 to N, such as 3/20")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Of ``3/20``."""
        told = re.fullmatch(r"(\d+)/(\d+)", text)
        refuse_unless(told, "shard", text, "give K/N with K from 1 to N, such as 3/20")
        return cls(*map(int, told.groups())) if told else cls()

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def is_all(self) -> bool:
        """Whether it is no share but the whole."""
        return self.of == 1

    def take(self, items: Sequence[Item]) -> Sequence[Item]:
        """This share of them."""
        return items[self.number - 1 :: self.of]


@contextmanager
def owning(ledger: Path, shard: Shard) -> Iterator[None]:
    """Keep other runs out until the block ends, but for those that do other shares of as many.

    Args:
        ledger: Folder of the locks; it is made.
        shard: What is done here.

    Raises:
        OutputError: another run does the same scenes.
    """
    ledger.mkdir(parents=True, exist_ok=True)
    ours, others = ledger / f"batch-{shard.number}-of-{shard.of}.lock", f"-of-{shard.of}.lock"
    with ExitStack() as held:
        try:
            held.enter_context(FileLock(ours, timeout=PATIENCE_S))
            for path in sorted(ledger.glob(LOCKS)):
                if not path.name.endswith(others):
                    with FileLock(path, timeout=PATIENCE_S):
                        pass
        except Timeout as error:
            raise OutputError(
                f"{ledger.parent} is in use by another run of landslide batch; wait until it has ended, take another "
                "folder, or share the scenes with --shard"
            ) from error
        yield


def is_owned(ledger: Path) -> bool:
    """Whether a run is going on."""
    for path in ledger.glob(LOCKS):
        try:
            with FileLock(path, timeout=0):
                pass
        except Timeout:
            return True
        except PermissionError:
            # Somebody else's, which this user may only look at.
            continue
    return False
