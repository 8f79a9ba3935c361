"""How good a prediction is, from arrays alone: pixels, objects, outlines, probabilities."""
