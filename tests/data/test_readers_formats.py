"""MATLAB, Excel, parquet and joblib: what other programs wrote is what is read."""

import pathlib
import pickle
import zlib

import joblib
import numpy as np
import pytest
import scipy.io
import torch
from scipy import sparse

from cebra_ethan.data.readers import load_data, read
from cebra_ethan.data.readers.matlab import matlab_arrays
from cebra_ethan.errors import CebraError, DataError, DataIntegrityError

GENERATOR = np.random.default_rng(0)
SPIKES = GENERATOR.poisson(1.0, (40, 3)).astype(np.float64)
POSITION = GENERATOR.random(40)
TRIAL = np.repeat([1, 2], 20)
SIDE = np.array(["left", "right"] * 20)
COLUMNS = {"u1": SPIKES[:, 0], "u2": SPIKES[:, 1], "u3": SPIKES[:, 2], "position": POSITION}
NAMED = {"spikes": SPIKES, "position": POSITION, "trial": TRIAL}
MADE_BY_MATLAB = pathlib.Path(scipy.io.__file__).parent / "matlab" / "tests" / "data"


def _frame():
    pandas = pytest.importorskip("pandas", reason="pandas comes with the extra data")
    return pandas.DataFrame({**COLUMNS, "side": SIDE, "trial": TRIAL})


def _matlab(path):
    cell = np.array([[one] for one in SIDE], dtype=object)
    scipy.io.savemat(path, {**NAMED, "side": cell}, oned_as="column")


def _small_matlab(path):
    cell = np.array([[one] for one in SIDE], dtype=object)
    scipy.io.savemat(path, {**NAMED, "side": cell}, do_compression=True)


def _write_modern(path, arrays, cell=()):
    """The layout of MATLAB 7.3: transposed, texts as codes, cells as references."""
    h5py = pytest.importorskip("h5py", reason="h5py comes with the extra data")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file[name] = np.atleast_2d(values.T)
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
        if len(cell):
            references = []
            for index, word in enumerate(cell):
                codes = file.create_dataset(
                    f"#refs#/{index}", data=np.frombuffer(word.encode("utf-16-le"), "<u2")[:, None]
                )
                codes.attrs["MATLAB_class"] = np.bytes_("char")
                references.append(codes.ref)
            file.create_dataset("side", data=np.array([references], dtype=h5py.ref_dtype))
            file["side"].attrs["MATLAB_class"] = np.bytes_("cell")
    head = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    path.write_bytes(head + path.read_bytes()[len(head) :])


def _modern_matlab(path):
    _write_modern(path, NAMED, SIDE)


def _excel(path):
    pytest.importorskip("openpyxl", reason="openpyxl comes with the extra data")
    _frame().to_excel(path, index=False)


def _old_excel(path):
    xlwt = pytest.importorskip("xlwt", reason="writes .xls; no extra of ours")
    pytest.importorskip("xlrd", reason="xlrd comes with the extra data")
    book = xlwt.Workbook()
    sheet, frame = book.add_sheet("first"), _frame()
    for place, name in enumerate(frame.columns):
        for row, value in enumerate([name, *frame[name].tolist()]):
            sheet.write(row, place, value)
    book.save(str(path))


def _parquet(path):
    pytest.importorskip("pyarrow", reason="pyarrow comes with the extra data")
    _frame().to_parquet(path)


def _joblib(path):
    joblib.dump({**NAMED, "side": SIDE}, path)


def _compressed_joblib(path):
    joblib.dump({**NAMED, "side": SIDE}, path, compress=3)


def _pickle(path):
    path.write_bytes(pickle.dumps({**NAMED, "side": SIDE.tolist()}))


def _torch(path):
    torch.save({key: torch.tensor(value) for key, value in NAMED.items()}, path)


