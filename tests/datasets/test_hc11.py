"""The rats from their sources, on small files of the three formats."""

import hashlib

import h5py
import joblib
import numpy as np
import pytest

from cebra_ethan.datasets import files, load_dataset, sources
from cebra_ethan.datasets.hc11 import (
    PUBLISHED_RATS,
    load_dandi_000044,
    load_hc11,
    load_published_rat,
)
from cebra_ethan.errors import DataIntegrityError, InvalidParameterError

START_S, STEP_S, NUM_SAMPLES = 100.0, 0.0256, 800
RUNS = ((100, 200, True), (300, 400, False), (500, 510, True), (600, 690, True))
"""First and last sample and direction; the third is too short to be one."""


def _session():
    """Times (s), place (m) and spikes of three cells, of which the second is inhibitory."""
    clock_s = START_S + STEP_S * np.arange(NUM_SAMPLES)
    place = np.full(NUM_SAMPLES, np.nan)
    for first, last, grows in RUNS:
        way = np.linspace(0.02, 1.58 if last - first > 20 else 0.3, last - first)
        place[first:last] = way if grows else way[::-1]
    rng = np.random.default_rng(0)
    spikes = [np.sort(rng.uniform(90, 125, size)) for size in (900, 500, 50)]
    return clock_s, place, spikes


def _write_mat(path):
    clock_s, place, spikes = _session()
    ids = np.repeat([203, 105, 311], [len(one) for one in spikes])
    times = np.concatenate(spikes)
    order = np.argsort(times)
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in {
            "Spikes/SpikeTimes": times[order],
            "Spikes/SpikeIDs": ids[order].astype(float),
            "Spikes/PyrIDs": np.array([203.0, 311.0]),
            "Spikes/IntIDs": np.array([105.0]),
            "Position/OneDLocation": place,
            "Position/TwoDLocation": np.stack([place, place]),
            "Position/TimeStamps": clock_s,
            "Epochs/MazeEpoch": np.array([START_S, START_S + 1000]),
        }.items():
            file[f"sessInfo/{name}"] = np.atleast_2d(values)
            file[f"sessInfo/{name}"].attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


def _write_nwb(path, *, wrong_rate=True):
    _, place, spikes = _session()
    with h5py.File(path, "w") as file:
        file["units/spike_times"] = np.concatenate(spikes)
        file["units/spike_times_index"] = np.cumsum([len(one) for one in spikes])
        words = ["excitatory", "inhibitory", "excitatory"]
        file.create_dataset("units/cell_type", data=words, dtype=h5py.string_dtype())
        for name, values in (
            ("LinearizedPosition/1.6mLinearMazeLinearizedTimeSeries", place[:, None]),
            ("Position/1.6mLinearMazeSpatialSeries", np.stack([place, place], axis=1)),
        ):
            group = file.create_group(f"processing/behavior/1.6mLinearMaze{name}")
            group["data"] = values
            group["starting_time"] = START_S
            group["starting_time"].attrs["rate"] = STEP_S if wrong_rate else 1 / STEP_S
        file["intervals/epochs/start_time"] = [0.0, START_S, START_S + 1000]
        file["intervals/epochs/stop_time"] = [START_S, START_S + 1000, START_S + 2000]
        file.create_dataset(
            "intervals/epochs/label",
            data=["PREEpoch", "MazeEpoch", "POSTEpoch"],
            dtype=h5py.string_dtype(),
        )
    return path


@pytest.mark.parametrize("archive", ["crcns", "dandi", "dandi, a rate that is one"])
def test_runs_are_counted(tmp_path, archive):
    if archive == "crcns":
        rat = load_hc11(_write_mat(tmp_path / "Achilles_10252013_sessInfo.mat"))
    else:
        path = _write_nwb(tmp_path / "sub-Achilles.nwb", wrong_rate=archive == "dandi")
        rat = load_dandi_000044(path)
    clock_s, place, spikes = _session()
    runs = [run for run in RUNS if run[1] - run[0] > 20]
    assert len(rat.segments) == len(runs)
    assert rat.num_neurons == 2  # the pyramidal ones, in their order
    assert rat.bin_s == 0.025
    for (start, stop), (first, last, grows) in zip(rat.segments.tolist(), runs, strict=True):
        begin = clock_s[first]
        assert stop - start == int((clock_s[last - 1] - begin) / 0.025)
        for column, times in enumerate((spikes[0], spikes[2])):
            inside = (times >= begin) & (times < begin + 0.025 * (stop - start))
            binned = np.bincount(
                ((times[inside] - begin) / 0.025).astype(int), minlength=stop - start
            )
            np.testing.assert_array_equal(rat.neural[start:stop, column], binned)
        position = rat.labels["position"].to_numpy()[start:stop]
        assert position.min() >= 0.02
        assert np.all((np.diff(position) > 0) == grows)
        middle = begin + 0.025 * (np.arange(stop - start) + 0.5)
        np.testing.assert_allclose(
            position, np.interp(middle, clock_s[first:last], place[first:last]), atol=1e-9
        )
        side = rat.labels["direction"].to_numpy()[start:stop]
        assert set(side) == {"right" if grows else "left"}


