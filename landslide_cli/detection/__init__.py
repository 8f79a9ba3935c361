"""One scene's run from end to end, and what else is made of the same parts."""
