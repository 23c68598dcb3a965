"""Rows 5 to 15: what may be passed as X, and what is said about the rest."""

import hashlib
import re
import warnings

import numpy as np
import pytest
import torch

from cebra_ethan.errors import DataError, DataTypeError
from cebra_ethan.models.model import MODELS, resolve_offset
from tests.reliability.helpers import MODES, NEURAL, POSITION, assert_same, in_mode, small

pytestmark = pytest.mark.usefixtures("without_type_checks")

COUNTS = np.random.default_rng(1).poisson(2.0, size=NEURAL.shape)
"""Small whole numbers: every type holds them exactly."""
TRIAL = np.arange(len(NEURAL)) // 60


def _with(value, row=4, column=2):
    array = NEURAL.astype(np.float64)
    array[row:, column] = value
    return array


def _digest(array):
    return hashlib.sha256(np.asarray(array).tobytes()).hexdigest()


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "score"])
@pytest.mark.parametrize(
    ("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")]
)
def test_row05_what_is_not_finite_is_counted_and_placed(value, word, method):
    message = rf"{word} \(296 values .*first at \(row 4, column 2\)"
    with pytest.raises(DataError, match=message):
        getattr(small().fit(NEURAL), method)(_with(value))


@pytest.mark.parametrize("value", [1e39, -1e300, 3.5e38])
def test_row06_too_large_for_float32(value):
    message = rf"{re.escape(f'{abs(value):g}')}, too large for float32 \(limit 3.40282e\+38"
    with pytest.raises(DataError, match=message):
        small().fit(_with(value))


def test_row06_the_largest_float32_is_accepted():
    array = np.zeros((20, 2), dtype=np.float64)
    array[3] = np.finfo(np.float32).max
    fitted = small().fit(NEURAL[:, :2])
    assert fitted.transform(array).shape == (20, 3)


def test_row07_numbers_in_objects_are_converted():
    fitted = small().fit(COUNTS.astype(object))
    assert_same(fitted.transform(COUNTS), small().fit(COUNTS).transform(COUNTS))


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (np.full((50, 2), "x"), ValueError, r"(?i)could not convert|dtype"),
        (np.full((50, 2), "x", dtype=object), ValueError, r"could not convert string to float"),
        (np.full((50, 2), 1j), ValueError, r"Complex data not supported"),
        (np.zeros((50, 2), "M8[s]"), DataTypeError, r"dtype datetime64\[s\]"),
        (np.zeros((50, 2), "m8[s]"), DataTypeError, r"dtype timedelta64\[s\]"),
        (np.zeros((50, 2), [("a", "f4")]), (TypeError, ValueError), r"dtype"),
        (np.full((50, 2), b"x"), (TypeError, ValueError), r"dtype|could not convert|bytes"),
        ([[{}], [{}]], TypeError, r"dtype object"),
        (None, (TypeError, ValueError), r"None"),
        ("recording.npz", (TypeError, ValueError), r"recording\.npz|scalar|0-dim|2D array"),
    ],
    ids=[
        *("strings", "object strings", "complex", "dates", "time differences", "records"),
        *("bytes", "dicts", "None", "file name"),
    ],
)
def test_row07_what_is_no_number(array, error, message):
    with pytest.raises(error, match=message):
        small().fit(array)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.float32(1.0), r"Expected 2D array, got scalar array"),
        (np.zeros(50), r"Expected 2D array, got 1D array"),
        (np.zeros((5, 5, 5)), r"dim 3, while dim <= 2 is required"),
        (np.zeros((0, 4)), r"0 sample\(s\) \(shape=\(0, 4\)\).*minimum of 1"),
        (np.zeros((50, 0)), r"0 feature\(s\) \(shape=\(50, 0\)\).*minimum of 1"),
    ],
    ids=["0-D", "1-D", "3-D", "no rows", "no columns"],
)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_row08_the_shape(array, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(small().fit(NEURAL), method)(array)


@pytest.mark.parametrize("time_offsets", [1, 7])
@pytest.mark.parametrize("name", MODELS)
def test_row09_one_bin_too_few(name, time_offsets):
    needed = resolve_offset(name).span + time_offsets
    estimator = small(model_architecture=name, time_offsets=time_offsets, batch_size=4)
    seen = []
    with pytest.raises(DataError, match=rf"{name} .*at least {needed} .*n_samples={needed - 1}\."):
        estimator.fit(NEURAL[: needed - 1], callback=lambda step, solver: seen.append(step))
    assert not seen
    assert not hasattr(estimator, "model_")
    embedding = estimator.fit(NEURAL[:needed]).transform(NEURAL[:needed])
    assert embedding.shape == (needed, 3)
    assert np.isfinite(embedding).all()


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode not in ("discrete", "mixed")])
def test_row09_every_mode_trains_on_the_fewest_bins(mode):
    estimator, labels = in_mode(mode, model_architecture="offset5-model", time_offsets=3)
    cut = [label[:8] for label in labels]
    assert np.isfinite(estimator.fit(NEURAL[:8], *cut).transform(NEURAL[:8])).all()


