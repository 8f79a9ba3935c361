"""The algorithms that look at inventories: measure, report, judge, put together, compare."""

from __future__ import annotations

from .description import FOUND, Description, Number
from .finding import DEM
from .layers import SCENE, inventories, inventory, polygons, raster
from .outputs import file_out, vector_out
from .parameters import choice, crs, file, number

GROUP = "Check"

INVENTORY = inventory(
    "INVENTORY", "Inventory", None, "Landslides in a file; a GeoPackage of “Detect landslides” tells most."
)
PROBABILITY = raster(
    "PROBABILITY", "Probability", "--probability", "The probability raster of the run that found them."
)

MEASURE = Description(
    command="measure",
    title="Measure an edited inventory",
    group=GROUP,
    help="Measures anew what a person has drawn and reshaped, fills in what is missing, and keeps what the person "
    "wrote. Polygons that weren't touched stay as they are, to the last digit.\n\n"
    "It also makes an inventory of any polygons, such as last year's mapping.\n\n"
    "Save your edits first: what isn't saved can't be read.",
    parameters=(
        INVENTORY,
        raster(SCENE, "Image", "--scene",
               "Names it where a polygon was drawn, counts pixels, tells what its border cuts."),
        PROBABILITY,
        DEM,
        file("DECISIONS", "Decisions from elsewhere", "--decisions", "Tables and GeoJSON (*.csv *.geojson *.json)",
             "Such as the report's export: id, status, and if there are note, reviewer and reviewed_at."),
        vector_out("OUTPUT", "Measured inventory", "A new file: the inventory itself is open in QGIS."),
    ),
    numbers=(
        Number("RESHAPED", "Reshaped", ("reshaped",)),
        Number("DRAWN", "Drawn", ("drawn",)),
        Number("UNCHANGED", "Unchanged", ("unchanged",)),
        Number("WITHOUT_POLYGON", "Rows without a polygon", ("without_polygon",)),
        Number("DECIDED", "Decisions written", ("decided",)),
        Number("AREA_M2", "Their area (m²)", ("area_m2",), 1),
    ),
    inventory="OUTPUT",
)  # fmt: skip

REPORT = Description(
    command="report",
    title="Report of an inventory",
    group=GROUP,
    help="Writes one page that shows an inventory: map, table, charts, how it was made, what nobody looked at. It "
    "opens in any browser and needs no network.\n\nThe picture needs matplotlib in landslide's environment.",
    parameters=(
        INVENTORY,
        raster(SCENE, "Image", "--scene", "The image of that run, for the map.", optional=False),
        PROBABILITY,
        number("IMAGERY", "Largest size of the imagery in the page (MB)", "--imagery", "How fine the map gets.",
               low=0.1, default=10, advanced=True),
        file_out("OUTPUT", "Report", "--out", "HTML (*.html)", "One page.", optional=False),
        file_out("PNG", "Picture", "--png", "PNG (*.png)",
                 "Scene, outlines, scale bar, number and area, for a message."),
    ),
    numbers=(Number("LANDSLIDES", "Landslides", ("landslides",)),),
)  # fmt: skip

