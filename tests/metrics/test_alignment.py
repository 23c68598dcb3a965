import tracemalloc

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from cebra_ethan.metrics.alignment import (
    OrthogonalProcrustesAlignment,
    align_embeddings,
    ensemble_embeddings,
)
from cebra_ethan.metrics.consistency import bin_embeddings
from cebra_ethan.types import Label
from tests.reference import alignment as naive

RNG = np.random.default_rng(0)
NUM = {"reference": 70, "embedding": 50}
TURN = ortho_group.rvs(3, random_state=1)


def line(num, seed):
    return np.random.default_rng(seed).uniform(0, 10, size=num)


def plane(num, seed):
    return np.random.default_rng(seed).uniform(0, 10, size=(num, 2))


def curve(label):
    """A point for each value of a label in [0, 10]."""
    label = label.reshape(len(label), -1)
    waves = [np.cos(label).sum(1), np.sin(0.7 * label[:, 0]), 0.1 * label.sum(1)]
    return np.stack(waves, axis=1)


def as_given(values):
    return values


def circular(values):
    return Label(values, "circular", period=10.0)


KINDS = {
    "line": (line, as_given, 0.0),
    "plane": (plane, as_given, 0.0),
    "circle": (line, circular, 10.0),
    "torus": (plane, circular, 10.0),
}


@pytest.mark.parametrize("top_k", [1, 5, 23])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_formula_with_all_distances(kind, top_k):
    draw, label, period = KINDS[kind]
    values, given = draw(70, 0), draw(50, 1)
    y, x = RNG.normal(size=(70, 3)), RNG.normal(size=(50, 3))
    aligner = OrthogonalProcrustesAlignment(top_k).fit(y, x, label(values), label(given))
    distance = naive.label_distances(
        given.reshape(50, -1), values.reshape(70, -1), np.float64(period)
    )
    expected = naive.rotation(y, x, distance, top_k)
    np.testing.assert_allclose(aligner.rotation_, expected, atol=1e-9)


def test_weights_scale_the_distance_of_their_label():
    a, b = plane(70, 0), plane(50, 1)
    y, x = RNG.normal(size=(70, 3)), RNG.normal(size=(50, 3))
    labels = [(Label(v[:, 0], weight=9.0), Label(v[:, 1])) for v in (a, b)]
    aligner = OrthogonalProcrustesAlignment().fit(y, x, *labels)
    expected = naive.rotation(y, x, naive.label_distances(b * [3, 1], a * [3, 1], 0.0), 5)
    np.testing.assert_allclose(aligner.rotation_, expected, atol=1e-9)


def test_classes_are_never_mixed_beside_a_position():
    """Equal to the whole matrix with other classes infinitely far away."""
    a, b = line(70, 0), line(50, 1)
    side, other = (
        np.where(np.random.default_rng(s).random(n) > 0.5, "left", "right")
        for s, n in ((2, 70), (3, 50))
    )
    y, x = RNG.normal(size=(70, 3)), RNG.normal(size=(50, 3))
    distance = naive.label_distances(b[:, None], a[:, None], 0.0)
    distance[other[:, None] != side[None]] = np.inf
    aligner = OrthogonalProcrustesAlignment().fit(y, x, (a, side), {"at": b, "side": other})
    np.testing.assert_allclose(aligner.rotation_, naive.rotation(y, x, distance, 5), atol=1e-9)


def rotation_of(x, y):
    u, _, vt = np.linalg.svd(x.T @ y)
    return u @ vt


def test_the_nearest_rows_are_counted_and_those_of_one_label_averaged():
    """Two rows at 0, two at 1, one at 9: the three nearest to 0.2 are both at 0, half of 1."""
    y = RNG.normal(size=(5, 3))
    x = RNG.normal(size=(2, 3))
    fitted = OrthogonalProcrustesAlignment(3).fit(y, x, np.array([0, 0, 1, 1, 9.0]), [0.2, 8.0])
    at_0, at_1, at_9 = y[:2].mean(axis=0), y[2:4].mean(axis=0), y[4]
    targets = np.stack([(2 * at_0 + at_1) / 3, (at_9 + 2 * at_1) / 3])
    # only the two fitted directions are determined
    np.testing.assert_allclose(x @ fitted.rotation_, x @ rotation_of(x, targets), atol=1e-9)


