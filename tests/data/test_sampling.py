"""Laws of every sampler, naive rewrites of the positives, and the distributions of `cebra`."""

import logging
import pathlib
import tracemalloc
import typing
import warnings
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, ks_2samp

from cebra_ethan.data.sampling import (
    SAMPLERS,
    ClassSampler,
    Conditional,
    MixedSampler,
    Roll,
    SamplingOptions,
    TimeSampler,
    make_sampler,
)
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.types import Label, Offset, Recording
from tests.reference import sampling as naive

LENGTHS = [60, 4, 90, 50, 5, 120, 71]  # of trials; two are too short for most windows
TRIAL = np.repeat([3, 1, 2, 3, 9, 1, 2], LENGTHS)  # identifiers come back
RUN = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
NUM_BINS = len(TRIAL)
TIME_OFFSET = 7
OFFSETS = [Offset(0, 1), Offset(3, 2), Offset(9, 1)]
TIME = np.arange(50.0)


def _labels(kinds):
    rng = np.random.default_rng(1)
    place = np.cumsum(rng.normal(size=(NUM_BINS, 2)), axis=0)
    place[100:150] = place[100]  # the animal rests
    heading = (10 * np.cumsum(rng.normal(size=NUM_BINS))) % 360
    continuous = {
        "place": Label(place, weight=2.0),
        "heading": Label(heading, "circular", period=360.0, weight=0.01),
    }
    categorical = {
        "side": Label(rng.integers(2, size=NUM_BINS) * 5 - 3),
        "odour": Label(rng.choice(["a", "b", "b"], size=NUM_BINS)),
    }
    return {
        "none": {},
        "continuous": continuous,
        "categorical": categorical,
        "mixed": continuous | categorical,
    }[kinds]


def _recording(kinds, trial=True):
    neural = torch.zeros(NUM_BINS, 1)
    return Recording(neural, _labels(kinds), trial=torch.from_numpy(TRIAL) if trial else None)


def _options(conditional, **options):
    delta = 0.5 if conditional == "delta_normal" else None
    return SamplingOptions(
        **{"conditional": conditional, "time_offset": TIME_OFFSET, "delta": delta, **options}
    )


def _sampler(row, offset=Offset(3, 2), trial=True, **options):  # noqa: B008, it is frozen
    kinds, conditional = row
    return make_sampler(_recording(kinds, trial), offset, _options(conditional, **options))


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _equal(a, b):
    return (
        torch.equal(a.reference, b.reference)
        and torch.equal(a.negative, b.negative)
        and all(torch.equal(p, q) for p, q in zip(a.positive, b.positive, strict=True))
    )


def _all_rows(indices):
    fields = (indices.reference, *indices.positive, indices.negative)
    return torch.cat([rows.flatten() for rows in fields]).numpy()


every_row = pytest.mark.parametrize("row", SAMPLERS, ids=lambda row: "-".join(row))

# ------------------------------------------------------------------------- laws of every sampler


@every_row
@pytest.mark.parametrize("offset", OFFSETS, ids=lambda offset: f"{offset.left}+{offset.right}")
@pytest.mark.parametrize("size", [500, None])
def test_windows_lie_inside_trials_and_all_of_them_are_drawn(row, offset, size):
    sampler = _sampler(row, offset)
    later = sampler._displacement
    assert later in (0, TIME_OFFSET)
    allowed = naive.allowed_bins(TRIAL, offset.left, offset.right, later)
    assert sampler.rows.tolist() == allowed
    generator = _generator()
    drawn = np.concatenate([_all_rows(sampler.draw(size, generator)) for _ in range(8)])
    assert set(drawn) <= set(allowed)
    assert len(set(drawn)) > 0.98 * len(allowed)
    assert (RUN[drawn - offset.left] == RUN[drawn + offset.right - 1]).all()


@every_row
def test_draws_are_seeded(row):
    first = _sampler(row).draw(64, _generator(3))
    assert _equal(first, _sampler(row).draw(64, _generator(3)))
    assert not _equal(first, _sampler(row).draw(64, _generator(4)))


