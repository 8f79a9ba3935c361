"""New landslides and those that were there before, on pairs of scenes whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.shutil import copy
from rasterio.warp import Resampling, calculate_default_transform, reproject

import landslide_cli as landslide
from landslide_cli.errors import OptionError, OutputError, ProbabilityError, SceneError
from landslide_cli.mosaic.encoding import STEPS
from landslide_cli.scene.vectors import read_layer
from tests.conftest import RANGE, TRANSFORM, UTM, MakeScene, StandIn, first_band, stand_in_card
from tests.servers import serving

# Scars by rows and columns; the first is in both images, the second only in the later one, the third only earlier.
BOTH, LATER, EARLIER = (
    (slice(40, 70), slice(30, 80)),
    (slice(100, 130), slice(150, 190)),
    (slice(10, 30), slice(150, 190)),
)
SCAR, GROUND = 230, 20


@pytest.fixture
def runtime(tmp_path: Path) -> landslide.Runtime:
    """A model whose weights nobody reads."""
    weights = tmp_path / "stand-in.safetensors"
    weights.touch()
    stand_in_card().write(weights.with_suffix(".json"))
    return landslide.Runtime(model=weights)


def image(*scars: Any, shape: tuple[int, int] = (160, 220), moved: int = 0) -> NDArray[np.uint8]:
    pixels = np.full((3, *shape), GROUND, np.uint8)
    for scar in scars:
        pixels[0][scar] = SCAR
    return np.roll(pixels, (moved, moved), axis=(1, 2))


class Ranged(StandIn):
    """Gives the first band back, in the range that it is told."""

    def __call__(self, pixels: NDArray[Any], value_range: tuple[float, float] = RANGE) -> NDArray[np.float32]:
        low, high = value_range
        scaled: NDArray[np.float32] = ((pixels[:, 0].astype(np.float32) - low) / (high - low)).clip(0, 1)
        return scaled


Find = Callable[..., geopandas.GeoDataFrame]


@pytest.fixture
def find(make_scene: MakeScene, runtime: landslide.Runtime) -> Find:
    """Find the landslides of the later image with an earlier one."""

    def found(
        before: Path, *, view: landslide.View = landslide.View(), engine: StandIn = first_band(), **rules: Any
    ) -> geopandas.GeoDataFrame:
        after = make_scene(image(BOTH, LATER), name="after.tif")
        how = landslide.PolygonRules(before=before, **rules)
        return landslide.detect(after, view=view, rules=how, runtime=runtime, engine=engine)

    return found


def warped(path: Path, crs: str, resolution: float, resampling: Resampling = Resampling.average) -> Path:
    """The same image in another CRS and resolution, with nodata around it."""
    out = path.with_name("warped.tif")
    with rasterio.open(path) as src:
        grid, width, height = calculate_default_transform(
            src.crs, crs, src.width, src.height, *src.bounds, resolution=resolution
        )
        with rasterio.open(out, "w", driver="GTiff", count=3, height=height, width=width, dtype="uint8", nodata=0,
                           transform=grid, crs=crs) as dst:  # fmt: skip
            for band in (1, 2, 3):
                reproject(rasterio.band(src, band), rasterio.band(dst, band), resampling=resampling)
    return out


def check(slides: geopandas.GeoDataFrame) -> None:
    """The first scar was there, the second wasn't."""
    assert slides["new"].tolist() == [False, True]
    old, new = slides["prob_before"]
    assert old > 0.75
    assert new < 0.25
    assert slides["new_share"].iloc[0] < 0.3
    assert slides["new_share"].iloc[1] == 1


def test_scars_in_both_and_in_one(find: Find, make_scene: MakeScene) -> None:
    slides = find(make_scene(image(BOTH, EARLIER), name="before.tif"))
    check(slides)
    assert slides["prob_before"].tolist() == [round(SCAR / STEPS, 4), round(GROUND / STEPS, 4)]
    assert slides["new_share"].tolist() == [0, 1]


@pytest.mark.parametrize("pixels", [-2, 2, 3])
def test_a_shift_is_tolerated(find: Find, make_scene: MakeScene, pixels: int) -> None:
    before = make_scene(image(BOTH, EARLIER, moved=pixels), name="before.tif")
    slides = find(before)
    assert slides["new_share"].tolist() == [0, 1]
    exact = find(before, shift_m=0)
    moved = abs(pixels)
    assert exact["new_share"].iloc[0] == pytest.approx(1 - (30 - moved) * (50 - moved) / 1500, abs=1e-4)
    check(exact)


