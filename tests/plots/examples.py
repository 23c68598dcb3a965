"""One call for each plotting function, on simulated data; the laws of a plot are tested on all."""

import numpy as np

from cebra_ethan import plots
from cebra_ethan.metrics.consistency import consistency_score
from cebra_ethan.metrics.decoding import decode
from cebra_ethan.metrics.goodness_of_fit import GoodnessOfFit
from cebra_ethan.types import Label

RNG = np.random.default_rng(0)
ANGLE = np.cumsum(RNG.normal(0.05, 0.1, size=600))
RING = np.stack([np.cos(ANGLE), np.sin(ANGLE)], axis=1) + 0.05 * RNG.normal(size=(600, 2))
SPHERE = np.column_stack([RING, 0.5 * RNG.normal(size=600)])
SPHERE /= np.linalg.norm(SPHERE, axis=1, keepdims=True)
HEADING = Label(np.rad2deg(ANGLE), "circular", period=360.0, name="Heading")
X = Label(100 * RING[:, 0], name="Position")
SIDE = Label(np.where(RING[:, 1] > 0, "left", "right"), name="Side")
LOSS = 6.2 - 1.2 * (1 - np.exp(-np.arange(300) / 50)) + 0.03 * RNG.normal(size=300)
HELD_OUT = [(0, 6.3), (100, 5.4), (200, 5.3)]
DECODED = decode(RING[:400], X[:400], RING[400:], X[400:])
DECODED_SIDE = decode(RING[:400], SIDE[:400], RING[400:], SIDE[400:])
CONSISTENT = consistency_score(
    [RING, RING[::-1], SPHERE], [X, X[np.arange(599, -1, -1)], X], "abc"
)
ERRORS = {
    "CEBRA": RNG.normal(5, 0.3, 10),
    "untrained": RNG.normal(20, 2, 10),
    "no embedding": 5.1,
    "chance": 48.0,
}

EXAMPLES = {
    "embedding-2d": lambda **k: plots.plot_embedding(RING, X, unit="cm", **k),
    "embedding-circular": lambda **k: plots.plot_embedding(RING, HEADING, unit="°", **k),
    "embedding-classes": lambda **k: plots.plot_embedding(RING, SIDE, **k),
    "embedding-time": lambda **k: plots.plot_embedding(RING, "time", bin_s=0.025, **k),
    "embedding-plain": lambda **k: plots.plot_embedding(RING, **k),
    "embedding-3d": lambda **k: plots.plot_embedding(SPHERE, X, unit="cm", **k),
    "embedding-3d-classes": lambda **k: plots.plot_embedding(
        SPHERE, SIDE, name="Running direction", **k
    ),
    "loss": lambda **k: plots.plot_loss(
        {"loss": LOSS}, validation=HELD_OUT, num_negatives=512, smooth_steps=20, **k
    ),
    "goodness-of-fit": lambda **k: plots.plot_goodness_of_fit(
        LOSS, 512, held_out=GoodnessOfFit(1.0, 0.8, 1.2, 5.5, 512), smooth_steps=20, **k
    ),
    "models": lambda **k: plots.compare_models(
        {"CEBRA-Time": LOSS, "CEBRA-Behaviour": {"loss": LOSS - 0.5}}, smooth_steps=20, **k
    ),
    "many-models": lambda **k: plots.compare_models(
        [LOSS - i / 10 for i in range(9)],
        [f"{2**i} units" for i in range(9)],
        num_negatives=512,
        **k,
    ),
    "temperature": lambda **k: plots.plot_temperature(np.geomspace(1, 0.2, 300), minimum=0.1, **k),
    "decoding": lambda **k: plots.plot_decoding(DECODED, bin_s=0.025, unit="cm", **k),
    "decoding-classes": lambda **k: plots.plot_decoding(DECODED_SIDE, **k),
    "true-and-predicted": lambda **k: plots.plot_true_and_predicted(DECODED, unit="cm", **k),
    "confusion": lambda **k: plots.plot_true_and_predicted(DECODED_SIDE, name="side", **k),
    "errors": lambda **k: plots.plot_errors(ERRORS, unit="cm", **k),
    "consistency": lambda **k: plots.plot_consistency(CONSISTENT, ["achilles", "buddy", "c"], **k),
}
