"""Recordings of Natural Movie One in the data folder: small files of the format, real ones."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from cebra_ethan.datasets import files, load_dataset
from cebra_ethan.datasets.allen_npz import POOLS, load_movie_session, load_pooled_movie
from cebra_ethan.datasets.allen_recording import AREAS
from cebra_ethan.errors import DataIntegrityError, InvalidParameterError

REAL = Path(os.environ.get(files.DATA_VARIABLE) or "/nowhere")
needs_data = pytest.mark.skipif(not REAL.is_dir(), reason="CEBRA_ETHAN_DATA names no folder")
FOLDER = "allen_neuropixels_natural_movie"
NUM_UNITS, NUM_REPEATS, NUM_BINS = 4, 20, 3
BEHAVIOUR = ("running_speed", "pupil_width", "pupil_height", "eye_x", "eye_y")


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Writes a file into a data folder as if it were the published one."""

    def write(name, **arrays):
        path = tmp_path / FOLDER / name
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(path, **arrays)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        monkeypatch.setitem(files.SHA256, f"{FOLDER}/{name}", digest)
        return tmp_path

    return write


def _session():
    rng = np.random.default_rng(0)
    shape = (NUM_REPEATS, NUM_BINS)
    return {
        "spike_counts": rng.poisson(3, (NUM_UNITS, *shape)).astype(np.uint16),
        "unit_area": np.array(["VISp", "CA1", "VISp", "LP"]),
        "bin_width_s": np.float64(1.0),
        **{key: rng.random(shape).astype(np.float32) for key in BEHAVIOUR},
    }


def test_a_session_has_units_repeats_and_behaviour(put):
    arrays = _session()
    session = load_movie_session(put("session_791319847.npz", **arrays))
    inner = session.recording
    for unit, repeat, second in [(0, 0, 0), (3, 7, 2), (2, 19, 1)]:
        row = NUM_BINS * repeat + second
        assert inner.neural[row, unit] == arrays["spike_counts"][unit, repeat, second]
        assert inner.labels["frame"].to_numpy()[row] == second
        assert inner.labels["block"].to_numpy()[row] == repeat // 10
        speed = arrays["running_speed"][repeat, second]
        assert inner.labels["running_speed"].to_numpy()[row] == pytest.approx(speed)
    assert session.num_repeats == NUM_REPEATS
    assert session.select(area="VISp").num_neurons == 2
    assert inner.bin_s == 1.0


def test_a_pool_has_two_averages_of_the_same_units(put):
    rng = np.random.default_rng(0)
    means = {f"mean_counts_{part}": rng.random((5, 30)).astype("f4") for part in ("train", "test")}
    root = put("pooled_CA1.npz", **means)
    train, test = load_pooled_movie("CA1", root)
    np.testing.assert_array_equal(train.neural, means["mean_counts_train"].T)
    np.testing.assert_array_equal(test.neural, means["mean_counts_test"].T)
    assert load_dataset("allen-pooled-CA1", root).name == "allen-pooled-CA1-train"
    with pytest.raises(InvalidParameterError, match=r"pool must be one of CA1, V1, .* got 'V2'"):
        load_pooled_movie("V2", root)


def test_files_that_lack_an_array_or_were_changed_are_refused(put):
    arrays = _session()
    del arrays["unit_area"]
    root = put("session_791319847.npz", **arrays)
    with pytest.raises(DataIntegrityError, match=r"cannot be read as a session: .*unit_area"):
        load_movie_session(root)
    (root / FOLDER / "session_791319847.npz").write_bytes(b"other")
    with pytest.raises(DataIntegrityError, match="must be the published file"):
        load_movie_session(root)


def test_the_published_pools_are_known():
    assert POOLS == ("CA1", "V1", "all_high_behav_var", "all_low_behav_var")


@needs_data
@pytest.mark.real
def test_the_real_session():
    session = load_movie_session(REAL)
    assert session.recording.neural.shape == (600, 555)
    assert [session.select(area=area).num_neurons for area in AREAS] == [93, 56, 58, 43, 17, 49]
    rate_hz = session.select(area="VISp").recording.neural.mean(dim=0)
    assert 5 < rate_hz.median() < 6  # what the simulator was calibrated on


@needs_data
@pytest.mark.real
@pytest.mark.parametrize(("pool", "units"), [("V1", 1913), ("CA1", 2308)])
def test_the_real_pools(pool, units):
    for part in load_pooled_movie(pool, REAL):
        assert part.neural.shape == (30, units)
