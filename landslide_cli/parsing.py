"""Reading texts that anyone may have edited: their size is bounded, types are checked, and nothing in them is unknown.

A dataclass that is read so has `STRICT` as its ``__pydantic_config__``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from annotated_types import Ge, Gt, Interval

if TYPE_CHECKING:
    from pydantic import ConfigDict, TypeAdapter

Kind = TypeVar("Kind")
MOST_BYTES = 4 << 20  # cards, recipes and records have a few kilobytes
STRICT: ConfigDict = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
# For values beside which others may stand.
OPEN: ConfigDict = {"extra": "ignore", "strict": True, "allow_inf_nan": False}

Share = Annotated[float, Interval(ge=0, le=1)]
Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Count = Annotated[int, Ge(0)]


class ParseError(ValueError):
    """A text isn't what it should be; says in one line where and why."""


def read_text(path: Path) -> str:
    """The text of a small file.

    Raises:
        ParseError: it isn't UTF-8, or far too large.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        held = file.read(MOST_BYTES + 1)
    if len(held) > MOST_BYTES:
        raise ParseError(f"it has more than the {MOST_BYTES >> 20} MB that are read")
    try:
        return held.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError(f"it is not UTF-8: {error.reason} at byte {error.start}") from error


def parse_json(kind: type[Kind], text: str | bytes) -> Kind:
    """Make a value of JSON.

    Args:
        kind: A dataclass, or any other type that says all of its parts; ``dict[str, Any]`` for any object.
        text: The JSON.

    Raises:
        ParseError: it isn't JSON, lacks an entry, has an unknown one, or one of another type.
    """
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_json(text)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ParseError(_told(error)) from error


@cache
def _adapter(kind: type[Kind]) -> TypeAdapter[Kind]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _told(error: Any) -> str:
    """The first things that are wrong, in one line."""
    first, *others = error.errors(include_url=False, include_input=False, include_context=False)
    unknown = [
        str(one["loc"][-1])
        for one in (first, *others)
        if one["type"] in ("unexpected_keyword_argument", "extra_forbidden")
    ]
    if unknown:
        return f"unknown entries {', '.join(sorted(unknown))}"
    place = ".".join(map(str, first["loc"]))
    told = " ".join(first["msg"].split()).removeprefix("Value error, ")
    return f"{place}: {told[0].lower()}{told[1:]}" if place else told
