"""Datasets: what users pass, windows at the borders of trials, and labels by name."""

import numpy as np
import pytest
import torch

from cebra_ethan.data.dataset import (
    BehavioralDataset,
    ContrastiveDataset,
    NeuralDataset,
    as_labels,
    as_recording,
)
from cebra_ethan.data.sampling import SAMPLERS, SamplingOptions
from cebra_ethan.errors import DataError, DataTypeError
from cebra_ethan.types import Label, Offset, Recording

VALUES = np.arange(24, dtype=np.float64).reshape(12, 2)


def _frozen(array):
    array = array.copy()
    array.flags.writeable = False
    return array


HELD = {
    "float64": VALUES,
    "float32": VALUES.astype(np.float32),
    "float16": VALUES.astype(np.float16),
    "int": VALUES.astype(int),
    "uint8": VALUES.astype(np.uint8),
    "big-endian": VALUES.astype(">f4"),
    "Fortran": np.asfortranarray(VALUES),
    "negative stride": VALUES[::-1].copy()[::-1],
    "read-only": _frozen(VALUES.astype(np.float32)),
    "list": VALUES.tolist(),
    "tensor": torch.from_numpy(VALUES),
    "bfloat16": torch.from_numpy(VALUES).bfloat16(),
    "gradient": torch.tensor(VALUES, requires_grad=True),
    "recording": Recording(torch.from_numpy(VALUES)),
}

REFUSED = {
    "1-D": (VALUES[:, 0], DataError, r"two-dimensional.*shape \(12,\)"),
    "3-D": (VALUES[None], DataError, r"two-dimensional.*shape \(1, 12, 2\)"),
    "NaN": (np.array([[0.0], [np.nan]]), DataError, r"contains NaN \(1 values.*row 1, column 0"),
    "infinity": (np.array([[0.0, -np.inf]]), DataError, "contains infinity.*row 0, column 1"),
    "too large": (np.array([[1e39]]), DataError, "too large for float32"),
    "strings": (np.array([["a"]]), DataTypeError, "must hold numbers; got dtype <U1"),
    "complex": (np.array([[1j]]), DataTypeError, "got dtype complex128"),
    "masked": (np.ma.masked_equal(VALUES, 3), DataError, "masked array with 1 masked"),
}


@pytest.mark.parametrize("name", HELD)
def test_recordings_hold_float32_whatever_was_passed(name):
    recording = as_recording(HELD[name])
    assert recording.neural.dtype == torch.float32
    assert recording.neural.tolist() == VALUES.tolist()


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("kind", [NeuralDataset, ContrastiveDataset])
@pytest.mark.parametrize("name", REFUSED)
def test_refused_arrays_say_why(name, kind):
    values, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        kind(values)


def test_sparse_arrays_are_refused():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(DataError, match=r"dense; got a sparse matrix\. Call \.toarray"):
        ContrastiveDataset(sparse.csr_array(VALUES))


@pytest.mark.usefixtures("without_type_checks")
def test_lengths_must_agree():
    with pytest.raises(DataError, match="position has 11 and recording has 12"):
        BehavioralDataset(VALUES, {"position": VALUES[:11, 0]})
    with pytest.raises(DataError, match="trial has 5 and recording has 12"):
        ContrastiveDataset(VALUES, trial=np.zeros(5))


@pytest.mark.parametrize("offset", [Offset(0, 1), Offset(2, 3), Offset(30, 30)])
@pytest.mark.parametrize("trial", [None, [0] * 5 + [1] * 1 + [0] * 6])
def test_windows_repeat_the_edge_of_their_trial(offset, trial):
    dataset = NeuralDataset(VALUES, trial=trial, offset=offset)
    borders = [(0, 12)] if trial is None else [(0, 5), (5, 6), (6, 12)]
    assert len(dataset) == 12
    for start, stop in borders:
        padded = np.pad(VALUES[start:stop], ((offset.left, offset.right), (0, 0)), mode="edge")
        for t in range(start, stop):
            window = padded[t - start : t - start + offset.span].T
            assert dataset[t].tolist() == window.tolist()
            assert torch.equal(dataset[t - 12], dataset[t])
    with pytest.raises(IndexError, match="out of range"):
        dataset[12]


