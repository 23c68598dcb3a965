"""Loaders: a batch depends on the seed and the step alone."""

import numpy as np
import pytest
import torch

from cebra_ethan.data.augment import AUGMENTATIONS, Compose, GaussianNoise, NeuronDropout
from cebra_ethan.data.dataset import ContrastiveDataset
from cebra_ethan.data.loader import (
    _STEPS_PER_SEARCH,
    AugmentedContrastiveLoader,
    ContrastiveLoader,
)
from cebra_ethan.errors import InvalidParameterError
from cebra_ethan.types import Offset
from cebra_ethan.utils.seeding import Streams, derive_seed

OFFSET = Offset(3, 2)
NUM_BINS, NUM_STEPS = 150, 2 * _STEPS_PER_SEARCH + 5
RNG = np.random.default_rng(0)
NEURAL = RNG.normal(size=(NUM_BINS, 4)) * [1.0, 10.0, 0.1, 0.0]
PLACE = np.cumsum(RNG.normal(size=(NUM_BINS, 2)), axis=0)
SIDE = RNG.integers(2, size=NUM_BINS)

LABELS = {
    "none": {},
    "continuous": {"place": PLACE},
    "categorical": {"side": SIDE},
    "mixed": {"place": PLACE, "side": SIDE},
}
every_label = pytest.mark.parametrize("labels", LABELS)


def _loader(labels="none", seed=0, batch_size=16, num_negatives=None, kind=None, **options):
    dataset = ContrastiveDataset(NEURAL, labels=LABELS[labels], num_negatives=num_negatives)
    kind = kind or ContrastiveLoader
    loader = kind(dataset, batch_size, NUM_STEPS, random_state=seed, **options)
    return loader.bind(OFFSET)


def _rows(batch):
    fields = (batch.indices.reference, *batch.indices.positive, batch.indices.negative)
    return torch.cat([rows.flatten() for rows in fields]).tolist()


@every_label
@pytest.mark.parametrize("num_negatives", [None, 3])
@pytest.mark.parametrize("batch_size", [16, None])
def test_resuming_in_the_middle_draws_the_same(labels, num_negatives, batch_size):
    options = {"batch_size": batch_size, "num_negatives": num_negatives}
    whole = [_rows(batch) for batch in _loader(labels, **options)]
    assert len(whole) == NUM_STEPS
    assert len({tuple(rows) for rows in whole}) == NUM_STEPS
    for start in (1, _STEPS_PER_SEARCH - 1, _STEPS_PER_SEARCH, NUM_STEPS - 1):
        assert [_rows(batch) for batch in _loader(labels, **options).batches(start)] == whole[
            start:
        ]


@every_label
def test_any_order_of_steps_gives_the_same_batches(labels):
    whole = [_rows(batch) for batch in _loader(labels)]
    loader = _loader(labels)
    for step in np.random.default_rng(0).permutation(NUM_STEPS).tolist():
        assert _rows(loader.batch(step)) == whole[step]


@every_label
def test_two_passes_are_equal_and_seeds_differ(labels):
    loader = _loader(labels)
    first = [_rows(batch) for batch in loader]
    assert first == [_rows(batch) for batch in loader]
    assert first != [_rows(batch) for batch in _loader(labels, seed=1)]


def test_a_step_beyond_the_last_can_be_asked_for():
    longer = ContrastiveLoader(_loader().dataset, 16, 10 * NUM_STEPS, random_state=0).bind(OFFSET)
    beyond = NUM_STEPS + 3
    assert _rows(_loader().batch(beyond)) == _rows(longer.batch(beyond))


@every_label
def test_global_generators_are_left_alone(labels):
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    loader = _loader(labels, augmentation=GaussianNoise(0.1))
    assert sum(len(batch.reference) for batch in loader) == 16 * NUM_STEPS
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], before_numpy)  # noqa: NPY002


@every_label
@pytest.mark.parametrize("batch_size", [1, 16, 500])
@pytest.mark.parametrize("num_negatives", [None, 5])
def test_shapes(labels, batch_size, num_negatives):
    batch = _loader(labels, batch_size=batch_size, num_negatives=num_negatives).batch(0)
    negatives = (batch_size,) if num_negatives is None else (batch_size, num_negatives)
    assert batch.reference.shape == (batch_size, 4, 5)
    assert [windows.shape for windows in batch.positive] == [(batch_size, 4, 5)]
    assert batch.negative.shape == (*negatives, 4, 5)


@pytest.mark.parametrize("batch_size", [16, None])
@pytest.mark.parametrize("num_negatives", [None, 5])
def test_number_of_negatives_of_one_reference(batch_size, num_negatives):
    loader = _loader(batch_size=batch_size, num_negatives=num_negatives)
    negative = loader.batch(0).indices.negative
    assert loader.num_negatives == negative.shape[-1]
    assert len(loader) == NUM_STEPS


def test_binding_again_draws_for_the_new_window():
    loader = _loader()
    sampler = loader.sampler
    loader.batch(0)
    assert loader.bind(OFFSET).sampler is sampler
    loader.bind(Offset(40, 40))
    assert loader.batch(0).reference.shape == (16, 4, 80)
    rows = torch.tensor([_rows(batch) for batch in loader])
    assert rows.min() >= 40
    assert rows.max() <= NUM_BINS - 40


