"""Runs the plugin's algorithms with ``processing.run`` inside QGIS.

/usr/bin/python3 tests/qgis/check_plugin.py FOLDER PLUGINS COMMAND

FOLDER holds scene.tif and scene_truth.gpkg, PLUGINS the unpacked plugin, COMMAND is the landslide command.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import harness
from qgis.core import (
    Qgis,
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)

COMMAND = ""


def set_up(folder: Path, plugins: str, command: str) -> None:
    """Start Processing and the plugin as ``qgis_process`` does, with the command in the settings."""
    global COMMAND
    COMMAND = command
    from processing.core.Processing import Processing
    from qgis import utils

    Processing.initialize()
    sys.path.append(plugins)
    utils.plugin_paths = [plugins]
    utils.updateAvailablePlugins()
    assert "landslide_processing" in utils.available_plugins
    assert utils.pluginMetadata("landslide_processing", "hasProcessingProvider") == "yes"
    assert utils.loadPlugin("landslide_processing")
    assert utils.startProcessingPlugin("landslide_processing")
    # QGIS sets such variables on some systems; another Python must not see them.
    os.environ["PYTHONHOME"] = os.environ["PROJ_LIB"] = "/nowhere"
    set_command(command)


def set_command(path: str) -> None:
    from processing.core.ProcessingConfig import ProcessingConfig

    ProcessingConfig.settings["LANDSLIDE_COMMAND"].value = path


@contextmanager
def command(path: str) -> Any:
    set_command(path)
    try:
        yield
    finally:
        set_command(COMMAND)


class Heard(QgsProcessingFeedback):
    """Keeps what an algorithm says; may cancel as soon as there is progress."""

    def __init__(self, *, cancel: Any = None) -> None:
        super().__init__()
        self.console: list[str] = []
        self.info: list[str] = []
        self.errors: list[str] = []
        self.shares: list[float] = []
        self._cancel = cancel
        self.progressChanged.connect(self._progress)

    def pushConsoleInfo(self, info: str) -> None:
        self.console.append(info)

    def pushInfo(self, info: str) -> None:
        self.info.append(info)

    def reportError(self, error: str, fatalError: bool = False) -> None:
        self.errors.append(error)

    def _progress(self, share: float) -> None:
        self.shares.append(share)
        if self._cancel:
            self._cancel()
            self.cancel()


def run(algorithm: str, feedback: QgsProcessingFeedback | None = None, **parameters: Any) -> dict[str, Any]:
    import processing

    return processing.run(f"landslide:{algorithm}", parameters, feedback=feedback or Heard())


def refused(algorithm: str, **parameters: Any) -> str:
    """The message of a run that fails."""
    try:
        run(algorithm, **parameters)
    except QgsProcessingException as error:
        return str(error)
    raise AssertionError(f"{algorithm} was not refused")


def shell(*words: Any) -> str:
    return subprocess.run(
        [COMMAND, *map(str, words)], check=True, capture_output=True, text=True,
        env={name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PROJ_LIB")},
    ).stdout  # fmt: skip


def shapes(path: str) -> list[str]:
    layer = QgsVectorLayer(path, "layer", "ogr")
    assert layer.isValid(), path
    return sorted(feature.geometry().asWkt() for feature in layer.getFeatures())


def empty(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))


def unfinished(folder: Path) -> list[Path]:
    return list(folder.glob(".*.part"))


def script(folder: Path, body: str) -> str:
    """A stand-in for the command."""
    path = empty(folder) / "landslide"
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)
    return str(path)


def check_provider(folder: Path, *_: str) -> None:
    provider = QgsApplication.processingRegistry().providerById("landslide")
    assert {algorithm.name() for algorithm in provider.algorithms()} == {
        "detect", "polygonize", "batch", "measure", "report", "evaluate", "merge", "changes", "chips", "train",
    }  # fmt: skip
    assert not provider.icon().isNull()
    for algorithm in provider.algorithms():
        assert algorithm.canExecute() == (True, ""), algorithm.canExecute()
        assert algorithm.shortHelpString()


def check_detect_writes_what_the_command_writes(folder: Path, *_: str) -> None:
    out, heard = empty(folder), Heard()
    given = {"SCENE": f"{folder}/scene.tif", "MIN_AREA": 50, "THRESHOLD": 0.4}
    result = run("detect", heard, **given, OUTPUT=f"{out}/q.gpkg", PROBABILITY=f"{out}/p.tif", MASK=f"{out}/m.tif")
    told = json.loads(
        shell("detect", folder / "scene.tif", "-o", out / "c.gpkg", "--min-area", 50, "--threshold", 0.4, "--json")
    )
    assert shapes(result["OUTPUT"]) == shapes(f"{out}/c.gpkg")
    assert len(shapes(result["OUTPUT"])) == result["LANDSLIDES"] == told["landslides"] > 0
    assert result["AREA_M2"] == told["area_m2"]
    assert QgsRasterLayer(result["PROBABILITY"]).isValid()
    assert QgsRasterLayer(result["MASK"]).isValid()
    assert any("600 x 600" in line for line in heard.console), heard.console
    assert not [line for line in heard.console if line.startswith("{")]
    assert heard.shares[-1] == 100
    assert f"Landslides: {told['landslides']}" in heard.info
    assert unfinished(out) == []


def check_results_are_loaded_with_their_styles(folder: Path, *_: str) -> None:
    import processing

    out, project = empty(folder), QgsProject.instance()
    # Processing loads in the order of file names, so the rasters come after the polygons.
    outputs = {"OUTPUT": f"{out}/s.gpkg", "PROBABILITY": f"{out}/x.tif", "MASK": f"{out}/y.tif"}
    processing.runAndLoadResults("landslide:detect", {"SCENE": f"{folder}/scene.tif", **outputs})
    found = {layer.name(): layer.renderer().type() for layer in project.mapLayers().values()}
    assert found == {
        "Landslides": "categorizedSymbol", "Analysed": "singleSymbol",
        "Probability": "singlebandpseudocolor", "Mask": "paletted",
    }, found  # fmt: skip
    names = [node.name() for node in project.layerTreeRoot().findLayers()]
    assert names == ["Analysed", "Landslides", "Mask", "Probability"], names
    project.clear()


def check_areas_of_interest(folder: Path, *_: str) -> None:
    """A filtered layer in memory and an extent in degrees both come to the command as it needs them."""
    scene = QgsRasterLayer(f"{folder}/scene.tif")
    centre = scene.extent().center()
    areas = QgsVectorLayer("Polygon?crs=EPSG:32648&field=keep:integer", "areas", "memory")
    corner = QgsRectangle(centre.x(), centre.y(), centre.x() + 120, centre.y() + 120)
    for keep, box in enumerate((scene.extent(), corner)):
        feature = QgsFeature(areas.fields())
        feature.setGeometry(QgsGeometry.fromRect(box))
        feature.setAttributes([keep])
        areas.dataProvider().addFeatures([feature])
    areas.setSubsetString("keep = 1")
    assert areas.featureCount() == 1
    result = run("detect", SCENE=scene, AOI=areas, OUTPUT=f"{empty(folder)}/a.gpkg")
    assert abs(result["ANALYSED_M2"] - 120 * 120) < 400, result
    degrees = "105.001,105.002,26.668,26.669 [EPSG:4326]"
    result = run("detect", SCENE=scene, BBOX=degrees, OUTPUT=f"{empty(folder)}/b.shp")
    assert abs(result["ANALYSED_M2"] - 99.5 * 110.8) < 500, result
    layer = QgsVectorLayer(result["OUTPUT"])  # a renderer dies with its layer
    assert layer.renderer().type() == "categorizedSymbol"


def check_polygonize_gives_what_detect_gives(folder: Path, *_: str) -> None:
    out = empty(folder)
    shell("detect", folder / "scene.tif", "-o", out / "d.gpkg", "--probability", out / "p.tif")
    result = run("polygonize", PROBABILITY=f"{out}/p.tif", OUTPUT=f"{out}/q.gpkg")
    assert shapes(result["OUTPUT"]) == shapes(f"{out}/d.gpkg")
    smooth = run("polygonize", PROBABILITY=f"{out}/p.tif", BOUNDARY="smooth", OUTPUT=f"{out}/smooth.gpkg")
    assert smooth["LANDSLIDES"] == result["LANDSLIDES"]
    assert shapes(smooth["OUTPUT"]) != shapes(result["OUTPUT"])
    more = run("polygonize", PROBABILITY=f"{out}/p.tif", THRESHOLD=0.2, OUTPUT="TEMPORARY_OUTPUT")
    assert more["AREA_M2"] > result["AREA_M2"]


def check_evaluate(folder: Path, *_: str) -> None:
    out = empty(folder)
    shell("detect", folder / "scene.tif", "-o", out / "d.gpkg", "--probability", out / "p.tif")
    words = ("--reference", folder / "scene_truth.gpkg", "--scene", folder / "scene.tif")
    told = json.loads(shell("evaluate", out / "d.gpkg", *words, "--probability", out / "p.tif", "--json"))
    result = run(
        "evaluate", INVENTORY=f"{out}/d.gpkg|layername=landslides", REFERENCE=f"{folder}/scene_truth.gpkg",
        SCENE=f"{folder}/scene.tif", PROBABILITY=f"{out}/p.tif", REPORT=f"{out}/r.json", PLOT=f"{out}/plot.png",
    )  # fmt: skip
    assert result["F1"] == told["all"]["pooled"]["f1"] > 0
    assert result["TRUE"] == told["all"]["objects"]["true"]
    report = json.loads(Path(result["REPORT"]).read_text())
    assert report["all"] == told["all"]
    assert Path(result["PLOT"]).stat().st_size > 1000


def many(folder: Path) -> Path:
    """A folder with the scene, the same of another name, and one that is broken."""
    scenes = empty(folder)
    for name in ("one", "two"):
        shutil.copy(folder / "scene.tif", scenes / f"{name}.tif")
    (scenes / "broken.tif").write_text("no raster")
    return scenes


def check_batch_loads_the_merged_inventory_and_tells_what_failed(folder: Path, *_: str) -> None:
    import processing

    scenes, out, project, heard = many(folder), empty(folder), QgsProject.instance(), Heard()
    shell("detect", folder / "scene.tif", "-o", out / "single.gpkg", "--min-area", 50)
    given = {"SCENES": str(scenes), "MIN_AREA": 50, "MASK": True, "FOLDER": f"{out}/results"}
    result = processing.runAndLoadResults("landslide:batch", given, feedback=heard)
    single = shapes(f"{out}/single.gpkg")
    assert shapes(result["OUTPUT"]) == sorted(2 * single)
    assert (result["LANDSLIDES"], result["DONE"], result["FAILED"]) == (2 * len(single), 2, 1)
    assert result["OVERLAPPING"] == 2 * len(single)
    assert "1 of 3 scenes failed" in "".join(heard.errors), heard.errors
    assert any("two.tif (3 of 3)" in line for line in heard.console), heard.console
    assert heard.shares[-1] == 100
    assert QgsRasterLayer(f"{out}/results/one_mask.tif").isValid()
    found = {layer.name(): layer.renderer().type() for layer in project.mapLayers().values()}
    assert found == {"Landslides": "categorizedSymbol", "Analysed": "singleSymbol"}, found
    project.clear()


def check_a_cancelled_batch_goes_on(folder: Path, *_: str) -> None:
    scenes, out = many(folder), empty(folder)
    (scenes / "broken.tif").unlink()
    given = {"SCENES": str(scenes), "RESOLUTION": 0.8, "FOLDER": str(out)}
    heard = Heard(cancel=lambda: None)
    try:
        run("batch", heard, **given)
        raise AssertionError("it wasn't cancelled")
    except QgsProcessingException as error:
        assert str(error) == "Cancelled; what is finished stays, and the next run goes on."
    assert unfinished(out) == []
    assert not (out / "landslides.gpkg").exists()
    assert run("batch", **given)["DONE"] == 2
    again = Heard()
    assert run("batch", again, **given)["DONE"] == 2
    assert any("2 done, 0 to do" in line for line in again.console), again.console


def check_cancelling_leaves_nothing(folder: Path, *_: str) -> None:
    out = empty(folder)
    seen: list[int] = []
    heard = Heard(cancel=lambda: seen.append(len(unfinished(out))))
    began = time.monotonic()
    try:
        run("detect", heard, SCENE=f"{folder}/scene.tif", RESOLUTION=0.8, OUTPUT=f"{out}/s.gpkg", MASK=f"{out}/m.tif")
        raise AssertionError("it wasn't cancelled")
    except QgsProcessingException as error:
        assert str(error) == "Cancelled; nothing was written."
    assert seen == [2], "it was cancelled when both outputs had been begun"
    assert list(out.iterdir()) == []
    assert time.monotonic() - began < 60


def check_cancelling_a_command_that_does_not_listen(folder: Path, *_: str) -> None:
    from landslide_processing import command as commands

    out = empty(folder)
    other = out / ".landslide-theirs.part"
    other.mkdir()
    deaf = script(
        folder,
        f"trap '' TERM; mkdir {out}/.landslide-1.part; echo $$ > {out}/pid\n"
        'echo \'{"done": 1, "total": 4, "note": ""}\' >&2; while true; do sleep 0.2; done',
    )
    grace, commands.GRACE_S = commands.GRACE_S, 0.5
    try:
        with command(deaf):
            heard = Heard(cancel=lambda: None)
            try:
                run("detect", heard, SCENE=f"{folder}/scene.tif", OUTPUT=f"{out}/s.gpkg")
                raise AssertionError("it wasn't cancelled")
            except QgsProcessingException as error:
                assert "Cancelled" in str(error)
    finally:
        commands.GRACE_S = grace
    assert heard.shares == [25]
    assert unfinished(out) == [other]
    assert not Path(f"/proc/{(out / 'pid').read_text().strip()}").exists()


def check_a_missing_command_is_told(folder: Path, *_: str) -> None:
    algorithm = QgsApplication.processingRegistry().algorithmById("landslide:detect")
    for path in ("/nowhere/landslide", str(folder), f"{folder}/scene.tif"):
        with command(path):
            message = refused("detect", SCENE=f"{folder}/scene.tif", OUTPUT=f"{empty(folder)}/s.gpkg")
            assert f"The landslide command isn't at {path}. Install landslide-cli" in message, message
            assert "Settings > Options > Processing > Providers > Landslide" in message
            assert algorithm.canExecute() == (False, message)
    was, os.environ["PATH"] = os.environ["PATH"], "/nowhere"
    try:
        with command(""):
            assert "isn't on the PATH. Install" in refused(
                "polygonize", PROBABILITY=f"{folder}/scene.tif", OUTPUT=f"{empty(folder)}/s.gpkg"
            )
    finally:
        os.environ["PATH"] = was


def check_a_command_that_cannot_start_or_is_killed_is_told(folder: Path, *_: str) -> None:
    given = {"SCENE": f"{folder}/scene.tif", "OUTPUT": f"{empty(folder)}/s.gpkg"}
    no_program = Path(script(folder, ""))
    no_program.write_text("#!/nowhere/python\n")
    with command(str(no_program)):
        assert "can't be started" in refused("detect", **given)
    with command(script(folder, "kill -9 $$")):
        message = refused("detect", **given)
        assert "signal 9; this often means that memory ran out" in message, message


def check_the_commands_own_refusals_are_passed_on(folder: Path, *_: str) -> None:
    out = empty(folder)
    message = refused("detect", SCENE=f"{folder}/scene.tif", BANDS="1,2,9", OUTPUT=f"{out}/s.gpkg")
    assert "9" in message and "band" in message, message
    assert not message.startswith("Error")
    wrong = refused("detect", SCENE=f"{folder}/scene.tif", BANDS="red", OUTPUT=f"{out}/s.gpkg")
    assert "'red' is not a list of numbers like 1,2,3" in wrong, wrong
    memory = QgsVectorLayer("Polygon?crs=EPSG:32648", "drawn", "memory")
    message = refused("evaluate", INVENTORY=memory, REFERENCE=memory, SCENE=f"{folder}/scene.tif")
    assert "the layer drawn lies in no file" in message, message
    assert list(out.iterdir()) == []


if __name__ == "__main__":
    print(f"QGIS {Qgis.QGIS_VERSION}", file=sys.stderr)
    harness.run(sys.modules[__name__], Path(sys.argv[1]).resolve(), *sys.argv[2:])
