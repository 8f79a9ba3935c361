"""What of a scene is seen: which bands, in which numbers, how fine, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from landslide_cli.errors import is_number, refuse_unless


@dataclass(frozen=True, slots=True)
class View:
    """The part of a scene that the network sees, and how.

    Raises:
        OptionError: a value that it can't have.
    """

    bands: tuple[int, ...] | None = None
    """Numbers of the bands to use, counted from 1, in the model's order; by default their names choose, else the file's
    colour interpretation, else the first ones are taken."""
    scale: tuple[float, float] | None = None
    """Raw values that map to the model's range, the lower first; measured by default, except for uint8."""
    resolution_m: float | None = None
    """Metres per pixel at which the network sees the scene; its own by default, within the trained range."""
    aoi: str | Path | None = None
    """Vector file, in any CRS, with the polygons to analyse; everything by default."""
    bbox: tuple[float, float, float, float] | None = None
    """Left, bottom, right, top to analyse, in the scene's CRS."""
    nodata: float | Literal["none"] | None = None
    """Value that stands for no data in all bands, in place of the file's own; ``none`` if no value does; by default
    what the file declares. Alpha bands and masks count in any case."""

    allow_remote: bool = False
    """Let a scene on this machine, such as a VRT, read from others; one that is named by its address always does."""

    def __post_init__(self) -> None:
        for name in ("bands", "scale", "bbox"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.bands is not None:
            whole = self.bands and all(is_number(band) and band == int(band) and band >= 1 for band in self.bands)
            refuse_unless(whole, "bands", self.bands, "give whole numbers from 1, such as (3, 2, 1)")
        if self.scale is not None:
            rises = len(self.scale) == 2 and all(map(is_number, self.scale)) and self.scale[0] < self.scale[1]
            refuse_unless(rises, "scale", self.scale, "give two numbers, the lower first")
        if self.resolution_m is not None:
            positive = is_number(self.resolution_m) and self.resolution_m > 0
            refuse_unless(positive, "resolution_m", self.resolution_m, "give metres per pixel, more than 0")
        if self.bbox is not None:
            right = len(self.bbox) == 4 and all(map(is_number, self.bbox))
            refuse_unless(right, "bbox", self.bbox, "give left, bottom, right, top in the scene's coordinates")
        if self.nodata is not None:
            right = self.nodata == "none" or is_number(self.nodata)
            refuse_unless(right, "nodata", self.nodata, "give a number, or none if every value is data")
