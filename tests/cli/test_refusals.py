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


def test_a_scene_that_is_missing(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "No such file" in refused(tmp_path / "missing.tif")


def test_a_truncated_file(make_scene: MakeScene, refused: Callable[..., str]) -> None:
    path = make_scene(noise(3, 900, 900), tiled=True)
    path.write_bytes(path.read_bytes()[:1_000_000])
    # Where it ends is met at another place by a look here and there.
    assert re.search(r"can't be read at row .*copy it again", refused(path, told_before=False))
    told = CliRunner().invoke(main, ["info", str(path)])
    assert told.exit_code == 1
    assert re.search(r"refused .*can't be read at row .*copy it again", told.stdout)


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        ("1,2,7", "has no band 7: it has bands 1 to 3; choose others with --bands"),
        ("1,2", "--bands names 2 bands, but the model needs 3 (red, green, blue)"),
    ],
)
def test_no_such_band(scene: Path, refused: Callable[..., str], bands: str, message: str) -> None:
    assert message in refused(scene, "--bands", bands)


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


def test_nothing_valid_to_stretch_by(make_scene: MakeScene, refused: Callable[..., str]) -> None:
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


def test_an_inventory_that_exists(scene: Path, refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "out.gpkg").write_text("mine")
    assert "out.gpkg exists; choose another name or allow it with --overwrite" in refused(scene)


def test_a_raster_that_exists(scene: Path, refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "p.tif").write_text("mine")
    assert "p.tif exists" in refused(scene, "--probability", str(tmp_path / "p.tif"))


def test_an_output_that_exists_is_replaced_if_asked_for(scene: Path, tmp_path: Path, small_model: Path) -> None:
    out = tmp_path / "out.gpkg"
    out.write_text("mine")
    result = CliRunner().invoke(
        main, ["detect", str(scene), "-o", str(out), "--overwrite", "--model", str(small_model)]
    )
    assert result.exit_code == 0, result.output
    assert len(geopandas.read_file(out, layer="analysed")) == 1


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("nowhere/out.gpkg", r"the folder .*nowhere does not exist; make it first \(mkdir -p"),
        ("out.kmz", r"no format is known by the ending '\.kmz'; use one of \.gpkg, \.shp"),
    ],
)
def test_a_missing_folder_and_an_unknown_ending(
    scene: Path, refused: Callable[..., str], out: str, message: str
) -> None:
    assert re.search(message, refused(scene, out=out))


def test_a_raster_of_another_format(scene: Path, refused: Callable[..., str], tmp_path: Path) -> None:
    assert "let the name end in .tif" in refused(scene, "--mask", str(tmp_path / "mask.png"))


def test_the_scene_itself_as_an_output(scene: Path, refused: Callable[..., str]) -> None:
    assert "are the same file" in refused(scene, "--mask", str(scene), "--overwrite")


@pytest.mark.parametrize("option", ["--dem", "--aoi"])
def test_another_input_as_an_output(scene: Path, refused: Callable[..., str], option: str) -> None:
    assert "are the same file" in refused(scene, option, str(scene.with_suffix(".gpkg")), out="scene.gpkg")


def test_two_outputs_of_one_name(scene: Path, refused: Callable[..., str], tmp_path: Path) -> None:
    twice = str(tmp_path / "same.tif")
    assert "are the same file" in refused(scene, "--mask", twice, "--probability", twice)


@pytest.mark.parametrize(
    ("bbox", "message"),
    [
        ("0,0,9,9", "--bbox: the area does not meet the scene; check its coordinates"),
        ("9,0,0,9", r"--bbox .* is empty; give LEFT,BOTTOM,RIGHT,TOP"),
    ],
)
def test_a_bbox_outside_the_scene_or_empty(scene: Path, refused: Callable[..., str], bbox: str, message: str) -> None:
    assert re.search(message, refused(scene, "--bbox", bbox))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (shapely.box(0, 0, 1, 1), "--aoi: the area does not meet the scene"),
        (shapely.Point(0, 0), "aoi.gpkg holds no polygon"),
        (None, "aoi.gpkg can't be read as polygons"),
    ],
    ids=["elsewhere", "point", "missing"],
)
def test_an_area_that_is_none_here(
    scene: Path, refused: Callable[..., str], tmp_path: Path, shape: shapely.Geometry | None, message: str
) -> None:
    if shape is not None:
        geopandas.GeoSeries([shape], crs=4326).to_file(tmp_path / "aoi.gpkg")
    assert message in refused(scene, "--aoi", str(tmp_path / "aoi.gpkg"))


