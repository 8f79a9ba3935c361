"""Nothing is connected to but what the user names: with sockets forbidden, every command does its work."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import sockets
from tests.faults.seeds import Seeds

pytestmark = pytest.mark.skipif(not sockets.can_forbid(), reason="system calls can be filtered on Linux alone")
# rasterio imports boto3 where that is installed, as moto does here, and urllib3 below it binds an address of this
# machine as it is imported, to see whether there is IPv6. It connects to nothing; from then on, nothing else may.
CALLED = (
    "import urllib3; from tests.faults import sockets; sockets.forbid(); from landslide_cli.cli import main; main()"
)


def commands(seeds: Seeds) -> list[list[str]]:
    """Each command, and each of what others made and have a habit of reporting."""
    folder, torch = seeds.folder, seeds.model
    scene, model = str(folder / "scene.tif"), str(folder / "models" / "small.safetensors")
    return [
        ["detect", scene, "-o", "out.parquet", "--probability", "p.tif", "--stac", *torch],
        ["detect", scene, "-o", "openvino.gpkg", "--model", model, "--engine", "openvino"],
        ["batch", str(folder / "in"), "-o", "batch", *torch],
        ["info", scene, *torch],
        ["polygonize", str(folder / "prob.tif"), "-o", "again.gpkg"],
        ["report", str(folder / "gpkg" / "slides.gpkg"), "--scene", scene, "-o", "out.html"],
        ["measure", str(folder / "gpkg" / "slides.gpkg"), "-o", "measured.gpkg"],
        ["merge", str(folder / "gpkg" / "slides.gpkg"), "-o", "all.gpkg"],
        ["changes", str(folder / "gpkg" / "slides.gpkg"), "all.gpkg", "-o", "changes.gpkg"],
        ["chips", scene, "--labels", str(folder / "area.geojson"), "-o", "chips", "--size", "32"],
        ["evaluate", str(folder / "data" / "slides"), "--pixel-size", "0.8", *torch],
        ["models"],
        ["export", model, "--format", "onnx", "-o", "m.onnx"],
        ["export", model, "--format", "openvino", "-o", "m.xml"],
        [
            "train",
            str(folder / "recipe.toml"),
            "--data",
            str(folder / "data"),
            "-o",
            "t.safetensors",
            "--run-dir",
            "run",
        ],
        ["demo-scene", "demo.tif", "--size", "256"],
        ["doctor", "--model", model],
    ]


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root, "TMPDIR": str(folder / "tmp"), "OMP_NUM_THREADS": "1"}
    (folder / "tmp").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", CALLED, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )


@pytest.mark.slow
def test_no_command_opens_a_socket(seeds: Seeds, tmp_path: Path) -> None:
    for words in commands(seeds):
        done = run(words, tmp_path)
        assert done.returncode == 0, (words, done.returncode, done.stderr[-500:])
    # Nothing is left where telemetry keeps its identity.
    left = {path.name for path in (tmp_path / "tmp").iterdir()} - {f"torchinductor_{getpass.getuser()}"}
    assert left == set()


def test_a_vrt_that_names_another_machine_is_not_followed(seeds: Seeds, tmp_path: Path) -> None:
    source = "<SimpleSource><SourceFilename>/vsicurl/http://127.0.0.1:9/s.tif</SourceFilename></SimpleSource>"
    bands = "".join(f'<VRTRasterBand dataType="Byte" band="{n}">{source}</VRTRasterBand>' for n in (1, 2, 3))
    place = "<GeoTransform>500000, 2, 0, 2950000, 0, -2</GeoTransform>"
    text = f'<VRTDataset rasterXSize="96" rasterYSize="96"><SRS>EPSG:32648</SRS>{place}{bands}</VRTDataset>'
    (tmp_path / "scene.vrt").write_text(text)
    done = run(["detect", "scene.vrt", "-o", "out.gpkg", *seeds.model], tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "127.0.0.1:9/s.tif, which is on another machine; allow it with --allow-remote" in done.stderr
    assert (
        run(["detect", "scene.vrt", "-o", "out.gpkg", "--allow-remote", *seeds.model], tmp_path).returncode
        == -sockets.SIGSYS
    )


def test_the_filter_sees_sockets() -> None:
    """Else the tests above would show nothing."""
    code = "from tests.faults import sockets; sockets.forbid(); import socket; socket.socket(socket.AF_INET)"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True)
    assert done.returncode == -sockets.SIGSYS
