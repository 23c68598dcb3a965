"""Area 2 of a reaching macaque: small files of the formats of the archive and of the authors."""

import hashlib

import h5py
import joblib
import numpy as np
import pytest

from cebra_ethan.datasets import area2, files, load_dataset, sources
from cebra_ethan.datasets.area2 import AREA2_FILE, load_area2_bump, load_area2_published
from cebra_ethan.errors import DataIntegrityError, InvalidParameterError

NUM_TRIALS, NUM_UNITS, GAP_MS = 12, 4, 1500
ONSET_MS = 500


def write_area2(path, *, unit="cm", with_timestamps=True):
    """Writes the parts of DANDI 000127 that the loader reads, as NWB lays them out."""
    rng = np.random.default_rng(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    num_bins = NUM_TRIALS * GAP_MS
    counts = rng.random((num_bins, NUM_UNITS)) < 0.02
    position = rng.normal(size=(num_bins, 2)).cumsum(axis=0) / 10
    with h5py.File(path, "w") as file:
        times = [np.flatnonzero(counts[:, unit_]) / 1000 + 0.0004 for unit_ in range(NUM_UNITS)]
        file["units/spike_times"] = np.concatenate(times)
        file["units/spike_times_index"] = np.cumsum([len(one) for one in times]).astype(np.uint64)
        file["units/heldout"] = np.array([False, False, True, True])
        file["units/obs_intervals"] = np.array([[0.0, num_bins / 1000]] * NUM_UNITS)
        file["units/obs_intervals_index"] = np.arange(1, NUM_UNITS + 1, dtype=np.uint8)
        trials = file.create_group("intervals/trials")
        start = np.arange(NUM_TRIALS) * GAP_MS / 1000
        onset = start + ONSET_MS / 1000
        onset[3] = np.nan
        passive = np.arange(NUM_TRIALS) % 3 == 0
        trials["start_time"], trials["move_onset_time"] = start, onset
        trials["ctr_hold_bump"] = passive
        trials["cond_dir"] = np.where(passive, 0, 45.0 * (np.arange(NUM_TRIALS) % 8))
        trials["bump_dir"] = np.where(passive, 45.0 * (np.arange(NUM_TRIALS) % 8), np.nan)
        words = ["val" if k in (1, 2, 6, 7, 9, 11) else "train" for k in range(NUM_TRIALS)]
        trials.create_dataset("split", data=words, dtype=h5py.string_dtype())
        for name, values, each in (
            ("hand_pos", position, unit),
            ("hand_vel", np.gradient(position, 0.001, axis=0), f"{unit}/s"),
        ):
            series = file.create_group(f"processing/behavior/{name}")
            series["data"] = values
            series["data"].attrs["unit"] = each
            series["data"].attrs["conversion"] = 1.0
            if with_timestamps:
                series["timestamps"] = np.arange(num_bins) / 1000
            else:
                series["starting_time"] = 0.0
                series["starting_time"].attrs["rate"] = 1000.0
    return counts, position


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / AREA2_FILE
    counts, position = write_area2(path)
    return path, counts, position


def _cut(values, trial):
    start = trial * GAP_MS + ONSET_MS - 100
    return values[start : start + 600]


def test_trials_are_cut_on_movement_onset(recording):
    path, counts, position = recording
    monkey = load_area2_bump(path, smoothing_s=0)
    kept = [trial for trial in range(NUM_TRIALS) if trial != 3]  # it has no onset
    assert monkey.neural.shape == (len(kept) * 600, NUM_UNITS)
    for place, trial in enumerate(kept):
        rows = slice(place * 600, place * 600 + 600)
        np.testing.assert_array_equal(monkey.neural[rows], _cut(counts, trial))
        np.testing.assert_allclose(
            monkey.labels["position"].to_numpy()[rows], _cut(position, trial), atol=1e-9
        )
        assert set(monkey.labels["direction"].to_numpy()[rows]) == {trial % 8}
        assert set(monkey.labels["active"].to_numpy()[rows]) == {trial % 3 != 0}
    assert monkey.segments[4].tolist() == [2400, 3000]
    assert monkey.labels["time"].to_numpy()[100] == 0
    assert "000127" in monkey.source


def test_counts_are_smoothed_over_the_borders_of_trials(recording):
    path, counts, _ = recording
    bins = np.arange(-120, 121)
    kernel = np.exp(-0.5 * (bins / 40) ** 2)
    kernel /= kernel.sum()
    smooth = np.stack([np.convolve(column, kernel, "same") for column in counts.T], axis=1)
    monkey = load_area2_bump(path)
    np.testing.assert_allclose(monkey.neural[600:1200], _cut(smooth, 1), atol=1e-6)


def test_sessions_and_splits(recording):
    path, *_ = recording
    sizes = {key: load_area2_bump(path, session=key, smoothing_s=0) for key in area2.SESSIONS}
    assert {key: len(one) // 600 for key, one in sizes.items()} == {
        "all": 11,
        "active": 8,
        "passive": 3,
    }
    split = sizes["active"].labels["split"].to_numpy()[::600].tolist()
    # active trials are 1 2 4 5 7 8 10 11; of them 1 2 7 11 are kept from training
    assert split == ["valid", "valid", "train", "train", "test", "train", "train", "test"]
    assert sizes["passive"].labels["split"].to_numpy()[::600].tolist() == [
        "train",
        "valid",
        "test",
    ]


@pytest.mark.parametrize("with_timestamps", [True, False])
def test_units_and_clocks(tmp_path, with_timestamps):
    path = tmp_path / "a.nwb"
    _, position = write_area2(path, unit="m", with_timestamps=with_timestamps)
    monkey = load_area2_bump(path, smoothing_s=0)
    np.testing.assert_allclose(
        monkey.labels["position"].to_numpy()[:600], 100 * _cut(position, 0), atol=1e-6
    )


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("processing/behavior/hand_pos/data", (slice(2 * GAP_MS + 600, 2 * GAP_MS + 605), np.nan)),
        ("units/obs_intervals", (slice(None), [0.0, (NUM_TRIALS - 1) * GAP_MS / 1000])),
    ],
)
def test_trials_with_gaps_are_left_out(recording, where, what, caplog):
    path, *_ = recording
    with h5py.File(path, "r+") as file:
        file[where][what[0]] = what[1]
    assert len(load_area2_bump(path, smoothing_s=0)) == 10 * 600
    assert "2 of 12 trials left out" in caplog.text  # one more has no onset


