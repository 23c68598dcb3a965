"""Several sessions: every mode trains, continues and comes back; sessions share one space."""

import copy
import itertools
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression

from cebra_ethan import CEBRA
from cebra_ethan.data.dataset import as_recording
from cebra_ethan.datasets.hippocampus import simulate_rat
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.estimator.alignment import align_sessions
from cebra_ethan.metrics.consistency import consistency_score
from cebra_ethan.types import Label, Recording
from tests.estimator.examples import make, weights
from tests.estimator.sessions import (
    KINDS,
    LENGTHS,
    NEURONS,
    PLACES,
    SIDES,
    TRIALS,
    WAYS,
    X,
)
from tests.solver.examples import assert_equal

every_kind = pytest.mark.parametrize("kind", KINDS)


def fitted(kind="continuous", way="plain", **params):
    own, labels = KINDS[kind]
    model = make(**{"max_iterations": 4, **own, **WAYS[way], **params})
    return model.fit(X, *(labels or (None,)), trial=TRIALS)


@every_kind
@pytest.mark.parametrize("way", WAYS)
def test_every_mode_trains_and_the_seed_alone_decides(kind, way):
    model, again = (fitted(kind, way, random_state=1) for _ in range(2))
    assert model.num_sessions == model.num_sessions_ == 3
    assert model.n_features_in_ == list(NEURONS)
    assert np.isfinite(model.history_["loss"]).all()
    points = model.transform(X, trial=TRIALS)
    assert [p.shape for p in points] == [(length, 3) for length in LENGTHS]
    for one, same in zip(points, again.transform(X, trial=TRIALS), strict=True):
        np.testing.assert_array_equal(one, same)
    given = (X, *(KINDS[kind][1] or (None,)))
    assert np.isfinite(model.goodness_of_fit(*given, trial=TRIALS, num_batches=2).bits)


@every_kind
def test_each_encoder_is_trained(kind):
    before, after = weights(fitted(kind, learning_rate=1e-12)), weights(fitted(kind))
    other = weights(fitted(kind, random_state=1))
    for session in range(3):
        names = [n for n in before if n.startswith(f"encoders.{session}.")]
        assert names
        assert all(not torch.allclose(before[n], after[n], atol=1e-6) for n in names), session
        assert all(not torch.equal(other[n], after[n]) for n in names), session


@pytest.mark.parametrize("session_id", [0, 1, 2])
@pytest.mark.parametrize("shared", [False, True])
def test_one_session_or_the_list(session_id, shared):
    model = fitted(shared_trunk=shared)
    whole = model.transform(X, trial=TRIALS)[session_id]
    own, trial = X[session_id], TRIALS[session_id]
    np.testing.assert_array_equal(model.transform(own, session_id=session_id, trial=trial), whole)
    (listed,) = model.transform([own], session_id=session_id, trial=[trial])
    np.testing.assert_array_equal(listed, whole)
    encoder = model.model_.encoder(session_id)
    assert encoder.num_neurons == NEURONS[session_id]
    held_out = model.transform(own[:50], session_id=session_id)
    assert held_out.shape == (50, 3)


def test_fit_transform_is_fit_and_transform():
    points = make().fit_transform(X, PLACES, SIDES, trial=TRIALS)
    for one, same in zip(
        points, make().fit(X, PLACES, SIDES, trial=TRIALS).transform(X, trial=TRIALS), strict=True
    ):
        np.testing.assert_array_equal(one, same)


