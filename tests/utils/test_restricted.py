"""Foreign pickles: plain data comes back equal, and nothing in a file runs or fills the memory."""

import bz2
import collections
import functools
import gzip
import io
import lzma
import pickle
import struct
import sys
import tracemalloc
import zlib

import joblib
import numpy as np
import pytest
import torch

from cebra_ethan.errors import DataIntegrityError
from cebra_ethan.types import Offset
from cebra_ethan.utils.pickle_opcodes import OPCODES
from cebra_ethan.utils.restricted import load_restricted, rebuild

GENERATOR = np.random.default_rng(0)
MATRIX = GENERATOR.normal(size=(6, 4))

PLAIN = {
    "numbers": [0, 1, -1, 255, 256, -(2**31), 2**31, 2**63, -(2**200), 0.1, -1e300, True, 1 + 2j],
    "words": ["", "left", "größe", "\ud800", "a\nb\\'\"", b"", b"\x00\xff", bytearray(b"ab")],
    "containers": ({"a": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]}, {1, 2}, frozenset([3])),
    "keys": {1: "a", (1, "b"): None, None: 2.5, b"c": False},
    "ordered": collections.OrderedDict(b=1, a=2),
    "long": list(range(3000)),
    "slice": slice(1, None, 2),
}
ARRAYS = {
    **{kind: MATRIX.astype(kind) for kind in ("f2", "f4", "f8", ">f8", "i1", "u2", ">i4", "u8")},
    "bool": MATRIX > 0,
    "complex": MATRIX + 1j,
    "words": np.array(["a", "größe"]),
    "bytes": np.array([b"a", b"bc"]),
    "times": np.array(["2020-01-01", "2021-01-01"], dtype="M8[ns]"),
    "spans": np.array([1, 2], dtype="m8[25ms]"),
    "fortran": np.asfortranarray(MATRIX),
    "transposed": MATRIX.reshape(2, 3, 4).transpose(2, 0, 1),
    "strided": MATRIX[::2, ::-1],
    "empty": np.empty((0, 3)),
    "scalar": np.array(3.0),
    "number": np.float32(3.5),
    "structured": np.array([(1, 2.0)], dtype=[("x", "<i4"), ("y", ">f8")]),
    "objects": np.array(["a", None, 3], dtype=object),
}


def _same(one, other):
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tolist() == other.tolist()
    else:
        assert one == other


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", PLAIN)
def test_plain_values_come_back(name, protocol):
    assert rebuild(pickle.dumps(PLAIN[name], protocol=protocol), "a file") == PLAIN[name]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back(name, protocol):
    value = {"a": [ARRAYS[name]], "again": ARRAYS[name], "dtype": np.dtype("f4")}
    back = rebuild(pickle.dumps(value, protocol=protocol), "a file")
    _same(back["a"][0], ARRAYS[name])
    _same(back["again"], ARRAYS[name])
    assert back["dtype"] == np.float32


def test_names_of_numpy_1_are_known():
    new = pickle.dumps(MATRIX, protocol=2)
    old = new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert old != new
    _same(rebuild(old, "a file"), MATRIX)


def test_strings_of_python_2():
    assert rebuild(b"(lp0\nS'a\\xe9\\n'\np1\naI01\naI7\naL7L\na.", "a file") == [
        "aé\n",
        True,
        7,
        7,
    ]


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
@pytest.mark.parametrize("name", ARRAYS)
def test_joblib_arrays_come_back(name, compress, tmp_path):
    joblib.dump({"before": 1, "a": ARRAYS[name], "after": "b"}, tmp_path / "a.jl", compress)
    back = load_restricted(tmp_path / "a.jl")
    _same(back["a"], ARRAYS[name])
    assert list(back.values())[::2] == [1, "b"]


TENSORS = {
    "matrix": torch.arange(12.0).reshape(3, 4),
    "view": torch.arange(12.0).reshape(3, 4).T[1:, ::2],
    "bfloat16": torch.ones(2, dtype=torch.bfloat16),
    "bool": torch.tensor([True, False]),
    "complex": torch.ones(2, dtype=torch.complex64),
    "int64": torch.tensor(3),
    "empty": torch.empty(0, 3),
    "expanded": torch.ones(1).expand(5),
    "parameter": torch.nn.Parameter(torch.ones(2)),
}


def _save(value, path, **options):
    torch.save(value, path, **options)
    return load_restricted(path)


