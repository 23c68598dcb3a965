"""Keypoints without lost frames, folders of Suite2p and Phy: each number is where it belongs."""

import numpy as np
import pytest
import torch

from cebra_ethan.data.readers import load_data, load_deeplabcut, load_sleap, read
from cebra_ethan.data.readers.pandas_hdf5 import read_frames
from cebra_ethan.errors import DataError, DataIntegrityError
from cebra_ethan.types import Recording

PARTS = ("nose", "tail")
GENERATOR = np.random.default_rng(0)
FRAMES = 8


def _tracks(animals=1):
    """Pixels and likelihoods `(frames, animals, parts, 3)`, all sure."""
    values = GENERATOR.random((FRAMES, animals, len(PARTS), 3))
    values[..., :2] *= 100
    values[..., 2] = 0.9
    return values


def _names(animals):
    people = [""] if animals == 1 else [f"mouse{index}" for index in range(animals)]
    levels = [
        ("DLC_resnet", *([one] if one else []), part, axis)
        for one in people
        for part in PARTS
        for axis in ("x", "y", "likelihood")
    ]
    heads = ["scorer", *(["individuals"] if animals > 1 else []), "bodyparts", "coords"]
    return heads, levels


def _csv(path, values):
    heads, levels = _names(values.shape[1])
    rows = [
        ",".join([head, *(name[place] for name in levels)]) for place, head in enumerate(heads)
    ]
    for index, row in enumerate(values.reshape(len(values), -1)):
        rows.append(
            ",".join([str(index), *("" if np.isnan(one) else repr(float(one)) for one in row)])
        )
    path.write_text("\n".join(rows) + "\n")


def _hdf5(form):
    def write(path, values):
        pandas = pytest.importorskip("pandas", reason="pandas comes with the extra data")
        pytest.importorskip("tables", reason="writes what DeepLabCut writes; ours reads without")
        heads, levels = _names(values.shape[1])
        columns = pandas.MultiIndex.from_tuples(levels, names=heads)
        frame = pandas.DataFrame(values.reshape(len(values), -1), columns=columns)
        frame.to_hdf(path, key="df_with_missing", format=form, mode="w")

    return write


WRITERS = {"a.csv": _csv, "table.h5": _hdf5("table"), "fixed.h5": _hdf5("fixed")}


@pytest.mark.parametrize("name", WRITERS)
def test_deeplabcut_with_one_animal(name, tmp_path):
    values = _tracks()
    WRITERS[name](tmp_path / name, values)
    found = load_deeplabcut(tmp_path / name)
    np.testing.assert_allclose(found.positions, values[:, 0, :, :2], rtol=1e-12)
    assert (found.names, found.animal, found.filled.any()) == (list(PARTS), "", False)
    tail = load_deeplabcut(tmp_path / name, keypoints=["tail", "nose"])
    np.testing.assert_allclose(tail.to_array()[:, :2], values[:, 0, 1, :2], rtol=1e-12)


@pytest.mark.parametrize("name", WRITERS)
def test_deeplabcut_with_several_animals(name, tmp_path):
    values = _tracks(animals=3)
    WRITERS[name](tmp_path / name, values)
    found = load_deeplabcut(tmp_path / name, animal="mouse1")
    np.testing.assert_allclose(found.positions, values[:, 1, :, :2], rtol=1e-12)
    with pytest.raises(DataError, match=r"got None\. Available: mouse0, mouse1, mouse2"):
        load_deeplabcut(tmp_path / name)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("bad", [[0], [FRAMES - 1], [0, 1, FRAMES - 2, FRAMES - 1], [3, 4]])
def test_fault9_only_bad_frames_of_a_keypoint_are_replaced(bad, name, tmp_path):
    """The published loader overwrote keypoints 0 and 1 everywhere and dropped frames."""
    values = _tracks()
    values[bad, 0, 1, 2] = 0.1
    values[bad, 0, 1, 0] = 1e6
    WRITERS[name](tmp_path / name, values)
    found = load_deeplabcut(tmp_path / name)
    assert len(found.positions) == FRAMES
    np.testing.assert_allclose(found.positions[:, 0], values[:, 0, 0, :2], rtol=1e-12)
    good = [frame for frame in range(FRAMES) if frame not in bad]
    np.testing.assert_allclose(found.positions[good, 1], values[good, 0, 1, :2], rtol=1e-12)
    for frame in bad:
        before = max((one for one in good if one < frame), default=min(good))
        after = min((one for one in good if one > frame), default=max(good))
        share = 0 if before == after else (frame - before) / (after - before)
        expected = (1 - share) * values[before, 0, 1, :2] + share * values[after, 0, 1, :2]
        np.testing.assert_allclose(found.positions[frame, 1], expected)
    assert np.flatnonzero(found.filled[:, 1]).tolist() == bad
    assert not found.filled[:, 0].any()


