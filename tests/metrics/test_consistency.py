from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ortho_group

from cebra_ethan.metrics.consistency import bin_embeddings, consistency_score, linear_r2
from cebra_ethan.types import Label
from tests.reference import consistency as naive

GOLDEN = Path(__file__).parents[1] / "golden_metrics" / "consistency.npz"


def noisy(num, dims, seed):
    """An embedding of a label in [0, 1) with noise, `(num, dims)` and `(num,)`."""
    rng = np.random.default_rng(seed)
    label = rng.uniform(size=num)
    features = np.stack([label, np.sin(6 * label), label**2], axis=1)
    return features @ rng.normal(size=(3, dims)) + 0.1 * rng.normal(size=(num, dims)), label


def test_r2_is_that_of_linear_regression():
    rng = np.random.default_rng(0)
    points = [rng.normal(size=(40, d)) for d in (1, 3, 2)]
    points[1][:, 2] = points[0][:, 0] * 2 + 1
    np.testing.assert_allclose(linear_r2(points), naive.r2_of_pairs(points), atol=1e-12)


@pytest.mark.parametrize("dims", [2, 3, 8])
def test_a_rotated_scaled_and_moved_embedding_is_the_same(dims):
    x = np.random.default_rng(0).normal(size=(100, dims))
    turned = 3 * x @ ortho_group.rvs(dims, random_state=0) + 5
    np.testing.assert_allclose(consistency_score([x, turned]).scores, 1, atol=1e-12)


def test_unrelated_embeddings_score_what_chance_gives():
    """R2 of D regressors on M points is D / (M - 1) in expectation; on held-out points below 0."""
    points = [np.random.default_rng(s).normal(size=(101, 4)) for s in range(12)]
    assert consistency_score(points).scores.mean() == pytest.approx(4 / 100, abs=0.005)
    assert consistency_score(points, num_folds=5).scores.mean() < 0


def test_one_dimension_is_symmetric():
    x, y = np.random.default_rng(0).normal(size=(2, 50, 1))
    forth, back = consistency_score([x, y]).scores
    assert forth == pytest.approx(back) == pytest.approx(np.corrcoef(x.T, y.T)[0, 1] ** 2)


def test_more_dimensions_explain_fewer_and_not_the_reverse():
    x = np.random.default_rng(0).normal(size=(50, 4))
    result = consistency_score([x, x[:, :1]])
    assert result.scores[0] == pytest.approx(1)
    assert result.scores[1] < 0.5
    assert result.dimensions == (4, 1)


def test_held_out_points_are_predicted_from_the_rest():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30, 2))
    predicted = np.empty_like(y)
    for part in np.array_split(np.arange(30), 4):
        rest = np.setdiff1d(np.arange(30), part)
        design = np.column_stack([np.ones(30), x])
        predicted[part] = design[part] @ np.linalg.lstsq(design[rest], y[rest], rcond=None)[0]
    expected = 1 - ((y - predicted) ** 2).sum(0) / ((y - y.mean(0)) ** 2).sum(0)
    score = consistency_score([x, y], num_folds=4)
    assert score.scores[0] == pytest.approx(expected.mean())
    assert score.num_folds == 4


@pytest.mark.parametrize("num_bins", [100, 40])
def test_equals_cebra_between_datasets(num_bins):
    """Stored results of cebra 0.6.1; the labels have a gap that two bins of widening fill."""
    with np.load(GOLDEN) as golden:
        embeddings = [golden[f"embedding_{i}"] for i in range(3)]
        labels = [golden[f"label_{i}"] for i in range(3)]
        result = consistency_score(embeddings, labels, ["a", "b", "c"], num_bins=num_bins)
        np.testing.assert_allclose(result.scores, golden[f"datasets_{num_bins}"], atol=1e-12)
        assert result.pairs.tolist() == golden["pairs"].tolist()
    assert (result.num_points, result.num_left_out) == (num_bins - 1, 0)


