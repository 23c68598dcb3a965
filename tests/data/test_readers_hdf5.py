"""HDF5: paths inside the file, every kind of number, and nothing outside the file."""

import numpy as np
import pytest

from cebra_ethan.data.readers import read
from cebra_ethan.errors import DataError, DataIntegrityError

h5py = pytest.importorskip("h5py", reason="h5py comes with the extra data")


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", ">u4", "i1", "i8", "f2", "f4", ">f8", "?"])
def test_every_number(dtype, tmp_path):
    values = np.arange(6).reshape(3, 2).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["session/deep/counts"] = values
    recording = read(tmp_path / "a.h5", neural="session/deep/counts")
    np.testing.assert_array_equal(recording.neural, values.astype(np.float32))


def test_compressed_and_words(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("neural", data=np.ones((4, 2)), chunks=(2, 2), compression="gzip")
        file["stage"] = ["go", "wait", "go", "größe"]
        file["fixed"] = np.array([b"a", b"b", b"a", b"b"])
    recording = read(tmp_path / "a.h5", labels=["stage", "fixed"])
    assert recording.labels["stage"].to_numpy().tolist() == ["go", "wait", "go", "größe"]
    assert recording.labels["fixed"].to_numpy().tolist() == ["a", "b", "a", "b"]


def test_circle_of_links_ends(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/neural"] = np.ones((4, 2))
        file["group/again"] = file["group"]
        file["soft"] = h5py.SoftLink("/group/neural")
    assert len(read(tmp_path / "a.h5")) == 4
    with pytest.raises(DataError, match=r"got 'soft'. Available: group/neural\."):
        read(tmp_path / "a.h5", neural="soft")


def _external_link(file):
    file["neural"] = h5py.ExternalLink("secret.h5", "/data")


def _virtual_dataset(file):
    layout = h5py.VirtualLayout(shape=(4, 2), dtype="f8")
    layout[:] = h5py.VirtualSource("secret.h5", "data", shape=(4, 2))
    file.create_virtual_dataset("neural", layout)


def _external_storage(file):
    file.create_dataset("neural", (4, 2), "f8", external=[("secret.h5", 0, 64)])


@pytest.mark.parametrize("suffix", [".h5", ".nwb"])
@pytest.mark.parametrize("point", [_external_link, _virtual_dataset, _external_storage])
def test_what_points_outside_is_refused(point, suffix, tmp_path, monkeypatch):
    if suffix == ".nwb":
        pytest.importorskip("pynwb", reason="pynwb comes with the extra data")
    monkeypatch.chdir(tmp_path)
    with h5py.File("secret.h5", "w") as file:
        file["data"] = np.ones((4, 2))
    with h5py.File(f"a{suffix}", "w") as file:
        file["own"] = np.ones((4, 2))
        point(file)
    with pytest.raises(DataIntegrityError, match=rf"neural in a\{suffix} is .* to .*secret\.h5"):
        read(f"a{suffix}")


def test_virtual_dataset_of_the_same_file_is_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["part"] = np.arange(8.0).reshape(4, 2)
        layout = h5py.VirtualLayout(shape=(4, 2), dtype="f8")
        layout[:] = h5py.VirtualSource(".", "part", shape=(4, 2))
        file.create_virtual_dataset("neural", layout)
    assert read(tmp_path / "a.h5").neural[3].tolist() == [6.0, 7.0]


def test_fields_and_objects_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["table"] = np.zeros(4, dtype=[("x", "f8"), ("y", "i4")])
        file.create_dataset("ragged", (2,), h5py.vlen_dtype(np.int32))
    with pytest.raises(DataIntegrityError, match=r"/table in .*a\.h5 has dtype \[\('x'"):
        read(tmp_path / "a.h5", neural="table")
    with pytest.raises(DataIntegrityError, match=r"/ragged in .*a\.h5 has dtype object"):
        read(tmp_path / "a.h5", neural="ragged")
