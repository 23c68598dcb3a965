"""Rows 61 to 63: damaged and hostile data files give an error that names them, or right data."""

import h5py
import joblib
import numpy as np
import pytest
import torch
from scipy import io as matlab

from cebra_ethan.data.readers import read, read_nwb
from cebra_ethan.datasets.area2 import load_area2_bump
from cebra_ethan.datasets.hc11 import load_dandi_000044, load_hc11
from cebra_ethan.datasets.nwb import open_nwb
from cebra_ethan.errors import CebraError, DataIntegrityError
from tests.datasets.test_area2 import write_area2
from tests.datasets.test_hc11 import _write_mat, _write_nwb

NUM_MUTATIONS = 40
NEURAL = np.random.default_rng(0).poisson(2.0, (30, 4)).astype(np.float64)
POSITION = np.linspace(0, 1, 30)

pytestmark = pytest.mark.filterwarnings("ignore")  # of parsers, about what is damaged


def _hdf5(path):
    with h5py.File(path, "w") as file:
        file["neural"], file["position"] = NEURAL, POSITION


def _csv(path):
    rows = np.column_stack([NEURAL, POSITION])
    np.savetxt(path, rows, delimiter=",", header="a,b,c,d,position", comments="")


FORMATS = {
    "npy": (lambda path: np.save(path, NEURAL), read),
    "npz": (lambda path: np.savez(path, neural=NEURAL, position=POSITION), read),
    "h5": (_hdf5, lambda path: read(path, neural="neural")),
    "csv": (_csv, lambda path: read(path, labels="position")),
    "mat": (
        lambda path: matlab.savemat(path, {"neural": NEURAL, "position": POSITION}),
        lambda path: read(path, neural="neural"),
    ),
    "pt": (lambda path: torch.save({"neural": torch.tensor(NEURAL)}, path), read),
    "jl": (lambda path: joblib.dump({"neural": NEURAL}, path, compress=3), read),
    "area2.nwb": (write_area2, lambda path: load_area2_bump(path, smoothing_s=0)),
    "hc11.mat": (_write_mat, load_hc11),
    "dandi.nwb": (_write_nwb, load_dandi_000044),
}
"""Who writes a small file of each format, and who reads it."""

PRECISE = {"npz", "pt", "jl"}
"""Formats with checksums: what is read at all is right."""


@pytest.mark.parametrize("kind", FORMATS)
def test_row61_damaged_files_are_named_or_right(kind, tmp_path):
    write, reader = FORMATS[kind]
    path = tmp_path / f"rat.{kind}"
    write(path)
    data = path.read_bytes()
    whole = reader(path).neural
    rng = np.random.default_rng(1)
    refused = 0
    for number in range(NUM_MUTATIONS):
        damaged = bytearray(data)
        if number % 4 == 0:
            del damaged[rng.integers(len(data)) :]
        else:
            # most mutations hit the first bytes, where the headers are
            limit = len(data) if number % 4 == 1 else min(len(data), 2048)
            for place in rng.integers(limit, size=1 + number % 3):
                damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        try:
            got = reader(path).neural
        except (CebraError, ValueError) as error:
            refused += 1
            message = str(error)
        else:
            message = None
            same = got.shape == whole.shape and bool(torch.equal(got, whole))
            assert same or kind not in PRECISE
        assert message is None or path.name in message
    assert refused >= NUM_MUTATIONS // 4 - 1  # at least what is cut off


@pytest.mark.parametrize("kind", ["npy", "npz", "pkl", "jl"])
def test_row62_objects_are_refused(kind, tmp_path):
    path = tmp_path / f"rat.{kind}"
    objects = np.array([[{"a": 1}]], dtype=object)
    if kind == "npy":
        np.save(path, objects, allow_pickle=True)
    elif kind == "npz":
        np.savez(path, neural=objects)
    else:
        joblib.dump({"neural": np.polynomial.Polynomial([1, 2])}, path)
    with pytest.raises(DataIntegrityError, match="pickle is not allowed"):
        read(path)


def test_row62_nothing_takes_allow_pickle(tmp_path):
    np.save(tmp_path / "rat.npy", NEURAL)
    with pytest.raises(TypeError, match="allow_pickle"):
        read(tmp_path / "rat.npy", allow_pickle=True)


def _external(file, target):
    file["processing/behavior/link"] = h5py.ExternalLink(target, "/secret")


def _virtual(file, target):
    layout = h5py.VirtualLayout(shape=(3,), dtype="f8")
    layout[:] = h5py.VirtualSource(target, "secret", shape=(3,))
    file.create_virtual_dataset("processing/behavior/virtual", layout)


def _stored_outside(file, target):
    file.create_dataset("processing/behavior/raw", (3,), "f8", external=[(target, 0, 24)])


@pytest.mark.parametrize("point", [_external, _virtual, _stored_outside])
@pytest.mark.parametrize("reader", [read_nwb, load_area2_bump, load_dandi_000044, open_nwb])
def test_row63_nothing_outside_the_file_is_read(point, reader, tmp_path):
    target = str(tmp_path / "secret.h5")
    with h5py.File(target, "w") as file:
        file["secret"] = np.arange(3.0)
    path = tmp_path / "rat.nwb"
    write_area2(path)
    with h5py.File(path, "r+") as file:
        point(file, target)
    with pytest.raises(DataIntegrityError, match=r"must hold its data itself.*secret\.h5"):
        reader(path).__enter__() if reader is open_nwb else reader(path)
