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
    print(
        model.bits_per_spike_,
        linear_r2(model.transform(check.recording), check.latents),
        linear_r2(few, check.latents),
    )
    assert model.bits_per_spike_ > 0.1
    assert linear_r2(model.transform(check.recording), check.latents) > linear_r2(
        few, check.latents
    )
