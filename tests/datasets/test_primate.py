"""The simulated monkey: reaches and pushes, tuning, splits; and the loaders of two real ones."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from cebra_ethan.datasets import files, load_dataset
from cebra_ethan.datasets.macaque import CONDITIONS, MONKEYS, load_m1, load_reaching_monkey
from cebra_ethan.datasets.primate import (
    minimum_jerk,
    simulate_reaching,
    smoothed,
    split_of_trials,
)
from cebra_ethan.errors import DataIntegrityError, InvalidParameterError

REAL = Path(os.environ.get("CEBRA_ETHAN_DATA") or "/nowhere")
needs_data = pytest.mark.skipif(not REAL.is_dir(), reason="CEBRA_ETHAN_DATA names no folder")
NUM_ACTIVE, NUM_PASSIVE, NUM_UNITS = 32, 16, 65


@pytest.fixture(scope="module")
def monkey():
    return simulate_reaching(NUM_ACTIVE, NUM_PASSIVE, NUM_UNITS, seed=3, smoothing_s=0)


def _trials(recording, key):
    values = recording.labels[key].to_numpy()
    return values.reshape(-1, 600, *values.shape[1:])


def test_trials_have_their_labels(monkey):
    assert monkey.neural.shape == ((NUM_ACTIVE + NUM_PASSIVE) * 600, NUM_UNITS)
    assert monkey.bin_s == 0.001
    lengths = (monkey.segments[:, 1] - monkey.segments[:, 0]).tolist()
    assert lengths == [600] * (NUM_ACTIVE + NUM_PASSIVE)
    kinds = {key: label.kind for key, label in monkey.labels.items()}
    continuous = {"position", "velocity", "time"}
    assert kinds == {
        key: "continuous" if key in continuous else "categorical"
        for key in (*continuous, "direction", "active", "split")
    }
    np.testing.assert_allclose(_trials(monkey, "time")[5], np.arange(-100, 500) / 1000)
    active, direction = _trials(monkey, "active")[:, 0], _trials(monkey, "direction")[:, 0]
    assert np.bincount(direction[active]).tolist() == [NUM_ACTIVE // 8] * 8
    assert np.bincount(direction[~active]).tolist() == [NUM_PASSIVE // 8] * 8
    assert monkey.source.startswith("simulated ")
    assert set(np.unique(monkey.neural)) == {0.0, 1.0}


def test_the_hand_reaches_or_is_pushed_where_the_label_says(monkey):
    position, active = _trials(monkey, "position"), _trials(monkey, "active")[:, 0]
    angle = _trials(monkey, "direction")[:, 0] * np.pi / 4
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    way = ((position - position[:, :1]) * along[:, None]).sum(axis=2)
    assert np.abs(way[:, :100]).max() < 1e-9  # rest before the onset
    assert np.all(way[active, -1] > 0.85 * 10.5)
    peak = way[~active].argmax(axis=1)
    assert np.all((way[~active].max(axis=1) > 1.2) & (way[~active].max(axis=1) < 2.0))
    assert np.all((peak > 200) & (peak < 350))  # after the push of 125 ms has ended
    velocity = np.diff(position, axis=1) / 0.001
    given = _trials(monkey, "velocity")
    np.testing.assert_allclose(
        (given[:, :-1] + given[:, 1:])[:, 5:-5] / 2, velocity[:, 5:-5], atol=1
    )


def test_a_reach_has_the_speed_of_minimum_jerk():
    tau = np.linspace(0, 1, 1001)
    path = minimum_jerk(tau)
    speed = np.gradient(path, tau)
    assert speed.max() == pytest.approx(1.875, rel=1e-4)  # 15/8 of the mean
    jerk = np.gradient(np.gradient(speed, tau), tau)[10:-10]
    np.testing.assert_allclose(jerk, (60 - 360 * tau + 360 * tau**2)[10:-10], atol=0.1)
    np.testing.assert_allclose(path + path[::-1], 1, atol=1e-12)


def test_rates_are_near_the_real_ones(monkey):
    rate_hz = monkey.neural.mean(0) * 1000
    assert 4.5 < rate_hz.mean() < 9.5
    assert 3 < rate_hz.median() < 8
    twice = simulate_reaching(8, 0, 20, seed=1, smoothing_s=0, rate_scale=2.0).neural.mean()
    once = simulate_reaching(8, 0, 20, seed=1, smoothing_s=0).neural.mean()
    assert twice / once == pytest.approx(2, rel=0.1)


def test_position_is_in_the_units():
    monkey = simulate_reaching(64, 0, NUM_UNITS, seed=3)
    train = monkey.labels["split"].to_numpy() == "train"
    x, y = monkey.neural.numpy(), monkey.labels["position"].to_numpy()
    x = (x - x.mean(0)) / x.std(0)
    model = Ridge(100).fit(x[train][::10], y[train][::10])
    assert 0.4 < r2_score(y[~train], model.predict(x[~train])) < 0.9
    wrong = Ridge(100).fit(x[train][::10], np.roll(y[train], 6000, axis=0)[::10])
    assert r2_score(y[~train], wrong.predict(x[~train])) < 0.1


def test_the_split_is_that_of_the_real_session():
    monkey = simulate_reaching(num_units=1, smoothing_s=0)
    split, active = _trials(monkey, "split")[:, 0], _trials(monkey, "active")[:, 0]
    assert [(split[active] == part).sum() for part in ("train", "valid", "test")] == [141, 26, 26]
    assert len(split) == 364
    first_test = np.flatnonzero(active & (split == "test"))[0]
    assert np.flatnonzero(active & (split == "valid"))[-1] < first_test
    assert split_of_trials(np.array([True] * 3), np.array([True] * 3)).tolist() == [
        "valid",
        "test",
        "test",
    ]


def test_smoothing_keeps_counts_and_is_gaussian():
    counts = np.zeros((1, 1001, 1))
    counts[0, 500] = 1
    wide = smoothed(counts, 40)[0, :, 0]
    assert wide.sum() == pytest.approx(1)
    bins = np.arange(1001) - 500
    assert np.sqrt((wide * bins**2).sum()) == pytest.approx(40, rel=0.02)
    assert wide[: 500 - 121].max() == 0
    assert smoothed(counts, 0) is counts
    # what lies outside the trial is seen too: activity does not fall off at the ends
    monkey = simulate_reaching(48, 0, 60, seed=2)
    mean = monkey.neural.numpy().reshape(-1, 600, 60).mean(axis=(0, 2))
    assert mean[0] > 0.8 * mean[:50].mean()


def test_seeds_determine_the_monkey():
    one, two, other = (simulate_reaching(3, 3, 4, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.neural, two.neural)
    assert not torch.equal(one.neural, other.neural)
    assert (
        load_dataset("reaching-simulated", num_active=1, num_passive=1, num_units=2).num_neurons
        == 2
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_active": 0, "num_passive": 0}, "needs a trial and a unit"),
        ({"num_units": 0}, "num_units=0"),
        ({"smoothing_s": 0.1}, r"smoothing_s must be from 0 to 0.04; got 0.1"),
        ({"rate_scale": -1.0}, "rate_scale must be positive"),
    ],
)
def test_what_cannot_be_simulated(options, message):
    with pytest.raises(InvalidParameterError, match=message):
        simulate_reaching(**options)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data folder with small recordings of the published formats."""
    rng = np.random.default_rng(0)
    joint = {"bin_width_s": np.float64(0.001)}
    for condition in CONDITIONS:
        joint[f"{condition}_spikes"] = rng.integers(0, 2, (16, 7, 3)).astype(np.uint8)
        joint[f"{condition}_direction"] = np.tile(np.arange(1, 9), 2).astype(np.uint8)
        joint[f"{condition}_trial_id"] = np.arange(100, 116, dtype=np.int16)
    m1 = {
        "spike_counts": rng.integers(0, 5, (9, 4)).astype(np.uint8),
        "rate_scale": np.float64(5),
        "velocity": rng.normal(size=(9, 2)).astype(np.float32),
        "target": np.array([3, 3, 5, 5, 5, 3, 7, 7, 7], np.uint8),
    }
    for name, arrays in (
        ("macaque_solo_joint_reaching/monkey_k.npz", joint),
        ("macaque_m1_center_out_demo/mihi_tr.npz", m1),
    ):
        path = tmp_path / name
        path.parent.mkdir()
        np.savez_compressed(path, **arrays)
        monkeypatch.setitem(files.SHA256, name, hashlib.sha256(path.read_bytes()).hexdigest())
    return tmp_path, joint, m1


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_joint_action_recording(root, condition):
    folder, joint, _ = root
    monkey = load_dataset(f"macaque-k-{condition}", folder)
    assert monkey.neural.shape == (16 * 7, 3)
    spikes = joint[f"{condition}_spikes"]
    np.testing.assert_array_equal(monkey.neural[7:14], spikes[1])
    assert monkey.segments[1].tolist() == [7, 14]
    assert monkey.labels["direction"].to_numpy()[::7].tolist() == [*range(1, 9)] * 2
    assert monkey.labels["trial_id"].to_numpy()[::7].tolist() == [*range(100, 116)]
    np.testing.assert_allclose(monkey.labels["time"].to_numpy()[:7], np.arange(7) / 1000)
    wide = load_reaching_monkey("k", condition, root=folder, smoothing_s=0.002)
    assert not torch.equal(wide.neural, monkey.neural)


