"""Optional packages: told about by name where they are missing, before any work."""

from __future__ import annotations

from importlib.util import find_spec

from landslide_cli.errors import MissingPackageError


def need(extra: str, *packages: str) -> None:
    """Check that the packages of an extra are installed, without importing them.

    Raises:
        MissingPackageError: one isn't.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise MissingPackageError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed, but needed for this; "
            f"install with: pip install 'landslide-cli[{extra}]'"
        )
