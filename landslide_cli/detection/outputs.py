"""The files of a run: which they are, whether they can be written, and what they tell of their making."""

from __future__ import annotations

from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from rasterio.enums import Resampling

from landslide_cli._version import __version__
from landslide_cli.engine import Engine
from landslide_cli.errors import OutputError
from landslide_cli.files import FileSet
from landslide_cli.files.fileset import OnComplete
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.confidence import TAG, Confidence
from landslide_cli.inventory.formats import refuse_unknown_ending
from landslide_cli.inventory.geopackage import styles_beside, write_style
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.mosaic.cog import RasterWriter, writing_cog
from landslide_cli.mosaic.encoding import SPREAD_STEP, STEPS
from landslide_cli.mosaic.regridding import Regridded
from landslide_cli.prediction.plan import Plan
from landslide_cli.scene.scene import name_of

# Description of the band, and what one stored step means.
RASTERS = {
    "probability": ("probability", 1 / STEPS),
    "mask": ("landslide", 1.0),
    "spread": ("spread between views", SPREAD_STEP),
}
TERRAIN_TAGS = ("LANDSLIDE_DEM", "LANDSLIDE_MIN_SLOPE_DEG")
BEFORE_TAGS = ("LANDSLIDE_BEFORE", "LANDSLIDE_SHIFT_M", "LANDSLIDE_NEW_SHARE", "LANDSLIDE_ONLY_NEW")


@dataclass(frozen=True, slots=True, init=False)
class Outputs:
    """The files that a run writes; all but the inventory are written on request.

    Args:
        inventory: Inventory of landslides: ``.gpkg``, ``.shp``, ``.geojson``, ``.fgb`` or ``.parquet``;
            ``.csv``, ``.kml`` or ``.pmtiles`` for other programs.
        probability: GeoTIFF of the probability.
        mask: GeoTIFF of the mask: 1 landslide, 0 not, 255 not analysed.
        spread: GeoTIFF of the standard deviation between the views; needs ``Runtime.tta``.
        stac: STAC item. True names it as the inventory is named, but ending in ``.json``.
        command: Command line to note in the layer ``runs``.
        before_probability: GeoTIFF of the probability before, where the rules name an image of that.
        config: Settings as TOML to note in the layer ``runs``; those of the run by default.
    """

    inventory: Path
    probability: Path | None
    mask: Path | None
    spread: Path | None
    stac: Path | None
    command: str | None
    before_probability: Path | None
    config: str | None
    on_complete: OnComplete | None = field(default=None, init=False)

    def __init__(
        self,
        inventory: str | Path,
        probability: str | Path | None = None,
        mask: str | Path | None = None,
        spread: str | Path | None = None,
        stac: str | Path | bool | None = None,
        command: str | None = None,
        before_probability: str | Path | None = None,
        config: str | None = None,
    ) -> None:
        item = Path(inventory).with_suffix(".json") if stac is True else stac or None
        files = {"inventory": inventory, "probability": probability, "mask": mask, "spread": spread, "stac": item}
        files["before_probability"] = before_probability
        for name, path in files.items():
            object.__setattr__(self, name, None if path is None else Path(path))
        object.__setattr__(self, "command", command)
        object.__setattr__(self, "config", config)
        object.__setattr__(self, "on_complete", None)

    def calling(self, on_complete: OnComplete) -> Outputs:
        """The same, with a call of each file and where it lies, when all are complete and none has its name yet."""
        twin = copy(self)
        object.__setattr__(twin, "on_complete", on_complete)
        return twin

    @property
    def by_kind(self) -> dict[str, Path | None]:
        """The rasters by the names of `RASTERS`; None for one that isn't asked for."""
        return {"probability": self.probability, "mask": self.mask, "spread": self.spread}

    def claim(self, *inputs: str | PathLike[str] | None, overwrite: bool = False) -> FileSet:
        """Decide before any work whether every file can be written.

        Raises:
            OutputError: one can't, two share a name, or one belongs to an input.
        """
        refuse_unknown_ending(self.inventory)
        rasters = [path for path in (*self.by_kind.values(), self.before_probability) if path is not None]
        for path in rasters:
            if path.suffix.lower() not in (".tif", ".tiff"):
                raise OutputError(f"{path}: rasters are written as GeoTIFF; let the name end in .tif")
        given = [self.inventory, *rasters, *([self.stac] if self.stac else [])]
        styles = [style for path in (self.inventory, *rasters) for style in styles_beside(path)]
        return FileSet([*given, *styles], overwrite=overwrite, inputs=inputs, on_complete=self.on_complete)