def test_a_rare_class_of_the_reference_weighs_as_much_as_a_common_one():
    y = RNG.normal(size=(10, 2))
    x = RNG.normal(size=(4, 2))
    label = np.array(["rare"] + ["common"] * 9)
    given = np.array(["rare", "common", "rare", "common"])
    targets = np.where((given == "rare")[:, None], y[0], y[1:].mean(axis=0))
    rotation = OrthogonalProcrustesAlignment(5).fit(y, x, label, given).rotation_
    np.testing.assert_allclose(rotation, rotation_of(x, targets), atol=1e-9)


def test_two_class_labels_are_matched_together():
    pairs = [(0, 1), (1, 0), (2, 2), (0, 3)]  # none of these sums is alone
    a, b = np.array(pairs).T
    y, x = RNG.normal(size=(2, 4, 3))
    rotation = OrthogonalProcrustesAlignment().fit(y, x, (a, b), (a, b)).rotation_
    np.testing.assert_allclose(rotation, rotation_of(x, y), atol=1e-9)


def test_rows_of_a_class_that_the_reference_lacks_are_left_out():
    y, x = RNG.normal(size=(30, 3)), RNG.normal(size=(40, 3))
    names = np.array(["a", "b", "c"])
    label, given = names[np.arange(30) % 2], names[np.arange(40) % 3]
    kept = given != "c"
    first = OrthogonalProcrustesAlignment().fit(y, x, label, given).rotation_
    second = OrthogonalProcrustesAlignment().fit(y, x[kept], label, given[kept]).rotation_
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize(
    "label",
    [
        lambda v: v,
        lambda v: np.stack([v, v**2], axis=1),
        lambda v: circular(v),
        lambda v: np.floor(3 * v).astype(int),
        lambda v: (v, np.where(v > 5, "late", "early")),
    ],
    ids=["line", "columns", "circle", "classes", "both"],
)
def test_a_turned_embedding_is_turned_back(label):
    """Of other bins than the reference's, in another order, and a reflection."""
    u, v = line(2000, 0), line(1500, 1)
    turn = TURN @ np.diag([1, 1, -1])
    aligned = OrthogonalProcrustesAlignment().fit_transform(
        curve(u), curve(v) @ turn, label(u), label(v)
    )
    assert np.abs(aligned - curve(v)).max() < 0.05


@pytest.mark.parametrize("top_k", [1, 5])
def test_without_labels_row_belongs_to_row(top_k):
    """`cebra` takes the row number for a label, and matches rows 1 and 2 steps apart as well."""
    x, y = RNG.normal(size=(2, 40, 3))
    plain = OrthogonalProcrustesAlignment(top_k).fit(y, x).rotation_
    np.testing.assert_allclose(plain, rotation_of(x, y), atol=1e-12)
    index = np.arange(40.0)
    mixed = OrthogonalProcrustesAlignment(top_k).fit(y, x, index, index).rotation_
    assert np.allclose(plain, mixed) == (top_k == 1)


@pytest.mark.parametrize("kind", ["repeats", "classes"])
def test_the_order_of_rows_does_not_matter(kind):
    u, v = line(200, 0), line(150, 1)
    u, v = (np.round(w, 1) if kind == "repeats" else np.floor(w).astype(int) for w in (u, v))
    y, x = RNG.normal(size=(200, 3)), RNG.normal(size=(150, 3))
    order, other = RNG.permutation(200), RNG.permutation(150)
    first = OrthogonalProcrustesAlignment().fit(y, x, u, v).rotation_
    second = OrthogonalProcrustesAlignment().fit(y[order], x[other], u[order], v[other])
    np.testing.assert_allclose(first, second.rotation_, atol=1e-9)


def test_the_matrix_is_orthogonal_and_the_best_of_many():
    x, y = RNG.normal(size=(2, 60, 3))
    best = OrthogonalProcrustesAlignment().fit(y, x)
    np.testing.assert_allclose(best.rotation_ @ best.rotation_.T, np.eye(3), atol=1e-12)
    others = ortho_group.rvs(3, size=200, random_state=0)
    assert ((x @ others - y) ** 2).sum(axis=(1, 2)).min() > ((best.transform(x) - y) ** 2).sum()


def test_subsampling_draws_rows_and_is_repeatable():
    u, v = line(2000, 0), line(1500, 1)
    x = curve(v) @ TURN
    fits = [
        OrthogonalProcrustesAlignment(subsample=n, seed=s).fit(curve(u), x, u, v).rotation_
        for n, s in ((200, 0), (200, 0), (200, 1), (1500, 0), (9999, 0), (None, 0))
    ]
    assert fits[0].tolist() == fits[1].tolist() != fits[2].tolist()
    assert fits[3].tolist() == fits[4].tolist() == fits[5].tolist() != fits[0].tolist()
    for rotation in fits:
        np.testing.assert_allclose(rotation, TURN.T, atol=0.01)


