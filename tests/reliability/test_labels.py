"""Rows 16 to 23: what may be passed as labels, and what is said about the rest."""

import tracemalloc

import numpy as np
import pytest
import torch

from cebra_ethan.errors import DataError, DataTypeError, InvalidParameterError
from cebra_ethan.types import Label
from tests.reliability.helpers import (
    NEURAL,
    NUM_BINS,
    POSITION,
    SIDE,
    assert_same,
    assert_same_estimator,
    small,
)

pytestmark = pytest.mark.usefixtures("without_type_checks")


def _names(codes, words=("left", "middle", "right")):
    return np.array(words)[codes]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("give", "name"),
    [
        (lambda bad: (bad,), "label 0"),
        (lambda bad: (np.where(np.isfinite(bad), bad.astype(object), None),), "label 0"),
        (lambda bad: (SIDE, bad), "label 1"),
        (lambda bad: ({"position": bad},), "position"),
        (lambda bad: (np.stack([POSITION, bad], axis=1),), "label 0"),
    ],
    ids=["first", "None", "second", "named", "column"],
)
def test_row16_what_is_not_finite_is_placed(give, name, value):
    bad = POSITION.copy()
    bad[7:] = value
    with pytest.raises(DataError, match=rf"{name} holds NaN or infinity, first in row 7\."):
        small().fit(NEURAL, *give(bad))


@pytest.mark.parametrize("length", [0, 1, NUM_BINS - 1, NUM_BINS + 1])
@pytest.mark.parametrize("label", [POSITION, SIDE], ids=["continuous", "classes"])
def test_row17_another_length(label, length):
    given = np.resize(label, length)
    message = (
        rf"label 0 has {length} and X has {NUM_BINS}"
        if length
        else r"not be empty.*label 0.*\(0,\)"
    )
    with pytest.raises(DataError, match=message):
        small().fit(NEURAL, given)


def test_row17_the_length_of_trials():
    with pytest.raises(DataError, match=rf"trial has 299 and X has {NUM_BINS}"):
        small().fit(NEURAL, trial=np.zeros(NUM_BINS - 1, int))


@pytest.mark.parametrize("as_given", [np.asarray, torch.from_numpy, np.ndarray.tolist])
def test_row18_bools_are_two_classes(as_given):
    moving = SIDE > 0
    fitted = small().fit(NEURAL, as_given(moving))
    assert fitted.label_kinds_ == {"label 0": "categorical"}
    assert_same_estimator(fitted, small().fit(NEURAL, moving.astype(int)))
    by_time = small().fit(NEURAL).transform(NEURAL)
    assert not np.array_equal(fitted.transform(NEURAL), by_time)  # a label that is dropped