def refuse_lonely_spread(spread: str | Path | None, tta: str) -> None:
    """Check that a raster of the spread between views has views to come from.

    Raises:
        OutputError: there is only one.
    """
    if spread is not None and tta == "none":
        raise OutputError(f"{spread}: one view has no spread; ask for several with --tta flips or --tta d4")


def provenance(plan: Plan, engine: Engine, measurer: Measurer) -> dict[str, str]:
    """The tags by which every output says how it was made."""
    window, overlap = plan.scene_px(plan.size), plan.scene_px(plan.grid.rows.overlap)
    tags = {
        "LANDSLIDE_VERSION": __version__,
        "LANDSLIDE_MODEL": plan.card.model_id,
        "LANDSLIDE_WEIGHTS_SHA256": plan.card.sha256,
        "LANDSLIDE_THRESHOLD": f"{measurer.rules.threshold:g}",
        "LANDSLIDE_MIN_AREA_M2": f"{measurer.rules.smallest_m2:g}",
        "LANDSLIDE_WINDOW": "{1}x{0}".format(*window),
        "LANDSLIDE_OVERLAP": "{1}x{0}".format(*overlap),
        "LANDSLIDE_STRETCH": "{:g},{:g}".format(*plan.value_range),
        "LANDSLIDE_BANDS": ",".join(map(str, plan.scene.bands)),
        "LANDSLIDE_ENGINE": engine.name,
        "LANDSLIDE_PRECISION": engine.precision,
        "LANDSLIDE_DEVICE": engine.device,
        "LANDSLIDE_TTA": plan.tta,
        "LANDSLIDE_SCENE": plan.scene.name,
    }
    if plan.card.confidence:
        tags[TAG] = Confidence.of(plan.card.confidence).as_text()
    if plan.working_m is not None:
        tags["LANDSLIDE_RESOLUTION_M"] = repr(plan.working_m)
    return tags | terrain_tags(measurer)


def terrain_tags(measurer: Measurer) -> dict[str, str]:
    """The same about an elevation model."""
    if measurer.terrain is None:
        return {}
    return dict(zip(TERRAIN_TAGS, (measurer.terrain.name, f"{measurer.rules.min_slope_deg:g}"), strict=True))


def before_tags(rules: PolygonRules, before: Regridded | None) -> dict[str, str]:
    """The same about an image of before."""
    if rules.before is None or before is None:
        return {}
    name = Path(name_of(rules.before)).name
    told = (name, f"{before.shift_m:g}", f"{rules.new_share:g}", "yes" if rules.only_new else "no")
    return dict(zip(BEFORE_TAGS, told, strict=True))


def open_raster(
    rasters: ExitStack, place: Path | None, plan: Plan, tags: dict[str, str], kind: str
) -> RasterWriter | None:
    """Open one of `RASTERS` where it is to be written; finished when ``rasters`` ends."""
    if place is None:
        return None
    description, scale = RASTERS[kind]
    scene = plan.scene
    write_style(place, kind)
    return rasters.enter_context(
        writing_cog(
            place,
            size=(scene.height, scene.width),
            ground=scene.ground,
            scale=scale,
            description=description,
            tags=tags,
            overviews=Resampling.average if scale != 1 else Resampling.nearest,
        )
    )
