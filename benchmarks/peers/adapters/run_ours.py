"""`landslide detect`, the command itself; at equal work with ``--engine torch --precision float32``.

Further options go to the command, such as another ``--engine`` or ``--precision``.
"""

from __future__ import annotations

import contextlib
import io
import json

from asked import Request, request

from landslide_cli import __version__
from landslide_cli.cli import main

WINDOW = 512


def command(given: Request) -> list[str]:
    """What a user would type after ``landslide``."""
    words = ["detect", str(given.scene), "-o", str(given.out / "slides.gpkg"), "--model", str(given.weights), "--json"]
    if given.probability:
        words += ["--probability", str(given.out / "probability.tif")]
    if given.equal:
        words += ["--engine", "torch", "--precision", "float32"]
    # Of an option that is given twice the last counts.
    return [*words, "--threshold", str(given.threshold), *given.options]


def run() -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        main(command(request()), standalone_mode=False)
    summary = json.loads(said.getvalue())
    row = {"polygons": summary["out"], "version": __version__, "passes": summary["windows"]}
    row["pixels"] = summary["windows"] * WINDOW**2
    print(json.dumps(row | {"ran_on": f"{summary['engine']}, {summary['precision']}"}))


if __name__ == "__main__":
    run()
