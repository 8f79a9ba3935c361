"""Training images with their masks: finding, reading and cutting them."""
