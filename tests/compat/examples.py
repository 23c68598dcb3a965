"""A small recording with labels, and settings that train in a blink."""

import numpy as np

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(120, 6)).astype(np.float32)
Y, CLASSES = DRAW.uniform(size=120), DRAW.integers(0, 3, size=120)
SMALL = {"device": "cpu", "batch_size": 16, "max_iterations": 4, "output_dimension": 3}
