"""The rats: what every dataset promises, the simulated one near the real one, files verified."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsRegressor

from cebra_ethan.datasets import DATASETS, files, list_datasets, load_dataset
from cebra_ethan.datasets.hippocampus import RATS, load_rat, simulate_rat, simulate_rats
from cebra_ethan.errors import DataIntegrityError, InvalidParameterError

REAL = Path(os.environ.get("CEBRA_ETHAN_DATA") or "/nowhere")
needs_data = pytest.mark.skipif(not REAL.is_dir(), reason="CEBRA_ETHAN_DATA names no folder")


def _decoding_error_m(recording):
    """Median error of cosine kNN (k = 25) on sqrt of counts over 10 bins, last 20 % held out."""
    position = recording.labels["position"].to_numpy()
    total = np.cumsum(np.vstack([np.zeros(recording.num_neurons), recording.neural]), axis=0)
    low = np.clip(np.arange(len(position)) - 5, 0, None)
    high = np.clip(np.arange(len(position)) + 5, None, len(position))
    features = np.sqrt((total[high] - total[low]) / (high - low)[:, None])
    cut = int(0.8 * len(position))
    decoder = KNeighborsRegressor(25, metric="cosine", algorithm="brute")
    predicted = decoder.fit(features[:cut], position[:cut]).predict(features[cut:])
    return float(np.median(np.abs(predicted - position[cut:])))


def _check_rat(recording):
    position, direction = (recording.labels[key] for key in ("position", "direction"))
    assert position.kind == "continuous"
    assert direction.kind == "categorical"
    assert list(direction.classes) == ["left", "right"]
    assert recording.bin_s == pytest.approx(0.025)
    assert 0 <= position.values.min()
    assert position.values.max() <= 1.6 + 1e-6
    for start, stop in recording.segments.tolist():
        side = direction.to_numpy()[start:stop]
        travelled = float(position.values[stop - 1, 0] - position.values[start, 0])
        assert len(set(side)) == 1
        assert stop - start < 3 or (travelled > 0) == (side[0] == "right")


@pytest.mark.parametrize("seed", range(4))
def test_simulated_rat_runs_laps(seed):
    rat = simulate_rat(num_bins=3000, num_neurons=20, seed=seed)
    _check_rat(rat)
    assert "simulated" in rat.name
    assert rat.source.startswith("simulated ")
    assert rat.neural.shape == (3000, 20)


@pytest.mark.parametrize("seed", range(3))
def test_simulated_rat_is_calibrated_on_achilles(seed):
    rat = simulate_rat(num_bins=10_178, num_neurons=120, seed=seed)
    rate_hz = rat.neural.mean(0) / rat.bin_s
    assert 1.4 < rate_hz.mean() < 2.2  # achilles 1.75
    assert 0.6 < rate_hz.median() < 1.3  # 0.89
    assert rat.neural.max() <= 5
    assert 75 <= len(rat.segments) <= 100  # 84
    assert 0.035 < _decoding_error_m(rat) < 0.065  # 0.051


def test_simulated_rat_is_the_same_in_another_process():
    script = (
        "from cebra_ethan.datasets.hippocampus import simulate_rat as s;"
        "r = s(num_bins=500, num_neurons=9, seed=3); print(r.neural.numpy().tobytes().hex())"
    )
    other = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()
    here = simulate_rat(num_bins=500, num_neurons=9, seed=3)
    assert here.neural.numpy().tobytes().hex() == other
    assert not torch.equal(here.neural, simulate_rat(num_bins=500, num_neurons=9, seed=4).neural)


def test_simulation_leaves_global_generators_alone():
    before = np.random.get_state()[1].tobytes(), torch.get_rng_state().sum()  # noqa: NPY002
    simulate_rat(num_bins=200, num_neurons=3)
    after = np.random.get_state()[1].tobytes(), torch.get_rng_state().sum()  # noqa: NPY002
    assert before == after


@pytest.mark.parametrize(
    "options",
    [
        {"num_bins": 0},
        {"num_neurons": 0},
        {"bin_s": 0.0},
        {"rate_scale": np.nan},
        {"drift_m": -0.1},
    ],
)
def test_simulation_refuses_impossible_sizes(options):
    with pytest.raises(InvalidParameterError, match=next(iter(options))):
        simulate_rat(**options)


def _rate_maps(rat, rows, num_bins=16):
    """Rate `(2 * bins, N)` over place and direction."""
    place = np.minimum(rat.labels["position"].to_numpy()[rows] / 1.6 * num_bins, num_bins - 1)
    side = rat.labels["direction"].to_numpy()[rows] == "right"
    where = place.astype(int) + num_bins * side
    counts = rat.neural.numpy()[rows]
    return np.stack([counts[where == k].mean(axis=0) for k in range(2 * num_bins)])


def test_the_first_numbers_of_seed_0_stay():
    """Options that were added later do not change what earlier versions simulated."""
    rat = simulate_rat(num_bins=400, num_neurons=10, seed=0)
    assert rat.neural.sum(0).tolist() == [70.0, 42.0, 5.0, 18.0, 1.0, 8.0, 15.0, 5.0, 6.0, 22.0]
    assert torch.equal(rat.neural, simulate_rat(400, 10, 0, drift_m=0.0).neural)


def test_fields_depend_on_the_direction_and_theta_beats():
    rat = simulate_rat(num_bins=10_178, num_neurons=120, seed=1)
    maps = _rate_maps(rat, np.arange(len(rat)))
    left, right = maps[:16], maps[16:]
    active = maps.max(axis=0) > 0.05
    same = [np.corrcoef(left[:, i], right[:, i])[0, 1] for i in np.flatnonzero(active)]
    assert 0.2 < np.mean(np.array(same) > 0.6) < 0.8  # some cells keep their field, some do not
    # the population beats with theta: power of each lap at 9.3 Hz against its neighbours
    total = rat.neural.numpy().sum(axis=1)
    power = np.zeros(41)
    for start, stop in rat.segments.tolist():
        if stop - start >= 80:
            power += (
                np.abs(np.fft.rfft(total[start : start + 80] - total[start : start + 80].mean()))
                ** 2
            )
    hz = np.fft.rfftfreq(80, 0.025)
    theta = (hz > 8.7) & (hz < 9.9)
    aside = ((hz > 6) & (hz < 8)) | ((hz > 11) & (hz < 13))
    assert power[theta].mean() > 1.5 * power[aside].mean()


def test_fields_walk_when_they_should():
    def likeness(drift_m):
        rat = simulate_rat(num_bins=8000, num_neurons=80, seed=2, drift_m=drift_m)
        early, late = _rate_maps(rat, slice(0, 2500)), _rate_maps(rat, slice(5500, 8000))
        used = (early.std(axis=0) > 0) & (late.std(axis=0) > 0)
        return np.mean([np.corrcoef(early[:, i], late[:, i])[0, 1] for i in np.flatnonzero(used)])

    assert likeness(0.5) < likeness(0.0) - 0.1


def test_several_rats_share_the_track_and_nothing_else():
    one, two = simulate_rats((900, 800), (20, 10), seed=5)
    assert (one.name, two.name) == ("rat-simulated-5", "rat-simulated-6")
    assert (len(one), len(two), one.num_neurons, two.num_neurons) == (900, 800, 20, 10)
    assert torch.equal(two.neural, simulate_rat(800, 10, seed=6).neural)
    with pytest.raises(InvalidParameterError, match="one number for each rat; got 2 and 1"):
        simulate_rats((900, 800), (20,))


def test_rates_scale():
    quiet, loud = (
        simulate_rat(num_bins=4000, num_neurons=40, seed=1, rate_scale=scale).neural.mean()
        for scale in (0.5, 1.0)
    )
    assert 0.4 < quiet / loud < 0.6


@needs_data
@pytest.mark.real
@pytest.mark.parametrize(("name", "laps", "neurons"), [("achilles", 84, 120), ("buddy", 57, 48)])
def test_real_rats(name, laps, neurons):
    rat = load_rat(name, REAL)
    _check_rat(rat)
    assert (len(rat.segments), rat.num_neurons) == (laps, neurons)
    limit_m = {"achilles": 0.0513, "buddy": 0.1185}[name]
    # Many bins of counts are equally far, and which of them come first depends on the processor.
    assert _decoding_error_m(rat) == pytest.approx(limit_m, abs=0.005)


@pytest.mark.parametrize("name", RATS)
def test_damaged_file_is_refused_with_both_hashes(name, tmp_path):
    file = tmp_path / "rat_hippocampus" / f"{name}.npz"
    file.parent.mkdir()
    file.write_bytes(b"not the rat")
    expected = files.SHA256[f"rat_hippocampus/{name}.npz"]
    with pytest.raises(DataIntegrityError, match=rf"{name}.npz.*expected SHA-256 {expected}, got"):
        load_dataset(f"rat-{name}", tmp_path)


def test_missing_file_and_folder_say_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"achilles.npz does not exist. Copy it there"):
        load_rat("achilles", tmp_path)
    monkeypatch.delenv(files.DATA_VARIABLE, raising=False)
    with pytest.raises(FileNotFoundError, match="set CEBRA_ETHAN_DATA, or use a simulated"):
        load_rat("achilles")
    monkeypatch.setenv(files.DATA_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError, match=r"gone does not. Correct root="):
        load_rat("achilles")
    monkeypatch.setenv(files.DATA_VARIABLE, str(tmp_path))
    assert files.data_root() == tmp_path


def test_unknown_names_list_the_rows():
    with pytest.raises(InvalidParameterError, match=r"one of .*rat-achilles, .*got 'cat'"):
        load_dataset("cat")
    with pytest.raises(InvalidParameterError, match="one of achilles, buddy; got 'cicero'"):
        load_rat("cicero")


def test_every_row_is_listed():
    assert list_datasets() == sorted(DATASETS)
