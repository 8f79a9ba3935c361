"""From strips of probability to a file of measured landslides, and back."""
