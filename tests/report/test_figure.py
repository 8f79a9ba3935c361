"""The picture for a message."""

from __future__ import annotations

from pathlib import Path

import pytest
import rasterio

from landslide_cli.inventory.classes import CLASSES, legend
from landslide_cli.inventory.confidence import DEFAULT
from landslide_cli.report.writing import write_report


def test_the_picture_shows_scene_and_outlines(results: tuple[Path, Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    scene, inventory, _ = results
    picture_file = tmp_path / "slides.png"
    made = write_report(inventory, tmp_path / "r.html", scene=scene, png=picture_file)
    assert made.png == str(picture_file)
    with rasterio.open(picture_file) as src:
        image = src.read()
    assert 500 < image.shape[2] <= 1001
    red, green, blue = image[:3].astype(int)
    assert ((red > 230) & (green > 40) & (blue < 100)).sum() > 200  # warm outlines over a grey scene


def test_the_picture_says_what_its_colours_are(
    results: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = pytest.importorskip("matplotlib.axes")
    scene, inventory, _ = results
    said: list[tuple[str, str]] = []
    monkeypatch.setattr(
        axes.Axes, "legend", lambda _, handles, **style: said.extend((h.get_color(), h.get_label()) for h in handles)
    )
    write_report(inventory, tmp_path / "r.html", scene=scene, png=tmp_path / "slides.png")
    told = {shown.colour: legend(DEFAULT)[shown.name] for shown in CLASSES}
    assert len(said) > 1
    assert all(told[colour] == label for colour, label in said)
