"""Laws of every augmentation, and their rates."""

import math

import pytest
import torch

from cebra_ethan.data.augment import (
    AUGMENTATIONS,
    AmplitudeJitter,
    CircularShift,
    Compose,
    GaussianNoise,
    NeuronBlockMask,
    NeuronDropout,
    OneOf,
    TimeBlockMask,
    TimeJitter,
    TimeMask,
    from_masking_kwargs,
)
from cebra_ethan.errors import InvalidParameterError

B, N, L = 4000, 10, 12

# name: arguments that change something, arguments that change nothing (None where there are none)
LEVELS = {
    "noise_level": ((0.5,), (0.0,)),
    "neuron_dropout": ((0.3,), (0.0,)),
    "time_mask": ((0.3,), (0.0,)),
    "neuron_block": ((0.3,), (0.0,)),
    "time_block": ((0.3, 2), (0.0, 2)),
    "amplitude_jitter": ((0.5,), (0.0,)),
    "time_jitter": ((3,), None),
    "circular_shift": ((3,), None),
}
every = pytest.mark.parametrize("name", AUGMENTATIONS)


def _windows(num_rows=B):
    """All values are different and none is zero; memory is time-major, as in a batch."""
    memory = 1 + torch.arange(L * num_rows * N).float().reshape(L, num_rows, N)
    return memory.permute(1, 2, 0)


def _change(augmentation, windows=None, seed=0):
    windows = _windows() if windows is None else windows
    scale = torch.linspace(0.5, 2.0, windows.shape[1])
    return augmentation(windows, scale, torch.Generator().manual_seed(seed))


def test_the_table_of_levels_is_complete():
    assert set(LEVELS) == set(AUGMENTATIONS)


@every
@pytest.mark.parametrize("shape", [(5, 10, 12), (1, 1, 1), (3, 4, 1)])
def test_shape_and_type_are_kept(name, shape):
    windows = torch.rand(shape)
    changed = _change(AUGMENTATIONS[name](*LEVELS[name][0]), windows)
    assert changed.shape == windows.shape
    assert changed.dtype == windows.dtype
    assert torch.isfinite(changed).all()


@every
def test_the_input_is_not_written_to(name):
    windows = _windows()
    before = windows.clone()
    changed = _change(AUGMENTATIONS[name](*LEVELS[name][0]), windows)
    assert torch.equal(windows, before)
    assert not torch.equal(changed, before)


@every
def test_one_seed_gives_one_result(name):
    augmentation = AUGMENTATIONS[name](*LEVELS[name][0])
    assert torch.equal(_change(augmentation, seed=1), _change(augmentation, seed=1))
    assert not torch.equal(_change(augmentation, seed=1), _change(augmentation, seed=2))


@every
def test_the_global_generator_is_left_alone(name):
    before = torch.get_rng_state()
    _change(AUGMENTATIONS[name](*LEVELS[name][0]))
    assert torch.equal(torch.get_rng_state(), before)


@every
def test_rows_are_changed_independently(name):
    """Equal rows come out different, and rows tell nothing about their neighbours."""
    row = _windows(1)
    changed = _change(AUGMENTATIONS[name](*LEVELS[name][0]), row.expand(B, -1, -1))
    score = (changed - row).abs().mean(dim=(1, 2)) + changed[:, 0, 0]
    assert len(score.unique()) > 3
    neighbours = torch.corrcoef(torch.stack([score[:-1], score[1:]]))[0, 1]
    assert abs(neighbours) < 0.065  # four standard deviations


@pytest.mark.parametrize("name", [name for name in LEVELS if LEVELS[name][1] is not None])
def test_level_zero_changes_nothing(name):
    augmentation = AUGMENTATIONS[name](*LEVELS[name][1])
    assert torch.equal(_change(augmentation), _windows())


# ----------------------------------------------------------------------------- rates and patterns


def _hidden(augmentation, seed=0):
    changed = _change(augmentation, seed=seed)
    hidden = changed == 0
    assert torch.equal(changed[~hidden], _windows()[~hidden])  # the rest stays
    return hidden


def _near(share, expected, number):
    """Whether a share of independent draws is within four standard deviations."""
    return abs(float(share) - expected) <= 4 * math.sqrt(expected * (1 - expected) / number)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.9])