def test_an_unbound_loader_says_what_to_do():
    loader = ContrastiveLoader(ContrastiveDataset(NEURAL))
    with pytest.raises(RuntimeError, match=r"call loader\.bind\(model\.offset\)"):
        next(iter(loader))


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("name", ["batch_size", "num_steps"])
@pytest.mark.parametrize("value", [0, -5, 64.5, "64"])
def test_sizes_must_be_positive_integers(name, value):
    with pytest.raises(InvalidParameterError, match=f"{name} must be a positive integer; got"):
        ContrastiveLoader(ContrastiveDataset(NEURAL), **{name: value})


def test_random_state_is_the_seed_or_gives_it():
    state = np.random.RandomState(5)
    seeds = [_loader(seed=state).seed, _loader(seed=state).seed]
    assert seeds[0] != seeds[1]
    assert _loader(seed=np.random.RandomState(5)).seed == seeds[0]
    assert _rows(_loader(seed=seeds[0]).batch(0)) == _rows(
        _loader(seed=np.random.RandomState(5)).batch(0)
    )


# ------------------------------------------------------------------------------------ augmentation


def test_augmentation_does_not_change_what_is_drawn():
    plain, noisy = _loader("mixed"), _loader("mixed", augmentation=GaussianNoise(0.5))
    for a, b in zip(plain, noisy, strict=True):
        assert _rows(a) == _rows(b)
        assert not torch.equal(a.reference, b.reference)


@pytest.mark.parametrize("first", [0, 3])
def test_augmentation_is_seeded_by_the_step(first):
    whole = [batch.reference for batch in _loader(augmentation=GaussianNoise(0.5))]
    again = _loader(augmentation=GaussianNoise(0.5)).batches(first)
    for expected, batch in zip(whole[first:], again, strict=True):
        assert torch.equal(batch.reference, expected)


def test_every_step_has_its_own_noise():
    noisy, plain = _loader(augmentation=GaussianNoise(0.5)), _loader()
    noise = [noisy.batch(k).reference - plain.batch(k).reference for k in range(NUM_STEPS)]
    assert not torch.allclose(noise[0], noise[1], atol=0.1)
    seeds = [noisy.batch(step).generator.initial_seed() for step in range(NUM_STEPS)]
    assert seeds == [derive_seed(0, Streams.AUGMENTATION, step) for step in range(NUM_STEPS)]


def test_reference_positive_and_negative_are_changed_independently():
    loader = _loader(augmentation=GaussianNoise(0.5))
    batch, plain = loader.batch(0), _loader().batch(0)
    noise = [
        (windows - clean)[:, 0].flatten()
        for windows, clean in (
            (batch.reference, plain.reference),
            (batch.positive[0], plain.positive[0]),
            (batch.negative, plain.negative),
        )
    ]
    correlation = torch.corrcoef(torch.stack(noise)) - torch.eye(3)
    assert correlation.abs().max() < 0.5  # of 80 numbers: 4.5 standard deviations
    assert torch.stack(noise).std() > 0.2


def test_noise_is_in_units_of_each_neuron():
    loader = _loader(batch_size=2000, augmentation=GaussianNoise(0.3))
    plain = _loader(batch_size=2000)
    noise = loader.batch(0).reference - plain.batch(0).reference
    expected = 0.3 * torch.from_numpy(NEURAL).std(dim=0).float()
    torch.testing.assert_close(noise.std(dim=(0, 2)), expected, rtol=0.05, atol=0)


def test_the_recording_is_not_changed():
    loader = _loader(augmentation=NeuronDropout(0.5))
    before = loader.recordings[0].neural.clone()
    assert all((batch.reference == 0).any() for batch in loader)
    assert torch.equal(loader.recordings[0].neural, before)


ARGUMENTS = {name: 0.3 for name in AUGMENTATIONS} | {
    "time_block": (0.4, 2),
    "time_jitter": 2,
    "circular_shift": 2,
}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_augmentation_is_an_argument(name):
    loader = _loader(kind=AugmentedContrastiveLoader, **{name: ARGUMENTS[name]})
    (one,) = loader.augmentation.augmentations
    assert type(one) is AUGMENTATIONS[name]
    assert not torch.equal(loader.batch(0).reference, _loader().batch(0).reference)


def test_arguments_are_composed_and_lists_are_pairs():
    loader = _loader(
        kind=AugmentedContrastiveLoader, noise_level=0.1, time_block=[0.4, 2], time_mask=0.0
    )
    names = [type(one).__name__ for one in loader.augmentation.augmentations]
    assert names == ["GaussianNoise", "TimeBlockMask"]


def test_an_augmentation_takes_the_place_of_the_arguments():
    ours = Compose((NeuronDropout(0.2),))
    assert _loader(kind=AugmentedContrastiveLoader, augmentation=ours).augmentation is ours


@pytest.mark.parametrize(
    ("options", "got"),
    [({}, "got none"), ({"noise_level": 0.0}, "got none"), ({"noise": 0.1}, "got noise")],
)
def test_nothing_and_unknown_names_are_refused(options, got):
    with pytest.raises(InvalidParameterError, match=f"noise_level, neuron_dropout.*{got}"):
        _loader(kind=AugmentedContrastiveLoader, **options)
