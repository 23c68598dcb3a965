"""Files of Allen Visual Coding: small ones of the published structure, read and broken."""

import logging

import h5py
import numpy as np
import pytest

from cebra_ethan.datasets.allen_mice import repeats_split
from cebra_ethan.datasets.allen_nwb import read_calcium_nwb, read_neuropixels_nwb
from cebra_ethan.errors import DataError, DataIntegrityError

NUM_FRAMES, NUM_REPEATS = 5, 4
FRAME_S = 0.0333
PRESENTATIONS = "intervals/natural_movie_one_presentations"
ELECTRODES = "general/extracellular_ephys/electrodes"
DFF = "processing/brain_observatory_pipeline/DfOverF/imaging_plane_1"
MOVIE = "stimulus/presentation/natural_movie_one_stimulus"


def _write(path, arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            if np.asarray(values).dtype.kind in "US":
                file.create_dataset(name, data=np.asarray(values, dtype=h5py.string_dtype()))
            else:
                file[name] = values


@pytest.fixture
def session():
    """Four repeats in two blocks. Unit n fires n + 1 spikes in every bin of a quarter frame."""
    start = np.concatenate(
        [100 + 1000 * (repeat // 2) + FRAME_S * NUM_FRAMES * (repeat % 2) + FRAME_S * np.arange(5)
         for repeat in range(NUM_REPEATS)]
    )  # fmt: skip
    quarter = (start[:, None] + FRAME_S * (np.arange(4) + 0.5) / 4).ravel()
    trains = [np.repeat(quarter, unit + 1) for unit in range(6)]
    trains[5] = np.array([])  # the last unit is silent during the movie
    return {
        "units/id": np.arange(6),
        "units/spike_times": np.concatenate(trains),
        "units/spike_times_index": np.cumsum([len(train) for train in trains]),
        "units/peak_channel_id": np.array([11, 12, 13, 11, 12, 14]),
        "units/quality": ["good", "good", "good", "noise", "good", "good"],
        "units/isi_violations": np.array([0.1, 0.5, 0.1, 0.1, 0.6, 0.1]),
        "units/amplitude_cutoff": np.array([0.05, 0.1, 0.01, 0.01, 0.01, 0.01]),
        "units/presence_ratio": np.array([0.99, 0.95, 0.99, 0.99, 0.99, 0.96]),
        f"{ELECTRODES}/id": np.array([11, 12, 13, 14]),
        f"{ELECTRODES}/location": ["VISp", "VISal4", "CA1", "VISp"],
        f"{PRESENTATIONS}/start_time": start,
        f"{PRESENTATIONS}/stop_time": start + FRAME_S,
        f"{PRESENTATIONS}/frame": np.tile(np.arange(5.0), NUM_REPEATS),
        f"{PRESENTATIONS}/stimulus_block": np.repeat([3.0, 3.0, 9.0, 9.0], NUM_FRAMES),
    }


def _read(path, **options):
    return read_neuropixels_nwb(path, num_frames=NUM_FRAMES, **options)


def test_spikes_are_counted_in_bins_of_frames(session, tmp_path):
    path = tmp_path / "ses-715093703.nwb"
    _write(path, session)
    scene = np.array([0, 0, 1, 1, 1])
    read = _read(path, scene=scene)
    # unit 2 lies in CA1, unit 3 is noise, unit 4 violates the refractory period
    assert read.area.tolist() == ["VISp", "VISal", "VISp"]
    assert read.layer.tolist() == ["", "L4", ""]
    inner = read.recording
    np.testing.assert_array_equal(inner.neural[:, 0], np.ones(NUM_REPEATS * NUM_FRAMES * 4))
    np.testing.assert_array_equal(inner.neural[:, 1], 2 * np.ones(NUM_REPEATS * NUM_FRAMES * 4))
    assert not inner.neural[:, 2].any()
    assert inner.bin_s == pytest.approx(FRAME_S / 4)
    assert read.num_repeats == NUM_REPEATS
    np.testing.assert_array_equal(inner.labels["block"].to_numpy(), np.repeat([0, 1], 40))
    frame = np.tile(np.repeat(np.arange(5), 4), NUM_REPEATS)
    np.testing.assert_array_equal(inner.labels["frame"].to_numpy(), frame)
    np.testing.assert_array_equal(inner.labels["scene"].to_numpy(), scene[frame])
    assert repeats_split(read, [0, 1])[1].num_repeats == 2


def test_spikes_lie_in_their_own_bin(session, tmp_path):
    start = session[f"{PRESENTATIONS}/start_time"]
    session["units/spike_times"] = np.array([start[1] + 0.001, start[7] + 0.032, start[19]])
    session["units/spike_times_index"] = np.array([3, 3, 3, 3, 3, 3])
    _write(tmp_path / "a.nwb", session)
    counts = _read(tmp_path / "a.nwb").recording.neural[:, 0].numpy()
    assert np.flatnonzero(counts).tolist() == [4 * 1, 4 * 7 + 3, 4 * 19]


def test_bins_are_as_many_as_asked_and_limits_can_be_loosened(session, tmp_path):
    _write(tmp_path / "a.nwb", session)
    every = _read(tmp_path / "a.nwb", bins_per_frame=1, quality={}, areas=("VISp", "VISal", "CA1"))
    assert every.recording.neural.shape == (NUM_REPEATS * NUM_FRAMES, 6)
    np.testing.assert_array_equal(every.recording.neural[0], [4, 8, 12, 16, 20, 0])


def test_a_repeat_that_was_cut_is_left_out(session, tmp_path, caplog):
    for key in ("start_time", "stop_time", "frame", "stimulus_block"):
        session[f"{PRESENTATIONS}/{key}"] = np.delete(session[f"{PRESENTATIONS}/{key}"], 7)
    _write(tmp_path / "a.nwb", session)
    with caplog.at_level(logging.WARNING):
        assert _read(tmp_path / "a.nwb").num_repeats == NUM_REPEATS - 1
    assert "1 of 4 repeats were cut" in caplog.text


def test_a_metric_that_is_not_a_number_fails(session, tmp_path):
    session["units/presence_ratio"][0] = np.nan
    _write(tmp_path / "a.nwb", session)
    assert _read(tmp_path / "a.nwb").num_neurons == 2


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"units/presence_ratio": np.zeros(6)}, DataError, "units of good quality in VISp"),
        ({f"{PRESENTATIONS}/frame": np.zeros(20)}, DataError, "shown as a whole, frames 0 to 4"),
        (
            {"units/spike_times_index": np.array([5, 3, 6, 6, 6, 6])},
            DataIntegrityError,
            "in order",
        ),
        ({"units/peak_channel_id": None}, DataIntegrityError, "holds units/peak_channel_id"),
        ({f"{PRESENTATIONS}/start_time": None}, DataIntegrityError, "holds intervals/natural_mov"),
    ],
)
def test_files_that_are_something_else_are_refused(session, tmp_path, change, error, message):
    changed = {key: value for key, value in {**session, **change}.items() if value is not None}
    _write(tmp_path / "a.nwb", changed)
    with pytest.raises(error, match=message):
        _read(tmp_path / "a.nwb")


