"""Decoders as estimators: the score fits the label, and scikit-learn's own checks pass."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import Lasso, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from cebra_ethan.metrics import label_decoders
from cebra_ethan.metrics.scores import circular_r2
from cebra_ethan.types import Label

DECODERS = {name: getattr(label_decoders, name) for name in label_decoders.__all__}
# a penalty of 1 leaves nothing of targets of this size
MAKE = {
    name: (lambda d=d, n=name, **k: d(**({"alpha": 1e-3} if "L1" in n else {}), **k))
    for name, d in DECODERS.items()
}

RNG = np.random.default_rng(0)
ANGLE = np.cumsum(RNG.normal(0.2, 0.3, size=500)) % (2 * np.pi)
X = np.stack([np.cos(ANGLE), np.sin(ANGLE)], axis=1) + 0.05 * RNG.normal(size=(500, 2))
X /= np.linalg.norm(X, axis=1, keepdims=True)
POSITION = np.cos(ANGLE)
SIDE = np.where(np.sin(ANGLE) > 0, "up", "down")
FIT, TEST = slice(None, 400), slice(400, None)


@parametrize_with_checks(
    [decoder() for decoder in DECODERS.values()],
    expected_failed_checks=lambda _: {
        "check_do_not_raise_errors_in_init_or_set_params": "the suite checks argument types"
    },
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("classes", [SIDE, SIDE == "up", (SIDE == "up") * 7, (SIDE == "up") * 1.0])
def test_fault_decoder_score_of_classes_is_the_accuracy(name, classes):
    """`cebra` scores class numbers with R2: 0.04 where three quarters were right."""
    decoder = MAKE[name]().fit(X[FIT], classes[FIT])
    predicted = decoder.predict(X[TEST])
    if classes.dtype.kind == "f":  # floats are no classes
        assert decoder.score(X[TEST], classes[TEST]) == r2_score(classes[TEST], predicted)
        return
    expected = accuracy_score(classes[TEST], predicted)
    assert decoder.score(X[TEST], classes[TEST]) == expected > 0.9
    assert predicted.dtype.kind == classes.dtype.kind


def test_fault_decoder_score_does_not_depend_on_the_numbers_of_classes():
    """One mistake in ten; R2 depends on how the confused ones are numbered."""
    x, truth = np.repeat(np.eye(4), 25, axis=0), np.repeat([0, 1, 2, 3], 25)
    truth[::10] = 0
    scores, r2 = [], []
    for numbers in (np.array([0, 1, 2, 3]), np.array([0, 1000, 2, 3])):
        decoder = label_decoders.KNNDecoder(9).fit(x, numbers[np.repeat([0, 1, 2, 3], 25)])
        scores.append(decoder.score(x, numbers[truth]))
        r2.append(r2_score(numbers[truth], decoder.predict(x)))
    assert scores == [0.93, 0.93]  # three of the ten were zeros already
    assert abs(r2[0] - r2[1]) > 0.05


@pytest.mark.parametrize("name", DECODERS)
def test_the_score_of_numbers_is_r2(name):
    both = np.column_stack([POSITION, 50 * POSITION**2])
    for target in (POSITION, both):
        decoder = MAKE[name]().fit(X[FIT], target[FIT])
        predicted = decoder.predict(X[TEST])
        assert predicted.shape == target[TEST].shape
        assert decoder.score(X[TEST], target[TEST]) == r2_score(target[TEST], predicted)
    assert MAKE[name]().fit(X[FIT], POSITION[FIT]).score(X[TEST], POSITION[TEST]) > 0.9


@pytest.mark.parametrize("name", DECODERS)
def test_the_score_of_a_circle_knows_no_origin(name):
    degrees = np.rad2deg(ANGLE)
    scores = []
    for turn in (0.0, 90.0):
        given = (degrees + turn) % 360
        decoder = MAKE[name](period=360.0).fit(X[FIT], given[FIT])
        predicted = decoder.predict(X[TEST])
        assert ((predicted >= 0) & (predicted < 360)).all()
        scores.append(decoder.score(X[TEST], given[TEST]))
        assert scores[-1] == circular_r2(given[TEST], predicted, 360.0) > 0.9
    assert scores[0] == pytest.approx(scores[1], abs=0.02)


def test_a_label_says_what_it_is():
    label = Label(np.rad2deg(ANGLE), "circular", period=360.0)
    decoder = label_decoders.KNNDecoder()
    by_label = decoder.fit(X[FIT], label[FIT]).score(X[TEST], label[TEST])
    by_array = label_decoders.KNNDecoder(period=360.0).fit(X[FIT], label.to_numpy()[FIT])
    assert by_label == by_array.score(X[TEST], label.to_numpy()[TEST])
    assert decoder.predict(X[TEST]).tolist() == by_array.predict(X[TEST]).tolist()


@pytest.mark.parametrize("y", [POSITION, (SIDE == "up").astype(int)])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_neighbours_are_those_of_scikit_learn(y, metric):
    model = KNeighborsRegressor if y.dtype.kind == "f" else KNeighborsClassifier
    expected = model(4, metric=metric).fit(X[FIT], y[FIT]).predict(X[TEST])
    found = label_decoders.KNNDecoder(4, metric).fit(X[FIT], y[FIT]).predict(X[TEST])
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (label_decoders.L1LinearRegressor(alpha=0.05), Lasso(alpha=0.05)),
        (label_decoders.RidgeDecoder(alpha=0.05), Ridge(alpha=0.05)),
    ],
)
def test_penalties_are_in_the_units_that_were_given(ours, theirs):
    predicted = ours.fit(X[FIT], 9 * POSITION[FIT]).predict(X[TEST])
    expected = theirs.fit(X[FIT], 9 * POSITION[FIT]).predict(X[TEST])
    np.testing.assert_allclose(predicted, expected, atol=1e-12)


@pytest.mark.parametrize("name", DECODERS)
def test_every_setting_of_the_grid_can_be_fitted(name):
    settings = list(DECODERS[name].iter_hyperparams())
    assert len(settings) == np.prod([len(v) for v in DECODERS[name].grid.values()]) > 1
    for setting in settings:
        decoder = clone(DECODERS[name](**setting))
        assert {k: decoder.get_params()[k] for k in setting} == setting
        assert decoder.fit(X[FIT], SIDE[FIT]).predict(X[TEST]).shape == (100,)


def test_scikit_learn_searches_the_grid():
    search = GridSearchCV(label_decoders.RidgeDecoder(), dict(label_decoders.RidgeDecoder.grid))
    assert search.fit(X, POSITION).best_score_ > 0.9
    assert cross_val_score(label_decoders.KNNDecoder(), X, SIDE, cv=3).min() > 0.9


def test_one_seed_is_one_perceptron():
    first, second, other = (
        label_decoders.MLPDecoder(random_state=s, max_iter=3).fit(X, POSITION).predict(X)
        for s in (0, 0, 1)
    )
    assert first.tolist() == second.tolist() != other.tolist()


def test_tensors_are_taken():
    x, y = torch.tensor(X, requires_grad=True), torch.tensor(POSITION)
    decoder = label_decoders.KNNDecoder().fit(x[FIT], y[FIT])
    expected = label_decoders.KNNDecoder().fit(X[FIT], POSITION[FIT])
    assert decoder.score(x[TEST], y[TEST]) == expected.score(X[TEST], POSITION[TEST])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: label_decoders.KNNDecoder().fit(X, SIDE[:5]),
            "inconsistent numbers .* 500 and 5",
        ),
        (lambda: label_decoders.KNNDecoder().fit(X, None), "target y is None. Pass the label"),
        (lambda: label_decoders.KNNDecoder().predict(X), "not fitted yet"),
        (lambda: label_decoders.KNNDecoder(period=1.0).fit(X, SIDE), "needs numbers"),
        (
            lambda: label_decoders.KNNDecoder().fit(X, POSITION).score(X, X),
            "two labels must be of one kind|consistent|shape",
        ),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
