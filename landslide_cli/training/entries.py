"""Tables of a recipe, read strictly: no entry too many, none missing, each of the kind that its field has."""

from __future__ import annotations

import dataclasses
import math
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from landslide_cli.errors import TrainingDataError

Kind = TypeVar("Kind")

LEAST, MANY = 1e-9, math.inf  # bounds of what must be more than 0, and of what may be as large as it likes
WORDS = {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false", dict: "a table"}


def build(kind: type[Kind], table: Any, where: str) -> Kind:
    """Make a dataclass of a table.

    Args:
        kind: The dataclass; fields that are dataclasses themselves are tables in the table.
        table: What TOML holds.
        where: Which table it is, for messages.

    Raises:
        TrainingDataError: it isn't a table, lacks an entry, has one that nobody reads or one of the wrong kind.
    """
    if not isinstance(table, dict):
        raise TrainingDataError(f"{where} is {_shown(table)}; it needs to be a table")
    fields = {entry.name: entry for entry in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := table.keys() - fields.keys():
        raise TrainingDataError(f"{where} has unknown entries {', '.join(sorted(unknown))}")
    missing = [
        name
        for name, entry in fields.items()
        if name not in table and entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise TrainingDataError(f"{where} lacks {', '.join(missing)}")
    hints = get_type_hints(kind)
    values = {name: _value(hints[name], value, where, name) for name, value in table.items()}
    try:
        return kind(**values)
    except TrainingDataError as error:
        raise TrainingDataError(f"{where}: {error}") from error


def within(owner: object, **bounds: tuple[float, float]) -> None:
    """Check numbers of a dataclass, those in tuples too: both ends are allowed.

    Raises:
        TrainingDataError: one lies outside.
    """
    for name, (low, high) in bounds.items():
        held = getattr(owner, name)
        for value in held if isinstance(held, tuple) else () if held is None else (held,):
            if not low <= value <= high:
                least = (
                    "more than 0" if low == LEAST else f"{low:g} or more" if high == MANY else f"{low:g} to {high:g}"
                )
                raise TrainingDataError(f"{name} = {value:g} is out of range; it needs {least}")


def rising(owner: object, *names: str, equal: bool = True) -> None:
    """Check pairs of a dataclass, smallest and largest.

    Raises:
        TrainingDataError: the second is smaller, or ``equal`` is False and they are the same.
    """
    for name in names:
        pair = getattr(owner, name)
        if pair is not None and (pair[0] > pair[1] or (pair[0] == pair[1] and not equal)):
            raise TrainingDataError(
                f"{name} = [{pair[0]:g}, {pair[1]:g}] is the wrong way round; the smaller comes first"
            )


def _value(kind: Any, value: Any, where: str, name: str) -> Any:
    """A value of TOML as its field has it."""
    needed = _needed(kind)
    misfit = TrainingDataError(f"{where}: {name} = {_shown(value)}; it needs {needed}")
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _value(arguments[0], value, where, name)
    if dataclasses.is_dataclass(kind):
        return build(kind, value, f"{where}, table {name}")  # type: ignore[arg-type]
    if origin is tuple:
        if not isinstance(value, list) or (arguments[-1] is not Ellipsis and len(value) != len(arguments)):
            raise misfit
        inner = arguments[0]
        if dataclasses.is_dataclass(inner):
            return tuple(build(inner, each, f"[[{name}]] {n}{_named(each)}") for n, each in enumerate(value, 1))  # type: ignore[arg-type]
        try:
            return tuple(_value(inner, each, where, name) for each in value)
        except TrainingDataError:
            raise misfit from None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    plain = origin or kind
    if not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool):
        raise misfit
    if isinstance(value, float) and not math.isfinite(value):
        raise misfit
    return value


def _needed(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _needed(arguments[0])
    if origin is tuple:
        inner = WORDS.get(arguments[0], "a table")
        if arguments[-1] is Ellipsis:
            return f"a list, each of it {inner}"
        return f"a list of {len(arguments)}, each of it {inner}"
    return WORDS.get(origin or kind, "a table")


def _named(table: Any) -> str:
    name = table.get("name") if isinstance(table, dict) else None
    return f" ({name})" if isinstance(name, str) else ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
