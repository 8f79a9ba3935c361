"""The STAC item of a run: where it lies, which files there are, which model made them.

STAC 1.1.0 (https://github.com/radiantearth/stac-spec) with the extensions projection 2.0.0, raster 1.1.0 and machine
learning model (MLM) 1.4.0.
"""

from __future__ import annotations

import base64
import json
import math
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyproj
import shapely
import shapely.affinity
from rasterio.errors import RasterioError
from rasterio.warp import transform_geom

from landslide_cli.detection.outputs import Outputs
from landslide_cli.inventory.formats import media_type
from landslide_cli.mosaic.encoding import NODATA, SPREAD_STEP, STEPS
from landslide_cli.prediction.plan import Plan
from landslide_cli.scene.ground import Bounds, WestSouthEastNorth
from landslide_cli.scene.scene import Scene

EXTENSIONS = [
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "https://stac-extensions.github.io/mlm/v1.4.0/schema.json",
]
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
# What the MLM extension takes for a name.
NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.\-\s]+[a-zA-Z0-9]")
# The scene's edges bend on their way to degrees; this many vertices follow them, where they aren't straight.
VERTICES_ON_A_SIDE = 16
FLAT = 1e-6  # degrees, 0.1 m
DIGITS = 7


def write_item(path: Path, plan: Plan, outputs: Outputs, tags: Mapping[str, str]) -> None:
    """Write the item of a run that ends now.

    Args:
        path: File to write, beside where it will lie at the end.
        plan: What was done.
        outputs: The files and their final names.
        tags: Provenance.
    """
    path.write_text(json.dumps(make_item(plan, outputs, tags, datetime.now(UTC)), indent=2, ensure_ascii=False) + "\n")


def make_item(plan: Plan, outputs: Outputs, tags: Mapping[str, str], ended: datetime) -> dict[str, Any]:
    """The item as JSON has it; ``ended`` is in UTC."""
    assert outputs.stac is not None
    place, bbox = footprint(plan.scene)
    when = ended.strftime("%Y-%m-%dT%H:%M:%SZ")
    provenance = {name.lower().replace("_", ":", 1): value for name, value in tags.items()}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": EXTENSIONS,
        "id": outputs.stac.stem,
        "geometry": place,
        **({"bbox": bbox} if bbox else {}),
        "properties": {
            "title": f"Landslides found in {plan.scene.name}",
            # The day when the scene was taken is rarely known to its file.
            "datetime": when,
            "created": when,
            **_projection(plan.scene),
            **_model(plan, tags),
            **provenance,
        },
        "links": [],
        "assets": _assets(plan, outputs),
    }


def footprint(scene: Scene) -> tuple[dict[str, Any] | None, WestSouthEastNorth | None]:
    """Outline and bounds of a scene in longitude and latitude; None for both where that can't be told.

    An outline across the antimeridian is cut there, and its west is larger than its east (RFC 7946, sections 3.1.9
    and 5.2).
    """
    if not scene.ground.has_longitude:
        return None, None
    outline = shapely.box(0, 0, scene.width, scene.height)
    outline = shapely.segmentize(outline, max(scene.width, scene.height) / VERTICES_ON_A_SIDE)
    outline = shapely.transform(outline, lambda x, y: scene.transform @ (x, y), interleaved=False)
    try:
        placed = transform_geom(
            scene.crs, "EPSG:4326", shapely.geometry.mapping(outline), antimeridian_cutting=True, precision=DIGITS
        )
    except RasterioError:
        return None, None
    shape = shapely.geometry.shape(placed)
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        return None, None
    shape = shapely.orient_polygons(shapely.simplify(_within_a_turn(shape), FLAT))
    corners = shapely.get_coordinates(shape)
    west, south, east, north = shape.bounds
    if any(part.bounds[2] - part.bounds[0] >= 360 for part in shapely.get_parts(shape)):
        return shapely.geometry.mapping(shape), (west, south, east, north)
    bounds = Bounds()
    bounds.add(*corners.T)
    return shapely.geometry.mapping(shape), bounds.degrees


