"""What users pass: tables, labels of every form, one session in a list."""

import numpy as np
import pandas as pd
import pytest
import torch

from cebra_ethan.data.dataset import as_labels
from cebra_ethan.errors import DataError
from cebra_ethan.estimator.inputs import as_sessions, user_labels
from cebra_ethan.types import Label
from tests.estimator.examples import ANGLE, NEURAL, PLACE, SIDE, make, weights
from tests.solver.examples import assert_equal

NAMES = [f"cell {k}" for k in range(6)]
TABLE = pd.DataFrame(NEURAL, columns=NAMES, index=pd.RangeIndex(1000, 1300))


def _kinds(*given):
    return {name: label.kind for name, label in user_labels(*given).items()}


def test_neurons_of_a_table_keep_their_names():
    model = make().fit(TABLE, ANGLE)
    assert model.feature_names_in_.tolist() == NAMES
    np.testing.assert_array_equal(model.transform(TABLE), make().fit_transform(NEURAL, ANGLE))


def test_neurons_in_another_order_are_refused():
    model = make().fit(TABLE)
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(TABLE[NAMES[::-1]])


def test_output_as_a_table():
    model = make().set_output(transform="pandas").fit(TABLE)
    table = model.transform(TABLE)
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == ["cebra0", "cebra1", "cebra2"]
    assert table.index.equals(TABLE.index)
    np.testing.assert_array_equal(table, make().fit(TABLE).transform(TABLE))


def test_names_of_the_output_are_those_of_the_fitted_model():
    model = make().fit(NEURAL)
    assert model.get_feature_names_out().tolist() == ["cebra0", "cebra1", "cebra2"]
    assert len(model.set_params(output_dimension=5).get_feature_names_out()) == 3


@pytest.mark.parametrize(
    "form",
    [
        lambda y: y,
        lambda y: y[:, None],
        lambda y: y.tolist(),
        lambda y: torch.from_numpy(y),
        lambda y: pd.Series(y, index=range(7, 307)),
        lambda y: pd.DataFrame({"angle": y}),
        lambda y: Label(y),
        lambda y: {"angle": y},
        lambda y: {"angle": Label(y)},
        lambda y: np.asfortranarray(np.column_stack([y, y]))[:, :1],
    ],
)
def test_all_forms_of_a_label_train_the_same(form):
    assert_equal(weights(make().fit(NEURAL, form(ANGLE))), weights(make().fit(NEURAL, ANGLE)))


@pytest.mark.parametrize(
    "form",
    [
        lambda X: X.astype(np.float64),
        lambda X: torch.from_numpy(X),
        lambda X: np.asfortranarray(X),
        lambda X: X.astype(np.uint8),  # the simulated counts are whole numbers
    ],
)
def test_all_forms_of_activity_train_the_same(form):
    model = make().fit(form(NEURAL))
    assert model.n_features_in_ == 6
    assert_equal(weights(model), weights(make().fit(NEURAL)))
    np.testing.assert_array_equal(model.transform(form(NEURAL)), model.transform(NEURAL))


def test_one_session_in_lists_trains_like_the_session():
    trial = np.repeat([0, 1], 150)
    listed = make().fit([NEURAL], [PLACE], [SIDE], trial=[trial])
    assert_equal(weights(listed), weights(make().fit(NEURAL, PLACE, SIDE, trial=trial)))
    assert listed.score([NEURAL], [PLACE], [SIDE], trial=[trial]) == listed.score(
        NEURAL, PLACE, SIDE, trial=trial
    )
    (points,) = listed.transform((NEURAL,))
    np.testing.assert_array_equal(points, listed.transform(NEURAL))
    assert listed.n_features_in_ == 6
    assert listed.partial_fit([NEURAL], [PLACE], [SIDE]).solver_.num_steps == 10


