"""Pages that fail when they lie."""

from __future__ import annotations

import inspect
import subprocess
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from landslide_cli import __version__, errors
from tests.docs.conftest import ROOT


@pytest.mark.parametrize(
    "error",
    [e for _, e in inspect.getmembers(errors, inspect.isclass) if issubclass(e, (errors.LandslideError, Warning))],
)
def test_every_error_is_explained(error: type) -> None:
    assert f"`{error.__name__}`" in (ROOT / "docs" / "errors.md").read_text()


def test_every_attribute_is_explained_and_its_short_name_told() -> None:
    from landslide_cli.inventory.attributes import FIELDS, SHORT_NAMES

    text = (ROOT / "docs" / "outputs.md").read_text()
    assert [name for name in [*FIELDS, *SHORT_NAMES.values()] if f"`{name}`" not in text] == []


def test_every_column_of_the_other_layers_is_explained() -> None:
    from landslide_cli.inventory.provenance import Job, run_row

    _, _, text = (ROOT / "docs" / "outputs.md").read_text().partition("### `runs`")
    now = datetime.now(UTC)
    columns = run_row(Job("scene.tif", 1, 1, None, now), {}, now)
    assert [name for name in columns if f"`{name}`" not in text.partition("## Provenance")[0]] == []


# One image with its source and licence beside it, for the README.
REAL = {"docs/real/found.jpg", "docs/real/sichuan_023.jpg"}


def test_nothing_in_the_project_is_imagery_but_one_image_with_its_source() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    assert {name for name in tracked.stdout.splitlines() if name.endswith((".tif", ".jpg", ".jpeg"))} <= REAL
    assert sum((ROOT / name).stat().st_size for name in REAL) < 2_000_000
    told = (ROOT / "docs" / "real" / "README.md").read_text()
    assert all(word in told for word in ("Zeng 2021", "CC BY 4.0", *(Path(name).name for name in REAL)))


def test_the_citation_has_version_and_licence_of_the_package() -> None:
    text = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {__version__}\n" in text
    assert f"\nlicense: {tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['license']}\n" in text
