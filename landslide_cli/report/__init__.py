"""One page, and one picture, that show an inventory to a person."""
