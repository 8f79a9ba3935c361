"""Lists of scenes as STAC catalogues give them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pystac
import pytest
from click.testing import CliRunner

from landslide_cli.batch.finding import find_scenes, read_list
from landslide_cli.cli import main
from landslide_cli.errors import LandslideWarning, MissingExtraError, SceneError
from tests.conftest import MakeScene, blobs

COG = "image/tiff; application=geotiff; profile=cloud-optimized"


def item(name: str, self_href: str | None = None, **hrefs: str) -> dict[str, Any]:
    made = pystac.Item(name, None, None, datetime(2024, 1, 1, tzinfo=UTC), {}, collection="s2")
    for key, href in hrefs.items():
        roles = ["thumbnail"] if key == "thumbnail" else ["data"]
        made.add_asset(key, pystac.Asset(href, media_type=COG, roles=roles))
    told = made.to_dict(include_self_link=False)
    told["links"] = [{"rel": "self", "href": self_href}] if self_href else []
    return told


def collection(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(items), **more}


def listed(folder: Path, told: object, asset: str | None = None) -> list[tuple[str, str]]:
    path = folder / "items.json"
    path.write_text(json.dumps(told))
    return [(one.path, str(one.name)) for one in read_list(path, asset=asset)]  # type: ignore[union-attr]


def test_an_item_and_a_collection_name_scenes(tmp_path: Path) -> None:
    one = item("S2B_34.5", visual="https://h/a/TCI.tif?sig=1", B04="https://h/a/B04.tif")
    two = item("x/y", thumbnail="https://h/t.tif", data="s3://bucket/d.tif")
    assert listed(tmp_path, one) == [("https://h/a/TCI.tif?sig=1", "s2/S2B_34.5.tif")]
    assert listed(tmp_path, collection(one, two)) == [
        ("https://h/a/TCI.tif?sig=1", "s2/S2B_34.5.tif"), ("s3://bucket/d.tif", "s2/x_y.tif"),
    ]  # fmt: skip
    assert listed(tmp_path, one, asset="B04") == [("https://h/a/B04.tif", "s2/S2B_34.5.tif")]


def test_relative_addresses_begin_where_the_item_is_from(tmp_path: Path) -> None:
    (here,) = listed(tmp_path, item("a", data="./d.tif"))
    assert Path(here[0]) == tmp_path / "d.tif"
    (there,) = listed(tmp_path, item("a", "https://h/c/a.json", data="./d.tif"))
    assert there[0] == "https://h/c/d.tif"


@pytest.mark.parametrize(
    ("told", "asset", "said"),
    [
        (collection(item("a", B04="b4.tif", B03="b3.tif")), None, r"a has no asset visual.*\(B04, B03\).*--asset"),
        (item("a", B04="b4.tif"), "red", "a has no asset red: give --asset one of B04"),
        ({"type": "Collection", "id": "c"}, None, "is no list of STAC items but of type 'Collection'"),
        ({"type": "FeatureCollection", "features": [{"type": "Feature"}]}, None, "can't be read as STAC items"),
        ({"type": "FeatureCollection", "features": 3}, None, "can't be read as STAC items"),
    ],
)
def test_what_is_no_list_of_scenes_is_refused(told: object, asset: str | None, said: str, tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=said):
        listed(tmp_path, told, asset)


def test_broken_json_and_lists_of_text_with_an_asset_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("{ no json")
    with pytest.raises(SceneError, match="can't be read as STAC items"):
        read_list(path)
    path.write_text("a.tif\n")
    with pytest.raises(SceneError, match="--asset red is of STAC items"):
        read_list(path, asset="red")


@pytest.mark.parametrize(
    "more", [{"numberMatched": 9}, {"context": {"matched": 9}}, {"links": [{"rel": "next", "href": "https://h"}]}]
)
def test_one_page_of_many_is_told(more: dict[str, Any], tmp_path: Path) -> None:
    with pytest.warns(LandslideWarning, match=r"holds 1 (of 9 )?items and says that there are more"):
        listed(tmp_path, collection(item("a", data="d.tif"), **more))


def test_without_pystac_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landslide_cli.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"landslide-cli\[stac\]"):
        listed(tmp_path, item("a", data="d.tif"))


def test_a_batch_does_the_scenes_of_a_search(tmp_path: Path, make_scene: MakeScene, small_model: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_scene(blobs(64, 64), name=f"{name}/TCI.tif")
    path = tmp_path / "items.json"
    path.write_text(json.dumps(collection(*(item(f"{name}.1", visual=f"{name}/TCI.tif") for name in "ab"))))
    words = ["batch", "--list", str(path), "-o", str(tmp_path / "out"), "--model", str(small_model), "--json"]
    result = CliRunner().invoke(main, [*words, "--engine", "torch"])
    assert result.exit_code == 0, result.output
    assert {file.name for file in (tmp_path / "out").glob("*.gpkg")} == {"a.1.gpkg", "b.1.gpkg", "landslides.gpkg"}
    assert [str(found.called) for found in find_scenes(read_list(path))] == ["s2/a.1.tif", "s2/b.1.tif"]
    assert CliRunner().invoke(main, ["batch", "a.tif", "--asset", "x", "-o", "out"]).exit_code == 2
