"""The command line as it was given."""

from __future__ import annotations

import shlex
import sys


def command_line() -> str:
    """What a user would paste to run it again."""
    return shlex.join(["landslide", *sys.argv[1:]])