def test_pain27_memory_is_linear_in_the_rows():
    """A distance matrix of these labels would have 2.5e9 entries."""
    num = 50_000
    u, v = np.sort(line(num, 0)), line(num, 1)
    y, x = curve(u), curve(v) @ TURN
    tracemalloc.start()
    aligned = OrthogonalProcrustesAlignment().fit_transform(y, x, u, v)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
    assert np.abs(aligned - curve(v)).max() < 0.01


def test_tensors_are_taken():
    x = RNG.normal(size=(40, 3)).astype(np.float32)
    turned = OrthogonalProcrustesAlignment().fit_transform(torch.tensor(x), torch.tensor(x) * -1)
    np.testing.assert_allclose(turned, x, atol=1e-6)


def test_align_embeddings_is_the_binned_mean():
    u, v = line(3000, 0), line(2000, 1)
    bins = align_embeddings([curve(u), curve(v)], [u, v], n_bins=50)
    expected, _ = bin_embeddings([curve(u), curve(v)], [u, v], 50)
    assert [b.tolist() for b in bins] == [e.tolist() for e in expected]
    assert len(bins[0]) == 49
    raw = align_embeddings([curve(u), curve(v)], [u, v], normalize=False)
    assert not np.allclose(np.linalg.norm(raw[0], axis=1), 1)


@pytest.mark.parametrize("with_labels", [False, True])
def test_an_ensemble_has_less_noise_than_its_members(with_labels):
    u = np.sort(line(1000, 0))
    clean = curve(u)
    rng = np.random.default_rng(0)
    members = [clean + 0.2 * rng.normal(size=clean.shape) @ np.eye(3) for _ in range(8)]
    turned = [m @ ortho_group.rvs(3, random_state=i + 1) for i, m in enumerate(members)]
    turned[0] = members[0]
    joint = ensemble_embeddings(turned, [u] * 8 if with_labels else None)
    assert np.abs(joint - clean).mean() < 0.5 * np.abs(members[0] - clean).mean()


def test_an_ensemble_of_one_turned_embedding_is_itself():
    x = curve(line(100, 0))
    np.testing.assert_allclose(ensemble_embeddings([x, x @ TURN, x @ TURN.T]), x, atol=1e-12)
    unit = ensemble_embeddings([x, x @ TURN], post_norm=True)
    np.testing.assert_allclose(unit, x / np.linalg.norm(x, axis=1, keepdims=True), atol=1e-12)
    assert ensemble_embeddings([x]).tolist() == x.tolist()


X = RNG.normal(size=(20, 3))
U = np.linspace(0, 1, 20)


def fit(*args, **kwargs):
    return OrthogonalProcrustesAlignment(**kwargs).fit(*args)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit(X, X, top_k=0), "top_k must be at least 1 .* got 0 and None"),
        (lambda: fit(X, X, subsample=0), "subsample None or at least 1; got 5 and 0"),
        (lambda: fit(X, X[:, :2]), "the reference has 3 and the embedding 2"),
        (lambda: fit(X, X[:5]), "the reference has 20 rows and the embedding 5. Pass labels"),
        (lambda: fit(X, X, U), "labels must be given for both embeddings or for none"),
        (lambda: fit(X, X, U, U[:5]), "the embedding and its label .* got 20 and 5"),
        (lambda: fit(X, X, U[:5], U), "the reference and its label .* got 20 and 5"),
        (lambda: fit(X, X, U, (U, U)), "the same labels; got 1 for the reference and 2"),
        (lambda: fit(X, X, U, U > 0.5), "two labels must be of one kind"),
        (lambda: fit(X, X, ["a"] * 20, ["b"] * 20), "must share a class to be aligned"),
        (lambda: fit(X * np.nan, X), "the reference must be finite"),
        (lambda: fit(X, X[:, 0]), r"the embedding must be .* got shape \(20,\)"),
        (lambda: OrthogonalProcrustesAlignment().transform(X), "3 dimensions for no fit"),
        (lambda: fit(X, X).transform(X[:, :2]), "2 dimensions for 3"),
        (lambda: ensemble_embeddings([]), r"at least one embedding, all of one shape; got \[\]"),
        (lambda: ensemble_embeddings([X, X[:5]]), r"got \[\(20, 3\), \(5, 3\)\]"),
        (lambda: ensemble_embeddings([X, X], [U]), "for each embedding; got 1 for 2"),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
