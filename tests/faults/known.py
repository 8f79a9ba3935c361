"""Inputs that once fell short, each with what the command line or the file held."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from tests.conftest import TRANSFORM, noise
from tests.faults.seeds import Seeds
from tests.faults.trial import Trial

NAN, INF = float("nan"), float("inf")
OPTIONS = (
    "--resolution 1e-300", "--threshold 0.5 --batch-size 99999", "--resolution 1e-3 --threshold 1 --simplify inf",
    "--precision int8 --scale 2949700,-1e308 --resolution 0.02", "--threshold nan --batch-size 3",
    "--scale 500000.0000001,1 --batch-size 1000000000000 --connectivity 4", "--threshold 1e-9 --model a\nb --device cpu;rm",
    "--scale 2949700,2949700 --min-area 5", "--resolution nan --tta d4",
)  # fmt: skip
CARDS: tuple[dict[str, Any], ...] = (
    {"value_range": [0, 0, 0]}, {"threshold": [None]}, {"resolution_m": "nosuch"}, {"tta": -1},
    {"licence": INF, "arguments": "x"}, {"model_id": {}}, {"licence": 1e308}, {"resolution_m": True},
    {"known_failures": NAN}, {"value_range": "d4"}, {"model_id": [1e-300, 1e-300], "known_failures": [0, 0]},
    {"value_range": False}, {"licence": "a\nb", "bands": [-1, -1, -1]}, {"std": "0.5"},
)  # fmt: skip
CARD_TEXTS = (b"[" * 100_000, b"\xff\xfe", b"\xc3\xbf\xc3")
RECIPES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("augmentation", {"tint": [0, 0]}), ("augmentation", {"jpeg": ""}), ("", {"sources": "x"}),
    ("phases", {"steps": "a\nb"}), ("phases", {"batch": ["["]}), ("", {"arguments": [2, 1]}), ("sources", {"path": []}),
    ("sources", {"scale": [[1]]}), ("", {"seed": ".."}), ("phases", {"zoom": "slides"}), ("", {"warmup": ""}),
    ("sources", {"scale": ".."}),
)  # fmt: skip
RECIPE_TEXTS = (b"a = \xbd", b"a=" + b"[" * 100_000)
GROUPS = (b"\xc3\xbf\xc3", b"stem,group\ns0," + b"x" * 200_000, b"\xff\xfe")
# Nodata, coordinate system and geotransform that hardly go together.
PLACES: tuple[tuple[str, Affine], ...] = (
    ("EPSG:32648", Affine(4, 0, NAN, 0, -4, 2_900_000)), ("EPSG:4978", Affine(4, 0, 500_000, 0, -4, 2_900_000)),
    ('LOCAL_CS["x",UNIT["metre",1]]', Affine(4, 4, 500_000, 4, 4, 2_900_000)), ("EPSG:2056", Affine(4, 4, 5e5, 4, 4, 2.9e6)),
    ("+proj=tmerc +lat_0=0 +lon_0=105 +k=1e-9 +ellps=WGS84", Affine(4, 0, 5e5, 0, -4, 2.9e6)),
    ("+proj=geos +h=35785831 +lon_0=0 +sweep=y +ellps=WGS84", Affine(1e-300, 0, 0, 0, -1e-300, 0)),
    ("EPSG:32648+5773", Affine(1e300, 0, 0, 0, -1e300, 0)), ("EPSG:32648", Affine(1e6, 0, 0, 0, -1e6, 0)),
    ("+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39 +lon_0=-6 +datum=WGS84", TRANSFORM),
)  # fmt: skip
OUTS = ("", "outa\tb.parquet")
AREAS = (
    {"type": "FeatureCollection", "crs": {"type": "name", "properties": None}, "features": []},
    {"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4978"}},
     "features": [{"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}}]},
)  # fmt: skip
DETECT = ["detect", "scene.tif", "-o", "out.gpkg", "--probability", "out_p.tif", "--mask", "out_m.tif", "--stac"]


def _options(words: str, seeds: Seeds, folder: Path) -> Trial:
    seeds.copy("scene_strips.tif", folder, "scene.tif")
    model = [] if "--model" in words else seeds.model
    return Trial(words, [*DETECT, *model, *words.split(" ")], "scene.tif")


def _card(content: bytes, seeds: Seeds, folder: Path, command: str) -> Trial:
    seeds.copy("scene_strips.tif", folder, "scene.tif")
    (folder / "m.safetensors").write_bytes(seeds.bytes("models/small.safetensors"))
    (folder / "m.json").write_bytes(content)
    words = {
        "detect": [*DETECT, "--model", "m.safetensors", "--engine", "torch"],
        "show": ["models", "show", "m.safetensors"],
        "export": ["export", "m.safetensors", "--format", "pt2", "-o", "out.pt2"],
    }
    return Trial(f"card {content[-80:]!r}", words[command], "scene.tif")


def _recipe(content: bytes, seeds: Seeds, folder: Path) -> Trial:
    (folder / "r.toml").write_bytes(content)
    words = [
        "train",
        "r.toml",
        "--data",
        str(seeds.folder / "data"),
        "-o",
        "out.safetensors",
        "--run-dir",
        "out_run",
        "-q",
    ]
    return Trial(f"recipe {content[:80]!r}", words)


def _changed_recipe(where: str, change: dict[str, Any], seeds: Seeds) -> bytes:
    from tests.faults.kinds import toml

    told = tomllib.loads(seeds.bytes("recipe.toml").decode())
    if where == "augmentation":
        told["augmentation"] = change
    else:
        place = told[where][0] if where else told
        place.update(change)
    return toml(told).encode()


def _place(crs: str, transform: Affine, seeds: Seeds, folder: Path) -> Trial:
    with rasterio.open(folder / "scene.tif", "w", driver="GTiff", count=3, height=64, width=64, dtype="uint8", crs=crs,
                       transform=transform) as dst:  # fmt: skip
        dst.write(noise(3, 64, 64).astype(np.uint8))
    return Trial(f"{crs} {transform!r}", [*DETECT, *seeds.model], "scene.tif")


def trials(seeds: Seeds) -> list[Any]:
    """Functions that lay one of them into a folder."""
    card = json.loads(seeds.bytes("models/small.json"))
    cards = [json.dumps(card | change).encode() for change in CARDS] + list(CARD_TEXTS)
    recipes = [_changed_recipe(where, change, seeds) for where, change in RECIPES] + list(RECIPE_TEXTS)

    def groups(content: bytes, folder: Path) -> Trial:
        seeds.copy("data", folder)
        (folder / "data" / "groups.csv").write_bytes(content)
        words = ["evaluate", "data/slides", "--pixel-size", "0.8", "--groups", "*", *seeds.model]
        return Trial(f"groups {content[:30]!r}", words)

    def area(told: object, folder: Path) -> Trial:
        seeds.copy("scene_strips.tif", folder, "scene.tif")
        (folder / "aoi.geojson").write_text(json.dumps(told))
        return Trial(f"area {json.dumps(told)[:100]}", [*DETECT, *seeds.model, "--aoi", "aoi.geojson"], "scene.tif")

    def out(name: str, folder: Path) -> Trial:
        seeds.copy("scene_strips.tif", folder, "scene.tif")
        return Trial(f"out {name!r}", ["detect", "scene.tif", "-o", name, *seeds.model], "scene.tif")

    return [
        *(lambda folder, one=one: _options(one, seeds, folder) for one in OPTIONS),
        *(lambda folder, one=one, do=do: _card(one, seeds, folder, do) for one in cards for do in ("detect", "show", "export")),
        *(lambda folder, one=one: _recipe(one, seeds, folder) for one in recipes),
        *(lambda folder, one=one: groups(one, folder) for one in GROUPS),
        *(lambda folder, one=one: _place(*one, seeds, folder) for one in PLACES),
        *(lambda folder, one=one: area(one, folder) for one in AREAS),
        *(lambda folder, one=one: out(one, folder) for one in OUTS),
    ]  # fmt: skip