@pytest.mark.parametrize(
    ("label", "dtype"),
    [
        (np.arange(NUM_BINS).astype("M8[s]"), r"datetime64\[s\]"),
        (np.arange(NUM_BINS).astype("m8[s]"), r"timedelta64\[s\]"),
        (POSITION + 1j, "complex128"),
        (np.array([{}] * NUM_BINS), "object and holds dict"),
        (np.array(["a", 1] * (NUM_BINS // 2), dtype=object), "object and holds int, str"),
        (np.zeros(NUM_BINS, [("a", "f4")]), r"\[\('a', '<f4'\)\]"),
    ],
    ids=["dates", "time differences", "complex", "dicts", "mixed", "records"],
)
def test_row19_no_label_is_dropped(label, dtype):
    with pytest.raises(DataTypeError, match=rf"label 0 has dtype {dtype}"):
        small().fit(NEURAL, label)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (np.ones(NUM_BINS), r"label 'label 0' is constant"),
        (np.ones(NUM_BINS, int), r"label 'label 0' is constant, one of its classes"),
        (np.r_[5, np.zeros(NUM_BINS - 1, int)], r"1 of 2 classes of 'label 0' have one bin"),
    ],
    ids=["constant", "one class", "single bin"],
)
def test_row20_poor_labels_are_named(label, message):
    with pytest.warns(UserWarning, match=message):
        fitted = small().fit(NEURAL, label)
    assert np.isfinite(fitted.transform(NEURAL)).all()


def test_row20_no_positive_pair():
    message = rf"each of the {NUM_BINS} classes of 'label 0' has one bin"
    with pytest.raises(DataError, match=message):
        small().fit(NEURAL, np.arange(NUM_BINS))


@pytest.mark.parametrize(
    "recode",
    [
        lambda side: side - 2,
        lambda side: side * 1000,
        lambda side: side * 10**12,
        lambda side: side * 10**15 - 10**15,
        lambda side: side.astype(np.uint8),
        lambda side: side.astype(np.uint64),
        lambda side: side.astype(">i2"),
        lambda side: side + np.iinfo(np.int64).max - 2,
    ],
    ids=["negative", "gaps", "10**12", "wide", "uint8", "uint64", "big-endian", "max"],
)
def test_row21_any_codes_are_equal(recode):
    given = recode(SIDE)
    expected = small().fit(NEURAL, SIDE)
    tracemalloc.start()
    fitted = small().fit(NEURAL, given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert_same_estimator(fitted, expected)
    assert peak < 8 << 20  # not one row for each number between the smallest and the largest


def test_row21_beyond_int64():
    label = SIDE.astype(np.uint64) + np.uint64(2**63)
    with pytest.raises(DataError, match=r"must fit into int64; label 0 goes up to 9223372036"):
        small().fit(NEURAL, label)


def _series(values):
    return pytest.importorskip("pandas").Series(values)


def _categorical(values):
    return pytest.importorskip("pandas").Series(_names(values), dtype="category")


def _column(values):
    return pytest.importorskip("pandas").DataFrame({"side": values})


@pytest.mark.parametrize(
    "give",
    [
        np.ndarray.tolist,
        lambda side: tuple(side.tolist()),
        torch.from_numpy,
        lambda side: side[:, None],
        _names,
        lambda side: _names(side).tolist(),
        lambda side: _names(side).astype(object),
        lambda side: side.astype(object),
        _series,
        _categorical,
        _column,
        Label,
        lambda side: np.repeat(side, 2)[::2],
    ],
    ids=[
        *("list", "tuple", "tensor", "one column", "strings", "list of strings", "object strings"),
        *("object numbers", "Series", "categorical Series", "DataFrame", "Label", "strided"),
    ],
)
def test_row22_forms_of_classes_are_equal(give):
    fitted = small().fit(NEURAL, give(SIDE))
    assert list(fitted.label_kinds_.values()) == ["categorical"]
    assert_same(fitted.transform(NEURAL), small().fit(NEURAL, SIDE).transform(NEURAL))


@pytest.mark.parametrize(
    "give",
    [
        np.ndarray.tolist,
        torch.from_numpy,
        _series,
        lambda position: position[:, None],
        lambda position: position.astype(">f8"),
        lambda position: {"position": position},
        lambda position: Label(position, "continuous"),
        lambda position: Label(position, name="place"),
    ],
    ids=["list", "tensor", "Series", "column", "big-endian", "mapping", "Label", "named Label"],
)
def test_row22_forms_of_continuous_labels_are_equal(give):
    fitted = small().fit(NEURAL, give(POSITION))
    assert list(fitted.label_kinds_.values()) == ["continuous"]
    assert_same(fitted.transform(NEURAL), small().fit(NEURAL, POSITION).transform(NEURAL))


def test_row22_no_label_is_time():
    fitted = small().fit(NEURAL, None)
    assert fitted.label_kinds_ == {}
    assert_same_estimator(fitted, small(conditional="time").fit(NEURAL))


def test_row23_several_classes_are_combined():
    other = (np.arange(NUM_BINS) // 30) % 2
    fitted = small().fit(NEURAL, SIDE, other)
    assert fitted.label_kinds_ == {"label 0": "categorical", "label 1": "categorical"}
    combined = small().fit(NEURAL, 2 * SIDE + other)
    assert_same(fitted.transform(NEURAL), combined.transform(NEURAL))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (np.zeros((NUM_BINS, 2, 2)), rf"label 0 has shape \({NUM_BINS}, 2, 2\)"),
        (np.zeros((NUM_BINS, 2), int), rf"label 0 has shape \({NUM_BINS}, 2\)"),
        (np.float64(3.0), r"label 0 has shape \(\)"),
        (np.zeros((NUM_BINS, 0)), rf"label 0 has shape \({NUM_BINS}, 0\)"),
    ],
    ids=["3-D", "two columns of classes", "scalar", "no columns"],
)
def test_row23_the_shape(label, message):
    with pytest.raises(DataError, match=message):
        small().fit(NEURAL, label)


@pytest.mark.parametrize("conditional", ["time_delta", "delta_normal", "discrete"])
def test_row23_a_conditional_that_does_not_suit_is_never_ignored(conditional):
    delta = 0.5 if conditional == "delta_normal" else None
    estimator = small(conditional=conditional, delta=delta)
    message = (
        rf"conditional must suit the labels: with no labels it is one of time; got '{conditional}'"
    )
    with pytest.raises(InvalidParameterError, match=message):
        estimator.fit(NEURAL)