def test_samples_that_are_not_there_are_a_gap(recording):
    path, *_ = recording
    with h5py.File(path, "r+") as file:
        for name in ("data", "timestamps"):
            place = f"processing/behavior/hand_pos/{name}"
            values = file[place][:]
            del file[place]
            file[place] = np.delete(values, np.arange(2 * GAP_MS + 600, 2 * GAP_MS + 650), axis=0)
    assert len(load_area2_bump(path, smoothing_s=0)) == 10 * 600


def test_the_row_looks_in_the_data_folder_and_says_it_cannot_verify(recording, tmp_path, caplog):
    monkey = load_dataset("area2-bump", tmp_path, session="passive")
    assert len(monkey) == 3 * 600
    assert "cannot be verified" in caplog.text
    with pytest.raises(
        FileNotFoundError, match=r"desc-train_behavior\+ecephys.nwb does not exist"
    ):
        load_dataset("area2-bump", tmp_path / "area2_bump")


def test_what_is_missing_is_named(recording):
    path, *_ = recording
    with h5py.File(path, "r+") as file:
        del file["intervals/trials/move_onset_time"]
    with pytest.raises(DataIntegrityError, match=r"must hold intervals/trials/move_onset_time"):
        load_area2_bump(path)
    with h5py.File(path, "r+") as file:
        file["units/spike_times_index"][0] = 10**6
    with pytest.raises(DataIntegrityError, match=r"damaged|must hold"):
        load_area2_bump(path)
    path.write_bytes(b"no NWB")
    with pytest.raises(DataIntegrityError, match="must be an NWB file"):
        load_area2_bump(path)
    with pytest.raises(FileNotFoundError, match="must exist"):
        load_area2_bump(path.with_name("gone.nwb"))


