from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from importlib import metadata

import click
import pytest
import rasterio
from click.testing import CliRunner

import landslide_cli
from landslide_cli.cli import COMMANDS, main
from landslide_cli.model.card import read_card
from landslide_cli.model.weights import installed_weights


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


def test_version_names_program_torch_gdal_and_weights_without_importing_torch() -> None:
    code = (
        "import sys; from landslide_cli.cli import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: print({'torch', 'geopandas', 'lightning'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *lines, imported = done.stdout.splitlines()
    assert imported == "set()"
    told = dict(line.split(" ", 1) for line in lines)
    assert told["landslide"] == landslide_cli.__version__
    assert (told["torch"], told["GDAL"]) == (metadata.version("torch"), rasterio.__gdal_version__)
    shipped = {path.stem: read_card(path.with_suffix(".json")).sha256 for path in installed_weights()}
    assert {name: told[name] for name in shipped} == {name: checksum[:12] for name, checksum in shipped.items()}


def test_every_command_is_in_one_group_and_its_summary_is_whole() -> None:
    for command, below in (([], main), (["models"], main.commands["models"])):  # type: ignore[attr-defined]
        words = " ".join(CliRunner().invoke(main, [*command, "--help"]).output.split())
        for name, one in below.commands.items():
            first = " ".join(one.help.split()).partition(". ")[0].removesuffix(".")
            assert words.count(f" {name} {first.partition('  ')[0]}") == 1, name


def test_the_groups_hold_every_command() -> None:
    listed = [command.name for commands in COMMANDS.values() for command in commands]
    assert sorted(map(str, listed)) == sorted(main.commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("where", ["parse_args", "resolve_command", "invoke"])
def test_an_interrupt_is_told_from_an_error_whenever_it_comes(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before a command has begun, while click still reads its words."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(click.Group, where, interrupted)
    result = CliRunner().invoke(main, ["models"])
    assert (result.exit_code, result.stdout) == (130, "")


def test_an_interrupt_that_a_library_loses_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that comes while torch is imported comes out of it as an error of torch's."""

    def importing(*_: object, **__: object) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        raise AttributeError("module 'torch' has no attribute 'UntypedStorage'")

    monkeypatch.setattr("landslide_cli.model.weights.installed_weights", importing)
    result = CliRunner().invoke(main, ["models"])
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "Interrupted; nothing was written.\n"
    monkeypatch.undo()
    assert CliRunner().invoke(main, ["models"]).exit_code == 0