WRITERS = {
    "zip": _save,
    "old": lambda value, path: _save(value, path, _use_new_zipfile_serialization=False),
    "pickle": lambda value, _: rebuild(pickle.dumps(value), "a file"),
    "joblib": lambda value, path: joblib.dump(value, path) and load_restricted(path),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_tensors_come_back(writer, tmp_path):
    back = WRITERS[writer]({"tensors": TENSORS, "size": torch.Size([2])}, tmp_path / "a.pt")
    assert back["size"] == (2,)
    for name, tensor in TENSORS.items():
        assert back["tensors"][name].dtype == tensor.dtype
        assert torch.equal(back["tensors"][name], tensor.detach())


def test_tensors_are_those_of_torch(tmp_path):
    model = torch.nn.Sequential(torch.nn.Conv1d(3, 4, 2), torch.nn.Linear(2, 2))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3, 3)).sum().backward()
    optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    ours = _save(state, tmp_path / "a.pt")
    theirs = torch.load(tmp_path / "a.pt", weights_only=True)
    assert list(ours["model"]) == list(theirs["model"])
    assert all(torch.equal(ours["model"][key], theirs["model"][key]) for key in ours["model"])
    moments = ours["optimizer"]["state"][0]
    assert torch.equal(moments["exp_avg"], theirs["optimizer"]["state"][0]["exp_avg"])
    assert ours["optimizer"]["param_groups"] == theirs["optimizer"]["param_groups"]


def _global(module, name):
    """A pickle that puts a name on the stack and calls it with one text."""
    return f"c{module}\n{name}\n(Vtouch {{marker}}\ntR.".encode()


class _Bomb:
    def __init__(self, function, *args):
        self.parts = function, args

    def __reduce__(self):
        return self.parts


def _mkdir(path):
    import os

    return _Bomb(os.mkdir, path)