FORMS = {
    "tuple": lambda X, y: (tuple(X), tuple(y), {"trial": tuple(TRIALS)}),
    "tensors": lambda X, y: ([torch.from_numpy(x) for x in X], y, {"trial": TRIALS}),
    "tables": lambda X, y: ([pd.DataFrame(x) for x in X], y, {"trial": TRIALS}),
    "recordings": lambda X, y: (
        [as_recording(*[x], labels={"place": p}, trial=t) for x, p, t in zip(X, y, TRIALS)],  # noqa: B905
        None,
        {},
    ),
    "mappings": lambda X, y: (X, [{"place": p} for p in y], {"trial": TRIALS}),
    "labels": lambda X, y: (X, [Label(p) for p in y], {"trial": TRIALS}),
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_of_sessions_train_the_same(form):
    sessions, labels, trial = FORMS[form](X, PLACES)
    model = make().fit(sessions, labels, **trial)
    expected = make().fit(X, PLACES, trial=TRIALS)
    assert_equal(weights(model), weights(expected))
    for one, same in zip(
        model.transform(sessions, **trial), expected.transform(X, trial=TRIALS), strict=True
    ):
        np.testing.assert_array_equal(one, same)


def test_names_say_which_labels_belong_together_not_their_order():
    names = ("place", "side")
    rows = [dict(zip(names, pair, strict=True)) for pair in zip(PLACES, SIDES, strict=True)]
    turned = [rows[0], *(dict(reversed(row.items())) for row in rows[1:])]
    one, other = (make(max_iterations=4).fit(X, labels) for labels in (rows, turned))
    assert_equal(weights(one), weights(other))
    with pytest.raises(DataError, match=r"need the same labels; session 0 has .place. \+ .side."):
        make().fit(X, [rows[0], {"place": PLACES[1], "turn": SIDES[1]}, rows[2]])


@pytest.mark.usefixtures("without_type_checks")
def test_the_number_of_a_session_may_be_one_of_numpy():
    model = fitted()
    for number in (np.int64(1), np.uint8(1)):
        points = model.transform(X[1], session_id=number, trial=TRIALS[1])
        np.testing.assert_array_equal(points, model.transform(X, trial=TRIALS)[1])


def test_columns_of_tables_may_be_named_alike_or_not():
    tables = [
        pd.DataFrame(x, columns=[f"s{k} cell {n}" for n in range(x.shape[1])])
        for k, x in enumerate(X)
    ]
    assert_equal(weights(make().fit(tables, PLACES)), weights(make().fit(X, PLACES)))
    assert not hasattr(make().fit(tables, PLACES), "feature_names_in_")


def test_a_session_alone_after_several_and_several_after_one():
    one, several = make().fit(X[0], PLACES[0]), make().fit(X, PLACES)
    model = make().fit(X, PLACES).fit(pd.DataFrame(X[0], columns=list("abcdef")), PLACES[0])
    assert_equal(weights(model), weights(one))
    assert (model.num_sessions, model.n_features_in_) == (None, 6)
    model.fit(X, PLACES)
    assert_equal(weights(model), weights(several))
    assert not hasattr(model, "feature_names_in_")


def test_output_as_tables():
    model = make().set_output(transform="pandas").fit(X, PLACES)
    table = model.transform(X[1], session_id=1)
    assert isinstance(table, pd.DataFrame)
    np.testing.assert_array_equal(table, make().fit(X, PLACES).transform(X)[1])
    with pytest.raises(InvalidParameterError, match="set_output makes one table; got 3 sessions"):
        model.transform(X)


# ---------------------------------------------------------------------------- what must be equal


def test_sessions_that_are_one_recording_are_treated_alike():
    """Encoders that begin alike see the same distribution, so they must learn the same map."""
    copies = [X[0]] * 3
    model = make(max_iterations=150, batch_size=64, temperature=0.5, learning_rate=3e-3)
    points = model.fit(copies, [PLACES[0]] * 3).transform(copies)
    alone = make(max_iterations=150, batch_size=64, temperature=0.5, learning_rate=3e-3)
    single = alone.fit(X[0], PLACES[0]).score(X[0], PLACES[0])
    for first, second in itertools.permutations(points, 2):
        assert _unexplained(first, second) < 0.2  # no turn: it is one space
    each = [model.score(X[0], PLACES[0], session_id=k) for k in range(3)]
    np.testing.assert_allclose(each, single, atol=0.35)


def _unexplained(points, other):
    return ((points - other) ** 2).sum() / ((points - points.mean(axis=0)) ** 2).sum()


@every_kind
@pytest.mark.parametrize("way", ["plain", "full batch", "early stopping"])
def test_one_session_in_a_list_is_the_session(kind, way):
    own, labels = KINDS[kind]
    params = {"max_iterations": 3, **own, **WAYS[way]}
    listed = make(**params).fit(X[:1], *(one[:1] for one in labels or ([None],)), trial=TRIALS[:1])
    plain = make(**params).fit(X[0], *(one[0] for one in labels or ([None],)), trial=TRIALS[0])
    assert_equal(weights(listed), weights(plain))
    assert listed.n_features_in_ == plain.n_features_in_ == 6
    assert listed.history_["loss"].tolist() == plain.history_["loss"].tolist()
    (points,) = listed.transform(X[:1], trial=TRIALS[:1])
    np.testing.assert_array_equal(points, plain.transform(X[0], trial=TRIALS[0]))


def test_untrained_sessions_are_at_chance_however_many():
    """`cebra` adds the logarithm of the number of sessions, 2 bits for four."""
    draw = np.random.default_rng(0)
    noise = [draw.normal(size=(400, 5)) for _ in range(4)]
    labels = [draw.normal(size=400) for _ in range(4)]
    model = make(learning_rate=1e-12, max_iterations=1, batch_size=128).fit(noise, labels)
    bits = [model.goodness_of_fit(noise, labels, num_batches=10).bits]
    for k in range(4):
        given = {"session_id": k, "num_batches": 10}
        bits.append(model.goodness_of_fit(noise[k], labels[k], **given).bits)
    assert -0.5 < min(bits) < max(bits) < 0.05  # random weights are a little worse than none


# --------------------------------------------------------------------------- the state of training


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["time", "mixed", "hybrid"])
def test_saved_copied_and_pickled_models_are_the_model_and_go_on(tmp_path, kind, way):
    model = fitted(kind, way)
    model.save(tmp_path / "model.ckpt")
    labels = KINDS[kind][1] or (None,)
    others = [
        CEBRA.load(tmp_path / "model.ckpt"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ]
    points = model.transform(X)
    model.partial_fit(X, *labels, trial=TRIALS)
    for other in others:
        assert other.n_features_in_ == list(NEURONS)
        assert other.num_sessions_ == 3
        for one, same in zip(other.transform(X), points, strict=True):
            np.testing.assert_array_equal(one, same)
        other.partial_fit(X, *labels, trial=TRIALS)
        assert_equal(weights(other), weights(model))


@pytest.mark.parametrize("kind", ["time", "continuous", "all kinds", "hybrid"])
def test_partial_fit_continues_as_one_longer_fit(kind):
    own, labels = KINDS[kind]
    whole = make(max_iterations=9, **own).fit(X, *(labels or (None,)))
    parts = make(max_iterations=4, **own).fit(X, *(labels or (None,)))
    parts.set_params(max_iterations=5).partial_fit(X, *(labels or (None,)))
    assert_equal(weights(parts), weights(whole))


@pytest.mark.parametrize("way", ["plain", "shared trunk", "early stopping", "augmentation"])
def test_a_resumed_fit_equals_an_uninterrupted_one(tmp_path, way):
    params = {"max_iterations": 8, **WAYS[way]}

    def interrupt(step, solver):
        if step == 5:
            raise KeyboardInterrupt("at the cut")

    with pytest.raises(KeyboardInterrupt, match="at the cut"):
        make(**params).fit(X, PLACES, SIDES, logdir=tmp_path, callback=interrupt)
    resumed = make(**params).fit(X, PLACES, SIDES, logdir=tmp_path, resume=True)
    assert_equal(weights(resumed), weights(make(**params).fit(X, PLACES, SIDES)))


def test_a_shared_trunk_stays_shared():
    model = fitted(way="shared trunk", max_iterations=30)
    apart = fitted(max_iterations=30)
    trunk = sum(p.numel() for p in model.model_.encoder(0).parameters()) - 8 * (2 * 6 + 1)
    assert _num_weights(model) == _num_weights(apart) - 2 * trunk
    _check_shared(model)
    _check_shared(copy.deepcopy(model).partial_fit(X, PLACES))
    _check_shared(pickle.loads(pickle.dumps(model)).partial_fit(X, PLACES))


def test_a_shared_trunk_stays_shared_in_a_file(tmp_path):
    model = fitted(way="shared trunk")
    model.save(tmp_path / "model.ckpt")
    loaded = CEBRA.load(tmp_path / "model.ckpt")
    _check_shared(loaded)
    _check_shared(loaded.partial_fit(X, PLACES))
    assert _num_weights(loaded) == _num_weights(model)


def _num_weights(model):
    return sum(p.numel() for p in model.model_.parameters())


def _check_shared(model):
    first, *rest = (dict(one.named_parameters()) for one in model.model_.encoders)
    for one in rest:
        assert {name for name in one if one[name] is not first[name]} == {
            "net.0.weight",
            "net.0.bias",
        }
    inputs = [one["net.0.bias"] for one in (first, *rest)]
    assert not torch.equal(inputs[0], inputs[1])


# -------------------------------------------------------------------------------- what is refused


REFUSED = {
    "fewer sessions": (lambda m: m.transform(X[:2]), DataError, r"must hold 3 .*got 2"),
    "which session": (lambda m: m.transform(X[0]), InvalidParameterError, r"which of 3 .*0 to 2"),
    "neurons in a list": (
        lambda m: m.transform([X[0], X[2], X[1]]),
        DataError,
        r"session 1 was fitted with 9 neurons; got 4",
    ),
    "neurons of one": (
        lambda m: m.transform(X[0], session_id=1),
        DataError,
        r"session 1 was fitted with 9 neurons; got 6",
    ),
    "sessions to go on": (lambda m: m.partial_fit(X[:2], PLACES[:2]), DataError, r"3 .*got 2"),
    "sessions to score": (lambda m: m.score(X[:2], PLACES[:2]), DataError, r"hold 3 .*got 2"),
    "labels to score": (lambda m: m.score(X, PLACES[:2]), DataError, r"y must list .*got 2 for 3"),
    "two to adapt": (lambda m: m.adapt(X[:2], PLACES[:2]), DataError, r"one session is .*got 2"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_refused(what):
    use, error, message = REFUSED[what]
    model = fitted()
    before = weights(model)
    with pytest.raises(error, match=message):
        use(model)
    assert_equal(weights(model), before)


# ----------------------------------------------------------------------------- what is learned


RATS = {
    "model_architecture": "offset5-model",
    "max_iterations": 200,
    "batch_size": 256,
    "num_hidden_units": 16,
    "learning_rate": 3e-3,
    "temperature": 0.5,
    "time_offsets": 10,
}


@pytest.fixture(scope="module")
def rats():
    """Activity, position and direction of two simulated rats with different neurons."""
    found = [simulate_rat(2500, 40, seed=1), simulate_rat(2000, 60, seed=2)]
    neural = [rat.neural.numpy() for rat in found]
    labels = [[r.labels[name].to_numpy() for r in found] for name in ("position", "direction")]
    return [one[:, one.std(axis=0) > 0] for one in neural], *labels


def _one_space(points, position, direction):
    """R2 of the bin means of one session as those of the other, as they are and after a map."""
    edges = np.linspace(0, 1.6, 13)
    means = []
    for one, where, way in zip(points, position, direction, strict=True):
        bins = np.digitize(where, edges) + 100 * (way == "left")
        means.append({k: one[bins == k].mean(axis=0) for k in np.unique(bins)})
    common = sorted(set(means[0]) & set(means[1]))
    first, second = (np.array([one[k] for k in common]) for one in means)
    as_they_are = 1 - _unexplained(first, second)
    return as_they_are, LinearRegression().fit(first, second).score(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_sessions_meet_in_one_space_where_labels_relate_them(rats, shared):
    neural, position, direction = rats
    model = make(**RATS, shared_trunk=shared).fit(neural, position, direction)
    points = model.transform(neural)
    as_they_are, mapped = _one_space(points, position, direction)
    assert as_they_are > 0.7  # no turn was fitted
    assert mapped > 0.8
    labels = list(zip(position, direction, strict=True))
    assert consistency_score(points, labels, num_bins=17).scores.min() > 0.5
    draw = np.random.default_rng(0)
    orders = [draw.permutation(len(one)) for one in position]
    shuffled = [[y[o] for y, o in zip(label, orders, strict=True)] for label in rats[1:]]
    points = make(**RATS, shared_trunk=shared).fit(neural, *shuffled).transform(neural)
    as_they_are, mapped = _one_space(points, position, direction)
    assert as_they_are < 0.2
    assert mapped < 0.6


def test_sessions_of_time_alone_meet_after_alignment(rats):
    neural, position, direction = rats
    model = make(**{**RATS, "model_architecture": "offset10-model"}).fit(neural)
    points = model.transform(neural)
    labels = list(zip(position, direction, strict=True))
    before, _ = _one_space(points, position, direction)
    aligned = align_sessions(points, labels)
    after, _ = _one_space(aligned, position, direction)
    assert after > before + 0.3
    np.testing.assert_array_equal(aligned[0], points[0])
    for one, other in zip(aligned, points, strict=True):  # and it keeps all distances
        np.testing.assert_allclose(
            np.linalg.norm(one[1:] - one[:-1], axis=1),
            np.linalg.norm(other[1:] - other[:-1], axis=1),
            atol=1e-4,
        )
    reference = align_sessions(points, labels, reference=1)
    np.testing.assert_array_equal(reference[1], points[1])


def test_a_known_turn_is_undone():
    draw = np.random.default_rng(0)
    place = np.sort(draw.uniform(0, 1, 200))
    curve = np.stack([np.cos(4 * place), np.sin(4 * place), place], axis=1)
    turn = np.linalg.qr(draw.normal(size=(3, 3)))[0]
    _, second, third = align_sessions(
        [curve, (curve @ turn)[::-1], curve @ turn.T], [place, place[::-1], place], top_k=1
    )
    np.testing.assert_allclose(second[::-1], curve, atol=1e-6)
    np.testing.assert_allclose(third, curve, atol=1e-6)


@pytest.mark.parametrize(
    ("points", "labels", "reference", "message"),
    [
        (2, [PLACES[0]], 0, "2 embeddings, 1 labels and reference=0"),
        (2, PLACES[:2], 2, "reference=2"),
        (2, [PLACES[0], PLACES[1][1:]], 0, "session 1: .*must span the same time bins"),
        (2, [SIDES[0], PLACES[1]], 0, "session 1: "),
    ],
)
def test_what_cannot_be_aligned_is_refused(points, labels, reference, message):
    embeddings = [np.ones((length, 3)) for length in LENGTHS[:points]]
    with pytest.raises(DataError, match=message):
        align_sessions(embeddings, labels, reference)


def test_time_alone_relates_nothing_across_sessions():
    """What one session learns does not depend on the neural data of the others."""
    other = [X[0], X[1][::-1].copy() * 3, X[2] + 5]
    first, second = (make(max_iterations=6).fit(one) for one in (X, other))
    np.testing.assert_array_equal(first.transform(X)[0], second.transform(X)[0])
    by_label = [make(max_iterations=6).fit(one, PLACES).transform(X)[0] for one in (X, other)]
    assert not np.array_equal(*by_label)


def test_no_warning_without_a_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fitted("all kinds", "early stopping")
    assert model.num_sessions_ == len(X)


def test_a_silent_neuron_is_reported_with_its_session():
    silent = X[1].copy()
    silent[:, 3] = 7
    with pytest.warns(UserWarning, match="1 of 9 neurons in session 1 are constant"):
        make().fit([X[0], silent], PLACES[:2])


def test_recordings_of_one_kind_are_sessions_and_keep_their_trials():
    pairs = zip(X, SIDES, strict=True)
    sessions = [Recording(torch.from_numpy(x), {"side": Label(side)}) for x, side in pairs]
    model = make().fit(sessions)
    assert model.label_kinds_ == {"side": "categorical"}
    assert [p.shape for p in model.transform(sessions)] == [(n, 3) for n in LENGTHS]