@pytest.mark.parametrize("columns", [1, 6])
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_row10_silent_neurons_are_counted_once(columns, value):
    array = NEURAL.copy()
    array[:, :columns] = value
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = small().fit(array)
        fitted.transform(array)
    (warning,) = caught
    assert re.search(rf"{columns} of 6 neurons in X are constant", str(warning.message))
    assert np.isfinite(fitted.transform(array)).all()


def test_row11_masked_values():
    masked = np.ma.masked_greater(NEURAL, 2.0)
    number = int(np.ma.count_masked(masked))
    with pytest.raises(DataError, match=rf"masked array with {number} masked values.*\.filled\("):
        small().fit(masked)


def test_row11_a_masked_array_with_nothing_masked():
    plain = small().fit(NEURAL).transform(NEURAL)
    assert_same(small().fit(np.ma.asarray(NEURAL)).transform(NEURAL), plain)


def _memmap(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, COUNTS.astype(np.float32))
    return np.load(path, mmap_mode="r")


def _read_only(tmp_path):
    array = COUNTS.astype(np.float32)
    array.flags.writeable = False
    return array


LAYOUTS = {
    **{
        name: lambda tmp_path, name=name: COUNTS.astype(name)
        for name in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">f4")
    },
    "longdouble": lambda tmp_path: COUNTS.astype(np.longdouble),
    "big-endian int": lambda tmp_path: COUNTS.astype(">i4"),
    "bfloat16 tensor": lambda tmp_path: torch.from_numpy(COUNTS).bfloat16(),
    "half tensor": lambda tmp_path: torch.from_numpy(COUNTS).half(),
    "Fortran order": lambda tmp_path: np.asfortranarray(COUNTS.astype(np.float32)),
    "strided": lambda tmp_path: np.repeat(COUNTS.astype(np.float32), 2, axis=0)[::2],
    "strided columns": lambda tmp_path: np.repeat(COUNTS.astype(np.float32), 2, axis=1)[:, ::2],
    "negative strides": lambda tmp_path: COUNTS.astype(np.float32)[::-1][::-1],
    "reversed memory": lambda tmp_path: np.ascontiguousarray(COUNTS[::-1], np.float32)[::-1],
    "transposed tensor": lambda tmp_path: torch.from_numpy(COUNTS.T.astype(np.float32).copy()).T,
    "read-only": _read_only,
    "memmap": _memmap,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_row12_layouts_are_equal_and_left_alone(layout, tmp_path):
    given = LAYOUTS[layout](tmp_path)
    as_numpy = given.float().numpy() if isinstance(given, torch.Tensor) else given
    before = _digest(as_numpy)
    plain = small().fit(COUNTS.astype(np.float32).copy(order="C"))
    assert_same(small().fit(given).transform(given), plain.transform(COUNTS))
    small(augmentation={"noise_level": 0.5, "neuron_dropout": 0.5}).fit(given)
    assert _digest(given.float().numpy() if isinstance(given, torch.Tensor) else given) == before


def test_row12_bool_is_zero_and_one():
    spikes = COUNTS > 2
    expected = small().fit(spikes.astype(np.float32)).transform(spikes.astype(np.float32))
    assert_same(small().fit(spikes).transform(spikes), expected)


