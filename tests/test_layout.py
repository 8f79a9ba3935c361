"""Tests lie where the code lies: one file for each module or command, and helpers in conftest.py."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "landslide_cli"
FILES = sorted(TESTS.rglob("test_*.py"))
# What no single module answers for.
ACROSS = {
    "test_face.py", "test_golden.py", "test_shipped.py",
    "test_layers.py", "test_sizes.py", "test_layout.py", "test_real_imagery.py",
    "test_values.py", "test_words.py", "test_complete_masks.py", "cli/test_main.py",
    "cli/test_refusals.py", "inventory/test_known_shapes.py", "networks/test_overfit.py", "report/test_browser.py",
    "report/test_review.py", "test_day.py",
}  # fmt: skip
ELSEWHERE = {"docs", "qgis", "faults"}


def module_of(path: Path) -> Path:
    """The module or folder that a test file is named after; its own package, where both have one name."""
    folder, name = path.relative_to(TESTS).parent, path.stem.removeprefix("test_")
    if folder.name == name:
        return PACKAGE / folder / "__init__.py"
    module = PACKAGE / folder / f"{name}.py"
    return module if module.exists() else PACKAGE / folder / name


def test_every_file_is_named_after_a_module() -> None:
    named = [path for path in FILES if path.relative_to(TESTS).parts[0] not in ELSEWHERE]
    strangers = {path.relative_to(TESTS).as_posix() for path in named if not module_of(path).exists()}
    assert strangers == ACROSS


def test_no_file_imports_from_another_test_file() -> None:
    borrowed = []
    for path in [*FILES, *TESTS.rglob("conftest.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2].startswith("test_"):
                borrowed.append(f"{path.relative_to(TESTS)}: {node.module}")
    assert borrowed == []


def test_every_package_has_tests() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert packages - {path.parent.name for path in FILES} == set()
