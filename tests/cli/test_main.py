from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

import landslide_cli
from landslide_cli.cli import main


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["detect"],
        ["batch"],
        ["polygonize"],
        ["chips"],
        ["train"],
        ["evaluate"],
        ["compare"],
        ["models"],
        ["models", "show"],
        ["export"],
        ["demo-scene"],
    ],
)
def test_help_imports_neither_torch_nor_geopandas(command: list[str]) -> None:
    code = (
        "import sys; from landslide_cli.cli import main\n"
        f"try: main({[*command, '--help']!r})\n"
        "except SystemExit: print({'torch', 'geopandas', 'rasterio', 'lightning', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_version_is_the_number_alone() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"{landslide_cli.__version__}\n"
