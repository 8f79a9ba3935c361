"""Which models are installed: asked of the command, since they lie in its environment. Knows nothing of QGIS."""

from __future__ import annotations

import json
import subprocess
import time

from .command import environment, window

# A dialog makes several copies of an algorithm; a model that was just installed should be in the next one.
LASTS_S = 60.0
WAIT_S = 15.0

_models: list[tuple[str, float, float]] = []
_asked: tuple[str, float] = ("", float("-inf"))


def ask(command: str) -> None:
    """Ask a command for its models, unless it was asked a moment ago; one that can't tell has none."""
    global _asked
    if _asked[0] == command and time.monotonic() - _asked[1] < LASTS_S:
        return
    _models[:] = _installed(command)
    _asked = (command, time.monotonic())


def names() -> list[str]:
    return [name for name, *_ in _models]


def told() -> str:
    """A line for each: for which images it was made."""
    return "\n".join(f"{name}: images of {low:g} to {high:g} m per pixel" for name, low, high in _models)


def _installed(command: str) -> list[tuple[str, float, float]]:
    try:
        printed = subprocess.run(
            [command, "models", "--json"], stdin=subprocess.DEVNULL, capture_output=True, timeout=WAIT_S, check=True,
            encoding="utf-8", env=environment(), **window(),
        ).stdout  # fmt: skip
        return [(card["model_id"], *card["resolution_m"]) for card in json.loads(printed)]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return []