def test_a_smallest_slope_without_an_elevation_model(scene: Path, refused: Callable[..., str]) -> None:
    assert re.search(r"--min-slope 5 needs the heights of the ground; .*--dem FILE", refused(scene, "--min-slope", "5"))


def test_an_image_as_elevation_model(scene: Path, refused: Callable[..., str]) -> None:
    assert re.search(r"--dem \S+scene\.tif has 3 bands, but one of heights", refused(scene, "--dem", str(scene)))


@pytest.fixture
def away(make_scene: MakeScene) -> Path:
    """An elevation model that lies elsewhere."""
    return make_scene(noise(1, 9, 9), name="away.tif", transform=TRANSFORM @ rasterio.Affine.translation(99, 99))


def test_an_elevation_model_elsewhere(scene: Path, refused: Callable[..., str], away: Path) -> None:
    assert re.search(r"away\.tif does not meet the scene", refused(scene, "--dem", str(away)))


def test_an_elevation_model_for_a_scene_without_a_crs(
    refused: Callable[..., str], make_scene: MakeScene, away: Path
) -> None:
    bare = make_scene(noise(3, 64, 64), name="bare.tif", crs=None)
    assert "the scene has no coordinate reference system" in refused(bare, "--dem", str(away))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_that_is_not_there(scene: Path, refused: Callable[..., str]) -> None:
    message = refused(scene, "--device", "cuda")
    assert re.search(r"cuda was asked for, but torch .* sees 0 CUDA devices; use --device cpu", message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--device gpu", "no device is called 'gpu'; use auto, cpu, cuda"),
        ("--device meta", "not a device that landslide runs on"),
        ("--device cpu --precision float16", "float16 is not for the CPU"),
    ],
)
def test_devices_and_precisions_that_do_not_exist(
    scene: Path, refused: Callable[..., str], options: str, message: str
) -> None:
    assert message in refused(scene, *options.split())


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arguments": {"width": 16}}, "does not fit network msasnet of its card"),
        ({"arguments": {"depth": 3}}, "can't be built with depth = 3"),
        ({"arguments": {"width": 0}}, "can't be built with width = 0: a layer would have no weights"),
        ({"network": "resnet"}, "no network is called 'resnet'; choose one of"),
        ({"colour": "blue"}, "unknown entries colour"),
        ({"mean": [0.1, 0.2]}, "names 3 bands, but 2 means"),
    ],
)
def test_a_card_that_does_not_fit_the_weights(
    scene: Path, refused: Callable[..., str], small_model: Path, changes: dict[str, object], message: str
) -> None:
    path = small_model.with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert message in refused(scene)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a model card"),
        ('{"model_id": "small"}', "is not a model card of this version: network: field required"),
        (None, "no model card there"),
    ],
)
def test_what_is_no_card(
    scene: Path, refused: Callable[..., str], small_model: Path, text: str | None, message: str
) -> None:
    small_model.with_suffix(".json").unlink()
    if text is not None:
        small_model.with_suffix(".json").write_text(text)
    assert message in refused(scene)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--bands", "red", "is not a list of numbers like 1,2,3"),
        ("--bbox", "1,2,3", "holds 3 numbers, not 4"),
        ("--treshold", "1", "No such option"),
    ],
)
def test_wrong_usage_is_status_2(
    scene: Path, refused: Callable[..., str], option: str, value: str, message: str
) -> None:
    assert message in refused(scene, option, value, status=2)
