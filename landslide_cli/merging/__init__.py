"""Many inventories to one: one record for each landslide, whoever saw it."""
