"""Each trained method on a small version of its own paper's task.

The whole tasks are in `benchmarks/baselines.py`.
"""

import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.linear_model import LinearRegression

from cebra_ethan.baselines import LFADS, PCA, PiVAE
from cebra_ethan.datasets.checks import simulate_curve, simulate_lorenz

pytestmark = pytest.mark.slow


def linear_r2(points, truth):
    return LinearRegression().fit(points, truth).score(points, truth)


def test_labels_make_new_activity_more_likely_and_latents_are_found():
    # No order of R2 is asserted: with 4000 draws and 60 neurons the VAE had 0.84, pi-VAE 0.82.
    check = simulate_curve(3000, num_neurons=50)
    options = {"epochs": 40, "batch_size": 200, "device": "cpu", "random_state": 0}
    model = PiVAE(inference="neural", **options).fit(check.recording)
    plain = PiVAE(label_prior=False, inference="neural", **options).fit(check.recording)
    assert model.best_loss_ < plain.best_loss_
    assert linear_r2(model.transform(check.recording), check.latents) > 0.7


def test_lfads_finds_the_attractor():
    check = simulate_lorenz(100, num_bins=30, base_rate_hz=20.0)
    counts = check.recording.neural.numpy()
    smooth = gaussian_filter1d(counts.reshape(100, 30, -1), 4, axis=1, mode="nearest")
    few = PCA(n_components=3).fit_transform(smooth.reshape(counts.shape))
    model = LFADS(
        sequence_length=30,
        overlap=0,
        num_factors=3,
        num_encoder=32,
        num_generator=32,
        num_inputs=0,
        kl_initial=0.3,
        epochs=60,
        batch_size=10,
        device="cpu",
        random_state=0,
    ).fit(check.recording)
    assert model.bits_per_spike_ > 0.1
    points = model.transform(check.recording)
    assert linear_r2(points, check.latents) > linear_r2(few, check.latents)
