"""Parameters of Processing that are written, each with the words of the command line that its value becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from qgis.core import (
    QgsProcessing,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterVectorDestination,
)

from .parameters import Call, Given, shown


def vector_out(name: str, label: str, hint: str) -> Given:
    """The inventory that is written."""
    return Given(
        lambda: shown(QgsProcessingParameterVectorDestination(name, label, QgsProcessing.TypeVectorPolygon), hint),
        _out(name, "--out"),
        "--out",
    )


def raster_out(name: str, label: str, flag: str, hint: str) -> Given:
    """A raster that is written on request."""
    return Given(
        lambda: shown(QgsProcessingParameterRasterDestination(name, label, optional=True, createByDefault=False), hint),
        _out(name, flag),
        flag,
    )


def file_out(name: str, label: str, flag: str | None, kinds: str, hint: str, *, optional: bool = True) -> Given:
    """A file that may be written on request; without flag it takes what the command prints."""

    def make() -> QgsProcessingParameterDefinition:
        return shown(
            QgsProcessingParameterFileDestination(name, label, kinds, optional=optional, createByDefault=not optional),
            hint,
        )

    def words(call: Call) -> list[str]:
        file = call.algorithm.parameterAsFileOutput(call.values, name, call.context)
        if not file:
            return []
        call.outputs[name] = file
        return [flag, file] if flag else []

    return Given(make, words, flag)


def folder_out(name: str, label: str, hint: str) -> Given:
    """The folder that results are written into."""

    def make() -> QgsProcessingParameterDefinition:
        return shown(QgsProcessingParameterFolderDestination(name, label), hint)

    def words(call: Call) -> list[str]:
        call.outputs[name] = call.algorithm.parameterAsString(call.values, name, call.context)
        return ["--out", call.outputs[name]]

    return Given(make, words, "--out")


def run_folder(name: str, label: str, flag: str, beside: str, hint: str) -> Given:
    """The folder of a run that can be cut off and goes on; beside the output of that name if it is left out."""

    def make() -> QgsProcessingParameterDefinition:
        made = QgsProcessingParameterFile(name, label, QgsProcessingParameterFile.Folder, optional=True)
        return shown(made, hint, advanced=True)

    def words(call: Call) -> list[str]:
        output = Path(call.algorithm.parameterAsFileOutput(call.values, beside, call.context))
        given = call.algorithm.parameterAsFile(call.values, name, call.context)
        return [flag, given or str(output.with_name(f"{output.stem}-run"))]

    return Given(make, words, flag)


def _out(name: str, flag: str) -> Callable[[Call], list[str]]:
    def words(call: Call) -> list[str]:
        file = call.algorithm.parameterAsOutputLayer(call.values, name, call.context)
        if not file:
            return []
        call.outputs[name] = file
        return [flag, file]

    return words
