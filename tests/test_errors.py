"""What lets others in (signatures, passwords) reaches no output, and a scene keeps its name behind an address."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import geopandas
import pytest
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.cli.talk import command_line
from landslide_cli.errors import LandslideError, LandslideWarning, counted, without_secrets
from tests.conftest import MakeScene, blobs

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


@pytest.fixture
def address(make_scene: MakeScene) -> Iterator[str]:
    """A scene behind a signed address: whoever lacks the signature gets nothing."""
    content = make_scene(blobs(96, 96), name="s.tif").read_bytes()

    class Signed(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            if self.answer():
                self.wfile.write(content)

        def answer(self) -> bool:
            right = self.path == f"/s.tif?se=1&sig={TOKEN}"
            self.send_response(200 if right else 404)
            self.send_header("Content-Length", str(len(content) if right else 0))
            self.end_headers()
            return right

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Signed)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/s.tif?se=1&sig={TOKEN}"
    server.shutdown()
    server.server_close()


def test_a_signature_reaches_no_output(
    address: str, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
    folder = tmp_path / "out"
    folder.mkdir()
    model = ["--model", str(small_model), "--engine", "torch"]
    words = [
        "detect",
        address,
        "-o",
        str(folder / "o.gpkg"),
        "--probability",
        str(folder / "p.tif"),
        "--stac",
        "--json",
    ]
    monkeypatch.setattr("sys.argv", ["landslide", *words])
    result = CliRunner().invoke(main, [*words, *model])
    assert result.exit_code == 0, result.output
    runs = geopandas.read_file(folder / "o.gpkg", layer="runs")
    assert runs["scene"].tolist() == ["s.tif"]
    batch = CliRunner().invoke(main, ["batch", address, "-o", str(folder / "batch"), *model])
    assert batch.exit_code == 0, batch.output
    assert (folder / "batch" / "s.gpkg").exists()
    assert "SECRET" not in result.output + batch.output
    for file in folder.rglob("*"):
        assert "SECRET" not in file.name
        assert file.is_dir() or b"SECRET" not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 windows"), (1, "1 window"), (2, "2 windows"), (1200, "1200 windows")]
)
def test_things_are_counted_in_words(count: int, told: str) -> None:
    assert counted(count, "window") == told
