"""Names of outputs: one for each scene, and as short as it can be."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.batch.finding import Found
from landslide_cli.batch.ledger import Ledger, Record
from landslide_cli.batch.naming import name_scenes
from landslide_cli.errors import OutputError
from tests.batch.conftest import beside, go_batch, image
from tests.conftest import MakeScene

FOLDERS = st.lists(st.sampled_from(["a", "b", "A"]), max_size=3)
PATHS = st.builds(lambda folders, stem: "/".join(["/", *folders, f"{stem}.tif"]), FOLDERS, st.sampled_from("xyX"))


def named(*paths: str, ledger: Path = Path("/nowhere")) -> list[str]:
    return name_scenes([Found(path, 1, ()) for path in paths], Ledger(ledger))


@given(st.lists(PATHS, unique=True, max_size=8))
def test_no_two_scenes_share_a_name_whatever_their_case(paths: list[str]) -> None:
    try:
        names = named(*paths)
    except OutputError:
        # Only what differs in nothing but case, or looks like the folders of another, can't be told apart.
        folded = [path.strip("/").replace("/", "_").casefold() for path in paths]
        assert len(set(folded)) < len(folded)
        return
    assert len({name.casefold() for name in names}) == len(paths)
    for path, name in zip(paths, names, strict=True):
        assert path.strip("/").replace("/", "_").removesuffix(".tif").endswith(name)


def test_folders_come_before_the_name_where_it_takes_them() -> None:
    assert named("/i/north/ortho.tif", "/i/south/ortho.tif", "/i/south/other.tif") == [
        "north_ortho", "south_ortho", "other",
    ]  # fmt: skip
    assert named("/i/2019/n/o.tif", "/i/2020/n/o.tif", "/i/s/O.tif") == ["2019_n_o", "2020_n_o", "s_O"]
    assert named("/i/Landslides.tif") == ["i_Landslides"]
    assert named("https://h/n/o.tif?signed=x", "https://h/s/o.tif") == ["n_o", "s_o"]


def test_what_folders_do_not_tell_apart_is_refused() -> None:
    with pytest.raises(OutputError, match=r"/i/a\.tif and /i/a\.jp2 would both write a\.gpkg; rename one"):
        named("/i/a.tif", "/i/a.jp2")


def test_a_scene_keeps_the_name_that_it_has(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.write("ortho", Record("done", {}, scene="/i/north/ortho.tif"))
    assert named("/i/south/ortho.tif", "/i/north/ortho.tif", ledger=tmp_path) == ["south_ortho", "ortho"]
    ledger.write("south_ortho", Record("done", {}, scene="/i/south/ortho.tif"))
    assert named("/i/south/ortho.tif", ledger=tmp_path) == ["south_ortho"]


def test_scenes_of_one_name_are_all_done(scenes: Path, tmp_path: Path, model: Path, make_scene: MakeScene) -> None:
    (scenes / "north").mkdir()
    out = tmp_path / "out"
    go_batch(scenes, out, model)
    make_scene(image((5, 5, 5, 5)), name="scenes/north/A.tif", transform=beside(9))
    assert go_batch(scenes, out, model, recursive=True).landslides == 11
    merged = geopandas.read_file(out / "landslides.gpkg", layer="landslides")
    assert set(merged["scene"]) == {"a.tif", "b.tif", "c.tif", "d.tif", "north_A.tif"}
