"""Recordings, labels and receptive fields: what they keep, and what they refuse."""

import itertools

import numpy as np
import pytest
import torch

from cebra_ethan.errors import CebraError, DataError, DataTypeError
from cebra_ethan.types import Batch, Indices, Label, Offset, Recording

# ---------------------------------------------------------------------------------------- labels

CATEGORICAL = {
    "int": [3, 1, 3, 2],
    "negative": [-7, 0, -7, 4],
    "gapped": [0, 5, 5, 0],
    "huge": [10**12, 0, 10**12, -(10**12)],
    "uint8": np.array([200, 1, 200, 7], dtype=np.uint8),
    "uint64": np.array([2**62, 1, 2**62, 1], dtype=np.uint64),
    "bool": [True, False, True, True],
    "numpy bool": np.array([True, False, True, True]),
    "strings": ["left", "right", "left", "up"],
    "object strings": np.array(["left", "right", "left", "up"], dtype=object),
    "object bools": np.array([True, False, True, True], dtype=object),
    "object integers": np.array([5, -1, 5, 5], dtype=object),
    "tensor": torch.tensor([4, 4, -2, 0]),
    "one column": np.array([[1], [2], [1], [9]]),
}

CONTINUOUS = {
    "float64": np.array([0.5, -1.0, 2.0]),
    "float32": np.array([0.5, -1.0, 2.0], dtype=np.float32),
    "float16": np.array([0.5, -1.0, 2.0], dtype=np.float16),
    "big-endian": np.array([0.5, -1.0, 2.0], dtype=">f8"),
    "list": [0.5, -1.0, 2.0],
    "objects": np.array([0.5, -1.0, 2.0], dtype=object),
    "bfloat16": torch.tensor([0.5, -1.0, 2.0], dtype=torch.bfloat16),
    "requires grad": torch.tensor([0.5, -1.0, 2.0], requires_grad=True),
    "negative stride": np.array([2.0, -1.0, 0.5])[::-1],
}

REFUSED = {
    "NaN": ([0.0, np.nan], {}, DataError, r"speed holds NaN or infinity, first in row 1"),
    "infinity": ([[0.0, 1.0], [0.0, -np.inf]], {}, DataError, "first in row 1"),
    "3-D": (np.zeros((2, 2, 2)), {}, DataError, r"shape \(2, 2, 2\)"),
    "0-D": (1.0, {}, DataError, r"shape \(\)"),
    "empty": ([], {}, DataError, "not be empty"),
    "dates": (np.array(["2020-01-01"], "M8[D]"), {}, DataTypeError, r"datetime64\[D\]"),
    "complex": ([1j], {}, DataTypeError, "complex128"),
    "objects": (np.array([{}, 1], object), {}, DataTypeError, "dict, int"),
    "two integer columns": (np.zeros((3, 2), int), {}, DataError, r"shape \(3, 2\)"),
    "uint64 overflow": (np.array([2**63], np.uint64), {}, DataError, "int64"),
    "unknown kind": ([1.0], {"kind": "ordinal"}, DataError, "continuous, circular, categorical"),
    "circular without period": ([1.0], {"kind": "circular"}, DataError, "period=None"),
    "zero period": ([1.0], {"kind": "circular", "period": 0.0}, DataError, r"period=0\.0"),
    "infinite period": ([1.0], {"kind": "circular", "period": np.inf}, DataError, "period=inf"),
    "period of a line": ([1.0], {"period": 1.0}, DataError, "kind='continuous'"),
    "zero period of a line": ([1.0], {"period": 0.0}, DataError, "kind='continuous'"),
    "negative period of a line": ([1.0], {"period": -1.0}, DataError, "kind='continuous'"),
    "period of classes": ([1], {"period": 1.0}, DataError, "kind='categorical'"),
    "zero weight": ([1.0], {"weight": 0.0}, DataError, r"weight of speed .* got 0\.0"),
    "negative weight": ([1.0], {"weight": -1.0}, DataError, r"got -1\.0"),
    "NaN weight": ([1.0], {"weight": np.nan}, DataError, "got nan"),
    "continuous strings": (["a"], {"kind": "continuous"}, DataError, "holds strings"),
}


