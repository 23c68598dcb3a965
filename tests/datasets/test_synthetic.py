"""Experiment 1: the published latent to the last bit, the mixing rewritten, every noise."""

import hashlib

import joblib
import numpy as np
import pytest
import torch

from cebra_ethan.datasets import files, load_dataset, sources
from cebra_ethan.datasets.synthetic import (
    NOISES,
    load_synthetic,
    refractory_spike_times,
    simulate_synthetic,
)
from cebra_ethan.errors import DataIntegrityError, InvalidParameterError

NUM_POINTS = 4000


@pytest.fixture(scope="module")
def data():
    return simulate_synthetic(NUM_POINTS)


def _published_latent(num_points):
    """The generator of pi-VAE as printed, with NumPy's global generator (Zhou & Wei 2020)."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(777)  # noqa: NPY002
    u = np.random.uniform(0, 2 * np.pi, size=[num_points, 1])  # noqa: NPY002
    mu = np.hstack((u, 2 * np.sin(u)))
    var = 0.15 * np.abs(mu)
    var[:, 0] = 0.6 - var[:, 1]
    z = np.random.normal(0, 1, size=[num_points, 2]) * np.sqrt(var) + mu  # noqa: NPY002
    np.random.set_state(before)  # noqa: NPY002
    return u[:, 0], z


@pytest.mark.parametrize("num_points", [1, 77, 15_000])
def test_label_and_latent_are_the_published_draw(num_points):
    label, latent = _published_latent(num_points)
    data = simulate_synthetic(num_points, num_neurons=4)
    np.testing.assert_array_equal(data.recording.labels["c"].to_numpy(), label)
    np.testing.assert_array_equal(data.latent, latent)
    np.testing.assert_array_equal(data.recording.labels["latent"].to_numpy(), latent)


def test_the_first_points_of_seed_777():
    """Numbers written down once, so that a change of both formulas is noticed."""
    data = simulate_synthetic(3, num_neurons=4)
    label = [0.9592145, 1.8997626, 0.3897863]
    np.testing.assert_allclose(data.recording.labels["c"].to_numpy(), label, atol=1e-6)


def test_moments_of_the_latent():
    data = simulate_synthetic(15_000, num_neurons=4)
    label = data.recording.labels["c"].to_numpy()
    assert 0 <= label.min()
    assert label.max() < 2 * np.pi
    assert label.mean() == pytest.approx(np.pi, abs=0.05)
    noise = data.latent - np.stack([label, 2 * np.sin(label)], axis=1)
    for low, high in ((0.3, 0.6), (1.3, 1.8), (4.5, 4.9)):
        part = (label > low) & (label < high)
        sine = np.abs(np.sin(label[part])).mean()
        expected = [0.6 - 0.3 * sine, 0.3 * sine]
        np.testing.assert_allclose(noise[part].var(axis=0), expected, rtol=0.12)
        np.testing.assert_allclose(noise[part].mean(axis=0), 0, atol=0.06)


def _mixed_by_hand(latent, num_neurons, seed):
    """RealNVP for one point at a time, with loops; weights are drawn in the order of use."""
    rng = np.random.default_rng(seed)
    draw = []
    sizes = [(num_neurons // 2, 25), (25, 25), (25, num_neurons)]
    for _ in range(8):
        draw.append([rng.uniform(-1, 1, size) * np.sqrt(6 / sum(size)) for size in sizes])
    rows = []
    for z in latent:
        x = np.concatenate([z, np.zeros(num_neurons - 2)])
        for layer, (first, second, last) in enumerate(draw):
            if layer in (2, 4, 6):
                x = x[np.random.RandomState(layer // 2 - 1).permutation(num_neurons)]
            one, two = x[: num_neurons // 2], x[num_neurons // 2 :]
            out = np.maximum(np.maximum(one @ first, 0) @ second, 0) @ last
            scale, shift = 0.1 * np.tanh(out[: num_neurons // 2]), out[num_neurons // 2 :]
            x = np.concatenate([two * np.exp(scale) + shift, one])
        rows.append(x)
    return np.array(rows)


def test_rates_are_those_of_the_mixing_written_by_hand(data):
    mean = _mixed_by_hand(data.latent[:20], 100, seed=0)
    np.testing.assert_allclose(data.rate[:20], np.exp(2.2 * np.tanh(mean)), rtol=1e-9)
    assert np.exp(-2.2) <= data.rate.min()
    assert data.rate.max() <= np.exp(2.2)
    assert data.rate.mean() == pytest.approx(1.36, abs=0.05)


EXPECTED = {
    "poisson": lambda rate: (rate, rate),
    "gaussian": lambda rate: (rate + np.sqrt(2 / np.pi), 1 - 2 / np.pi),
    "uniform": lambda rate: (rate + 1, 1 / 3),
}
"""Mean and variance of the noises for which these are simple."""


@pytest.mark.parametrize("noise", EXPECTED)
def test_moments_of_the_noise(noise):
    data = simulate_synthetic(2000, noise=noise, noise_seed=3)
    mean, variance = EXPECTED[noise](data.rate)
    residual = data.recording.neural.numpy() - mean
    assert residual.mean() == pytest.approx(0, abs=0.01)
    assert (residual**2 / variance).mean() == pytest.approx(1, abs=0.02)


def test_the_other_noises_have_their_quantiles():
    student = simulate_synthetic(1000, noise="t")
    residual = student.recording.neural.numpy() - student.rate
    quartile = 0.816496580927726  # of Student's t with two degrees of freedom: sqrt(2/3)
    np.testing.assert_allclose(
        np.quantile(residual, [0.25, 0.5, 0.75]), [-quartile, 0, quartile], atol=0.02
    )
    laplace = simulate_synthetic(1000, noise="laplace")
    residual = (laplace.recording.neural.numpy() - laplace.rate)[laplace.rate > 2]
    assert laplace.recording.neural.min() == 0
    assert np.quantile(residual, 0.75) == pytest.approx(np.log(2), abs=0.03)


def test_refractory_counts_follow_renewal_theory():
    data = simulate_synthetic(200, noise="refractory_poisson")
    rate_hz = 50 * data.rate
    expected = 3 * rate_hz / (1 + 0.010 * rate_hz)
    counts = data.recording.neural.numpy()
    assert (counts / expected).mean() == pytest.approx(1, abs=0.02)
    assert counts.max() <= 3 / 0.010
    # the variance of a renewal process shrinks by (1 + rate tau)^-2
    dispersion = ((counts - expected) ** 2 / expected * (1 + 0.010 * rate_hz) ** 2).mean()
    assert dispersion == pytest.approx(1, abs=0.1)


def test_no_interval_is_below_the_refractory_period():
    rate_hz = np.array([5.0, 68.0, 450.0, 5000.0])
    trains = refractory_spike_times(rate_hz, window_s=20, refractory_s=0.010, seed=4)
    for rate, times in zip(rate_hz, trains, strict=True):
        assert times.min() >= 0.010
        assert times.max() < 20
        assert np.diff(times).min() >= 0.010 - 1e-12
        assert len(times) / 20 == pytest.approx(rate / (1 + 0.010 * rate), rel=0.2)


@pytest.mark.parametrize("noise", NOISES)
def test_seeds_determine_everything(noise):
    one, two = (simulate_synthetic(50, 10, noise, noise_seed=1) for _ in range(2))
    assert torch.equal(one.recording.neural, two.recording.neural)
    assert one.recording.source.startswith("simulated ")
    assert one.recording.trial is None  # there is no order in time
    other = simulate_synthetic(50, 10, noise, noise_seed=2)
    assert np.array_equal(one.rate, other.rate)
    assert not torch.equal(one.recording.neural, other.recording.neural)
    mixed = simulate_synthetic(50, 10, noise, mixing_seed=1)
    assert np.array_equal(one.latent, mixed.latent)
    assert not np.array_equal(one.rate, mixed.rate)


def test_the_row_of_the_registry():
    recording = load_dataset("synthetic-simulated", num_points=20, noise="uniform")
    assert sorted(recording.labels) == ["c", "latent"]
    assert recording.neural.shape == (20, 100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": "pink"}, "one of poisson, gaussian, .*got 'pink'"),
        ({"num_points": 0}, "got 0 and 100"),
        ({"num_neurons": 7}, "an even number from 4 on.* got 15000 and 7"),
    ],
)
def test_what_cannot_be_simulated(options, message):
    with pytest.raises(InvalidParameterError, match=message):
        simulate_synthetic(**options)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A small file of the authors' format."""
    data = simulate_synthetic(30, 10)
    relative = "synthetic/continuous_label_poisson.jl"
    path = tmp_path / relative
    path.parent.mkdir()
    padded = np.hstack([data.latent, np.zeros((30, 8))])
    content = {
        "z": padded,
        "u": data.recording.labels["c"].to_numpy()[:, None],
        "lam": data.rate,
        "x": data.recording.neural.numpy().astype(np.int64),
    }
    joblib.dump(content, path)
    remote = sources.Remote(
        url="https://x", digest=f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}"
    )
    monkeypatch.setattr(files, "REMOTE", {**sources.REMOTE, relative: remote})
    return tmp_path, data


def test_published_files_are_read(published):
    root, expected = published
    data = load_synthetic("poisson", root)
    assert torch.equal(data.recording.neural, expected.recording.neural)
    np.testing.assert_array_equal(data.latent, expected.latent)
    np.testing.assert_array_equal(data.rate, expected.rate)
    assert "published" in data.recording.source
    again = load_dataset("synthetic-published", root)
    assert torch.equal(again.neural, data.recording.neural)


def test_another_file_than_the_published_one_is_refused(published):
    root, _ = published
    with (root / "synthetic/continuous_label_poisson.jl").open("ab") as file:
        file.write(b"x")
    with pytest.raises(DataIntegrityError, match=r"poisson.jl must be the published.*MD5"):
        load_synthetic("poisson", root)
    with pytest.raises(InvalidParameterError, match="got 'pink'"):
        load_synthetic("pink", root)
    with pytest.raises(FileNotFoundError, match=r"uniform.jl does not exist. Download it with"):
        load_synthetic("uniform", root)