def test_an_m1_recording(root):
    folder, _, m1 = root
    monkey = load_dataset("macaque-m1-tr", folder)
    np.testing.assert_array_equal(monkey.neural, m1["spike_counts"])
    np.testing.assert_allclose(monkey.labels["velocity"].to_numpy(), m1["velocity"])
    assert monkey.labels["target"].kind == "categorical"
    assert monkey.segments.tolist() == [[0, 2], [2, 5], [5, 6], [6, 9]]
    assert monkey.bin_s == 0.2


def test_wrong_names_and_files(root):
    folder, _, _ = root
    with pytest.raises(InvalidParameterError, match="k or s and its condition one of active, pas"):
        load_reaching_monkey("k", "together", root=folder)
    with pytest.raises(InvalidParameterError, match="smoothing_s must not be negative"):
        load_reaching_monkey("k", root=folder, smoothing_s=-1.0)
    with pytest.raises(InvalidParameterError, match="one of tr, te; got 'x'"):
        load_m1("x", root=folder)
    with pytest.raises(FileNotFoundError, match=r"monkey_s.npz does not exist"):
        load_reaching_monkey("s", root=folder)
    with (folder / "macaque_m1_center_out_demo/mihi_tr.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(DataIntegrityError, match=r"mihi_tr.npz must be the published file"):
        load_m1("tr", root=folder)


@needs_data
@pytest.mark.real
def test_real_macaques():
    for name, units in zip(MONKEYS, (202, 184), strict=True):
        monkey = load_reaching_monkey(name, "joint", root=REAL)
        assert monkey.neural.shape == (64 * 599, units)
        assert 6.2 < monkey.neural.mean() * 1000 < 7.0
    m1 = load_m1("te", root=REAL)
    assert m1.neural.shape == (803, 187)
    assert len(m1.segments) == 95
    assert sorted(set(m1.labels["target"].to_numpy())) == [3, 4, 5, 7]