@every_row
@pytest.mark.parametrize("num_negatives", [None, 3])
def test_many_steps_at_once_equal_one_by_one(row, num_negatives):
    sampler = _sampler(row, num_negatives=num_negatives)
    rolls = [sampler.roll(33, _generator(step)) for step in range(6)]
    together = sampler.resolve(Roll(*map(torch.cat, zip(*rolls, strict=True))))
    for step, part in enumerate(together.split(33)):
        assert _equal(part, sampler.draw(33, _generator(step)))


@every_row
def test_resolving_spends_no_randomness(row):
    sampler = _sampler(row)
    generator = _generator()
    roll = sampler.roll(20, generator)
    before = generator.get_state()
    assert _equal(sampler.resolve(roll), sampler.resolve(roll))
    assert torch.equal(generator.get_state(), before)


@every_row
def test_global_generators_are_left_alone(row):
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    _sampler(row).draw(64, _generator())
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], before_numpy)  # noqa: NPY002


@every_row
@pytest.mark.parametrize(("num_negatives", "shape"), [(None, (40,)), (1, (40, 1)), (6, (40, 6))])
def test_shapes(row, num_negatives, shape):
    indices = _sampler(row, num_negatives=num_negatives).draw(40, _generator())
    assert indices.reference.shape == (40,)
    assert [rows.shape for rows in indices.positive] == [(40,)]
    assert indices.negative.shape == shape
    assert indices.negative.dtype == indices.reference.dtype == torch.int64


@every_row
def test_full_batch_takes_each_bin_once(row):
    sampler = _sampler(row)
    indices = sampler.draw(None, _generator())
    bins = indices.reference.tolist()
    assert bins == sorted(set(bins))
    later = TIME_OFFSET if isinstance(sampler, TimeSampler) else 0
    assert bins == naive.allowed_bins(TRIAL, 3, 2 + later, sampler._displacement - later)
    assert sorted(indices.negative.tolist()) == bins
    assert indices.negative.tolist() != bins
    each = _sampler(row, num_negatives=4).draw(None, _generator())
    assert each.reference.tolist() == bins
    assert each.negative.shape == (len(bins), 4)


@every_row
def test_without_trials_the_recording_is_one(row):
    rows = _sampler(row, Offset(3, 2), trial=False).rows
    assert rows.tolist() == list(range(3, NUM_BINS - 1))


@every_row
def test_references_and_negatives_are_independent(row):
    indices = _sampler(row).draw(4000, _generator())
    correlation = np.corrcoef(indices.reference, indices.negative)[0, 1]
    assert abs(correlation) < 0.06  # four standard deviations


@every_row
def test_references_and_negatives_are_uniform_over_bins_by_default(row):
    sampler = _sampler(row, prior="empirical")
    indices = sampler.draw(20 * len(sampler.rows), _generator())
    for rows, choices in (
        (indices.reference, *sampler._references),
        (indices.negative, sampler.rows),
    ):
        count = np.bincount(rows, minlength=NUM_BINS)[choices.numpy()]
        assert count.sum() == len(rows)
        assert chisquare(count).pvalue > 0.001


@every_row
def test_short_trials_are_counted_in_the_log(row, caplog):
    with caplog.at_level(logging.INFO, logger="cebra_ethan.data.rows"):
        sampler = _sampler(row, Offset(3, 3))
    needed = 6 + sampler._displacement
    assert f"recording: 2 of 7 trials are too short (< {needed} bins)" in caplog.text
    assert not set(sampler.rows.tolist()) & set(np.flatnonzero(np.isin(RUN, [1, 4])))


@every_row
def test_a_recording_without_a_long_enough_trial_is_refused(row):
    message = r"at least \d+ time bins.*recording has 7 trial\(s\), the longest with 120"
    with pytest.raises(DataError, match=message):
        _sampler(row, Offset(100, 100))


# --------------------------------------------------------- what a positive is, against loops


@pytest.mark.parametrize("kinds", ["none", "continuous", "categorical", "mixed"])
@pytest.mark.parametrize("time_offset", [1, 7, 30])
def test_time_positives_follow_in_the_same_trial(kinds, time_offset):
    sampler = _sampler((kinds, "time"), time_offset=time_offset)
    indices = sampler.draw(3000, _generator())
    reference, positive = indices.reference.numpy(), indices.positive[0].numpy()
    assert set(positive - reference) == {time_offset}
    assert (RUN[reference] == RUN[positive]).all()


