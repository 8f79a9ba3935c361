"""Two inventories of one place: what is new, what was known, what is gone."""
