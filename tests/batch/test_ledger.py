"""Records and stamps: what is known of a scene, and whether its outputs are what was written."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.batch import ledger as ledgers
from landslide_cli.batch.ledger import Ledger, Record, stamp_of

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


def test_half_a_record_is_none(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.write("a", Record("done", {"threshold": 0.5}))
    assert ledger.read("a") == Record("done", {"threshold": 0.5})
    (tmp_path / "a.json").write_text('{"state": "done"')
    (tmp_path / "b.json").write_text('{"state": "done", "of": "another version"}')
    assert ledger.read("a") is ledger.read("b") is ledger.read("c") is None
    assert ledger.names() == {"a", "b"}


@given(st.sampled_from(["state", "asked", "scene", "outputs", "naming", "found", "reason", "trace"]), ANYTHING)
def test_a_record_of_other_types_is_none(tmp_path_factory: pytest.TempPathFactory, name: str, value: Any) -> None:
    ledger, whole = Ledger(tmp_path_factory.getbasetemp()), asdict(Record("done", {}))
    (ledger.folder / "r.json").write_text(json.dumps(whole | {name: value}))
    record = ledger.read("r")
    assert record is None or all(type(now) is type(whole[key]) or key == "found" for key, now in asdict(record).items())


@pytest.mark.parametrize("text", ["[" * 100_000, '{"asked":' * 100_000, "\udcff", '{"state": "done", "asked": NaN}'])
def test_a_record_that_is_no_sane_json_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert Ledger(tmp_path).read("a") is None


def test_a_name_that_is_not_utf8_is_recorded_as_it_can_be(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.write("a", Record("failed", {"size": 1.5}, scene="G\udcfcnter.tif"))
    assert ledger.read("a") == Record("failed", {"size": 1.5}, scene="G?nter.tif")


@given(st.binary(min_size=1, max_size=64), st.integers(0), st.integers(1, 255))
def test_a_stamp_tells_every_change_of_a_byte(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, place: int, change: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "stamped"
    path.write_bytes(content)
    stamp = stamp_of(path)
    changed = bytearray(content)
    changed[place % len(content)] ^= change
    path.write_bytes(changed)
    assert stamp_of(path) != stamp
    path.write_bytes(content)
    assert stamp_of(path) == stamp


def test_of_a_large_file_pieces_from_its_first_byte_to_its_last_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "PIECES", 4)
    monkeypatch.setattr(ledgers, "PIECE_BYTES", 8)
    path = tmp_path / "large"
    path.write_bytes(bytes(100))
    stamp = stamp_of(path)
    seen = []
    for place in range(100):
        path.write_bytes(bytes(place) + b"x" + bytes(99 - place))
        seen += [place] * (stamp_of(path) != stamp)
    assert (seen[0], seen[-1], len(seen)) == (0, 99, 32)
    path.write_bytes(bytes(101))
    assert stamp_of(path) != stamp


def test_edits_in_a_log_beside_a_file_count(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    path.write_bytes(b"content")
    stamp = stamp_of(path)
    (tmp_path / "a.gpkg-wal").touch()
    assert stamp_of(path) == stamp
    (tmp_path / "a.gpkg-wal").write_bytes(b"edits")
    assert stamp_of(path) != stamp
