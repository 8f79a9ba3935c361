"""Files that aren't what was written are found out, in every format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import run
from landslide_cli.errors import OutputError
from landslide_cli.files.readback import refuse_unsound
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import MakeScene, blobs, first_band, go, stand_in_card

SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda raw: b"",
    "cut": lambda raw: raw[: len(raw) * 2 // 3],
    "zeros": lambda raw: raw[: len(raw) // 3] + bytes(len(raw) - len(raw) // 3),
}


# Coordinates that are zero are coordinates.
NO_CHECKSUM = (".shp", ".fgb")


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".geojson", ".fgb", ".parquet"])
def test_files_that_end_too_soon_or_are_zeros(make_scene: MakeScene, tmp_path: Path, ending: str) -> None:
    path = make_scene(blobs(200, 300))
    with open_scene(path, wanted=("red", "green", "blue")) as scene:
        asked = Outputs(path.with_suffix(ending), tmp_path / "prob.tif", tmp_path / "mask.tif")
        run(make_plan(scene, stand_in_card()), first_band(), asked)
    outputs = [path.with_suffix(ending), tmp_path / "prob.tif", tmp_path / "mask.tif"]
    for output in outputs:
        refuse_unsound(output)
        for kind, spoil in SPOILT.items():
            if kind == "zeros" and output.suffix in NO_CHECKSUM:
                continue
            raw = output.read_bytes()
            output.write_bytes(spoil(raw))
            with pytest.raises(OutputError, match="can't be read back"):
                refuse_unsound(output)
                pytest.fail(f"{output.name} {kind}")
            output.write_bytes(raw)


@pytest.mark.parametrize("ending", [".shx", ".dbf"])
def test_parts_of_a_shapefile(make_scene: MakeScene, ending: str) -> None:
    path = make_scene(blobs(200, 300))
    go(path, stand_in_card(), first_band(), ending=".shp")
    part = path.with_suffix(ending)
    part.write_bytes(part.read_bytes()[:-100])
    with pytest.raises(OutputError, match=part.name):
        refuse_unsound(path.with_suffix(".shp"))
