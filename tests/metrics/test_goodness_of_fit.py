import math

import numpy as np
import pytest

from cebra_ethan.metrics.goodness_of_fit import (
    DISTANCES,
    block_bootstrap_interval,
    goodness_of_fit,
    goodness_of_fit_history,
    infonce,
    infonce_to_bits,
    infonce_to_goodness_of_fit,
    time_blocks,
)
from tests.reference import infonce as naive


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("temperature", [0.1, 2.0])
def test_infonce_is_the_published_formula(distance, shared, temperature):
    rng = np.random.default_rng(0)
    x, p = rng.normal(size=(2, 5, 3))
    n = rng.normal(size=(7, 3)) if shared else rng.normal(size=(5, 7, 3))
    expected = [
        naive.infonce(x[i], p[i], n if shared else n[i], temperature, distance) for i in range(5)
    ]
    np.testing.assert_allclose(infonce(x, p, n, temperature, distance), expected, rtol=1e-12)


@pytest.mark.parametrize("distance", DISTANCES)
def test_infonce_does_not_depend_on_the_row_block(distance, monkeypatch):
    rng = np.random.default_rng(0)
    x, p = rng.normal(size=(2, 50, 3))
    n = rng.normal(size=(50, 7, 3))
    whole = infonce(x, p, n, 1.0, distance), infonce(x, p, n[0], 1.0, distance)
    monkeypatch.setattr("cebra_ethan.metrics.goodness_of_fit._ROW_BLOCK", 8)
    blocks = infonce(x, p, n, 1.0, distance), infonce(x, p, n[0], 1.0, distance)
    np.testing.assert_allclose(blocks, whole, rtol=1e-12)


def test_infonce_survives_large_similarities():
    x = np.full((1, 2), 100.0)
    assert infonce(x, x, np.stack([x[0]] * 8), 0.01, "dot")[0] == pytest.approx(math.log(8))


def test_cosine_ignores_lengths_and_dot_does_not():
    rng = np.random.default_rng(0)
    x, p = rng.normal(size=(2, 5, 3))
    n = rng.normal(size=(7, 3))
    np.testing.assert_allclose(infonce(3 * x, p, 2 * n), infonce(x, p, n), rtol=1e-12)
    assert np.abs(infonce(3 * x, p, n, 1.0, "dot") - infonce(x, p, n, 1.0, "dot")).max() > 0.1


@pytest.mark.parametrize("sessions", [1, 4])
def test_an_embedding_without_information_has_zero_bits(sessions):
    """Also with several sessions, where `cebra` reports log2 of their number."""
    rng = np.random.default_rng(0)
    num_negatives = sessions * 256
    points = rng.normal(size=(20000 + num_negatives, 3))
    # the log of a mean is below the mean of the log; a high temperature makes that gap small
    losses = infonce(points[:10000], points[10000:20000], points[20000:], 10.0)
    fit = goodness_of_fit(losses, num_negatives)
    assert abs(fit.bits) < 0.01


def test_a_perfect_code_of_m_symbols_has_log2_m_bits():
    symbols = np.eye(8)
    losses = infonce(symbols, symbols, symbols, temperature=0.01, distance="cosine")
    assert goodness_of_fit(losses, num_negatives=8).bits == pytest.approx(3.0)


def test_bits_of_an_array():
    losses = np.log([512.0, 256.0])
    np.testing.assert_allclose(infonce_to_bits(losses, 512), [0.0, 1.0], atol=1e-12)


@pytest.mark.parametrize("num_negatives", [0, -3])
def test_bits_need_negatives(num_negatives):
    with pytest.raises(ValueError, match="num_negatives must be a positive integer"):
        infonce_to_bits(1.0, num_negatives)


def test_goodness_of_fit_has_its_interval_around_it():
    rng = np.random.default_rng(0)
    losses = rng.normal(2.0, 0.5, size=1000)
    fit = goodness_of_fit(losses, 64, time_blocks(1000, 10))
    assert fit.low < fit.bits < fit.high
    assert fit.loss == pytest.approx(losses.mean())
    assert math.isnan(goodness_of_fit(losses, 64).low)


def test_interval_covers_the_mean_of_dependent_bins():
    """Ten bins share one number, so the interval over bins is too narrow and over blocks right."""
    covered = {"blocks": 0, "bins": 0}
    for seed in range(200):
        values = np.repeat(np.random.default_rng(seed).normal(size=40), 10)
        for name, size in (("blocks", 10), ("bins", 1)):
            low, high = block_bootstrap_interval(values, time_blocks(400, size), 0.9, 300, seed)
            covered[name] += low < 0 < high
    assert 170 <= covered["blocks"] <= 192  # 0.9 less what 40 blocks cost; s.d. 4.2
    assert covered["bins"] < 110


