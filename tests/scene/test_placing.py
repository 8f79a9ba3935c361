"""A coordinate reference system is believed where it can be true, used for what it can tell, and refused otherwise."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from landslide_cli.errors import CoarseWarning, SceneError
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import TRANSFORM, UTM, MakeScene, noise

RGB = ("red", "green", "blue")
LOCAL = 'LOCAL_CS["Local Coordinates (ft)",UNIT["foot",0.3048]]'
MARS = (
    'PROJCS["Equirectangular MARS",GEOGCS["GCS_MARS",DATUM["D_MARS",SPHEROID["MARS",3396190,0]],'
    'PRIMEM["Reference_Meridian",0],UNIT["degree",0.0174532925199433]],PROJECTION["Equirectangular"],'
    'PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",0],PARAMETER["false_easting",0],'
    'PARAMETER["false_northing",0],UNIT["metre",1]]'
)
DEGREE = 0.8 / 111320


def scene_in(make_scene: MakeScene, crs: str, transform: Affine) -> Path:
    return make_scene(noise(3, 40, 50), crs=crs, transform=transform)


def test_a_local_system_measures_in_its_plane(make_scene: MakeScene) -> None:
    with open_scene(scene_in(make_scene, LOCAL, Affine(2, 0, 100, 0, -2, 900)), wanted=RGB) as scene:
        ground = scene.ground
        assert scene.resolution_m == pytest.approx(2 * 0.3048)
        area, perimeter = ground.measure(ground.place(np.array([shapely.box(0, 0, 10, 5)], dtype=object)))
        assert area[0] == pytest.approx(200 * 0.3048**2)
        assert perimeter[0] == pytest.approx(60 * 0.3048)
        assert not ground.has_longitude
        assert np.isnan(ground.longitude_latitude(np.array([1.0]), np.array([2.0]))).all()


def test_another_planet_is_measured_on_its_own_ellipsoid(make_scene: MakeScene) -> None:
    path = scene_in(make_scene, MARS, Affine(6, 0, 0, 0, -6, 120))
    with open_scene(path, wanted=RGB) as scene:
        area, _ = scene.ground.measure(scene.ground.place(np.array([shapely.box(0, 0, 10, 10)], dtype=object)))
        assert area[0] == pytest.approx(3600, rel=1e-6)
        assert not scene.ground.has_longitude
        assert np.isnan(scene.ground.longitude_latitude(np.array([0.0]), np.array([0.0]))).all()


@pytest.mark.parametrize("crs", ["EPSG:4979", "EPSG:4326"])
def test_heights_in_the_system_change_nothing(make_scene: MakeScene, crs: str) -> None:
    with open_scene(scene_in(make_scene, crs, Affine(DEGREE, 0, 102.5, 0, -DEGREE, 27.2)), wanted=RGB) as scene:
        assert scene.crs == rasterio.CRS.from_epsg(4326)
        assert scene.resolution_m == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize(
    ("crs", "transform", "reason"),
    [
        (UTM, Affine(DEGREE, 0, 102.57, 0, -DEGREE, 27.19), "pixels would be"),
        ("EPSG:4326", TRANSFORM, "doesn't lie in it"),
        (UTM, Affine.identity(), "no geotransform"),
        (UTM, Affine(4, 4, 5e5, 4, 4, 29e5), "can't be"),
        (UTM, Affine(float("nan"), 0, 5e5, 0, -4, 29e5), "can't be"),
        (UTM, Affine(4, 0, 5e5, 0, -4, float("inf")), "can't be"),
        (UTM, Affine(1e300, 0, 0, 0, -1e300, 0), "can't be"),
        ("EPSG:4978", TRANSFORM, "doesn't lie in it"),
    ],
)
def test_what_cannot_be_is_refused(make_scene: MakeScene, crs: str, transform: Affine, reason: str) -> None:
    path = scene_in(make_scene, crs, transform)
    with pytest.raises(SceneError, match=reason), open_scene(path, wanted=RGB):
        pass


@pytest.mark.parametrize(("metres", "told"), [(10, None), (19, None), (30, CoarseWarning), (500, SceneError)])
def test_pixels_far_coarser_than_trained_are_told(
    make_scene: MakeScene, card: ModelCard, metres: float, told: type[Exception] | None
) -> None:
    path = scene_in(make_scene, UTM, Affine(metres, 0, 500_000, 0, -metres, 2_950_000))
    with open_scene(path, wanted=RGB) as scene:
        if told is CoarseWarning:
            with pytest.warns(CoarseWarning, match="30 m"):
                make_plan(scene, card)
        elif told:
            with pytest.raises(SceneError, match="500 m"):
                make_plan(scene, card)
        else:
            make_plan(scene, card)
        assert make_plan(scene, card, resolution_m=metres).working_m == metres


@pytest.mark.parametrize("resolution_m", [1e-300, 1e-6, 1e-3])
def test_what_would_never_end_is_refused_before_work(
    make_scene: MakeScene, card: ModelCard, resolution_m: float
) -> None:
    path = make_scene(noise(3, 60, 1000), transform=Affine(4, 0, 500_000, 0, -4, 2_950_000))
    with open_scene(path, wanted=RGB) as scene, pytest.raises(SceneError, match=r"more than (can be done|is taken)"):
        make_plan(scene, card, resolution_m=resolution_m)


@pytest.mark.filterwarnings("ignore")
def test_a_system_that_cannot_be_parsed_is_no_traceback(make_scene: MakeScene) -> None:
    path = make_scene(noise(3, 40, 50), crs=None)
    path.with_name("scene.tif.aux.xml").write_text("<PAMDataset><SRS>garbage</SRS></PAMDataset>")
    with contextlib.suppress(SceneError), open_scene(path, wanted=RGB):
        pass


def test_a_name_that_is_not_utf8_is_told_in_one_line() -> None:
    with pytest.raises(SceneError, match="can't be opened") as told, open_scene("\udcff/scene.tif", wanted=RGB):
        pass
    str(told.value).encode()
