"""Rasters are Cloud-Optimized GeoTIFFs that show probabilities and tell how they were made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rio_cogeo import cog_validate

from landslide_cli.model.card import ModelCard
from landslide_cli.mosaic.cog import writing_cog
from landslide_cli.mosaic.encoding import STEPS
from landslide_cli.scene.ground import Ground
from tests.conftest import TRANSFORM, UTM, MakeScene, blobs, first_band, go
from tests.inventory.conftest import shown


def test_rasters_are_valid_cogs_with_provenance(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(blobs(700, 900))
    go(path, card, first_band())
    for name in ("prob.tif", "mask.tif"):
        raster = path.with_name(name)
        valid, errors, warnings = cog_validate(raster, strict=True)
        assert (valid, errors, warnings) == (True, [], [])
        assert "LANDSLIDE_MODEL=stand-in" in shown("gdalinfo", str(raster))


def test_a_raster_is_a_cog_that_shows_probabilities(tmp_path: Path) -> None:
    path = tmp_path / "prob.tif"
    rows = np.random.default_rng(0).integers(0, 256, (1100, 1300)).astype(np.uint8)
    with writing_cog(
        path, size=(1100, 1300), ground=Ground(TRANSFORM, rasterio.CRS.from_string(UTM)), scale=1 / STEPS,
        description="probability", tags={"MADE_BY": "test"}, overviews=Resampling.average,
    ) as writer:  # fmt: skip
        for top in range(0, 1100, 300):
            writer.write(top, rows[top : top + 300])
    with rasterio.open(path) as src:
        assert src.profile["blockxsize"] == 512
        assert src.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert src.overviews(1) == [2, 4]
        assert src.scales == (pytest.approx(1 / STEPS),)
        assert (src.nodata, src.transform, src.crs, src.descriptions) == (255, TRANSFORM, UTM, ("probability",))
        assert src.tags()["MADE_BY"] == "test"
        assert (src.read(1) == rows).all()
    assert [file.name for file in tmp_path.iterdir()] == ["prob.tif"]
