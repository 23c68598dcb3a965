"""A trained encoder and its map find which simulated neurons a latent drives."""

import numpy as np
import pytest

from cebra_ethan import CEBRA
from cebra_ethan.attribution import attribution_map, attribution_score
from cebra_ethan.datasets.connectivity import simulate_connected


@pytest.fixture(scope="module")
def found():
    """The inverted gradient of one encoder for each group of latents, and the truth."""
    population = simulate_connected(4000, noise=0.5)
    neural = population.recording.neural.numpy()
    maps = []
    for label in population.recording.labels.values():
        model = CEBRA(
            model_architecture="offset1-model-mse",
            distance="euclidean",
            max_iterations=150,
            batch_size=256,
            learning_rate=1e-3,
            output_dimension=2,
            device="cpu",
            random_state=0,
        ).fit(neural, label.values.numpy())
        maps.append(attribution_map(model, neural, num_samples=1000))
    return np.concatenate(maps), population.connectivity


def test_the_map_finds_the_connectivity(found):
    attribution, connectivity = found
    dims = [slice(0, 2), slice(2, 4)]
    assert attribution_score(attribution, connectivity, dims) > 0.9


def test_a_shuffled_truth_scores_chance(found):
    attribution, connectivity = found
    dims, random = [slice(0, 2), slice(2, 4)], np.random.default_rng(0)
    scores = [
        attribution_score(attribution, random.permuted(connectivity.ravel()).reshape(2, -1), dims)
        for _ in range(100)
    ]
    assert np.mean(scores) == pytest.approx(0.5, abs=0.03)
    assert attribution_score(attribution, connectivity, dims) > max(scores)
