"""Test-time augmentation: what symmetry promises, from the engine to the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from landslide_cli.cli import main
from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import Summary, run
from landslide_cli.engine.views import VIEWS, Views, undone, viewed
from landslide_cli.model.card import ModelCard
from landslide_cli.mosaic.encoding import STEPS
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import RANGE, MakeScene, StandIn, first_band, noise

EVERY_VIEW = VIEWS["d4"]


def shifted() -> StandIn:
    """A network that knows left from right and up from down."""
    return StandIn(lambda x: np.roll(x[:, 0], (3, 7), axis=(1, 2)) / 254, batch_size=2)


def even() -> StandIn:
    """A network that doesn't: the mean of the pixel and its four neighbours."""
    kernel = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]]) / 5
    return StandIn(lambda x: ndimage.convolve(x[:, 0] / 254, kernel[None], mode="reflect"), batch_size=2)


@pytest.mark.parametrize("view", EVERY_VIEW)
def test_a_view_is_undone_exactly(view: tuple[bool, bool, bool]) -> None:
    pixels = noise(2, 3, 5, 8)
    assert (undone(viewed(pixels, view), view) == pixels).all()


def test_the_views_are_the_symmetries_of_a_square() -> None:
    square = noise(1, 1, 4, 4)
    seen = {viewed(square, view).tobytes() for view in EVERY_VIEW}
    by_numpy = {np.rot90(s, k, (-2, -1)).tobytes() for s in (square, square[..., ::-1]) for k in range(4)}
    assert seen == by_numpy
    assert {viewed(square, view).tobytes() for view in VIEWS["flips"]} < seen
    assert (len(VIEWS["flips"]), len(EVERY_VIEW)) == (4, 8)


@pytest.mark.parametrize("tta", VIEWS)
def test_views_that_agree_have_no_spread(tta: str) -> None:
    pixels = noise(2, 3, 40, 40)
    mean, spread = Views(even(), tta)(pixels, RANGE).transpose(1, 0, 2, 3)
    np.testing.assert_allclose(mean, even()(pixels), atol=1e-6)
    assert spread.max() < 1e-6
    same, none = Views(first_band(), tta)(noise(3, 3, 40, 24), RANGE).transpose(1, 0, 2, 3)
    assert (same == first_band()(noise(3, 3, 40, 24))).all()
    assert (none == 0).all()


@pytest.mark.parametrize("tta", VIEWS)
def test_mean_and_spread_are_those_of_numpy(tta: str) -> None:
    pixels = noise(2, 3, 32, 48)
    said = np.stack([undone(shifted()(viewed(pixels, view)), view) for view in VIEWS[tta]])
    mean, spread = Views(shifted(), tta)(pixels, RANGE).transpose(1, 0, 2, 3)
    np.testing.assert_allclose(mean, said.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(spread, said.std(axis=0), atol=1e-6)
    assert spread.max() > 0.1


@given(st.lists(st.booleans(), min_size=3, max_size=3))
def test_a_turned_window_gets_the_turned_prediction(turn: list[bool]) -> None:
    view = (turn[0], turn[1], turn[2])
    pixels = noise(2, 3, 24, 24)
    views = Views(shifted(), "d4")
    there, back = views(viewed(pixels, view), RANGE), views(pixels, RANGE)
    np.testing.assert_allclose(there, viewed(back, view), atol=1e-6)


def test_an_unknown_tta_is_refused() -> None:
    with pytest.raises(ValueError, match="tta must be none or one of flips, d4, not 'd8'"):
        Views(first_band(), "d8")


def go_with_views(
    path: Path, card: ModelCard, engine: StandIn, tta: str, *, ending: str = ".gpkg"
) -> tuple[Summary, geopandas.GeoDataFrame, dict[str, NDArray[np.uint8]]]:
    """Run; give summary, landslides, and the probability and spread rasters."""
    outputs = Outputs(
        path.with_suffix(ending), path.with_name("p.tif"), None, path.with_name("s.tif") if tta != "none" else None
    )
    with open_scene(path, wanted=card.bands) as scene:
        summary = run(make_plan(scene, card, tta=tta), engine, outputs)
    rasters = {}
    for name, raster in (("probability", outputs.probability), ("spread", outputs.spread)):
        if raster:
            with rasterio.open(raster) as src:
                rasters[name] = src.read(1)
                assert src.tags()["LANDSLIDE_TTA"] == tta
    options = {"layer": "landslides"} if ending == ".gpkg" else {}
    return summary, geopandas.read_file(outputs.inventory, **options), rasters


def even_blobs(side: int) -> NDArray[np.uint8]:
    field = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal((side, side)), 8)
    band = ((field - field.min()) / (field.max() - field.min()) * 254).astype(np.uint8)
    return np.stack([band, band, band])


