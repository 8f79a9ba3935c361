"""The STAC item of a run is valid, and says what the files are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyproj
import pystac
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from landslide_cli.cli import main
from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import run
from landslide_cli.detection.stac import EXTENSIONS, footprint
from landslide_cli.errors import NoCRSWarning
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import TRANSFORM, UTM, MakeScene, blobs, first_band, noise

SCHEMAS = Path(__file__).parents[1] / "data" / "stac"


@pytest.fixture
def validator(monkeypatch: pytest.MonkeyPatch) -> JsonSchemaSTACValidator:
    """Reads every schema from disk: STAC's own lie in pystac, PROJJSON's in pyproj, those of extensions here."""
    found = JsonSchemaSTACValidator()
    paths = [*SCHEMAS.glob("*.json"), Path(pyproj.datadir.get_data_dir()) / "projjson.schema.json"]
    for path in paths:
        schema = json.loads(path.read_text())
        found.schema_cache[schema["$id"].rstrip("#")] = schema

    def offline(*_: Any) -> str:
        raise AssertionError("a schema is missing")

    monkeypatch.setattr(pystac.StacIO.default(), "read_text", offline)
    return found


def item_of(path: Path, card: ModelCard, **given: Any) -> dict[str, Any]:
    folder = path.parent
    outputs = Outputs(folder / "slides.gpkg", folder / "rasters of it" / "prob.tif", folder / "mask.tif", None,
                      folder / "slides.json")  # fmt: skip
    (folder / "rasters of it").mkdir()
    with open_scene(path, wanted=card.bands) as scene:
        run(make_plan(scene, card, **given), first_band(), outputs)
    item: dict[str, Any] = json.loads((folder / "slides.json").read_text())
    return item


def validate(item: dict[str, Any], validator: JsonSchemaSTACValidator) -> None:
    checked = pystac.Item.from_dict(item).validate(validator=validator)
    assert checked[1:] == EXTENSIONS
    assert "item.json" in checked[0]


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        (UTM, TRANSFORM),
        ("EPSG:4326", Affine(1e-5, 0, 10, 0, -1e-5, 70)),
        ("EPSG:32660", Affine(5, 0, 832_900, 0, -5, 1_800_000)),  # across the antimeridian
        ("+proj=laea +lat_0=10 +lon_0=100 +datum=WGS84", Affine(2, 1, 0, 1, -2, 0)),
        (None, TRANSFORM),
    ],
)
def test_items_are_valid(
    make_scene: MakeScene, card: ModelCard, validator: JsonSchemaSTACValidator, crs: str | None, transform: Affine
) -> None:
    path = make_scene(blobs(90, 120), crs=crs, transform=transform)
    if crs is None:
        with pytest.warns(NoCRSWarning):
            item = item_of(path, card)
        assert item["geometry"] is None
    else:
        item = item_of(path, card)
    validate(item, validator)
    for broken in ("mlm:input", "mlm:name"):
        kept = item["properties"].pop(broken)
        with pytest.raises(pystac.STACValidationError, match="mlm"):
            validate(item, validator)
        item["properties"][broken] = kept
    item["properties"]["proj:shape"] = [1]
    with pytest.raises(pystac.STACValidationError, match="projection"):
        validate(item, validator)


def test_an_item_tells_what_the_rasters_tell(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(blobs(90, 120))
    item = item_of(path, card)
    hrefs = {name: asset["href"] for name, asset in item["assets"].items()}
    assert hrefs == {
        "landslides": "slides.gpkg", "probability": "rasters%20of%20it/prob.tif", "mask": "mask.tif",
        "model": "ni:///sha-256;" + "A" * 43,
    }  # fmt: skip
    given = item["properties"]
    with rasterio.open(path.parent / "rasters of it" / "prob.tif") as src:
        assert given["proj:code"] == str(src.crs)
        assert given["proj:shape"] == list(src.shape)
        assert Affine(*given["proj:transform"]) == src.transform
        (band,) = item["assets"]["probability"]["raster:bands"]
        assert (band["scale"], band["nodata"], band["data_type"]) == (src.scales[0], src.nodata, src.dtypes[0])
        assert band["spatial_resolution"] == pytest.approx(0.8, rel=1e-3)
        for name, value in src.tags().items():
            if name.startswith("LANDSLIDE_"):
                assert given[name.lower().replace("_", ":", 1)] == value
    west, south, east, north = item["bbox"]
    corners = geopandas.GeoSeries([shapely.box(*src.bounds)], crs=UTM).to_crs(4326)
    assert (west, south, east, north) == pytest.approx(corners.total_bounds, abs=1e-6)


def test_the_network_normalises_as_the_item_says(make_scene: MakeScene, card: ModelCard) -> None:
    from landslide_cli.model.normalise import Normalise

    pixels = noise(3, 64, 64).astype(np.uint16) * 10
    item = item_of(make_scene(pixels), card, scale=(100, 2000))
    scaling = item["properties"]["mlm:input"][0]["value_scaling"]
    import torch

    expected = Normalise((100, 2000), card.mean, card.std)(torch.from_numpy(pixels[None].astype(np.int32)))
    told = np.stack([(p - s["mean"]) / s["stddev"] for p, s in zip(pixels, scaling, strict=True)])
    np.testing.assert_allclose(told, expected[0].numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("crs", "transform", "bounds"),
    [
        ("EPSG:4326", Affine(0.01, 0, 179.5, 0, -0.01, 10), (179.5, 9, -179.5, 10)),
        ("EPSG:4326", Affine(0.01, 0, -180.5, 0, -0.01, 10), (179.5, 9, -179.5, 10)),
        ("EPSG:4326", Affine(0.01, 0, 180.5, 0, -0.01, 10), (-179.5, 9, -178.5, 10)),
        ("EPSG:4326", Affine(0.6, 0, -180, 0, -0.6, 90), (-180, -90, 180, 90)),
    ],
)
def test_footprints_are_cut_at_the_antimeridian(
    make_scene: MakeScene, card: ModelCard, crs: str, transform: Affine, bounds: tuple[float, ...]
) -> None:
    around = transform.a > 0.1  # the whole earth
    pixels = noise(3, 300, 600) if around else noise(3, 100, 100)
    with open_scene(make_scene(pixels, crs=crs, transform=transform), wanted=card.bands) as scene:
        geometry, found = footprint(scene)
    assert found == pytest.approx(bounds, abs=1e-6)
    shape = shapely.geometry.shape(geometry)
    assert shape.is_valid
    west, _, east, _ = shape.bounds
    assert -180 <= west <= east <= 180
    width = (bounds[2] - bounds[0]) % 360 or 360
    assert shape.area == pytest.approx(width * (bounds[3] - bounds[1]), rel=1e-6)


def test_a_footprint_around_a_pole_holds_it(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(noise(3, 100, 100), crs="EPSG:3031", transform=Affine(1000, 0, -50_000, 0, -1000, 50_000))
    with open_scene(path, wanted=card.bands) as scene:
        geometry, found = footprint(scene)
    assert found is not None
    assert (found[0], found[1], found[2]) == (-180, -90, 180)
    assert shapely.geometry.shape(geometry).contains(shapely.Point(77, -89.9))


def test_stac_by_the_command_line(
    make_scene: MakeScene, small_model: Path, tmp_path: Path, validator: JsonSchemaSTACValidator
) -> None:
    words = ["detect", str(make_scene(noise(3, 64, 64))), "--model", str(small_model), "--stac", "-q",
             "--precision", "float32"]  # fmt: skip
    result = CliRunner().invoke(main, [*words, "-o", str(tmp_path / "slides.fgb")])
    assert result.exit_code == 0, result.output
    item = json.loads((tmp_path / "slides.json").read_text())
    validate(item, validator)
    assert item["assets"]["landslides"] == {
        "href": "slides.fgb", "type": "application/vnd.flatgeobuf", "roles": ["data"],
        "title": "Landslides as polygons",
    }  # fmt: skip
    assert item["properties"]["landslide:device"] == "cpu"
    result = CliRunner().invoke(main, [*words, "-o", str(tmp_path / "slides.gpkg")])
    assert result.exit_code == 1
    assert "slides.json exists; choose another name or allow it with --overwrite" in result.stderr
    result = CliRunner().invoke(main, [*words, "-o", str(tmp_path / "slides.json"), "--overwrite"])
    assert result.exit_code == 1
    assert "name each differently" in result.stderr
