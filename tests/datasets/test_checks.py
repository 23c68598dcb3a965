"""The simulations of other methods' papers: their formulas, and that they repeat themselves."""

import numpy as np
import pytest
import torch

from cebra_ethan.datasets.checks import simulate_classes, simulate_curve, simulate_lorenz
from cebra_ethan.errors import InvalidParameterError

SIMULATORS = {
    "classes": lambda **o: simulate_classes(2000, **o),
    "curve": lambda **o: simulate_curve(2000, **o),
    "lorenz": lambda **o: simulate_lorenz(20, **o),
}


@pytest.mark.parametrize("name", SIMULATORS)
def test_one_seed_one_set_and_counts_have_the_rates(name):
    first, second, other = (SIMULATORS[name](seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first.recording.neural, second.recording.neural)
    assert not torch.equal(first.recording.neural, other.recording.neural)
    assert "simulated" in first.recording.source
    gap = first.recording.neural.numpy() - first.rates
    assert abs(gap.mean()) < 4 * np.sqrt(first.rates.mean() / gap.size)
    assert (gap**2 / first.rates).mean() == pytest.approx(1, abs=0.1)  # Poisson


def test_classes_are_clouds():
    check = simulate_classes(5000, num_classes=4)
    label = check.recording.labels["u"].values.numpy()
    for one in range(4):
        cloud = check.latents[label == one]
        assert (np.abs(cloud.mean(axis=0)) < 5.3).all()
        assert ((cloud.var(axis=0) > 0.4) & (cloud.var(axis=0) < 3.4)).all()
    assert check.rates.max() <= np.exp(2)


def test_the_curve_is_a_sine():
    check = simulate_curve(5000)
    label = check.recording.labels["u"].to_numpy()
    noise = check.latents - np.stack([label, 2 * np.sin(label)], axis=1)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.04)
    np.testing.assert_allclose(np.cov(noise.T), 0.36 * np.eye(2), atol=0.03)
    assert check.rates.max() <= np.exp(2.2)


def test_lorenz_obeys_its_equations():
    check = simulate_lorenz(4, num_bins=400)
    assert len(check.recording.segments) == 4
    np.testing.assert_allclose(check.latents.std(axis=0), 1)
    x, y = check.latents[:, 0], check.latents[:, 1]
    assert np.corrcoef(x, y)[0, 1] > 0.8
    log_rates = np.log(check.rates / (5 * 0.01))
    direction, residual, _, _ = np.linalg.lstsq(check.latents, log_rates, rcond=None)
    assert residual.max() < 1e-10
    length = np.linalg.norm(direction, axis=0)
    assert ((length >= 0.5) & (length <= 1)).all()


def test_sizes_are_checked():
    with pytest.raises(InvalidParameterError, match="num_neurons must be at least 4"):
        simulate_curve(10, num_neurons=3)
    with pytest.raises(InvalidParameterError, match="num_trials must be at least 1"):
        simulate_lorenz(0)
