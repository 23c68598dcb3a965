"""Splits: nothing of the test part is seen in training."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score

from cebra_ethan.data.rows import valid_rows
from cebra_ethan.data.split import (
    BlockedKFold,
    TrialKFold,
    round_trips,
    three_fold_trial_split,
    time_split,
)
from cebra_ethan.errors import DataError
from cebra_ethan.types import Label, Offset, Recording
from tests.reference import sampling as naive

OFFSETS = [Offset(0, 1), Offset(5, 5), Offset(9, 1)]


def _recording(num_bins=100, trial=None):
    time = torch.arange(float(num_bins))
    return Recording(time[:, None], {"time": Label(time)}, trial)


def _bins_of_windows(recording, offset):
    """Returns the original bins that any whole window of a part sees."""
    rows = valid_rows(recording, offset)
    steps = torch.arange(-offset.left, offset.right)
    return set(recording.neural[:, 0][rows[:, None] + steps].flatten().int().tolist())


# -------------------------------------------------------------------------------------- time_split


@pytest.mark.parametrize(
    ("num_bins", "test_fraction", "gap", "sizes"),
    [
        (100, 0.2, 10, (70, 20)),
        (100, 0.2, 0, (80, 20)),
        (10, 0.1, 0, (9, 1)),
        (10, 0.9, 0, (1, 9)),  # 1 - 0.9 is a little less than 0.1
        (7, 0.5, 2, (1, 4)),
    ],
)
def test_time_split_keeps_the_ends(num_bins, test_fraction, gap, sizes):
    train, test = time_split(_recording(num_bins), test_fraction, gap)
    assert (len(train), len(test)) == sizes
    assert train.neural[:, 0].tolist() == list(range(sizes[0]))
    assert test.neural[:, 0].tolist() == list(range(num_bins - sizes[1], num_bins))
    assert train.labels["time"].to_numpy().tolist() == train.neural[:, 0].tolist()


@pytest.mark.parametrize("offset", OFFSETS)
def test_time_split_leaves_whole_trials_apart(offset):
    trial = torch.arange(100) // 30
    train, test = time_split(_recording(trial=trial), 0.25, gap=offset.span)
    assert train.segments.tolist()[:2] == [[0, 30], [30, 60]]
    seen = _bins_of_windows(train, offset)
    assert max(seen) < 75 - offset.span
    assert min(_bins_of_windows(test, offset)) >= 75


@pytest.mark.parametrize(
    ("test_fraction", "gap", "message"),
    [
        (0.0, 0, r"test_fraction=0\.0"),
        (1.0, 0, r"test_fraction=1\.0"),
        (-0.5, 0, r"test_fraction=-0\.5"),
        (0.5, 50, "gap=50 for 100 bins"),
        (0.999, 0, r"test_fraction=0\.999"),
        (0.2, -5, "gap must be zero bins or more; got -5"),
    ],
)
def test_time_split_refuses_empty_parts_and_overlap(test_fraction, gap, message):
    with pytest.raises(DataError, match=message):
        time_split(_recording(), test_fraction, gap)


# ----------------------------------------------------------------------------------- blocked folds


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("n_splits", [2, 3, 7])
@pytest.mark.parametrize("num_bins", [100, 101])
def test_no_training_window_overlaps_a_test_window(offset, n_splits, num_bins):
    recording = _recording(num_bins)
    tested = []
    for train, test in BlockedKFold(n_splits, gap=offset.span - 1).split(recording):
        tested += test.tolist()
        assert test.tolist() == list(range(test[0], test[-1] + 1))
        # windows of the whole recording, centred on training bins
        whole = train[(train >= offset.left) & (train <= num_bins - offset.right)]
        seen = {t + k for t in whole.tolist() for k in range(-offset.left, offset.right)}
        shown = {t + k for t in test.tolist() for k in range(-offset.left, offset.right)}
        assert not seen & shown
        # windows of the training part alone
        assert not _bins_of_windows(recording[train], offset) & set(test.tolist())
    assert tested == list(range(num_bins))


@pytest.mark.parametrize("gap", [0, 1, 7])
def test_the_gap_is_left_out_on_both_sides_and_nothing_else(gap):
    for train, test in BlockedKFold(4, gap).split(np.zeros(80)):
        left_out = sorted(set(range(80)) - set(train.tolist()) - set(test.tolist()))
        before = list(range(max(0, test[0] - gap), test[0]))
        after = list(range(test[-1] + 1, min(80, test[-1] + 1 + gap)))
        assert left_out == before + after


@pytest.mark.parametrize(
    ("n_splits", "gap", "message"),
    [
        (1, 0, "n_splits must be between 2 and the number of time bins; got 1 for 20"),
        (21, 0, "got 21 for 20 bins"),
        (2, 10, "the gap must leave training bins; gap=10 takes all 20"),
        (2, -1, "gap must be zero bins or more; got -1"),
    ],
)
def test_blocked_folds_that_cannot_be(n_splits, gap, message):
    with pytest.raises(DataError, match=message):
        list(BlockedKFold(n_splits, gap).split(np.zeros(20)))


# ------------------------------------------------------------------------------------- trial folds

TRIALS = {
    "in order": np.repeat([0, 1, 2, 3, 4], 6),
    "not in order": np.repeat([9, -1, 4, 0, 7], [1, 9, 5, 5, 10]),
    "coming back": np.tile(np.repeat([3, 1, 2], 5), 2),
    "strings": np.repeat(["b", "a", "c"], 10),
}


@pytest.mark.parametrize("n_splits", [2, 3])
@pytest.mark.parametrize("name", TRIALS)
def test_no_trial_is_in_both_parts(name, n_splits):
    trial = TRIALS[name]
    tested = []
    for train, test in TrialKFold(n_splits).split(np.zeros(30), groups=trial):
        assert not set(trial[train]) & set(trial[test])
        assert sorted([*train, *test]) == list(range(30))
        tested += test.tolist()
    assert sorted(tested) == list(range(30))


def test_trials_are_held_out_in_order_of_appearance():
    trial = TRIALS["not in order"]
    held_out = [set(trial[test]) for _, test in TrialKFold(3).split(trial, groups=trial)]
    assert held_out == [{9, -1}, {4, 0}, {7}]


@pytest.mark.parametrize(
    ("n_splits", "groups", "message"),
    [
        (2, None, "groups must be the trial of each time bin; got None for 30"),
        (2, np.zeros(7), "got 7 for 30 bins"),
        (6, TRIALS["in order"], "between 2 and the number of trials; got 6 for 5 trials"),
        (1, TRIALS["in order"], "got 1 for 5 trials"),
    ],
)
def test_trial_folds_that_cannot_be(n_splits, groups, message):
    with pytest.raises(DataError, match=message):
        list(TrialKFold(n_splits).split(np.zeros(30), groups=groups))


# ------------------------------------------------------------------------------------ scikit-learn


@pytest.mark.parametrize("folds", [BlockedKFold(4, gap=2), TrialKFold(4)])
def test_folds_serve_scikit_learn(folds):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = X @ [1.0, -2.0, 0.5]
    trial = np.arange(80) // 8
    scores = cross_val_score(Ridge(1e-6), X, y, groups=trial, cv=folds)
    assert scores.shape == (folds.get_n_splits(X),) == (4,)
    assert scores.min() > 0.999
    search = GridSearchCV(Ridge(), {"alpha": [1e-6, 1e6]}, cv=folds).fit(X, y, groups=trial)
    assert search.best_params_ == {"alpha": 1e-6}


# ------------------------------------------------------------------------------- the paper's split


def _trial(num_trials, seed=0):
    lengths = np.random.default_rng(seed).integers(3, 9, size=num_trials)
    return np.repeat(np.arange(num_trials), lengths)


@pytest.mark.parametrize("seed", range(4))
def test_round_trips_equal_the_loop(seed):
    direction = np.repeat(np.arange(21) % 2, np.random.default_rng(seed).integers(1, 9, size=21))
    found = round_trips(torch.from_numpy(direction))
    assert found.tolist() == naive.round_trips(direction).tolist()
    assert found[-1] == 10


@pytest.mark.parametrize("num_trials", [18, 19, 26, 27, 42, 83])
@pytest.mark.parametrize("fold", [0, 1, 2])
def test_three_fold_split_equals_the_loop(num_trials, fold):
    trial = _trial(num_trials)
    found = three_fold_trial_split(torch.from_numpy(trial), fold)
    assert {name: bins.tolist() for name, bins in found.items()} == naive.three_fold(trial, fold)


@pytest.mark.parametrize("num_trials", [18, 41])
def test_three_folds_hold_out_every_trial_once(num_trials):
    trial = _trial(num_trials)
    held_out = []
    for fold in range(3):
        parts = three_fold_trial_split(torch.from_numpy(trial), fold)
        assert sorted(np.concatenate(list(parts.values()))) == list(range(len(trial)))
        held_out += [*parts["valid"], *parts["test"]]
    assert sorted(held_out) == list(range(len(trial)))


def test_trial_identifiers_that_come_back_are_other_trials():
    trial = torch.from_numpy(_trial(18))
    again = three_fold_trial_split(trial % 2, 0)
    for name, bins in three_fold_trial_split(trial, 0).items():
        assert again[name].tolist() == bins.tolist()


@pytest.mark.parametrize(
    ("num_trials", "fold", "message"),
    [(18, 3, "fold=3"), (18, -1, "fold=-1"), (17, 0, "17 trials")],
)
def test_three_fold_splits_that_cannot_be(num_trials, fold, message):
    with pytest.raises(DataError, match=message):
        three_fold_trial_split(torch.from_numpy(_trial(num_trials)), fold)
