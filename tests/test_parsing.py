"""Texts that anyone may have edited: right ones are read as they are, and each wrong one is named in a line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.parsing import MOST_BYTES, STRICT, Count, ParseError, Share, parse_json, read_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@dataclass(frozen=True, slots=True)
class Thing:
    __pydantic_config__ = STRICT

    name: str
    span: tuple[float, float]
    share: Share = 0.5
    count: Count = 0
    more: dict[str, Any] | None = None


def test_what_is_right_is_read() -> None:
    told = parse_json(Thing, '{"name": "a", "span": [1, 2.5], "count": 3, "more": {"x": [1]}}')
    assert told == Thing("a", (1.0, 2.5), count=3, more={"x": [1]})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "Invalid JSON"),
        ("[" * 100_000, "recursion limit exceeded"),
        ("[]", "should be an object"),
        ('{"name": "a"}', "span: field required"),
        ('{"name": 1, "span": [1, 2]}', "name: input should be a valid string"),
        ('{"name": "a", "span": [1, NaN]}', "span.1: input should be a finite number"),
        ('{"name": "a", "span": [1, 2, 3]}', "span: tuple should have at most 2 items"),
        ('{"name": "a", "span": [true, 2]}', "span.0: input should be a valid number"),
        ('{"name": "a", "span": [1, 2], "share": 2}', "share: input should be less than or equal to 1"),
        ('{"name": "a", "span": [1, 2], "count": -1}', "count: input should be greater than or equal to 0"),
        ('{"name": "a", "span": [1, 2], "nmae": 1}', "unknown entries nmae"),
    ],
)
def test_what_is_wrong_is_named(text: str, told: str) -> None:
    with pytest.raises(ParseError, match=told.replace(".", r"\.").replace("[", r"\[")):
        parse_json(Thing, text)


@given(st.dictionaries(st.sampled_from(["name", "span", "share", "count", "more", "x"]), VALUES))
def test_whatever_comes_is_read_or_refused_in_one_line(entries: dict[str, Any]) -> None:
    try:
        assert isinstance(parse_json(Thing, json.dumps(entries)), Thing)
    except ParseError as error:
        assert "\n" not in str(error)


def test_files_are_utf_8_and_small(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes("é".encode())
    assert read_text(path) == "é"
    path.write_bytes(b"a\xff")
    with pytest.raises(ParseError, match=r"not UTF-8: .* at byte 1"):
        read_text(path)
    path.write_bytes(bytes(MOST_BYTES + 1))
    with pytest.raises(ParseError, match="more than the 4 MB"):
        read_text(path)
