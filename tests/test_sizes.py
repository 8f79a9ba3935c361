"""Code that a reader understands in one sitting: how long a module may be, and how much a function may take."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import landslide_cli

PACKAGE = Path(landslide_cli.__file__).parent
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
LINES_OF_A_MODULE, LINES_OF_A_FUNCTION, PARAMETERS = 300, 60, 8


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))


def parameters(function: ast.FunctionDef) -> list[str]:
    """What a caller can give, without what a method is called on."""
    given = function.args
    names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls")]


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_long(module: str) -> None:
    assert len((PACKAGE / module).read_text().splitlines()) <= LINES_OF_A_MODULE


@pytest.mark.parametrize("module", MODULES)
def test_no_function_is_long(module: str) -> None:
    for function in functions(PACKAGE / module):
        # What a docstring says at length isn't work.
        first = function.body[0]
        said = 1 + (first.end_lineno or 0) - first.lineno if ast.get_docstring(function) else 0
        assert (function.end_lineno or 0) - function.lineno + 1 - said <= LINES_OF_A_FUNCTION, function.name


# A command of the command line takes as many parameters as it has options.
@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith("cli/")])
def test_no_function_takes_much(module: str) -> None:
    for function in functions(PACKAGE / module):
        assert len(parameters(function)) <= PARAMETERS, function.name
