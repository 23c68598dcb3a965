"""What users hold becomes a plain array, or an error that says what is wrong."""

import numpy as np
import pytest
import torch

from cebra_ethan.errors import DataError, DataTypeError
from cebra_ethan.utils.validation import as_array, check_finite, check_numeric, to_float32

VALUES = np.arange(6.0).reshape(3, 2)


class _Lazy:
    """Stands for a dataset in a file: a shape, and values when asked."""

    shape = (3, 2)

    def __array__(self, dtype=None, copy=None):
        return np.array(VALUES, dtype=dtype)


class _Table:
    columns = ("a", "b")


HELD = {
    "array": VALUES,
    "tensor": torch.from_numpy(VALUES),
    "tensor with gradient": torch.tensor(VALUES, requires_grad=True),
    "bfloat16": torch.from_numpy(VALUES).bfloat16(),
    "unmasked": np.ma.MaskedArray(VALUES),
    "lazy": _Lazy(),
}


@pytest.mark.parametrize("name", HELD)
def test_arrays_of_all_kinds_become_plain_arrays(name):
    array = as_array(HELD[name], "neural")
    assert type(array) is np.ndarray
    np.testing.assert_array_equal(array, VALUES)


@pytest.mark.parametrize("value", [[1, 2], _Table()])
def test_lists_and_tables_come_back_as_they_are(value):
    assert as_array(value, "neural") is value


def test_masked_values_are_refused():
    masked = np.ma.MaskedArray(VALUES, mask=VALUES > 3)
    with pytest.raises(DataError, match=r"neural .* masked array with 2 masked.*\.filled"):
        as_array(masked, "neural")


@pytest.mark.parametrize("dtype", ["M8[s]", "m8[s]", "S3", "U3", "O", "V4", "c16"])
def test_types_that_are_no_numbers_are_refused(dtype):
    with pytest.raises(DataTypeError, match="neural must hold numbers; got dtype"):
        check_numeric(np.zeros(3, dtype=dtype), "neural")


@pytest.mark.parametrize("dtype", ["b1", "u1", "i8", "f2", "f4", ">f8", "g"])
def test_numbers_pass(dtype):
    values = np.ones(3, dtype=dtype)
    check_numeric(values, "neural")
    check_finite(values, "neural")


@pytest.mark.parametrize(
    ("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")]
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_first_bad_value_is_named(value, word, dtype):
    values = np.zeros((4, 3), dtype=dtype)
    values[2, 1] = values[3, 0] = value
    message = rf"neural .*contains {word} \(2 values.*row 2, column 1"
    with pytest.raises(DataError, match=message):
        check_finite(values, "neural")
    with pytest.raises(DataError, match="first at row 2"):
        check_finite(values[:, 1], "neural")


def test_a_sum_that_overflows_is_not_a_bad_value():
    check_finite(np.full(4, 1e308), "neural")


CONVERTIBLE = {
    "float32": VALUES.astype(np.float32),
    "int": VALUES.astype(int),
    "bool": VALUES > 2,
    "float16": VALUES.astype(np.float16),
    "big-endian": VALUES.astype(">f4"),
    "Fortran": np.asfortranarray(VALUES),
    "strided": np.repeat(VALUES, 2, axis=0)[::2],
    "negative stride": VALUES[::-1],
}


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("name", CONVERTIBLE)
def test_conversion_equals_a_contiguous_copy(name, read_only):
    values = CONVERTIBLE[name].view()
    before = values.copy()
    values.flags.writeable = not read_only
    result = to_float32(values, "neural")
    assert result.dtype == np.dtype("=f4")
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, np.array(values, dtype=np.float32))
    torch.from_numpy(result).add_(0)  # would warn about read-only memory
    np.testing.assert_array_equal(values, before)


def test_no_copy_where_none_is_needed():
    values = VALUES.astype(np.float32)
    assert np.shares_memory(to_float32(values, "neural"), values)


def test_a_memory_map_is_read_without_a_warning(tmp_path):
    np.save(tmp_path / "a.npy", VALUES.astype(np.float32))
    result = to_float32(np.load(tmp_path / "a.npy", mmap_mode="r"), "neural")
    assert type(result) is np.ndarray
    assert torch.from_numpy(result).tolist() == VALUES.tolist()


@pytest.mark.parametrize("value", [1e39, -1e39])
def test_values_beyond_float32_are_refused(value):
    with pytest.raises(DataError, match=r"neural .* holds 1e\+39, too large for float32"):
        to_float32(np.array([[0.0, value]]), "neural")
