import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, r2_score

from cebra_ethan.metrics.scores import (
    Scores,
    as_label,
    chance_prediction,
    circular_difference,
    circular_median,
    circular_r2,
    score_predictions,
)
from cebra_ethan.types import Label
from tests.reference import circular as naive


@pytest.mark.parametrize(("a", "b", "error"), [(359.0, 1.0, 2.0), (10.0, 190.0, 180.0)])
def test_circular_error_goes_the_short_way(a, b, error):
    label = Label([a], "circular", period=360.0)
    assert score_predictions(label, np.array([b])).mean_error == error
    assert score_predictions(label, np.array([b + 720.0])).mean_error == error


@pytest.mark.parametrize("period", [1.0, 360.0])
def test_circular_difference_is_the_arc(period):
    a, b = np.random.default_rng(0).uniform(-2 * period, 2 * period, size=(2, 200))
    difference = circular_difference(a, b, period)
    arcs = [naive.arc(x, y, period) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(np.abs(difference), arcs, atol=1e-9)
    turns = (b + difference - a) / period
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-9)


@pytest.mark.parametrize("num", [1, 2, 3, 10, 51])
@pytest.mark.parametrize("seed", range(5))
def test_circular_median_is_the_best_of_all_values(num, seed):
    values = np.random.default_rng(seed).uniform(0, 24, size=num)
    arcs = naive.mean_arcs(values, 24.0)
    median = circular_median(values, 24.0)
    assert median in values
    assert arcs[int(np.flatnonzero(values == median)[0])] == pytest.approx(min(arcs), abs=1e-9)


def test_circular_median_turns_with_the_values():
    values = np.random.default_rng(0).vonmises(0, 2, size=101)
    turned = circular_median(values + 3, 2 * np.pi)
    expected = (circular_median(values, 2 * np.pi) + 3) % (2 * np.pi)
    assert turned == pytest.approx(expected)


def test_continuous_scores():
    rng = np.random.default_rng(0)
    true, predicted = rng.normal(size=(2, 40, 2))
    score = score_predictions(Label(true), predicted)
    assert score.r2 == pytest.approx(r2_score(true, predicted))
    lengths = [np.hypot(*row) for row in predicted - true]
    assert score.median_error == pytest.approx(np.median(lengths))
    assert score.mean_error == pytest.approx(np.mean(lengths))
    assert score.column_mean_error == pytest.approx(np.abs(predicted - true).mean(axis=0))
    assert score.column_median_error == pytest.approx(np.median(np.abs(predicted - true), axis=0))


def test_one_column_has_the_absolute_error():
    score = score_predictions(Label([0.0, 1.0, 5.0]), np.array([0.0, 3.0, 0.0]))
    assert (score.median_error, score.mean_error) == (2.0, pytest.approx(7 / 3))
    assert score.column_median_error == (2.0,)


def test_class_scores():
    rng = np.random.default_rng(0)
    true, predicted = rng.choice(["a", "b", "c"], p=[0.7, 0.2, 0.1], size=(2, 100))
    score = score_predictions(Label(true), predicted)
    assert score.accuracy == np.mean(true == predicted)
    assert score.balanced_accuracy == pytest.approx(balanced_accuracy_score(true, predicted))


def test_a_class_that_is_only_predicted_counts_as_wrong():
    score = score_predictions(Label(["a", "b"]), np.array(["a", "z"]))
    assert (score.accuracy, score.balanced_accuracy) == (0.5, 0.5)


def test_a_constant_label_has_no_r2():
    assert np.isnan(score_predictions(Label([1.0, 1.0]), np.array([1.0, 2.0])).r2)


@pytest.mark.parametrize(
    ("label", "guess"),
    [
        (Label([1.0, 2.0, 9.0]), 2.0),
        (Label([[1.0, 0.0], [2.0, 5.0], [9.0, 1.0]]), [2.0, 1.0]),
        (Label([350.0, 10.0, 0.0], "circular", period=360.0), 0.0),
        (Label([7, 7, 3]), 7),
    ],
)
def test_chance_is_the_best_constant(label, guess):
    prediction = chance_prediction(label, 4)
    assert prediction.tolist() == [guess] * 4
    if label.kind != "categorical":
        rng = np.random.default_rng(0)
        error = score_predictions(label, chance_prediction(label, 3)).column_mean_error
        for other in rng.uniform(0, 10, size=(50, 3, *np.shape(guess))):
            constant = np.broadcast_to(other[0], prediction[:3].shape)
            assert (
                np.array(error) <= np.array(score_predictions(label, constant).column_mean_error)
            ).all()


def test_summary_holds_what_applies():
    assert set(score_predictions(Label([1.0, 2.0]), np.array([1.0, 2.0])).summary()) == {
        "median_error",
        "mean_error",
        "r2",
    }
    assert Scores().summary() == {}


def test_an_array_takes_the_kind_of_another_label():
    like = Label([1, 2, 3], "circular", period=4.0)
    label = as_label(np.array([5, 6]), like=like)
    assert (label.kind, label.period, label.to_numpy().tolist()) == ("circular", 4.0, [1.0, 2.0])


@pytest.mark.parametrize(
    "other",
    [
        Label([1, 2]),
        Label([1.0, 2.0], "circular", period=2.0),
        Label([[1.0, 2.0]]),
    ],
)
def test_labels_of_two_kinds_do_not_compare(other):
    with pytest.raises(ValueError, match="two labels must be of one kind"):
        as_label(other, like=Label([1.0, 2.0]))


def test_predictions_have_the_shape_of_the_label():
    with pytest.raises(ValueError, match="must have the shape of the label"):
        score_predictions(Label([1.0, 2.0]), np.zeros(3))


def test_circular_r2_is_one_zero_and_below_where_it_should_be():
    rng = np.random.default_rng(0)
    true = rng.vonmises(1.0, 2.0, size=500)
    period = 2 * np.pi
    centre = np.angle(np.exp(1j * true).mean())
    assert circular_r2(true, true + period, period) == 1
    assert circular_r2(true, np.full(500, centre), period) == pytest.approx(0)
    guesses = [circular_r2(true, np.full(500, g), period) for g in np.linspace(-3, 3, 50)]
    assert max(guesses) < 0  # the circular mean is the best constant
    assert circular_r2(true, true + np.pi, period) < -1


def test_circular_r2_of_small_arcs_is_r2():
    """1 - cos x is x^2 / 2 there; and it does not matter where the circle begins."""
    rng = np.random.default_rng(0)
    true = 0.01 * rng.normal(size=(200, 2))
    predicted = true + 0.004 * rng.normal(size=(200, 2))
    expected = 1 - (((true - predicted) ** 2).sum(0) / ((true - true.mean(0)) ** 2).sum(0)).mean()
    for start in (0.0, 180.0, 359.999):
        turned = circular_r2((true + start) % 360, (predicted + start) % 360, 360.0)
        assert turned == pytest.approx(expected, rel=1e-6)
    assert np.isnan(circular_r2(np.ones(5), true[:5, 0], 360.0))
