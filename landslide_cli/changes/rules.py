"""What makes landslides of two inventories the same, and what makes one grown."""

from __future__ import annotations

from dataclasses import dataclass

from landslide_cli.errors import is_number, refuse_unless


@dataclass(frozen=True, slots=True)
class ChangeRules:
    """When two landslides are the same, and when one of them has grown.

    Raises:
        OptionError: a number that can't be.
    """

    overlap: float = 0.5
    """Part of the smaller of two polygons that both must share to be the same landslide."""
    growth: float = 0.25
    """Part of its area by which a landslide must have grown or shrunk to be called so."""
    distance_m: float = 50
    """Metres that a point may lie away from a polygon or another point and still be the same landslide."""

    def __post_init__(self) -> None:
        share = is_number(self.overlap) and 0 <= self.overlap < 1
        refuse_unless(share, "overlap", self.overlap, "give a share from 0 to below 1")
        refuse_unless(is_number(self.growth) and self.growth >= 0, "growth", self.growth, "give a share, 0 or more")
        away = is_number(self.distance_m) and self.distance_m >= 0
        refuse_unless(away, "distance_m", self.distance_m, "give metres, 0 or more")
