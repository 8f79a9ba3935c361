"""Packages that only some commands need."""

from __future__ import annotations

from importlib.util import find_spec

from landslide_cli.errors import MissingExtraError


def need(module: str, *, extra: str, purpose: str) -> None:
    """Check that an optional package is installed.

    Args:
        module: Name to import.
        extra: The extra of landslide-cli that brings it.
        purpose: What it is needed for, as the subject of the message.

    Raises:
        MissingExtraError: it isn't.
    """
    if find_spec(module) is None:
        raise MissingExtraError(
            f"{purpose} needs the package {module}, which isn't installed: pip install 'landslide-cli[{extra}]'"
        )
