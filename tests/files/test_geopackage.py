"""A command that is given twice, the second time with --overwrite, takes its own result for its own."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pyogrio
import pytest
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.model.card import ModelCard
from tests.conftest import MakeScene, blobs, first_band, go
from tests.merging.conftest import read

COMMANDS = {
    "polygonize": "polygonize prob.tif -o out.gpkg",
    "measure ours": "measure scene.gpkg -o out.gpkg --probability prob.tif",
    "measure a layer of anyone": "measure drawn.gpkg -o out.gpkg --probability prob.tif",
    "measure landslides of anyone": "measure anyone.gpkg -o out.gpkg --probability prob.tif",
    "measure landslides with numbers of rows": "measure numbered.gpkg -o out.gpkg",
    "measure GeoJSON": "measure drawn.geojson -o out.gpkg --probability prob.tif",
    "merge": "merge scene.gpkg other.gpkg -o out.gpkg",
    "changes": "changes drawn.gpkg scene.gpkg -o out.gpkg",
    "changes of points": "changes points.gpkg scene.gpkg -o out.gpkg",
    "report": "report scene.gpkg --scene scene.tif -o out.html",
}


@pytest.fixture
def folder(make_scene: MakeScene, card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    _, slides, _, _ = go(make_scene(blobs(90, 120)), card, first_band())
    assert len(slides) > 3
    (tmp_path / "other.gpkg").write_bytes((tmp_path / "scene.gpkg").read_bytes())
    drawn = geopandas.GeoDataFrame({"who": ["a"] * len(slides)}, geometry=slides.geometry, crs=slides.crs)
    drawn.to_file(tmp_path / "drawn.gpkg", layer="sketch")
    drawn.to_file(tmp_path / "anyone.gpkg", layer="landslides")
    drawn.to_file(tmp_path / "numbered.gpkg", layer="landslides", FID="id")
    drawn.to_crs("EPSG:4326").to_file(tmp_path / "drawn.geojson")
    drawn.set_geometry(drawn.centroid).to_file(tmp_path / "points.gpkg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore::landslide_cli.errors.LandslideWarning")
@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_command_replaces_its_own_result(name: str, folder: Path) -> None:
    words = COMMANDS[name].split()
    out = folder / words[words.index("-o") + 1]
    inputs = {path: path.read_bytes() for path in folder.iterdir()}
    first = CliRunner().invoke(main, words)
    assert first.exit_code == 0, first.output
    once = contents(out)
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 1
    assert "exists; choose another name or allow it with --overwrite" in refused.output
    again = CliRunner().invoke(main, [*words, "--overwrite"])
    assert (again.exit_code, again.output) == (0, first.output)
    assert contents(out) == once
    assert {path: path.read_bytes() for path in inputs} == inputs


def contents(path: Path) -> dict[str, str]:
    if path.suffix == ".html":
        return {"": ""}
    layers = [str(name) for name, _ in pyogrio.list_layers(path) if name not in ("layer_styles", "runs")]
    return {layer: read(path, layer).to_csv() for layer in layers}