def test_archives_that_are_not_as_described(tmp_path):
    path = _write_mat(tmp_path / "a.mat")
    with h5py.File(path, "r+") as file:
        del file["sessInfo/Spikes/PyrIDs"]
    with pytest.raises(DataIntegrityError, match=r"must hold sessInfo with Spikes.PyrIDs"):
        load_hc11(path)
    path = _write_mat(tmp_path / "circle.mat")
    with h5py.File(path, "r+") as file:
        file["sessInfo/Position/OneDLocation"][...] = np.nan
    with pytest.raises(DataIntegrityError, match=r"2 cells and 0 runs. A circular maze"):
        load_hc11(path)
    path.write_bytes(b"no MATLAB")
    with pytest.raises(DataIntegrityError, match=r"circle.mat"):
        load_hc11(path)
    path = _write_nwb(tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        file["intervals/epochs/label"][1] = "Open field"
    with pytest.raises(DataIntegrityError, match="an epoch called MazeEpoch"):
        load_dandi_000044(path)
    with h5py.File(path, "r+") as file:
        behaviour = file["processing/behavior"]
        behaviour.move("1.6mLinearMazeLinearizedPosition", "gone")
        behaviour["gone"].move("1.6mLinearMazeLinearizedTimeSeries", "other")
    with pytest.raises(DataIntegrityError, match="ends with LinearizedTimeSeries; it has none"):
        load_dandi_000044(path)


@pytest.fixture
def published(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    place = np.concatenate(
        [np.linspace(0, 1.6, 5), np.linspace(1.6, 0, 4), np.linspace(0, 1.6, 6)]
    )
    column = np.repeat([0.0, 1.0, 0.0], [5, 4, 6])
    content = {
        "spikes": rng.integers(0, 3, (15, 4)).astype(float),
        "position": np.stack([place, column, 1 - column], axis=1),
    }
    relative = "rat_hippocampus/gatsby.jl"
    path = tmp_path / relative
    path.parent.mkdir()
    joblib.dump(content, path)
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    remote = sources.Remote(url="https://x", digest=f"md5:{digest}")
    monkeypatch.setattr(files, "REMOTE", {**sources.REMOTE, relative: remote})
    return tmp_path, content


def test_a_rat_of_the_authors(published):
    root, content = published
    rat = load_dataset("rat-gatsby", root)
    np.testing.assert_array_equal(rat.neural, content["spikes"])
    np.testing.assert_allclose(rat.labels["position"].to_numpy(), content["position"][:, 0])
    assert rat.segments.tolist() == [[0, 5], [5, 9], [9, 15]]
    side = rat.labels["direction"].to_numpy()
    assert side[[0, 5, 9]].tolist() == ["right", "left", "right"]
    assert set(side[5:9]) == {"left"}


def test_other_rats_and_files(published):
    root, _ = published
    with pytest.raises(
        InvalidParameterError, match=f"one of {', '.join(PUBLISHED_RATS)}; got 'x'"
    ):
        load_published_rat("x", root)
    with pytest.raises(FileNotFoundError, match=r"cicero.jl does not exist. Download it with"):
        load_dataset("rat-cicero", root)
    (root / "rat_hippocampus/gatsby.jl").write_bytes(b"x")
    with pytest.raises(DataIntegrityError, match=r"gatsby.jl must be the published file.*MD5"):
        load_published_rat("gatsby", root)
    # the checksum that data/README.md found equal to that of a real file
    assert files.expected_digest("rat_hippocampus/buddy.jl") == (
        "md5:36341322907708c466871bf04bc133c2"
    )
