"""Parameters of Processing, each with the words of the command line that its value becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from qgis.core import (
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
    QgsProcessingParameterVectorLayer,
    QgsProcessingUtils,
    QgsProviderRegistry,
)

SCENE = "SCENE"


@dataclass(frozen=True)
class Call:
    """One run of an algorithm: where the values of its parameters come from.

    Attributes:
        outputs: Files that the command will write; filled as the words are made.
    """

    algorithm: QgsProcessingAlgorithm
    values: dict[str, Any]
    context: QgsProcessingContext
    feedback: QgsProcessingFeedback
    outputs: dict[str, str] = field(default_factory=dict)

    def given(self, name: str) -> bool:
        return self.values.get(name) not in (None, "")


@dataclass(frozen=True)
class Given:
    """A parameter.

    Attributes:
        make: Makes its definition; Processing wants a new one for each copy of an algorithm.
        words: The words of the command line for its value in a call.
    """

    make: Callable[[], QgsProcessingParameterDefinition]
    words: Callable[[Call], list[str]]


def number(
    name: str, label: str, flag: str, *, low: float, high: float | None = None, default: float | None = None,
    whole: bool = False, advanced: bool = False,
) -> Given:  # fmt: skip
    """A number; without default it may be left out."""
    kind = QgsProcessingParameterNumber.Integer if whole else QgsProcessingParameterNumber.Double

    def make() -> QgsProcessingParameterDefinition:
        made = QgsProcessingParameterNumber(name, label, kind, default, optional=default is None)
        made.setMinimum(low)
        if high is not None:
            made.setMaximum(high)
        return _shown(made, advanced=advanced)

    def words(call: Call) -> list[str]:
        if not call.given(name) and default is None:
            return []
        read = call.algorithm.parameterAsInt if whole else call.algorithm.parameterAsDouble
        return [flag, repr(read(call.values, name, call.context))]

    return Given(make, words)


def choice(name: str, label: str, flag: str, options: Sequence[str], *, default: str | None = None) -> Given:
    """One of several words, among the advanced parameters; without default it may be left out."""

    def make() -> QgsProcessingParameterDefinition:
        made = QgsProcessingParameterEnum(
            name, label, list(options), defaultValue=default, optional=default is None, usesStaticStrings=True
        )
        return _shown(made, advanced=True)

    def words(call: Call) -> list[str]:
        value = call.algorithm.parameterAsEnumString(call.values, name, call.context)
        return [flag, value] if value else []

    return Given(make, words)


def text(name: str, label: str, flag: str) -> Given:
    """Words that are passed on as they are, among the advanced parameters; may be left out."""

    def make() -> QgsProcessingParameterDefinition:
        return _shown(QgsProcessingParameterString(name, label, optional=True), advanced=True)

    def words(call: Call) -> list[str]:
        value = call.algorithm.parameterAsString(call.values, name, call.context).strip()
        return [flag, value] if value else []

    return Given(make, words)


def flag(name: str, label: str, flag: str, *, advanced: bool = False) -> Given:
    """A word that is there or isn't."""

    def make() -> QgsProcessingParameterDefinition:
        return _shown(QgsProcessingParameterBoolean(name, label, defaultValue=False), advanced=advanced)

    def words(call: Call) -> list[str]:
        return [flag] if call.algorithm.parameterAsBool(call.values, name, call.context) else []

    return Given(make, words)


def folder(name: str, label: str) -> Given:
    """A folder that is the command's argument."""

    def make() -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterFile(name, label, QgsProcessingParameterFile.Folder)

    def words(call: Call) -> list[str]:
        return [call.algorithm.parameterAsFile(call.values, name, call.context)]

    return Given(make, words)


def raster(name: str, label: str, flag: str | None = None) -> Given:
    """A raster that lies in a file; without flag it is the command's argument, else it may be left out."""

    def make() -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterRasterLayer(name, label, optional=flag is not None)

    def words(call: Call) -> list[str]:
        layer = call.algorithm.parameterAsRasterLayer(call.values, name, call.context)
        return [] if layer is None else [*_flag(flag), _file(layer, label, "gdal")]

    return Given(make, words)