@pytest.mark.parametrize("tta", VIEWS)
def test_a_symmetric_network_gives_the_same_scene_with_and_without(
    make_scene: MakeScene, card: ModelCard, tta: str
) -> None:
    path = make_scene(even_blobs(600))
    _, plain, without = go_with_views(path, card, first_band(), "none")
    summary, slides, rasters = go_with_views(make_scene(even_blobs(600), name="again.tif"), card, first_band(), tta)
    assert (rasters["probability"] == without["probability"]).all()
    assert (rasters["spread"] == 0).all()
    assert slides.to_wkb()["geometry"].equals(plain.to_wkb()["geometry"])
    assert (slides["prob_spread"] == 0).all()
    assert "prob_spread" not in plain.columns
    assert summary.tta == tta


# 512 and 960 pixels are filled by whole windows, so that a turned scene has turned windows.
@pytest.mark.parametrize("side", [512, 960])
@pytest.mark.parametrize("view", [(False, False, True), (True, True, False)])
def test_a_turned_scene_gets_the_turned_prediction(
    make_scene: MakeScene, card: ModelCard, side: int, view: tuple[bool, bool, bool]
) -> None:
    pixels = even_blobs(side)
    _, _, one = go_with_views(make_scene(pixels), card, shifted(), "d4")
    _, _, other = go_with_views(make_scene(viewed(pixels, view), name="turned.tif"), card, shifted(), "d4")
    for name in ("probability", "spread"):
        # Rounding to steps may tip by one where sums of weights come in another order.
        difference = np.abs(viewed(one[name], view).astype(int) - other[name])
        assert difference.max() <= 1, name
        assert (difference > 0).mean() < 0.01, name
    assert one["spread"].max() > 0


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".geojson"])
def test_prob_spread_is_the_mean_over_the_polygons_pixels(make_scene: MakeScene, card: ModelCard, ending: str) -> None:
    _, slides, rasters = go_with_views(make_scene(even_blobs(560)), card, shifted(), "flips", ending=ending)
    labels, count = ndimage.label((rasters["probability"] >= 127) & (rasters["probability"] != 255))
    expected = ndimage.mean(rasters["spread"], labels, range(1, count + 1)) / STEPS / 2
    found = slides["prob_sprd" if ending == ".shp" else "prob_spread"]
    np.testing.assert_allclose(sorted(found), sorted(expected), atol=1e-4)
    assert found.max() > 0.005


def test_nodata_stays_nodata_in_the_spread(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = noise(3, 300, 300) % 100 + 100
    pixels[:, :, :90] = 0
    _, _, rasters = go_with_views(make_scene(pixels, nodata=0), card, shifted(), "d4")
    assert ((rasters["spread"] == 255) == (pixels[0] == 0)).all()


def test_a_scene_with_empty_windows_first(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = noise(3, 900, 200) % 100 + 100
    pixels[:, :600] = 0
    _, _, rasters = go_with_views(make_scene(pixels, nodata=0), card, shifted(), "flips")
    assert (rasters["spread"][:600] == 255).all()
    assert (rasters["spread"][600:] != 255).all()


def test_spread_without_views_is_refused(make_scene: MakeScene, tmp_path: Path) -> None:
    command = ["detect", str(make_scene(noise(3, 9, 9))), "-o", str(tmp_path / "a.gpkg")]
    result = CliRunner().invoke(main, [*command, "--spread", str(tmp_path / "s.tif")])
    assert result.exit_code == 1
    assert "one view has no spread; ask for several with --tta flips or --tta d4" in result.stderr


def test_the_command_line_writes_the_spread(make_scene: MakeScene, small_model: Path, tmp_path: Path) -> None:
    command: list[Any] = ["detect", make_scene(noise(3, 64, 64)), "-o", tmp_path / "a.gpkg", "--model", small_model]
    command += ["--tta", "flips", "--spread", tmp_path / "s.tif", "--precision", "float32"]
    result = CliRunner().invoke(main, list(map(str, command)))
    assert result.exit_code == 0, result.output
    assert "4 views of each window" in result.stderr
    with rasterio.open(tmp_path / "s.tif") as src:
        assert src.descriptions == ("spread between views",)
        assert src.scales == (pytest.approx(0.5 / STEPS),)
