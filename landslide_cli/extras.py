"""Packages that only some commands need."""

from __future__ import annotations

from importlib.util import find_spec

from landslide_cli.errors import MissingExtraError


def installed(*packages: str) -> bool:
    """Whether optional packages are there, without importing them."""
    return all(find_spec(package) is not None for package in packages)


def need(*packages: str, extra: str, purpose: str) -> None:
    """Check that optional packages are installed, without importing them.

    Args:
        packages: Names to import.
        extra: The extra of landslide-cli that brings them.
        purpose: What needs them, as the subject of the message.

    Raises:
        MissingExtraError: one isn't.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        kind = f"package{'s' * (len(missing) > 1)} {', '.join(missing)}"
        raise MissingExtraError(f"{purpose} needs the {kind}, not installed: pip install 'landslide-cli[{extra}]'")
