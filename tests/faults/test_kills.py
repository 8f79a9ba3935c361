"""Runs that are killed at any moment: all outputs get their names or none, and the next run does its work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.kills import ENDINGS
from tests.faults.seeds import Seeds


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="processes can't be forked")
def test_a_killed_run_loses_nothing(seeds: Seeds) -> None:
    command = [sys.executable, "-m", "tests.faults.kills", "detect", "3", "--sound", str(seeds.folder)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.endswith(" 3 | 0 |")] == [
        f"| `detect`, {kind} | 3 | 0 |" for kind in ENDINGS
    ], done.stderr
