"""The algorithms: each is a command, its parameters, and the numbers that it gives back."""

from __future__ import annotations

from dataclasses import dataclass

from .parameters import (
    SCENE,
    Given,
    choice,
    extent,
    file_out,
    flag,
    folder,
    folder_out,
    inventory,
    needed_raster,
    number,
    polygons,
    raster,
    raster_out,
    text,
    vector_out,
)


@dataclass(frozen=True)
class Number:
    """A number that an algorithm gives back: where it stands in what the command prints with ``--json``."""

    name: str
    label: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Description:
    """An algorithm.

    Attributes:
        command: Name of the command, and id of the algorithm.
        title: What the toolbox shows.
        help: What stands beside the dialog.
        parameters: In the order of the dialog.
        numbers: What the algorithm gives back beside its files.
        inventory: Name of the parameter whose GeoPackage holds what was analysed, if there is one.
        report: Name of the parameter that takes what the command prints, if there is one.
        result: Whether the command itself names its inventory and says which it is (``out``); it is then the output
            ``OUTPUT``, and always loaded.
        asked: Whether Processing has asked before which files may be replaced.
        cancelled: What is left of a run that was cancelled.
    """

    command: str
    title: str
    help: str
    parameters: tuple[Given, ...]
    numbers: tuple[Number, ...]
    inventory: str | None = None
    report: str | None = None
    result: bool = False
    asked: bool = True
    cancelled: str = "nothing was written."


SHAPING = (
    number("THRESHOLD", "Threshold of the probability", "--threshold", low=0.001, high=1),
    number("MIN_AREA", "Smallest landslide (m²)", "--min-area", low=0, default=0),
    number("FILL_HOLES", "Fill holes up to (m²)", "--fill-holes", low=0, default=0, advanced=True),
    number("SIMPLIFY", "Let outlines move by up to (m)", "--simplify", low=0, default=0, advanced=True),
    choice("BOUNDARY", "Outlines along pixels, or along the probability", "--boundary", ("pixel", "smooth")),
    choice("CONNECTIVITY", "Connectivity", "--connectivity", ("4", "8"), default="4"),
    raster("DEM", "Elevation model", "--dem"),
    number("MIN_SLOPE", "Smallest mean slope (°), with an elevation model", "--min-slope", low=0, high=90, default=0),
)
AREA = polygons("AOI", "Analyse only inside these polygons", "--aoi", optional=True)
PREDICTION = (
    text("BANDS", "Bands, such as 3,2,1", "--bands"),
    text("NODATA", "Value that stands for no data, or none", "--nodata"),
    text("SCALE", "Raw values that map to the model's range, such as 0,3000", "--scale"),
    number("RESOLUTION", "Metres per pixel for the network", "--resolution", low=0.001, advanced=True),
    text("MODEL", "Model", "--model"),
    text("DEVICE", "Device: auto, cpu, cuda, cuda:1, mps", "--device"),
    choice("TTA", "Views of each window", "--tta", ("none", "flips", "d4")),
)
FOUND = (
    Number("LANDSLIDES", "Landslides", ("landslides",)),
    Number("AREA_M2", "Their area (m²)", ("area_m2",)),
    Number("ANALYSED_M2", "Analysed area (m²)", ("analysed_m2",)),
)

DETECT = Description(
    command="detect",
    title="Detect landslides",
    help="Finds landslides in an image and writes them as measured polygons, in the image's own CRS. A GeoPackage also "
    "holds the layer “analysed”: outside it, no polygon means nothing.\n\n"
    "Bare earth of other origin (quarries, building sites, river banks, ploughed fields) is the usual false alarm: "
    "look at each polygon before you act on it. With an elevation model and a smallest slope the flat ones go.\n\n"
    "Threshold: empty takes the model's own. Model: id of an installed model, or a .safetensors file; empty takes the "
    "default.",
    parameters=(
        raster(SCENE, "Image"),
        *SHAPING,
        AREA,
        extent("BBOX", "Analyse only inside this extent", "--bbox"),
        *PREDICTION,
        vector_out("OUTPUT", "Landslides"),
        raster_out("PROBABILITY", "Probability", "--probability"),
        raster_out("MASK", "Mask", "--mask"),
    ),
    numbers=FOUND,
    inventory="OUTPUT",
)

