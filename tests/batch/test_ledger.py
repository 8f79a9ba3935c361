"""Claims: no scene is done twice, and none is lost with the process that did it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from landslide_cli.batch import ledger as ledgers
from landslide_cli.batch.ledger import Ledger, Record


def test_a_claim_is_taken_over_when_its_process_is_gone_and_by_one_alone(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.claim("a") as mine, ledger.claim("a") as again, ledger.claim("a*") as other:
        assert (mine, again, other) == (True, False, True)
        assert ledger.owner("a").startswith(f"process {os.getpid()} on ")
    assert list(tmp_path.iterdir()) == []

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here, start = ledgers._host(), ledgers._start_of(os.getpid())
    for owner, silent, taken in (
        ({"host": here, "pid": gone.pid, "start": start}, 0, True),
        ({"host": here, "pid": os.getpid(), "start": start}, 0, False),
        ({"host": here, "pid": os.getpid(), "start": "1"}, 0, sys.platform == "linux"),  # the number was given anew
        ({"host": "elsewhere", "pid": gone.pid, "start": start}, 0, False),
        ({"host": "elsewhere", "pid": gone.pid, "start": start}, ledgers.STALE_S - 60, False),
        ({"host": "elsewhere", "pid": os.getpid(), "start": start}, ledgers.STALE_S + 60, True),
        (None, 0, False),  # being written
        (None, ledgers.STALE_S + 60, True),
    ):
        claim = tmp_path / "b.claim.1"
        claim.write_text(json.dumps(owner) if owner else "")
        then = claim.stat().st_mtime - silent
        os.utime(claim, (then, then))
        won: list[bool] = []
        ready = threading.Barrier(6)

        def race(won: list[bool] = won, ready: threading.Barrier = ready) -> None:
            with ExitStack() as stack:
                ready.wait()
                won.append(stack.enter_context(ledger.claim("b")))
                ready.wait()

        threads = [threading.Thread(target=race) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(won) == taken, (owner, silent)
        for path in tmp_path.iterdir():
            path.unlink()


def test_a_claim_is_renewed_while_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "HEARTBEAT_S", 0.01)
    ledger = Ledger(tmp_path)
    with ledger.claim("a"):
        claim = tmp_path / "a.claim.1"
        os.utime(claim, (0, 0))
        for _ in range(500):
            if claim.stat().st_mtime > 0:
                break
            threading.Event().wait(0.01)
        assert claim.stat().st_mtime > 0


def test_half_a_record_is_none(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.write("a", Record("done", {"threshold": 0.5}))
    assert ledger.read("a") == Record("done", {"threshold": 0.5})
    (tmp_path / "a.json").write_text('{"state": "done"')
    (tmp_path / "b.json").write_text('{"state": "done", "of": "another version"}')
    assert ledger.read("a") is ledger.read("b") is ledger.read("c") is None
