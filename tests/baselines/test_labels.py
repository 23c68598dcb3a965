"""How labels enter a prior."""

import numpy as np
import pytest
import torch

from cebra_ethan.baselines.labels import LabelCode
from cebra_ethan.errors import DataError
from cebra_ethan.types import Label


def test_a_single_class_stays_one_and_all_else_becomes_columns():
    assert LabelCode(np.array([3, 5, 3])).num_classes == 2
    assert LabelCode(np.array([[0.5, 1.0, 0.0]])).num_columns == 3
    mixed = LabelCode({"place": [0.5, 0.7], "side": ["l", "r"]})
    assert (mixed.num_classes, mixed.num_columns) == (None, 3)


def test_circular_labels_are_sine_and_cosine():
    code = LabelCode(Label([0.0, 90.0], "circular", period=360.0))
    torch.testing.assert_close(
        code.encode(Label([90.0], "circular", period=360.0)), torch.tensor([[1.0, 0.0]])
    )


def test_classes_keep_their_code_in_other_data():
    code = LabelCode(["a", "b", "c"])
    assert code.encode(["c"]).tolist() == [2]
    with pytest.raises(DataError, match=r"among those of the training.*\['d'\]"):
        code.encode(["d"])


def test_other_labels_are_refused():
    code = LabelCode({"place": [0.5, 0.7]})
    with pytest.raises(DataError, match="must be those of the training"):
        code.encode({"speed": [0.5]})
    with pytest.raises(DataError, match="must be those of the training"):
        code.encode({"place": [1, 2]})
    with pytest.raises(DataError, match="one row for each time bin"):
        code.encode({"place": [0.5]}, num_rows=2)
