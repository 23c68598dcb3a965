"""No file makes a reader run code."""

import os
import pickle

import numpy as np
import pytest

from cebra_ethan.data import readers
from cebra_ethan.data.readers import READERS, read
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


@pytest.mark.parametrize("suffix", [*READERS, *readers.PICKLES])
def test_pickles_are_named(suffix, tmp_path):
    path, marker = tmp_path / f"a{suffix}", tmp_path / "marker"
    _plain(path, _Bomb(marker), 4)
    with pytest.raises(DataIntegrityError, match=rf"pickle is not allowed.*a\{suffix}"):
        read(path)
    assert not marker.exists()


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_object_arrays_are_named(suffix, tmp_path):
    path, marker = tmp_path / f"a{suffix}", tmp_path / "marker"
    FILES[suffix[1:]](path, _Bomb(marker), 4)
    with pytest.raises(DataIntegrityError, match=rf"pickle is not allowed.*a\{suffix}"):
        read(path)
    assert not marker.exists()


def test_every_public_reader_is_in_the_table():
    public = {name for name in readers.__all__ if name.startswith("read_")}
    assert public == {reader.__name__ for reader in READERS.values()} | {"read_recording"}