@pytest.mark.parametrize("conditional", ["discrete", "time_delta"])
def test_class_positives_share_all_labels_and_are_uniform(conditional):
    labels = _labels("categorical")
    sampler = _sampler(("categorical", conditional))
    indices = sampler.draw(30000, _generator())
    reference, positive = indices.reference, indices.positive[0]
    for label in labels.values():
        assert torch.equal(label.values[reference], label.values[positive])
    one = (labels["side"].values == 1) & (labels["odour"].values == 0)
    members = [t for t in sampler.rows.tolist() if one[t]]
    count = np.bincount(positive[one[reference]], minlength=NUM_BINS)[members]
    assert count.sum() == int(one[reference].sum())
    assert chisquare(count).pvalue > 0.001


def _naive_coordinates():
    labels = _labels("continuous")
    place = labels["place"].to_numpy() * 2.0**0.5
    heading = labels["heading"].to_numpy()[:, None] * 0.01**0.5
    return np.hstack([place, heading]), np.array([0.0, 0.0, 360 * 0.01**0.5])


def _naive_change(roll, coordinates):
    starts = naive.allowed_bins(TRIAL, 0, 1 + TIME_OFFSET, 0)
    start = np.array([starts[int(u * len(starts))] for u in roll.chance[:, 1]])
    assert (RUN[start] == RUN[start + TIME_OFFSET]).all()
    return coordinates[start + TIME_OFFSET] - coordinates[start]


@pytest.mark.parametrize("conditional", ["time_delta", "delta_normal"])
def test_delta_positives_are_the_first_argmin(conditional):
    sampler = _sampler(("continuous", conditional), ties="first")
    roll = sampler.roll(150, _generator())
    coordinates, period = _naive_coordinates()
    if conditional == "time_delta":
        change = _naive_change(roll, coordinates)
    else:
        change = 0.5 * roll.chance[:, 1:].numpy() * np.array([2.0, 2.0, 0.01]) ** 0.5
    rows = sampler.rows.numpy()
    query = coordinates[roll.reference] + change
    expected = [rows[naive.nearest(one, coordinates[rows], period)] for one in query]
    assert sampler.resolve(roll).positive[0].tolist() == expected


def test_mixed_positives_are_the_first_argmin_inside_the_class():
    sampler = _sampler(("mixed", "time_delta"), ties="first")
    roll = sampler.roll(150, _generator())
    coordinates, period = _naive_coordinates()
    labels = _labels("categorical")
    classes = 2 * labels["side"].values.numpy() + labels["odour"].values.numpy()
    rows = sampler.rows.numpy()
    query = coordinates[roll.reference] + _naive_change(roll, coordinates)
    expected = [
        rows[naive.nearest_in_class(one, wanted, coordinates[rows], classes[rows], period)]
        for one, wanted in zip(query, classes[roll.reference], strict=True)
    ]
    assert sampler.resolve(roll).positive[0].tolist() == expected


@pytest.mark.filterwarnings("ignore:the label 'class' holds integers:UserWarning")
@pytest.mark.parametrize("num_classes", [2, 300])
@pytest.mark.parametrize("columns", [1, 2, 20])
@pytest.mark.parametrize("circular", [False, True])
def test_mixed_positives_never_leave_the_class(num_classes, columns, circular):
    rng = np.random.default_rng(0)
    codes = np.arange(900) % num_classes
    place = rng.normal(size=(900, columns)) + 1000.0 * codes[:, None]
    turn = {"kind": "circular", "period": 50.0} if circular else {}
    labels = {"place": Label(place, **turn), "class": Label(codes)}
    sampler = make_sampler(Recording(torch.zeros(900, 1), labels), Offset(0, 1), SamplingOptions())
    assert isinstance(sampler, MixedSampler)
    indices = sampler.draw(2000, _generator())
    np.testing.assert_array_equal(codes[indices.reference], codes[indices.positive[0]])


def test_uniform_ties_choose_every_resting_bin():
    sampler = _sampler(("continuous", "time_delta"))
    first = _sampler(("continuous", "time_delta"), ties="first")
    roll = sampler.roll(5000, _generator())
    label = _recording("continuous").labels["place"].values
    place = label[sampler.resolve(roll).positive[0]]
    assert torch.equal(place, label[first.resolve(roll).positive[0]])  # only bins differ


