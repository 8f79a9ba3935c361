"""The algorithms that find landslides."""

from __future__ import annotations

from .description import FOUND, Description, Number
from .layers import SCENE, extent, polygons, raster
from .outputs import folder_out, raster_out, vector_out
from .parameters import choice, file, flag, folder, model, number, text

GROUP = "Find"

DEM = raster(
    "DEM", "Elevation model", "--dem",
    "One band of metres, in any CRS and resolution. Adds height, relief, slope, aspect and H/L to each landslide.",
)  # fmt: skip
SHAPING = (
    number("THRESHOLD", "Threshold of the probability", "--threshold",
           "Probability from which a pixel counts as landslide. Lower finds more, and more that is none. Empty takes "
           "the model's own; for a probability raster, that of its run.", low=0.001, high=1),
    number("MIN_AREA", "Smallest landslide (m²); the model's if empty", "--min-area",
           "Smaller ones are dropped, in true square metres. Empty takes what the model can see; 0 drops none.", low=0),
    number("FILL_HOLES", "Fill holes up to (m²)", "--fill-holes",
           "Holes in a landslide up to this size become landslide.", low=0, default=0, advanced=True),
    number("SIMPLIFY", "Let outlines move by up to (m)", "--simplify",
           "By how much an outline may move to lose vertices. 0 keeps it as it is.", low=0, default=0, advanced=True),
    choice("BOUNDARY", "Outlines along pixels, or along the probability", "--boundary", ("pixel", "smooth"),
           "pixel: along the edges of pixels. smooth: follows the probability, at most half a pixel away."),
    choice("CONNECTIVITY", "Connectivity", "--connectivity", ("4", "8"),
           "8 joins pixels that touch at a corner into one landslide.", default="4"),
    DEM,
    number("MIN_SLOPE", "Smallest mean slope (°), with an elevation model", "--min-slope",
           "Landslides on flatter ground, such as river beds and fields, are dropped.", low=0, high=90, default=0),
)  # fmt: skip
AREA = polygons(
    "AOI", "Analyse only inside these polygons", "--aoi",
    "Areas of interest: any polygon layer, in any CRS. “Selected features only” takes those that are selected.",
)  # fmt: skip
MODEL_FILES = "Weights (*.safetensors);;OpenVINO (*.xml)"
PREDICTION = (
    text("BANDS", "Bands, such as 3,2,1", "--bands",
         "Numbers of the bands that the model takes, red, green, blue, counted from 1. Empty goes by the bands' names, "
         "else by the file's colour interpretation, else takes the first ones."),
    text("NODATA", "Value that stands for no data, or none", "--nodata",
         "In all bands; none if every value is data. Empty takes what the file declares."),
    text("SCALE", "Raw values that map to the model's range, such as 0,3000", "--scale",
         "Empty takes 8-bit images as they are, and stretches others between their percentiles 1 and 99."),
    number("RESOLUTION", "Metres per pixel for the network", "--resolution",
           "The image is resampled to it on its way to the network. Empty takes the image's own, within what the model "
           "was trained on.", low=0.001, advanced=True),
    model("MODEL", "Model", "--model", "Empty takes the default, msasnet-rgb."),
    file("MODEL_FILE", "Model of your own, in place of an installed one", "--model", MODEL_FILES,
         "Weights that “Teach a model” wrote, with their card beside them, or what landslide export wrote."),
    choice("ENGINE", "Engine", "--engine", ("auto", "torch", "openvino"),
           "What runs the network; auto takes the fastest that is installed: OpenVINO on the CPU, torch elsewhere."),
    text("DEVICE", "Device: auto, cpu, cuda, cuda:1, mps", "--device",
         "What isn't there is refused, never replaced by the CPU. Empty takes a GPU if there is one."),
    choice("PRECISION", "Precision", "--precision", ("auto", "float32", "bfloat16", "float16", "int8"),
           "Type that the network computes in; auto takes the fastest that is known to be good enough."),
    choice("TTA", "Views of each window", "--tta", ("none", "flips", "d4"),
           "Mean over mirrored (flips: 4) or also turned (d4: 8) views, in 4 or 8 times the time. Empty takes the "
           "model's own."),
)  # fmt: skip
MANY = (
    number("WORKERS", "Processes that predict", "--workers",
           "Each does parts of the images by itself; worth it with a GPU, or for imagery far finer than what the model "
           "sees. Empty does all in one. Needs the extra dask.", low=1, whole=True, advanced=True),
    text("CLUSTER", "Dask cluster that predicts, such as tcp://HOST:8786", "--cluster",
         "Address of its scheduler, or the scheduler's file. Its machines must see the images under the same names."),
)  # fmt: skip
EARLIER = (
    raster("BEFORE", "Image before the event", "--before",
           "The same ground before, in any CRS and resolution, or its probability raster: tells for each landslide "
           "whether it is new."),
    number("SHIFT", "Shift between the two images (m)", "--shift",
           "By how much they may lie beside each other. Empty allows three pixels of the coarser one.",
           low=0, advanced=True),
    number("NEW_SHARE", "Part of a landslide that must be new", "--new-share",
           "A landslide is new if at least this part of it was below the threshold before. Empty takes 0.5.",
           low=0.001, high=1, advanced=True),
    flag("ONLY_NEW", "Drop landslides that were there before", "--only-new",
         "The log tells how many.", advanced=True),
)  # fmt: skip