def test_damaged_files_and_links_are_refused(session, tmp_path):
    (tmp_path / "a.nwb").write_bytes(b"no HDF5")
    for read in (read_neuropixels_nwb, read_calcium_nwb):
        with pytest.raises(DataIntegrityError, match=r"a\.nwb must be an NWB file"):
            read(tmp_path / "a.nwb")
    _write(tmp_path / "b.nwb", session)
    with h5py.File(tmp_path / "b.nwb", "a") as file:
        file["other"] = h5py.ExternalLink("/etc/passwd", "/x")
    with pytest.raises(DataIntegrityError, match="an external link to /etc/passwd"):
        _read(tmp_path / "b.nwb")


@pytest.fixture
def imaging():
    """Three cells at 30 Hz; the movie starts at sample 20 and, after a pause, at sample 60."""
    time_s = 5 + FRAME_S * np.arange(100)
    first = np.concatenate([20 + np.arange(5), 60 + np.arange(5)])
    return {
        f"{DFF}/data": np.random.default_rng(0).normal(size=(3, 100)).astype(np.float32),
        f"{DFF}/timestamps": time_s,
        f"{MOVIE}/data": np.tile(np.arange(5), 2),
        f"{MOVIE}/timestamps": time_s[first] + 0.004,
        f"{MOVIE}/frame_duration": np.stack([first, first + 1], axis=1),
        "general/targeted_structure": "VISpm",
        "general/optophysiology/imaging_plane_1/imaging depth": "275 microns",
    }


@pytest.mark.parametrize("has_samples", [True, False])
def test_fluorescence_is_taken_when_a_frame_was_shown(imaging, tmp_path, has_samples):
    expected = imaging[f"{DFF}/data"].T[imaging[f"{MOVIE}/frame_duration"][:, 0]]
    if not has_samples:
        del imaging[f"{MOVIE}/frame_duration"]
    _write(tmp_path / "501.nwb", imaging)
    read = read_calcium_nwb(tmp_path / "501.nwb", num_frames=NUM_FRAMES)
    np.testing.assert_array_equal(read.recording.neural, expected)
    assert read.area.tolist() == ["VISpm"] * 3
    assert read.layer.tolist() == ["L4"] * 3
    assert read.mouse.tolist() == ["501"] * 3
    assert read.num_repeats == 2
    assert read.recording.bin_s == pytest.approx(FRAME_S)


def test_the_area_may_stand_elsewhere_or_be_given(imaging, tmp_path):
    del imaging["general/targeted_structure"]
    imaging["general/optophysiology/imaging_plane_1/location"] = "Area: VISl, Depth: 275"
    _write(tmp_path / "a.nwb", imaging)
    read = read_calcium_nwb(tmp_path / "a.nwb", num_frames=NUM_FRAMES)
    assert set(read.area) == {"VISl"}
    imaging["general/optophysiology/imaging_plane_1/location"] = "cortex"
    _write(tmp_path / "a.nwb", imaging)
    with pytest.raises(DataError, match=r"says 'cortex'. Pass area="):
        read_calcium_nwb(tmp_path / "a.nwb", num_frames=NUM_FRAMES)
    assert set(read_calcium_nwb(tmp_path / "a.nwb", area="VISp", num_frames=5).area) == {"VISp"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({f"{DFF}/timestamps": np.arange(99.0)}, "a time for each sample"),
        ({f"{MOVIE}/frame_duration": np.full((10, 2), 100)}, "must name samples of dF/F, 0 to 99"),
        ({f"{MOVIE}/frame_duration": np.full((10, 2), np.nan),
          f"{MOVIE}/timestamps": np.arange(10.0) + 90}, "imaging must cover the movie"),
        ({f"{MOVIE}/data": np.arange(10) + 1}, "shown as a whole"),
    ],
)  # fmt: skip
def test_imaging_that_does_not_fit_is_refused(imaging, tmp_path, change, message):
    _write(tmp_path / "a.nwb", {**imaging, **change})
    with pytest.raises(DataError, match=message):
        read_calcium_nwb(tmp_path / "a.nwb", num_frames=NUM_FRAMES)
