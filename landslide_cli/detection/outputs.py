"""The files of a run: which they are, whether they can be written, and what they tell of their making."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from rasterio.enums import Resampling

from landslide_cli._version import __version__
from landslide_cli.engine import Engine
from landslide_cli.errors import OutputError
from landslide_cli.files import FileSet
from landslide_cli.files.fileset import OnComplete
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.formats import refuse_unknown_ending
from landslide_cli.inventory.geopackage import style_beside, write_style
from landslide_cli.mosaic.cog import RasterWriter, writing_cog
from landslide_cli.mosaic.encoding import SPREAD_STEP, STEPS
from landslide_cli.prediction.plan import Plan

# Description of the band, and what one stored step means.
RASTERS = {
    "probability": ("probability", 1 / STEPS),
    "mask": ("landslide", 1.0),
    "spread": ("spread between views", SPREAD_STEP),
}
TERRAIN_TAGS = ("LANDSLIDE_DEM", "LANDSLIDE_MIN_SLOPE_DEG")


@dataclass(frozen=True, slots=True, init=False)
class Outputs:
    """The files that a run writes; all but the inventory are written on request.

    Args:
        inventory: Inventory of landslides: ``.gpkg``, ``.shp``, ``.geojson``, ``.fgb`` or ``.parquet``.
        probability: GeoTIFF of the probability.
        mask: GeoTIFF of the mask: 1 landslide, 0 not, 255 not analysed.
        spread: GeoTIFF of the standard deviation between the views; needs ``Runtime.tta``.
        stac: STAC item. True names it as the inventory is named, but ending in ``.json``.
        command: Command line to note in the layer ``runs``.
        on_complete: Called with each file and where it lies, when all are complete and none has its name yet.
    """

    inventory: Path
    probability: Path | None
    mask: Path | None
    spread: Path | None
    stac: Path | None
    command: str | None
    on_complete: OnComplete | None

    def __init__(
        self,
        inventory: str | Path,
        probability: str | Path | None = None,
        mask: str | Path | None = None,
        spread: str | Path | None = None,
        stac: str | Path | bool | None = None,
        command: str | None = None,
        on_complete: OnComplete | None = None,
    ) -> None:
        item = Path(inventory).with_suffix(".json") if stac is True else stac or None
        files = {"inventory": inventory, "probability": probability, "mask": mask, "spread": spread, "stac": item}
        for name, path in files.items():
            object.__setattr__(self, name, None if path is None else Path(path))
        object.__setattr__(self, "command", command)
        object.__setattr__(self, "on_complete", on_complete)

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
        rasters = [path for path in self.by_kind.values() if path is not None]
        for path in rasters:
            if path.suffix.lower() not in (".tif", ".tiff"):
                raise OutputError(f"{path}: rasters are written as GeoTIFF; let the name end in .tif")
        given = [self.inventory, *rasters, *([self.stac] if self.stac else [])]
        styles = [style for path in (self.inventory, *rasters) if (style := style_beside(path))]
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
    if plan.working_m is not None:
        tags["LANDSLIDE_RESOLUTION_M"] = repr(plan.working_m)
    return tags | terrain_tags(measurer)


def terrain_tags(measurer: Measurer) -> dict[str, str]:
    """The same about an elevation model."""
    if measurer.terrain is None:
        return {}
    return dict(zip(TERRAIN_TAGS, (measurer.terrain.name, f"{measurer.rules.min_slope_deg:g}"), strict=True))


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
