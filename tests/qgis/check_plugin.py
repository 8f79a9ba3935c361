"""Runs the plugin's algorithms with ``processing.run`` inside QGIS.

/usr/bin/python3 tests/qgis/check_plugin.py FOLDER PLUGINS COMMAND

FOLDER holds scene.tif and scene_truth.gpkg, PLUGINS the unpacked plugin, COMMAND is the landslide command.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import harness
from qgis.core import (
    Qgis,
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsSettings,
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
    # Layers by what they hold, whatever an earlier check has loaded.
    QgsSettings().setValue("Processing/Configuration/PREFER_FILENAME_AS_LAYER_NAME", False)
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
    """A stand-in for the command, which has no models."""
    path = empty(folder) / "landslide"
    path.write_text(f'#!/bin/bash\nif [ "$1" = models ]; then exit 1; fi\n{body}\n')
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


def check_every_parameter_says_what_it_is_for(folder: Path, *_: str) -> None:
    for algorithm in QgsApplication.processingRegistry().providerById("landslide").algorithms():
        for parameter in algorithm.parameterDefinitions():
            assert parameter.help(), (algorithm.name(), parameter.name())
            assert parameter.description(), (algorithm.name(), parameter.name())


def check_models_to_choose_from_are_those_installed(folder: Path, *_: str) -> None:
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("landslide:detect")
    model = algorithm.parameterDefinition("MODEL")
    assert model.options() == [card["model_id"] for card in json.loads(shell("models", "--json"))], model.options()
    assert "m per pixel" in model.help(), model.help()
    assert model.checkValueIsAcceptable("msasnet-rgb") and model.checkValueIsAcceptable(0)
    assert not model.checkValueIsAcceptable("no-such-model")


def check_every_option_of_a_command_can_be_set(folder: Path, *_: str) -> None:
    """Save those that make no sense in a dialog, or need somebody who knows why."""
    prediction = {"--overlap", "--batch-size", "--allow-remote", "--config", "--no-resume"}
    left_out = {
        "detect": prediction,
        "batch": {*prediction, "--list", "--asset", "--retries", "--shard", "--dry-run", "--status", "--bbox"},
        "polygonize": {"--table", "--config"},
        "chips": {"--layer", "--stride", "--block", "--seed"},
        "train": {"--data", "--protocol", "--epochs", "--scale", "--network", "--encoder", "--workers", "--devices",
                  "--logger", "--validate-every", "--save-every", "--cache"},
    }  # fmt: skip
    for algorithm in QgsApplication.processingRegistry().providerById("landslide").algorithms():
        if algorithm.name() == "evaluate":
            continue  # most of its options are for chips
        there = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", shell(algorithm.name(), "--help"), re.MULTILINE))
        settable = {given.flag for given in algorithm.description.parameters}
        missing = there - settable - {"--help", "--quiet", "--overwrite", "--json"}
        assert missing <= left_out.get(algorithm.name(), set()), (algorithm.name(), missing)


def check_detect_writes_what_the_command_writes(folder: Path, *_: str) -> None:
    out, heard = empty(folder), Heard()
    given = {"SCENE": f"{folder}/scene.tif", "MIN_AREA": 50, "THRESHOLD": 0.4}
    result = run("detect", heard, **given, OUTPUT=f"{out}/q.gpkg", PROBABILITY=f"{out}/p.tif", MASK=f"{out}/m.tif")
    told = json.loads(
        shell("detect", folder / "scene.tif", "-o", out / "c.gpkg", "--min-area", 50, "--threshold", 0.4, "--json")
    )
    assert shapes(result["OUTPUT"]) == shapes(f"{out}/c.gpkg")
    assert len(shapes(result["OUTPUT"])) == result["LANDSLIDES"] == told["landslides"] > 0
    assert result["AREA_M2"] == round(told["area_m2"], 1)
    assert QgsRasterLayer(result["PROBABILITY"]).isValid()
    assert QgsRasterLayer(result["MASK"]).isValid()
    assert any("600 x 600" in line for line in heard.console), heard.console
    assert not [line for line in heard.console if line.startswith("{")]
    assert heard.shares[-1] == 100
    assert f"Landslides: {told['landslides']}" in heard.info
    assert unfinished(out) == []


def check_workers_find_the_same(folder: Path, *_: str) -> None:
    out = empty(folder)
    alone, by_workers = (
        run("detect", Heard(), SCENE=f"{folder}/scene.tif", OUTPUT=f"{out}/{name}.gpkg", **given)
        for name, given in (("alone", {}), ("workers", {"WORKERS": 2}))
    )
    assert shapes(by_workers["OUTPUT"]) == shapes(alone["OUTPUT"])
    wrong = refused("detect", SCENE=f"{folder}/scene.tif", OUTPUT=f"{out}/c.gpkg", CLUSTER="tcp://127.0.0.1:9")
    assert "no scheduler answers" in wrong, wrong
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
    areas.setSubsetString("")
    areas.selectByExpression("keep = 1")
    selected = QgsProcessingFeatureSourceDefinition(areas.id(), selectedFeaturesOnly=True)
    QgsProject.instance().addMapLayer(areas)
    result = run("detect", SCENE=scene, AOI=selected, OUTPUT=f"{empty(folder)}/c.gpkg")
    assert abs(result["ANALYSED_M2"] - 120 * 120) < 400, result
    QgsProject.instance().clear()
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
    by_number = run("polygonize", PROBABILITY=f"{out}/p.tif", BOUNDARY=1, OUTPUT=f"{out}/number.gpkg")
    assert shapes(by_number["OUTPUT"]) == shapes(smooth["OUTPUT"])
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
    assert result["F1"] == round(told["all"]["pooled"]["f1"], 4) > 0
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
    # Both images are of one place, so that one record stands for each landslide.
    assert shapes(result["OUTPUT"]) == single
    assert (result["LANDSLIDES"], result["DONE"], result["FAILED"]) == (len(single), 2, 1)
    assert result["OVERLAPPING"] == 0
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
    assert seen and seen[0], "it was cancelled when outputs had been begun"
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
    assert unfinished(out) == [other], list(out.iterdir())
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


def answers(path: str) -> dict[int, tuple[Any, Any]]:
    layer = QgsVectorLayer(path, "layer", "ogr")
    return {feature["id"]: (feature["status"], feature["note"]) for feature in layer.getFeatures()}


def reviewed(folder: Path) -> tuple[QgsVectorLayer, str]:
    """An inventory of its own."""
    out = empty(folder) / "slides.gpkg"
    shutil.copy(folder / "slides.gpkg", out)
    path = f"{out}|layername=landslides"
    return QgsVectorLayer(path, "slides", "ogr"), path


def check_a_review_writes_answers_that_measure_keeps(folder: Path, *_: str) -> None:
    from landslide_processing.review import Review

    layer, path = reviewed(folder)
    review = Review(layer)
    waiting, order = review.left(), []
    while (feature := review.current()) is not None:
        order.append((feature["confidence"], -feature["area_m2"]))
        if len(order) == 1:
            assert review.title(feature).startswith(f"No. {feature['id']}"), review.title(feature)
            review.answer("not_landslide", reviewer="Ana", note="a quarry")
            answered = feature["id"]
        else:
            review.skip()
    assert len(order) == waiting == layer.featureCount() > 1
    assert order == sorted(order, key=lambda one: (["high", "medium", "low"].index(one[0]), one[1])), order
    assert not layer.isEditable()
    assert answers(path)[answered] == ("not_landslide", "a quarry")
    result = run("measure", INVENTORY=layer, OUTPUT=f"{empty(folder)}/m.gpkg")
    kept = QgsVectorLayer(f"{result['OUTPUT']}|layername=landslides", "kept", "ogr")
    one = next(feature for feature in kept.getFeatures() if feature["id"] == answered)
    assert (one["status"], one["reviewer"], one["note"]) == ("not_landslide", "Ana", "a quarry")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", one["reviewed_at"]), one["reviewed_at"]
    assert result["UNCHANGED"] == waiting and result["DRAWN"] == result["RESHAPED"] == 0
    review.begin()
    assert review.left() == waiting - 1, "what was skipped comes again"


def check_an_answer_can_be_taken_back(folder: Path, *_: str) -> None:
    from landslide_processing.review import Review

    layer, path = reviewed(folder)
    before = answers(path)
    review = Review(layer)
    first = review.current()["id"]
    review.answer("unsure", note="in the shade")
    assert review.current()["id"] != first
    review.back()
    assert review.current()["id"] == first
    assert answers(path) == before
    # In a layer that somebody is editing, answers wait with the other edits, and Undo takes them back.
    layer.startEditing()
    review.answer("landslide", reviewer="Ana")
    assert layer.isModified() and answers(path) == before
    assert "has edits that aren't saved" in refused("measure", INVENTORY=layer, OUTPUT=f"{empty(folder)}/m.gpkg")
    layer.undoStack().undo()
    assert layer.getFeature(review._passed[-1][0])["status"] == "unreviewed"
    layer.rollBack()


def check_the_panel(folder: Path, *_: str) -> None:
    """Keys and buttons answer, the map follows, and the picture can be looked at."""
    from landslide_processing.review_panel import ReviewPanel
    from qgis.gui import QgsMapCanvas
    from qgis.PyQt.QtCore import Qt
    from qgis.PyQt.QtTest import QTest
    from qgis.PyQt.QtWidgets import QMainWindow

    layer, path = reviewed(folder)
    scene = QgsRasterLayer(f"{folder}/scene.tif", "scene")
    QgsProject.instance().addMapLayers([scene, layer])
    window, canvas = QMainWindow(), QgsMapCanvas()
    canvas.setDestinationCrs(layer.crs())
    canvas.setLayers([layer, scene])
    window.setCentralWidget(canvas)
    window.resize(1100, 600)
    panel = ReviewPanel(canvas, window)
    window.addDockWidget(Qt.RightDockWidgetArea, panel)
    window.show()
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window), QgsApplication.activeWindow()
    panel._reviewer.setText("Ana")
    first = panel.current()
    assert canvas.extent().contains(first.geometry().boundingBox())
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key_2)
    assert answers(path)[first["id"]][0] == "not_landslide", answers(path)
    second = panel.current()
    assert second["id"] != first["id"]
    assert canvas.extent().contains(second.geometry().boundingBox())
    # A digit that is typed is no answer.
    panel._note.setFocus()
    QTest.keyClick(panel._note, Qt.Key_1)
    assert panel._note.text() == "1" and panel.current()["id"] == second["id"]
    panel._answers[0].click()
    assert answers(path)[second["id"]] == ("landslide", "1")
    assert canvas.hasFocus(), "keys are answers again"
    canvas.waitWhileRendering()
    window.grab().save(f"{folder}/panel.png")
    panel.close()
    QgsProject.instance().clear()


def check_the_plugin_comes_and_goes(folder: Path, *_: str) -> None:
    """With a stand-in for QGIS's window."""
    from landslide_processing.plugin import LandslidePlugin
    from qgis.gui import QgsMapCanvas
    from qgis.PyQt.QtWidgets import QMainWindow

    window = mock.MagicMock()
    window.mapCanvas.return_value, window.mainWindow.return_value = QgsMapCanvas(), QMainWindow()
    with mock.patch.object(LandslidePlugin, "initProcessing"):
        plugin = LandslidePlugin(window)
        plugin.initGui()
        action = window.addToolBarIcon.call_args.args[0]
        assert not action.icon().isNull() and not plugin.panel.isVisible()
        panel = plugin.panel
        plugin.unload()
    window.addPluginToMenu.assert_called_once_with("Landslide", action)
    window.removePluginMenu.assert_called_once_with("Landslide", action)
    window.removeDockWidget.assert_called_once_with(panel)
    assert plugin.panel is None