@pytest.mark.parametrize("name", CATEGORICAL)
def test_categories_are_coded_without_gaps_and_come_back(name):
    values = CATEGORICAL[name]
    label = Label(values)
    given = np.asarray(values).ravel()
    assert label.kind == "categorical"
    assert label.values.dtype == torch.int64
    assert sorted(label.values.unique().tolist()) == list(range(len(set(given.tolist()))))
    assert label.to_numpy().tolist() == given.tolist()
    assert list(label.classes) == sorted(set(given.tolist()))


@pytest.mark.parametrize("name", CONTINUOUS)
def test_floats_are_continuous_whatever_holds_them(name):
    label = Label(CONTINUOUS[name])
    assert label.kind == "continuous"
    assert label.classes is None
    assert label.values.dtype == torch.float64
    np.testing.assert_array_equal(label.to_numpy(), [0.5, -1.0, 2.0])


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("name", REFUSED)
def test_refused_labels_say_why(name):
    values, options, error, message = REFUSED[name]
    with pytest.raises(error, match=message) as caught:
        Label(values, name="speed", **options)
    assert isinstance(caught.value, CebraError)


@pytest.mark.parametrize("period", [1.0, 360.0, 2 * np.pi])
def test_circular_values_are_wrapped_into_one_turn(period):
    values = period * np.array([-0.25, 0.0, 0.5, 1.0, 7.25])
    values = np.append(values, -1e-20)  # its remainder is the period itself, in floating point
    label = Label(values, "circular", period=period)
    assert bool(((label.values >= 0) & (label.values < period)).all())
    expected = period * np.array([0.75, 0.0, 0.5, 0.0, 0.25, 0.0])
    np.testing.assert_allclose(label.to_numpy(), expected, atol=1e-12 * period)


def test_integers_are_continuous_when_told_so():
    label = Label([3, 1, 2], "continuous")
    assert label.values.tolist() == [[3.0], [1.0], [2.0]]


def test_a_part_of_a_label_keeps_the_codes():
    label = Label(["a", "b", "c", "b"])
    part = label[torch.tensor([2, 3])]
    assert part.values.tolist() == [2, 1]
    assert part.to_numpy().tolist() == ["c", "b"]
    assert len(label) == 4


def test_a_label_does_not_share_memory_with_what_was_passed():
    values = np.array([1.0, 2.0])
    label = Label(values)
    values[0] = 9.0
    assert label.to_numpy().tolist() == [1.0, 2.0]


# ------------------------------------------------------------------------------------ recordings


@pytest.mark.parametrize(("left", "right"), [(0, 1), (5, 5), (9, 1), (0, 7)])
def test_offset_spans_left_and_right(left, right):
    assert Offset(left, right).span == left + right


@pytest.mark.parametrize(("left", "right"), [(-1, 2), (0, 0), (3, -1)])
def test_an_offset_contains_its_own_bin(left, right):
    with pytest.raises(DataError, match=f"left={left} and right={right}"):
        Offset(left, right)


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neural": torch.zeros(4)}, r"two-dimensional.*shape \(4,\)"),
        ({"neural": torch.zeros(4, 2, 2)}, r"two-dimensional.*shape \(4, 2, 2\)"),
        ({"neural": torch.full((4, 2), torch.nan)}, "finite"),
        ({"labels": {"speed": np.zeros(5)}}, "speed has 5 and cell has 4"),
        ({"trial": torch.zeros(3)}, "trial has 3 and cell has 4"),
        ({"trial": np.array([0.0, np.nan, 1.0, 1.0])}, "trial holds NaN"),
    ],
)
def test_recordings_that_do_not_fit_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        Recording(**{"neural": torch.zeros(4, 2), "name": "cell", **options})


def test_segments_are_runs_of_equal_trials():
    recording = Recording(torch.zeros(7, 1), trial=torch.tensor([7, 7, 3, 3, 3, 7, 9]))
    assert recording.segments.tolist() == [[0, 2], [2, 5], [5, 6], [6, 7]]
    assert Recording(torch.zeros(7, 1)).segments.tolist() == [[0, 7]]