def test_a_landslide_beside_an_old_one_is_new_though_the_shift_reaches_it(find: Find, make_scene: MakeScene) -> None:
    beside = (LATER[0], slice(LATER[1].start - 20, LATER[1].start))
    slides = find(make_scene(image(BOTH, beside), name="before.tif"))
    assert slides["new"].tolist() == [False, True]
    assert slides["new_share"].iloc[1] == 1 - 3 / 40  # three of its forty columns


@pytest.mark.parametrize(("crs", "resolution"), [(UTM, 2.5), (UTM, 0.5), ("EPSG:32647", 1.1), ("EPSG:4326", 1.2e-5)])
def test_other_grids_and_systems(find: Find, make_scene: MakeScene, crs: str, resolution: float) -> None:
    check(find(warped(make_scene(image(BOTH, EARLIER), name="before.tif"), crs, resolution)))


def test_another_sensor_is_stretched_by_itself(find: Find, make_scene: MakeScene) -> None:
    """16 bits, four bands with their own names, another range: bands and --scale of the later image don't hold."""
    pixels = image(BOTH, EARLIER).astype(np.uint16) * 40 + 300
    before = make_scene(np.concatenate([pixels[[2, 1]], pixels[:1], pixels[:1]]), name="before.tif")
    with rasterio.open(before, "r+") as dst:
        dst.descriptions = ("blue", "green", "red", "nir")
    engine = Ranged(lambda pixels: pixels)
    check(find(before, view=landslide.View(bands=(1, 2, 3), scale=(0, 255)), engine=engine))


def test_bands_hold_for_both_images_of_one_sensor(make_scene: MakeScene, runtime: landslide.Runtime) -> None:
    later, earlier = image(BOTH, LATER)[[1, 2, 0]], image(BOTH)[[1, 2, 0]]
    before = make_scene(earlier, name="before.tif")
    rules, view = landslide.PolygonRules(before=before), landslide.View(bands=(3, 1, 2))
    check(landslide.detect(make_scene(later), rules=rules, view=view, runtime=runtime, engine=first_band()))


def test_ground_that_was_not_seen_before(find: Find, make_scene: MakeScene, runtime: landslide.Runtime) -> None:
    """The earlier image ends between the scars, and has a hole in the middle of one."""
    pixels = image(BOTH, EARLIER)[:, :, :120]
    valid = np.ones(pixels.shape[1:], dtype=bool)
    valid[40:70, 30:50] = False
    before = make_scene(pixels, name="before.tif", valid=valid)
    slides = find(before)
    assert slides["new"].iloc[0] == 0
    assert slides["prob_before"].iloc[0] == round(SCAR / STEPS, 4)
    assert slides["new"].isna().tolist() == slides["prob_before"].isna().tolist() == [False, True]
    assert len(find(before, only_new=True)) == 1  # nobody knows that it was there
    valid[40:70, 30:60] = False
    assert find(make_scene(pixels, name="less.tif", valid=valid))["new"].isna().all()


def test_the_layer_of_what_was_analysed_tells_what_was_seen(
    make_scene: MakeScene, runtime: landslide.Runtime, tmp_path: Path
) -> None:
    after, before = make_scene(image(LATER)), make_scene(image()[:, :, :120], name="before.tif")
    rules = landslide.PolygonRules(before=before)
    summary = landslide.detect(after, tmp_path / "s.gpkg", rules=rules, runtime=runtime, engine=first_band())
    (share,) = read_layer(tmp_path / "s.gpkg", "analysed")["before_share"]
    assert share == round(120 / 220, 4)
    assert (summary.landslides, summary.new, summary.old, summary.unseen) == (1, 0, 0, 1)
    run = read_layer(tmp_path / "s.gpkg", "runs").iloc[0]
    assert (run["before"], run["shift_m"], run["new_share"], run["only_new"]) == ("before.tif", 2.40096, 0.5, "no")


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".geojson", ".fgb", ".parquet"])
def test_only_new_ones_are_written_in_every_format(
    make_scene: MakeScene, runtime: landslide.Runtime, tmp_path: Path, ending: str
) -> None:
    after, before = make_scene(image(BOTH, LATER)), make_scene(image(BOTH), name="before.tif")
    out = tmp_path / f"s{ending}"
    for only in (False, True):
        rules = landslide.PolygonRules(before=before, only_new=only)
        summary = landslide.detect(after, out, rules=rules, runtime=runtime, engine=first_band(), overwrite=only)
        slides = landslide.read_inventory(out).sort_values("id")  # FlatGeobuf has an order of its own
        assert slides["new"].astype(bool).tolist() == ([True] if only else [False, True])
        assert slides["id"].tolist() == ([1] if only else [1, 2])
        assert (summary.landslides, summary.new, summary.old, summary.unseen) == (len(slides), 1, 1, 0)
        assert summary.area_m2 == pytest.approx(slides["area_m2"].sum())


