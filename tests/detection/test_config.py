"""A run that is repeated from what it wrote, and settings from a file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import geopandas
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli import PolygonRules, Runtime, View
from landslide_cli.cli import main
from landslide_cli.cli.settings import how
from landslide_cli.detection.config import config_text, known_settings, read_config
from landslide_cli.errors import OptionError
from landslide_cli.scene.vectors import read_layer
from tests.conftest import MakeScene, blobs

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
numbers = st.floats(0, 1e12)


@given(
    st.builds(View, bands=st.lists(st.integers(1, 9), min_size=1), aoi=texts, nodata=st.just("none") | numbers),
    st.builds(PolygonRules, threshold=st.floats(0.001, 1), min_area_m2=numbers, before=texts, only_new=st.booleans()),
    st.builds(Runtime, model=texts, batch_size=st.none() | st.integers(1, 99), tta=st.sampled_from([None, "d4"])),
)
def test_settings_come_back_as_they_were(view: View, rules: PolygonRules, runtime: Runtime) -> None:
    told = tomllib.loads(config_text(view, rules, runtime))
    assert told.keys() <= known_settings()
    # A query is what an address has its secrets in.
    if not any("?" in str(text) or "@" in str(text) for text in (view.aoi, rules.before, runtime.model)):
        assert how(told) == (view, rules, runtime)


def test_no_secret_is_told() -> None:
    told = config_text(PolygonRules(before="https://me:word@there.org/b.tif?signature=12"))
    assert "word" not in told
    assert "signature" not in told


def command(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


def landslides(path: Path) -> geopandas.GeoDataFrame:
    return geopandas.read_file(path, layer="landslides")


def test_a_geopackage_repeats_its_run(make_scene: MakeScene, small_model: Path, tmp_path: Path) -> None:
    scene, one, other = make_scene(blobs(200, 220)), tmp_path / "one.gpkg", tmp_path / "other.gpkg"
    words = ["--threshold", 0.2, "--min-area", 3, "--connectivity", 8, "--bands", "3,1,2", "--scale", "0,250", "-q",
             "--tta", "flips", "--bbox", "500010,2949850,500150,2949990", "--fill-holes", 2, "--model", small_model,
             "--engine", "torch"]  # fmt: skip
    assert command("detect", scene, "-o", one, *words).exit_code == 0
    result = command("detect", scene, "-o", other, "--config", one, "-q")
    assert result.exit_code == 0, result.output
    assert len(landslides(one)) > 0
    assert landslides(other).equals(landslides(one))
    (told,), (again,) = (read_layer(path, "runs")["config"] for path in (one, other))
    assert told == again
    typed = command("detect", scene, "-o", other, "--config", one, "--min-area", 0, "--overwrite", "-q", "--json")
    assert typed.exit_code == 0, typed.output
    assert read_config(other) == read_config(one) | {"min_area_m2": 0}
    assert command("info", scene, "--config", one, "--no-probe").exit_code == 0


def test_a_batch_and_polygonize_take_it_too(make_scene: MakeScene, small_model: Path, tmp_path: Path) -> None:
    scene = make_scene(blobs(120, 130))
    config = tmp_path / "run.toml"
    config.write_text(
        f'model = "{small_model}"\nthreshold = 0.49\nengine = "torch"\nprobability = true\nmin_area_m2 = 5\n'
    )
    result = command("batch", scene, "-o", tmp_path / "out", "--config", config, "-q")
    assert result.exit_code == 0, result.output
    merged = tmp_path / "out" / "landslides.gpkg"
    assert read_config(merged)["min_area_m2"] == 5
    again = tmp_path / "again.gpkg"
    probability = tmp_path / "out" / "scene_probability.tif"
    result = command("polygonize", probability, "-o", again, "--config", merged, "-q")
    assert result.exit_code == 0, result.output
    assert len(landslides(again)) == len(landslides(merged))
    assert read_config(again) == {name: value for name, value in read_config(merged).items() if name in
                                  {*read_config(again)}}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        ("min_area = 5", 2, "there is no setting min_area"),
        ("min_area_m2 = 'much'", 2, "Invalid value for '--min-area'"),
        ("threshold = 5", 2, "Invalid value for '--threshold'"),
        ("connectivity = 6", 2, "Invalid value for '--connectivity'"),
        ("threshold 5", 1, "run.toml can't be read: .*give a TOML file with lines such as min_area_m2 = 100"),
        (None, 1, "run.toml can't be read"),
    ],
)
def test_a_wrong_file_is_refused(
    make_scene: MakeScene, tmp_path: Path, text: str | None, status: int, told: str
) -> None:
    import re

    config = tmp_path / "run.toml"
    if text is not None:
        config.write_text(text)
    result = command("detect", make_scene(blobs(40, 40)), "-o", tmp_path / "o.gpkg", "--config", config)
    assert result.exit_code == status
    assert re.search(told, result.output)


def test_a_geopackage_of_others_tells_of_no_run(tmp_path: Path) -> None:
    path: Any = tmp_path / "mine.gpkg"
    geopandas.GeoDataFrame({"a": [1]}, geometry=geopandas.points_from_xy([0], [0]), crs=4326).to_file(path)
    with pytest.raises(OptionError, match=r"mine\.gpkg tells of no settings; give a TOML file"):
        read_config(path)