def _recording():
    return Recording(
        torch.arange(20.0).reshape(10, 2),
        {"place": Label(torch.arange(10.0)), "side": Label(["l", "r"] * 5)},
        trial=torch.tensor([0, 0, 0, 0, 1, 1, 1, 0, 0, 0]),
        bin_s=0.025,
        name="rat",
        source="simulated",
    )


ROWS = {
    "slice": slice(2, 8),
    "step": slice(0, 10, 2),
    "mask": np.array([1, 1, 0, 1, 1, 1, 0, 0, 1, 1], bool),
    "list": [9, 0, 1, 5, 6],
    "tensor": torch.tensor([3, 4, 5]),
}


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("with_trials", [True, False])
def test_bins_of_one_trial_in_a_part_were_neighbours_in_one_trial(rows, with_trials):
    whole = _recording()
    if not with_trials:
        whole = Recording(whole.neural, whole.labels)
    part, chosen = whole[ROWS[rows]], np.arange(10)[ROWS[rows]]
    np.testing.assert_array_equal(part.neural, whole.neural.numpy()[chosen])
    assert part.labels["side"].to_numpy().tolist() == [["l", "r"][t % 2] for t in chosen]
    trial = np.zeros(10) if whole.trial is None else whole.trial.numpy()
    new_trial = np.zeros(len(part)) if part.trial is None else part.trial.numpy()
    for k, (before, now) in enumerate(itertools.pairwise(chosen)):
        neighbours = now - before == 1 and trial[now] == trial[before]
        assert (new_trial[k] == new_trial[k + 1]) == neighbours
    assert (part.bin_s, part.name, part.source) == (whole.bin_s, whole.name, whole.source)


def test_a_contiguous_part_without_trials_has_none():
    assert Recording(torch.zeros(9, 1))[2:7].trial is None


@pytest.mark.usefixtures("without_type_checks")
def test_plain_arrays_become_labels():
    recording = Recording(np.zeros((3, 1)), {"side": ["l", "r", "l"]}, trial=["b", "a", "a"])
    assert repr(recording.labels["side"]) == "Label('side', categorical, shape=(3,))"
    assert recording.segments.tolist() == [[0, 1], [1, 3]]


@pytest.mark.usefixtures("without_type_checks")
def test_read_only_arrays_are_taken_without_a_warning():
    neural = np.ones((5, 2), dtype=np.float32)
    neural.flags.writeable = False
    assert Recording(neural).neural.shape == (5, 2)


# --------------------------------------------------------------------------- indices and batches


@pytest.mark.parametrize("negatives", [(), (3,)])
def test_split_cuts_all_rows_at_the_same_places(negatives):
    rows = torch.arange(7)
    negative = torch.arange(7 * 3).reshape(7, 3) if negatives else rows + 200
    parts = Indices(rows, (rows + 100, rows + 50), negative).split(3)
    assert [len(part.reference) for part in parts] == [3, 3, 1]
    assert torch.equal(torch.cat([part.negative for part in parts]), negative)
    for part in parts:
        assert torch.equal(part.positive[0], part.reference + 100)
        assert torch.equal(part.positive[1], part.reference + 50)


@pytest.mark.parametrize("offset", [Offset(0, 1), Offset(2, 3), Offset(3, 1)])
def test_windows_are_gathered_around_their_bin(offset):
    recording = Recording(torch.arange(40.0).reshape(20, 2))
    rows = torch.tensor([[4, 9], [16, 4], [11, 8]])
    batch = Batch((recording,), Indices(rows[:, 0], (rows[:, 1],), rows), offset)
    assert batch.reference.shape == (3, 2, offset.span)
    assert batch.negative.shape == (3, 2, 2, offset.span)
    for k in range(3):
        for j in range(2):
            t = int(rows[k, j])
            expected = recording.neural[t - offset.left : t + offset.right].T
            assert torch.equal(batch.negative[k, j], expected)
    assert torch.equal(batch.reference, batch.negative[:, 0])
    assert torch.equal(batch.positive[0], batch.negative[:, 1])