def test_the_part_that_makes_a_landslide_new(find: Find, make_scene: MakeScene) -> None:
    grown = (slice(40, 70), slice(30, 50))  # two fifths of the scar were there
    before = make_scene(image(grown), name="before.tif")
    assert find(before, shift_m=0)["new_share"].iloc[0] == 0.6
    assert find(before, shift_m=0, new_share=0.6)["new"].tolist() == [True, True]
    assert find(before, shift_m=0, new_share=0.61)["new"].tolist() == [False, True]


def test_a_stored_probability_is_the_same_as_its_image(
    find: Find, make_scene: MakeScene, runtime: landslide.Runtime, tmp_path: Path
) -> None:
    before = make_scene(image(BOTH, EARLIER, moved=1), name="before.tif")
    out = landslide.Outputs(tmp_path / "s.gpkg", before_probability=tmp_path / "before_prob.tif",
                            probability=tmp_path / "prob.tif")  # fmt: skip
    after = make_scene(image(BOTH, LATER), name="after.tif")
    rules = landslide.PolygonRules(before=before)
    landslide.detect(after, out, rules=rules, runtime=runtime, engine=first_band())
    expected = landslide.read_inventory(tmp_path / "s.gpkg")
    check(expected)
    engine = first_band()
    again = landslide.PolygonRules(before=tmp_path / "before_prob.tif")
    pd.testing.assert_frame_equal(landslide.detect(after, rules=again, runtime=runtime, engine=engine), expected)
    assert engine.windows == 3  # one window and the batch filled up: before wasn't asked again
    pd.testing.assert_frame_equal(landslide.polygonize(tmp_path / "prob.tif", rules=again), expected)
    with pytest.raises(OutputError, match="--before is a probability raster already"):
        once_more = landslide.Outputs(tmp_path / "t.gpkg", before_probability=tmp_path / "t.tif")
        landslide.detect(after, once_more, rules=again, runtime=runtime, engine=engine)
    with pytest.raises(ProbabilityError, match="polygonize asks no network; write one of it first: landslide detect"):
        landslide.polygonize(tmp_path / "prob.tif", rules=rules)


def test_only_the_ground_of_the_scene_is_predicted(
    make_scene: MakeScene, runtime: landslide.Runtime, tmp_path: Path
) -> None:
    mosaic = np.full((3, 1500, 1600), GROUND, np.uint8)
    before = make_scene(mosaic, name="mosaic.tif", transform=TRANSFORM @ Affine.translation(-900, -800))
    after = make_scene(image(BOTH))
    out = landslide.Outputs(tmp_path / "s.gpkg", before_probability=tmp_path / "before_prob.tif")
    rules = landslide.PolygonRules(before=before)
    landslide.detect(after, out, rules=rules, runtime=runtime, engine=first_band())
    with rasterio.open(tmp_path / "before_prob.tif") as src:
        rows, cols = np.nonzero(src.read(1) != 255)
    # Three pixels and one more to each side.
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (796, 800 + 163, 896, 900 + 223)
    assert landslide.read_inventory(tmp_path / "s.gpkg")["new"].tolist() == [True]


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_strips_change_nothing(find: Find, make_scene: MakeScene, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    before = warped(make_scene(image(BOTH, EARLIER), name="before.tif"), UTM, 1.7)
    expected = find(before)
    monkeypatch.setattr("landslide_cli.tiling.resampling.PIXELS_AT_ONCE", rows * 220)
    pd.testing.assert_frame_equal(find(before), expected)


def test_what_does_not_fit_is_refused(find: Find, make_scene: MakeScene, tmp_path: Path) -> None:
    far = make_scene(image(), name="far.tif", transform=TRANSFORM @ Affine.translation(5000, 0))
    with pytest.raises(SceneError, match=r"far\.tif shows none of the ground of after\.tif; give an image of the same"):
        find(far)
    with (
        pytest.warns(match="lost.tif has no coordinate reference system"),
        pytest.raises(
            SceneError, match=r"lost\.tif has no coordinate reference system, so the scene and lost\.tif can't"
        ),
    ):
        find(make_scene(image(), name="lost.tif", crs=None))
    with pytest.raises(SceneError, match=r"nowhere\.tif can't be opened as a raster"):
        find(tmp_path / "nowhere.tif")
    with pytest.raises(OptionError, match="--only-new needs an image of the ground before; give it with --before FILE"):
        find(None, only_new=True)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="--shift needs an image of the ground before"):
        find(None, shift_m=3)  # type: ignore[arg-type]


