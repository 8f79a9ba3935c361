"""GeoParquet holds what the GeoPackage holds."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import geopandas
import numpy as np
import pyproj
import pytest
import shapely
from pyarrow import parquet

from landslide_cli import extras
from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import run
from landslide_cli.errors import MissingExtraError, NoCRSWarning
from landslide_cli.inventory import geoparquet
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import UTM, MakeScene, blobs, constant, first_band, go, noise

Pair = tuple[geopandas.GeoDataFrame, parquet.ParquetFile, Path]


@pytest.fixture(params=[4, 8])
def pair(request: pytest.FixtureRequest, make_scene: MakeScene, card: ModelCard) -> Pair:
    """The landslides of a GeoPackage, and the GeoParquet file of the same run."""
    path, connectivity = make_scene(blobs(200, 220)), request.param
    _, slides, _, _ = go(path, card, first_band(), connectivity=connectivity)
    rules = PolygonRules(threshold=card.threshold, connectivity=connectivity)
    out = path.with_suffix(".parquet")
    with open_scene(path, wanted=card.bands) as scene:
        run(make_plan(scene, card), first_band(), Outputs(out), measurer=Measurer(scene.ground, rules))
    return slides, parquet.ParquetFile(out), out


@pytest.fixture
def three_rows_in_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geoparquet, "ROWS_IN_A_GROUP", 3)


def test_geoparquet_is_the_geopackage(pair: Pair) -> None:
    slides, _, out = pair
    found = geopandas.read_parquet(out)
    assert "bbox" not in found  # geopandas takes it for what it is
    # A column without any value has another type in each format.
    rows, expected = (frame.to_wkb().fillna("").to_dict("records") for frame in (found[slides.columns], slides))
    assert rows == expected
    assert found.crs == slides.crs == UTM


def test_geoparquet_carries_the_provenance(pair: Pair) -> None:
    kept = {key.decode(): value.decode() for key, value in pair[1].metadata.metadata.items()}
    assert kept["LANDSLIDE_MODEL"] == "stand-in"


def test_geoparquet_describes_its_geometry_as_version_1_1_asks(pair: Pair) -> None:
    slides, file, out = pair
    geo = json.loads(file.metadata.metadata[b"geo"])
    column = geo["columns"]["geometry"]
    assert (geo["version"], column["encoding"], column["orientation"]) == ("1.1.0", "WKB", "counterclockwise")
    assert set(slides.geom_type) == set(column["geometry_types"])
    assert pyproj.CRS.from_json_dict(column["crs"]) == slides.crs
    np.testing.assert_array_equal(column["bbox"], slides.total_bounds)
    outlines = geopandas.read_parquet(out).geometry.explode()
    assert all(shapely.Polygon(outline.exterior).exterior.is_ccw for outline in outlines)


def test_a_column_holds_the_bounds_of_each_polygon(pair: Pair) -> None:
    slides, file, _ = pair
    told = np.array([[row["bbox"][name] for name in geoparquet.BBOX] for row in file.read(["bbox"]).to_pylist()])
    np.testing.assert_array_equal(told, slides.bounds.to_numpy())


@pytest.mark.usefixtures("three_rows_in_a_group")
def test_readers_skip_row_groups_by_bounds(pair: Pair) -> None:
    slides, file, out = pair
    assert file.num_row_groups == -(-len(slides) // 3)
    first = geopandas.read_parquet(out, bbox=slides.geometry.iloc[0].bounds)
    assert 1 in first["id"].tolist()
    assert len(first) < len(slides)


def test_a_row_group_holds_20_000_landslides(pair: Pair) -> None:
    assert geoparquet.ROWS_IN_A_GROUP == 20_000
    assert pair[1].num_row_groups == 1


def test_geoparquet_without_a_crs_says_so(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(noise(3, 40, 40), crs=None)
    with pytest.warns(NoCRSWarning), open_scene(path, wanted=card.bands) as scene:
        run(make_plan(scene, card), constant(1), Outputs(path.with_suffix(".parquet")))
    assert geopandas.read_parquet(path.with_suffix(".parquet")).crs is None


def test_geoparquet_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "pyarrow" else find_spec(name))
    with pytest.raises(MissingExtraError, match=r"slides\.parquet: GeoParquet needs the package pyarrow.*\[parquet\]"):
        Outputs(tmp_path / "slides.parquet").claim()


def test_geoparquet_is_compressed_by_zstd(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(blobs(90, 100))
    with open_scene(path, wanted=card.bands) as scene:
        run(make_plan(scene, card), first_band(), Outputs(path.with_suffix(".parquet")))
    group = parquet.ParquetFile(path.with_suffix(".parquet")).metadata.row_group(0)
    assert {group.column(number).compression for number in range(group.num_columns)} == {"ZSTD"}
