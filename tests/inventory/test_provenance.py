"""How a file was made is told in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyogrio

import landslide_cli
from tests.conftest import MakeScene, noise
from tests.inventory.conftest import write_dem


def test_a_raster_without_provenance_leaves_the_run_null(tmp_path: Path) -> None:
    values = np.zeros((20, 20), np.float32)
    values[5:9, 5:9] = 0.9
    write_dem(tmp_path / "float.tif", values)
    landslide_cli.polygonize(
        tmp_path / "float.tif", tmp_path / "a.gpkg", rules=landslide_cli.PolygonRules(threshold=0.5)
    )
    row = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="runs").iloc[0]
    assert (row["scene"], row["threshold"], row["version"]) == ("float.tif", 0.5, landslide_cli.__version__)
    assert row[["model", "weights_sha256", "device", "command"]].isna().all()


def test_the_command_line_is_kept(small_model: Path, make_scene: MakeScene, tmp_path: Path) -> None:
    out = tmp_path / "slides.gpkg"
    words = ["detect", str(make_scene(noise(3, 64, 64))), "-o", str(out), "--model", str(small_model), "-q"]
    subprocess.run([sys.executable, "-m", "landslide_cli", *words], check=True)
    (command,) = pyogrio.read_dataframe(out, layer="runs")["command"]
    assert command.split() == ["landslide", *words]
