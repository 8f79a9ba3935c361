"""Training of the networks: chips, augmentation, the loop, losses and metrics."""
