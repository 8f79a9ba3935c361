"""The errors raised on purpose. Each message says what came, what is needed and what to do."""

from __future__ import annotations

import math
import re
from numbers import Real
from typing import TypeGuard
from urllib.parse import unquote

_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]+:/{1,2}"
# A password may hold a slash, though it should not.
PASSWORD = re.compile(rf"({_SCHEME})(?:[^\s/@'\"]*|[^\s/@:'\"]+:[^\s@'\"]*)@")
QUERY = re.compile(rf"((?:{_SCHEME}|/vsi\w+/)[^\s?'\"]*)\?[^\s'\"]*")
OPTIONS = re.compile(r"(/vsi\w+)\?[^\s'\"]*")


def without_secrets(text: str) -> str:
    """A text whose addresses have lost what lets others in: queries, which carry signatures, and passwords."""
    text = OPTIONS.sub(_address, text)
    return QUERY.sub(r"\1", PASSWORD.sub(r"\1", text))


def shown(name: str) -> str:
    """A name of the user's as it can be printed anywhere: no secrets, and ``?`` for what isn't UTF-8."""
    return without_secrets(name.encode(errors="replace").decode())


def counted(count: float, thing: str, form: str = "") -> str:
    """A number of things in words: ``1 window``, ``2 windows``; ``form`` says how the number is written."""
    return f"{count:{form}} {thing}{'' if count == 1 else 's'}"


def _address(options: re.Match[str]) -> str:
    """The address inside of GDAL's ``/vsicurl?option=value&url=…``."""
    inner = re.search(r"url=([^&\s]+)", options[0])
    return unquote(inner[1]) if inner else options[1]


class LandslideError(Exception):
    """Base of all errors that a user can mend; the command line shows them as one line.

    The messages carry no signatures and passwords of addresses, however they came in.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*(without_secrets(arg) if isinstance(arg, str) else arg for arg in args))


class OptionError(LandslideError, ValueError):
    """An option has a value that it can't have, such as a threshold of 5."""


class SceneError(LandslideError):
    """A scene can't be used: not a raster, wrong bands, no valid pixel, no geotransform."""


class NothingValidError(SceneError):
    """Nothing in a scene, or in the area of interest, is valid: the network has nothing to look at."""


class AreaError(LandslideError):
    """The area of interest can't be read or doesn't meet the scene."""


class OutsideAreaError(AreaError):
    """The area of interest doesn't meet the scene."""


class TerrainError(LandslideError):
    """The elevation model can't be used: not a raster of heights, no CRS, not where the scene is."""


class ProbabilityError(LandslideError):
    """A raster isn't one of probabilities, is damaged, or holds nothing that was analysed."""


class OutputError(LandslideError):
    """An output can't be written: it exists, its folder is missing, its ending is unknown, its format is too small."""


class ModelError(LandslideError):
    """A model can't be loaded: unknown name, wrong checksum, card and weights that don't fit."""


class PredictionError(LandslideError):
    """The network gave what is no probability, NaN or infinity; or workers die of a band again and again."""


class DeviceError(LandslideError):
    """The device or engine asked for isn't there."""


class ClusterError(LandslideError):
    """There is no such cluster, its scheduler is gone, or its workers have another version or model."""


class TrainingDataError(LandslideError):
    """Chips, masks, groups or a recipe can't be used for training."""


class EvaluationError(LandslideError):
    """A prediction and a truth can't be compared: layers, grids or coordinate systems that don't fit."""


class InventoryError(LandslideError):
    """An inventory can't be read: it is no vector file, or holds no layer of polygons."""


class ReportError(LandslideError):
    """A report can't be made: an inventory that doesn't belong to the scene, or one without polygons."""


class MissingExtraError(LandslideError):
    """A command needs a package that comes with an extra and isn't installed."""


class MachineError(LandslideError):
    """The machine lacks what a run needs: memory, room on the disk, open files, a permission, a connection."""


class LibraryError(LandslideError):
    """A library met what it can't do, in its own words."""


class LandslideWarning(UserWarning):
    """Something a user should know that doesn't stop the run."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(without_secrets(arg) if isinstance(arg, str) else arg for arg in args))


class NoCRSWarning(LandslideWarning):
    """The scene has no coordinate reference system, so metric fields stay empty."""


class CoarseWarning(LandslideWarning):
    """The scene's pixels are far larger than those that the network was trained for."""


class BandNamesWarning(LandslideWarning):
    """The names of the bands contradict their colour interpretation."""


class UndeclaredNodataWarning(LandslideWarning):
    """A value looks as if it stood for no data, but the file doesn't say so."""


class NoReferenceWarning(LandslideWarning):
    """No polygon of the reference lies in what was analysed, so only false alarms can be judged."""


def refuse_unless(right: object, name: str, value: object, needed: str) -> None:
    """Check the value of an option.

    Args:
        right: Whether the value is one that the option can have.
        name: Name of the option in Python.
        value: What was given.
        needed: What is to be done, for the message.

    Raises:
        OptionError: it isn't.
    """
    if not right:
        raise OptionError(f"{name}={value!r}: {needed}")


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number, numpy's among them; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