def test_neuron_dropout_is_bernoulli_over_rows_and_neurons(rate):
    hidden = _hidden(NeuronDropout(rate))
    assert torch.equal(hidden, hidden[:, :, :1].expand(-1, -1, L))
    assert _near(hidden[:, :, 0].float().mean(), rate, B * N)
    assert all(_near(share, rate, B) for share in hidden[:, :, 0].float().mean(dim=0))
    both = (hidden[:, 0, 0] & hidden[:, 1, 0]).float().mean()
    assert _near(both, rate**2, B)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.9])
def test_time_mask_is_bernoulli_over_rows_and_bins(rate):
    hidden = _hidden(TimeMask(rate))
    assert torch.equal(hidden, hidden[:, :1].expand(-1, N, -1))
    assert _near(hidden[:, 0].float().mean(), rate, B * L)
    assert all(_near(share, rate, B) for share in hidden[:, 0].float().mean(dim=0))
    assert _near((hidden[:, 0, 0] & hidden[:, 0, 1]).float().mean(), rate**2, B)


@pytest.mark.parametrize("share", [0.0, 0.09, 0.1, 0.3, 0.95])
def test_neuron_block_is_one_run_anywhere(share):
    hidden = _hidden(NeuronBlockMask(share))
    length = int(share * N)
    assert torch.equal(hidden, hidden[:, :, :1].expand(-1, -1, L))
    assert set(hidden[:, :, 0].sum(dim=1).tolist()) == {length}
    if length:
        runs = (hidden[:, 1:, 0] & ~hidden[:, :-1, 0]).sum(dim=1) + hidden[:, 0, 0]
        assert set(runs.tolist()) == {1}
        start = hidden[:, :, 0].int().argmax(dim=1)
        places = N - length + 1
        count = torch.bincount(start, minlength=places)
        assert all(_near(number / B, 1 / places, B) for number in count)


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.1, 0.3, 0.99])
@pytest.mark.parametrize("length", [1, 3, 100])
def test_time_block_hides_runs_from_different_starts(rate, length):
    """The share of hidden bins is that of `int(rate * L)` different starts (B10)."""
    hidden = _hidden(TimeBlockMask(rate, length))
    assert torch.equal(hidden, hidden[:, :1].expand(-1, N, -1))
    number = int(rate * L)
    for time in range(L):
        reaching = min(length, time + 1)  # a run from any of these bins hides this one
        seen = math.comb(L - reaching, number) / math.comb(L, number)
        assert _near(hidden[:, 0, time].float().mean(), 1 - seen, B)
    if length == 1:
        assert set(hidden[:, 0].sum(dim=1).tolist()) == {number}


@pytest.mark.parametrize("level", [0.1, 2.0])
def test_noise_is_normal_in_units_of_each_neuron(level):
    noise = _change(GaussianNoise(level), torch.zeros(B, N, L))
    unit = noise / torch.linspace(0.5, 2.0, N)[:, None] / level
    number = B * L
    assert (unit.mean(dim=(0, 2)).abs() < 4 / math.sqrt(number)).all()
    assert ((unit.std(dim=(0, 2)) - 1).abs() < 4 / math.sqrt(2 * number)).all()
    assert ((unit**4).mean() - 3).abs() < 4 * math.sqrt(96 / (number * N))


def test_noise_leaves_a_constant_neuron_alone():
    windows, generator = _windows(), torch.Generator().manual_seed(0)
    scale = torch.ones(N).index_fill(0, torch.tensor([3]), 0.0)
    changed = GaussianNoise(0.5)(windows, scale, generator)
    same = (changed == windows).all(dim=(0, 2))
    assert same.tolist() == [n == 3 for n in range(N)]


@pytest.mark.parametrize("level", [0.05, 0.5])
def test_gains_are_log_normal_with_median_one(level):
    gain = _change(AmplitudeJitter(level)) / _windows()
    torch.testing.assert_close(gain, gain[:, :, :1].expand(-1, -1, L))
    log = gain[:, :, 0].log()
    assert abs(log.mean()) < 4 * level / math.sqrt(B * N)
    assert abs(log.std() / level - 1) < 4 / math.sqrt(2 * B * N)


