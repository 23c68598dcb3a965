"""The simulated population is connected as it says, and to nothing else."""

import numpy as np
import pytest

from cebra_ethan.datasets.connectivity import simulate_connected
from cebra_ethan.errors import DataError, InvalidParameterError


@pytest.mark.parametrize("group_sizes", [(2, 2), (1,), (1, 2, 3)])
def test_a_group_moves_exactly_the_neurons_connected_to_it(group_sizes):
    options = {"group_sizes": group_sizes, "neurons_per_set": 4}
    base = simulate_connected(200, **options)
    num_sets = 2 ** len(group_sizes) - 1
    assert base.connectivity.shape == (len(group_sizes), 4 * num_sets)
    assert len(np.unique(base.connectivity, axis=1).T) == num_sets
    start = 0
    for group, size in enumerate(group_sizes):
        latents = base.latents.copy()
        latents[:, start : start + size] *= -0.5
        start += size
        other = simulate_connected(200, latents=latents, **options)
        moved = (other.recording.neural != base.recording.neural).any(0).numpy()
        np.testing.assert_array_equal(moved, base.connectivity[group])


def test_labels_are_the_latents_and_the_source_says_simulated():
    population = simulate_connected(100, group_sizes=(1, 2))
    labels = population.recording.labels
    assert list(labels) == ["group0", "group1"]
    np.testing.assert_array_equal(labels["group1"].values, population.latents[:, 1:])
    assert "simulated" in population.recording.source


def test_the_seed_decides_and_latents_fill_their_box():
    first, again, other = (simulate_connected(3000, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.recording.neural, again.recording.neural)
    assert not np.array_equal(first.recording.neural, other.recording.neural)
    assert np.abs(first.latents).max() <= 1
    assert np.abs(np.diff(first.latents, axis=0)).max() < 0.6  # smooth: walls reflect
    assert first.latents.std(0).min() > 0.4


def test_the_noise_has_its_size():
    quiet, loud = (simulate_connected(3000, noise=noise) for noise in (0.0, 0.3))
    spread = (loud.recording.neural - quiet.recording.neural).std()
    assert spread == pytest.approx(0.3, rel=0.02)


def test_wrong_sizes_are_named():
    with pytest.raises(InvalidParameterError, match="neurons_per_set must be at least 1; got 0"):
        simulate_connected(10, neurons_per_set=0)
    with pytest.raises(InvalidParameterError, match="group 1 must be at least 1; got 0"):
        simulate_connected(10, group_sizes=(1, 0))
    with pytest.raises(InvalidParameterError, match="noise must not be negative"):
        simulate_connected(10, noise=-1.0)
    with pytest.raises(DataError, match=r"\(10, 4\) here; got \(10, 3\)"):
        simulate_connected(10, latents=np.zeros((10, 3)))
