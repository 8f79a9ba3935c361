"""Which bands are read: what their names tell comes before what their colours tell, and neither is guessed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import rasterio
from rasterio.enums import ColorInterp

from landslide_cli.errors import BandNamesWarning, SceneError
from landslide_cli.scene.scene import open_scene
from tests.conftest import MakeScene, noise

RGB = ("red", "green", "blue")


def named(make_scene: MakeScene, names: Sequence[str], dtype: str = "uint16") -> Path:
    path = make_scene(noise(len(names), 30, 40, dtype=dtype))
    with rasterio.open(path, "r+") as dst:
        dst.descriptions = tuple(names)
    return path


@pytest.mark.parametrize(
    ("names", "bands"),
    [
        (["blue", "green", "red", "nir"], (3, 2, 1)),
        (["B02", "B03", "B04", "B08"], (3, 2, 1)),
        (["Coastal", "Blue", "Green", "Yellow", "Red", "Red Edge", "NIR1", "NIR2"], (5, 3, 2)),
        (["coastal_blue", "blue", "green_i", "green", "yellow", "red", "rededge", "nir"], (6, 4, 2)),
        (["B4 - Red", "B3 - Green", "B2 - Blue", "B8 - NIR"], (1, 2, 3)),
        (["azul", "verde", "rojo"], (3, 2, 1)),
        (["B", "G", "R"], (3, 2, 1)),
    ],
)
def test_names_tell_the_colours(make_scene: MakeScene, names: list[str], bands: tuple[int, ...]) -> None:
    with open_scene(named(make_scene, names), wanted=RGB) as scene:
        assert scene.bands == bands


@pytest.mark.parametrize(
    "names",
    [
        ["nir", "swir1", "swir2"],
        ["B2", "B3", "B4", "B8"],  # of Landsat 7, B2 is green
        ["SR_B1", "SR_B2", "SR_B3", "SR_B4"],
        ["nir", "red", "green"],
        ["red_2019", "red_2020", "green", "blue"],
    ],
)
def test_names_that_tell_of_other_bands_are_asked_about(make_scene: MakeScene, names: list[str]) -> None:
    path = named(make_scene, names)
    with pytest.raises(SceneError, match=r"--bands"), open_scene(path, wanted=RGB):
        pass
    with open_scene(path, wanted=RGB, bands=(3, 2, 1)) as scene:
        assert scene.bands == (3, 2, 1)


@pytest.mark.parametrize("names", [["Band 1", "Band 2", "Band 3"], ["", "", ""], ["orthophoto", "2", "3"]])
def test_names_that_tell_nothing_leave_the_first_bands(make_scene: MakeScene, names: list[str]) -> None:
    with open_scene(named(make_scene, names), wanted=RGB) as scene:
        assert scene.bands == (1, 2, 3)


def test_names_win_over_the_colours_that_gdal_gives_any_three_bytes(make_scene: MakeScene) -> None:
    path = named(make_scene, ["blue", "green", "red"], dtype="uint8")
    with rasterio.open(path) as src:
        assert src.colorinterp[0] == ColorInterp.red
    with pytest.warns(BandNamesWarning, match="names are followed"), open_scene(path, wanted=RGB) as scene:
        assert scene.bands == (3, 2, 1)


def test_a_palette_and_a_container_are_told_what_to_do(make_scene: MakeScene, tmp_path: Path) -> None:
    import rasterio.shutil

    palette = make_scene(noise(1, 30, 40) % 16, photometric="palette")
    with rasterio.open(palette, "r+") as dst:
        dst.write_colormap(1, {number: (number * 16, 0, 0, 255) for number in range(16)})
    with pytest.raises(SceneError, match="-expand rgb"), open_scene(palette, wanted=RGB):
        pass
    several = tmp_path / "scene.nc"
    rasterio.shutil.copy(make_scene(noise(3, 30, 40), name="rgb.tif"), several, driver="netCDF")
    with pytest.raises(SceneError, match=r"Band1.*gdalbuildvrt -separate"), open_scene(several, wanted=RGB):
        pass
