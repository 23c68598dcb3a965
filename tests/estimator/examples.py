"""Small estimators on the simulated place cells of `tests.solver.examples`."""

from cebra_ethan import CEBRA
from tests.solver.examples import ANGLE, NEURAL, PLACE

__all__ = ["ANGLE", "NEURAL", "PLACE", "SIDE", "make", "weights"]

SIDE = PLACE[:, 0] > 0
"""A label with two classes."""


def make(**params):
    """Returns an estimator that trains in milliseconds."""
    small = {
        "model_architecture": "offset5-model",
        "max_iterations": 5,
        "batch_size": 32,
        "output_dimension": 3,
        "num_hidden_units": 8,
        "learning_rate": 1e-2,
        "random_state": 0,
        "device": "cpu",
    }
    return CEBRA(**{**small, **params})


def weights(estimator):
    return {name: value.clone() for name, value in estimator.model_.state_dict().items()}
