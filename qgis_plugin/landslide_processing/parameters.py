"""Parameters of Processing that are read, each with the words of the command line that its value becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterCrs,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
    QgsProperty,
)

from . import models

# Enough for a hundredth of a millimetre in any CRS.
DIGITS = 12


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
        flag: The option of the command that it sets, if it is one.
    """

    make: Callable[[], QgsProcessingParameterDefinition]
    words: Callable[[Call], list[str]]
    flag: str | None = None


class Choice(QgsProcessingParameterEnum):
    """One of several words: by name, or by its place in the list, as scripts of other algorithms are used to."""

    def checkValueIsAcceptable(self, input: Any, context: QgsProcessingContext | None = None) -> bool:
        return chosen(self.options(), input) is not None or super().checkValueIsAcceptable(input, context)


def chosen(options: Sequence[str], value: object) -> str | None:
    """The option that a value means: ``smooth`` or 1; a name counts before a place."""
    text = str(value)
    if text in options:
        return text
    return options[int(text)] if text.isdecimal() and int(text) < len(options) else None


def number(
    name: str, label: str, flag: str, hint: str, *, low: float, high: float | None = None,
    default: float | None = None, whole: bool = False, advanced: bool = False,
) -> Given:  # fmt: skip
    """A number; without default it may be left out."""
    kind = QgsProcessingParameterNumber.Integer if whole else QgsProcessingParameterNumber.Double

    def make() -> QgsProcessingParameterDefinition:
        made = QgsProcessingParameterNumber(name, label, kind, default, optional=default is None)
        made.setMinimum(low)
        if high is not None:
            made.setMaximum(high)
        return shown(made, hint, advanced=advanced)

    def words(call: Call) -> list[str]:
        if not call.given(name) and default is None:
            return []
        read = call.algorithm.parameterAsInt if whole else call.algorithm.parameterAsDouble
        return [flag, plain(read(call.values, name, call.context))]

    return Given(make, words, flag)


def choice(name: str, label: str, flag: str, options: Sequence[str], hint: str, *, default: str | None = None) -> Given:
    """One of several words, among the advanced parameters; without default it may be left out."""

    def make() -> QgsProcessingParameterDefinition:
        return shown(_choice(name, label, options, default), hint, advanced=True)

    return Given(make, lambda call: _chosen(call, name, flag, options, default), flag)


def model(name: str, label: str, flag: str, hint: str) -> Given:
    """One of the installed models; may be left out."""

    def make() -> QgsProcessingParameterDefinition:
        return shown(_choice(name, label, models.names(), None), f"{hint}\n{models.told()}".strip())

    return Given(make, lambda call: _chosen(call, name, flag, models.names(), None), flag)


def text(name: str, label: str, flag: str, hint: str) -> Given:
    """Words that are passed on as they are, among the advanced parameters; may be left out."""

    def make() -> QgsProcessingParameterDefinition:
        return shown(QgsProcessingParameterString(name, label, optional=True), hint, advanced=True)

    def words(call: Call) -> list[str]:
        value = call.algorithm.parameterAsString(call.values, name, call.context).strip()
        return [flag, value] if value else []

    return Given(make, words, flag)


def flag(name: str, label: str, flag: str, hint: str, *, advanced: bool = False) -> Given:
    """A word that is there or isn't."""

    def make() -> QgsProcessingParameterDefinition:
        return shown(QgsProcessingParameterBoolean(name, label, defaultValue=False), hint, advanced=advanced)

    def words(call: Call) -> list[str]:
        return [flag] if call.algorithm.parameterAsBool(call.values, name, call.context) else []

    return Given(make, words, flag)


def crs(name: str, label: str, flag: str, hint: str) -> Given:
    """A coordinate reference system, among the advanced parameters; may be left out."""

    def make() -> QgsProcessingParameterDefinition:
        return shown(QgsProcessingParameterCrs(name, label, optional=True), hint, advanced=True)

    def words(call: Call) -> list[str]:
        value = call.algorithm.parameterAsCrs(call.values, name, call.context)
        return [flag, value.authid() or value.toWkt()] if value.isValid() else []

    return Given(make, words, flag)


def folder(name: str, label: str, flag: str | None, hint: str, *, optional: bool = False) -> Given:
    """A folder; without flag it is the command's argument."""

    def make() -> QgsProcessingParameterDefinition:
        return shown(
            QgsProcessingParameterFile(name, label, QgsProcessingParameterFile.Folder, optional=optional), hint
        )

    return Given(make, lambda call: named(flag, call.algorithm.parameterAsFile(call.values, name, call.context)), flag)


def file(name: str, label: str, flag: str, kinds: str, hint: str) -> Given:
    """A file of the kinds, among the advanced parameters; may be left out."""

    def make() -> QgsProcessingParameterDefinition:
        return shown(QgsProcessingParameterFile(name, label, optional=True, fileFilter=kinds), hint, advanced=True)

    return Given(make, lambda call: named(flag, call.algorithm.parameterAsFile(call.values, name, call.context)), flag)


def shown(
    made: QgsProcessingParameterDefinition, hint: str, *, advanced: bool = False
) -> QgsProcessingParameterDefinition:
    """The definition with its tooltip, among the advanced ones if it is one."""
    made.setHelp(hint)
    if advanced:
        made.setFlags(made.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
    return made


def _choice(name: str, label: str, options: Sequence[str], default: str | None) -> Choice:
    return Choice(name, label, list(options), defaultValue=default, optional=default is None, usesStaticStrings=True)


def _chosen(call: Call, name: str, flag: str, options: Sequence[str], default: str | None) -> list[str]:
    value = call.values.get(name) if call.given(name) else default
    if isinstance(value, QgsProperty):
        value = call.algorithm.parameterAsEnumString(call.values, name, call.context)
    return [] if value is None else named(flag, chosen(options, value) or str(value))


def plain(value: float) -> str:
    """A number without the noise of binary fractions."""
    return str(value) if isinstance(value, int) else f"{value:.{DIGITS}g}"


def named(flag: str | None, value: str) -> list[str]:
    """The value after its flag, if it has one; nothing if there is no value."""
    return [*([] if flag is None else [flag]), value] if value else []
