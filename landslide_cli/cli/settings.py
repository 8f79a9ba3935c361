"""What was given on the command line, as the values that the package's functions take."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from landslide_cli import PolygonRules, Runtime, View

Value = TypeVar("Value")


def taken(kind: type[Value], settings: dict[str, Any]) -> Value:
    """Take the options that are fields of a class out of what was given, and make one of it."""
    return kind(**{field.name: settings.pop(field.name) for field in fields(kind) if field.name in settings})  # type: ignore[arg-type]


def how(settings: dict[str, Any]) -> tuple[View, PolygonRules, Runtime]:
    """What of a scene is seen, what counts as a landslide and what predicts, taken out of what was given."""
    from landslide_cli import PolygonRules, Runtime, View

    return taken(View, settings), taken(PolygonRules, settings), taken(Runtime, settings)