def test_an_nwb_file_of_pynwb_is_read(tmp_path):
    """The layout is not ours: pynwb writes it."""
    pynwb = pytest.importorskip("pynwb")
    from datetime import UTC, datetime

    session = pynwb.NWBFile(
        session_description="test",
        identifier="a",
        session_start_time=datetime(2020, 1, 1, tzinfo=UTC),
    )
    times = np.arange(3000) / 1000
    session.add_unit_column("heldout", "kept back by the benchmark")
    for unit in range(2):
        session.add_unit(
            spike_times=times[unit::50] + 0.0003, obs_intervals=[[0.0, 3.0]], heldout=False
        )
    for name in ("move_onset_time", "ctr_hold_bump", "cond_dir", "bump_dir", "split"):
        session.add_trial_column(name, name)
    session.add_trial(0.0, 3.0, move_onset_time=1.0, ctr_hold_bump=False, cond_dir=90.0,
                      bump_dir=np.nan, split="train")  # fmt: skip
    module = session.create_processing_module("behavior", "kinematics")
    hand = np.stack([times, 2 * times], axis=1)
    for name in ("hand_pos", "hand_vel"):
        module.add(pynwb.TimeSeries(name=name, data=hand, unit="cm", timestamps=times))
    path = tmp_path / "pynwb.nwb"
    with pynwb.NWBHDF5IO(str(path), "w") as file:
        file.write(session)
    monkey = load_area2_bump(path, smoothing_s=0)
    assert monkey.neural.sum(0).tolist() == [12, 12]
    np.testing.assert_allclose(monkey.labels["position"].to_numpy(), hand[900:1500], atol=1e-9)
    assert set(monkey.labels["direction"].to_numpy()) == {2}
    assert set(monkey.labels["active"].to_numpy()) == {True}


@pytest.fixture
def published(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    content = {
        "spikes": rng.random((3 * 5, 4)),
        "vel": rng.normal(size=(15, 2)),
        "pos": rng.normal(size=(15, 2)),
        "passive": np.array([False, True, False]),
        "movement_dir": np.array([0, 7, 3]),
        "movement_dir_actpas": np.array([0, 15, 3]),
        "num_trials": 3,
        "trial_len": 5,
    }
    table = dict(sources.REMOTE)
    for split in ("all", "test"):
        relative = f"monkey_reaching_preload_smth_40/all_{split}.jl"
        path = tmp_path / relative
        path.parent.mkdir(exist_ok=True)
        joblib.dump(content, path)
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        table[relative] = sources.Remote(url="https://x", digest=f"md5:{digest}")
    monkeypatch.setattr(files, "REMOTE", table)
    return tmp_path, content


def test_the_files_of_the_authors(published):
    root, content = published
    monkey = load_area2_published("all", "test", root)
    np.testing.assert_allclose(monkey.neural, content["spikes"], rtol=1e-6)
    np.testing.assert_allclose(monkey.labels["position"].to_numpy(), content["pos"])
    assert monkey.labels["active"].to_numpy()[::5].tolist() == [True, False, True]
    assert monkey.labels["direction"].to_numpy()[::5].tolist() == [0, 7, 3]
    assert set(monkey.labels["split"].to_numpy()) == {"test"}
    assert monkey.segments.tolist() == [[0, 5], [5, 10], [10, 15]]
    assert "split" not in load_dataset("area2-bump-published", root, session="all").labels
    with pytest.raises(FileNotFoundError, match=r"active_all.jl does not exist"):
        load_area2_published(root=root)
    path = root / "monkey_reaching_preload_smth_40/all_test.jl"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DataIntegrityError, match="expected MD5"):
        load_area2_published("all", "test", root)


def test_wrong_names():
    with pytest.raises(InvalidParameterError, match="session must be one of all, active"):
        load_area2_bump("a.nwb", session="sleep")
    with pytest.raises(InvalidParameterError, match="smoothing_s must be from 0 to"):
        load_area2_bump("a.nwb", smoothing_s=1.0)
    with pytest.raises(
        InvalidParameterError, match="split all, train, valid, test; got 'all' and 'x'"
    ):
        load_area2_published("all", "x")