EVALUATE = Description(
    command="evaluate",
    title="Judge an inventory by a reference",
    group=GROUP,
    help="Tells how good an inventory of landslides is, by polygons that are known to be right: precision, recall, F1 "
    "and IoU of pixels and of landslides, outlines, area bias and false alarms. Only what was analysed counts.\n\n"
    "The curves need the probability, and matplotlib in landslide's environment.",
    parameters=(
        INVENTORY,
        polygons("REFERENCE", "Reference", "--reference",
                 "All landslides of the image, mapped by a person: any polygon layer, in any CRS.", optional=False),
        raster(SCENE, "Image that both belong to", "--scene", "Its pixels are what is counted.", optional=False),
        PROBABILITY,
        number("TOLERANCE", "Tolerance of outlines (pixels)", "--tolerance",
               "How far apart two outlines may lie and still agree.", low=0, default=3),
        file_out("PLOT", "Curves", "--plot", "PNG (*.png);;SVG (*.svg);;PDF (*.pdf)",
                 "Precision and recall over the threshold, and calibration."),
        file_out("REPORT", "All numbers", None, "JSON (*.json)", "What the command prints for machines."),
    ),
    numbers=(
        Number("PRECISION", "Precision of pixels", ("all", "pooled", "precision"), 4),
        Number("RECALL", "Recall of pixels", ("all", "pooled", "recall"), 4),
        Number("F1", "F1 of pixels", ("all", "pooled", "f1"), 4),
        Number("IOU", "IoU of pixels", ("all", "pooled", "iou"), 4),
        Number("FOUND", "Landslides found", ("all", "objects", "found")),
        Number("TRUE", "Landslides of the reference", ("all", "objects", "true")),
        Number("OBJECT_F1", "F1 of landslides (IoU of 0.5)", ("all", "objects", "iou_0.5", "f1"), 4),
        Number("BOUNDARY_F1", "F1 of outlines", ("all", "boundary", "f1"), 4),
        Number("AREA_BIAS", "Bias of the area", ("all", "area_bias"), 4),
        Number("FALSE_ALARM", "False alarms, share of other area", ("all", "false_alarm", "share_of_other_area"), 6),
    ),
    report="REPORT",
)  # fmt: skip

MERGE = Description(
    command="merge",
    title="Merge inventories",
    group=GROUP,
    help="Writes one inventory of many, with one record for each landslide, whoever saw it. Landslides of different "
    "images that overlap by more than half of the smaller one are one; halves that the edge of an image cut are "
    "joined. What people added, drew or reviewed is kept.",
    parameters=(
        inventories("INVENTORIES", "Inventories", "GeoPackages of “Detect landslides”, reviewed or not."),
        choice("DOUBLES", "What stands for a landslide that several images saw", "--doubles",
               ("best", "union", "keep"),
               "best: the best record. union: all outlines together. keep: every record, marked.", default="best"),
        crs("CRS", "CRS", "--crs", "Of the merged inventory. Empty takes that of most inventories."),
        vector_out("OUTPUT", "Merged inventory", "A GeoPackage."),
    ),
    numbers=(
        *FOUND,
        Number("SCENES", "Images", ("scenes",)),
        Number("DOUBLES_FOUND", "Records that another one stands for", ("doubles",)),
        Number("CONTESTED", "Seen by at most half of the images that looked there", ("contested",)),
    ),
    inventory="OUTPUT",
)  # fmt: skip

CHANGES = Description(
    command="changes",
    title="Changes from one inventory to another",
    group=GROUP,
    help="Tells what became of each landslide: new, grown, known, shrunk; gone, where the later one looked and found "
    "nothing; and not analysed, where the other never looked.\n\n"
    "Both may be of anyone: polygons or points, in any format and CRS. One that doesn't tell what was analysed is "
    "taken to have looked everywhere.",
    parameters=(
        inventory("OLD", "Earlier inventory", None, "Polygons or points, in a file."),
        inventory("NEW", "Later inventory", None, "Polygons or points, in a file."),
        number("SAME", "Share of the smaller polygon that both must share", "--same",
               "From which overlap on two polygons are the same landslide.",
               low=0, high=0.999, default=0.5, advanced=True),
        number("GROWTH", "Share of its area to count as grown or shrunk", "--growth",
               "A change that is smaller leaves it known.", low=0, default=0.25, advanced=True),
        number("DISTANCE", "Distance of points (m)", "--distance",
               "How far a point may lie from a polygon and still be the same landslide.",
               low=0, default=50, advanced=True),
        crs("CRS", "CRS", "--crs", "Of the result. Empty takes that of the later inventory."),
        vector_out("OUTPUT", "Changes", "A GeoPackage."),
    ),
    numbers=(
        Number("OLD_LANDSLIDES", "Landslides before", ("old",)),
        Number("NEW_LANDSLIDES", "Landslides after", ("new",)),
    ),
)  # fmt: skip

DESCRIPTIONS = (MEASURE, REPORT, EVALUATE, MERGE, CHANGES)
