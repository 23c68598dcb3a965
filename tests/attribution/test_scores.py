"""Scores of maps against pair counting, plain formulas, and matrices that are no inverses."""

import numpy as np
import pytest

from cebra_ethan.attribution.inverse import pseudo_inverse
from cebra_ethan.attribution.scores import attribution_metrics, attribution_score, moore_penrose
from cebra_ethan.errors import DataError, DataTypeError
from tests.reference import attribution as reference

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.random((3, 40)) < 0.4
VALUES = RANDOM.normal(size=TRUTH.shape) + TRUTH


@pytest.mark.parametrize("values", [VALUES, VALUES.round(0), np.zeros_like(VALUES)])
def test_score_is_the_share_of_pairs_in_order(values):
    expected = reference.area_under_curve(values, TRUTH)
    assert attribution_score(values, TRUTH) == pytest.approx(expected, abs=1e-12)


def test_score_does_not_see_signs_or_scale():
    flipped = -3 * VALUES
    assert attribution_score(flipped, TRUTH) == attribution_score(VALUES, TRUTH)


def test_groups_average_their_dimensions():
    values = RANDOM.normal(size=(5, 40))
    grouped = np.stack([np.abs(values[:2]).mean(0), np.abs(values[2:4]).mean(0), abs(values[4])])
    found = attribution_score(values, TRUTH, [slice(0, 2), [2, 3], slice(4, 5)])
    assert found == attribution_score(grouped, TRUTH)


def test_metrics_are_what_they_are_called():
    found = attribution_metrics(VALUES, TRUTH)
    yes, no = VALUES[TRUTH], VALUES[~TRUTH]
    assert found == {
        "max_connected": yes.max(),
        "mean_connected": yes.mean(),
        "min_connected": yes.min(),
        "max_nonconnected": no.max(),
        "mean_nonconnected": no.mean(),
        "min_nonconnected": no.min(),
        "gap_max": yes.max() - no.max(),
        "gap_mean": yes.mean() - no.mean(),
        "gap_min": yes.min() - no.min(),
        "gap_minmax": yes.min() - no.max(),
        "max_jacobian": VALUES.max(),
        "min_jacobian": VALUES.min(),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_pseudo_inverse_meets_all_conditions(dtype):
    import torch

    matrices = torch.from_numpy(RANDOM.normal(size=(20, 3, 12)).astype(dtype))
    assert moore_penrose(matrices.numpy(), pseudo_inverse(matrices).numpy()).all()


def test_each_condition_can_fail_alone():
    matrix = np.diag([1.0, 0.0])
    cases = {
        0: np.zeros((2, 2)),  # J A J is 0 instead of J
        1: np.eye(2),  # A J A is not A
        2: np.array([[1.0, 1.0], [0.0, 0.0]]),  # J A is not symmetric
        3: np.array([[1.0, 0.0], [1.0, 0.0]]),  # A J is not symmetric
    }
    for broken, inverse in cases.items():
        found = moore_penrose(matrix[None], inverse.T[None])[0]
        assert found.tolist() == [condition != broken for condition in range(4)]


@pytest.mark.parametrize("function", [attribution_score, attribution_metrics])
@pytest.mark.parametrize(
    ("values", "truth", "error", "message"),
    [
        (VALUES, TRUTH.astype(int), DataTypeError, "must be boolean; got dtype int64"),
        (VALUES[:2], TRUTH, DataError, r"one shape; got \(2, 40\) and \(3, 40\). Average"),
        (VALUES, np.ones_like(TRUTH), DataError, "all 120 are of one kind"),
        (np.where(TRUTH, np.nan, VALUES), TRUTH, DataError, r"must be finite; got \d+ values"),
    ],
)
@pytest.mark.usefixtures("without_type_checks")
def test_wrong_pairs_are_named(function, values, truth, error, message):
    with pytest.raises(error, match=message):
        function(values, truth)


@pytest.mark.usefixtures("without_type_checks")
def test_an_inverse_that_is_not_transposed_is_refused():
    with pytest.raises(DataError, match=r"one shape.*got \(1, 2, 3\) and \(1, 3, 2\)"):
        moore_penrose(np.ones((1, 2, 3)), np.ones((1, 3, 2)))