WRITERS = {
    "matlab 5.mat": _matlab,
    "matlab 7.mat": _small_matlab,
    "matlab 73.mat": _modern_matlab,
    "table.xlsx": _excel,
    "table.xlsm": _excel,
    "table.xls": _old_excel,
    "table.parquet": _parquet,
    "rat.jl": _joblib,
    "rat.joblib": _compressed_joblib,
    "rat.pkl": _pickle,
    "rat.pt": _torch,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_recording(name, tmp_path):
    path = tmp_path / name
    WRITERS[name](path)
    labels = ["position"] if path.suffix == ".pt" else ["position", "side"]
    recording = read(path, labels=labels, bin_s=0.025)
    np.testing.assert_array_equal(recording.neural, SPIKES)
    np.testing.assert_allclose(recording.labels["position"].to_numpy(), POSITION, rtol=1e-12)
    assert recording.labels["position"].kind == "continuous"
    assert recording.segments.tolist() == [[0, 20], [20, 40]]
    assert (recording.bin_s, recording.source) == (0.025, str(path))
    if "side" in labels:
        assert recording.labels["side"].to_numpy().tolist() == SIDE.tolist()


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_array(name, tmp_path):
    path = tmp_path / name
    WRITERS[name](path)
    is_table = path.stem == "table"
    chosen = {"columns": ["u1", "u2", "u3"]} if is_table else {"key": "spikes"}
    array = load_data(path, **chosen)
    np.testing.assert_array_equal(array, SPIKES)
    array[0, 0] = 7.0  # it is the caller's
    if not is_table:
        np.testing.assert_array_equal(load_data(path, key="position").ravel(), POSITION)
        np.testing.assert_array_equal(load_data(path, "spikes", columns=[2]), SPIKES[:, [2]])
        with pytest.raises(DataError, match=r"got 'x'\. Available: .*spikes"):
            load_data(path, key="x")


@pytest.mark.parametrize("name", WRITERS)
def test_damaged_files_are_refused_or_read(name, tmp_path):
    path = tmp_path / name
    WRITERS[name](path)
    whole, generator = path.read_bytes(), np.random.default_rng(1)
    messages, read_whole = [], 0
    for _ in range(100):
        broken = bytearray(whole)
        if generator.random() < 0.3:
            broken = broken[: generator.integers(len(broken))]
        for _ in range(3):
            if broken:
                broken[generator.integers(len(broken))] ^= 1 << generator.integers(8)
        path.write_bytes(broken)
        try:
            assert len(read(path, neural=["u1"] if path.stem == "table" else "spikes"))
            read_whole += 1
        except CebraError as error:
            messages.append(str(error))
    assert len(messages) + read_whole == 100
    assert len(messages) > 20
    assert all(str(path) in message for message in messages)


CHECKED = ["matlab 7.mat", "table.xlsx", "rat.joblib", "rat.pt"]
"""Formats with a checksum: what is read is right."""


@pytest.mark.parametrize("name", CHECKED)
def test_a_checksum_leaves_no_wrong_number(name, tmp_path):
    path = tmp_path / name
    WRITERS[name](path)
    whole, generator = path.read_bytes(), np.random.default_rng(2)
    refused = 0
    for _ in range(100):
        broken = bytearray(whole)
        broken[generator.integers(len(broken))] ^= 1 << generator.integers(8)
        path.write_bytes(broken)
        try:
            if path.stem == "table":
                found = load_data(path, columns=["u1", "u2", "u3"])
            else:
                found = load_data(path, key="spikes")
            np.testing.assert_array_equal(found, SPIKES)
        except CebraError:
            refused += 1
    assert refused > 50


def test_matlab_kinds(tmp_path):
    path = tmp_path / "a.mat"
    kinds = {
        "whole": np.arange(6, dtype=np.uint16).reshape(2, 3),
        "truth": np.array([[True, False]]),
        "complex": np.ones((2, 2)) * 1j,
        "cube": GENERATOR.normal(size=(2, 3, 4)).astype(np.float32),
        "empty": np.empty((0, 3)),
        "sparse": sparse.random(5, 4, 0.4, format="csc", random_state=0),
    }
    structure = {"rate": np.ones((2, 2)), "deep": {"name": "größe"}}
    for compressed in (False, True):
        more = {"rows": np.array(["ab ", "cde"]), "session": structure}
        scipy.io.savemat(path, {**kinds, **more}, do_compression=compressed)
        arrays = matlab_arrays(path)
        for name, value in kinds.items():
            dense = value.toarray() if sparse.issparse(value) else value
            assert arrays[name].dtype == dense.dtype
            np.testing.assert_array_equal(arrays[name], dense)
        assert arrays["rows"].tolist() == ["ab", "cde"]
        assert arrays["session.rate"].shape == (2, 2)
        assert arrays["session.deep.name"].tolist() == ["größe"]


@pytest.mark.skipif(not MADE_BY_MATLAB.is_dir(), reason="this SciPy came without test files")
def test_numbers_have_the_class_of_matlab(tmp_path):
    """MATLAB stores 1.0 as one byte; it is a double all the same, as in version 7.3."""
    found = matlab_arrays(MADE_BY_MATLAB / "testbool_8_WIN64.mat")
    assert {name: array.dtype.kind for name, array in found.items()} == {"testbools": "b"}
    matrix = matlab_arrays(MADE_BY_MATLAB / "testmatrix_7.4_GLNX86.mat")["testmatrix"]
    assert matrix.dtype == np.float64


WRITTEN = sorted(MADE_BY_MATLAB.glob("*.mat"))
REFUSED = ("bad_", "broken", "corrupted", "debigged", "malformed", "testhdf5", "miui", "miutf8")


@pytest.mark.skipif(not WRITTEN, reason="this SciPy came without its test files")
def test_files_that_matlab_wrote():
    """SciPy's own reader is the reference: 73 variables, versions 4 to 7, both byte orders."""
    compared = 0
    for path in WRITTEN:
        if path.name.startswith(REFUSED):
            continue
        ours = matlab_arrays(path)
        for name, value in scipy.io.loadmat(path).items():
            theirs = value.toarray() if sparse.issparse(value) else value
            if isinstance(theirs, np.ndarray) and theirs.dtype.kind in "biufc":
                if name.startswith("__"):  # what functions remember
                    continue
                np.testing.assert_array_equal(ours[name], theirs, err_msg=f"{path.name} {name}")
                compared += 1
            elif isinstance(theirs, np.ndarray) and theirs.dtype.kind == "U" and theirs.size:
                assert [word.rstrip() for word in ours[name]] == [
                    word.rstrip() for word in theirs.ravel()
                ]
                compared += 1
    assert compared > 50


@pytest.mark.skipif(not WRITTEN, reason="this SciPy came without its test files")
@pytest.mark.parametrize(
    "path", [one for one in WRITTEN if one.name.startswith(("corrupted", "malf", "debig"))]
)
def test_damaged_files_of_matlab(path):
    with pytest.raises(DataIntegrityError, match=path.name):
        read(path)


def test_modern_matlab_kinds(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py comes with the extra data")
    path = tmp_path / "a.mat"
    _write_modern(path, {"spikes": SPIKES})
    with h5py.File(path, "r+") as file:
        file["truth"] = np.array([[1, 0]], dtype="u1")
        file["truth"].attrs["MATLAB_class"] = np.bytes_("logical")
        file["session/rate"] = np.ones((3, 2))
        file["none"] = np.array([0, 3], dtype="u8")
        file["none"].attrs["MATLAB_empty"] = np.uint8(1)
        file["waves"] = np.array([[(1.0, 2.0)]], dtype=[("real", "f8"), ("imag", "f8")])
        matrix = sparse.csc_matrix(SPIKES)
        for key in ("data", "ir", "jc"):
            part = {"data": "data", "ir": "indices", "jc": "indptr"}[key]
            file[f"thin/{key}"] = getattr(matrix, part)
        file["thin"].attrs["MATLAB_sparse"] = np.uint64(len(SPIKES))
        cells = [file["session/rate"].ref, file["spikes"].ref]
        file.create_dataset("mixed", data=np.array([cells], dtype=h5py.ref_dtype))
    arrays = matlab_arrays(path)
    np.testing.assert_array_equal(arrays["spikes"], SPIKES)
    np.testing.assert_array_equal(arrays["thin"], SPIKES)
    np.testing.assert_array_equal(arrays["mixed[1]"], SPIKES)
    assert arrays["mixed[0]"].shape == arrays["session.rate"].shape == (2, 3)
    assert arrays["truth"].tolist() == [[True], [False]]
    assert arrays["none"].shape == (0, 3)
    assert arrays["waves"].tolist() == [[1 + 2j]]
    with h5py.File(path, "r+") as file:
        file["thin/ir"][0] = 99
    with pytest.raises(DataIntegrityError, match=r"a\.mat"):
        matlab_arrays(path)


def test_cells_of_cells_end(tmp_path, monkeypatch):
    """A cell that holds itself a hundred times has a hundred to the twentieth arrays."""
    h5py = pytest.importorskip("h5py", reason="h5py comes with the extra data")
    path = tmp_path / "a.mat"
    _write_modern(path, {"spikes": SPIKES})
    with h5py.File(path, "r+") as file:
        cell = file.create_dataset("cell", (1, 100), h5py.ref_dtype)
        cell[()] = np.array([[cell.ref] * 100], dtype=h5py.ref_dtype)
    monkeypatch.setattr("cebra_ethan.data.readers.matlab_hdf5.MAX_ARRAYS", 1000)
    with pytest.raises(DataIntegrityError, match=r"at most 1,000 arrays.*a\.mat"):
        read(path)


def test_a_matlab_file_cannot_fill_the_memory(tmp_path, monkeypatch):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"a": np.zeros((1000, 1000))}, do_compression=True)
    assert load_data(path).shape == (1000, 1000)
    monkeypatch.setattr("cebra_ethan.utils.inflate.MIN_LIMIT_BYTES", 1 << 20)
    with pytest.raises(DataIntegrityError, match=r"unfold to much more than its size; .*a\.mat"):
        read(path)
    body = zlib.compress(bytes(1 << 22))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    path.write_bytes(head + np.array([15, len(body)], dtype="<u4").tobytes() + body)
    with pytest.raises(DataIntegrityError, match=r"a\.mat"):
        read(path)


