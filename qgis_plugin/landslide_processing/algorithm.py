"""A Processing algorithm made of a description."""

from __future__ import annotations

import contextlib
import json
import shlex
from pathlib import Path
from typing import Any

from processing.core.ProcessingConfig import ProcessingConfig
from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputVectorLayer,
)
from qgis.PyQt.QtGui import QIcon

from . import models
from .command import Cancelled, CommandError, find_command, run
from .description import Description, Number
from .loading import load_inventory, load_styled
from .parameters import Call


class CommandAlgorithm(QgsProcessingAlgorithm):
    """Runs a ``landslide`` command with the values of the dialog, and loads what it writes."""

    def __init__(self, description: Description) -> None:
        super().__init__()
        self.description = description

    def createInstance(self) -> CommandAlgorithm:
        """Called before each dialog and each run, but not when QGIS starts: the time to ask which models there are."""
        with contextlib.suppress(CommandError):
            models.ask(_command())
        return CommandAlgorithm(self.description)

    def name(self) -> str:
        return self.description.command

    def displayName(self) -> str:
        return self.description.title

    def group(self) -> str:
        return self.description.group

    def groupId(self) -> str:
        return self.description.group.lower()

    def shortHelpString(self) -> str:
        return self.description.help

    def tags(self) -> list[str]:
        return ["landslide", "landslides", "hazard", "segmentation", self.description.command]

    def icon(self) -> QIcon:
        return self.provider().icon()

    def svgIconPath(self) -> str:
        return self.provider().svgIconPath()

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        for given in self.description.parameters:
            self.addParameter(given.make())
        for number in self.description.numbers:
            self.addOutput(QgsProcessingOutputNumber(number.name, number.label))
        if self.description.result:
            self.addOutput(QgsProcessingOutputVectorLayer("OUTPUT", "Landslides"))

    def canExecute(self) -> tuple[bool, str]:
        try:
            _command()
        except CommandError as error:
            return False, str(error)
        return True, ""

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        call = Call(self, parameters, context, feedback)
        try:
            words = [_command(), self.description.command]
            words += ["--json"] if self.description.json else []
            words += ["--overwrite"] if self.description.replaces else []
            for given in self.description.parameters:
                words += given.words(call)
            feedback.pushCommandInfo(shlex.join(words))
            printed = run(words, map(Path, call.outputs.values()), Relay(feedback))
        except CommandError as error:
            raise QgsProcessingException(str(error)) from error
        except Cancelled:
            raise QgsProcessingException(f"Cancelled; {self.description.cancelled}") from None
        report = call.outputs.get(self.description.report or "")
        if report:
            Path(report).write_text(printed, encoding="utf-8")
        load_styled(call.outputs.values(), call.outputs.get(self.description.inventory or ""), context)
        if not self.description.json:
            feedback.pushInfo(printed.strip())
            return call.outputs
        told = json.loads(printed)
        if self.description.result and told["out"]:
            call.outputs["OUTPUT"] = told["out"]
            load_inventory(told["out"], context)
        return {**call.outputs, **self._numbers(told, feedback)}

    def _numbers(self, printed: dict[str, Any], feedback: QgsProcessingFeedback) -> dict[str, float]:
        """What is known of the numbers, which the log shows too."""
        found = {number: _value(printed, number) for number in self.description.numbers}
        for number, value in found.items():
            feedback.pushInfo(f"{number.label}: {'unknown' if value is None else value}")
        return {number.name: value for number, value in found.items() if value is not None}


class Relay:
    """Passes what the command says on to Processing."""

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self._feedback = feedback

    def progress(self, share: float, note: str) -> None:
        self._feedback.setProgress(100 * share)
        if note:
            self._feedback.setProgressText(note)

    def line(self, text: str) -> None:
        if text.startswith(("Warning: ", "Failed: ")):
            self._feedback.pushWarning(text)
        else:
            self._feedback.pushConsoleInfo(text)

    def failed(self, reason: str) -> None:
        self._feedback.reportError(reason)

    def cancelled(self) -> bool:
        return self._feedback.isCanceled()


def _command() -> str:
    return find_command(ProcessingConfig.getSetting("LANDSLIDE_COMMAND"))


def _value(printed: dict[str, Any], number: Number) -> float | None:
    value: Any = printed
    for key in number.keys:
        value = None if value is None else value[key]
    # Of what was measured, binary fractions say more digits than are known.
    return round(value, number.digits) if isinstance(value, float) else value
