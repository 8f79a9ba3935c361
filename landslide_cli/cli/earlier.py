"""The options that name an image of before, and what is made of it."""

from __future__ import annotations

import click

from landslide_cli.cli.options import PATH, together

before = click.option(
    "--before",
    type=PATH,
    metavar="FILE",
    help="Image of the same ground before the event (any CRS, resolution, sensor), or the probability raster of one: "
    "adds prob_before, new_share and new to each landslide.",
)
shift = click.option(
    "--shift",
    "shift_m",
    type=click.FloatRange(min=0),
    metavar="METRES",
    help="With --before: by how much the two images may lie beside each other.  "
    "[default: three pixels of the coarser one]",
)
new_share = click.option(
    "--new-share",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    metavar="PART",
    help="With --before: a landslide is new if at least this part of it was below the threshold before.",
)
only_new = click.option(
    "--only-new",
    is_flag=True,
    help="With --before: drop landslides that were there before, and tell how many.",
)
earlier = together(before, shift, new_share, only_new)
