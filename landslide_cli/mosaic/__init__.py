"""Probabilities of tiles to one raster: blending, stored values, Cloud-Optimized GeoTIFFs."""
