"""Three small sessions of place cells on one circle, with different neurons and lengths."""

import numpy as np

from cebra_ethan.types import Label

NEURONS, LENGTHS = (6, 9, 4), (300, 220, 150)
_draw = np.random.default_rng(3)


def _session(neurons, length):
    angle = np.cumsum(_draw.normal(0.15, 0.1, length)) % (2 * np.pi)
    centers = _draw.uniform(0, 2 * np.pi, neurons)
    rate = 4 * np.exp(2 * (np.cos(angle[:, None] - centers) - 1))
    return angle, _draw.poisson(rate).astype(np.float32)


_made = [_session(neurons, length) for neurons, length in zip(NEURONS, LENGTHS, strict=True)]
ANGLES = [angle for angle, _ in _made]
X = [neural for _, neural in _made]
PLACES = [np.stack([np.cos(a), np.sin(a)], axis=1) for a in ANGLES]
TURNS = [Label(a, "circular", period=2 * np.pi) for a in ANGLES]
SIDES = [np.where(a < np.pi, "left", "right") for a in ANGLES]
THIRDS = [(a // 2.1).astype(int) for a in ANGLES]
TRIALS = [np.arange(length) // 75 for length in LENGTHS]

KINDS = {
    "time": ({}, ()),
    "continuous": ({}, (PLACES,)),
    "circular": ({}, (TURNS,)),
    "categorical": ({}, (SIDES,)),
    "several categorical": ({}, (SIDES, THIRDS)),
    "mixed": ({}, (PLACES, SIDES)),
    "all kinds": ({}, (PLACES, TURNS, SIDES)),
    "time with labels": ({"conditional": "time"}, (PLACES,)),
    "delta_normal": ({"conditional": "delta_normal", "delta": 0.2}, (PLACES,)),
    "uniform prior": ({"prior": "uniform"}, (SIDES,)),
    "hybrid": ({"hybrid": True}, (PLACES,)),
    "hybrid mixed": ({"hybrid": True}, (PLACES, SIDES)),
}
"""Every way of drawing pairs from several sessions: parameters and labels."""

WAYS = {
    "plain": {},
    "shared trunk": {"shared_trunk": True},
    "own negatives": {"num_negatives": 4},
    "full batch": {"batch_size": None},
    "early stopping": {"early_stopping": {"every": 2, "patience": 3, "fraction": 0.3}},
    "augmentation": {"augmentation": {"noise_level": 0.1, "neuron_dropout": 0.2}},
    "masks": {"masking_kwargs": (("RandomNeuronMask", 0.2),)},
    "learned temperature": {"temperature_mode": "auto"},
}
"""What may change training besides; each goes with each of `KINDS`."""
