"""What may import what: a room of the package knows those below it, and nothing of the others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import landslide_cli

PACKAGE = Path(landslide_cli.__file__).parent

ANYONE = {"_version", "errors", "extras", "files", "foreign", "parsing", "typing"}
PREDICTION = {"scene", "tiling", "model", "networks", "engine", "mosaic"}
DETECTION = PREDICTION | {"prediction", "cluster", "polygons", "inventory", "demo"}
EVALUATION = PREDICTION | {"prediction", "metrics", "chips"}
MAY_IMPORT: dict[str, set[str]] = {
    "tiling": set(),
    "polygons": set(),
    "networks": set(),
    "scene": set(),
    "demo": {"scene"},
    "model": {"networks"},
    "engine": {"model", "networks"},
    "mosaic": {"tiling", "scene"},
    "prediction": PREDICTION,
    "cluster": PREDICTION | {"prediction"},
    "inventory": {"scene", "polygons", "mosaic"},
    "detection": DETECTION,
    "chips": {"scene"},
    "metrics": {"mosaic"},
    "evaluation": EVALUATION,
    "training": EVALUATION | {"evaluation"},
    "export": EVALUATION | {"evaluation"},
    "merging": {"scene", "inventory"},
    "changes": {"scene", "inventory", "merging"},
    "batch": DETECTION | {"detection", "merging"},
    "report": DETECTION | {"detection"},
    "doctor": DETECTION | {"detection"},
}
# These open the door to everything and nobody imports them.
DOORS = {"__init__", "__main__", "cli"}


def rooms() -> set[str]:
    """Packages and modules at the top."""
    return {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}


def imports(path: Path) -> Iterator[str]:
    """Every module of ours that a file imports, also inside of functions and for types alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name for name in names if name.split(".")[0] == "landslide_cli")


def test_every_room_has_its_line() -> None:
    assert rooms() == MAY_IMPORT.keys() | ANYONE | DOORS


@pytest.mark.parametrize("room", sorted(MAY_IMPORT.keys() | ANYONE))
def test_a_room_imports_what_it_may(room: str) -> None:
    allowed = MAY_IMPORT.get(room, set()) | ANYONE | {room}
    files = (PACKAGE / room).rglob("*.py") if (PACKAGE / room).is_dir() else [PACKAGE / f"{room}.py"]
    for path in files:
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for name in imports(path):
            parts = name.split(".")
            assert len(parts) > 1, f"{module} imports the public face; name the module"
            assert parts[1] in allowed, f"{module} imports {name}"


def test_what_handles_pixels_knows_no_torch() -> None:
    for room in ("tiling", "scene", "mosaic", "polygons", "inventory"):
        for path in (PACKAGE / room).rglob("*.py"):
            assert "import torch" not in path.read_text(), path
