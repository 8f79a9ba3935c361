"""One run at a time in a folder, but for shares that have nothing in common."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.batch import ownership
from landslide_cli.batch.ownership import Shard, is_owned, owning
from landslide_cli.errors import OptionError, OutputError

HOLDER = """
import sys, time
from pathlib import Path
from landslide_cli.batch.ownership import Shard, owning
with owning(Path(sys.argv[1]), Shard()):
    print("ours", flush=True)
    time.sleep(60)
"""


@given(st.integers(1, 30), st.lists(st.integers(), max_size=50))
def test_shares_are_everything_once_and_alike_in_size(of: int, items: list[int]) -> None:
    shares = [Shard(number, of).take(items) for number in range(1, of + 1)]
    assert sorted(item for share in shares for item in share) == sorted(items)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/3/5", ""])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"give K/N with K from 1 to N, such as 3/20"):
        Shard.parse(text)


@pytest.mark.parametrize(
    ("here", "there", "free"),
    [("1/1", "1/1", False), ("1/1", "2/3", False), ("2/3", "1/1", False), ("2/3", "2/3", False),
     ("2/3", "3/4", False), ("2/3", "2/13", False), ("1/3", "3/3", True)],
)  # fmt: skip
def test_another_run_is_kept_out_unless_it_does_another_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str, there: str, free: bool
) -> None:
    monkeypatch.setattr(ownership, "PATIENCE_S", 0.01)
    expected: AbstractContextManager[object] = (
        nullcontext() if free else pytest.raises(OutputError, match=f"{tmp_path} is in use by another run")
    )
    ledger = tmp_path / "ledger"
    with owning(ledger, Shard.parse(here)):
        assert is_owned(ledger)
        with expected, owning(ledger, Shard.parse(there)):
            pass
    assert not is_owned(ledger)
    with owning(ledger, Shard.parse(there)):
        pass


def test_the_lock_of_a_process_that_was_killed_is_none(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ours\n"
    assert is_owned(tmp_path)
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate(timeout=60)
    assert not is_owned(tmp_path)
    with owning(tmp_path, Shard()):
        pass
