"""No file makes a reader run code."""

import os
import pickle

import numpy as np
import pytest

from cebra_ethan.data import readers
from cebra_ethan.data.readers import FOLDERS, READERS, load_data, read
from cebra_ethan.data.readers.load import LOADERS
from cebra_ethan.errors import DataIntegrityError


class _Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def _plain(path, bomb, protocol):
    path.write_bytes(pickle.dumps(bomb, protocol=protocol))


def _npy(path, bomb, protocol):
    with path.open("wb") as file:
        np.save(file, np.array([[bomb]], dtype=object), allow_pickle=True)


def _npz(path, bomb, protocol):
    with path.open("wb") as file:
        np.savez(file, neural=np.array([[bomb]], dtype=object), bin_s=np.float64(1))


FILES = {"pickle": _plain, "npy": _npy, "npz": _npz}


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("write", FILES)
@pytest.mark.parametrize("suffix", READERS)
def test_no_reader_unpickles(suffix, write, protocol, tmp_path):
    path, marker = tmp_path / f"a{suffix}", tmp_path / "marker"
    FILES[write](path, _Bomb(marker), protocol)
    for reader in (read, READERS[suffix], readers.read_recording):
        with pytest.raises(ValueError, match=rf"a\{suffix}|no number|clearly be a header"):
            reader(path)
    assert not marker.exists()


@pytest.mark.parametrize("suffix", READERS)
def test_pickles_are_named(suffix, tmp_path):
    path, marker = tmp_path / f"a{suffix}", tmp_path / "marker"
    _plain(path, _Bomb(marker), 4)
    with pytest.raises(DataIntegrityError, match=rf"pickle is not allowed.*a\{suffix}"):
        read(path)
    assert not marker.exists()


@pytest.mark.parametrize("write", FILES)
@pytest.mark.parametrize("suffix", LOADERS)
def test_no_loader_of_arrays_unpickles(suffix, write, tmp_path):
    path, marker = tmp_path / f"a{suffix}", tmp_path / "marker"
    FILES[write](path, _Bomb(marker), 4)
    with pytest.raises(ValueError, match=rf"a\{suffix}"):
        load_data(path)
    assert not marker.exists()


PICKLED = [suffix for suffix, reader in READERS.items() if reader is readers.read_foreign]


@pytest.mark.parametrize("suffix", PICKLED)
def test_plain_pickles_are_read(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    _plain(path, {"spikes": np.arange(6.0).reshape(3, 2), "lap": [1, 1, 2]}, 5)
    recording = read(path, labels="lap")
    assert recording.neural.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert recording.labels["lap"].to_numpy().tolist() == [1, 1, 2]


@pytest.mark.parametrize("suffix", [one for one in READERS if one not in PICKLED])
def test_plain_pickles_under_another_suffix_are_refused(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    _plain(path, {"spikes": np.ones((3, 2))}, 5)
    with pytest.raises(DataIntegrityError, match=rf"pickle is not allowed.*a\{suffix}"):
        read(path)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_object_arrays_are_named(suffix, tmp_path):
    path, marker = tmp_path / f"a{suffix}", tmp_path / "marker"
    FILES[suffix[1:]](path, _Bomb(marker), 4)
    with pytest.raises(DataIntegrityError, match=rf"pickle is not allowed.*a\{suffix}"):
        read(path)
    assert not marker.exists()


def test_every_public_reader_is_in_a_table():
    public = {name for name in readers.__all__ if name.startswith("read_")}
    tables = [*READERS.values(), *(reader for _, reader in FOLDERS.values())]
    assert public == {reader.__name__ for reader in tables} | {"read_recording"}


def test_every_reader_has_a_loader_of_arrays():
    assert set(READERS) <= set(LOADERS)