def test_a_list_of_rows_is_no_list_of_sessions():
    rows = NEURAL[:20].tolist()
    assert as_sessions(rows, None, (), None)[0].X is rows
    assert make().fit(rows).n_features_in_ == 6


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([NEURAL, NEURAL], [PLACE], "y must list one entry for each session; got 1 for 2"),
        ([NEURAL], [PLACE, PLACE], "y must list one entry for each session; got 2 for 1"),
    ],
)
def test_several_sessions_are_refused(X, y, message):
    with pytest.raises(DataError, match=message):
        make().fit(X, y)


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        ((), {}),
        ((None,), {}),
        ((ANGLE,), {"label 0": "continuous"}),
        ((ANGLE, None, SIDE), {"label 0": "continuous", "label 1": "categorical"}),
        ((ANGLE.astype(np.float16),), {"label 0": "continuous"}),
        ((ANGLE.astype(np.int8),), {"label 0": "categorical"}),
        ((np.where(SIDE, "a", "b"),), {"label 0": "categorical"}),
        ((pd.Series(SIDE).map({True: "in", False: "out"}),), {"label 0": "categorical"}),
        (({"angle": Label(ANGLE, "circular", period=6.28)},), {"angle": "circular"}),
        ((Label(ANGLE, name="angle"), SIDE), {"angle": "continuous", "label 1": "categorical"}),
        ((Label(ANGLE), Label(SIDE)), {"label 0": "continuous", "label 1": "categorical"}),
        (({"a": ANGLE}, {"b": SIDE}, PLACE), dict(a="continuous", b="categorical")),
    ],
)
def test_labels_keep_their_names_and_kinds(given, kinds):
    found = _kinds(*given)
    assert kinds.items() <= found.items()
    assert len(found) == len([one for one in given if one is not None])


def test_columns_of_a_table_keep_their_own_kinds():
    table = pd.DataFrame({"angle": ANGLE, "side": SIDE, 3: SIDE.astype(int)})
    expected = {"angle": "continuous", "side": "categorical", "3": "categorical"}
    assert _kinds(table) == expected
    assert {k: v.kind for k, v in as_labels(table).items()} == expected
    model = make().fit(NEURAL, table)
    assert model.label_kinds_ == expected
    assert_equal(weights(model), weights(make().fit(NEURAL, ANGLE, SIDE, SIDE * 1)))


def test_a_table_of_numbers_is_searched_like_an_array():
    table = pd.DataFrame(PLACE, columns=["x", "y"])
    assert_equal(weights(make().fit(NEURAL, table)), weights(make().fit(NEURAL, PLACE)))


def test_two_labels_of_one_name_are_refused():
    with pytest.raises(DataError, match="each label must have a name of its own; got 'a' twice"):
        user_labels({"a": ANGLE}, {"a": SIDE})


def test_circular_labels_wrap():
    degrees = np.degrees(ANGLE) % 360
    plain, circular, turned = (
        weights(make(max_iterations=10, batch_size=64).fit(NEURAL, label))
        for label in (
            degrees,
            Label(degrees, "circular", period=360.0),
            Label(degrees + 360 * SIDE, "circular", period=360.0),
        )
    )
    assert not torch.equal(plain["net.0.weight"], circular["net.0.weight"])
    for name, value in circular.items():
        torch.testing.assert_close(turned[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("session_id", [None, 0])
def test_the_only_session_has_the_number_zero(session_id):
    model = make().fit(NEURAL)
    assert model.transform(NEURAL, session_id=session_id).shape == (300, 3)
    with pytest.raises(ValueError, match="session_id must be None or 0"):
        model.transform(NEURAL, session_id=1)


@pytest.mark.parametrize("nothing", [None, [], ()])
def test_nothing_is_no_activity(nothing):
    with pytest.raises(
        DataError, match=r"X must be activity of shape \(time bins, neurons\); got"
    ):
        make().fit(nothing)


def test_a_session_without_activity_is_named():
    with pytest.raises(DataError, match="session 1 must be activity of shape"):
        make().fit([NEURAL, None])
