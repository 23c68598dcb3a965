"""Seeds depend on their key and on nothing else, and the global generators are left alone."""

import itertools

import numpy as np
import pytest
import torch

from cebra_ethan.utils.seeding import Streams, derive_seed, private_torch_rng, resolve_seed

STREAMS = {name: value for name, value in vars(Streams).items() if name.isupper()}


def test_streams_are_distinct():
    assert len(STREAMS) >= 6
    assert len(set(STREAMS.values())) == len(STREAMS)


def test_keys_give_distinct_seeds_that_torch_accepts():
    keys = list(itertools.product(range(5), STREAMS.values(), range(50)))
    seeds = [derive_seed(*key) for key in keys]
    assert len(set(seeds)) == len(keys)
    assert seeds == [derive_seed(*key) for key in keys]
    assert max(seeds) < 2**63
    assert max(seeds) > 2**62  # they use the whole range
    assert torch.Generator().manual_seed(max(seeds)).initial_seed() == max(seeds)


def test_the_order_of_a_key_matters():
    assert derive_seed(1, 2) != derive_seed(2, 1)


def test_derived_seeds_are_stable():
    """Resumed runs and stored results rely on these numbers."""
    assert derive_seed(0, Streams.SAMPLING, 7) == 2440468269607536873


@pytest.mark.parametrize("bit", range(0, 63, 7))
def test_seeds_of_neighbouring_steps_share_no_bit(bit):
    bits = [(derive_seed(0, Streams.SAMPLING, step) >> bit) & 1 for step in range(400)]
    assert 140 < sum(bits) < 260  # six standard deviations


@pytest.mark.parametrize("seed", [0, 7, np.int64(7), np.uint8(3)])
def test_an_integer_is_the_seed(seed):
    assert resolve_seed(seed) == int(seed)
    assert type(resolve_seed(seed)) is int


def test_a_random_state_gives_its_next_integer():
    a, b = np.random.RandomState(0), np.random.RandomState(0)
    first, second = resolve_seed(a), resolve_seed(a)
    assert first != second
    assert (first, second) == (resolve_seed(b), resolve_seed(b))


def test_none_is_fresh_each_time():
    assert len({resolve_seed(None) for _ in range(5)}) == 5


def test_private_generators_are_seeded_and_given_back():
    before = torch.get_rng_state()
    with private_torch_rng(3):
        first = torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(KeyError, match="inside"):
        _draw_and_fail(first)
    assert torch.equal(torch.get_rng_state(), before)


def _draw_and_fail(expected):
    with private_torch_rng(3):
        assert torch.equal(torch.rand(4), expected)
        raise KeyError("inside")