@pytest.mark.parametrize("kind", [TimeJitter, CircularShift])
@pytest.mark.parametrize("bins", [1, 3, 20])
def test_shifts_are_uniform_in_both_directions(kind, bins):
    windows = _windows()
    changed = _change(kind(bins))
    found = torch.zeros(B)
    for shift in range(-bins, bins + 1):
        time = torch.arange(L) + shift
        time = time.clamp(0, L - 1) if kind is TimeJitter else time % L
        found += (changed == windows[:, :, time]).all(dim=(1, 2))
        if bins < L // 2:
            share = (changed == windows[:, :, time]).all(dim=(1, 2)).float().mean()
            assert _near(share, 1 / (2 * bins + 1), B)
    assert (found >= 1).all()


# ------------------------------------------------------------------------------------ combinations


def test_compose_applies_in_order():
    parts = (NeuronDropout(0.3), AmplitudeJitter(0.2))
    generator, scale = torch.Generator().manual_seed(0), torch.ones(N)
    expected = parts[1](parts[0](_windows(), scale, generator), scale, generator)
    composed = Compose(parts)(_windows(), scale, torch.Generator().manual_seed(0))
    assert torch.equal(composed, expected)
    assert torch.equal(_change(Compose(())), _windows())


def test_one_of_draws_uniformly():
    candidates = [lambda windows, scale, generator, k=k: windows + k for k in range(4)]
    generator = torch.Generator().manual_seed(0)
    zero = torch.zeros(1, 1, 1)
    drawn = [int(OneOf(candidates)(zero, torch.ones(1), generator)) for _ in range(2000)]
    assert all(_near(drawn.count(k) / 2000, 0.25, 2000) for k in range(4))


MASKING = {
    "number": (("RandomNeuronMask", 0.3), (NeuronDropout(0.3),)),
    "list": (("RandomTimestepMask", [0.1, 0.4]), (TimeMask(0.1), TimeMask(0.4))),
    "range": (
        ("NeuronBlockMask", (0.1, 0.3, 0.1)),
        (NeuronBlockMask(0.1), NeuronBlockMask(0.2), NeuronBlockMask(0.3)),
    ),
}


@pytest.mark.parametrize("name", MASKING)
def test_masking_kwargs_name_our_masks(name):
    pair, expected = MASKING[name]
    (one,) = from_masking_kwargs([pair]).augmentations
    assert len(one.augmentations) == len(expected)
    for ours, wanted in zip(one.augmentations, expected, strict=True):
        assert type(ours) is type(wanted)
        (value,), (other,) = vars(ours).values(), vars(wanted).values()
        assert value == pytest.approx(other)


def test_masking_kwargs_of_several_masks():
    both = from_masking_kwargs([("TimeBlockMask", (0.3, 2)), ("RandomNeuronMask", 0.3)])
    assert both.augmentations[0] == TimeBlockMask(0.3, 2)
    kinds = [_change(both, seed=k) == 0 for k in range(12)]
    by_neuron = [torch.equal(one, one[:, :, :1].expand(-1, -1, L)) for one in kinds]
    assert 0 < sum(by_neuron) < 12  # both are drawn


# ------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (GaussianNoise, (-0.1,), r"level .* \[0, inf\); got -0\.1"),
        (GaussianNoise, (float("nan"),), r"level .* got nan"),
        (AmplitudeJitter, (-1.0,), r"level .* got -1\.0"),
        (NeuronDropout, (1.0,), r"rate .* \[0, 1\); got 1\.0"),
        (NeuronDropout, (-0.1,), r"rate .* got -0\.1"),
        (TimeMask, (1.5,), r"rate .* got 1\.5"),
        (NeuronBlockMask, (1.0,), r"share .* got 1\.0"),
        (TimeBlockMask, (1.0, 2), r"rate .* got 1\.0"),
        (TimeBlockMask, (0.1, 0), r"length .* \[1, inf\); got 0"),
        (TimeJitter, (0,), r"bins .* got 0"),
        (CircularShift, (-2,), r"bins .* got -2"),
    ],
)
def test_levels_out_of_range_are_refused(kind, arguments, message):
    with pytest.raises(InvalidParameterError, match=message):
        kind(*arguments)


def test_unknown_masks_are_refused_with_the_known_ones():
    with pytest.raises(InvalidParameterError, match=r"RandomNeuronMask, .*; got 'Mask'"):
        from_masking_kwargs([("Mask", 0.1)])


def test_one_of_nothing_is_refused():
    with pytest.raises(InvalidParameterError, match="OneOf needs one augmentation or more"):
        OneOf(())
    with pytest.raises(InvalidParameterError, match="OneOf needs one augmentation or more"):
        from_masking_kwargs([])
