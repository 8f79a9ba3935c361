"""Stands in for leafmap, the maps in notebooks that geoai.utils imports and inference never calls."""