def test_a_recording_is_completed_and_keeps_what_it_had():
    recording = Recording(
        torch.zeros(4, 2), {"x": Label([0.0, 1.0, 2.0, 3.0])}, torch.tensor([0, 0, 1, 1]), 0.1, "a"
    )
    same = ContrastiveDataset(recording).recording
    assert same.labels["x"] is recording.labels["x"]
    assert (same.segments.tolist(), same.bin_s, same.name) == ([[0, 2], [2, 4]], 0.1, "a")
    other = ContrastiveDataset(recording, labels={"y": [1, 2, 2, 1]}, trial=[0, 1, 1, 1]).recording
    assert list(other.labels) == ["y"]
    assert other.segments.tolist() == [[0, 1], [1, 4]]


ONE = [0.0, 1.0, 2.0]
LABELS = {
    "one list": (ONE, {"label 0": "continuous"}),
    "one array": (np.array(ONE), {"label 0": "continuous"}),
    "one matrix": (np.zeros((3, 2)), {"label 0": "continuous"}),
    "one tensor": (torch.tensor([1, 2, 1]), {"label 0": "categorical"}),
    "strings": (["a", "b", "a"], {"label 0": "categorical"}),
    "bools": ([True, False, True], {"label 0": "categorical"}),
    "one Label": (Label(ONE, "circular", period=9.0), {"label 0": "circular"}),
    "two": ((np.array(ONE), ["a", "b", "a"]), {"label 0": "continuous", "label 1": "categorical"}),
    "names": ({"x": ONE, "side": [0, 1, 1]}, {"x": "continuous", "side": "categorical"}),
    "Label by name": ({"x": Label(ONE, "circular", period=9.0)}, {"x": "circular"}),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_named_and_typed(name):
    labels, expected = LABELS[name]
    found = as_labels(labels)
    assert {key: label.kind for key, label in found.items()} == expected
    assert {len(label) for label in found.values()} == {3}
    assert list(BehavioralDataset(np.zeros((3, 1)), labels).recording.labels) == list(expected)


@pytest.mark.parametrize("labels", [None, {}])
def test_a_behavioral_dataset_needs_a_label(labels):
    with pytest.raises(DataError, match="needs one label or more; got none"):
        BehavioralDataset(VALUES, labels)


def test_options_reach_the_sampler():
    options = {
        "conditional": "delta_normal",
        "time_offset": 3,
        "num_negatives": 4,
        "delta": 0.5,
        "prior": "empirical",
        "ties": "first",
    }
    sampler = BehavioralDataset(VALUES, VALUES[:, 0], **options).sampler(Offset(2, 2))
    assert sampler.options == SamplingOptions(**options)
    assert type(sampler) is SAMPLERS["continuous", "delta_normal"]
    assert sampler.rows.tolist() == list(range(2, 11))


def test_a_batch_holds_the_windows_of_the_drawn_rows():
    dataset, offset = ContrastiveDataset(VALUES, num_negatives=3), Offset(1, 2)
    indices = dataset.sampler(offset).draw(6, torch.Generator().manual_seed(0))
    batch = dataset.batch(indices, offset)
    assert batch.negative.shape == (6, 3, 2, 3)
    for window, row in zip(batch.reference, indices.reference.tolist(), strict=True):
        assert window.tolist() == VALUES[row - 1 : row + 2].T.tolist()


def test_one_array_is_one_label():
    label = np.linspace(0, 1, 12)
    given = ContrastiveDataset(VALUES, labels=label).recording.labels
    assert list(given) == ["label 0"]
    np.testing.assert_array_equal(given["label 0"].to_numpy(), label)