def needed_raster(name: str, label: str, flag: str) -> Given:
    """A raster that a flag must have."""
    given = raster(name, label, flag)
    return Given(lambda: QgsProcessingParameterRasterLayer(name, label), given.words)


def inventory(name: str, label: str) -> Given:
    """A vector layer whose whole file is the command's argument: other layers in it count as well."""

    def make() -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterVectorLayer(name, label)

    def words(call: Call) -> list[str]:
        layer = call.algorithm.parameterAsVectorLayer(call.values, name, call.context)
        return [_file(layer, label, "ogr")]

    return Given(make, words)


def polygons(name: str, label: str, flag: str, *, optional: bool) -> Given:
    """Polygons of any layer, filtered as it is in QGIS; they are handed over in a file of their own."""

    def make() -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterVectorLayer(name, label, [QgsProcessing.TypeVectorPolygon], optional=optional)

    def words(call: Call) -> list[str]:
        layer = call.algorithm.parameterAsVectorLayer(call.values, name, call.context)
        if layer is None:
            return []
        # No format counts as compatible, so that the layer is always written anew, alone in its file.
        file = QgsProcessingUtils.convertToCompatibleFormat(
            layer, False, name.lower(), [], "gpkg", call.context, call.feedback
        )
        return [flag, file]

    return Given(make, words)


def extent(name: str, label: str, flag: str) -> Given:
    """A rectangle, brought into the CRS of the scene; may be left out."""

    def make() -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterExtent(name, label, optional=True)

    def words(call: Call) -> list[str]:
        if not call.given(name):
            return []
        scene = call.algorithm.parameterAsRasterLayer(call.values, SCENE, call.context)
        box = call.algorithm.parameterAsExtent(call.values, name, call.context, scene.crs())
        return [flag, ",".join(map(repr, (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum())))]

    return Given(make, words)


def vector_out(name: str, label: str) -> Given:
    """The inventory that is written."""
    return Given(
        lambda: QgsProcessingParameterVectorDestination(name, label, QgsProcessing.TypeVectorPolygon),
        _out(name, "--out"),
    )


def raster_out(name: str, label: str, flag: str) -> Given:
    """A raster that is written on request."""
    return Given(
        lambda: QgsProcessingParameterRasterDestination(name, label, optional=True, createByDefault=False),
        _out(name, flag),
    )


def file_out(name: str, label: str, flag: str | None, kinds: str) -> Given:
    """A file that is written on request; without flag it takes what the command prints."""

    def make() -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterFileDestination(name, label, kinds, optional=True, createByDefault=False)

    def words(call: Call) -> list[str]:
        file = call.algorithm.parameterAsFileOutput(call.values, name, call.context)
        if not file:
            return []
        call.outputs[name] = file
        return [flag, file] if flag else []

    return Given(make, words)


def folder_out(name: str, label: str) -> Given:
    """The folder that results are written into."""

    def make() -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterFolderDestination(name, label)

    def words(call: Call) -> list[str]:
        call.outputs[name] = call.algorithm.parameterAsString(call.values, name, call.context)
        return ["--out", call.outputs[name]]

    return Given(make, words)


def _out(name: str, flag: str) -> Callable[[Call], list[str]]:
    def words(call: Call) -> list[str]:
        file = call.algorithm.parameterAsOutputLayer(call.values, name, call.context)
        if not file:
            return []
        call.outputs[name] = file
        return [flag, file]

    return words


def _shown(made: QgsProcessingParameterDefinition, *, advanced: bool) -> QgsProcessingParameterDefinition:
    if advanced:
        made.setFlags(made.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
    return made


def _flag(flag: str | None) -> list[str]:
    return [] if flag is None else [flag]


def _file(layer: QgsMapLayer, label: str, provider: str) -> str:
    """What the command can open of a layer.

    Raises:
        QgsProcessingException: it lies in no file.
    """
    parts = QgsProviderRegistry.instance().decodeUri(layer.providerType(), layer.source())
    file = parts.get("path")
    if layer.providerType() != provider or not file:
        raise QgsProcessingException(
            f"{label}: the layer {layer.name()} lies in no file that landslide can read; save it as one first "
            "(Layer > Save As)"
        )
    return layer.source() if provider == "gdal" else str(Path(file))
