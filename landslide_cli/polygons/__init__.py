"""Strips of a mask to polygons."""

from landslide_cli.polygons.streaming import Finished, StreamingPolygonizer, joined

__all__ = ["Finished", "StreamingPolygonizer", "joined"]
