"""GeoParquet, written in row groups so that the number of landslides doesn't matter to memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import shapely

from landslide_cli.typing import Float64

ROWS_IN_A_GROUP = 20_000
BBOX = ("xmin", "ymin", "xmax", "ymax")


def write_geoparquet(
    spool: Path, path: Path, *, sql: str, kind: str, crs: pyproj.CRS | None, tags: dict[str, str]
) -> None:
    """Copy a query's polygons to GeoParquet 1.1 (https://geoparquet.org/releases/v1.1.0/).

    The column ``bbox`` holds the bounds of each polygon, by which readers skip row groups.

    Args:
        spool: File to read.
        path: File to write.
        sql: What to read of it.
        kind: ``Polygon`` or ``MultiPolygon``; outer rings run counter-clockwise.
        crs: Coordinate reference system, or None.
        tags: More metadata.
    """
    import pyarrow as pa
    from pyarrow import parquet

    boxes = pa.struct([(name, pa.float64()) for name in BBOX])
    bounds = np.full(4, np.nan)
    with pyogrio.open_arrow(spool, sql=sql, batch_size=ROWS_IN_A_GROUP, use_pyarrow=True) as (meta, batches):
        name = meta["geometry_name"] or "wkb_geometry"
        fields = [field for field in batches.schema if field.name != name]
        schema = pa.schema([*fields, pa.field("geometry", pa.binary()), pa.field("bbox", boxes)])
        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in batches:
                wkb = batch.column(name).cast(pa.binary())
                corners = shapely.bounds(shapely.from_wkb(wkb.to_numpy(zero_copy_only=False)))
                bounds = _around(np.vstack([bounds, corners]))
                columns = [batch.column(field.name) for field in fields]
                box = pa.StructArray.from_arrays(list(map(pa.array, corners.T)), fields=list(boxes))
                writer.write_batch(pa.record_batch([*columns, wkb, box], schema=schema))
            geo = json.dumps(_metadata(kind, crs, bounds))
            writer.add_key_value_metadata({**tags, "geo": geo})


def _around(boxes: Float64) -> Float64:
    """Bounds of bounds; NaN is nothing."""
    return np.concatenate([np.fmin.reduce(boxes[:, :2]), np.fmax.reduce(boxes[:, 2:])])


def _metadata(kind: str, crs: pyproj.CRS | None, bounds: Float64) -> dict[str, Any]:
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": [kind],
        # Left out it would mean longitude and latitude.
        "crs": crs.to_json_dict() if crs else None,
        "edges": "planar",
        "orientation": "counterclockwise",
        "covering": {"bbox": {name: ["bbox", name] for name in BBOX}},
    }
    if np.isfinite(bounds).all():
        column["bbox"] = bounds.tolist()
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
