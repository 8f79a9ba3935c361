"""The public face: what `import landslide_cli` gives, and that Python refuses what the command line refuses."""

from __future__ import annotations

import math
import pydoc
import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

import landslide_cli as landslide
from landslide_cli.errors import OptionError, SceneError
from tests.conftest import MakeScene, blobs, first_band, noise, stand_in_card

FACE = [
    "ChangeRules", "Changes", "Evaluation", "LandslideError", "Measurement", "Merged", "Outputs", "PolygonRules",
    "Report", "Runtime", "Summary", "View", "__version__", "detect", "evaluate_chips", "evaluate_inventory",
    "find_changes", "measure", "merge", "polygonize", "preview", "read_inventory", "run_batch", "write_report",
]  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model whose weights nobody reads."""
    weights = tmp_path / "stand-in.safetensors"
    weights.touch()
    stand_in_card().write(weights.with_suffix(".json"))
    return weights


def test_all_names_are_there() -> None:
    assert sorted(landslide.__all__) == dir(landslide) == sorted(FACE)
    for name in FACE:
        assert getattr(landslide, name) is not None


def test_help_shows_them_though_they_load_lazily() -> None:
    shown = pydoc.plain(pydoc.render_doc(landslide))
    for name in set(FACE) - {"__version__"}:
        assert name in shown
    assert landslide.__version__ in shown
    assert "Find the landslides in a scene." in shown
    assert "scene ──plan──► windows" in shown


def test_importing_the_package_imports_nothing_that_takes_time() -> None:
    code = "import landslide_cli, sys; print({'torch', 'geopandas', 'rasterio', 'numpy', 'click'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'segment'"):
        _ = landslide.segment  # type: ignore[attr-defined]


# ---- values are right from birth ----

WRONG: list[tuple[type[Any], dict[str, Any]]] = [
    (landslide.PolygonRules, {"threshold": 5}),
    (landslide.PolygonRules, {"threshold": 0}),
    (landslide.PolygonRules, {"threshold": math.nan}),
    (landslide.PolygonRules, {"threshold": "0.5"}),
    (landslide.PolygonRules, {"min_area_m2": -5}),
    (landslide.PolygonRules, {"fill_holes_m2": -1}),
    (landslide.PolygonRules, {"simplify_m": math.inf}),
    (landslide.PolygonRules, {"connectivity": 6}),
    (landslide.PolygonRules, {"boundary": "stairs"}),
    (landslide.PolygonRules, {"min_slope_deg": 91}),
    (landslide.PolygonRules, {"shift_m": -1}),
    (landslide.PolygonRules, {"new_share": 0}),
    (landslide.PolygonRules, {"new_share": 50}),
    (landslide.View, {"resolution_m": -4}),
    (landslide.View, {"resolution_m": 0}),
    (landslide.View, {"bands": ()}),
    (landslide.View, {"bands": (0, 1, 2)}),
    (landslide.View, {"bands": (1.5, 1, 2)}),
    (landslide.View, {"scale": (1, 2, 3)}),
    (landslide.View, {"scale": (255, 0)}),
    (landslide.View, {"bbox": (1, 2, 3)}),
    (landslide.View, {"bbox": (1, 2, 3, math.nan)}),
    (landslide.Runtime, {"engine": "onnx"}),
    (landslide.Runtime, {"precision": "int4"}),
    (landslide.Runtime, {"tta": "d8"}),
    (landslide.Runtime, {"batch_size": 0}),
    (landslide.Runtime, {"batch_size": True}),
    (landslide.Runtime, {"overlap": -1}),
    (landslide.Runtime, {"overlap": 257}),
    (landslide.Runtime, {"device": None}),
]


@pytest.mark.parametrize(("kind", "given"), WRONG, ids=str)
def test_a_wrong_value_is_refused_where_it_is_written(kind: type[Any], given: dict[str, Any]) -> None:
    ((name, value),) = given.items()
    with pytest.raises(OptionError, match=f"^{name}=") as refused:
        kind(**given)
    assert isinstance(refused.value, landslide.LandslideError)
    assert repr(value) in str(refused.value)


@pytest.mark.parametrize("kind", [landslide.View, landslide.PolygonRules, landslide.Runtime])
def test_what_does_not_exist_is_no_option(kind: type[Any]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'min_area'"):
        kind(min_area=100)


@given(st.floats(0, 1, exclude_min=True), st.floats(0, 1e9), st.floats(0, 90))
def test_right_values_stay_as_they_are(threshold: float, area: float, slope: float) -> None:
    rules = landslide.PolygonRules(threshold, min_area_m2=area, min_slope_deg=slope)
    assert (rules.threshold, rules.min_area_m2, rules.min_slope_deg) == (threshold, area, slope)
    with pytest.raises(AttributeError):
        rules.threshold = 0.1  # type: ignore[misc]


def test_lists_become_tuples_so_that_values_can_be_compared() -> None:
    assert landslide.View(bands=[3, 2, 1]) == landslide.View(bands=(3, 2, 1))  # type: ignore[arg-type]


# ---- frames instead of files ----


def test_without_a_file_the_landslides_themselves_come_back(make_scene: MakeScene, model: Path, tmp_path: Path) -> None:
    scene, runtime = make_scene(blobs(200, 220)), landslide.Runtime(model=model)
    before = sorted(tmp_path.iterdir())
    slides = landslide.detect(scene, runtime=runtime, engine=first_band())
    assert sorted(tmp_path.iterdir()) == before
    assert isinstance(slides, geopandas.GeoDataFrame)
    out = landslide.Outputs(tmp_path / "slides.gpkg", probability=tmp_path / "prob.tif")
    summary = landslide.detect(scene, out, runtime=runtime, engine=first_band())
    assert summary.landslides == len(slides) > 5
    assert summary.probability == str(tmp_path / "prob.tif")
    written = landslide.read_inventory(tmp_path / "slides.gpkg")
    assert slides.crs == written.crs == "EPSG:32648"
    assert slides.equals(written)
    assert list(slides.columns) == list(geopandas.read_file(tmp_path / "slides.gpkg", layer="landslides").columns)
    again = landslide.polygonize(tmp_path / "prob.tif")
    assert again.equals(slides)
    fewer = landslide.polygonize(tmp_path / "prob.tif", rules=landslide.PolygonRules(0.8))
    assert len(fewer) < len(slides)


def test_an_inventory_tells_how_it_was_made(make_scene: MakeScene, model: Path) -> None:
    rules = landslide.PolygonRules(threshold=0.4)
    slides = landslide.detect(
        make_scene(blobs(90, 90)), rules=rules, runtime=landslide.Runtime(model=model), engine=first_band()
    )
    told = slides.attrs
    assert (told["model"], told["threshold"], told["scene"]) == ("stand-in", "0.4", "scene.tif")
    assert told["version"] == landslide.__version__


def test_an_open_dataset_is_a_scene_and_stays_open(make_scene: MakeScene, model: Path, tmp_path: Path) -> None:
    path, runtime = make_scene(blobs(120, 130)), landslide.Runtime(model=model)
    expected = landslide.detect(path, runtime=runtime, engine=first_band())
    with rasterio.open(path) as src:
        found = landslide.detect(src, runtime=runtime, engine=first_band())
        assert not src.closed
        summary = landslide.detect(src, tmp_path / "a.gpkg", runtime=runtime, engine=first_band())
        told = landslide.preview(src, runtime=runtime, probe=False)
    assert found.equals(expected)
    assert (summary.scene, told.scene, told.size) == (str(path), str(path), (130, 120))
    with pytest.raises(SceneError, match=r"scene\.tif is closed; give an open dataset, or its name"):
        landslide.detect(src, runtime=runtime, engine=first_band())
    with rasterio.MemoryFile(path.read_bytes()) as file, file.open() as src:
        assert landslide.detect(src, runtime=runtime, engine=first_band())["pixels"].equals(expected["pixels"])


def test_an_open_dataset_is_not_written_over(make_scene: MakeScene, model: Path) -> None:
    path = make_scene(noise(3, 40, 40))
    outputs = landslide.Outputs(path.with_suffix(".gpkg"), mask=path)
    with rasterio.open(path) as src, pytest.raises(landslide.LandslideError, match="are the same file"):
        landslide.detect(src, outputs, runtime=landslide.Runtime(model=model), overwrite=True)


# ---- types ----

SCRIPT = """
import landslide_cli as landslide

