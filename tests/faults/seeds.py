"""Sound files of every kind that the commands read, small, made once."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner

from tests.conftest import TRANSFORM, UTM, blobs, write_data, write_small_model
from tests.training.conftest import RECIPE as LONG

SIDE = 96
LEFT, TOP = TRANSFORM.c, TRANSFORM.f
ENDINGS = (".gpkg", ".geojson", ".shp", ".fgb", ".kml", ".csv", ".parquet", ".gml")
LAYOUTS = {
    "strips": {},
    "tiled": {"tiled": True, "blockxsize": 32, "blockysize": 32},
    "lzw": {"compress": "lzw", "tiled": True, "blockxsize": 64, "blockysize": 64, "predictor": 2},
    "deflate": {"compress": "deflate", "interleave": "band"},
    "jpeg": {"compress": "jpeg", "photometric": "ycbcr", "tiled": True, "blockxsize": 64, "blockysize": 64},
    "bigtiff": {"bigtiff": "yes", "nodata": 0},
}
OTHERS = {"png": "PNG", "jpg": "JPEG", "img": "HFA", "ppm": "PNM", "bmp": "BMP", "gpkg": "GPKG",
          "jp2": "JP2OpenJPEG", "envi": "ENVI", "webp": "WEBP"}  # fmt: skip
RECIPE = LONG.replace("patience = 50\nhard_every = 50\n", "").replace("steps = 120", "steps = 2")


@dataclass(frozen=True, slots=True)
class Seeds:
    """A folder with all of it."""

    folder: Path

    def bytes(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def copy(self, name: str, folder: Path, to: str = "") -> Path:
        """A file or a folder of it, with what has the same stem (sidecars)."""
        source, target = self.folder / name, folder / (to or Path(name).name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            for part in source.parent.glob(f"{source.stem}.*"):
                shutil.copy(part, target.with_name(target.stem + part.name[len(source.stem) :]))
        return target

    @property
    def model(self) -> list[str]:
        return ["--model", str(self.folder / "models" / "small.safetensors"), "--engine", "torch"]


def make_seeds(folder: Path) -> Seeds:
    """Write them. Starts threads, so call it in a process that doesn't fork."""
    folder.mkdir(parents=True, exist_ok=True)
    card = write_small_model(folder / "models").with_suffix(".json")
    # The network is untrained; with this threshold it finds dozens of polygons.
    card.write_text(json.dumps(json.loads(card.read_text()) | {"threshold": 0.432}))
    _rasters(folder)
    _vectors(folder)
    write_data(folder / "data")
    (folder / "recipe.toml").write_text(RECIPE)
    _runs(Seeds(folder))
    return Seeds(folder)


def _rasters(folder: Path) -> None:
    pixels = blobs(SIDE, SIDE)
    profile = {"count": 3, "height": SIDE, "width": SIDE, "dtype": "uint8", "crs": UTM, "transform": TRANSFORM}
    for name, layout in LAYOUTS.items():
        with rasterio.open(folder / f"scene_{name}.tif", "w", driver="GTiff", **profile, **layout) as dst:
            dst.write(pixels)
    with rasterio.open(folder / "scene_uint16.tif", "w", driver="GTiff", **profile | {"dtype": "uint16"}) as dst:
        dst.write(pixels.astype(np.uint16) * 40)
    with rasterio.open(folder / "scene_masked.tif", "w", driver="GTiff", **profile) as dst:
        dst.write(pixels)
        dst.write_mask(pixels[0] > 60)
    for ending, driver in OTHERS.items():
        options = {} if ending != "gpkg" else {"tiled": True}
        with rasterio.open(folder / f"other.{ending}", "w", driver=driver, **profile | options) as dst:
            dst.write(pixels)
    shutil.copy(folder / "scene_strips.tif", folder / "scene.tif")
    heights = np.linspace(0, 80, SIDE * SIDE, dtype=np.float32).reshape(1, SIDE, SIDE)
    with rasterio.open(folder / "dem.tif", "w", driver="GTiff", **profile | {"count": 1, "dtype": "float32"}) as dst:
        dst.write(heights)


def _vectors(folder: Path) -> None:
    half = SIDE * TRANSFORM.a / 2
    area = shapely.box(LEFT + 5, TOP - half, LEFT + half, TOP - 5)
    other = shapely.Point(LEFT + half, TOP - half).buffer(half / 3)
    frame = geopandas.GeoDataFrame({"name": ["a", "b"], "value": [1, 2.5]}, geometry=[area, other], crs=UTM)
    for ending in ENDINGS:
        if ending == ".parquet":
            frame.to_parquet(folder / f"area{ending}")
        elif ending == ".csv":
            frame.assign(WKT=frame.geometry.to_wkt()).drop(columns="geometry").to_csv(folder / f"area{ending}")
        else:
            frame.to_file(folder / f"area{ending}", driver="KML" if ending == ".kml" else None)


def _runs(seeds: Seeds) -> None:
    """What the commands write themselves."""
    from landslide_cli.cli import main

    folder = seeds.folder
    scene = str(folder / "scene.tif")

    def landslide(*words: str) -> None:
        result = CliRunner().invoke(main, list(words))
        assert result.exit_code == 0, result.output

    for ending in (".gpkg", ".geojson", ".shp", ".fgb", ".parquet"):
        more = ["--probability", str(folder / "prob.tif"), "--stac"] if ending == ".gpkg" else []
        (folder / ending[1:]).mkdir()
        landslide("detect", scene, "-o", str(folder / ending[1:] / f"slides{ending}"), *more, *seeds.model)
    (folder / "in").mkdir()
    for name, shift in (("a", 0), ("b", 40)):
        with (
            rasterio.open(scene) as src,
            rasterio.open(
                folder / "in" / f"{name}.tif",
                "w",
                **src.profile | {"transform": TRANSFORM @ Affine.translation(shift, 0)},
            ) as dst,
        ):
            dst.write(src.read())
    landslide("batch", str(folder / "in"), "-o", str(folder / "batch"), *seeds.model)
    landslide("export", str(folder / "models" / "small.safetensors"), "--format", "openvino", "-o",
              str(folder / "models" / "small.xml"))  # fmt: skip


if __name__ == "__main__":
    import sys

    make_seeds(Path(sys.argv[1]))