@pytest.mark.parametrize("ties", ["uniform", "first"])
def test_repeated_labels_are_drawn_from_all_repeats_only_with_uniform_ties(ties):
    frame = np.tile(np.arange(30.0), 10)
    recording = Recording(torch.zeros(300, 1), {"frame": Label(frame)})
    sampler = make_sampler(recording, Offset(0, 1), SamplingOptions(ties=ties))
    positive = sampler.draw(3000, _generator()).positive[0].numpy()
    repeats = np.bincount(positive // 30, minlength=10)
    if ties == "first":
        assert repeats.tolist() == [3000] + [0] * 9
    else:
        assert chisquare(repeats).pvalue > 0.001


@pytest.mark.parametrize("conditional", ["time_delta", "delta_normal"])
def test_differences_of_circular_labels_wrap(conditional):
    heading = np.arange(0.0, 3600.0, 10.0) % 360 + 1e-3 * np.arange(360)
    labels = {"heading": Label(heading, "circular", period=360.0)}
    delta = 10.0 if conditional == "delta_normal" else None
    options = SamplingOptions(conditional=conditional, time_offset=1, delta=delta)
    sampler = make_sampler(Recording(torch.zeros(360, 1), labels), Offset(0, 1), options)
    indices = sampler.draw(2000, _generator())
    change = heading[indices.positive[0]] - heading[indices.reference]
    change = (change + 180) % 360 - 180
    if conditional == "time_delta":  # always ten degrees ahead, also from 350 to 0
        assert np.abs(change - 10).max() < 1
    else:
        assert abs(change.mean()) < 1
        assert 8.5 < change.std() < 11.5  # ten, and the grid of ten degrees
    crossing = heading[indices.reference] > 340
    assert (np.abs(change[crossing]) < 60).all()
    assert (heading[indices.positive[0]][crossing] < 40).any()


def test_delta_normal_needs_no_neighbouring_bins():
    recording = Recording(
        torch.zeros(50, 1), {"x": Label(np.random.default_rng(0).random(50))}, torch.arange(50)
    )
    options = SamplingOptions(conditional="delta_normal", delta=0.1, time_offset=5)
    assert len(make_sampler(recording, Offset(0, 1), options).rows) == 50


# ----------------------------------------------------------------------------------------- hybrid

behavioral_row = pytest.mark.parametrize(
    "row",
    [row for row in SAMPLERS if SAMPLERS[row] is not TimeSampler],
    ids=lambda row: "-".join(row),
)


@behavioral_row
def test_hybrid_draws_a_positive_by_behaviour_and_one_by_time(row):
    hybrid, alone = _sampler(row, hybrid=True), _sampler(row)
    roll = hybrid.roll(300, _generator())
    by_behavior, by_time = hybrid.resolve(roll).positive
    assert torch.equal(by_behavior, alone.resolve(roll).positive[0])
    assert torch.equal(by_time, roll.reference + TIME_OFFSET)
    assert (RUN[roll.reference] == RUN[by_time]).all()
    later = Offset(3, 2 + TIME_OFFSET)
    assert set(roll.reference.tolist()) <= set(
        naive.allowed_bins(TRIAL, later.left, later.right, 0)
    )


@behavioral_row
def test_hybrid_draws_do_not_depend_on_the_step(row):
    sampler = _sampler(row, hybrid=True)
    rolls = [sampler.roll(20, _generator(step)) for step in range(4)]
    together = sampler.resolve(Roll(*map(torch.cat, zip(*rolls, strict=True))))
    for step, part in enumerate(together.split(20)):
        assert _equal(part, sampler.draw(20, _generator(step)))


@pytest.mark.parametrize("kinds", ["none", "continuous", "categorical", "mixed"])
def test_hybrid_needs_behaviour(kinds):
    with pytest.raises(InvalidParameterError, match="hybrid learns behaviour and time together"):
        _sampler((kinds, "time"), hybrid=True)


# ---------------------------------------------------------------------------------- class balance

CLASSES = {
    "gapped": np.repeat([0, 5], [180, 20]),
    "negative": np.repeat([-3, -1, 4], [150, 40, 10]),
    "huge": np.repeat([0, 10**12], [180, 20]),
    "bool": np.repeat([False, True], [180, 20]),
    "strings": np.repeat(["left", "rest", "right"], [150, 10, 40]),
}


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("name", CLASSES)
def test_the_uniform_prior_is_uniform_over_classes_and_inside_them(name, mixed):
    values = np.random.default_rng(0).permutation(CLASSES[name])
    labels = {"class": Label(values)}
    if mixed:
        labels["x"] = Label(np.random.default_rng(1).random(200))
    options = SamplingOptions(prior="uniform", num_negatives=2)
    sampler = make_sampler(Recording(torch.zeros(200, 1), labels), Offset(0, 1), options)
    assert type(sampler) is (MixedSampler if mixed else ClassSampler)
    indices = sampler.draw(20000, _generator())
    for rows in (indices.reference, indices.negative[:, 1]):
        drawn = values[rows]
        counts = [np.sum(drawn == one) for one in np.unique(values)]
        assert sum(counts) == 20000
        assert chisquare(counts).pvalue > 0.001
        rare = np.unique(values)[np.argmin(np.unique(values, return_counts=True)[1])]
        inside = np.bincount(rows, minlength=200)[values == rare]
        assert chisquare(inside).pvalue > 0.001


@pytest.mark.parametrize(("mixed", "balanced"), [(False, False), (True, True)])
def test_the_default_prior(mixed, balanced):
    values = np.repeat([0, 1], [180, 20])
    labels = {"class": Label(values)}
    if mixed:
        labels["x"] = Label(np.random.default_rng(1).random(200))
    recording = Recording(torch.zeros(200, 1), labels)
    sampler = make_sampler(recording, Offset(0, 1), SamplingOptions())
    share = values[sampler.draw(4000, _generator()).reference].mean()
    assert share == pytest.approx(0.5 if balanced else 0.1, abs=0.03)


@pytest.mark.parametrize("name", ["bool", "strings", "huge"])
def test_labels_of_every_type_choose_the_class_sampler(name):
    recording = Recording(torch.zeros(200, 1), {"class": Label(CLASSES[name])})
    sampler = make_sampler(recording, Offset(0, 1), SamplingOptions())
    indices = sampler.draw(500, _generator())
    values = CLASSES[name]
    assert type(sampler) is ClassSampler
    assert (values[indices.reference] == values[indices.positive[0]]).all()
    assert len(set(values[indices.reference])) > 1


@pytest.mark.filterwarnings("ignore:the label .* holds integers:UserWarning")
def test_memory_is_linear_in_the_bins_whatever_the_label():
    num_bins = 20000
    values = np.random.default_rng(0).integers(-(10**12), 10**12, size=num_bins // 2)
    values = np.concatenate([values, values])
    tracemalloc.start()
    recording = Recording(torch.zeros(num_bins, 1), {"class": Label(values)})
    sampler = make_sampler(recording, Offset(0, 1), SamplingOptions(prior="uniform"))
    sampler.draw(512, _generator())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * num_bins  # numpy's part
    (classes,) = sampler._classes.sessions
    held = [classes._rows, classes._start, classes._group]
    assert sum(len(one) for one in held) <= 3 * num_bins


# ------------------------------------------------------------------------------------- warnings


@pytest.mark.parametrize("kinds", ["categorical", "mixed"])
def test_classes_with_one_bin_are_counted_in_a_warning(kinds):
    labels = {"c": Label([0, 0, 0, 1, 2])}
    if kinds == "mixed":
        labels["x"] = Label(np.arange(5.0))
    with pytest.warns(UserWarning, match="2 of 3 classes of 'c' have one bin"):
        make_sampler(Recording(torch.zeros(5, 1), labels), Offset(0, 1), SamplingOptions())


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (Label(np.ones(9)), "the label 'x' is constant: positives carry no information"),
        (Label(np.full(9, "a")), "the label 'x' is constant, one of its classes is there"),
    ],
)
def test_a_constant_label_is_warned_about(label, message):
    with pytest.warns(UserWarning, match=message):
        make_sampler(Recording(torch.zeros(9, 1), {"x": label}), Offset(0, 1), SamplingOptions())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            {
                "x": Label(TIME[:, None] * [0.0, 1.0]),
                "y": Label(1000 * TIME),
                "z": Label(9 * TIME),
            },
            "factor of more than 100: the spread of 'y' is the largest .* 'x', column 1 the small",
        ),
        ({"turn": Label(TIME[:7], "circular", period=360)}, "'turn' has a period of 360"),
        ({"turn": Label(-TIME[:7], "circular", period=360)}, "as radians"),
        ({"frame": Label(np.arange(150) // 2 * 2)}, None),
        ({"frame": Label(np.arange(150) // 1.5, "categorical")}, None),
        ({"frame": Label(np.arange(230) // 2)}, "'frame' holds integers"),
        ({"frame": Label(np.maximum(np.arange(20), 8))}, "'frame' holds integers"),
        ({"frame": Label(np.maximum(np.arange(18), 8))}, None),
        ({"x": Label(TIME), "y": Label(99 * TIME)}, None),
        ({"x": Label(TIME), "y": Label(1000 * TIME, weight=1e-4)}, None),
        ({"x": Label(TIME), "still": Label(0 * TIME)}, None),
        ({"turn": Label(TIME[:8], "circular", period=360)}, None),
        ({"turn": Label(TIME[:7], "circular", period=2 * np.pi)}, None),
        ({"turn": Label(0 * TIME, "circular", period=360), "x": Label(TIME)}, None),
    ],
)
def test_what_is_probably_not_meant_is_warned_about(labels, message):
    """Without a message the label is usual; warnings are errors here."""
    neural = torch.zeros(len(next(iter(labels.values()))), 1)
    expected = nullcontext() if message is None else pytest.warns(UserWarning, match=message)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[0-9]+ of [0-9]+ classes of .* have one bin")
        with expected:
            make_sampler(Recording(neural, labels), Offset(0, 1), SamplingOptions())


# --------------------------------------------------------------------------------------- errors

NO_TYPE_CHECKS = pytest.mark.usefixtures("without_type_checks")


def test_classes_of_one_bin_each_are_refused():
    recording = Recording(torch.zeros(5, 1), {"c": Label(np.arange(5))})
    with pytest.raises(DataError, match="each of the 5 classes of 'c' has one bin"):
        make_sampler(recording, Offset(0, 1), SamplingOptions())


@NO_TYPE_CHECKS
@pytest.mark.parametrize("name", ["time_offset", "num_negatives"])
@pytest.mark.parametrize("value", [0, -1, 1.5, 2.0, "64", "many", True, float("nan"), [1]])
def test_counts_must_be_positive_integers(name, value):
    with pytest.raises(InvalidParameterError, match=f"{name} must be a positive integer; got"):
        SamplingOptions(**{name: value})


@NO_TYPE_CHECKS
@pytest.mark.parametrize("name", ["conditional", "prior", "ties"])
@pytest.mark.parametrize("value", ["nonsense", "", 1])
def test_unknown_choices_are_refused_with_the_known_ones(name, value):
    hints = {"conditional": "time, time_delta", "prior": "empirical, uniform", "ties": "uniform"}
    message = f"{name} must be one of {hints[name]}.*; got {value!r}"
    with pytest.raises(InvalidParameterError, match=message):
        SamplingOptions(**{name: value})


@NO_TYPE_CHECKS
@pytest.mark.parametrize("delta", [0.0, -1.0, float("nan"), float("inf"), "1"])
def test_delta_must_be_positive(delta):
    with pytest.raises(InvalidParameterError, match="delta must be a positive, finite number"):
        SamplingOptions(conditional="delta_normal", delta=delta)


@pytest.mark.parametrize(
    "options",
    [{"conditional": "delta_normal"}, {"delta": 0.1}, {"conditional": "time", "delta": 0.1}],
)
def test_delta_goes_with_delta_normal_only(options):
    with pytest.raises(InvalidParameterError, match=r"delta=.* conditional=.* or neither"):
        SamplingOptions(**options)


def test_delta_is_an_old_name():
    assert SamplingOptions(conditional="delta", delta=0.1) == SamplingOptions(
        conditional="delta_normal", delta=0.1
    )


ABSENT = [
    (kinds, conditional)
    for kinds in ("none", "continuous", "categorical", "mixed")
    for conditional in typing.get_args(Conditional)
    if (kinds, conditional) not in SAMPLERS and conditional != "delta"
]


@pytest.mark.parametrize("row", ABSENT, ids=lambda row: "-".join(row))
def test_absent_combinations_name_those_there_are(row):
    kinds, conditional = row
    there = ", ".join(key[1] for key in SAMPLERS if key[0] == kinds)
    with pytest.raises(InvalidParameterError, match=f"one of {there}; got '{conditional}'"):
        _sampler(row)


@pytest.mark.parametrize("kinds", ["none", "continuous", "categorical", "mixed"])
def test_the_default_is_the_first_row_after_time(kinds):
    rows = [key for key in SAMPLERS if key[0] == kinds]
    expected = SAMPLERS[rows[min(1, len(rows) - 1)]]
    sampler = make_sampler(_recording(kinds), Offset(0, 1), SamplingOptions())
    assert type(sampler) is expected


@every_row
def test_a_uniform_prior_is_never_ignored(row):
    if issubclass(SAMPLERS[row], (ClassSampler, MixedSampler)):
        assert _sampler(row, prior="uniform")._balanced
    else:
        with pytest.raises(InvalidParameterError, match="prior='uniform' is uniform over classes"):
            _sampler(row, prior="uniform")


# --------------------------------------------------------------------- the distributions of cebra

GOLDEN = np.load(pathlib.Path(__file__).parents[1] / "golden" / "sampling.npz")

# name in the file: labels, options
OF_CEBRA = {
    "time": (["position"], {"conditional": "time"}),
    "time_delta": (["position"], {"conditional": "time_delta"}),
    "delta_normal": (["position"], {"conditional": "delta_normal"}),
    "discrete_empirical": (["turn"], {"prior": "empirical"}),
    "discrete_uniform": (["turn"], {"prior": "uniform"}),
    "mixed": (["position", "turn"], {}),
}


def _ours(name, **changes):
    chosen, options = OF_CEBRA[name]
    labels = {key: Label(GOLDEN[key]) for key in chosen}
    if options.get("conditional") == "delta_normal":
        options = {**options, "delta": float(GOLDEN["delta"])}
    options = {"ties": "first", "time_offset": int(GOLDEN["time_offset"]), **options, **changes}
    recording = Recording(torch.zeros(len(GOLDEN["turn"]), 1), labels)
    sampler = make_sampler(recording, Offset(0, 1), SamplingOptions(**options))
    indices = sampler.draw(20000, _generator())
    return indices.reference.numpy(), indices.positive[0].numpy(), indices.negative.numpy()


def _differences(reference, positive):
    """Returns samples that describe pairs: changes of both labels, and of time."""
    position, turn = GOLDEN["position"].astype(float), GOLDEN["turn"].astype(int)
    change = position[positive] - position[reference]
    return {
        "change of x": change[:, 0],
        "change of y": change[:, 1],
        "distance": np.linalg.norm(change, axis=1),
        "change of class": turn[positive] - turn[reference],
        "bins between": positive.astype(int) - reference.astype(int),
        "reference": reference,
        "class of reference": turn[reference],
    }


@pytest.mark.parametrize("name", OF_CEBRA)
def test_pairs_are_distributed_as_those_of_cebra(name):
    reference, positive, negative = _ours(name)
    theirs = GOLDEN[name]
    ours, expected = _differences(reference, positive), _differences(theirs[0], theirs[1])
    for key in ours:
        assert ks_2samp(ours[key], expected[key]).pvalue > 0.001, key
    assert ks_2samp(negative, theirs[2]).pvalue > 0.001


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("time_delta", {"time_offset": 5}),
        ("delta_normal", {"delta": 0.12}),
        ("mixed", {"time_offset": 5}),
    ],
)
def test_the_comparison_with_cebra_would_notice_another_option(name, changes):
    reference, positive, _ = _ours(name, **changes)
    theirs = GOLDEN[name]
    ours, expected = _differences(reference, positive), _differences(theirs[0], theirs[1])
    assert ks_2samp(ours["distance"], expected["distance"]).pvalue < 1e-4
