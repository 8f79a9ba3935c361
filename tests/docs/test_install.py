"""The ways to install that are shown lead to one and the same engine, and to no file too many."""

from __future__ import annotations

import re
import tomllib

from tests.docs.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# What is installed of this project, with its extras: ".[openvino,plot]", - .[openvino,plot].
INSTALLED = re.compile(r"""(?:^|[\s"'])\.\[([\w,]+)\]""")


def test_every_way_to_install_takes_the_same_engine_and_torch() -> None:
    readme, environment = (ROOT / "README.md").read_text(), (ROOT / "environment.yml").read_text()
    ways = INSTALLED.findall(readme) + INSTALLED.findall(environment)
    assert len(ways) == 3
    assert set(ways) == {"openvino,plot"}
    assert set(ways[0].split(",")) <= PROJECT["optional-dependencies"].keys()
    torch = set(re.findall(r"torch==[\d.]+", readme + environment + (ROOT / "Makefile").read_text()))
    assert torch == set(re.findall(r"^torch==[\d.]+", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert "openvino" in PROJECT["optional-dependencies"]["dev"][0]  # what make installs


def test_the_python_of_conda_is_one_that_the_project_takes() -> None:
    (version,) = re.findall(r"- python=3\.(\d+)", (ROOT / "environment.yml").read_text())
    assert int(version) >= int(PROJECT["requires-python"].removeprefix(">=3."))


def test_the_wheel_holds_no_weights_that_nobody_asks_for() -> None:
    files = {path.name for path in (ROOT / "weights").iterdir()}
    models = {name.removesuffix(".safetensors") for name in files if name.endswith(".safetensors")}
    endings = ("safetensors", "json", "toml", "int8.xml", "int8.bin")
    assert files <= {f"{model}.{ending}" for model in models for ending in endings}
    assert {f"{model}.{ending}" for model in models for ending in ("json", "int8.xml", "int8.bin")} <= files