def test_interval_is_seeded_and_grows_with_confidence():
    values = np.random.default_rng(0).normal(size=100)
    blocks = time_blocks(100, 5)
    assert block_bootstrap_interval(values, blocks, seed=1) == block_bootstrap_interval(
        values, blocks, seed=1
    )
    narrow, wide = (block_bootstrap_interval(values, blocks, c) for c in (0.5, 0.99))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_interval_weighs_long_blocks_more():
    """Half of the resamples hold both blocks, and their mean is over all 100 rows."""
    values = np.array([100.0] + [0.0] * 99)
    interval = block_bootstrap_interval(values, (np.arange(100) > 0).astype(int), 0.4)
    assert interval == (1.0, 1.0)


def test_time_blocks_cover_every_bin_once():
    blocks = time_blocks(103, 10)
    assert np.bincount(blocks).tolist() == [10] * 10 + [3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: infonce(*np.zeros((3, 2, 2)), distance="l1"), "distance must be one of cosine"),
        (lambda: infonce(*np.zeros((3, 2, 2)), temperature=0.0), "temperature must be positive"),
        (lambda: infonce(np.zeros((2, 3)), np.zeros((2, 2)), np.zeros((4, 3))), "must be .B, D."),
        (lambda: infonce(*np.zeros((2, 4, 3)), np.zeros((3, 5, 3))), "one row for each reference"),
        (lambda: infonce(*np.full((3, 2, 2), np.nan)), "must be finite"),
        (lambda: block_bootstrap_interval(np.ones(4), np.zeros(4, int)), "at least two blocks"),
        (lambda: block_bootstrap_interval(np.ones(4), np.arange(3)), "equally long"),
        (lambda: block_bootstrap_interval(np.ones(4), np.arange(4), 1.5), "confidence must be"),
        (lambda: goodness_of_fit(np.ones(0), 4), "at least one row"),
        (lambda: time_blocks(10, 0), "block_bins must be at least 1"),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("num_sessions", [1, 2, 4, 7])
@pytest.mark.parametrize("batch", [8, 100])
def test_fault20_a_model_that_knows_nothing_has_zero_bits(num_sessions, batch):
    """`cebra` counts the negatives of all sessions also where one is evaluated alone.

    Trained together, a reference sees the negatives of all sessions; alone it sees its own. In
    both the loss of equal similarities is the log of what was seen, and the fit is 0, not log2 S.
    """
    same = np.ones((num_sessions * batch, 3))
    for num_seen in (num_sessions * batch, batch):
        losses = infonce(same, same, same[:num_seen])
        fit = goodness_of_fit(losses, num_seen, time_blocks(len(losses), 4))
        assert (fit.low, fit.bits, fit.high) == pytest.approx((0, 0, 0), abs=1e-12)
        history = goodness_of_fit_history({"loss": losses}, num_seen)
        np.testing.assert_allclose(history, 0, atol=1e-12)
    wrong = infonce_to_bits(losses.mean(), num_sessions * batch)
    assert wrong == pytest.approx(math.log2(num_sessions), abs=1e-12)


@pytest.mark.parametrize("history", [[2.0, 1.0], {"loss": [2.0, 1.0]}])
def test_a_history_is_converted_step_by_step(history):
    bits = goodness_of_fit_history(history, 16)
    assert bits.tolist() == [infonce_to_goodness_of_fit(2.0, 16), infonce_to_bits(1.0, 16)]


def test_one_objective_of_several_can_be_named():
    history = {"loss": [5.0], "behaviour": [math.log(4)], "time": [math.log(2)]}
    assert goodness_of_fit_history(history, 4, "behaviour").tolist() == [0.0]
    assert goodness_of_fit_history(history, 4, "time") == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: goodness_of_fit_history({"total": [1.0]}, 8), "must hold 'loss'; it holds total"),
        (lambda: goodness_of_fit_history({}, 8), "it holds nothing. Pass the name"),
        (lambda: goodness_of_fit_history([[1.0]], 8), r"each step; got shape \(1, 1\)"),
        (lambda: goodness_of_fit_history([np.nan], 8), "loss must be finite"),
        (lambda: goodness_of_fit_history([1.0], 0), "num_negatives must be a positive integer"),
    ],
)
def test_errors_of_a_history_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
