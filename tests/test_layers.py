"""Imports point down only: cli, evaluation, detection and training, prediction, plan, the leaves, the ground."""

from __future__ import annotations

import ast
from pathlib import Path

import landslide_cli

PACKAGE = Path(landslide_cli.__file__).parent
FLOORS = [
    {"errors", "_version", "mirroring", "ahead", "resampling"},
    {"tiling", "model", "extras", "files", "ground", "slope", "histograms", "neighbours", "style", "geopackage"},
    {"vectors"},
    {"scene", "area", "mosaic", "polygons", "shaping", "terrain", "engine", "objects"},
    {"bounds", "shapefile", "geoparquet", "runs"},
    {"plan", "attributes", "dem"},
    {"formats", "reading"},
    {"inventory", "stored"},
    {"prediction", "collector", "outputs", "metrics"},
    {"stac"},
    {"detection", "polygonizing", "thresholds", "training", "demo", "report"},
    {"preview", "evaluation", "benchmark", "doctor", "batch"},
    {"export"},
    {"cli"},
]
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports() -> list[tuple[str, str]]:
    found = []
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [(module, name) for name in names if name.startswith("landslide_cli.")]
    return found


def test_every_room_has_a_floor() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert rooms - {"__init__", "__main__"} == FLOOR_OF.keys()


def test_imports_point_down() -> None:
    for module, imported in imports():
        here, there = room(module), room(imported)
        if here in ("", "__main__") or here == there:
            continue
        assert FLOOR_OF[there] < FLOOR_OF[here], f"{module} imports {imported}"


def test_polygons_and_mosaic_know_no_torch_and_scenes_no_network() -> None:
    for name in ("tiling", "scene", "mosaic", "polygons", "inventory", "terrain", "attributes"):
        files = (PACKAGE / name).glob("*.py") if (PACKAGE / name).is_dir() else [PACKAGE / f"{name}.py"]
        source = "".join(path.read_text() for path in files)
        assert "import torch" not in source
        assert "landslide_cli.model" not in source
