"""What a person says of a landslide: the columns of a review, and what may stand in them."""

from __future__ import annotations

# What a person has decided about a polygon.
UNREVIEWED, LANDSLIDE, NOT_LANDSLIDE, UNSURE = "unreviewed", "landslide", "not_landslide", "unsure"
STATUSES = (UNREVIEWED, LANDSLIDE, NOT_LANDSLIDE, UNSURE)
# What a review fills in; nothing of ours ever writes over it, unless it is asked to.
REVIEW_FIELDS = ("status", "reviewer", "reviewed_at", "note")


def known_status(text: str) -> str:
    """A status as it is spelt here, if it is one of ``STATUSES``, else the text: ``Not a landslide`` means one."""
    plain = "_".join(text.replace("-", " ").replace("_", " ").casefold().split())
    plain = {"not_a_landslide": NOT_LANDSLIDE, "no_landslide": NOT_LANDSLIDE}.get(plain, plain)
    return plain if plain in STATUSES else text
