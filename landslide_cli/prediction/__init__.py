"""From a scene to the probabilities of its tiles."""
