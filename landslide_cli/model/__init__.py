"""A model: weights, the card that describes them, and how pixels are normalised for it."""