def _in_pandas(array, tmp_path):
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    return pandas.DataFrame(array) if array.ndim == 2 else pandas.Series(array)


def _in_polars(array, tmp_path):
    polars = pytest.importorskip("polars", reason="needs polars")
    return polars.DataFrame(array) if array.ndim == 2 else polars.Series(array)


def _in_xarray(array, tmp_path):
    xarray = pytest.importorskip("xarray", reason="needs xarray")
    return xarray.DataArray(array, dims=("time", "neuron")[: array.ndim])


def _in_h5py(array, tmp_path):
    h5py = pytest.importorskip("h5py", reason="needs h5py")
    return h5py.File(tmp_path / "x.h5", "a").create_dataset(array.dtype.name, data=array)


def _in_zarr(array, tmp_path):
    return pytest.importorskip("zarr", reason="needs zarr").array(array)


def _on_gpu(array, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    return torch.from_numpy(array).cuda()


CONTAINERS = {
    "list": lambda array, tmp_path: array.tolist(),
    "tuple": lambda array, tmp_path: tuple(map(tuple, array) if array.ndim == 2 else array),
    "list of rows": lambda array, tmp_path: list(array),
    "tensor": lambda array, tmp_path: torch.from_numpy(array),
    "tensor with gradient": lambda array, tmp_path: torch.from_numpy(array).requires_grad_(
        array.dtype.kind == "f"
    ),
    "cuda tensor": _on_gpu,
    "pandas": _in_pandas,
    "polars": _in_polars,
    "xarray": _in_xarray,
    "h5py": _in_h5py,
    "zarr": _in_zarr,
}


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize("container", CONTAINERS)
def test_row13_containers_are_equal(container, tmp_path):
    given = CONTAINERS[container](NEURAL.copy(), tmp_path)
    plain = small().fit(NEURAL)
    assert_same(small().fit(given).transform(given), plain.transform(NEURAL))
    assert small().fit(given).score(given) == plain.score(NEURAL)


def test_row13_a_list_of_one_session_comes_back_as_one():
    plain, fitted = small().fit(NEURAL), small().fit([NEURAL])
    (embedding,) = fitted.transform([NEURAL])
    assert_same(embedding, plain.transform(NEURAL))
    assert_same(fitted.transform(NEURAL), embedding)
    assert fitted.score([NEURAL]) == plain.score(NEURAL)


@pytest.mark.parametrize("container", CONTAINERS)
def test_row13_labels_and_trials_in_containers_are_equal(container, tmp_path):
    label, trial = (CONTAINERS[container](one, tmp_path) for one in (POSITION, TRIAL))
    plain = small().fit(NEURAL, POSITION, trial=TRIAL)
    fitted = small().fit(NEURAL, label, trial=trial)
    assert_same(fitted.transform(NEURAL, trial=trial), plain.transform(NEURAL, trial=TRIAL))


@pytest.mark.parametrize("method", ["fit", "transform"])
@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array", "coo_array"])
def test_row14_sparse(kind, method):
    sparse = pytest.importorskip("scipy.sparse")
    given = getattr(sparse, kind)(COUNTS.astype(np.float32))
    message = "Sparse data was passed.*dense data is required"
    with pytest.raises(TypeError, match=message):
        getattr(small().fit(NEURAL), method)(given)


@pytest.mark.parametrize("method", ["transform", "partial_fit", "score"])
@pytest.mark.parametrize("columns", [list("bacdef"), list("ABCDEF")], ids=["reordered", "renamed"])
def test_row15_other_columns(columns, method):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(NEURAL, columns=list("abcdef"))
    fitted = small().fit(table)
    assert list(fitted.feature_names_in_) == list("abcdef")
    with pytest.raises(ValueError, match="feature names should match those that were passed"):
        getattr(fitted, method)(pandas.DataFrame(NEURAL, columns=columns))


def test_row15_a_label_table_does_not_count_as_columns():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(NEURAL, columns=list("abcdef"))
    labels = pandas.DataFrame({"position": POSITION})
    assert_same(
        small().fit(table, labels).transform(table),
        small().fit(NEURAL, POSITION).transform(NEURAL),
    )
