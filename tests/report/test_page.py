"""What the page tells, and that it needs nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.inventory.classes import CLASSES, legend
from landslide_cli.inventory.confidence import DEFAULT
from tests.report.conftest import data_of, report


def test_the_page_tells_what_the_inventory_tells(results: tuple[Path, Path, Path], tmp_path: Path) -> None:
    scene, inventory, probability = results
    before = sorted(file.name for file in tmp_path.iterdir())
    page = tmp_path / "report.html"
    result = report(inventory, "--scene", scene, "-o", page, "--probability", probability, "--json", "-q")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    landslides = geopandas.read_file(inventory, layer="landslides")
    assert told["landslides"] == len(landslides) > 5
    assert told["size"] == page.stat().st_size
    text, data = page.read_text(), data_of(page)
    names = [column["name"] for column in data["columns"]]
    assert data["values"][names.index("id")] == landslides["id"].tolist()
    np.testing.assert_allclose(data["values"][names.index("area_m2")], landslides["area_m2"], atol=0.51)
    assert len(data["shapes"]) == len(landslides)
    assert [raster["name"] for raster in data["rasters"]] == ["scene", "probability"]
    assert "83.3% of the scene was analysed" in text
    blank = re.search(r"About ([0-9.]+)% of the scene is nodata", text)
    assert blank
    assert float(blank[1]) == pytest.approx(16.7, abs=0.6)
    assert "<dd>stand-in</dd>" in text
    assert "isn&#x27;t installed where this page was made" in text
    assert "BSD 2-Clause License" in text
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*before, "report.html"])


def test_colours_and_legend_are_those_of_the_one_table(results: tuple[Path, Path, Path], tmp_path: Path) -> None:
    scene, inventory, _ = results
    slides = pyogrio.read_dataframe(inventory, layer="landslides")
    slides.loc[0, "status"] = "not_landslide"
    pyogrio.write_dataframe(slides, inventory, layer="landslides", driver="GPKG")
    page = tmp_path / "report.html"
    assert report(inventory, "--scene", scene, "-o", page, "-q").exit_code == 0
    text, data = page.read_text(), data_of(page)
    assert data["colours"] == [shown.colour for shown in CLASSES]
    names = [CLASSES[number].name for number in data["classes"]]
    assert names == slides["confidence"].tolist()
    # What a person rejected is told by its status, which may change on the page.
    assert CLASSES[data["rejected"]].name == "rejected"
    status = data["values"][[column["name"] for column in data["columns"]].index("status")]
    assert [data["statuses"][code][0] for code in status] == ["not_landslide", *["unreviewed"] * (len(slides) - 1)]
    assert "<dt>Rejected by review</dt><dd>1</dd>" in text
    names.append("rejected")
    for shown in CLASSES:
        assert (legend(DEFAULT)[shown.name] in text) == (shown.name in names), shown.name


def test_what_is_new_has_a_column_a_filter_and_a_total(results: tuple[Path, Path, Path], tmp_path: Path) -> None:
    scene, inventory, _ = results
    slides = pyogrio.read_dataframe(inventory, layer="landslides")
    new = pd.array([True, False, None] + [True] * (len(slides) - 3), dtype="boolean")
    pyogrio.write_dataframe(slides.assign(new=new, prob_before=0.25), inventory, layer="landslides", driver="GPKG")
    page = tmp_path / "report.html"
    assert report(inventory, "--scene", scene, "-o", page, "-q").exit_code == 0
    text, data = page.read_text(), data_of(page)
    column = next(number for number, one in enumerate(data["columns"]) if one["name"] == "new")
    assert data["values"][column][:4] == [1, 0, None, 1]
    assert f"<dt>New</dt><dd>{len(slides) - 2}</dd>" in text
    assert "<dt>On ground not seen before</dt><dd>1</dd>" in text


def test_nothing_in_the_page_points_elsewhere(results: tuple[Path, Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert report(results[1], "--scene", results[0], "-o", page).exit_code == 0
    text = page.read_text()
    assert "default-src 'none'" in text
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL))
    assert "sourceMappingURL" not in text


def test_what_a_run_tells_comes_into_the_page_and_can_do_no_harm(
    results: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    scene, inventory, _ = results
    evil = "</script><img src=x onerror=alert(1)>"
    hostile = scene.rename(tmp_path / "<img src=x onerror=alert(1)>&'\".tif")
    run = pd.DataFrame(
        {
            "version": ["9.9"], "scene": [hostile.name], "command": [evil], "threshold": [0.25],
            "started": [pd.Timestamp("2026-01-02T03:04:05", tz="UTC")],
        }
    )  # fmt: skip
    pyogrio.write_dataframe(run, inventory, layer="runs", driver="GPKG", append=True)
    page = tmp_path / "report.html"
    result = report(inventory, "--scene", hostile, "-o", page)
    assert result.exit_code == 0, result.output
    text = page.read_text()
    assert "<img" not in text.replace("<img src=\\", "")
    assert text.count("</script>") == 3
    assert "<dd>0.25</dd>" in text
    assert "<dd>2026-01-02 03:04:05 UTC</dd>" in text
    assert data_of(page)["frame"]["mercator"]


def test_leaflet_is_in_the_package_with_its_licence() -> None:
    from importlib.resources import files

    from landslide_cli.report.page import LEAFLET, SCRIPTS

    assets = files("landslide_cli.report") / "assets"
    assert f"Leaflet {LEAFLET}" in assets.joinpath(f"leaflet-{LEAFLET}.js").read_text()
    assert "Redistribution and use" in assets.joinpath("LICENSE.leaflet").read_text()
    for name in (*SCRIPTS, f"leaflet-{LEAFLET}.js"):
        assert "</script" not in assets.joinpath(name).read_text().lower()


def test_new_landslides_are_told_from_old_ones(results: tuple[Path, Path, Path], tmp_path: Path) -> None:
    scene, _, probability = results
    inventory, page = tmp_path / "new.gpkg", tmp_path / "report.html"
    words = ["polygonize", probability, "-o", inventory, "--threshold", "0.5", "--before", probability, "-q"]
    assert CliRunner().invoke(main, list(map(str, words))).exit_code == 0
    assert report(inventory, "--scene", scene, "-o", page, "-q").exit_code == 0
    text, data = page.read_text(), data_of(page)
    count = len(data["shapes"])
    assert f"<dt>New</dt><dd>0</dd></div><div><dt>There before</dt><dd>{count}</dd>" in text
    assert "On ground not seen before" not in text
    assert f"<dt>Image of before</dt><dd>{probability.name}</dd>" in text
    names = [column["name"] for column in data["columns"]]
    assert data["values"][names.index("new")] == [0] * count
    assert min(data["values"][names.index("prob_before")]) >= 0.5