def _within_a_turn(shape: Any) -> Any:
    """Longitudes from -180 to 180: degrees come back from GDAL as they are, also beyond the antimeridian."""
    parts = []
    for turn in (-360, 0, 360):
        part = shapely.intersection(shape, shapely.box(turn - 180, -90, turn + 180, 90))
        parts += [p for p in shapely.get_parts(shapely.affinity.translate(part, -turn)) if p.area > 0]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _projection(scene: Scene) -> dict[str, Any]:
    authority = scene.crs.to_authority() if scene.crs else None
    found: dict[str, Any] = {
        "proj:code": ":".join(authority) if authority else None,
        "proj:shape": [scene.height, scene.width],
        "proj:transform": list(scene.transform)[:6],
    }
    if scene.crs and not authority:
        found["proj:projjson"] = pyproj.CRS.from_wkt(scene.crs.to_wkt()).to_json_dict()
    return found


def _model(plan: Plan, tags: Mapping[str, str]) -> dict[str, Any]:
    card, (low, high) = plan.card, plan.value_range
    threshold = float(tags["LANDSLIDE_THRESHOLD"])
    scaling = [
        {"type": "z-score", "mean": low + mean * (high - low), "stddev": std * (high - low)}
        for mean, std in zip(card.mean, card.std, strict=True)
    ]
    shape = [-1, plan.size, plan.size]
    return {
        "mlm:name": card.model_id if NAME.fullmatch(card.model_id) else "landslide model",
        "mlm:architecture": card.network,
        "mlm:framework": "PyTorch",
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:input": [{
            "name": "scene", "bands": list(card.bands), "value_scaling": scaling,
            "input": {
                "shape": [-1, len(card.bands), *shape[1:]], "dim_order": ["batch", "bands", "height", "width"],
                "data_type": "float32",
            },
        }],
        "mlm:output": [{
            "name": "probability", "tasks": ["semantic-segmentation"],
            "result": {"shape": shape, "dim_order": ["batch", "height", "width"], "data_type": "float32"},
        }],
        "mlm:hyperparameters": {"threshold": threshold, "overlap": tags["LANDSLIDE_OVERLAP"], "tta": plan.tta},
    }  # fmt: skip


def _assets(plan: Plan, outputs: Outputs) -> dict[str, Any]:
    assert outputs.stac is not None
    folder = outputs.stac.absolute().parent
    assets: dict[str, Any] = {
        "landslides": {
            "href": _href(outputs.inventory, folder), "type": media_type(outputs.inventory), "roles": ["data"],
            "title": "Landslides as polygons",
        }
    }  # fmt: skip
    steps = (("probability", outputs.probability, 1 / STEPS), ("mask", outputs.mask, 1.0),
             ("spread", outputs.spread, SPREAD_STEP))  # fmt: skip
    metres = plan.scene.resolution_m
    for name, path, scale in steps:
        if path is not None:
            band: dict[str, Any] = {"data_type": "uint8", "nodata": NODATA, "scale": scale, "offset": 0}
            if metres is not None and math.isfinite(metres):
                band["spatial_resolution"] = metres
            assets[name] = {
                "href": _href(path, folder), "type": COG, "roles": ["data"], "raster:bands": [band],
                "title": f"Landslide {name}" if name != "spread" else "Spread between views",
            }  # fmt: skip
    assets["model"] = {
        "href": _named_information(plan.card.sha256), "type": "application/octet-stream", "roles": ["mlm:model"],
        "title": f"Weights of {plan.card.model_id}", "mlm:artifact_type": "safetensors",
        "raster:bands": [{"name": band} for band in plan.card.bands],
    }  # fmt: skip
    return assets


def _href(path: Path, folder: Path) -> str:
    return quote(Path(os.path.relpath(path.absolute(), folder)).as_posix())


def _named_information(sha256: str) -> str:
    """A URI for bytes by their checksum (RFC 6920): weights lie elsewhere on each machine."""
    digest = base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")
    return f"ni:///sha-256;{digest}"