def test_equals_cebra_between_repeated_datasets_and_runs():
    with np.load(GOLDEN) as golden:
        embeddings = [golden[f"embedding_{i}"] for i in range(3)]
        labels = [golden[f"label_{i}"] for i in range(3)]
        repeated = consistency_score(embeddings, labels, ["a", "b", "a"])
        np.testing.assert_allclose(repeated.scores, golden["datasets_repeated"], atol=1e-12)
        runs = consistency_score([x[:260] for x in embeddings], between="runs")
        np.testing.assert_allclose(runs.scores, golden["runs"], atol=1e-12)
    assert repeated.pairs.tolist() == [["a", "b"], ["b", "a"]]


def test_matrix_holds_the_scores_and_no_diagonal():
    result = consistency_score(*zip(*[noisy(300, 3, s) for s in range(3)], strict=True))
    assert np.isnan(np.diag(result.matrix)).all()
    for (i, j), score in zip(result.pairs, result.scores, strict=True):
        assert result.matrix[i, j] == score


def test_bins_are_those_of_the_naive_formula():
    (x, u), (y, v) = noisy(150, 2, 0), noisy(200, 2, 1)
    u[(u > 0.5) & (u < 0.53)] = 0.5  # bins that only widening can fill
    means, left_out = bin_embeddings([x, y], [u, v], 60, normalize=False)
    low, high = min(u.min(), v.min()), max(u.max(), v.max())
    expected = naive.bin_means(x, u, np.linspace(low, high, 60))
    assert left_out == 0
    np.testing.assert_allclose(means[0], expected, atol=1e-12)


def test_a_gap_wider_than_the_filling_is_left_out_for_all():
    (x, u), (y, v) = noisy(3000, 2, 0), noisy(3000, 2, 1)
    keep = (u < 0.4) | (u > 0.5)
    means, left_out = bin_embeddings([x[keep], y], [u[keep], v], 101)
    edges = np.linspace(min(u.min(), v.min()), max(u.max(), v.max()), 101)
    missing = [mean is None for mean in naive.bin_means(x[keep], u[keep], edges)]
    assert left_out == sum(missing) == pytest.approx(6, abs=1)  # ten bins less two on each side
    assert len(means[0]) == len(means[1]) == 100 - left_out


def test_classes_are_bins_and_never_fill_each_other():
    x = np.arange(12.0).reshape(6, 2)
    labels = [["a", "b", "b", "c", "d", "d"], ["a", "a", "b", "d", "d", "d"]]
    (first, second), left_out = bin_embeddings([x, 10 * x], labels, normalize=False)
    assert left_out == 1
    assert first.tolist() == [[0, 1], [3, 4], [9, 10]]
    assert second.tolist() == [[10, 20], [40, 50], [80, 90]]


def test_eight_classes_give_a_score():
    """`cebra` fails here, for it spreads the eight values over a hundred bins."""
    rng = np.random.default_rng(0)
    labels = [rng.integers(0, 8, size=400) for _ in range(2)]
    angle = [2 * np.pi * label / 8 + 0.05 * rng.normal(size=400) for label in labels]
    circles = [np.stack([np.cos(a + s), np.sin(a + s)], axis=1) for s, a in enumerate(angle)]
    result = consistency_score(circles, labels)
    assert result.num_points == 8
    assert (result.scores > 0.99).all()


CLASSES = {
    "gapped": np.array([0, 5, 6, 1000, 70_000, 70_001]),
    "negative": np.array([-40, -3, -2, 0, 9, 10]),
    "strings": np.array(["left", "right", "up", "down", "wait", "go"]),
    "floats": np.array([0.0, 0.1, 0.2, 7.0, 7.1, 90.0]),
}


