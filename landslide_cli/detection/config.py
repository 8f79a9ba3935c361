"""The settings of a run as TOML: written by every run, and read again to repeat it."""

from __future__ import annotations

import json
import sqlite3
import tomllib
from contextlib import closing
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from landslide_cli.errors import OptionError, without_secrets
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.scene.view import View

SQLITE = b"SQLite format 3\0"


def config_text(*values: View | PolygonRules | Runtime) -> str:
    """The fields of settings as lines of TOML, by their names in Python; what is None is left out."""
    lines = []
    for value in values:
        for name, given in asdict(value).items():
            if given is not None:
                lines.append(f"{name} = {_as_toml(given)}\n")
    return "".join(lines)


def _as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_as_toml, value))}]"
    # Its escapes are those of TOML, but for one character that TOML wants escaped.
    return json.dumps(without_secrets(str(value)), ensure_ascii=False).replace("\x7f", "\\u007f")


def known_settings() -> set[str]:
    """The names of all settings."""
    return {field.name for kind in (View, PolygonRules, Runtime) for field in fields(kind)}


def read_config(path: str | Path) -> dict[str, Any]:
    """Read settings from a TOML file, or those of the run that wrote a GeoPackage.

    Raises:
        OptionError: it can't be read, or tells of no run, or of several with different settings.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            inside = file.read(len(SQLITE)) == SQLITE
        text = _of_run(path) if inside else path.read_text(encoding="utf-8")
        return tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(
            f"--config {path} can't be read: {error}; give a TOML file with lines such as min_area_m2 = 100, or a "
            "GeoPackage that landslide has written"
        ) from error


def _of_run(path: Path) -> str:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
        try:
            told = [text for (text,) in file.execute("SELECT DISTINCT config FROM runs WHERE config IS NOT NULL")]
        except sqlite3.DatabaseError:
            told = []
    if len(told) == 1:
        return str(told[0])
    several = f"{len(told)} runs with different settings; give the inventory of one scene"
    raise OptionError(f"--config {path} tells of {several if told else 'no settings; give a TOML file'}")
