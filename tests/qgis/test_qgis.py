"""Outputs and plugin in a real QGIS, where there is one: its own Python runs the scripts in tests/qgis."""

from __future__ import annotations

import ast
import configparser
import json
import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

import landslide_cli
from landslide_cli.cli import main

ROOT = Path(__file__).parents[2]


SCRIPTS = ROOT / "tests" / "qgis"


PLUGIN = ROOT / "qgis_plugin" / "landslide_processing"


PYTHON = os.environ.get("QGIS_PYTHON", "/usr/bin/python3")


def checks(script: str) -> list[str]:
    body = ast.parse((SCRIPTS / script).read_text(encoding="utf-8")).body
    return [node.name for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("check_")]


@pytest.fixture(scope="session")
def qgis() -> str:
    """The Python that has QGIS."""
    try:
        found = subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True).returncode == 0
    except OSError:
        found = False
    if not found:
        pytest.skip(
            f"QGIS isn't here: {PYTHON} has no qgis.core (Debian: apt-get install --no-install-recommends "
            "python3-qgis qgis-providers; elsewhere set QGIS_PYTHON)"
        )
    return PYTHON


def results(*words: object) -> dict[str, str]:
    """What a script has printed for each of its checks."""
    ran = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=900)
    found = dict(json.loads(line) for line in ran.stdout.splitlines() if line.startswith('["check_'))
    return found | {"": ran.stderr}


def landslide(*words: object) -> None:
    result = CliRunner().invoke(main, [*map(str, words)])
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="session")
def folder(qgis: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo scene, cut small, and everything that can be written of it."""
    folder = tmp_path_factory.mktemp("qgis")
    scene, probability = folder / "scene.tif", folder / "probability.tif"
    landslide("demo-scene", scene, "--size", 600)
    rasters = ("--probability", probability, "--mask", folder / "mask.tif", "--spread", folder / "spread.tif")
    landslide("detect", scene, "-o", folder / "slides.gpkg", "--min-area", 50, "--tta", "flips", *rasters)
    for ending in ("shp", "fgb", "geojson"):
        landslide("polygonize", probability, "-o", folder / f"slides.{ending}", "--min-area", 50, "--overwrite")
    return folder


@pytest.fixture(scope="session")
def outputs_in_qgis(qgis: str, folder: Path) -> dict[str, str]:
    return results(qgis, SCRIPTS / "check_outputs.py", folder)


@pytest.fixture(scope="session")
def plugin_in_qgis(qgis: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("plugin")
    with zipfile.ZipFile(made_zip(place)) as file:
        file.extractall(place / "plugins")
    command = place / "landslide"
    # The package under test, whichever one the environment has installed.
    command.write_text(
        f'#!/bin/sh\nexec env PYTHONPATH={shlex.quote(str(ROOT))} {shlex.quote(sys.executable)} -m landslide_cli "$@"\n'
    )
    command.chmod(0o755)
    return results(qgis, SCRIPTS / "check_plugin.py", folder, place / "plugins", command)


@pytest.mark.slow
@pytest.mark.parametrize("name", checks("check_outputs.py"))
def test_outputs_in_qgis(name: str, outputs_in_qgis: dict[str, str]) -> None:
    assert outputs_in_qgis.get(name, outputs_in_qgis[""]) == "passed"


@pytest.mark.slow
@pytest.mark.parametrize("name", checks("check_plugin.py"))
def test_plugin_in_qgis(name: str, plugin_in_qgis: dict[str, str]) -> None:
    assert plugin_in_qgis.get(name, plugin_in_qgis[""]) == "passed"


def made_zip(folder: Path, *words: str) -> Path:
    out = folder / "plugin.zip"
    subprocess.run([sys.executable, ROOT / "qgis_plugin" / "make_zip.py", out, *words], check=True)
    return out


def read_metadata(zipped: Path) -> dict[str, str]:
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read_string(zipfile.ZipFile(zipped).read(f"{PLUGIN.name}/metadata.txt").decode())
    return dict(metadata["general"])


def test_the_plugin_repository_gets_all_that_it_asks_for(tmp_path: Path) -> None:
    asked = {
        "name", "qgisminimumversion", "description", "about", "version", "author", "email", "homepage", "tracker",
        "repository", "tags", "icon", "experimental", "hasprocessingprovider",
    }  # fmt: skip
    words = ("--email", "me@example.org", "--repository", "https://example.org/landslide/")
    metadata = read_metadata(made_zip(tmp_path, *words))
    assert asked <= metadata.keys()
    assert all(metadata[name] for name in asked)
    assert metadata["tracker"] == "https://example.org/landslide/issues"
    assert (PLUGIN / metadata["icon"]).is_file()
    assert "email" not in read_metadata(made_zip(tmp_path))


def test_every_option_that_the_plugin_uses_is_one_of_the_command() -> None:
    known = {option for command in main.commands.values() for param in command.params for option in param.opts}
    used = {
        node.value
        for path in PLUGIN.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("--")
    }
    assert "--threshold" in used
    assert used - known == set()


def test_the_zip_is_one_folder_with_all_that_qgis_asks(tmp_path: Path) -> None:
    names = zipfile.ZipFile(made_zip(tmp_path)).namelist()
    assert {name.split("/")[0] for name in names} == {PLUGIN.name}
    files = {name.split("/", 1)[1] for name in names}
    assert {"__init__.py", "metadata.txt", "icon.svg", "LICENSE"} <= files
    assert {path.name for path in PLUGIN.glob("*.py")} <= files
    assert not [name for name in files if "__pycache__" in name]


def test_the_plugin_has_the_version_of_the_command() -> None:
    metadata = configparser.ConfigParser()
    metadata.read(PLUGIN / "metadata.txt", encoding="utf-8")
    assert metadata["general"]["version"] == landslide_cli.__version__


def test_the_plugin_needs_nothing_but_qgis_and_the_standard_library_of_python_3_9() -> None:
    for path in PLUGIN.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            tops = {name.split(".")[0] for name in names}
            assert tops <= sys.stdlib_module_names | {"qgis", "processing"}, path
