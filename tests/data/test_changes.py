"""Look-ups in a table of products find what the exact search finds."""

import numpy as np
import pytest
import torch

from cebra_ethan.data.changes import ChangedLabel
from cebra_ethan.data.neighbors import NearestLabel
from cebra_ethan.data.sampler import SamplingOptions
from cebra_ethan.data.sampling import DeltaSampler
from cebra_ethan.types import Label, Offset, Recording


def features(num_distinct, num_columns, repeats, seed=0, far=0.0):
    rng = np.random.default_rng(seed)
    values = np.tile(rng.normal(size=(num_distinct, num_columns)), (repeats, 1)) + far
    return torch.from_numpy(values)


def indexes(coordinates, parts, ties="uniform"):
    period = torch.zeros(coordinates.shape[1], dtype=torch.float64)
    return [NearestLabel(coordinates, rows, period, ties) for rows in parts]


@pytest.mark.parametrize("far", [0.0, 1e4])  # labels far from zero lose no digits
@pytest.mark.parametrize("ties", ["uniform", "first"])
@pytest.mark.parametrize("split", [1, 2])
def test_a_label_is_that_of_the_exact_search(split, ties, far):
    coordinates = features(60, 40, 4, far=far)
    parts = torch.arange(240).chunk(split)
    searched = indexes(coordinates, parts, ties)
    changed = ChangedLabel(coordinates, searched)
    generator = torch.Generator().manual_seed(1)
    a, b, c = torch.randint(240, (3, 500), generator=generator)
    chance = torch.rand(500, generator=generator, dtype=torch.float64)
    query = coordinates[a] + coordinates[b] - coordinates[c]
    for session, index in enumerate(searched):
        found = changed(session, (a, b, c), chance)
        assert torch.equal(coordinates[found], coordinates[index(query, chance)])
        if far == 0.0:
            assert torch.equal(found, index(query, chance))


def test_rows_in_question_are_decided_by_the_exact_search():
    """On a lattice many rows are equally far but for rounding; the found one is a nearest one."""
    grid = torch.cartesian_prod(*[torch.arange(2.0, dtype=torch.float64)] * 6)
    coordinates = torch.cat([grid, torch.zeros(64, 10, dtype=torch.float64)], dim=1).repeat(3, 1)
    (index,) = indexes(coordinates, [torch.arange(192)])
    changed = ChangedLabel(coordinates, [index])
    a, b, c = torch.randint(192, (3, 400), generator=torch.Generator().manual_seed(0))
    chance = torch.zeros(400, dtype=torch.float64)
    query = coordinates[a] + coordinates[b] - coordinates[c]
    found = coordinates[changed(0, (a, b, c), chance)]
    nearest = torch.cdist(query, coordinates).amin(dim=1)
    torch.testing.assert_close((query - found).norm(dim=1), nearest)


def test_tables_are_for_many_columns_that_repeat():
    def pays(labels, period=0.0):
        turns = torch.full((labels.shape[1],), period, dtype=torch.float64)
        index = NearestLabel(labels, torch.arange(len(labels)), turns)
        return ChangedLabel.pays(labels, [index])

    assert pays(features(60, 40, 4))
    assert not pays(features(240, 40, 1))
    assert not pays(features(60, 3, 4))
    assert not pays(features(60, 40, 4), period=1.0)


def test_a_sampler_draws_the_same_with_and_without_tables(monkeypatch):
    labels = {"features": Label(features(30, 20, 10).numpy())}
    recording = Recording(torch.zeros(300, 4), labels)
    options = SamplingOptions(time_offset=3)
    drawn = []
    for pays in (True, False):
        monkeypatch.setattr(ChangedLabel, "pays", staticmethod(lambda *_, pays=pays: pays))
        sampler = DeltaSampler(recording, Offset(2, 3), options)
        assert (sampler._changed is not None) == pays
        drawn.append(sampler.draw(64, torch.Generator().manual_seed(0)).positive[0])
    assert torch.equal(*drawn)
