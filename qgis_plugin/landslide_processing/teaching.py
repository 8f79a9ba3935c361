"""The algorithms that make a better model of what a person has corrected."""

from __future__ import annotations

from .description import Description
from .finding import MODEL_FILES
from .layers import SCENE, inventory, polygons, raster
from .outputs import file_out, folder_out, run_folder
from .parameters import choice, file, folder, model, number, text

GROUP = "Teach"

CHIPS = Description(
    command="chips",
    title="Cut chips for teaching",
    group=GROUP,
    help="Cuts small images and masks out of an image and its landslides, for “Teach a model”.\n\n"
    "Ground that nobody checked teaches nothing. What was checked: all of the image if the landslides have no status, "
    "else the polygons with the status landslide or not_landslide; with areas that were checked also the ground "
    "between them. What was rejected teaches the model what is no landslide.",
    parameters=(
        raster(SCENE, "Image", None, "The image that the landslides belong to."),
        inventory("LABELS", "Landslides", "--labels",
                  "All landslides in the image, or an inventory that was reviewed: with a status for each polygon."),
        polygons("AOI", "Ground that was checked", "--aoi",
                 "Polygons in which every landslide is among the labels. “Selected features only” takes those that are "
                 "selected."),
        number("SIZE", "Side of a chip (pixels)", "--size", "256 suits the models.", low=32, default=256, whole=True,
               advanced=True),
        choice("AT", "Where to cut", "--at", ("grid", "labels"),
               "grid: where a grid meets landslides. labels: around each landslide.", default="grid"),
        number("BACKGROUND", "Part of the chips without landslide", "--background",
               "Such chips teach what is none.", low=0, high=0.99, default=0.25, advanced=True),
        text("BANDS", "Bands, such as 3,2,1", "--bands", "As in “Detect landslides”."),
        text("NODATA", "Value that stands for no data, or none", "--nodata", "As in “Detect landslides”."),
        text("SCALE", "Raw values that map to the model's range, such as 0,3000", "--scale",
             "As in “Detect landslides”."),
        folder_out("FOLDER", "New folder for chips", "It must not exist."),
    ),
    json=False,
    replaces=False,
)  # fmt: skip

TRAIN = Description(
    command="train",
    title="Teach a model",
    group=GROUP,
    help="Teaches a model further on chips that were corrected, and writes its weights; “Detect landslides” takes them "
    "as a model of your own. The log tells how good it was before and is now, on chips that were held out.\n\n"
    "It needs landslide-cli[train] in landslide's environment. With some hundred chips it takes minutes to an hour on "
    "a CPU.",
    parameters=(
        folder("CHIPS", "Folder of chips", "--chips", "What “Cut chips for teaching” wrote."),
        folder("MORE_CHIPS", "One more folder of chips", "--chips", "Of another image.", optional=True),
        model("START", "Model to teach further", "--start",
              "Empty begins from nothing, which takes thousands of chips."),
        file("START_FILE", "Model of your own to teach further, in place of an installed one", "--start", MODEL_FILES,
             "Weights with their card beside them."),
        number("STEPS", "Steps", "--steps", "Empty lets the command decide.", low=1, whole=True, advanced=True),
        number("RESOLUTION", "Metres per pixel of the chips", "--resolution",
               "Empty takes it from their georeference.", low=0.001, advanced=True),
        number("SEED", "Seed", "--seed", "Decides everything random.", low=0, default=0, whole=True, advanced=True),
        run_folder("RUN_FOLDER", "Folder for checkpoints, logs and pictures", "--run-dir", "OUTPUT",
                   "A training that was cancelled goes on from there. Empty makes one beside the weights."),
        file_out("OUTPUT", "Weights", "--out", "Weights (*.safetensors)", "The model card goes beside them.",
                 optional=False),
    ),
    json=False,
    cancelled="the next run with the same folder goes on.",
)  # fmt: skip

DESCRIPTIONS = (CHIPS, TRAIN)
