"""What has become of each scene: one small file for each, in a folder of the outputs.

A record gets its name when it is complete. Stamps tell whether an output is still what was written: its size and a
checksum, so that a copy of the folder counts as the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from landslide_cli.errors import OutputError
from landslide_cli.files import staged
from landslide_cli.files.readback import refuse_unsound
from landslide_cli.parsing import STRICT, ParseError, parse_json, read_text

LEDGER = ".landslide-batch"
# A larger file is read in so many pieces, evenly spread, the first and the last among them.
PIECES, PIECE_BYTES = 64, 1 << 20

State = Literal["done", "failed", "outside", "begun"]
# Size and checksum; those of a log that another program keeps beside it as well.
Stamp = list[Any]


@dataclass(frozen=True, slots=True)
class Record:
    """The outcome of a scene.

    Attributes:
        state: ``done``, ``failed``, ``outside`` where the area of interest doesn't meet it, or ``begun`` while its
            outputs get their names.
        asked: What was asked for, of which model and files: equal values give equal results.
        scene: Where the scene lies.
        outputs: Stamp of each file that was written.
        naming: The same of the files that get their names now.
        found: The run's summary, if it is done.
        reason: Why it failed.
        trace: Where it failed, if that wasn't foreseen.
    """

    __pydantic_config__ = STRICT

    state: State
    asked: dict[str, Any]
    scene: str = ""
    outputs: dict[str, Stamp] = field(default_factory=dict)
    naming: dict[str, Stamp] = field(default_factory=dict)
    found: dict[str, Any] | None = None
    reason: str = ""
    trace: str = ""

    def is_own(self, path: Path) -> bool:
        """Whether an output is as it was written."""
        return path.exists() and stamp_of(path) in (self.outputs.get(path.name), self.naming.get(path.name))

    def flaw(self, files: Iterable[Path]) -> str:
        """What is wrong with files that were written: missing or damaged ones; those that people edited are right."""
        files = list(files)
        missing = [path.name for path in files if path.name not in self.outputs or not path.exists()]
        if missing:
            return f"missing: {', '.join(missing)}"
        spoilt = [path.name for path in files if self.is_spoilt(path)]
        return f"damaged: {', '.join(spoilt)}" if spoilt else ""

    def is_spoilt(self, path: Path) -> bool:
        """Whether an output isn't as it was written, and isn't sound either."""
        if self.is_own(path):
            return False
        try:
            refuse_unsound(path)
        except OutputError:
            return True
        return False


@dataclass(frozen=True, slots=True)
class Ledger:
    """The records in a folder."""

    folder: Path

    @classmethod
    def of(cls, outputs: Path) -> Ledger:
        """That of a folder of outputs."""
        return cls(outputs / LEDGER)

    def names(self) -> set[str]:
        """The scenes that have a record."""
        return {path.stem for path in self.folder.glob("*.json")}

    def path(self, name: str) -> Path:
        """Where the record of a scene lies."""
        return self.folder / f"{name}.json"

    def read(self, name: str) -> Record | None:
        """The record of a scene; None if there is none, or none that this version understands."""
        try:
            return parse_json(Record, read_text(self.path(name)))
        except (OSError, ParseError):
            return None

    def write(self, name: str, record: Record) -> None:
        """Put a record in the place of the one before."""
        with staged(self.path(name)) as place:
            told = json.dumps(asdict(record), indent=1, ensure_ascii=False)
            place.write_bytes(told.encode("utf-8", "replace"))  # a scene's name may be no UTF-8


def stamp_of(path: Path) -> Stamp:
    """Of an output that is there; edits that another program has saved beside it, in a log, count as a change."""
    log = Path(f"{path}-wal")
    edits = _fingerprint(log) if log.is_file() and log.stat().st_size else []
    return [*_fingerprint(path), *edits]


def _fingerprint(path: Path) -> Stamp:
    checksum = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        size = path.stat().st_size
        if size <= PIECES * PIECE_BYTES:
            while piece := file.read(PIECE_BYTES):
                checksum.update(piece)
        else:
            for number in range(PIECES):
                file.seek(number * (size - PIECE_BYTES) // (PIECES - 1))
                checksum.update(file.read(PIECE_BYTES))
    return [size, checksum.hexdigest()]