rules = landslide.PolygonRules(threshold=0.4, min_area_m2=100, connectivity=8)
view = landslide.View(bands=(3, 2, 1), resolution_m=4)
summary: landslide.Summary = landslide.detect("scene.tif", "slides.gpkg", view=view, rules=rules)
number: int = summary.landslides
slides = landslide.detect("scene.tif", rules=rules, runtime=landslide.Runtime(tta="flips"))
print(slides["area_m2"].sum())
again: landslide.Summary = landslide.polygonize("prob.tif", landslide.Outputs("again.gpkg"), rules=rules)
batch = landslide.run_batch(["imagery"], "results", rules=rules, also=["mask", "stac"])
done: int = batch.done
refused: list[str] = landslide.preview("scene.tif", view=view).refusals
reveal_type(landslide.__version__)
"""


def checked(script: Path) -> subprocess.CompletedProcess[str]:
    folder = Path(landslide.__file__).parents[1]
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--follow-imports=silent",
         "--config-file", str(folder / "pyproject.toml"), str(script)],
        capture_output=True, text=True, cwd=folder,
    )  # fmt: skip


@pytest.mark.slow
def test_a_users_script_has_types(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = checked(script)
    assert done.returncode == 0, done.stdout
    assert 'Revealed type is "str"' in done.stdout or 'Revealed type is "builtins.str"' in done.stdout
    script.write_text(SCRIPT.replace("min_area_m2=100", "min_area=100").replace('also=["mask"', 'also=["masks"'))
    done = checked(script)
    assert done.returncode == 1
    assert 'Unexpected keyword argument "min_area"' in done.stdout
    assert "masks" in done.stdout or "list-item" in done.stdout


def test_the_package_says_that_it_has_types() -> None:
    assert (Path(landslide.__file__).parent / "py.typed").is_file()
