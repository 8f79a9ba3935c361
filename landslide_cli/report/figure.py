"""One picture of the scene with its landslides, to send in a message."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.patheffects import withStroke

from landslide_cli.inventory.classes import CLASSES, classes_of, classes_there
from landslide_cli.report.facts import hectares
from landslide_cli.report.frame import Frame
from landslide_cli.report.page import Contents
from landslide_cli.report.tiles import Imagery
from landslide_cli.report.warped import warped
from landslide_cli.typing import Geometries

PIXELS = 1000  # of the longer side
DPI = 100
CASING = [withStroke(linewidth=3, foreground="#1d2328")]


def draw_picture(
    path: Path, contents: Contents, imagery: Imagery, placed: Geometries, analysed: Geometries | None
) -> None:
    """Draw the whole scene with outlines, scale bar, north arrow, and a title with number and area.

    Args:
        path: PNG to write.
        contents: What the page says.
        imagery: The scene.
        placed: The landslides in map units.
        analysed: What was analysed, in map units, or None.
    """
    frame = contents.frame
    left, bottom, right, top = frame.outline.bounds
    side = max(right - left, top - bottom) / PIXELS
    width, height = (max(1, math.ceil(length / side)) for length in (right - left, top - bottom))
    figure = Figure(figsize=(max(width, 500) / DPI, (height + 84) / DPI), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, height / (height + 84)))
    axes.set_axis_off()
    axes.set_facecolor("white")
    axes.imshow(
        _image(imagery, frame, left, top, side, width, height),
        extent=(left, left + width * side, top - height * side, top),
        interpolation="nearest",
    )
    axes.set(xlim=(left, left + width * side), ylim=(top - height * side, top), aspect="equal")
    if analysed is not None:
        _shade(axes, frame, analysed)
    _outlines(axes, contents, placed)
    if frame.mercator:
        _scale_bar(axes, frame)
        _north(axes)
    _legend(axes, contents)
    _title(figure, contents)
    figure.savefig(path, format="png", dpi=DPI)


def _image(imagery: Imagery, frame: Frame, left: float, top: float, side: float, width: int, height: int) -> Any:
    with warped(
        imagery.path, frame, bands=imagery.bands, left=left, top=top, side=side, width=width, height=height
    ) as src:
        raw, valid = src.read(0, 0, width, height)
    opacity = np.where(valid, 255, 0).astype(np.uint8)[None]
    return imagery.paint(np.concatenate([imagery.reduce(raw), opacity])).transpose(1, 2, 0)


def _shade(axes: Axes, frame: Frame, analysed: Geometries) -> None:
    unknown = shapely.difference(frame.outline, shapely.union_all(analysed))
    if unknown.is_empty:
        return
    rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(shapely.get_parts(unknown))]
    if rings:
        area = Outline.make_compound_path(*(Outline(ring, closed=True) for ring in rings))
        axes.add_patch(PathPatch(area, facecolor="#282e3455", edgecolor="#ffffff88", hatch="///", linewidth=0))


def _outlines(axes: Axes, contents: Contents, placed: Geometries) -> None:
    parts, whose = shapely.get_parts(placed, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    lines = [shapely.get_coordinates(ring) for ring in rings]
    classes = classes_of(contents.inventory.landslides, contents.inventory.confidence)
    colours = [CLASSES[kind].colour for kind in classes[whose[part]]]
    axes.add_collection(LineCollection(lines, colors="#140a00", linewidths=2.6, alpha=0.6))
    axes.add_collection(LineCollection(lines, colors=colours, linewidths=1.3))


def _legend(axes: Axes, contents: Contents) -> None:
    """What the colours mean, for the classes that are there."""
    there = classes_there(contents.inventory.landslides, contents.inventory.confidence)
    if there:
        axes.legend(
            handles=[Line2D([], [], color=shown.colour, linewidth=2, label=label) for shown, label in there],
            loc="lower right", fontsize=8, facecolor="#1d2328", edgecolor="none", framealpha=0.8, labelcolor="white",
        )  # fmt: skip


def _scale_bar(axes: Axes, frame: Frame) -> None:
    """A bar of a round length, about a fifth of the picture; true at the scene's centre."""
    west, east = axes.get_xlim()
    metres = (east - west) * (frame.metres or 1)
    power = 10 ** math.floor(math.log10(metres / 5))
    length = max(step * power for step in (1, 2, 5) if step * power <= metres / 5)
    share, start = length / metres, 0.025
    axes.plot([start, start + share], [0.03, 0.03], transform=axes.transAxes, color="white", linewidth=4,
              solid_capstyle="butt", path_effects=[withStroke(linewidth=7, foreground="#1d2328")])  # fmt: skip
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.text(start + share / 2, 0.045, text, transform=axes.transAxes, color="white", ha="center", va="bottom",
              fontsize=12, path_effects=CASING)  # fmt: skip


def _north(axes: Axes) -> None:
    style = {"arrowstyle": "-|>,head_length=0.7,head_width=0.35", "color": "white", "linewidth": 2.5}
    axes.annotate("", xy=(0.965, 0.975), xytext=(0.965, 0.9), xycoords="axes fraction",
                  arrowprops={**style, "path_effects": [withStroke(linewidth=5, foreground="#1d2328")]})  # fmt: skip
    axes.text(0.965, 0.895, "N", transform=axes.transAxes, color="white", ha="center", va="top", fontsize=14,
              fontweight="bold", path_effects=CASING)  # fmt: skip


def _title(figure: Figure, contents: Contents) -> None:
    count, total = contents.counted.landslides, contents.counted.area_m2
    title = f"{count:,} landslide{'s' * (count != 1)}" + ("" if total is None else f", {hectares(total)}")
    run, covered = contents.inventory.run, contents.covered
    parts = [contents.scene]
    if covered.analysed_m2 is not None:
        parts.append(f"{hectares(covered.analysed_m2)} analysed")
    if "model" in run:
        parts.append(run["model"] + (f", threshold {run['threshold']}" if "threshold" in run else ""))
    height = figure.get_figheight() * DPI
    # A file may be named with dollars, which would be read as formulas.
    figure.text(14 / (figure.get_figwidth() * DPI), 1 - 16 / height, title, fontsize=20, fontweight="bold", va="top",
                parse_math=False)  # fmt: skip
    figure.text(14 / (figure.get_figwidth() * DPI), 1 - 52 / height, " · ".join(parts), fontsize=11, va="top",
                color="#56616b", parse_math=False)  # fmt: skip