def test_what_is_before_is_not_written_over(make_scene: MakeScene, runtime: landslide.Runtime) -> None:
    before = make_scene(image(), name="before.tif")
    outputs = landslide.Outputs(before.with_name("s.gpkg"), mask=before)
    with pytest.raises(OutputError, match="are the same file"):
        rules = landslide.PolygonRules(before=before)
        landslide.detect(make_scene(image()), outputs, rules=rules, runtime=runtime, overwrite=True)


def test_progress_goes_over_both_images_once(make_scene: MakeScene, runtime: landslide.Runtime) -> None:
    seen: list[tuple[int, int]] = []
    before = make_scene(image(), name="before.tif")
    landslide.detect(
        make_scene(image()), rules=landslide.PolygonRules(before=before), runtime=runtime, engine=first_band(),
        on_progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert {total for _, total in seen} == {2 * 160 * 220}
    assert seen == sorted(seen)
    assert seen[-1][0] == 2 * 160 * 220


def test_another_network_is_told_of(
    find: Find, make_scene: MakeScene, runtime: landslide.Runtime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = landslide.Outputs(tmp_path / "b.gpkg", tmp_path / "b.tif")
    landslide.detect(make_scene(image(BOTH), name="b0.tif"), out, runtime=runtime, engine=first_band())
    with rasterio.open(tmp_path / "b.tif", "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dst:
        dst.update_tags(LANDSLIDE_MODEL="another", LANDSLIDE_WEIGHTS_SHA256="1" * 64)
    check(find(tmp_path / "b.tif"))
    assert "b.tif was predicted by another, the scene by stand-in" in caplog.text


def test_a_stand_in_is_asked_about_each_image_once(make_scene: MakeScene, runtime: landslide.Runtime) -> None:
    engine = StandIn(lambda pixels: pixels[:, 0] / 254, batch_size=1)
    rules = landslide.PolygonRules(before=make_scene(image(), name="before.tif"))
    landslide.detect(make_scene(image()), rules=rules, runtime=runtime, engine=engine)
    assert engine.windows == 2


def test_a_mosaic_of_other_machines_is_read_where_that_is_allowed(
    make_scene: MakeScene, runtime: landslide.Runtime, tmp_path: Path
) -> None:
    before, after = make_scene(image(BOTH), name="before.tif"), make_scene(image(BOTH, LATER), name="after.tif")
    mosaic, view = tmp_path / "before.vrt", landslide.View(bands=(1, 2, 3))
    with serving(tmp_path) as server:
        copy(str(before), str(mosaic), driver="VRT")
        there = f'relativeToVRT="0">/vsicurl/{server.address}/'
        mosaic.write_text(mosaic.read_text().replace('relativeToVRT="1">', there))

        def new(view: landslide.View) -> list[bool]:
            rules = landslide.PolygonRules(before=mosaic)
            return landslide.detect(after, view=view, rules=rules, runtime=runtime, engine=first_band())["new"].tolist()

        server.told()
        with pytest.raises(SceneError, match="--allow-remote"):
            new(view)
        assert server.told()[0] == []
        assert sorted(new(replace(view, allow_remote=True))) == [False, True]
