"""Small recordings, small estimators and exact comparisons for the reliability tests."""

import numpy as np
import torch

from cebra_ethan import CEBRA

NUM_BINS = 300
_rng = np.random.default_rng(0)
NEURAL = _rng.normal(size=(NUM_BINS, 6)).astype(np.float32)
POSITION = np.cumsum(_rng.normal(size=NUM_BINS))
SIDE = _rng.integers(0, 3, NUM_BINS)

SMALL = {
    "max_iterations": 3,
    "batch_size": 32,
    "output_dimension": 3,
    "num_hidden_units": 8,
    "random_state": 0,
    "device": "cpu",
}

OBJECTIVES = {
    "place": {"labels": "label 0", "weight": {"weight": 2.0, "schedule": "linear-ramp-up"}},
    "time": {"time_offset": 3, "criterion": {"temperature_mode": "auto"}},
}

MODES = {
    "time": ({}, ()),
    "time_delta": ({}, (POSITION,)),
    "delta_normal": ({"conditional": "delta_normal", "delta": 0.5}, (POSITION,)),
    "discrete": ({}, (SIDE,)),
    "mixed": ({}, (POSITION, SIDE)),
    "hybrid": ({"hybrid": True}, (POSITION,)),
    "full batch": ({"batch_size": None}, (POSITION,)),
    "objectives": ({"objectives": OBJECTIVES, "output_dimension": 4}, (POSITION,)),
    "objectives, full batch": ({"objectives": OBJECTIVES, "batch_size": None}, (POSITION,)),
}
"""Every way of training: parameters and labels."""

VARIANTS = {
    "learned temperature": {"temperature_mode": "auto"},
    "euclidean": {"distance": "euclidean", "model_architecture": "offset1-model-mse"},
    "focal": {"criterion": "focal"},
    "nce": {"criterion": "nce"},
    "adamw": {"optimizer": "adamw", "optimizer_kwargs": (("weight_decay", 0.1),)},
    "cosine schedule": {"scheduler": "cosine"},
    "linear schedule": {"scheduler": "linear"},
    "one-cycle schedule": {"scheduler": "one-cycle"},
    "early stopping": {"early_stopping": {"every": 2, "patience": 3}},
    "augmentation": {"augmentation": {"noise_level": 0.1, "neuron_dropout": 0.2}},
    "masks": {"masking_kwargs": (("RandomNeuronMask", 0.2),)},
    "own negatives": {"num_negatives": 5},
    "causal": {"causal": True, "model_architecture": "offset5-model"},
    "attention": {"model_architecture": "attention-offset10-model"},
    "uncertainty": {"objectives": OBJECTIVES, "balance": "uncertainty"},
    "gradnorm": {"hybrid": True, "balance": "gradnorm"},
    "jacobian": {"regularizer": {"weight": 0.1, "schedule": "linear-ramp-up", "first_step": 0}},
    "queue": {
        "num_queued_negatives": 50,
        "momentum": 0.9,
        "early_stopping": {"every": 2, "patience": 30},
    },
    "queue and dropout": {
        "num_queued_negatives": 50,
        "model_architecture": "offset36-model-dropout",
    },
    "all together": {
        "objectives": OBJECTIVES,
        "balance": "gradnorm",
        "regularizer": {"weight": 0.1, "objectives": ["time"]},
        "num_queued_negatives": 50,
        "augmentation": {"noise_level": 0.1},
    },
}
"""Parameters that add something to the state of training, each alone."""


def small(**params):
    """Returns an estimator that trains in a few milliseconds."""
    return CEBRA(**{**SMALL, **params})


def in_mode(mode, **params):
    """Returns an unfitted estimator and the labels of a training mode."""
    own, labels = MODES[mode]
    return small(**{**own, **params}), labels


def assert_same(one, other, where="state"):
    """Compares nests of tensors, arrays and numbers bit by bit."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            assert_same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for place, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}/{place}")
    elif isinstance(one, torch.Tensor):
        assert_same(one.detach().cpu().numpy(), other.detach().cpu().numpy(), where)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype, where
        assert one.shape == other.shape, where
        assert one.tobytes() == other.tobytes(), where
    else:
        assert one == other or (one != one and other != other), where


def learned(estimator):
    """Returns the state of training; a file of an estimator leaves out what ended it."""
    return {
        k: v
        for k, v in estimator.solver_.state_dict().items()
        if k not in ("stopping", "fingerprint")
    }


def assert_same_estimator(one, other, neural=NEURAL):
    """Compares everything that two fitted estimators learned, and what they return."""
    assert_same(learned(one), learned(other))
    assert one.label_kinds_ == other.label_kinds_
    assert one.random_state_ == other.random_state_
    assert_same(one.transform(neural), other.transform(neural))


TWO_SESSIONS = [NEURAL, np.ascontiguousarray(NEURAL[::-1, :4])]
"""Two recordings with other neurons."""

TRAININGS = {
    **{mode: (params, NEURAL, labels) for mode, (params, labels) in MODES.items()},
    "sessions": ({}, TWO_SESSIONS, ([POSITION, POSITION[::-1]],)),
    "sessions, time": ({}, TWO_SESSIONS, ()),
    "sessions, shared trunk": (
        {"shared_trunk": True, "model_architecture": "offset5-model"},
        TWO_SESSIONS,
        ([SIDE, SIDE[::-1]],),
    ),
    "early stopping": ({"early_stopping": {"every": 2, "patience": 30}}, NEURAL, (POSITION,)),
}
"""Every way of training, of one and of several sessions: parameters, activity, labels."""


def in_training(name, **params):
    """Returns an unfitted estimator, and what to fit it on."""
    own, neural, labels = TRAININGS[name]
    return small(**{**own, **params}), (neural, *labels)


_LENGTHS = (200, 150, 120)
_sessions = np.random.default_rng(1)
SESSIONS = {
    "neural": [
        _sessions.normal(size=(n, 5 + k)).astype(np.float32) for k, n in enumerate(_LENGTHS)
    ],
    "place": [np.cumsum(_sessions.normal(size=n)) for n in _LENGTHS],
    "side": [_sessions.integers(0, 3, n) for n in _LENGTHS],
}
"""Three recordings with labels."""

SESSION_MODES = {
    "time": ({}, ()),
    "time_delta": ({}, ("place",)),
    "delta_normal": ({"conditional": "delta_normal", "delta": 0.5}, ("place",)),
    "discrete": ({}, ("side",)),
    "mixed": ({}, ("place", "side")),
    "hybrid": ({"hybrid": True}, ("place",)),
    "full batch": ({"batch_size": None}, ("place",)),
    "shared trunk": ({"shared_trunk": True, "model_architecture": "offset5-model"}, ("place",)),
    "own negatives": ({"num_negatives": 4}, ("place", "side")),
}
"""Every way of training on several sessions: parameters, and names of labels in `SESSIONS`."""
