import numpy as np
import pytest
import torch
from scipy.stats import kstest

from cebra_ethan.metrics.significance import SHUFFLES, permutation_test, shuffle_labels
from cebra_ethan.types import Label


def correlation(label, activity):
    return float(np.corrcoef(label, activity)[0, 1])


@pytest.mark.parametrize("how", SHUFFLES)
def test_p_values_are_uniform_under_the_null(how):
    """Of independent noise; every p is then k / 40 with equal chance."""
    p_values = []
    for seed in range(200):
        label, activity = np.random.default_rng(seed).normal(size=(2, 100))
        result = permutation_test(
            lambda y, x=activity: correlation(y, x), label, num_shuffles=39, how=how, seed=seed
        )
        p_values.append(result.p_value)
    assert kstest(np.array(p_values) - 0.5 / 40, "uniform").pvalue > 0.01


def test_slow_signals_fool_permutation_and_not_shifts():
    """Pairs of slow, unrelated signals: the shift calls one in twenty related, as it should."""
    significant = dict.fromkeys(SHUFFLES, 0)
    slow = np.arange(251) < 6  # six of 250 frequencies, so both ends of the signal meet
    for seed in range(60):
        spectrum = (
            slow * np.random.default_rng(seed).normal(size=(2, 251, 2)).view(complex)[..., 0]
        )
        label, activity = np.fft.irfft(spectrum)
        for how in SHUFFLES:
            result = permutation_test(
                lambda y, x=activity: abs(correlation(y, x)),
                label,
                num_shuffles=39,
                how=how,
                min_lag=1,
            )
            significant[how] += result.p_value <= 0.05
    assert significant["permute"] > 40
    assert significant["shift"] <= 8  # three are expected; nine have a probability of 0.3 %


@pytest.mark.parametrize("how", SHUFFLES)
def test_a_real_relation_has_the_smallest_p(how):
    activity = np.random.default_rng(0).normal(size=200)
    result = permutation_test(
        lambda y: correlation(y, activity), activity, num_shuffles=49, how=how
    )
    assert result.p_value == 1 / 50
    assert result.observed == pytest.approx(1.0)
    assert result.null.shape == (49,)
    loss = permutation_test(
        lambda y: -correlation(y, activity),
        activity,
        num_shuffles=49,
        how=how,
        greater_is_better=False,
    )
    assert loss.p_value == 1 / 50


def test_ties_count_against_the_observed_score():
    assert permutation_test(lambda y: 0.0, np.arange(10), num_shuffles=9).p_value == 1.0


def test_a_test_is_seeded_whatever_the_processes():
    x = np.random.default_rng(0).normal(size=50)
    runs = [
        permutation_test(
            lambda y: correlation(y, x), x, num_shuffles=8, seed=s, n_jobs=n
        ).null.tolist()
        for s, n in ((0, 1), (0, 2), (1, 1))
    ]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("how", SHUFFLES)
@pytest.mark.parametrize("segments", [None, torch.tensor([[0, 20], [20, 50]])])
def test_a_shuffle_keeps_all_values_of_a_trial(how, segments):
    label = torch.arange(50)
    shuffled = shuffle_labels(label, how, torch.Generator().manual_seed(0), segments=segments)
    assert not torch.equal(shuffled, label)
    for start, stop in [(0, 50)] if segments is None else segments.tolist():
        assert shuffled[start:stop].sort()[0].tolist() == list(range(start, stop))


@pytest.mark.parametrize("min_lag", [1, 10, 25])
def test_a_shift_is_a_turn_by_at_least_the_lag(min_lag):
    lags = set()
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        shifted = shuffle_labels(np.arange(50), "shift", generator, min_lag=min_lag)
        lag = int(shifted[0])
        assert shifted.tolist() == np.roll(np.arange(50), -lag).tolist()
        lags.add(lag)
    assert min(lags) >= min_lag
    assert max(lags) <= 50 - min_lag
    assert len(lags) > 0.9 * (51 - 2 * min_lag)


@pytest.mark.parametrize("how", SHUFFLES)
def test_several_labels_move_together_and_keep_their_form(how):
    values = np.arange(40)
    labels = {
        "position": Label(values.astype(float), name="position"),
        "angle": Label(values * 9.0, "circular", period=360.0),
        "class": Label(values % 2),
        "plain": np.stack([values, values], axis=1),
    }
    shuffled = shuffle_labels(labels, how, torch.Generator().manual_seed(1))
    order = shuffled["plain"][:, 0]
    assert order.tolist() != values.tolist()
    for name, label in labels.items():
        if isinstance(label, Label):
            assert shuffled[name].to_numpy().tolist() == label.to_numpy()[order].tolist()
            assert (shuffled[name].kind, shuffled[name].period) == (label.kind, label.period)
    as_list = shuffle_labels(list(labels.values()), how, torch.Generator().manual_seed(1))
    assert isinstance(as_list, list)
    assert as_list[3].tolist() == shuffled["plain"].tolist()


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: shuffle_labels(np.ones(9), "mix", generator()),
            "how must be one of permute, shift",
        ),
        (lambda: shuffle_labels([np.ones(9), np.ones(8)], "shift", generator()), r"got \[8, 9\]"),
        (lambda: shuffle_labels(np.ones(9), "shift", generator(), min_lag=5), "min_lag=5 for 9"),
        (lambda: shuffle_labels(np.ones(1), "shift", generator()), "min_lag=1 for 1 bins"),
        (
            lambda: shuffle_labels(
                np.ones(9), "permute", generator(), segments=torch.tensor([[0, 4]])
            ),
            "segments must cover bins 0 to 9",
        ),
        (lambda: permutation_test(np.mean, np.ones(9), num_shuffles=0), "at least 1; got 0"),
        (
            lambda: permutation_test(lambda y: np.nan, np.ones(9), num_shuffles=3),
            "3 of 3 shuffles",
        ),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
