"""Whatever `detect` writes, the commands that take polygons read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from landslide_cli import extras
from landslide_cli.chips.labels import Labels
from landslide_cli.cli import main
from landslide_cli.errors import AreaError, EvaluationError, InventoryError, LandslideError, TrainingDataError
from landslide_cli.evaluation.inventories import evaluate_inventory
from landslide_cli.inventory.formats import DRIVERS
from landslide_cli.inventory.read import read_inventory, read_layers
from landslide_cli.model.card import ModelCard
from landslide_cli.scene.area import read_area
from landslide_cli.scene.scene import open_scene
from landslide_cli.scene.view import View
from tests.conftest import MakeScene, blobs, first_band, go


def read_by_area(path: Path, scene: Path) -> object:
    with open_scene(scene, wanted=("any",)) as opened:
        return read_area(View(aoi=path), opened)


def read_by_labels(path: Path, scene: Path) -> object:
    with open_scene(scene, wanted=("any",)) as opened:
        return Labels.read(path, opened)


READERS: dict[type[LandslideError], Callable[[Path, Path], object]] = {
    InventoryError: lambda path, scene: read_inventory(path),
    EvaluationError: lambda path, scene: evaluate_inventory(path, reference=path, scene=scene),
    TrainingDataError: read_by_labels,
    AreaError: read_by_area,
}


@pytest.mark.parametrize("ending", DRIVERS)
@pytest.mark.filterwarnings("error")
def test_every_format_that_is_written_is_read_as_the_geopackage_is(
    make_scene: MakeScene, card: ModelCard, tmp_path: Path, ending: str
) -> None:
    scene = make_scene(blobs(160, 180))
    _, slides, _, mask = go(scene, card, first_band())
    made = tmp_path / f"slides{ending}"
    result = CliRunner().invoke(main, ["polygonize", str(tmp_path / "prob.tif"), "-o", str(made)])
    assert result.exit_code == 0, result.output
    read = read_layers(made, scene.name)
    # FlatGeobuf lies in the order of its spatial index.
    landslides = read.landslides.sort_values("id")
    assert landslides["id"].tolist() == slides["id"].tolist()
    assert landslides["area_m2"].tolist() == slides["area_m2"].tolist()
    assert "bbox" not in landslides
    if ending in (".gpkg", ".parquet"):
        assert read.run["model"] == card.model_id
    scores = evaluate_inventory(made, reference=tmp_path / "scene.gpkg", scene=scene).judged[0].scores
    assert scores.true == np.count_nonzero(mask == 1)
    assert scores.f1 == pytest.approx(1, abs=1e-4)
    labels, area = read_by_labels(made, scene), read_by_area(made, scene)
    assert len(labels.polygons) == len(slides)  # type: ignore[attr-defined]
    assert area.polygon.area == pytest.approx(np.count_nonzero(mask == 1), rel=1e-3)  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", READERS)
@pytest.mark.parametrize("held", ["no table", "no geometry"])
def test_what_is_no_geoparquet_is_refused(
    make_scene: MakeScene, tmp_path: Path, error: type[LandslideError], held: str
) -> None:
    path = tmp_path / "slides.parquet"
    if held == "no table":
        path.write_text("nothing")
    else:
        import pandas as pd

        pd.DataFrame({"id": [1]}).to_parquet(path)
    with pytest.raises(error, match=r"slides\.parquet can't be read as .*; give "):
        READERS[error](path, make_scene(blobs(160, 180)))


@pytest.mark.parametrize("error", READERS)
def test_reading_geoparquet_needs_its_extra(
    make_scene: MakeScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[LandslideError]
) -> None:
    path = tmp_path / "slides.parquet"
    path.touch()
    find = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "pyarrow" else find(name))
    with pytest.raises(LandslideError, match=r"slides\.parquet: GeoParquet needs the package pyarrow.*\[parquet\]"):
        READERS[error](path, make_scene(blobs(160, 180)))