@pytest.mark.parametrize("between", ["datasets", None])
@pytest.mark.parametrize("kind", CLASSES)
def test_fault15_few_classes_with_gaps_or_names_are_compared(kind, between):
    """`cebra` raises unless the classes fill nearly every one of a hundred bins."""
    rng = np.random.default_rng(0)
    codes = [rng.integers(0, 6, size=300) for _ in range(2)]
    centres = rng.normal(size=(6, 2))
    points = [centres[c] @ t for c, t in zip(codes, (np.eye(2), np.diag([2, -1])), strict=True)]
    labels = [Label(CLASSES[kind][c], "categorical") for c in codes]
    result = consistency_score(points, labels, ["rat", "mouse"], between, normalize=False)
    assert (result.num_points, result.num_left_out) == (6, 0)
    np.testing.assert_allclose(result.scores, 1)
    assert result.pairs.tolist() == [["rat", "mouse"], ["mouse", "rat"]]


def test_fault15_only_classes_of_both_datasets_count():
    rng = np.random.default_rng(0)
    codes = [rng.choice([0, 2, 3, 5, 7, 9], 300), rng.choice([0, 3, 5, 6, 7, 9], 300)]
    centres = rng.normal(size=(10, 2))
    result = consistency_score([centres[c] for c in codes], codes, normalize=False)
    assert (result.num_points, result.num_left_out) == (5, 2)
    np.testing.assert_allclose(result.scores, 1)


def test_pain30_scores_of_repeats_stand_at_their_pair():
    """Four embeddings of two datasets, the second the poorer one: each score at its own place."""
    x = np.random.default_rng(0).normal(size=(400, 3))
    u = np.linspace(0, 1, 400)
    poor = x[:, :1]
    result = consistency_score(
        [x, poor, x @ np.diag([1, 2, 3]), -poor],
        [u] * 4,
        ["full", "poor", "full", "poor"],
        normalize=False,
    )
    scores = {tuple(pair): score for pair, score in zip(result.pairs, result.scores, strict=True)}
    assert list(scores) == [("full", "poor"), ("poor", "full")]
    assert scores["full", "poor"] == pytest.approx(1)
    assert scores["poor", "full"] == pytest.approx(1 / 3, abs=0.05)


def test_two_columns_are_joint_bins():
    rng = np.random.default_rng(0)
    places = [rng.uniform(size=(6000, 2)) for _ in range(2)]
    points = [np.column_stack([p, p[:, 0] * p[:, 1]]) for p in places]
    result = consistency_score(points, places, num_bins=11, normalize=False)
    assert (result.num_points, result.num_left_out) == (100, 0)
    assert (result.scores > 0.99).all()


def test_circular_bins_fill_around_the_circle():
    label = Label([0.5, 3.5, 7.5], "circular", period=10.0)
    x = np.array([[1.0], [2.0], [3.0]])
    (means, _), left_out = bin_embeddings([x, x], [label, label], 10, normalize=False)
    # bin 9 is next to bin 0; bin 5 is two away from 3 and from 7 and takes both
    assert means[:, 0].tolist() == [1, 1, 2, 2, 2, 2.5, 3, 3, 3, 1]
    assert left_out == 0


def test_circular_scores_do_not_depend_on_the_origin():
    rng = np.random.default_rng(0)
    angles = [rng.uniform(0, 360, size=2000) for _ in range(2)]
    points = [
        np.stack([np.cos(np.deg2rad(a)), np.sin(np.deg2rad(a))], axis=1)
        + 0.1 * rng.normal(size=(2000, 2))
        for a in angles
    ]
    scores = [
        consistency_score(
            points, [Label(a + turn, "circular", period=360.0) for a in angles], num_bins=36
        ).scores
        for turn in (0.0, 120.0)  # twelve bins
    ]
    np.testing.assert_allclose(*scores, atol=1e-12)


