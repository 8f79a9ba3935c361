"""The networks, their registry and the model card."""
