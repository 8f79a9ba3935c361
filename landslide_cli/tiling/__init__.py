"""The grid of windows over a scene, and the way between its pixels and those that the network sees."""
