"""Bad inputs of every kind, a few of each with fixed seeds: none of them gets more than the docs promise."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.kinds import KINDS
from tests.faults.seeds import Seeds
from tests.faults.sweep import PAGE, SLOW, small

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="processes can't be forked")
def test_no_input_falls_short(seeds: Seeds, tmp_path: Path) -> None:
    # In a process of its own: one that forks must have no threads.
    log = tmp_path / "short.csv"
    command = [sys.executable, "-m", "tests.faults.sweep", "--small", "--sound", str(seeds.folder), "--log", str(log)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with log.open(newline="") as file:
        assert list(csv.reader(file)) == []
    assert f"| **all** | **{len(list(small(list(KINDS))))}** | **0** |" in done.stdout


def test_every_kind_stands_in_the_table() -> None:
    told = re.findall(r"^\| ([a-z ]+) \| [\d,]+ \| \d+ \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert told == list(KINDS)
    assert set(KINDS) >= SLOW


def test_the_verdict_sees_what_it_looks_for(tmp_path: Path) -> None:
    """Else the sweep would show nothing: each shortcoming is made once."""
    from tests.faults.trial import Outcome, Trial
    from tests.faults.verdict import shortcomings

    (tmp_path / "out.geojson").write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": '
        '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}}]}'
    )
    trial = Trial("", ["detect", "--json"])

    def short(status: int, said: str, after: dict[str, str], peak: int = 0) -> str:
        return " ".join(shortcomings(trial, tmp_path, Outcome(status, "", said, 1, peak), {"scene.tif": "a"}, after, 9))

    same = {"scene.tif": "a"}
    assert short(1, "Error: told in one line\n", same) == ""
    assert "traceback" in short(70, "Traceback (most recent call last):\nValueError: x", same)
    assert "died of signal 11" in short(-11, "", same)
    assert "more than one line" in short(1, "Error: one\ntwo\n", same)
    assert "no line tells" in short(1, "", same)
    assert "took" in short(1, "Error: x", same, 10)
    assert "changed the input scene.tif" in short(1, "Error: x", {"scene.tif": "b"})
    assert "beside the input" in short(1, "Error: x", same | {"scene.tif.aux.xml": "c"})
    assert "though it failed" in short(1, "Error: x", same | {"out.gpkg": "c"})
    told = short(0, "", same | {"out.geojson": "c"})
    assert "1 invalid polygons" in told
    assert "stdout is no JSON" in told