def check_merge_and_changes(folder: Path, *_: str) -> None:
    out = empty(folder)
    shutil.copy(folder / "slides.gpkg", out / "again.gpkg")
    both = [f"{folder}/slides.gpkg|layername=landslides", f"{out}/again.gpkg|layername=landslides"]
    heard = Heard()
    merged = run("merge", heard, INVENTORIES=both, DOUBLES="best", OUTPUT=f"{out}/all.gpkg")
    single = shapes(both[0])
    assert merged["LANDSLIDES"] == len(single) == len(shapes(f"{merged['OUTPUT']}|layername=landslides")), merged
    layer = QgsVectorLayer(both[1], "again", "ogr")
    layer.dataProvider().deleteFeatures([next(layer.getFeatures()).id()])
    changes = run("changes", OLD=both[0], NEW=layer, OUTPUT=f"{out}/changes.gpkg")
    assert (changes["OLD_LANDSLIDES"], changes["NEW_LANDSLIDES"]) == (len(single), len(single) - 1)
    found = QgsVectorLayer(changes["OUTPUT"], "changes", "ogr")
    assert sorted(feature["change"] for feature in found.getFeatures()) == ["gone", *["known"] * (len(single) - 1)]
    log = "\n".join(heard.info)
    assert not re.search(r"\d\.\d{5}", log), log


