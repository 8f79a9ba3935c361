"""Scenes on servers as the internet has them, each of which runs on this machine."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from geopandas.testing import assert_geodataframe_equal
from numpy.typing import NDArray
from rasterio.env import get_gdal_config
from rasterio.shutil import copy

from landslide_cli import Outputs, PolygonRules, Runtime, View, detect, polygonize, preview
from landslide_cli.batch.finding import find_scenes
from landslide_cli.batch.running import run_batch
from landslide_cli.errors import LandslideError, ProbabilityError, SceneError, TerrainError
from landslide_cli.evaluation.inventories import evaluate_inventory
from landslide_cli.report.writing import write_report
from landslide_cli.scene.remote import SETTINGS, fingerprint, is_remote, reaching
from tests.conftest import TRANSFORM, MakeScene, blobs, first_band, noise, stand_in_card
from tests.servers import serving

SIZE = 700
DEAD = "http://127.0.0.1:9"  # nobody listens there


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.02")


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    """A model whose weights nobody reads."""
    weights = tmp_path / "models" / "stand-in.safetensors"
    weights.parent.mkdir()
    weights.touch()
    stand_in_card().write(weights.with_suffix(".json"))
    return Runtime(model=str(weights))


@pytest.fixture
def folder(tmp_path: Path, make_scene: MakeScene) -> Path:
    """A scene with a mask beside it, a COG of it, a mosaic of two halves, and an elevation model."""
    there = tmp_path / "there"
    there.mkdir()
    valid = np.ones((SIZE, SIZE), dtype=bool)
    valid[:50] = False
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        scene = make_scene(blobs(SIZE, SIZE), name="there/s.tif", valid=valid, tiled=True, compress="deflate")
    assert (there / "s.tif.msk").exists()
    copy(str(scene), str(there / "cog.tif"), driver="COG", compress="deflate", blocksize=128)
    heights = np.add.outer(np.arange(SIZE), np.arange(SIZE)).astype(np.float32)[None]
    make_scene(heights, name="there/dem.tif", tiled=True)
    return there


def same(one: Path, other: Path) -> None:
    left, right = (geopandas.read_file(path, layer="landslides") for path in (one, other))
    assert len(left) > 0
    assert_geodataframe_equal(left.drop(columns="scene"), right.drop(columns="scene"))


@pytest.mark.parametrize(
    ("name", "remote"),
    [
        ("https://h/s.tif", True), ("s3://b/s.tif", True), ("gs://b/s.tif", True), ("az://b/s.tif", True),
        ("/vsicurl/https://h/s.tif", True), ("/vsis3/b/s.tif", True), ("/vsizip//vsicurl/https://h/a.zip/s.tif", True),
        ("zip+https://h/a.zip!s.tif", True), ("/vsicurl?max_retry=2&url=https%3A%2F%2Fh%2Fs.tif", True),
        ("s.tif", False), ("/data/s.tif", False), ("file:///data/s.tif", False), ("/vsizip/a.zip/s.tif", False),
        ("C:/s3/s.tif", False),
    ],
)  # fmt: skip
def test_names_of_other_machines(name: str, remote: bool) -> None:
    assert is_remote(name) == remote


def test_the_environment_wins_and_scenes_here_need_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "7")
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        with reaching("https://h/s.tif"):
            assert get_gdal_config("GDAL_HTTP_MAX_RETRY") == 7
            assert get_gdal_config("GDAL_DISABLE_READDIR_ON_OPEN") == "EMPTY_DIR"
            assert get_gdal_config("GDAL_HTTP_CONNECTTIMEOUT") == int(SETTINGS["GDAL_HTTP_CONNECTTIMEOUT"])
        with reaching("s.tif", None):
            assert get_gdal_config("GDAL_HTTP_CONNECTTIMEOUT") is None


@pytest.mark.parametrize("name", ["s.tif", "cog.tif"])
def test_every_tenth_request_fails_and_nothing_is_different(
    name: str, folder: Path, tmp_path: Path, runtime: Runtime
) -> None:
    rules = PolygonRules(dem=folder / "dem.tif")
    here = detect(folder / name, tmp_path / "here.gpkg", rules=rules, runtime=runtime, engine=first_band())
    with serving(folder, every=10) as server:
        rules = PolygonRules(dem=f"{server.address}/dem.tif")
        out = tmp_path / "there.gpkg"
        there = detect(f"{server.address}/{name}", out, rules=rules, runtime=runtime, engine=first_band())
        asked, _ = server.told()
    assert len(asked) > 10
    assert not any(one.endswith("/") for one in asked)  # no folder is listed
    assert here.analysed_share == there.analysed_share < 1  # the mask beside the scene is there, too
    same(tmp_path / "here.gpkg", out)


def test_all_that_takes_a_scene_takes_an_address(folder: Path, tmp_path: Path, runtime: Runtime) -> None:
    with serving(folder, every=10) as server:
        scene, dem = f"{server.address}/s.tif", f"/vsicurl/{server.address}/dem.tif"
        assert preview(scene, rules=PolygonRules(dem=dem), runtime=runtime, probe=False).refusals == []
        out = tmp_path / "out.gpkg"
        detect(scene, out, runtime=runtime, engine=first_band())
        for one in ("s", "other"):
            inventory = tmp_path / f"{one}.gpkg"
            detect(scene, inventory, rules=PolygonRules(threshold=0.4), runtime=runtime, engine=first_band())
        outputs = Outputs(tmp_path / "p.gpkg", folder / "prob.tif")
        detect(scene, outputs, runtime=runtime, engine=first_band())
        probability = f"{server.address}/prob.tif"
        polygonize(probability, tmp_path / "again.gpkg")
        same(out, tmp_path / "again.gpkg")
        judged = evaluate_inventory(out, reference=tmp_path / "other.gpkg", scene=scene, probability=probability)
        assert judged.judged[0].scores.f1 > 0.5
        report = write_report(out, tmp_path / "r.html", scene=scene, probability=probability, imagery_mb=0.2)
        assert report.landslides > 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "cog.tif", "dem.tif", "prob.qml", "prob.tif", "s.tif", "s.tif.msk",
    ]  # fmt: skip


def test_a_mosaic_reads_from_servers_also_in_threads(folder: Path, tmp_path: Path, runtime: Runtime) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with serving(folder, every=10) as server:
        mosaic = tmp_path / "m.vrt"
        copy(str(folder / "cog.tif"), str(mosaic), driver="VRT")
        text = mosaic.read_text()
        assert "there/cog.tif" in text
        relative = text.replace('relativeToVRT="1">there/', f'relativeToVRT="0">/vsicurl/{server.address}/')
        mosaic.write_text(relative)
        (folder / "m.vrt").write_text(text.replace("there/", ""))
        detect(folder / "cog.tif", tmp_path / "here.gpkg", runtime=runtime, engine=first_band())
        with ThreadPoolExecutor(1) as pool:
            for number, name in enumerate((str(mosaic), f"{server.address}/m.vrt")):
                out = tmp_path / f"{number}.gpkg"
                pool.submit(
                    detect, name, out, view=View(allow_remote=True), runtime=runtime, engine=first_band()
                ).result()
                same(tmp_path / "here.gpkg", out)


@pytest.mark.parametrize(
    ("how", "name", "said"),
    [
        ({}, "none.tif", "404; nothing is there: check the address"),
        ({"query": "sig=1"}, "s.tif?sig=2", "403; it needs credentials, or they have expired"),
        ({"basic": "eDp5"}, "s.tif", "401; it needs credentials"),
        ({"every": 1}, "s.tif", "503; the server can't be reached, or has stopped answering"),
        ({"ranges": False}, "cog.tif", "the server gives no parts of files: download it first"),
        ({"cut": 60_000}, "cog.tif", "start again, or download it first"),
        ({"after": 4}, "cog.tif", "start again, or download it first"),
    ],
)
def test_an_error_of_the_network_is_one_line_with_its_remedy(
    how: dict[str, Any], name: str, said: str, folder: Path, tmp_path: Path, runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "2")
    out = tmp_path / "out"
    out.mkdir()
    with serving(folder, **how) as server, pytest.raises(SceneError) as error:
        detect(f"{server.address}/{name}", out / "o.gpkg", runtime=runtime, engine=first_band())
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert "sig" not in str(error.value)
    assert list(out.iterdir()) == []


def test_nobody_listens(folder: Path, tmp_path: Path, runtime: Runtime) -> None:
    out = tmp_path / "o.gpkg"
    with pytest.raises(SceneError, match="the server can't be reached"):
        detect(f"{DEAD}/s.tif", out, runtime=runtime)
    with pytest.raises(TerrainError, match="the server can't be reached"):
        rules = PolygonRules(dem=f"{DEAD}/dem.tif")
        detect(folder / "s.tif", out, rules=rules, runtime=runtime, engine=first_band())
    with pytest.raises(ProbabilityError, match="the server can't be reached"):
        polygonize(f"{DEAD}/p.tif", out)
    assert not out.exists()


def test_a_small_window_of_a_large_scene_costs_a_small_part_of_it(
    tmp_path: Path, make_scene: MakeScene, runtime: Runtime
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    plain = make_scene(noise(3, 3072, 3072), name="plain.tif")
    cog = there / "big.tif"
    copy(str(plain), str(cog), driver="COG", compress="deflate", blocksize=256)
    whole = cog.stat().st_size
    x, y = TRANSFORM @ (1500, 1500)
    view = View(bbox=(x, y - 80, x + 80, y))
    with serving(there) as server:
        name = f"{server.address}/big.tif"
        preview(name, view=view, runtime=runtime, probe=False)
        asked, sent = server.told()
        assert (sent < whole / 20, len(asked) < 40) == (True, True), (sent / whole, len(asked))
        detect(name, tmp_path / "o.gpkg", view=view, runtime=runtime, engine=first_band())
        asked, sent = server.told()
        # Windows of 512 pixels around it, in blocks of 256.
        assert (sent < whole / 6, len(asked) < 60) == (True, True), (sent / whole, len(asked))


def test_a_scene_that_changes_on_its_server_is_read_anew(
    folder: Path, tmp_path: Path, make_scene: MakeScene, runtime: Runtime
) -> None:
    with serving(folder) as server:
        name = f"{server.address}/new.tif"
        with pytest.raises(SceneError, match="nothing is there"):
            detect(name, tmp_path / "o.gpkg", runtime=runtime, engine=first_band())
        prints, found = [], []
        for seed in (0, 1, 1):
            make_scene(blobs(300, 300, seed), name="there/new.tif", compress="deflate", tiled=True)
            found.append(detect(name, runtime=runtime, engine=first_band()).geometry.to_list())
            with reaching(name), rasterio.open(name) as src:
                prints.append(fingerprint(src))
    assert (found[0] == found[1], found[1] == found[2]) == (False, True)
    assert (prints[0] == prints[1], prints[1] == prints[2]) == (False, True)


def test_a_batch_of_addresses_does_what_it_reaches(
    folder: Path, tmp_path: Path, small_model: Path, caplog: pytest.LogCaptureFixture, make_scene: MakeScene
) -> None:
    make_scene(blobs(96, 96), name="there/a.tif", compress="deflate")
    make_scene(blobs(96, 96, 1), name="there/b.tif", compress="deflate")
    with serving(folder) as server:
        names = [f"{server.address}/{name}.tif" for name in ("a", "none", "b")]
        runtime = Runtime(model=str(small_model), engine="torch")
        caplog.set_level(logging.INFO, "landslide_cli")
        for expected in ("3 to do", "1 to do"):
            summary = run_batch(names, tmp_path / "out", runtime=runtime)
            assert [scene.state for scene in summary.scenes] == ["done", "failed", "done"]
            assert "nothing is there" in summary.scenes[1].reason
            assert expected in caplog.text
            caplog.clear()
        make_scene(blobs(96, 96, 2), name="there/b.tif", compress="deflate")
        run_batch(names, tmp_path / "out", runtime=runtime)
        assert "2 to do" in caplog.text


def test_folders_of_an_address_are_names_of_files(folder: Path) -> None:
    with serving(folder) as server:
        (found,) = find_scenes([f"{server.address}/s.tif"])
        host = server.address.removeprefix("http://")
    assert str(found.called) == f"{host}/s.tif".replace(":", "_")
    found, other = find_scenes(["s3://bucket/a/s.tif", f"/vsicurl/{DEAD}/b/s.tif?x=1"])
    assert (str(found.called), str(other.called)) == ("bucket/a/s.tif", "127.0.0.1_9/b/s.tif")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_scene: MakeScene) -> Iterator[str]:
    """A bucket with a scene, on a server that speaks S3."""
    pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    script = "import sys; from moto.server import main; main(sys.argv[1:])"
    log = (tmp_path / "moto.log").open("w")
    process = subprocess.Popen([sys.executable, "-c", script, "-H", "127.0.0.1", "-p", "0"], stdout=log, stderr=log)
    try:
        port = _port(tmp_path / "moto.log")
        for name, value in {
            "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "SECRET", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_S3_ENDPOINT": f"127.0.0.1:{port}", "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}")
        client.create_bucket(Bucket="imagery")
        scene = str(make_scene(blobs(300, 300), compress="deflate", tiled=True))
        client.upload_file(scene, "imagery", "a/s.tif")
        client.upload_file(scene, "imagery", "public.tif", ExtraArgs={"ACL": "public-read"})
        yield "imagery"
    finally:
        process.kill()
        process.wait()
        log.close()


def _port(log: Path) -> int:
    for _ in range(300):
        for word in log.read_text().split():
            if word.startswith("http://127.0.0.1:"):
                return int(word.rsplit(":", 1)[1])
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_scenes_in_buckets(bucket: str, tmp_path: Path, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def go(name: str) -> NDArray[Any]:
        return detect(name, runtime=runtime, engine=first_band()).geometry.to_wkb().to_numpy()

    here = go(str(tmp_path / "scene.tif"))
    assert len(here) > 0
    for name in (f"s3://{bucket}/a/s.tif", f"/vsis3/{bucket}/a/s.tif"):
        assert (go(name) == here).all()
    with pytest.raises(SceneError, match="nothing is there"):
        go(f"s3://{bucket}/a/none.tif")
    (found,) = find_scenes([f"s3://{bucket}/a/s.tif"])
    assert (found.called.stem, found.pixels) == ("s", 90_000)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "TRUE")
    monkeypatch.setenv("CPL_AWS_AUTODETECT_EC2", "NO")
    with pytest.raises(LandslideError, match="it needs credentials"):
        go(f"/vsis3/{bucket}/a/s.tif")
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
    assert (go(f"s3://{bucket}/public.tif") == here).all()


@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 1), (1, 2), (30, 1), (1, 30), (7, 5)])
def test_a_fingerprint_knows_where_blocks_begin(make_scene: MakeScene, across: int, down: int) -> None:
    """A block that takes another size shifts those after it, the last one among them."""
    pixels = np.zeros((3, 16 * down, 16 * across), np.uint8)
    layout = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate", "interleave": "pixel"}

    def known(pixels: NDArray[Any], **more: Any) -> int:
        with rasterio.open(make_scene(pixels, **layout | more)) as src:
            return fingerprint(src)

    once = known(pixels)
    assert known(pixels) == once
    assert known(pixels, nodata=7) != once
    assert known(pixels[:, :-1]) != once
    assert known(pixels, transform=TRANSFORM @ Affine.translation(1, 0)) != once
    if across * down > 1:
        row, col = divmod(across * down - 2, across)
        pixels[:, 16 * row : 16 * row + 16, 16 * col : 16 * col + 16] = noise(3, 16, 16)
        assert known(pixels) != once