@pytest.mark.parametrize("name", WRITERS)
def test_fault9_nan_is_filled_and_no_frame_is_lost(name, tmp_path):
    values = _tracks()
    values[2, 0, 0] = np.nan
    values[5, 0, 1, 1] = np.nan
    WRITERS[name](tmp_path / name, values)
    found = load_deeplabcut(tmp_path / name, pcutoff=0.0)
    assert np.isfinite(found.to_array()).all()
    expected = (values[1, 0, 0, :2] + values[3, 0, 0, :2]) / 2
    np.testing.assert_allclose(found.positions[2, 0], expected)
    recording = Recording(torch.ones(FRAMES, 2), found.labels())
    assert recording.labels["nose"].values.shape == (FRAMES, 2)
    assert recording.labels["nose"].kind == "continuous"


def test_deeplabcut_errors_say_what_there_is(tmp_path):
    values = _tracks()
    values[:, 0, 1, 2] = 0.2
    _csv(tmp_path / "a.csv", values)
    with pytest.raises(DataError, match=r"a\.csv tail never reaches pcutoff"):
        load_deeplabcut(tmp_path / "a.csv")
    assert load_deeplabcut(tmp_path / "a.csv", keypoints=["nose"]).names == ["nose"]
    with pytest.raises(DataError, match=r"got ear\. Available: nose, tail"):
        load_deeplabcut(tmp_path / "a.csv", keypoints=["ear"])
    with pytest.raises(DataError, match=r"pcutoff must lie in \[0, 1\]; got 60"):
        load_deeplabcut(tmp_path / "a.csv", pcutoff=60)
    (tmp_path / "b.csv").write_text("x,y\n1,2\n")
    with pytest.raises(DataIntegrityError, match=r"b\.csv must be a table of DeepLabCut"):
        load_deeplabcut(tmp_path / "b.csv")


