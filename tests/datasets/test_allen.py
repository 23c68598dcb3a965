"""The simulated visual population: its truth is in its data, and it is near the real one."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from cebra_ethan.datasets import load_dataset
from cebra_ethan.datasets.allen import (
    AREA_STATISTICS,
    CALCIUM_RATE,
    CALCIUM_S,
    FRAME_S,
    LAYER_STATISTICS,
    RATE_LIMIT_HZ,
    frame_latent,
    simulate_visual_population,
)
from cebra_ethan.datasets.allen_mice import pseudo_mouse
from cebra_ethan.datasets.allen_movie import simulate_movie
from cebra_ethan.datasets.allen_recording import AREAS, LAYERS
from cebra_ethan.datasets.features import filter_bank_features
from cebra_ethan.errors import InvalidParameterError

NUM_FRAMES = 60


@pytest.fixture(scope="module")
def movie():
    return simulate_movie(NUM_FRAMES, num_scenes=3, height=24, width=36)


@pytest.fixture(scope="module")
def features(movie):
    return filter_bank_features(movie.frames)


@pytest.fixture(scope="module")
def simulate(movie, features):
    def small(**options):
        few = {"num_neurons": 12, "num_mice": 3, "num_repeats": 4}
        return simulate_visual_population(movie=movie, features=features, **{**few, **options})

    return small


@pytest.fixture(scope="module")
def both(simulate):
    return simulate(areas=("VISp", "VISrl"), num_neurons=60, num_repeats=40)


def test_recordings_have_the_labels_and_places_they_promise(both, movie, features):
    for recording, per_frame in ((both.neuropixels, 4), (both.calcium, 1)):
        inner = recording.recording
        assert len(inner) == 40 * NUM_FRAMES * per_frame
        assert inner.bin_s == pytest.approx(1 / 30 / per_frame)
        assert recording.num_repeats == 40
        frame = inner.labels["frame"].to_numpy()
        np.testing.assert_array_equal(frame, np.tile(np.repeat(range(NUM_FRAMES), per_frame), 40))
        np.testing.assert_array_equal(inner.labels["scene"].to_numpy(), movie.scene[frame])
        np.testing.assert_array_equal(inner.labels["features"].to_numpy(), features[frame])
        assert recording.area.tolist() == ["VISp"] * 60 + ["VISrl"] * 60
        assert set(recording.layer) == set(LAYERS)
        assert np.unique(recording.mouse, return_counts=True)[1].tolist() == [40] * 3
        assert recording.select(mouse=recording.mouse[0]).num_neurons == 40
        assert inner.source.startswith("simulated ")
        assert "simulated" in inner.name


def test_log_rates_are_linear_in_the_latent_below_their_limit(both):
    for modality, rate_hz in both.rate_hz.items():
        assert rate_hz.max() < RATE_LIMIT_HZ
        drive = both.latent @ both.weights[modality]
        drive = (drive - drive.mean(axis=0)) / drive.std(axis=0)
        log_rate = np.log(rate_hz / (1 - rate_hz / RATE_LIMIT_HZ))
        log_rate -= log_rate.mean(axis=0)
        np.testing.assert_allclose(log_rate, drive * log_rate.std(axis=0), atol=1e-8)


def test_spikes_follow_their_rates(both):
    counts = both.neuropixels.recording.neural.numpy().reshape(40, NUM_FRAMES, 4, -1).sum(axis=2)
    mean, expected = counts.mean(axis=(0, 1)), both.rate_hz["neuropixels"].mean(axis=0) / 30
    assert mean.sum() == pytest.approx(expected.sum(), rel=0.1)
    often = expected > np.median(expected)
    assert np.corrcoef(mean[often], expected[often])[0, 1] > 0.95
    fano = counts.var(axis=0).mean(axis=0)[often] / mean[often]
    assert np.median(fano) > 1.1  # spikes come in bursts


def test_fluorescence_decays_as_it_says(both):
    trace = both.calcium.recording.neural.numpy().astype(float)
    trace -= trace.mean(axis=0)
    lags = [int((trace[lag:] * trace[:-lag]).mean() * 1e6) for lag in (3, 9)]  # noise is white
    decay = np.exp(-6 * FRAME_S / CALCIUM_S)
    assert lags[1] / lags[0] == pytest.approx(decay, abs=0.2)  # the signal is slower than that


def test_an_area_does_not_depend_on_what_else_is_simulated(simulate):
    alone = simulate(areas=("VISl",), modalities=("calcium",))
    among = simulate(areas=("VISp", "VISl"))
    assert list(alone.recordings) == ["calcium"]
    part = among.calcium.select(area="VISl")
    np.testing.assert_array_equal(part.recording.neural, alone.calcium.recording.neural)


def test_bins_of_a_frame_share_its_spikes(simulate):
    one, four = (simulate(bins_per_frame=bins).neuropixels.recording.neural for bins in (1, 4))
    np.testing.assert_array_equal(four.reshape(len(one), 4, -1).sum(dim=1), one)


def test_the_same_neurons_can_be_seen_by_both(simulate):
    same, apart = simulate(same_neurons=True), simulate()
    np.testing.assert_array_equal(same.weights["calcium"], same.weights["neuropixels"])
    ratio = same.rate_hz["calcium"] / same.rate_hz["neuropixels"]
    assert ratio.min() == pytest.approx(CALCIUM_RATE, rel=0.01)  # more where spikes saturate
    assert not np.allclose(apart.weights["calcium"], apart.weights["neuropixels"])


def test_the_seed_determines_everything(simulate):
    one, same, other = (simulate(seed=seed) for seed in (3, 3, 4))
    for modality in one.recordings:
        values = [each.recordings[modality].recording.neural for each in (one, same, other)]
        np.testing.assert_array_equal(values[0], values[1])
        assert not np.array_equal(values[0], values[2])


def test_running_is_shared_by_a_mouse_and_rests_half_of_the_time(simulate):
    speed = simulate(num_repeats=200).running_cm_s["neuropixels"]
    assert speed.shape == (200 * NUM_FRAMES, 3)
    assert 0.3 < (speed == 0).mean() < 0.7
    assert 15 < np.quantile(speed, 0.9) < 60  # the real mouse: 34 cm/s


def test_the_latent_keeps_components_in_order(features):
    latent = frame_latent(features, num_latents=5)
    variance = latent.var(axis=0)
    assert (np.diff(variance) <= 0).all()
    assert (latent**2).sum(axis=1).mean() == pytest.approx(1)
    np.testing.assert_allclose(np.corrcoef(latent.T), np.eye(5), atol=1e-6)
    assert frame_latent(features[:4], num_latents=5).shape == (4, 5)


def test_tables_cover_the_areas_and_the_layers():
    assert set(AREA_STATISTICS) == set(AREAS)
    assert set(LAYER_STATISTICS) == set(LAYERS)
    assert sum(share for share, _ in LAYER_STATISTICS.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"areas": ("CA1",)}, r"areas must be some of VISp, .* got \['CA1'\]"),
        ({"modalities": ("fmri",)}, "modalities must be some of neuropixels, calcium"),
        ({"areas": ()}, "areas must be some of"),
        ({"num_neurons": 2}, "a neuron in every mouse; got num_neurons=2, num_mice=3"),
        ({"num_repeats": 0}, "at least one mouse, repeat"),
    ],
)
def test_impossible_populations_are_refused(simulate, wrong, message):
    with pytest.raises(InvalidParameterError, match=message):
        simulate(**wrong)


@pytest.mark.parametrize("modality", ["neuropixels", "calcium"])
def test_rows_of_the_registry(modality, movie, features):
    name = f"allen-{modality}-simulated"
    recording = load_dataset(
        name, movie=movie, features=features, num_neurons=4, num_mice=2, num_repeats=2
    )
    assert recording.name == name


def _decoded(mouse, window):
    """Share of frames of the tenth repeat within a second: kNN on the mean of a window."""
    activity = mouse.recording.neural.numpy().reshape(10, -1, mouse.num_neurons)
    total = np.cumsum(np.pad(activity, ((0, 0), (1, 0), (0, 0))), axis=1)
    frame = np.arange(activity.shape[1])
    low, high = frame - window // 2, frame + window - window // 2
    low, high = np.clip(low, 0, None), np.clip(high, None, len(frame))
    mean = (total[:, high] - total[:, low]) / (high - low)[:, None]
    decoder = KNeighborsClassifier(9, metric="cosine", algorithm="brute")
    decoder.fit(mean[:9].reshape(-1, mouse.num_neurons), np.tile(frame, 9))
    return float((np.abs(decoder.predict(mean[9]) - frame) < 30).mean())


@pytest.mark.slow
def test_the_population_is_calibrated_on_the_real_one():
    population = simulate_visual_population(
        modalities=("neuropixels",), num_neurons=400, num_mice=8, bins_per_frame=1
    )
    seconds = population.neuropixels.recording.neural.numpy().reshape(10, 30, 30, 400).sum(axis=2)
    rate = seconds.mean(axis=(0, 1))
    seconds, rate = seconds[..., rate > 0.2], rate[rate > 0.2]
    assert 4 < np.median(rate) < 8  # 4.4 and 5.6 in the two blocks of session 791319847
    mean = seconds.mean(axis=0)
    fano = np.where(mean > 0.5, seconds.var(axis=0, ddof=1) / np.maximum(mean, 1e-9), np.nan)
    assert 1.7 < np.nanmedian(fano) < 2.8  # 2.25 and 2.45
    centred = seconds - seconds.mean(axis=1, keepdims=True)
    signal = (centred.sum(axis=0) ** 2).mean(axis=0) - (centred**2).mean(axis=1).sum(axis=0)
    strength = np.sqrt(np.maximum(signal / 90, 0)) / rate
    assert 0.45 < np.median(strength) < 0.7  # 0.59 and 0.58
    mouse = pseudo_mouse(population.neuropixels, 100)
    assert 0.15 < _decoded(mouse, 1) < 0.4  # published 0.248
    assert 0.5 < _decoded(mouse, 10) < 0.8  # published 0.663
