"""The three searches for the nearest label, against an argmin over all bins."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from cebra_ethan.data.neighbors import _BLOCK_ELEMENTS, NearestLabel
from tests.reference import sampling as naive

NUM_BINS, NUM_QUERIES = 120, 60


def _generic(columns, period=0.0):
    rng = np.random.default_rng(columns)
    return rng.normal(size=(NUM_BINS, columns)), np.full(columns, period)


def _at_rest():
    labels, period = _generic(2)
    labels[20:70] = labels[20]
    labels[90:] = labels[5]
    return labels, period


def _movie(columns):
    labels, period = _generic(columns)
    return np.tile(labels[:30], (4, 1)), period


def _circular(columns, period=360.0):
    rng = np.random.default_rng(columns)
    return rng.uniform(0, period, size=(NUM_BINS, columns)), np.full(columns, period)


def _partly_circular():
    labels, _ = _generic(3)
    return np.column_stack([labels[:, :2], labels[:, 2] % 1.0]), np.array([0.0, 0.0, 1.0])


def _weighted():
    labels, period = _circular(2)
    weight = np.array([4.0, 0.01]) ** 0.5
    return labels * weight, period * weight


def _far_from_zero(columns):
    labels, period = _generic(columns)
    return 1e7 + 1e-3 * labels, period


def _one_long(classes, period=0.0, place=0):
    """A place, and one column for each class; the place stands at `place`."""
    labels, turn = _circular(1, period) if period else _generic(1)
    code = np.random.default_rng(1).integers(classes, size=NUM_BINS)
    return (
        np.insert(np.eye(classes)[code], place, labels[:, 0], axis=1),
        np.insert(np.zeros(classes), place, turn[0]),
    )


def _angle_of_classes():
    """A place, and three angles on a circle, one of them beside its end."""
    labels, _ = _generic(1)
    angle = np.random.default_rng(1).choice([5.0, 120.0, 357.0], size=NUM_BINS)
    return np.column_stack([angle, labels]), np.array([360.0, 0.0])


LABELS = {
    "one long: place and direction": _one_long(2),
    "one long: place between classes": _one_long(3, place=1),
    "one long: angle and class": _one_long(2, period=360.0),
    "one long: place and three angles": _angle_of_classes(),
    "one long: 16 classes": _one_long(16),
    "a place and 17 classes": (
        np.column_stack([_generic(1)[0], np.arange(NUM_BINS) % 17.0]),
        np.zeros(2),
    ),
    "1-D": _generic(1),
    "2-D": _generic(2),
    "3-D": _generic(3),
    "12-D": _generic(12),
    "20-D": _generic(20),
    "animal at rest": _at_rest(),
    "1-D repeated": _movie(1),
    "20-D repeated": _movie(20),
    "all equal": (np.ones((NUM_BINS, 2)), np.zeros(2)),
    "1-D circular": _circular(1),
    "2-D circular": _circular(2),
    "13-D circular": _circular(13),
    "partly circular": _partly_circular(),
    "weighted circular": _weighted(),
    "1-D far from zero": _far_from_zero(1),
    "3-D far from zero": _far_from_zero(3),
    "20-D far from zero": _far_from_zero(20),
}

EXPECTED_SEARCH = {name: "GroupedLabels" for name in LABELS if name[:3] in ("1-D", "one")}
EXPECTED_SEARCH |= {"2-D": "_nearest_in_tree", "12-D": "_nearest_in_tree", "20-D": "_brute"}
EXPECTED_SEARCH |= {"13-D circular": "_brute", "a place and 17 classes": "_nearest_in_tree"}


def _index(labels, period, ties="first", rows=None):
    rows = torch.arange(len(labels)) if rows is None else rows
    return NearestLabel(torch.from_numpy(labels), rows, torch.from_numpy(period), ties)


def _queries(labels, period):
    """Some labels as they are, some moved a little, some out of range on both sides."""
    rng = np.random.default_rng(7)
    scale = labels.std(axis=0) + 1e-9
    chosen = labels[rng.integers(len(labels), size=NUM_QUERIES)]
    factor = np.repeat([0.0, 0.1, 1.0, 5.0], NUM_QUERIES // 4)[:, None]
    return chosen + factor * scale * rng.normal(size=chosen.shape)


@pytest.mark.parametrize("name", LABELS)
def test_nearest_label_is_the_first_argmin_over_all_bins(name):
    labels, period = LABELS[name]
    query = _queries(labels, period)
    found = _index(labels, period)(torch.from_numpy(query), torch.zeros(len(query)).double())
    expected = [naive.nearest(one, labels, period) for one in query]
    for k, (ours, theirs) in enumerate(zip(found.tolist(), expected, strict=True)):
        if ours != theirs:  # only where two labels are equally near, but for the last digits
            distance = naive.distances(query[k], labels, period)
            np.testing.assert_allclose(distance[ours], distance[theirs], rtol=1e-9)
            first = (labels == labels[ours]).all(axis=1).argmax()
            assert ours == first
    assert np.mean(found.numpy() == expected) > 0.95


@pytest.mark.parametrize("name", EXPECTED_SEARCH)
def test_the_label_chooses_the_search(name):
    search = _index(*LABELS[name])._search
    assert getattr(search, "__name__", type(search).__name__) == EXPECTED_SEARCH[name]


@pytest.mark.parametrize("name", [name for name in LABELS if name[:2] not in ("13", "20")])
def test_all_searches_agree(name):
    labels, period = LABELS[name]
    index = _index(labels, period)
    query = torch.from_numpy(_queries(labels, period))
    query = torch.where(index.period > 0, query.remainder(index.period.clamp(min=1e-9)), query)
    assert torch.equal(index._search(query), index._brute(query))


def test_brute_search_in_blocks_equals_one_block(monkeypatch):
    labels, period = LABELS["20-D"]
    query = torch.from_numpy(_queries(labels, period))
    index = _index(labels, period)
    whole = index._brute(query)
    assert len(query) * len(labels) < _BLOCK_ELEMENTS
    monkeypatch.setattr("cebra_ethan.data.neighbors._BLOCK_ELEMENTS", 7 * len(labels))
    assert torch.equal(index._brute(query), whole)


@pytest.mark.parametrize("name", LABELS)
def test_a_query_does_not_depend_on_its_neighbours(name):
    labels, period = LABELS[name]
    index = _index(labels, period)
    query = torch.from_numpy(_queries(labels, period))
    chance = torch.zeros(len(query), dtype=torch.float64)
    one_by_one = torch.cat([index(query[k : k + 1], chance[:1]) for k in range(len(query))])
    assert torch.equal(index(query, chance), one_by_one)


def test_brute_search_keeps_the_digits_of_labels_far_from_zero():
    labels = np.full((3, 20), 1e8)
    labels[1] += 1e-3
    labels[2] += 2e-3
    found = _index(labels, np.zeros(20))(torch.from_numpy(labels + 1e-4), torch.zeros(3).double())
    assert found.tolist() == [0, 1, 2]


@pytest.mark.parametrize("period", [1.0, 360.0, 2 * np.pi])
@pytest.mark.parametrize("columns", [1, 2, 13])
def test_circular_labels_are_near_across_the_border(period, columns):
    labels = np.zeros((3, columns))
    labels[:, 0] = [0.02 * period, 0.5 * period, 0.97 * period]
    index = _index(labels, np.full(columns, period))
    query = np.zeros((4, columns))
    query[:, 0] = period * np.array([0.999, -0.003, 1.03, -2.49])
    found = index(torch.from_numpy(query), torch.zeros(4).double())
    assert found.tolist() == [0, 0, 0, 1]  # 0.999: by 0.021 against 0.029


@pytest.mark.parametrize("columns", [1, 2, 13])
def test_values_that_round_up_to_the_period_are_wrapped(columns):
    labels = np.full((2, columns), 0.5)
    labels[0] = -1e-20  # its remainder by one is one, in floating point
    index = _index(labels, np.ones(columns))
    query = torch.full((1, columns), -1e-18, dtype=torch.float64)
    assert index(query, torch.zeros(1).double()).tolist() == [0]


@pytest.mark.parametrize("name", ["1-D repeated", "20-D repeated", "animal at rest"])
def test_uniform_ties_are_uniform(name):
    labels, period = LABELS[name]
    repeats = np.flatnonzero((labels == labels[25]).all(axis=1))
    assert len(repeats) >= 4
    draws = 200 * len(repeats)
    chance = torch.rand(draws, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    query = torch.from_numpy(labels[25]).expand(draws, -1)
    found = _index(labels, period, "uniform")(query, chance).numpy()
    assert set(found) == set(repeats)
    assert chisquare([np.sum(found == row) for row in repeats]).pvalue > 0.001


@pytest.mark.parametrize("name", ["1-D repeated", "20-D repeated", "animal at rest"])
def test_the_extremes_of_chance_give_the_first_and_the_last_repeat(name):
    labels, period = LABELS[name]
    repeats = np.flatnonzero((labels == labels[25]).all(axis=1))
    query = torch.from_numpy(labels[[25, 25]])
    chance = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    found = _index(labels, period, "uniform")(query, chance)
    assert found.tolist() == [repeats[0], repeats[-1]]
    assert _index(labels, period, "first")(query, chance).tolist() == [repeats[0], repeats[0]]


def test_only_the_given_bins_are_found():
    labels, period = LABELS["2-D"]
    rows = torch.arange(5, len(labels), 3)
    index = _index(labels, period, rows=rows)
    gap = ((labels[:, None] - labels[None, rows.numpy()]) ** 2).sum(axis=2)
    found = index(torch.from_numpy(labels), torch.zeros(len(labels)).double())
    np.testing.assert_array_equal(found, rows[gap.argmin(axis=1)])
