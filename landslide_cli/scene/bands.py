"""Which bands of a file a model is given: by what was asked for, by names, by colours, else the first ones."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from landslide_cli.errors import BandNamesWarning, SceneError, counted

RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
# What programs and people call the visible bands: English, then Spanish and Portuguese, French, German, Italian.
WORDS = {
    "red": {"red", "r", "rojo", "vermelho", "rouge", "rot", "rosso"},
    "green": {"green", "g", "verde", "vert", "grün", "gruen"},
    "blue": {"blue", "b", "azul", "bleu", "blau", "blu"},
}
# "red edge", "coastal blue" and "green i" (of eight-band Planet scenes) aren't red, blue and green.
OTHER = {"edge", "rededge", "coastal", "i", "infrared", "near"}
# Sentinel-2 in two digits can't be confused with any other satellite.
SENTINEL_2 = {"b04": "red", "b03": "green", "b02": "blue"}
# Bands of light that isn't visible, and numbers that each satellite gives another meaning.
UNSEEN = {"nir", "nir1", "nir2", "swir", "swir1", "swir2", "rededge", "edge", "coastal", "yellow", "pan", "tir"}
NUMBERED = re.compile(r"(sr_)?b\d{1,2}a?")


def choose_bands(src: DatasetReader, wanted: Sequence[str], bands: Sequence[int] | None) -> tuple[int, ...]:
    """Choose the bands to read; see `landslide_cli.scene.scene.open_scene`.

    Raises:
        SceneError: a number isn't there, their count isn't what the model needs, or the names of the bands tell that
            the first ones are others.
    """
    need = f"the model needs {len(wanted)} ({', '.join(wanted)})"
    if bands:
        missing = [band for band in bands if not 1 <= band <= src.count]
        if missing:
            raise SceneError(
                f"{src.name} has no band {', '.join(map(str, missing))}: it has bands 1 to {src.count}; "
                "choose others with --bands"
            )
        if len(bands) != len(wanted):
            raise SceneError(f"--bands names {counted(len(bands), 'band')}, but {need}")
        return tuple(bands)
    told = _by_name(src, wanted)
    coloured = len(wanted) == len(RGB) and all(src.colorinterp.count(colour) == 1 for colour in RGB)
    shown = tuple(src.colorinterp.index(colour) + 1 for colour in RGB) if coloured else None
    if told and shown and told != shown:
        # GDAL calls any three bands of 8 bits red, green and blue, but nobody names bands by accident.
        warnings.warn(
            f"{src.name}: the names of its bands ({_names(src)}) contradict its colour interpretation; the names are "
            f"followed, bands {_listed(told)}; --bands {_listed(shown)} takes the colours",
            BandNamesWarning,
            stacklevel=4,
        )
    if told or shown:
        return told or shown or ()
    return _first(src, wanted, need)


def alpha_bands(src: DatasetReader) -> tuple[int, ...]:
    """Numbers of the bands that tell by 0 where there is no data: by colour, or by name where no colour is told."""
    return tuple(
        number
        for number, (colour, name) in enumerate(zip(src.colorinterp, src.descriptions, strict=True), start=1)
        if colour == ColorInterp.alpha or (colour == ColorInterp.undefined and (name or "").strip().lower() == "alpha")
    )


def _first(src: DatasetReader, wanted: Sequence[str], need: str) -> tuple[int, ...]:
    """The first bands that are no alpha."""
    _refuse_palette(src)
    alphas = alpha_bands(src)
    colours = [number for number in range(1, src.count + 1) if number not in alphas]
    if src.count == 0 and src.subdatasets:
        names = ", ".join(src.subdatasets[:6]) + ", …" * (len(src.subdatasets) > 6)
        raise SceneError(
            f"{src.name} holds several rasters and no bands of its own, but {need}; name one of them ({names}), or "
            "join three of them: gdalbuildvrt -separate scene.vrt RED GREEN BLUE"
        )
    if len(colours) < len(wanted):
        raise SceneError(
            f"{src.name} has {counted(len(colours), 'band')} of colour, but {need}; "
            "repeat one with --bands (such as 1,1,1) if you know what that means"
        )
    if len(wanted) > 1 and any(_is_other(name) for name in src.descriptions):
        raise SceneError(
            f"{src.name} names its bands {_names(src)}, which doesn't tell what {', '.join(wanted)} are; "
            "say it with --bands R,G,B"
        )
    return tuple(colours[: len(wanted)])


def _by_name(src: DatasetReader, wanted: Sequence[str]) -> tuple[int, ...] | None:
    """The bands whose names say what is wanted; None where the names of one of them don't."""
    found = []
    for colour in wanted:
        if colour not in WORDS:
            return None
        exact = [number for number, name in enumerate(src.descriptions, 1) if _meaning(name, whole=True) == colour]
        loose = [number for number, name in enumerate(src.descriptions, 1) if _meaning(name) == colour]
        # "red" is meant where there is a "red" beside a "red of 2019".
        one = exact if len(exact) == 1 else loose
        if len(one) != 1:
            return None
        found += one
    return tuple(found)


def _meaning(name: str | None, *, whole: bool = False) -> str | None:
    """The colour that a name tells, such as red for ``Red``, ``B4 - red``, ``B04``; None for others."""
    words = _words(name)
    if whole and len(words) != 1:
        return None
    if OTHER & set(words):
        return None
    colours = {colour for colour, known in WORDS.items() if known & set(words)}
    colours |= {SENTINEL_2[word] for word in words if word in SENTINEL_2}
    return colours.pop() if len(colours) == 1 else None


def _is_other(name: str | None) -> bool:
    """Whether a name tells of a spectral band, so that it isn't likely that the first three are red, green, blue."""
    words = _words(name)
    numbered = len(words) == 1 and NUMBERED.fullmatch("_".join(words)) is not None
    return (
        bool(UNSEEN & set(words)) or numbered or _meaning(name) is not None or (name or "").lower().startswith("sr_b")
    )


def _words(name: str | None) -> list[str]:
    return [word for word in re.split(r"[\W_]+", (name or "").lower()) if word]


def _names(src: DatasetReader) -> str:
    return ", ".join(name or "—" for name in src.descriptions)


def _listed(bands: Sequence[int]) -> str:
    return ",".join(map(str, bands))


def _refuse_palette(src: DatasetReader) -> None:
    if ColorInterp.palette in src.colorinterp:
        raise SceneError(
            f"{src.name} holds numbers of colours in a table (a palette), not colours; write them out first: "
            f"gdal_translate -expand rgb {src.name} rgb.tif"
        )
