"""Mice of the visual-drift study: small files of their structure in both formats of MATLAB."""

import h5py
import numpy as np
import pytest
from scipy import io

from cebra_ethan.datasets.allen_drift import (
    DRIFT_AREAS,
    read_drift_calcium,
    read_drift_neuropixels,
)
from cebra_ethan.errors import DataError, DataIntegrityError, InvalidParameterError

NUM_FRAMES, NUM_REPEATS, NUM_CELLS = 6, 3, 5
NUM_BINS = NUM_FRAMES * NUM_REPEATS


def _save_5(path, variables):
    io.savemat(path, variables)


def _save_73(path, variables):
    """What MATLAB writes with -v7.3: transposed arrays, cells as references into `#refs#`."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            array = np.asarray(value)
            if array.dtype != object:
                file[name] = np.atleast_2d(array).T
                continue
            references = np.empty(array.shape, dtype=h5py.ref_dtype)
            for position in np.ndindex(array.shape):
                place = f"#refs#/{name}_{'_'.join(map(str, position))}"
                cell = np.asarray(array[position])
                if cell.size:
                    file[place] = cell.T
                else:
                    file[place] = np.array(cell.shape, dtype=np.uint64)
                    file[place].attrs["MATLAB_empty"] = 1
                file[place].attrs["MATLAB_class"] = np.bytes_("double")
                references[position] = file[place].ref
            file.create_dataset(name, data=references.T, dtype=h5py.ref_dtype)
            file[name].attrs["MATLAB_class"] = np.bytes_("cell")


SAVE = {"5": _save_5, "7.3": _save_73}


@pytest.fixture(params=SAVE)
def save(request, tmp_path):
    def write(variables, folder="VISl", name="511498742.mat"):
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        SAVE[request.param](path, variables)
        return path

    return write


@pytest.fixture
def imaging():
    """Cell 0 has no event in the last session, cell 1 was not found in the first."""
    rng = np.random.default_rng(0)
    united = rng.random((NUM_CELLS, NUM_BINS, 3)) + 0.1
    united[0, :, 2] = 0
    united[1, :, 0] = np.nan
    cells = np.empty((3, 4), dtype=object)
    for position in np.ndindex(cells.shape):
        cells[position] = rng.random((4 + position[0], NUM_BINS if position[1] == 0 else 7))
    return {
        "united_traces_days_events": united,
        "filtered_traces_days_events": cells,
        "imaging_depth": np.array([[375.0]]),
    }


def test_sessions_are_put_side_by_side(save, imaging):
    features = np.random.default_rng(1).random((NUM_FRAMES, 4))
    mouse = read_drift_calcium(save(imaging), num_frames=NUM_FRAMES, features=features)
    kept = imaging["united_traces_days_events"][2:]
    assert mouse.recording.neural.shape == (NUM_BINS, 9)
    for session in range(3):
        part = mouse.recording.neural[:, 3 * session : 3 * session + 3]
        np.testing.assert_allclose(part.T, kept[:, :, session], rtol=1e-6)
    assert set(mouse.area) == {"VISl"}
    assert set(mouse.layer) == {"L5/6"}
    assert mouse.mouse[0] == "511498742"
    assert mouse.num_repeats == NUM_REPEATS
    np.testing.assert_array_equal(
        mouse.recording.labels["features"].to_numpy(), np.tile(features, (NUM_REPEATS, 1))
    )


@pytest.mark.parametrize("session", range(3))
def test_one_session_has_all_its_cells(save, imaging, session):
    mouse = read_drift_calcium(save(imaging), session=session, num_frames=NUM_FRAMES)
    expected = imaging["filtered_traces_days_events"][session, 0]
    np.testing.assert_allclose(mouse.recording.neural.T, expected, rtol=1e-6)


def test_spikes_come_block_after_block_and_area_after_area(save):
    rng = np.random.default_rng(0)
    cells = np.empty((2, 8), dtype=object)
    for row, column in np.ndindex(cells.shape):
        size = 0 if DRIFT_AREAS[column] == "VISal" else 2 + column
        cells[row, column] = rng.poisson(2, (size, NUM_BINS, 2)).astype(float)
    cells[0, 0][1, 3, 0] = np.nan  # a unit with a missing value is left out
    path = save({"informative_rater_mat": cells}, "neuropixels", "session_1.mat")
    mouse = read_drift_neuropixels(path, num_frames=NUM_FRAMES, areas=("VISp", "VISal", "VISpm"))
    assert mouse.area.tolist() == ["VISp"] + ["VISpm"] * 5
    neural = mouse.recording.neural.numpy()
    assert neural.shape == (2 * NUM_BINS, 6)
    column = DRIFT_AREAS.index("VISpm")
    for block in range(2):
        rows = slice(block * NUM_BINS, (block + 1) * NUM_BINS)
        np.testing.assert_array_equal(neural[rows, 0], cells[0, 0][0, :, block])
        np.testing.assert_array_equal(neural[rows, 1:].T, cells[0, column][:, :, block])
        assert set(mouse.recording.labels["block"].to_numpy()[rows]) == {block}
    assert mouse.num_repeats == 2 * NUM_REPEATS


def test_what_does_not_fit_is_refused(save, imaging):
    path = save(imaging)
    with pytest.raises(InvalidParameterError, match="session must be 0, 1, 2 or None"):
        read_drift_calcium(path, session=3)
    with pytest.raises(DataIntegrityError, match="whole repeats of 900 frames; it has 18"):
        read_drift_calcium(path)
    with pytest.raises(DataError, match=r"lies in 'mice'\. Pass area="):
        read_drift_calcium(save(imaging, "mice"))
    united = np.zeros((2, NUM_BINS, 3))
    silent = save({"united_traces_days_events": united})
    with pytest.raises(DataError, match="a cell must have events in every session"):
        read_drift_calcium(silent, num_frames=NUM_FRAMES)
    flat = save({"united_traces_days_events": united[:, :, 0] + 1})
    with pytest.raises(DataIntegrityError, match=r"the shape \(cells, frames, sessions\)"):
        read_drift_calcium(flat, num_frames=NUM_FRAMES)
    with pytest.raises(DataIntegrityError, match=r"holds filtered_traces_days_events\[1\]"):
        read_drift_calcium(silent, session=1, num_frames=NUM_FRAMES)
    with pytest.raises(DataError, match="must have units in VISp"):
        read_drift_neuropixels(silent, num_frames=NUM_FRAMES)
    with pytest.raises(InvalidParameterError, match="areas must be some of VISp"):
        read_drift_neuropixels(silent, areas=("V1",))
