from __future__ import annotations

import pickle
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from rasterio.io import MemoryFile
from rasterio.shutil import copy

from landslide_cli.cluster.orders import ModelOf, Order, on_workers, opened, predict
from landslide_cli.errors import ClusterError, ModelError, SceneError
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.plan import make_plan
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.scene.area import Area
from landslide_cli.scene.scene import open_scene
from tests.conftest import MakeScene, blobs, first_band
from tests.servers import serving


def order(path: Path, card: ModelCard, *, allow_remote: bool = False) -> Order:
    with open_scene(path, wanted=card.bands, allow_remote=allow_remote) as scene:
        plan = make_plan(scene, card, largest=64, overlap=16)
        area = shapely.box(0, 0, 60, 300)
        shapely.prepare(area)
        return Order.of(replace(plan, area=Area(area)), (1, 3), first_band)


def test_an_order_can_be_sent(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(blobs(300, 200))
    opened.cache_clear()
    packed = predict(pickle.loads(pickle.dumps(order(path, card))))
    assert (packed.top, packed.bottom) == (48, 144)
    (strip,) = packed.strips() if len(packed.heights) == 1 else [next(iter(packed.strips()))]
    assert (strip.stored[:, 60:] == 255).all()
    assert np.array_equal(strip.stored[:, :60], blobs(300, 200)[0][48 : 48 + len(strip.stored), :60])


def test_a_worker_refuses_another_scene_or_version(make_scene: MakeScene, card: ModelCard) -> None:
    sent = order(make_scene(blobs(300, 200)), card)
    with pytest.raises(ClusterError, match=r"a worker has landslide .*, this is 9\.9"):
        predict(replace(sent, version="9.9"))
    make_scene(blobs(300, 201))
    with pytest.raises(SceneError, match="another raster for a worker than here"):
        predict(sent)


def test_a_worker_has_another_working_folder(
    make_scene: MakeScene, card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_scene(blobs(300, 200))
    monkeypatch.chdir(path.parent)
    sent = order(Path(path.name), card)
    (path.parent / "small.safetensors").touch()
    opener = on_workers(Runtime(model="small.safetensors"), "0" * 64)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    opened.cache_clear()
    assert predict(sent).top == 48
    with pytest.raises(ModelError, match=re.escape(f"{path.parent}/small.json: no model card")):
        opener()
    assert on_workers(Runtime(), "0" * 64).runtime.model == Runtime().model


def test_errors_of_a_worker_reach_the_client_as_they_are(make_scene: MakeScene, card: ModelCard) -> None:
    from distributed.core import error_message

    path = make_scene(blobs(300, 200))
    sent = order(path, card)
    path.write_bytes(b"no raster any more")
    with pytest.raises(SceneError, match="can't be opened as a raster") as caught:
        predict(sent)
    received = pickle.loads(error_message(caught.value)["exception"].data)
    assert type(received) is SceneError
    assert str(received) == str(caught.value)


def test_a_worker_reads_a_mosaic_of_other_machines_that_the_client_was_allowed(
    make_scene: MakeScene, card: ModelCard, tmp_path: Path
) -> None:
    path, mosaic = make_scene(blobs(300, 200)), tmp_path / "m.vrt"
    here = predict(order(path, card))
    with serving(tmp_path) as server:
        copy(str(path), str(mosaic), driver="VRT")
        text = mosaic.read_text()
        mosaic.write_text(
            text.replace(f'relativeToVRT="1">{path.name}', f'relativeToVRT="0">/vsicurl/{server.address}/{path.name}')
        )
        with pytest.raises(SceneError, match="--allow-remote"):
            order(mosaic, card)
        there = predict(order(mosaic, card, allow_remote=True))
    assert there.to_bytes() == here.to_bytes()


def test_a_scene_in_memory_is_refused(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(blobs(300, 200))
    with MemoryFile(path.read_bytes()) as file, file.open() as src, open_scene(src, wanted=card.bands) as scene:
        plan = make_plan(scene, card)
        with pytest.raises(SceneError, match="where no worker sees it"):
            Order.of(plan, (0, 1), first_band)


def test_other_weights_are_refused(small_model: Path) -> None:
    with pytest.raises(ClusterError, match="give all machines the same model"):
        ModelOf(Runtime(model=small_model), "0" * 64)()
