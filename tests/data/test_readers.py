"""Plain files: what was written is what is read, and every error names the file and the cure."""

import numpy as np
import pytest
import torch

from cebra_ethan.data.readers import READERS, read, read_recording, save_recording
from cebra_ethan.data.readers.recording_io import HEADER
from cebra_ethan.errors import CebraError, DataError, DataIntegrityError
from cebra_ethan.types import Label, Recording


@pytest.fixture
def arrays():
    generator = np.random.default_rng(0)
    return {
        "spikes": generator.poisson(1.0, (40, 3)).astype(np.uint16),
        "position": generator.random(40).astype(np.float32),
        "side": np.array(["left", "right"] * 20),
        "trial": np.repeat([1, 2], 20).astype(np.uint8),
        "bin_width_s": np.float64(0.025),
    }


def _write(path, arrays):
    """Writes the same arrays into any of the formats that hold named arrays."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
        return
    h5py = pytest.importorskip("h5py", reason="h5py comes with the extra data")
    with h5py.File(path, "w") as file:
        for key, value in arrays.items():
            file[key] = value.tolist() if value.dtype.kind == "U" else value


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".hdf5"])
def test_named_arrays_round_trip(suffix, tmp_path, arrays):
    path = tmp_path / f"session{suffix}"
    _write(path, arrays)
    recording = read(path, labels={"where": "position", "side": "side"})
    assert torch.equal(recording.neural, torch.tensor(arrays["spikes"].astype(np.float32)))
    assert recording.labels["where"].kind == "continuous"
    np.testing.assert_array_equal(recording.labels["side"].to_numpy(), arrays["side"])
    assert recording.segments.tolist() == [[0, 20], [20, 40]]
    assert (recording.bin_s, recording.name) == (0.025, "session")
    assert recording.source == str(path)


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
@pytest.mark.parametrize(
    "options",
    [{"neural": "x"}, {"neural": 9}, {"labels": "x"}, {"labels": {"y": "x"}}, {"trial": "x"}],
)
def test_unknown_key_lists_what_is_there(suffix, options, tmp_path, arrays):
    path = tmp_path / f"session{suffix}"
    _write(path, arrays)
    with pytest.raises(DataError, match=r"session\..* got .*Available: .*position"):
        read(path, **options)


def test_neural_must_be_chosen_among_several_matrices(tmp_path):
    np.savez(tmp_path / "a.npz", first=np.ones((4, 2)), second=np.ones((4, 3)))
    with pytest.raises(DataError, match=r"first \(4, 2\), second \(4, 3\).*Pass neural="):
        read(tmp_path / "a.npz")
    assert read(tmp_path / "a.npz", neural=["first", "second"]).num_neurons == 5
    assert read(tmp_path / "a.npz", neural=1, bin_s=0.1).bin_s == 0.1


def test_lengths_that_disagree_name_the_file(tmp_path):
    np.savez(tmp_path / "a.npz", spikes=np.ones((4, 2)), position=np.ones(5))
    with pytest.raises(DataIntegrityError, match=r"a\.npz.*position has 5"):
        read(tmp_path / "a.npz", labels="position")


def test_words_are_no_activity(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=r"side in .*a\.npz has dtype <U5\. Choose other keys"):
        read(tmp_path / "a.npz", neural="side")


def test_values_beyond_float32_are_found(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1e300, 1.0]]))
    with pytest.raises(DataIntegrityError, match=r"a\.npy.*NaN or infinity"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=">i4").reshape(4, 3),
        np.asfortranarray(np.eye(4)),
        np.eye(4, dtype=bool),
        np.ones(4),
    ],
)
def test_npy_of_any_number(array, tmp_path):
    np.save(tmp_path / "a.npy", array)
    recording = read(tmp_path / "a.npy")
    np.testing.assert_array_equal(recording.neural, np.atleast_2d(array.T).T.astype(np.float32))


def test_csv_header_names_columns_and_is_no_data(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "unit 1,unit 2,position,side,trial\n0,1,0.5,left,1\n2,3,0.6,right,1\n4,5,0.7,left,2\n"
    )
    recording = read(path, labels=["position", "side"])
    assert recording.neural.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert recording.labels["side"].to_numpy().tolist() == ["left", "right", "left"]
    assert recording.segments.tolist() == [[0, 2], [2, 3]]
    by_position = read(path, neural=[0, 1], labels={"x": 2}, trial="trial")
    assert torch.equal(by_position.neural, recording.neural)
    assert torch.equal(by_position.labels["x"].values, recording.labels["position"].values)
    assert list(read(path, neural=0, labels=[2, 3]).labels) == ["position", "side"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_csv_without_header(suffix, tmp_path):
    cut = "," if suffix == ".csv" else "\t"
    path = tmp_path / f"a{suffix}"
    path.write_text(
        "\n".join(cut.join(row) for row in (["3", "0.5"], ["4", "0.25"], ["-1e2", "7"]))
    )
    assert read(path).neural.tolist() == [[3, 0.5], [4, 0.25], [-100, 7]]


def test_csv_of_pandas_with_index_and_counted_columns(tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas comes with the extra data")
    frame = pandas.DataFrame(np.arange(6.0).reshape(3, 2))
    frame.to_csv(tmp_path / "index.csv")
    assert read(tmp_path / "index.csv").neural.tolist() == frame.values.tolist()
    frame.to_csv(tmp_path / "counted.csv", index=False)
    with pytest.raises(DataError, match=r"begins with 0, 1. Pass header=True or header=False"):
        read(tmp_path / "counted.csv")
    assert len(read(tmp_path / "counted.csv", header=True)) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("a,b\n1,2\n1,2,3\n", "must be a table"),
        ("a,b\n1\n1,2\n", "NaN or infinity"),
        ("a,b\n1,x\n1,2\n", "b in .* has dtype"),
        ("a,b\n", "a.csv"),
        ("a\x00\n1\x00", "a.csv"),
        ("a,3\n1,2\n", "header=True or header=False"),
    ],
)
def test_csv_that_cannot_be_right(text, message, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read(path)


def test_csv_must_leave_activity(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,trial\n0.5,1\n")
    with pytest.raises(DataError, match="all of x, trial"):
        read(path, labels="x")


def test_recording_round_trip(tmp_path):
    whole = Recording(
        neural=torch.randn(12, 3),
        labels={
            "angle": Label(
                np.linspace(0, 350, 12), "circular", period=360.0, weight=0.5, name="phi"
            ),
            "hand": Label(np.random.default_rng(0).random((12, 2)), weight=2.0),
            "kind": Label(["a", "b", "c"] * 4),
            "count": Label(np.arange(12) // 4 * 10),
        },
        trial=torch.arange(12) // 4,
        bin_s=0.05,
        name="ünit",
        source="simulated by a test",
    )
    for recording in (whole, whole[::3], whole[4:6], Recording(torch.ones(3, 1))):
        path = tmp_path / "new" / "recording.npz"
        save_recording(recording, path)
        again = read(path)
        for field in ("bin_s", "name", "source"):
            assert getattr(again, field) == getattr(recording, field)
        assert torch.equal(again.neural, recording.neural)
        assert (again.trial is None) == (recording.trial is None)
        assert torch.equal(again.segments, recording.segments)
        assert list(again.labels) == list(recording.labels)
        for key, label in recording.labels.items():
            read_back = again.labels[key]
            assert torch.equal(read_back.values, label.values)
            for field in ("kind", "period", "weight", "name"):
                assert getattr(read_back, field) == getattr(label, field)
            if label.classes is not None:
                assert read_back.classes.tolist() == label.classes.tolist()
        assert [file.name for file in path.parent.iterdir()] == ["recording.npz"]


def test_recording_files_are_checked(tmp_path):
    path = tmp_path / "a.npz"
    save_recording(Recording(torch.ones(3, 1)), path)
    with pytest.raises(DataError, match="saved recording and says itself"):
        read(path, neural="neural")
    np.savez(path, neural=np.ones((3, 1)))
    with pytest.raises(DataIntegrityError, match=r"must be a file of save_recording.*neural"):
        read_recording(path)
    header = '{"version": 2}'
    np.savez(path, neural=np.ones((3, 1)), **{HEADER: np.array(header)})
    with pytest.raises(DataIntegrityError, match=r"format 1; .*format 2. Update"):
        read(path)
    for broken in ("{", "[]", "3", '{"version": 1}', "[" * 100_000):
        np.savez(path, neural=np.ones((3, 1)), **{HEADER: np.array(broken)})
        with pytest.raises(DataIntegrityError, match=r"a\.npz"):
            read(path)


def test_unknown_suffix_lists_the_rows(tmp_path):
    with pytest.raises(DataError, match=r"one of \.csv, .*got 'a.wav'"):
        read(tmp_path / "a.wav")


@pytest.mark.parametrize("suffix", READERS)
def test_missing_file(suffix, tmp_path):
    with pytest.raises(FileNotFoundError, match=f"gone{suffix}"):
        read(tmp_path / f"gone{suffix}")


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"\x89PNG\r\n\x1a\n" + bytes(range(256))])
def test_foreign_content_names_the_file(suffix, content, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataIntegrityError, match=rf"a\{suffix}"):
        read(path)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5", ".csv"])
def test_damaged_files_are_refused_or_read(suffix, tmp_path, arrays):
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, arrays["spikes"])
    elif suffix == ".csv":
        path.write_text("a,b\n" + "\n".join(f"{i},{i / 7}" for i in range(50)))
    else:
        _write(path, arrays)
    whole, generator = path.read_bytes(), np.random.default_rng(1)
    messages = []
    for _ in range(120):
        broken = bytearray(whole)
        if generator.random() < 0.5:
            broken = broken[: generator.integers(len(broken))]
        for _ in range(3):
            if broken:
                broken[generator.integers(len(broken))] = generator.integers(256)
        path.write_bytes(broken)
        try:
            read(path)
        except CebraError as error:
            messages.append(str(error))
    assert len(messages) > 50
    assert all(str(path) in message for message in messages)