BATCH = Description(
    command="batch",
    title="Detect landslides in many images",
    help="Finds landslides in all images of a folder and writes them as polygons, each image into a file of its own in "
    "the folder for results, and all together into landslides.gpkg there.\n\n"
    "An image that fails doesn't stop the others. Cancelled and started again, it goes on: an image is done again if "
    "it, the model or the settings have changed.\n\n"
    "Where images overlap, landslides come more than once; the attribute “overlaps” marks them.",
    parameters=(
        folder("SCENES", "Folder of images"),
        flag("RECURSIVE", "Search the folders inside of it as well", "--recursive"),
        *SHAPING,
        AREA,
        *PREDICTION,
        flag("PROBABILITY", "Write probabilities as well", "--probability", advanced=True),
        flag("MASK", "Write masks as well", "--mask", advanced=True),
        flag(
            "OVERWRITE",
            "Replace files that the batch didn't write, or that were changed since",
            "--overwrite",
            advanced=True,
        ),
        folder_out("FOLDER", "Folder for results"),
    ),
    numbers=(
        *FOUND,
        Number("DONE", "Images done", ("done",)),
        Number("FAILED", "Images that failed", ("failed",)),
        Number("OVERLAPPING", "Landslides that overlap one of another image", ("overlapping",)),
    ),
    result=True,
    asked=False,
    cancelled="what is finished stays, and the next run goes on.",
)

POLYGONIZE = Description(
    command="polygonize",
    title="Polygons of a probability raster",
    help="Writes what “Detect landslides” would have written with another threshold, in seconds.\n\n"
    "Threshold: empty takes that of the run that wrote the raster.",
    parameters=(
        raster("PROBABILITY", "Probability"),
        *SHAPING,
        vector_out("OUTPUT", "Landslides"),
    ),
    numbers=FOUND,
    inventory="OUTPUT",
)

EVALUATE = Description(
    command="evaluate",
    title="Judge an inventory by a reference",
    help="Tells how good an inventory of landslides is, by polygons that are known to be right: precision, recall, F1 "
    "and IoU of pixels and of landslides, outlines, area bias and false alarms. Only what was analysed counts.\n\n"
    "The curves need the probability, and matplotlib in landslide's environment.",
    parameters=(
        inventory("INVENTORY", "Inventory"),
        polygons("REFERENCE", "Reference", "--reference", optional=False),
        needed_raster(SCENE, "Image that both belong to", "--scene"),
        raster("PROBABILITY", "Probability", "--probability"),
        number("TOLERANCE", "Tolerance of outlines (pixels)", "--tolerance", low=0, default=3),
        file_out("PLOT", "Curves", "--plot", "PNG (*.png);;SVG (*.svg);;PDF (*.pdf)"),
        file_out("REPORT", "All numbers", None, "JSON (*.json)"),
    ),
    numbers=(
        Number("PRECISION", "Precision of pixels", ("all", "pooled", "precision")),
        Number("RECALL", "Recall of pixels", ("all", "pooled", "recall")),
        Number("F1", "F1 of pixels", ("all", "pooled", "f1")),
        Number("IOU", "IoU of pixels", ("all", "pooled", "iou")),
        Number("FOUND", "Landslides found", ("all", "objects", "found")),
        Number("TRUE", "Landslides of the reference", ("all", "objects", "true")),
        Number("OBJECT_F1", "F1 of landslides (IoU of 0.5)", ("all", "objects", "iou_0.5", "f1")),
        Number("BOUNDARY_F1", "F1 of outlines", ("all", "boundary", "f1")),
        Number("AREA_BIAS", "Bias of the area", ("all", "area_bias")),
        Number("FALSE_ALARM", "False alarms, share of other area", ("all", "false_alarm", "share_of_other_area")),
    ),
    report="REPORT",
)

DESCRIPTIONS = (DETECT, POLYGONIZE, EVALUATE, BATCH)
