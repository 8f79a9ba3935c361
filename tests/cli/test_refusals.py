"""Each refusal is one line that says what came, what is needed and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
import torch
from click.testing import CliRunner
from rasterio.control import GroundControlPoint

from landslide_cli.cli import main
from tests.conftest import TRANSFORM, MakeScene, noise


@pytest.fixture
def refused(tmp_path: Path, small_model: Path) -> Callable[..., str]:
    """Run `landslide detect`; give the one line on stderr. Nothing may have been written.

    `landslide info` must have told the same before, unless it takes the whole scene to know.
    """

    def run(scene: Path, *options: str, out: str = "out.gpkg", status: int = 1, told_before: bool = True) -> str:
        before = sorted(tmp_path.rglob("*"))
        target = out if Path(out).is_absolute() else str(tmp_path / out)
        model = [] if "--model" in options else ["--model", str(small_model)]
        result = CliRunner().invoke(main, ["detect", str(scene), "-o", target, *model, *options])
        assert result.exit_code == status, result.output
        assert sorted(tmp_path.rglob("*")) == before
        assert result.stdout == ""
        lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1
        if told_before and status == 1:
            told = CliRunner().invoke(main, ["info", str(scene), "-o", target, *model, *options, "--json"])
            assert told.exit_code == 1
            assert lines[0].removeprefix("Error: ") in json.loads(told.stdout)["refusals"]
        return lines[0]

    return run


@pytest.fixture
def scene(make_scene: MakeScene) -> Path:
    return make_scene(noise(3, 64, 64))


def test_not_a_raster(tmp_path: Path, refused: Callable[..., str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no raster")
    assert re.search(r"notes\.txt can't be opened as a raster: .*give a GeoTIFF", refused(path))
    assert "No such file" in refused(tmp_path / "missing.tif")


def test_a_truncated_file(make_scene: MakeScene, refused: Callable[..., str]) -> None:
    path = make_scene(noise(3, 900, 900), tiled=True)
    path.write_bytes(path.read_bytes()[:1_000_000])
    # Where it ends is met at another place by a look here and there.
    assert re.search(r"can't be read at row .*copy it again", refused(path, told_before=False))
    told = CliRunner().invoke(main, ["info", str(path)])
    assert told.exit_code == 1
    assert re.search(r"refused .*can't be read at row .*copy it again", told.stdout)


def test_no_such_band(scene: Path, refused: Callable[..., str]) -> None:
    assert re.search(
        r"has no band 7: it has bands 1 to 3; choose others with --bands", refused(scene, "--bands", "1,2,7")
    )
    assert re.search(
        r"--bands names 2 bands, but the model needs 3 \(red, green, blue\)", refused(scene, "--bands", "1,2")
    )


def test_one_band_for_an_rgb_model(make_scene: MakeScene, refused: Callable[..., str]) -> None:
    message = refused(make_scene(noise(1, 64, 64)))
    assert re.search(r"has 1 band of colour, but the model needs 3 \(red, green, blue\); .*--bands", message)


@pytest.mark.parametrize("dtype", ["complex64", "complex_int16"])
def test_complex_numbers(make_scene: MakeScene, refused: Callable[..., str], dtype: str, tmp_path: Path) -> None:
    if dtype == "complex64":
        path = make_scene(np.zeros((3, 9, 9), np.complex64))
    else:
        path = tmp_path / "scene.tif"
        with rasterio.open(path, "w", driver="GTiff", count=3, height=9, width=9, dtype=dtype, crs="EPSG:32648",
                           transform=TRANSFORM):  # fmt: skip
            pass
    assert re.search(r"holds complex numbers .*give an optical image", refused(path))


def test_nothing_valid(make_scene: MakeScene, refused: Callable[..., str]) -> None:
    path = make_scene(np.zeros((3, 64, 64), np.uint8), nodata=0)
    assert re.search(r"holds no valid pixel; check the file's nodata", refused(path, told_before=False))
    assert "about 0% of the pixels" in CliRunner().invoke(main, ["info", str(path)]).stdout
    path = make_scene(np.zeros((3, 64, 64), np.uint16), nodata=0)
    assert re.search(r"no valid pixel was found to stretch by", refused(path))


def test_control_points_alone(make_scene: MakeScene, refused: Callable[..., str]) -> None:
    path = make_scene(noise(3, 64, 64), transform=rasterio.Affine.identity(), crs=None)
    points = [GroundControlPoint(row, col, 105 + col / 1e5, 26 - row / 1e5) for row, col in ((0, 0), (0, 63), (63, 0))]
    with rasterio.open(path, "r+") as dst:
        dst.gcps = (points, rasterio.CRS.from_epsg(4326))
    assert re.search(r"ground control points alone.*gdalwarp -tps \S+scene\.tif rectified\.tif", refused(path))


def test_rational_polynomials_alone(make_scene: MakeScene, refused: Callable[..., str]) -> None:
    path = make_scene(noise(3, 64, 64), transform=rasterio.Affine.identity(), crs=None)
    names = ["LINE_OFF", "SAMP_OFF", "LAT_OFF", "LONG_OFF", "HEIGHT_OFF", "LINE_SCALE", "SAMP_SCALE", "LAT_SCALE",
             "LONG_SCALE", "HEIGHT_SCALE"]  # fmt: skip
    many = ["LINE_NUM_COEFF", "LINE_DEN_COEFF", "SAMP_NUM_COEFF", "SAMP_DEN_COEFF"]
    with rasterio.open(path, "r+") as dst:
        dst.update_tags(ns="RPC", **dict.fromkeys(names, "1"), **dict.fromkeys(many, " ".join(["1"] * 20)))
    assert re.search(r"rational polynomial coefficients alone.*gdalwarp -rpc", refused(path))


def test_an_output_that_exists(scene: Path, refused: Callable[..., str], tmp_path: Path, small_model: Path) -> None:
    (tmp_path / "out.gpkg").write_text("mine")
    assert "out.gpkg exists; choose another name or allow it with --overwrite" in refused(scene)
    (tmp_path / "p.tif").write_text("mine")
    assert "p.tif exists" in refused(scene, "--probability", str(tmp_path / "p.tif"), out="new.gpkg")
    out = tmp_path / "out.gpkg"
    result = CliRunner().invoke(
        main, ["detect", str(scene), "-o", str(out), "--overwrite", "--model", str(small_model)]
    )
    assert result.exit_code == 0, result.output
    assert len(geopandas.read_file(out, layer="analysed")) == 1


def test_a_missing_folder_an_unknown_ending_and_the_scene_itself(
    scene: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    assert re.search(
        r"the folder .*nowhere does not exist; make it first \(mkdir -p", refused(scene, out="nowhere/out.gpkg")
    )
    assert re.search(
        r"no format is known by the ending '\.kml'; use one of \.gpkg, \.shp", refused(scene, out="out.kml")
    )
    assert "let the name end in .tif" in refused(scene, "--mask", str(tmp_path / "mask.png"))
    assert "are the same file" in refused(scene, "--mask", str(scene), "--overwrite")
    for option in ("--dem", "--aoi"):
        assert "are the same file" in refused(scene, option, str(scene.with_suffix(".gpkg")), out="scene.gpkg")
    twice = str(tmp_path / "same.tif")
    assert "are the same file" in refused(scene, "--mask", twice, "--probability", twice)


def test_an_area_outside_the_scene(scene: Path, refused: Callable[..., str], tmp_path: Path) -> None:
    assert re.search(
        r"--bbox: the area does not meet the scene; check its coordinates", refused(scene, "--bbox", "0,0,9,9")
    )
    assert re.search(r"--bbox .* is empty; give LEFT,BOTTOM,RIGHT,TOP", refused(scene, "--bbox", "9,0,0,9"))
    aoi = tmp_path / "aoi.gpkg"
    geopandas.GeoSeries([shapely.box(0, 0, 1, 1)], crs=4326).to_file(aoi)
    assert "--aoi: the area does not meet the scene" in refused(scene, "--aoi", str(aoi))
    geopandas.GeoSeries([shapely.Point(0, 0)], crs=4326).to_file(tmp_path / "points.gpkg")
    assert "points.gpkg holds no polygon" in refused(scene, "--aoi", str(tmp_path / "points.gpkg"))
    assert re.search(
        r"missing\.gpkg can't be read as polygons", refused(scene, "--aoi", str(tmp_path / "missing.gpkg"))
    )


def test_an_elevation_model_that_does_not_fit(
    scene: Path, refused: Callable[..., str], make_scene: MakeScene, tmp_path: Path
) -> None:
    assert re.search(r"--min-slope 5 needs the heights of the ground; .*--dem FILE", refused(scene, "--min-slope", "5"))
    assert re.search(r"--dem \S+scene\.tif has 3 bands, but one of heights", refused(scene, "--dem", str(scene)))
    away = make_scene(noise(1, 9, 9), name="away.tif", transform=TRANSFORM @ rasterio.Affine.translation(99, 99))
    assert re.search(r"away\.tif does not meet the scene", refused(scene, "--dem", str(away)))
    bare = make_scene(noise(3, 64, 64), name="bare.tif", crs=None)
    assert "the scene has no coordinate reference system" in refused(bare, "--dem", str(away))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_that_is_not_there(scene: Path, refused: Callable[..., str]) -> None:
    message = refused(scene, "--device", "cuda")
    assert re.search(r"cuda was asked for, but torch .* sees 0 CUDA devices; use --device cpu", message)


def test_devices_and_precisions_that_do_not_exist(scene: Path, refused: Callable[..., str]) -> None:
    assert "no device is called 'gpu'; use auto, cpu, cuda" in refused(scene, "--device", "gpu")
    assert "not a device that landslide runs on" in refused(scene, "--device", "meta")
    assert "float16 is not for the CPU" in refused(scene, "--device", "cpu", "--precision", "float16")


def test_a_resolution_without_a_crs(make_scene: MakeScene, refused: Callable[..., str]) -> None:
    path = make_scene(noise(3, 64, 64), crs=None)
    message = refused(path, "--resolution", "2")
    assert re.search(r"has no CRS, so --resolution 2 can't be met", message)


def test_a_model_that_is_not_installed(scene: Path, refused: Callable[..., str]) -> None:
    assert re.search(r"no model 'msasnet-xyz': .* is missing; installed: ", refused(scene, "--model", "msasnet-xyz"))


def test_weights_whose_checksum_is_wrong(scene: Path, refused: Callable[..., str], small_model: Path) -> None:
    damaged = bytearray(small_model.read_bytes())
    damaged[-1] ^= 1
    small_model.write_bytes(damaged)
    message = refused(scene)
    assert re.search(r"checksum [0-9a-f]{12}… is not the [0-9a-f]{12}… of its card; .*install it again", message)


def test_a_card_that_does_not_fit_the_weights(scene: Path, refused: Callable[..., str], small_model: Path) -> None:
    path = small_model.with_suffix(".json")
    entries = json.loads(path.read_text())

    def with_card(**changes: object) -> str:
        path.write_text(json.dumps(entries | changes))
        return refused(scene)

    assert "does not fit network msasnet of its card" in with_card(arguments={"width": 16})
    assert "can't be built with {'depth': 3}" in with_card(arguments={"depth": 3})
    assert "no network is called 'resnet'; choose one of" in with_card(network="resnet")
    assert "unknown entries colour" in with_card(colour="blue")
    assert "names 3 bands, but 2 means" in with_card(mean=[0.1, 0.2])
    path.write_text("{")
    assert "is not a model card" in refused(scene)
    path.write_text(json.dumps({"model_id": "small"}))
    assert "is not a complete model card" in refused(scene)
    path.unlink()
    assert "no model card there" in refused(scene)


def test_wrong_usage_is_status_2(scene: Path, refused: Callable[..., str]) -> None:
    assert "is not a list of numbers like 1,2,3" in refused(scene, "--bands", "red", status=2)
    assert "holds 3 numbers, not 4" in refused(scene, "--bbox", "1,2,3", status=2)
    assert "No such option" in refused(scene, "--treshold", "1", status=2)