@pytest.mark.parametrize("form", ["table", "fixed"])
def test_tables_of_pandas_without_pytables(form, tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas comes with the extra data")
    pytest.importorskip("tables", reason="writes the files")
    path = tmp_path / "a.h5"
    frame = pandas.DataFrame(
        {"z": [1.5, 2.5], "count": [3, 4], "side": ["left", "right"], "a": [5.5, 6.5]}
    )
    frame.to_hdf(path, key="session", format=form)
    frames = read_frames(path)
    assert frames["session"].columns == [("z",), ("count",), ("a",)]
    np.testing.assert_array_equal(load_data(path), frame[["z", "count", "a"]])
    np.testing.assert_array_equal(load_data(path, "session", ["a", "z"]), frame[["a", "z"]])
    with pytest.raises(DataError, match=r"got 'y'\. Available: z, count, a"):
        load_data(path, columns=["y"])


def test_a_body_part_names_its_columns(tmp_path):
    values = _tracks()
    _hdf5("table")(tmp_path / "a.h5", values)
    tail = load_data(tmp_path / "a.h5", columns=["tail"])
    np.testing.assert_array_equal(tail, values[:, 0, 1])


@pytest.mark.parametrize("attribute", ["values_block_0_kind", "non_index_axes"])
def test_names_of_columns_run_no_code(attribute, tmp_path):
    """PyTables unpickles attributes; a file can bring any."""
    h5py = pytest.importorskip("h5py", reason="h5py comes with the extra data")
    _hdf5("table")(tmp_path / "a.h5", _tracks())
    bomb = f"cos\nmkdir\n(V{tmp_path / 'marker'}\ntR.".encode()
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        group = file["df_with_missing"]
        place = group["table"] if attribute.startswith("values") else group
        place.attrs[attribute] = np.bytes_(bomb)
    for reader in (load_data, load_deeplabcut):
        with pytest.raises(DataIntegrityError, match=r"pickle is not allowed .*a\.h5 .*os\.mkdir"):
            reader(tmp_path / "a.h5")
    assert not (tmp_path / "marker").exists()


def _sleap(path, tracks, scores, names):
    h5py = pytest.importorskip("h5py", reason="h5py comes with the extra data")
    with h5py.File(path, "w") as file:
        file["tracks"] = tracks.transpose(3, 2, 1, 0)
        file["point_scores"] = scores.transpose(2, 1, 0)
        file["node_names"] = [np.bytes_(part) for part in PARTS]
        if names:
            file["track_names"] = [np.bytes_(name) for name in names]


def test_sleap(tmp_path):
    path = tmp_path / "a.analysis.h5"
    tracks = GENERATOR.random((FRAMES, len(PARTS), 2, 2)) * 100
    scores = np.ones((FRAMES, len(PARTS), 2))
    tracks[0, 1, :, 1] = np.nan
    scores[4, 1, 1] = 0.1
    _sleap(path, tracks, scores, ["a", "b"])
    found = load_sleap(path, animal="b")
    assert found.positions.shape == (FRAMES, 2, 2)
    np.testing.assert_array_equal(found.positions[1:], tracks[1:, :, :, 1])
    np.testing.assert_array_equal(found.positions[0, 1], tracks[1, 1, :, 1])
    strict = load_sleap(path, keypoints=["tail"], pcutoff=0.5, animal="b")
    expected = (tracks[3, 1, :, 1] + tracks[5, 1, :, 1]) / 2
    np.testing.assert_allclose(strict.positions[4, 0], expected)
    assert np.flatnonzero(strict.filled).tolist() == [0, 4]
    with pytest.raises(DataError, match=r"got 'c'\. Available: a, b"):
        load_sleap(path, animal="c")
    _sleap(path, tracks, scores, [])
    assert load_sleap(path, animal="track_0").animal == "track_0"


def test_sleap_says_what_is_missing(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py comes with the extra data")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = [1]
    with pytest.raises(DataIntegrityError, match=r"a\.h5 has x\. Export"):
        load_sleap(tmp_path / "a.h5")


def _suite2p(folder):
    folder.mkdir(parents=True)
    traces = GENERATOR.random((4, FRAMES)).astype(np.float32)
    arrays = {"F": traces + 2, "Fneu": traces, "spks": traces * 3}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    np.save(folder / "iscell.npy", np.array([[1, 0.9], [0, 0.1], [1, 0.8], [0, 0.2]]))
    np.save(folder / "ops.npy", np.array({"fs": 30.0}, dtype=object), allow_pickle=True)
    return arrays


def test_suite2p(tmp_path):
    arrays = _suite2p(tmp_path / "suite2p" / "plane0")
    recording = read(tmp_path / "suite2p", bin_s=1 / 30, labels={"x": np.arange(8) / 8})
    np.testing.assert_array_equal(recording.neural, arrays["spks"][[0, 2]].T)
    assert (recording.bin_s, recording.labels["x"].kind) == (1 / 30, "continuous")
    plane = tmp_path / "suite2p" / "plane0"
    assert read(plane, neural="F", only_cells=False).num_neurons == 4
    corrected = read(plane, neural="corrected")
    expected = (arrays["F"] - 0.7 * arrays["Fneu"])[[0, 2]].T
    np.testing.assert_allclose(corrected.neural, expected, rtol=1e-6)
    with pytest.raises(DataError, match=r"one of spks, F, corrected .*got 'dF'"):
        read(plane, neural="dF")
    np.save(plane / "iscell.npy", np.ones((3, 2)))
    with pytest.raises(DataIntegrityError, match=r"shape \(3, 2\) for 4"):
        read(plane)
    _suite2p(tmp_path / "suite2p" / "plane1")
    with pytest.raises(DataError, match="holds plane0, plane1"):
        read(tmp_path / "suite2p")


def test_suite2p_unpickles_nothing(tmp_path):
    _suite2p(tmp_path / "plane0")
    np.save(tmp_path / "plane0" / "iscell.npy", np.array([[None]]), allow_pickle=True)
    with pytest.raises(DataIntegrityError, match=r"pickle is not allowed.*iscell\.npy"):
        read(tmp_path / "plane0")
    (tmp_path / "plane0" / "iscell.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"iscell\.npy is missing"):
        read(tmp_path / "plane0")


def _phy(folder, rate=1000.0, groups="cluster_id\tgroup\n0\tgood\n3\tnoise\n5\tgood\n9\tgood\n"):
    folder.mkdir()
    np.save(folder / "spike_times.npy", np.array([[0], [99], [100], [250], [260], [999]], "u8"))
    np.save(folder / "spike_clusters.npy", np.array([0, 0, 5, 3, 5, 5], dtype=np.int32))
    (folder / "cluster_group.tsv").write_text(groups)
    (folder / "params.py").write_text(f"dat_path = 'a.dat'\nsample_rate = {rate}  # Hz\n")


def test_phy_counts_spikes(tmp_path):
    _phy(tmp_path / "sorted")
    recording = read(tmp_path / "sorted", bin_s=0.1)
    expected = np.zeros((10, 2))
    expected[0, 0], expected[1, 1], expected[2, 1], expected[9, 1] = 2, 1, 1, 1
    np.testing.assert_array_equal(recording.neural, expected)
    assert (recording.bin_s, recording.name) == (0.1, "sorted")
    every = read(tmp_path / "sorted", bin_s=0.1, groups=None)
    assert every.neural.sum() == 6
    assert every.neural[2].tolist() == [0, 1, 1]
    slow = read(tmp_path / "sorted", bin_s=0.1, sample_rate_hz=500.0, duration_s=3.0)
    assert slow.neural.shape == (30, 2)
    cut = read(tmp_path / "sorted", bin_s=0.1, duration_s=0.25, labels={"x": [0.5, 1.5, 2.5]})
    assert cut.neural[:, 1].tolist() == [0, 1, 1]
    shorter = read(tmp_path / "sorted", bin_s=0.1, duration_s=0.2)
    assert shorter.neural.tolist() == [[2, 0], [0, 1]]
    with pytest.raises(DataError, match=r"got bin_s=None\. Pass bin_s="):
        read(tmp_path / "sorted")
    with pytest.raises(DataError, match=r"groups mua; .* has good, noise"):
        read(tmp_path / "sorted", bin_s=0.1, groups=("mua",))
    with pytest.raises(DataError, match=r"Pass a larger bin_s"):
        read(tmp_path / "sorted", bin_s=1e-9)


def test_phy_takes_what_kilosort_proposes(tmp_path):
    _phy(tmp_path / "a", groups="cluster_id\tgroup\n0\t\n")
    (tmp_path / "a" / "cluster_KSLabel.tsv").write_text("cluster_id\tKSLabel\n0\tgood\n5\tmua\n")
    assert read(tmp_path / "a", bin_s=0.1).num_neurons == 1
    (tmp_path / "a" / "cluster_KSLabel.tsv").unlink()
    with pytest.raises(DataError, match="groups=None to take every cluster"):
        read(tmp_path / "a", bin_s=0.1)


@pytest.mark.parametrize(
    "value", ["__import__('os').mkdir('marker')", "open('marker', 'w')", "'30000'", "(1, 2)"]
)
def test_phy_does_not_execute_params(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _phy(tmp_path / "a", rate=value)
    with pytest.raises(DataIntegrityError, match=r"params\.py"):
        read(tmp_path / "a", bin_s=0.1)
    assert not (tmp_path / "marker").exists()


def test_phy_needs_whole_numbers(tmp_path):
    _phy(tmp_path / "a")
    np.save(tmp_path / "a" / "spike_clusters.npy", np.zeros(5, dtype=int))
    with pytest.raises(DataIntegrityError, match="6 times and 5 clusters"):
        read(tmp_path / "a", bin_s=0.1)
    np.save(tmp_path / "a" / "spike_clusters.npy", np.zeros(6))
    with pytest.raises(DataIntegrityError, match=r"spike_clusters\.npy has dtype float64"):
        read(tmp_path / "a", bin_s=0.1)


def test_large_sample_numbers_are_exact(tmp_path):
    """An hour at 30 kHz has samples that float32 would move by several bins of 0.1 ms."""
    _phy(tmp_path / "a", rate=30000.0)
    times = np.array([0, 108_000_001, 108_000_007, 1, 2, 3], dtype=np.int64)
    np.save(tmp_path / "a" / "spike_times.npy", times)
    np.save(tmp_path / "a" / "spike_clusters.npy", np.zeros(6, dtype=int))
    counts = read(tmp_path / "a", bin_s=1e-4).neural[:, 0]
    assert counts.nonzero().flatten().tolist() == [0, 1, 36_000_000, 36_000_002]
    assert counts[36_000_002] == 1


def test_other_folders_are_named(tmp_path):
    with pytest.raises(DataError, match="one of Suite2p, Phy"):
        read(tmp_path)
