"""What lets others in (signatures, passwords) reaches no output, and a scene keeps its name behind an address."""

from __future__ import annotations

import base64
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import geopandas
import numpy as np
import pytest
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.cli.talk import command_line
from landslide_cli.errors import LandslideError, LandslideWarning, counted, without_secrets
from tests.conftest import MakeScene, blobs
from tests.servers import serving

TOKEN = "SECRET%2Bab/cd%3D"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (f"https://host/a/s.tif?se=1&sig={TOKEN}", "https://host/a/s.tif"),
        (f"https://me:{TOKEN}@host/s.tif", "https://host/s.tif"),
        (f"/vsicurl/https://host/s.tif?sig={TOKEN}", "/vsicurl/https://host/s.tif"),
        (f"/vsicurl?header.Authorization=Bearer%20{TOKEN}&url=https%3A%2F%2Fhost%2Fs.tif", "https://host/s.tif"),
        (f"/vsis3/bucket/s.tif?sig={TOKEN}", "/vsis3/bucket/s.tif"),
        (f"s3://key:{TOKEN}@bucket/s.tif", "s3://bucket/s.tif"),
        (f"can't read 'https://h/s.tif?sig={TOKEN}': gone", "can't read 'https://h/s.tif': gone"),
        ("a?b.tif is no address, me@host neither", "a?b.tif is no address, me@host neither"),
        ("C:/scenes/s.tif", "C:/scenes/s.tif"),
    ],
)
def test_addresses_lose_signatures_and_passwords(given: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert without_secrets(given) == told
    assert str(LandslideError(given)) == str(LandslideWarning(given)) == told
    monkeypatch.setattr("sys.argv", ["landslide", "detect", given])
    assert TOKEN not in command_line()


@pytest.fixture(params=["query", "password"])
def address(request: pytest.FixtureRequest, make_scene: MakeScene, tmp_path: Path) -> Iterator[str]:
    """The address, with ``{}`` for a name, of files that whoever lacks the secret doesn't get; some requests fail."""
    there = tmp_path / "there"
    there.mkdir()
    make_scene(blobs(96, 96), name="there/s.tif")
    make_scene(np.add.outer(np.arange(96), np.arange(96)).astype(np.float32)[None], name="there/dem.tif")
    if request.param == "query":
        with serving(there, every=7, query=f"se=1&sig={TOKEN}") as server:
            yield f"{server.address}/{{}}?se=1&sig={TOKEN}"
    else:
        with serving(there, every=7, basic=base64.b64encode(b"me:SECRET").decode()) as server:
            yield server.address.replace("//", "//me:SECRET@") + "/{}"


def test_a_secret_reaches_no_output(
    address: str,
    small_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.02")

    def go(*words: str, status: int = 0) -> str:
        """All that a command says, and what libraries write to stderr."""
        monkeypatch.setattr("sys.argv", ["landslide", *words])
        result = CliRunner().invoke(main, words)
        assert result.exit_code == status, result.output
        return result.output + "".join(capfd.readouterr())

    folder, scene, model = tmp_path / "out", address.format("s.tif"), ["--model", str(small_model), "--engine", "torch"]
    folder.mkdir()
    (tmp_path / "list.txt").write_text(f"{scene}\n{address.format('none.tif')}\n")
    one, probability = str(folder / "o.gpkg"), folder / "p.tif"
    dem = f"--dem={address.format('dem.tif')}"
    said = [
        go("info", scene, *model, "--json"),
        go("detect", scene, "-o", one, f"--probability={probability}", "--stac", "--json", dem, *model),
        go("detect", scene, "-o", str(folder / "o.geojson"), "--mask", str(folder / "m.tif"), *model),
        go("detect", address.format("none.tif"), "-o", str(folder / "x.gpkg"), *model, status=1),
        go("report", one, "--scene", scene, "-o", str(folder / "r.html"), "--imagery", "0.1", "--json"),
        go("evaluate", one, "--reference", one, "--scene", scene, "--json"),
        go("batch", "--list", str(tmp_path / "list.txt"), "-o", str(folder / "batch"), "--dry-run", "--json"),
        go("batch", "--list", str(tmp_path / "list.txt"), "-o", str(folder / "batch"), "--stac", *model, status=1),
    ]
    shutil.move(probability, tmp_path / "there" / "p.tif")
    said.append(go("polygonize", address.format("p.tif"), "-o", str(folder / "again.gpkg"), "--json"))
    assert geopandas.read_file(one, layer="runs")["scene"].tolist() == ["s.tif"]
    assert geopandas.read_file(one, layer="runs")["dem"].tolist() == ["dem.tif"]
    assert (folder / "batch" / "s.gpkg").exists()
    for text in said:
        assert "SECRET" not in text
    for file in folder.rglob("*"):
        assert "SECRET" not in file.name
        assert file.is_dir() or b"SECRET" not in file.read_bytes(), file
    assert len(list(folder.rglob("*"))) > 15


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 windows"), (1, "1 window"), (2, "2 windows"), (1200, "1200 windows")]
)
def test_things_are_counted_in_words(count: int, told: str) -> None:
    assert counted(count, "window") == told


def test_an_error_that_nobody_foresaw_is_shown_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    assert CliRunner().invoke(main, ["models"]).exit_code == 0
    error = RuntimeError("https://me:SECRET@h/s.tif?sig=SECRET")
    sys.excepthook(RuntimeError, error, None)
    assert capsys.readouterr().err == "RuntimeError: https://h/s.tif\n"
