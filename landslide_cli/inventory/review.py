"""What a person says of a landslide: the columns of a review, and what may stand in them."""

from __future__ import annotations

# What a person has decided about a polygon.
UNREVIEWED, LANDSLIDE, NOT_LANDSLIDE, UNSURE = "unreviewed", "landslide", "not_landslide", "unsure"
STATUSES = (UNREVIEWED, LANDSLIDE, NOT_LANDSLIDE, UNSURE)
# What a review fills in; nothing of ours ever writes over it, unless it is asked to.
REVIEW_FIELDS = ("status", "reviewer", "reviewed_at", "note")
