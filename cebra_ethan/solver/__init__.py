"""Training: solvers, their steps and callbacks, checkpoints, and how well a model fits."""