def _torch_file(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def _joblib_file(value, **options):
    buffer = io.BytesIO()
    joblib.dump(value, buffer, **options)
    return buffer.getvalue()


def _nested_joblib(marker):
    """An array of objects: joblib hides a second pickle behind it."""
    return _joblib_file({"spikes": np.array([_mkdir(marker)], dtype=object)})


def _walking(marker):
    """STACK_GLOBAL with dots, which Python's machine would follow attribute by attribute."""
    module, name = b"numpy._core.multiarray", b"_reconstruct.__globals__.__getitem__"
    parts = b"\x8c" + bytes([len(module)]) + module + b"\x8c" + bytes([len(name)]) + name
    return b"\x80\x04" + parts + b"\x93(Vx\ntR."


def _as_state(marker):
    """BUILD with a state that holds a call."""
    import os

    inner = pickle.dumps(_Bomb(os.mkdir, marker), protocol=0)[:-1]
    return b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR" + inner + b"b."


BOMBS = {
    "reduce": lambda marker: pickle.dumps(_mkdir(marker)),
    "reduce, protocol 0": lambda marker: pickle.dumps(_mkdir(marker), protocol=0),
    "eval": lambda marker: pickle.dumps(_Bomb(eval, f"open({marker!r}, 'w')")),
    "exec": lambda marker: pickle.dumps([_Bomb(exec, f"open({marker!r}, 'w')")]),
    "open": lambda marker: pickle.dumps(_Bomb(open, marker, "w")),
    "getattr": lambda _: pickle.dumps(_Bomb(getattr, "a", "upper")),
    "partial": lambda marker: pickle.dumps(functools.partial(eval, f"open({marker!r}, 'w')")),
    "numpy.save": lambda marker: pickle.dumps(_Bomb(np.save, marker, [1])),
    "numpy.loads": lambda marker: pickle.dumps(_Bomb(np.fromfile, marker)),
    "numpy.testing": lambda marker: _global("numpy.testing._private.utils", "runstring"),
    "instance": lambda marker: f"(Vmkdir {marker}\nios\nsystem\n.".encode(),
    "object": lambda marker: f"(cos\nsystem\nVmkdir {marker}\no.".encode(),
    "new": lambda marker: b"\x80\x04cos\nsystem\n(Vls\nt\x81.",
    "walking": _walking,
    "state": _as_state,
    "object array": lambda m: pickle.dumps(np.array([_mkdir(m)], dtype=object)),
    "nested joblib": _nested_joblib,
    "compressed joblib": lambda m: _joblib_file([_mkdir(m)], compress=3),
    "torch": lambda m: _torch_file({"a": _mkdir(m)}),
    "old torch": lambda m: _torch_file({"a": _mkdir(m)}, _use_new_zipfile_serialization=False),
    "module": lambda _: _torch_file(torch.nn.Linear(1, 1)),
    "storage in bytes": lambda m: pickle.dumps(
        _Bomb(torch.storage._load_from_bytes, pickle.dumps(_mkdir(m)))
    ),
    "extension": lambda _: b"\x80\x02\x82\x01.",
    "name only": lambda _: b"\x80\x02cos\nsystem\n.",
    "estimator": lambda _: pickle.dumps(__import__("sklearn.svm").svm.SVC()),
}
NOT_NAMED = {"storage in bytes", "extension"}


@pytest.mark.parametrize("bomb", BOMBS)
def test_nothing_runs(bomb, tmp_path):
    path, marker = tmp_path / "a.pkl", tmp_path / "marker"
    path.write_bytes(BOMBS[bomb](str(marker)).replace(b"{marker}", str(marker).encode()))
    expected = "a.pkl" if bomb in NOT_NAMED else "pickle is not allowed .*a.pkl asks for "
    with pytest.raises(DataIntegrityError, match=expected):
        load_restricted(path)
    assert not marker.exists()


def test_the_bombs_are_some(tmp_path):
    pickle.loads(BOMBS["reduce"](str(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()


def test_the_refused_name_is_named():
    with pytest.raises(DataIntegrityError, match=r"asks for os\.system\. Export plain"):
        rebuild(_global("os", "system"), "a.pkl")
    pandas = pytest.importorskip("pandas", reason="pandas comes with the extra data")
    with pytest.raises(DataIntegrityError, match=r"asks for pandas\..*DataFrame\.to_parquet"):
        rebuild(pickle.dumps(pandas.DataFrame({"a": [1]})), "a.pkl")


def _array_claiming(shape, length=8):
    state = f"(I1\n{shape}cnumpy\ndtype\n(Vf8\nI00\nI01\ntR(I3\nV<\nNNNI-1\nI-1\nI0\ntbI00\n"
    data = b"C" + bytes([length]) + bytes(length)
    head = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR"
    return head + state.encode() + data + b"tb."


def _joblib_claiming(size):
    whole = _joblib_file(np.zeros(3, dtype="u1"))
    return whole.replace(b"K\x03\x85", b"\x8a\x08" + struct.pack("<q", size) + b"\x85")


def _tensor_claiming(size):
    whole = _torch_file({"a": torch.zeros(1).expand(255)}, _use_new_zipfile_serialization=False)
    claim = b"\x8a\x08" + struct.pack("<q", size)
    assert whole.count(b"K\xff\x85") == 1
    return whole.replace(b"K\xff\x85", claim + b"\x85")


HUGE = {
    "shape": _array_claiming("(I99999999999\ntp0\n"),
    "negative shape": _array_claiming("(I-1\ntp0\n"),
    "empty but long": _array_claiming("(I0\nI4611686018427387904\ntp0\n", length=0),
    "bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"a.",
    "bytearray": b"\x80\x05\x96" + struct.pack("<Q", 1 << 34) + b"a.",
    "text": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 34) + b"a.",
    "number": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"a.",
    "negative number": b"\x80\x02\x8b" + struct.pack("<i", -1) + b"a.",
    "item size": pickle.dumps(np.array(["a"])).replace(b"U1", b"U9999999999"[:11]),
    "bytes of a number": b"c__builtin__\nbytes\n(I9999999999\ntR.",
    "joblib": _joblib_claiming(1 << 40),
    "tensor": _tensor_claiming(1 << 40),
    "zlib": zlib.compress(zlib.compress(b"\x80\x04\x8e" + bytes(1 << 20))),
}


@pytest.mark.parametrize("name", HUGE)
def test_no_absurd_memory(name):
    tracemalloc.start()
    try:
        with pytest.raises(DataIntegrityError, match="a file"):
            rebuild(HUGE[name], "a file")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.parametrize("packed", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_a_small_file_cannot_unfold_without_end(packed, monkeypatch):
    monkeypatch.setattr("cebra_ethan.utils.inflate.MIN_LIMIT_BYTES", 1 << 20)
    monkeypatch.setattr("cebra_ethan.utils.inflate.MAX_RATIO", 2)
    zeros = b"\x80\x04\x8e" + struct.pack("<Q", 1 << 23) + bytes(1 << 23) + b"."
    with pytest.raises(DataIntegrityError, match="a file"):
        rebuild(packed(zeros), "a file")
    monkeypatch.setattr("cebra_ethan.utils.inflate.MIN_LIMIT_BYTES", 1 << 24)
    assert len(rebuild(packed(zeros), "a file")) == 1 << 23
    one = b"\x8e" + struct.pack("<Q", 1 << 20) + bytes(1 << 20) + b"0"
    with pytest.raises(DataIntegrityError, match="a file asks for over"):
        rebuild(packed(b"\x80\x04" + one * 20 + b"N."), "a file")


def test_copies_are_counted(monkeypatch):
    """One long text, written as bytes many times: the file stays small, the memory would not."""
    monkeypatch.setattr("cebra_ethan.utils.inflate.MIN_LIMIT_BYTES", 1 << 20)
    monkeypatch.setattr("cebra_ethan.utils.inflate.MAX_RATIO", 2)
    text = b"\x80\x02X" + struct.pack("<I", 1 << 16) + b"a" * (1 << 16) + b"q\x000]"
    once = b"c_codecs\nencode\nh\x00Vlatin1\n\x86Ra"
    assert len(rebuild(text + once * 3 + b".", "a file")) == 3
    with pytest.raises(DataIntegrityError, match="a file asks for over"):
        rebuild(text + once * 99 + b".", "a file")


def test_deep_and_shared_keys_are_refused():
    """Hashing a tuple of tuples follows every path through it."""
    nested = b"\x80\x02)" + b"2\x86" * 60 + b"q\x00}h\x00Ns."
    with pytest.raises(DataIntegrityError, match="a key is a tuple"):
        rebuild(nested, "a file")


def test_too_many_single_values(monkeypatch):
    monkeypatch.setattr("cebra_ethan.utils.pickle_opcodes.MAX_OPCODES", 1000)
    with pytest.raises(DataIntegrityError, match="Save numpy arrays instead of lists"):
        rebuild(pickle.dumps(list(range(2000))), "a file")


def test_a_circle_is_a_value():
    circle = [1]
    circle.append(circle)
    back = rebuild(pickle.dumps(circle), "a file")
    assert back[1] is back


def test_an_unfinished_array_is_no_value():
    """An array that holds itself would be taken before it is built."""
    array = np.empty(1, dtype=object)
    array[0] = array
    with pytest.raises(DataIntegrityError, match="has no state"):
        rebuild(pickle.dumps(array), "a file")


def test_the_offset_of_cebra_is_ours():
    state = (
        b"ccebra.data.datatypes\nOffset\n)\x81N}(X\x04\x00\x00\x00leftK\x05X\x05\x00\x00\x00right"
    )
    assert rebuild(b"\x80\x02" + state + b"K\x04u\x86b.", "a file") == Offset(left=5, right=4)
    assert "cebra" not in sys.modules
    with pytest.raises(DataIntegrityError, match="an Offset needs"):
        rebuild(b"\x80\x02" + state + b"K\x00u\x86b.", "a file")


def test_what_follows_a_pickle_is_said(caplog):
    assert rebuild(pickle.dumps(1) + b"abc", "a file") == 1
    assert "a file: 3 bytes after the first pickle are left out" in caplog.text


def test_unknown_compressions_are_named(tmp_path):
    for start, name in ((b"ZF0x10", "joblib before 0.10"), (b"\x04\x22\x4d\x18abc", "LZ4")):
        (tmp_path / "a.jl").write_bytes(start)
        with pytest.raises(DataIntegrityError, match=rf"a\.jl is of {name}"):
            load_restricted(tmp_path / "a.jl")


def test_torch_programs_and_other_archives_are_refused(tmp_path):
    path = tmp_path / "a.pt"
    np.savez(path.with_suffix(".npz"), a=1)
    path.with_suffix(".npz").rename(path)
    with pytest.raises(DataIntegrityError, match=r"a\.pt.*it holds no data\.pkl"):
        load_restricted(path)


def test_a_damaged_archive_is_found(tmp_path):
    whole = bytearray(_torch_file(torch.arange(100.0)))
    place = whole.index(struct.pack("<f", 41.0))
    whole[place] ^= 1
    (tmp_path / "a.pt").write_bytes(whole)
    with pytest.raises(DataIntegrityError, match=r"a\.pt.*Bad CRC-32"):
        load_restricted(tmp_path / "a.pt")


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_damaged_pickles(protocol):
    value = {"a": MATRIX, "b": [1, "x", (2.5, None)], "c": collections.OrderedDict(d={1, 2})}
    whole, generator = pickle.dumps(value, protocol=protocol), np.random.default_rng(protocol)
    refused = 0
    for _ in range(400):
        broken = bytearray(whole)
        if generator.random() < 0.3:
            broken = broken[: generator.integers(len(broken))]
        for _ in range(2):
            if broken:
                broken[generator.integers(len(broken))] = generator.integers(256)
        try:
            rebuild(bytes(broken), "a file")
        except DataIntegrityError as error:
            refused += "a file" in str(error)
    assert refused > 100


def test_every_opcode_of_pickle_is_known_or_left_out():
    import pickletools

    known = {opcode.code.encode("latin-1") for opcode in pickletools.opcodes}
    assert set(OPCODES) <= known
    names = {
        opcode.name
        for opcode in pickletools.opcodes
        if opcode.code.encode("latin-1") not in OPCODES
    }
    extensions = {"EXT1", "EXT2", "EXT4"}
    assert names == {"STOP", *extensions, "NEXT_BUFFER", "READONLY_BUFFER"}
