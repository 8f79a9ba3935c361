"""A coordinate reference system is believed where it can be true, used for what it can tell, and refused otherwise."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.crs import CRS

from landslide_cli.errors import CoarseWarning, SceneError, TerrainError
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.ground import Ground
from landslide_cli.scene.placing import ground_in, way_between
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


@pytest.mark.parametrize(
    ("crs", "flat", "unit_m"),
    [(None, None, None), (UTM, UTM, None), (UTM + "+5773", UTM, None), ("EPSG:4979", "EPSG:4326", None),
     ('LOCAL_CS["site",UNIT["foot",0.3048]]', 'LOCAL_CS["site",UNIT["foot",0.3048]]', 0.3048)],
)  # fmt: skip
def test_coordinates_without_a_raster_lie_in_the_map_of_their_system(
    crs: str | None, flat: str | None, unit_m: float | None
) -> None:
    ground = ground_in(None if crs is None else pyproj.CRS(crs))
    assert ground.unit_m == unit_m
    assert ground.transform.is_identity
    if flat is None:
        assert ground.crs is None
    elif unit_m is None:
        assert ground.crs is not None
        assert pyproj.CRS(ground.crs).to_epsg() == pyproj.CRS(flat).to_epsg()


@pytest.mark.parametrize(
    ("crs", "transform", "fits"),
    [
        ("EPSG:4326", Affine(1e-5, 0, 719, 0, -1e-5, 0), True),
        ("EPSG:4326", Affine(1e-5, 0, 721, 0, -1e-5, 0), False),
        ("EPSG:4326", Affine(1e-5, 0, 5, 0, -1e-5, 89.9), True),
        ("EPSG:4326", Affine(1e-5, 0, 5, 0, -1e-5, 90.1), False),
        ("EPSG:4326", Affine(1e-5, 0, 5, 0, -1e-5, -90.1), False),
        (UTM, Affine(1.1e-4, 0, 5e5, 0, -1.1e-4, 29e5), True),
        (UTM, Affine(0.9e-4, 0, 5e5, 0, -0.9e-4, 29e5), False),
        (None, Affine.identity(), True),
        (None, Affine(1, 0, 0.9e12, 0, -1, 0), True),
        (None, Affine(1, 0, 1.1e12, 0, -1, 0), False),
        (None, Affine(2, 1, 0, 4, 2, 0), False),  # rows and columns run the same way
    ],
)
@pytest.mark.filterwarnings(
    "ignore::landslide_cli.errors.NoCRSWarning", "ignore::rasterio.errors.NotGeoreferencedWarning"
)
def test_what_a_system_makes_impossible_is_refused_and_nothing_else(
    make_scene: MakeScene, crs: str | None, transform: Affine, fits: bool
) -> None:
    path = make_scene(noise(3, 30, 40), crs=crs, transform=transform)
    if fits:
        with open_scene(path, wanted=RGB) as scene:
            assert scene.transform == transform
    else:
        with pytest.raises(SceneError, match="can't"), open_scene(path, wanted=RGB):
            pass


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        (None, UTM, "the scene has no coordinate reference system, so the scene and dem.tif can't be laid"),
        (UTM, None, "dem.tif has no coordinate reference system"),
        ('LOCAL_CS["a",UNIT["metre",1]]', UTM, "the scene has the local coordinate system 'a'"),
        (UTM, 'LOCAL_CS["a",UNIT["metre",1]]', "dem.tif has the local coordinate system 'a'"),
    ],
)
def test_there_is_no_way_from_nowhere(here: str | None, there: str | None, told: str) -> None:
    grounds = [Ground(TRANSFORM, None if crs is None else CRS.from_user_input(crs)) for crs in (here, there)]
    with pytest.raises(SceneError, match=told):
        way_between(*grounds, "dem.tif")
    with pytest.raises(TerrainError, match="both of them can't be laid"):
        way_between(*grounds, "dem.tif", error=TerrainError, both="both of them")


def test_the_way_between_two_systems_leaves_heights_out() -> None:
    for here, there in ((UTM, UTM), (UTM + "+5773", "EPSG:4326"), (UTM, "EPSG:4979")):
        way = way_between(*(Ground(TRANSFORM, CRS.from_user_input(crs)) for crs in (here, there)), "dem.tif")
        x, y = way.transform(500_000, 2_950_000)
        expected = (500_000, 2_950_000) if there == UTM else (105.0, 26.671)
        assert (x, y) == pytest.approx(expected, abs=1e-3)