DETECT = Description(
    command="detect",
    title="Detect landslides",
    group=GROUP,
    help="Finds landslides in an image and writes them as measured polygons, in the image's own CRS. A GeoPackage also "
    "holds the layer “analysed”: outside it, no polygon means nothing.\n\n"
    "Bare earth of other origin (quarries, building sites, river banks, ploughed fields) is the usual false alarm: "
    "look at each polygon before you act on it, with Plugins > Landslide > Review landslides. With an elevation model "
    "and a smallest slope the flat ones go.",
    parameters=(
        raster(SCENE, "Image", None, "GeoTIFF or any other raster that lies in a file, of any size."),
        *SHAPING,
        AREA,
        extent("BBOX", "Analyse only inside this extent", "--bbox", "In any CRS."),
        *EARLIER,
        *PREDICTION,
        *MANY,
        flag("STAC", "Write a STAC item as well", "--stac",
             "A file that catalogues read, named as the inventory is but ending in .json.", advanced=True),
        vector_out("OUTPUT", "Landslides", "GeoPackage, shapefile, GeoJSON or FlatGeobuf. A GeoPackage holds most."),
        raster_out("PROBABILITY", "Probability", "--probability",
                   "0 to 1. “Polygons of a probability raster” makes other inventories of it in seconds."),
        raster_out("BEFORE_PROBABILITY", "Probability before the event", "--before-probability",
                   "Of the image before the event, on its own grid."),
        raster_out("MASK", "Mask", "--mask", "1 landslide, 0 not, no data where nothing was analysed."),
        raster_out("SPREAD", "Spread of the views", "--spread",
                   "How far apart the views of each window are (standard deviation); needs more than one view."),
    ),
    numbers=FOUND,
    inventory="OUTPUT",
)  # fmt: skip

BATCH = Description(
    command="batch",
    title="Detect landslides in many images",
    group=GROUP,
    help="Finds landslides in all images of a folder and writes them as polygons, each image into a file of its own in "
    "the folder for results, and all together into landslides.gpkg there.\n\n"
    "An image that fails doesn't stop the others. Cancelled and started again, it goes on: an image is done again if "
    "it, the model or the settings have changed.\n\n"
    "Where images overlap, a landslide that both saw becomes one record; “seen” and “analysed_by” tell how many saw it "
    "and how many looked there.",
    parameters=(
        folder("SCENES", "Folder of images", None, "All rasters in it are done."),
        flag("RECURSIVE", "Search the folders inside of it as well", "--recursive", "All of them, however deep."),
        *SHAPING,
        AREA,
        *EARLIER,
        folder("BEFORE_FOLDER", "Folder of images before the event, in place of one image", "--before",
               "One for each image, under the same name.", optional=True),
        *PREDICTION,
        *MANY,
        flag("PROBABILITY", "Write probabilities as well", "--probability", "One raster for each image.",
             advanced=True),
        flag("MASK", "Write masks as well", "--mask", "One raster for each image.", advanced=True),
        flag("SPREAD", "Write spreads as well", "--spread",
             "One raster for each image; needs more than one view of each window.", advanced=True),
        flag("STAC", "Write STAC items as well", "--stac", "One for each image, and a collection.", advanced=True),
        flag("OVERWRITE", "Replace files that the batch didn't write, or that were changed since", "--overwrite",
             "Without it they are refused.", advanced=True),
        folder_out("FOLDER", "Folder for results", "May be that of an earlier run, which then goes on."),
    ),
    numbers=(
        *FOUND,
        Number("DONE", "Images done", ("done",)),
        Number("FAILED", "Images that failed", ("failed",)),
        Number("OVERLAPPING", "Landslides that overlap one of another image", ("overlapping",)),
    ),
    result=True,
    replaces=False,
    cancelled="what is finished stays, and the next run goes on.",
)  # fmt: skip

POLYGONIZE = Description(
    command="polygonize",
    title="Polygons of a probability raster",
    group=GROUP,
    help="Writes what “Detect landslides” would have written with another threshold, in seconds.",
    parameters=(
        raster("PROBABILITY", "Probability", None, "A raster that “Detect landslides” wrote."),
        *SHAPING,
        *EARLIER,
        raster("SPREAD", "Spread of the views", "--spread",
               "Of the same run: for the attribute prob_spread and for the confidence."),
        vector_out("OUTPUT", "Landslides", "GeoPackage, shapefile, GeoJSON or FlatGeobuf. A GeoPackage holds most."),
    ),
    numbers=FOUND,
    inventory="OUTPUT",
)  # fmt: skip

DESCRIPTIONS = (DETECT, POLYGONIZE, BATCH)
