"""Each trained method on a small version of its own paper's task; `benchmarks/baselines.py` whole."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.linear_model import LinearRegression

from cebra_ethan.baselines import LFADS, PiVAE
from cebra_ethan.datasets.checks import simulate_curve, simulate_lorenz

pytestmark = pytest.mark.slow


def linear_r2(points, truth):
    return LinearRegression().fit(points, truth).score(points, truth)


def test_labels_help_pivae_to_find_the_latents():
    check = simulate_curve(4000, num_neurons=60)
    options = {"epochs": 50, "batch_size": 200, "device": "cpu", "random_state": 0}
    score = {}
    for label_prior in (True, False):
        model = PiVAE(label_prior=label_prior, inference="neural", **options)
        points = model.fit(check.recording).transform(check.recording)
        score[label_prior] = linear_r2(points, check.latents)
    assert score[True] > score[False] + 0.03
    assert score[True] > 0.7


def test_lfads_finds_the_attractor_better_than_a_filter():
    check = simulate_lorenz(100, num_bins=50, base_rate_hz=20.0)
    counts = check.recording.neural.numpy()
    trials = counts.reshape(100, 50, -1)
    filtered = max(
        linear_r2(
            gaussian_filter1d(trials, width, axis=1, mode="nearest").reshape(counts.shape),
            check.latents,
        )
        for width in (1, 2, 3, 5, 8)
    )
    model = LFADS(
        sequence_length=50,
        overlap=0,
        num_factors=3,
        num_inputs=0,
        num_encoder=32,
        num_generator=32,
        epochs=80,
        batch_size=10,
        device="cpu",
        random_state=0,
    ).fit(check.recording)
    assert model.bits_per_spike_ > 0
    assert linear_r2(model.transform(check.recording), check.latents) > filtered
    assert np.isfinite(model.rates(check.recording)).all()
