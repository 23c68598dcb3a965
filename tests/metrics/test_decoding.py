import os
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsRegressor

from cebra_ethan.metrics.decoding import DECODERS, decode, windowed_counts
from cebra_ethan.types import Label, Recording
from tests.reference.circular import arc

KINDS = ("continuous", "circular", "categorical")


def task(kind, num=400, seed=0):
    """A circle with noise and the label that it codes."""
    rng = np.random.default_rng(seed)
    angle = np.cumsum(rng.normal(0.2, 0.3, size=num))
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.05 * rng.normal(size=(num, 2))
    if kind == "continuous":
        return x, Label(np.cos(angle))
    if kind == "circular":
        return x, Label(np.rad2deg(angle), "circular", period=360.0)
    return x, Label(np.where(np.sin(angle) > 0, "up", "down"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder_beats_chance_on_every_kind(decoder, kind):
    x, y = task(kind)
    score = decode(x[:300], y[:300], x[300:], y[300:], decoder)
    if kind == "categorical":
        assert score.accuracy > 0.9
        assert score.balanced_accuracy > 0.9 > score.chance.accuracy
        assert score.chance.balanced_accuracy == 0.5
        assert np.isnan(score.median_error)
    else:
        assert score.median_error < 0.3 * score.chance.median_error
        assert score.mean_error < 0.3 * score.chance.mean_error
        assert np.isnan(score.accuracy)
    assert score.num_settings == np.prod([len(v) for v in DECODERS[decoder].grid.values()])
    assert score.predicted.shape == score.true.shape == (100,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("decoder", DECODERS)
def test_the_test_labels_change_no_prediction(decoder, kind):
    x, y = task(kind)
    first = decode(x[:300], y[:300], x[300:], y[300:], decoder)
    other = decode(x[:300], y[:300], x[300:], y[torch.arange(399, 299, -1)], decoder)
    assert first.predicted.tolist() == other.predicted.tolist()
    assert first.setting == other.setting


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_unit_of_a_label_scales_its_error(decoder):
    """Also for the support vectors, whose insensitive tube has the unit of the target."""
    x, y = task("continuous")
    metres = decode(x[:300], y[:300], x[300:], y[300:], decoder)
    centimetres = decode(
        x[:300], Label(100 * y.values)[:300], x[300:], 100 * y.values[300:], decoder
    )
    assert centimetres.mean_error == pytest.approx(100 * metres.mean_error, rel=0.01)
    assert centimetres.r2 == pytest.approx(metres.r2, abs=1e-3)


def test_the_published_recipe_step_by_step():
    """Cosine kNN, k by the median error on the last tenth, then fitted on the whole part."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 3))
    y = x[:, 0] + 0.5 * rng.normal(size=1000)
    errors = {}
    for k in (1, 4, 9, 16, 25, 36, 49):
        knn = KNeighborsRegressor(k, metric="cosine").fit(x[:720], y[:720])
        errors[k] = np.median(np.abs(knn.predict(x[720:800]) - y[720:800]))
    best = min(errors, key=errors.get)
    knn = KNeighborsRegressor(best, metric="cosine").fit(x[:800], y[:800])
    predicted = knn.predict(x[800:])
    score = decode(x[:800], y[:800], x[800:], y[800:])
    assert score.setting == {"metric": "cosine", "n_neighbors": best}
    np.testing.assert_allclose(score.predicted, predicted, atol=1e-12)
    assert score.median_error == pytest.approx(np.median(np.abs(predicted - y[800:])))


@pytest.mark.parametrize("choose_by", ["median_error", "mean_error", "r2"])
def test_the_setting_is_the_best_on_the_validation_rows(choose_by):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(600, 3))
    y = x[:, 0] + 0.5 * rng.standard_cauchy(size=600)
    ks = (1, 3, 10, 30, 100)
    chosen = decode(
        x[:500], y[:500], x[500:], y[500:], grid={"n_neighbors": ks}, choose_by=choose_by
    ).setting["n_neighbors"]
    alone = {
        k: decode(x[:450], y[:450], x[450:500], y[450:500], grid={"n_neighbors": [k]}) for k in ks
    }
    best = (max if choose_by == "r2" else min)(alone, key=lambda k: getattr(alone[k], choose_by))
    assert chosen == best


def test_validation_takes_a_fraction_a_mask_or_trials():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(600, 3))
    y = x[:, 0] + rng.normal(size=600)
    parts = (x[:500], y[:500], x[500:], y[500:])
    mask = np.arange(500) >= 400
    by_fraction, by_mask = (decode(*parts, validation=v) for v in (0.2, mask))
    assert by_fraction.setting == by_mask.setting
    # two trials are two folds, whose predictions are scored together
    ks = DECODERS["knn"].grid["n_neighbors"]
    errors = {}
    for k in ks:
        wrong = []
        for fit, rows in ((~mask, mask), (mask, ~mask)):
            knn = KNeighborsRegressor(k, metric="cosine").fit(x[:500][fit], y[:500][fit])
            wrong.append(np.abs(knn.predict(x[:500][rows]) - y[:500][rows]))
        errors[k] = np.median(np.concatenate(wrong))
    by_trial = decode(*parts, validation=mask.astype(int))
    assert by_trial.setting["n_neighbors"] == min(errors, key=errors.get)


def test_circular_knn_predicts_the_circular_mean_of_the_neighbours():
    x = np.array([[1.0, 0.0], [1.0, 0.1], [-1.0, 0.0]])
    y = Label([350.0, 20.0, 180.0], "circular", period=360.0)
    score = decode(x, y, x[:1], y[:1], grid={"n_neighbors": [2]})
    assert score.predicted == pytest.approx([5.0])
    assert score.median_error == pytest.approx(arc(350, 5, 360))


def test_two_columns_have_an_error_each_and_one_together():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    score = decode(x[:200], x[:200] * [1, 10], x[200:], x[200:] * [1, 10], metric="euclidean")
    error = np.abs(score.predicted - score.true)
    np.testing.assert_allclose(score.column_median_error, np.median(error, axis=0))
    assert score.mean_error == pytest.approx(np.hypot(*error.T).mean())
    assert len(score.chance.column_mean_error) == 2


def test_random_features_decode_at_chance():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4000, 3)), rng.uniform(0, 1, size=4000)
    score = decode(x[:3000], y[:3000], x[3000:], y[3000:])
    assert score.median_error == pytest.approx(score.chance.median_error, rel=0.1)
    assert abs(score.r2) < 0.1


def test_chance_comes_from_the_training_part():
    score = decode(
        np.eye(4)[:, :2] + 1,
        [0.0, 0.0, 0.0, 8.0],
        np.ones((1, 2)),
        [3.0],
        grid={"n_neighbors": [1]},
    )
    assert score.chance.median_error == 3.0


def test_cosine_ignores_lengths_and_euclidean_does_not():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 3)), rng.normal(size=200)
    scale = rng.uniform(0.1, 10, size=(200, 1))

    def errors(metric):
        return [
            decode(
                z[:150], y[:150], z[150:], y[150:], metric=metric, grid={"n_neighbors": [5]}
            ).mean_error
            for z in (x, x * scale)
        ]

    assert errors("cosine")[0] == pytest.approx(errors("cosine")[1], abs=1e-12)
    assert errors("euclidean")[0] != pytest.approx(errors("euclidean")[1], abs=1e-6)


def test_settings_with_more_neighbours_than_rows_are_not_tried():
    x, y = task("continuous", num=30)
    score = decode(x[:20], y[:20], x[20:], y[20:])
    assert score.setting["n_neighbors"] <= 18


def test_windowed_counts_are_the_naive_mean_inside_each_trial():
    counts = np.random.default_rng(0).poisson(2.0, size=(30, 4))
    segments = [(0, 3), (3, 20), (20, 30)]
    for window in (1, 4, 5, 10):
        expected = np.empty((30, 4))
        for start, stop in segments:
            for t in range(start, stop):
                bins = range(t - window // 2, t - window // 2 + window)
                inside = [min(max(b, start), stop - 1) for b in bins]
                expected[t] = np.sqrt(counts[inside].mean(axis=0))
        np.testing.assert_allclose(windowed_counts(counts, window, np.array(segments)), expected)


def test_windowed_counts_take_the_segments_of_a_recording():
    recording = Recording(torch.rand(20, 3), trial=torch.arange(20) // 7)
    whole = windowed_counts(recording.neural, 4, recording.segments)
    part = windowed_counts(recording.neural[7:14], 4)
    np.testing.assert_allclose(whole[7:14], part)


@pytest.mark.real
def test_a_rat_without_any_embedding():
    """What every embedding has to beat; shared/data/README.md has 5.1 and 7.7 cm, 89 %."""
    path = Path(os.environ.get("CEBRA_ETHAN_DATA", "/nowhere")) / "rat_hippocampus/achilles.npz"
    if not path.exists():
        pytest.skip("CEBRA_ETHAN_DATA does not name the folder of the real recordings")
    with np.load(path) as rat:
        spikes, position, direction = (rat[k] for k in ("spikes", "position", "direction"))
    cut = int(0.8 * len(spikes))
    train, test = windowed_counts(spikes[:cut]), windowed_counts(spikes[cut:])
    centimetres = 100 * position.astype(float)
    score = decode(train, centimetres[:cut], test, centimetres[cut:])
    assert score.setting["n_neighbors"] == 25
    assert (score.median_error, score.mean_error) == pytest.approx((5.12, 7.67), abs=0.01)
    side = direction.argmax(axis=1)
    assert decode(train, side[:cut], test, side[cut:]).accuracy == pytest.approx(0.888, abs=0.001)


X, Y = task("continuous", num=40)
C = task("categorical", num=40)[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: decode(X, Y, X, Y, "tree"),
            "one of knn, ridge, lasso, svm, mlp; got 'tree'",
        ),
        (lambda: decode(X, Y, X, Y, metric="l1"), "metric must be one of cosine, euclidean"),
        (lambda: decode(X, Y, X, Y, choose_by="accuracy"), "continuous label must be one of"),
        (lambda: decode(X, C, X, C, choose_by="r2"), "one of accuracy, balanced_accuracy"),
        (lambda: decode(X, Y, X, C), "two labels must be of one kind"),
        (lambda: decode(X, Y[:5], X, Y), r"shape \(40, 2\) and 5 labels"),
        (lambda: decode(X, Y, X[:, :1], Y), "same columns; got 2 and 1"),
        (lambda: decode(X * np.nan, Y, X, Y), "train_embedding must be finite"),
        (lambda: decode(X, Y, X, Y, validation=1.0), "a fraction that leaves rows"),
        (lambda: decode(X, Y, X, Y, validation=np.zeros(40, bool)), "mask must leave rows"),
        (lambda: decode(X, Y, X, Y, validation=np.zeros(3, int)), "one for each training row"),
        (lambda: decode(X, Y, X, Y, grid={"n_neighbors": [99]}), "more neighbours than 40 rows"),
        (lambda: windowed_counts(-(X**2)), "non-negative counts"),
        (lambda: windowed_counts(X**2, 0), "window_bins >= 1"),
        (lambda: windowed_counts(X**2, 3, np.array([[0, 9], [10, 40]])), "one after the other"),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