def check_report(folder: Path, *_: str) -> None:
    out = empty(folder)
    inventory = f"{folder}/slides.gpkg|layername=landslides"
    made = run("report", INVENTORY=inventory, SCENE=f"{folder}/scene.tif", OUTPUT=f"{out}/r.html")
    assert Path(made["OUTPUT"]).read_text().lower().startswith("<!doctype html>")
    assert made["LANDSLIDES"] == len(shapes(inventory))


def check_teaching(folder: Path, *_: str) -> None:
    """Chips come into a new folder, which may be temporary; what a training is told is looked at, not done."""
    truth, heard = f"{folder}/scene_truth.gpkg", Heard()
    given = {"SCENE": f"{folder}/scene.tif", "LABELS": truth, "SIZE": 64, "AT": "labels"}
    chips = run("chips", heard, **given, FOLDER="TEMPORARY_OUTPUT")["FOLDER"]
    assert list(Path(chips, "image").glob("*.tif"))
    assert any("chips with landslide" in line for line in heard.info), heard.info
    assert "exists" in refused("chips", **given, FOLDER=chips)
    log = empty(folder) / "words"
    with command(script(folder, f'echo "$@" > {log}')):
        run("train", CHIPS=chips, START_FILE=f"{folder}/mine.safetensors", OUTPUT=f"{folder}/taught.safetensors")
    assert log.read_text().split() == [
        "train", "--overwrite", "--chips", chips, "--start", f"{folder}/mine.safetensors", "--seed", "0",
        "--run-dir", f"{folder}/taught-run", "--out", f"{folder}/taught.safetensors",
    ]  # fmt: skip


def check_an_image_before_the_event(folder: Path, *_: str) -> None:
    """Of a scene that is its own past nothing is new."""
    out = empty(folder)
    given = {"SCENE": f"{folder}/scene.tif", "BEFORE": f"{folder}/scene.tif"}
    result = run("detect", **given, OUTPUT=f"{out}/s.gpkg", BEFORE_PROBABILITY=f"{out}/b.tif")
    layer = QgsVectorLayer(f"{result['OUTPUT']}|layername=landslides", "slides", "ogr")
    assert {feature["new"] for feature in layer.getFeatures()} == {False}
    assert QgsRasterLayer(result["BEFORE_PROBABILITY"]).isValid()
    assert run("detect", **given, ONLY_NEW=True, OUTPUT=f"{out}/n.gpkg")["LANDSLIDES"] == 0


if __name__ == "__main__":
    print(f"QGIS {Qgis.QGIS_VERSION}", file=sys.stderr)
    harness.run(sys.modules[__name__], Path(sys.argv[1]).resolve(), *sys.argv[2:])