def test_what_crashes_scipy_is_an_error_here(tmp_path):
    """One of the damaged files on which `scipy.io.loadmat` 1.17 ends the process."""
    path, generator = tmp_path / "a.mat", np.random.default_rng(0)
    scipy.io.savemat(path, {"a": np.ones((2, 2)), "c": np.array(["x", "yy"], dtype=object)})
    whole, messages = path.read_bytes(), []
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(3):
            broken[generator.integers(128, len(broken))] = generator.integers(256)
        path.write_bytes(broken)
        try:
            matlab_arrays(path)
        except DataIntegrityError as error:
            messages.append(str(error))
    assert len(messages) > 50
    assert all(str(path) in message for message in messages)


def test_excel_sheets_and_cells(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl comes with the extra data")
    book = openpyxl.Workbook()
    for row in (["x", None, "side"], [0.5, 1, "left"], [None, 2, "right"], [None, None, None]):
        book.active.append(row)
    other = book.create_sheet("numbers")
    for row in ([1, 2], [3, 4]):
        other.append(row)
    book.save(tmp_path / "a.xlsx")
    np.testing.assert_array_equal(load_data(tmp_path / "a.xlsx", columns=["x"]), [[0.5], [np.nan]])
    recording = read(tmp_path / "a.xlsx", neural="1", labels="side")
    assert recording.neural.tolist() == [[1], [2]]
    assert read(tmp_path / "a.xlsx", sheet="numbers").neural.tolist() == [[1, 2], [3, 4]]
    assert load_data(tmp_path / "a.xlsx", key="numbers").dtype == np.int64
    with pytest.raises(DataError, match=r"got 'x'\. Available: Sheet, numbers"):
        read(tmp_path / "a.xlsx", sheet="x")


def test_a_wide_sheet_is_refused(tmp_path, monkeypatch):
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl comes with the extra data")
    book = openpyxl.Workbook()
    book.active["XFD9"] = 1
    book.save(tmp_path / "a.xlsx")
    monkeypatch.setattr("cebra_ethan.data.readers.excel.MAX_CELLS", 1000)
    with pytest.raises(DataIntegrityError, match=r"at most 1,000 cells; .*a\.xlsx"):
        read(tmp_path / "a.xlsx")


def test_parquet_columns(tmp_path):
    arrow = pytest.importorskip("pyarrow", reason="pyarrow comes with the extra data")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with the extra data")
    table = {
        "spikes": SPIKES.tolist(),
        "side": arrow.array(SIDE.tolist()).dictionary_encode(),
        "gap": [None, *POSITION[1:]],
        "fixed": arrow.FixedSizeListArray.from_arrays(arrow.array(SPIKES.ravel()), 3),
    }
    parquet.write_table(arrow.table(table), tmp_path / "a.parquet")
    recording = read(tmp_path / "a.parquet", neural="spikes", labels="side")
    np.testing.assert_array_equal(recording.neural, SPIKES)
    assert recording.labels["side"].to_numpy().tolist() == SIDE.tolist()
    np.testing.assert_array_equal(load_data(tmp_path / "a.parquet", key="fixed"), SPIKES)
    assert np.isnan(load_data(tmp_path / "a.parquet", key="gap")[0])
    ragged = arrow.table({"a": [[1.0], [1.0, 2.0]]})
    parquet.write_table(ragged, tmp_path / "b.parquet")
    with pytest.raises(DataIntegrityError, match=r"as long; a in .*b\.parquet"):
        read(tmp_path / "b.parquet")


def test_a_parquet_file_cannot_fill_the_memory(tmp_path, monkeypatch):
    arrow = pytest.importorskip("pyarrow", reason="pyarrow comes with the extra data")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with the extra data")
    parquet.write_table(arrow.table({"a": np.zeros(1 << 20)}), tmp_path / "a.parquet")
    assert len(read(tmp_path / "a.parquet")) == 1 << 20
    monkeypatch.setattr("cebra_ethan.utils.inflate.MIN_LIMIT_BYTES", 1 << 20)
    with pytest.raises(DataIntegrityError, match=r"a\.parquet claims 1048576 cells"):
        read(tmp_path / "a.parquet")


def test_containers_of_arrays(tmp_path):
    path = tmp_path / "a.pkl"
    value = {
        "day": {1: {"spikes": SPIKES}},
        "side": ["a", "b"],
        "own": None,
        "f": [[1, 2], [3, 4]],
    }
    value["own"] = value
    path.write_bytes(pickle.dumps(value))
    assert read(path, neural="day/1/spikes").num_neurons == 3
    assert load_data(path, key="side").tolist() == ["a", "b"]
    assert load_data(path, key="f").tolist() == [[1, 2], [3, 4]]
    with pytest.raises(DataError, match=r"got 'x'\. Available: day/1/spikes, side, f"):
        load_data(path, key="x")
    path.write_bytes(pickle.dumps(SPIKES))
    np.testing.assert_array_equal(read(path).neural, SPIKES)
    path.write_bytes(pickle.dumps({"name": "rat"}))
    with pytest.raises(DataError, match=r"array of numbers; .*a\.pkl holds name"):
        load_data(path)


def test_published_rat_files_are_read(tmp_path):
    """`spikes` and `position` (place, right, left), as the published files of the four rats."""
    position = np.stack([POSITION, TRIAL == 1, TRIAL == 2], axis=1)
    for compress in (0, 3, ("gzip", 3)):
        joblib.dump({"spikes": SPIKES, "position": position}, tmp_path / "rat.jl", compress)
        recording = read(tmp_path / "rat.jl", labels="position", bin_s=0.025)
        np.testing.assert_array_equal(recording.neural, SPIKES)
        np.testing.assert_allclose(recording.labels["position"].to_numpy(), position)


def test_fault10_matlab_73_is_read(tmp_path):
    _modern_matlab(tmp_path / "a.mat")
    first = load_data(tmp_path / "a.mat")  # HDF5 sorts by name
    np.testing.assert_array_equal(first.ravel(), POSITION)
    np.testing.assert_array_equal(load_data(tmp_path / "a.mat", key="spikes"), SPIKES)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", ">u2"])
def test_fault10_unsigned_arrays_in_hdf5_are_data(dtype, tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py comes with the extra data")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["label"] = ["words", "first"]
        file["counts"] = SPIKES.astype(dtype)
    array = load_data(tmp_path / "a.h5")
    assert array.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(array, SPIKES)


@pytest.mark.parametrize("header", ["a,b\n", ""])
def test_fault10_a_header_of_csv_is_no_data(header, tmp_path):
    (tmp_path / "a.csv").write_text(f"{header}1,2.5\n3,4\n")
    assert load_data(tmp_path / "a.csv").tolist() == [[1, 2.5], [3, 4]]
    assert load_data(tmp_path / "a.csv", columns=[1]).tolist() == [[2.5], [4]]


@pytest.mark.parametrize("name", ["rat.joblib", "table.parquet"])
def test_fault10_more_formats(name, tmp_path):
    WRITERS[name](tmp_path / name)
    array = load_data(tmp_path / name, columns=["u1"] if "table" in name else None)
    np.testing.assert_array_equal(array[:, 0], SPIKES[:, 0])


def test_load_data_says_what_is_wrong(tmp_path):
    with pytest.raises(DataError, match=r"one of \.csv, .*got 'a\.wav'"):
        load_data(tmp_path / "a.wav")
    with pytest.raises(FileNotFoundError, match=r"a\.csv"):
        load_data(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("x,side\n1,left\n")
    with pytest.raises(DataError, match=r"columns side of .*a\.csv hold words"):
        load_data(tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"columns must name .*got 'y'\. Available: x, side"):
        load_data(tmp_path / "a.csv", columns=["y"])
    np.save(tmp_path / "a.npy", SPIKES)
    with pytest.raises(DataError, match=r"got \[3\] for an array of shape \(40, 3\)"):
        load_data(tmp_path / "a.npy", columns=[3])
    np.savez(tmp_path / "a.npz", name="rat", spikes=SPIKES)
    np.testing.assert_array_equal(load_data(tmp_path / "a.npz"), SPIKES)


def test_a_table_of_pandas_with_counted_columns(tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas comes with the extra data")
    pandas.DataFrame(SPIKES).to_excel(tmp_path / "counted.xlsx")  # header 0, 1, 2 and an index
    np.testing.assert_array_equal(read(tmp_path / "counted.xlsx", neural=[0, 1, 2]).neural, SPIKES)
