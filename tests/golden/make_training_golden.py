"""Makes golden goodness of fit with `cebra` 0.6.1: `python tests/golden/make_training_golden.py`.

Needs an environment with `cebra`; writes `training.npz` beside itself: simulated place cells, and
the goodness of fit that `cebra` reaches on them by behaviour and by time, one value for each seed.
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent

NUM_SEEDS = 8
NUM_LAST = 50
"""The goodness of fit is that of the mean training loss over so many last steps."""

PARAMS = {
    "model_architecture": "offset10-model",
    "batch_size": 64,
    "max_iterations": 150,
    "learning_rate": 3e-3,
    "output_dimension": 3,
    "num_hidden_units": 16,
    "temperature": 0.5,
    "time_offsets": 5,
    "device": "cpu",
}


def simulate(num_bins: int = 600, num_neurons: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Returns spike counts `(T, N)` of place cells on a circle, and its angle as two columns."""
    draw = np.random.default_rng(0)
    angle = np.cumsum(draw.normal(0.05, 0.1, num_bins))
    centers = np.linspace(0, 2 * np.pi, num_neurons, endpoint=False)
    rate = 4 * np.exp(3 * (np.cos(angle[:, None] - centers) - 1))
    place = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return draw.poisson(rate).astype(np.uint8), place


def goodness_of_fit(counts: np.ndarray, *labels: np.ndarray) -> np.ndarray:
    """Returns the goodness of fit in bits at the end of training, one value for each seed."""
    import cebra
    import torch

    bits = []
    for seed in range(NUM_SEEDS):
        torch.manual_seed(seed)  # the weights; what is drawn cannot be seeded
        model = cebra.CEBRA(**PARAMS).fit(counts.astype(np.float32), *labels)
        loss = np.mean(model.state_dict_["log"]["total"][-NUM_LAST:])
        bits.append((np.log(PARAMS["batch_size"]) - loss) / np.log(2))
    return np.array(bits)


if __name__ == "__main__":
    counts, place = simulate()
    bits = {"time": goodness_of_fit(counts), "behavior": goodness_of_fit(counts, place)}
    np.savez_compressed(HERE / "training.npz", counts=counts, place=place, **bits)
