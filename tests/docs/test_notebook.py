"""docs/notebook.ipynb runs, and prints what it shows (write it anew: python -m tests.docs.test_notebook)."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

from tests.docs.conftest import ROOT, assert_agrees

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


def run(folder: Path) -> Any:
    """The notebook with what its cells gave, run in a folder."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    for cell in notebook.cells:
        # Times of day would change with every run.
        cell.metadata.pop("execution", None)
    return notebook


def texts(notebook: Any) -> list[str]:
    """What the cells print and give, in order; pictures by their names alone."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.get("text") or output["data"]["text/plain"] for output in outputs if output.get("name") != "stderr"]


def test_the_notebook_gives_what_it_shows(tmp_path: Path) -> None:
    shown, given = texts(nbformat.read(NOTEBOOK, as_version=4)), texts(run(tmp_path))
    assert len(shown) == len(given) > 6
    for one, other in zip(shown, given, strict=True):
        assert_agrees(one, other)
    assert {"slides.gpkg", "prob.tif", "report.html"} <= {path.name for path in tmp_path.iterdir()}


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        nbformat.write(run(Path(folder)), NOTEBOOK)
