"""A shapefile holds what it can, and what it can't is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import pytest

from landslide_cli.detection.preview import preview
from landslide_cli.errors import OutputError
from landslide_cli.inventory import shapefile
from landslide_cli.inventory.attributes import FIELDS, SHORT_NAMES
from landslide_cli.model.card import ModelCard
from tests.conftest import MakeScene, blobs, constant, first_band, go, noise


def test_a_shapefile_has_short_names_and_its_sidecars(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(blobs(90, 90), name="übersicht " + "x" * 100 + ".tif")
    _, slides, _, _ = go(path, card, first_band())
    _, found, _, _ = go(path, card, first_band(), ending=".shp")
    assert all(len(name) <= 10 for name in found.columns)
    for name in slides.columns.drop("geometry"):
        there = found[SHORT_NAMES.get(name, name)]
        values = there == "T" if name == "cut" and there.dtype == object else there
        assert np.array_equal(values.to_numpy(), slides[name].to_numpy()), name
    sides = {file.suffix: file for file in path.parent.glob(f"{path.stem}.*")}
    assert {".shp", ".shx", ".dbf", ".prj", ".cpg"} <= sides.keys()
    assert sides[".cpg"].read_text() == "UTF-8"
    assert pyproj.CRS.from_wkt(sides[".prj"].read_text()).to_epsg() == 32648
    # What is told of a record's size is what GDAL writes.
    table = sides[".dbf"].read_bytes()
    record = int.from_bytes(table[10:12], "little")
    count = int.from_bytes(table[4:8], "little")
    assert count == len(slides)
    room = shapefile.Room(path)
    columns = slides.drop(columns="geometry")
    # A null takes no more room than the shortest text.
    room.take({name: values.dropna().to_numpy() for name, values in columns.items()}, slides.geometry.to_numpy())
    assert room._table >= record * count
    assert room._table <= 1.1 * record * count
    assert room._geometry == sides[".shp"].stat().st_size


def test_every_short_name_fits_and_is_its_own() -> None:
    names = [SHORT_NAMES.get(name, name) for name in FIELDS]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 10


@pytest.mark.parametrize("kind", ["geometry", "table"])
def test_a_shapefile_that_grows_too_large_is_refused(
    make_scene: MakeScene, card: ModelCard, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = make_scene(blobs(200, 200))
    monkeypatch.setattr(shapefile, "LARGEST_BYTES", 12_000 if kind == "geometry" else 5_000)
    with pytest.raises(OutputError, match=r"scene\.shp: the landslides don't fit into a shapefile.*2 GB; write \.gpkg"):
        go(path, card, first_band(), ending=".shp")
    assert [file.name for file in path.parent.iterdir()] == ["scene.tif"]


def test_a_shapefile_refuses_what_it_would_cut(make_scene: MakeScene, card: ModelCard) -> None:
    bound = "+proj=utm +zone=48 +ellps=bessel +towgs84=100,20,300,0,0,0,0 +units=m"
    path = make_scene(noise(3, 40, 40), crs=pyproj.CRS(bound).to_wkt())
    with pytest.raises(OutputError, match=r"scene\.shp: a shapefile's \.prj can't tell the CRS .* write \.gpkg"):
        go(path, card, constant(1), ending=".shp")
    assert any("can't tell the CRS" in text for text in preview(path, path.with_suffix(".shp"), probe=False).refusals)
    assert go(path, card, constant(1))[0].landslides == 1
    with pytest.raises(OutputError, match=r"slides\.shp: model has 300 bytes, but a shapefile's texts hold 254"):
        shapefile.refuse_misfit(Path("slides.shp"), crs=None, texts={"scene": "a", "model": "ä" * 150})