def test_position_within_direction():
    """Both directions in one bin would average an embedding that separates them to nothing."""
    rng = np.random.default_rng(0)
    points, joint, position_only = [], [], []
    for _ in range(2):
        position, direction = rng.uniform(size=4000), rng.integers(0, 2, size=4000)
        angle = np.pi * position * np.where(direction == 1, 1, -1)
        points.append(np.stack([np.cos(angle), np.sin(angle)], axis=1))
        joint.append((position, np.where(direction == 1, "right", "left")))
        position_only.append(position)
    result = consistency_score(points, joint)
    assert result.num_points == 2 * 99
    assert (result.scores > 0.99).all()
    assert (consistency_score(points, position_only).scores < 0.6).all()


def test_a_dict_of_labels_is_a_tuple_of_labels():
    (x, u), (y, v) = noisy(2000, 2, 0), noisy(2000, 2, 1)
    side = [(w > 0.5).astype(int) for w in (u, v)]
    by_name = [{"position": w, "side": s} for w, s in zip((u, v), side, strict=True)]
    both = (
        consistency_score([x, y], by_name),
        consistency_score([x, y], list(zip((u, v), side, strict=True))),
    )
    assert both[0].scores.tolist() == both[1].scores.tolist()


def test_means_have_unit_length_unless_asked():
    (x, u), (y, v) = noisy(300, 3, 0), noisy(300, 3, 1)
    for mean in bin_embeddings([x, y], [u, v])[0]:
        np.testing.assert_allclose(np.linalg.norm(mean, axis=1), 1)
    raw = bin_embeddings([x, y], [u, v], normalize=False)[0][0]
    assert np.ptp(np.linalg.norm(raw, axis=1)) > 0.1


def test_rows_with_nan_are_left_out():
    (x, u), (y, v) = noisy(300, 3, 0), noisy(300, 3, 1)
    u[100], u[101] = -0.1, 1.1  # the ends of the bins are not among the rows that go
    gap = x.copy()
    gap[:10] = np.nan
    expected = consistency_score([x[10:], y], [u[10:], v]).scores
    assert consistency_score([gap, y], [u, v]).scores.tolist() == expected.tolist()


X = np.random.default_rng(0).normal(size=(20, 2))
U = np.linspace(0, 1, 20)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: consistency_score([X]), "at least two embeddings; got 1"),
        (lambda: consistency_score([X, X[:5]]), r"same rows; got lengths \[20, 5\]"),
        (lambda: consistency_score([X, X], [U, U], between="runs"), "without labels"),
        (lambda: consistency_score([X, X], between="datasets"), "got labels=None"),
        (lambda: consistency_score([X, X], [U]), "one entry for each embedding; got 1 for 2"),
        (lambda: consistency_score([X, X], [U, U[:5]]), "number 1 has 20 and 5"),
        (lambda: consistency_score([X, X], [U, U], ["a", "a"]), "two datasets; got only 'a'"),
        (lambda: consistency_score([X, X], [U, U], ["a"]), "got 1 for 2 embeddings"),
        (lambda: consistency_score([X, X], [U, U > 0.5]), "two labels must be of one kind"),
        (lambda: consistency_score([X, X], [U, (U, U)]), "the same number of labels"),
        (lambda: consistency_score([X, X], [U > 0.5] * 2), "more points than dimensions"),
        (lambda: consistency_score([X, X], [["a"] * 20, ["b"] * 20]), "share no bin"),
        (lambda: consistency_score([X, X], [U * 0] * 2), "must vary to give bins"),
        (lambda: consistency_score([X, X], [U, U * np.nan]), "labels must be finite"),
        (lambda: consistency_score([X, X * np.nan], [U, U]), "share no bin"),
        (lambda: consistency_score([X, X], [U, U], num_bins=1), "num_bins must be at least 2"),
        (lambda: consistency_score([X, X], num_folds=1), "num_folds None or at least 2"),
        (lambda: consistency_score([X, X * np.nan]), "embedding 1 must be finite"),
        (lambda: consistency_score([X, X[:, 0]]), r"number 1 has shape \(20,\)"),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
