"""How runs and what was open before go together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landslide_cli.polygons.runs import Numbers, Places, Runs, components


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts and components, all counted from 0.

    A part has an outline of its own. Parts of pixels are connected by edges: a component has one part with connectivity
    4; with 8 it has all those that touch at corners. Smooth outlines are joined at corners then, and make one part.

    Attributes:
        of_run: Part of each run.
        of_open: Part of each part that was open.
        component: Component of each part.
        component_of_open: Component of each component that was open.
        components: Number of components.
    """

    of_run: Numbers
    of_open: Numbers
    component: Numbers
    component_of_open: Numbers
    components: int


def connect(
    runs: Runs, above: Places, component: Places | Numbers, open_components: int, *, corners: bool, joined: bool
) -> Parts:
    """Connect runs that touch, and those of the first row with what was open.

    Args:
        runs: Runs of the last row before, and of the new ones.
        above: The open part of each run of that row.
        component: The open component of each open part.
        open_components: Their number.
        corners: Whether parts that touch at a corner make one component.
        joined: Whether they make one part then.
    """
    count, size = len(runs.start), len(runs.start) + len(component)
    # Open parts are nodes behind the runs, open components behind those.
    continued = np.arange(len(above)), count + above
    number, part = components(size, runs.touching(corners=corners and joined), continued)
    if not corners or joined:
        return Parts(part[:count], part[count:], np.arange(number, dtype=np.int32), part[count:], number)
    together = count + np.arange(len(component)), size + component
    total, found = components(size + open_components, runs.touching(corners=True), continued, together)
    component_of_part = np.empty(number, dtype=np.int32)
    component_of_part[part] = found[:size]
    return Parts(part[:count], part[count:], component_of_part, found[size:], total)
