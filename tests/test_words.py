"""Docstrings that say what a signature can't: the shape of every array that a public function takes or gives."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import landslide_cli
from landslide_cli import typing

PACKAGE = Path(landslide_cli.__file__).parent
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
# Polygons are told by their number alone.
ARRAYS = {name for name, kind in vars(typing).items() if "ndarray" in repr(kind)} - {"Geometries"} | {
    "NDArray",
    "Tensor",
}
# ``(bands, height, width)``, ``(n, 2)``; "shape of the window", "of the same shape".
SHAPE = re.compile(r"``\([^`]+\)``|\bshapes?\b")


def public(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions that another module may call, and methods of classes that it may use."""
    tree = ast.parse(path.read_text())
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for owner, body in [("", tree.body), *((f"{node.name}.", node.body) for node in classes)]:
        for node in body:
            if isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name == "__call__"):
                yield owner + node.name, node


def has_arrays(function: ast.FunctionDef) -> bool:
    given = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    annotations = [one.annotation for one in given] + [function.returns]
    names = {node.id for one in annotations if one for node in ast.walk(one) if isinstance(node, ast.Name)}
    return bool(names & ARRAYS)


# Networks and what trains them speak torch, whose own words for shapes stand beside each line.
@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith(("networks/", "training/"))])
def test_functions_with_arrays_say_their_shapes(module: str) -> None:
    silent = [
        name
        for name, function in public(PACKAGE / module)
        if has_arrays(function) and not SHAPE.search(ast.get_docstring(function) or "")
    ]
    assert silent == []


def test_types_of_arrays_are_written_once() -> None:
    for module in MODULES:
        if module != "typing.py" and not module.startswith("training/"):
            again = re.findall(r"^\w+ = NDArray\[.*", (PACKAGE / module).read_text(), re.MULTILINE)
            assert again == [], module


def test_classes_say_what_they_are() -> None:
    """And not "What …", which only says that they are something."""
    vague = []
    for module in (name for name in MODULES if not name.startswith("training/")):
        for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
            if isinstance(node, ast.ClassDef) and (ast.get_docstring(node) or "").startswith("What "):
                vague.append(f"{module} {node.name}")
    assert vague == []
