"""Several sessions: pairs across them by label, inside them by time.

The distribution is compared with rows that `cebra` 0.6.1 drew, tests/golden/multisession.npz.
"""

import pathlib

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, ks_2samp

from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.data.multisession import MultiSessionDataset
from cebra_ethan.data.sampler import SamplingOptions
from cebra_ethan.data.sampling import make_sampler
from cebra_ethan.data.sessions import join_labels
from cebra_ethan.errors import DataError
from cebra_ethan.types import Batch, Label, Offset, Recording

LENGTHS = (400, 250, 120)
STARTS = np.concatenate([[0], np.cumsum(LENGTHS)])
OFFSET = Offset(3, 2)
SIZE = 64
CLASSES = (["a", "b", "c"], ["b", "c"], ["c", "a"])

MODES = {
    "time": ((), {}),
    "time with labels": (("place",), {"conditional": "time"}),
    "time_delta": (("place",), {}),
    "circular": (("angle",), {}),
    "delta_normal": (("place",), {"conditional": "delta_normal", "delta": 0.1}),
    "discrete": (("side",), {}),
    "uniform": (("side",), {"prior": "uniform"}),
    "mixed": (("place", "angle", "side"), {}),
    "hybrid": (("place",), {"hybrid": True}),
    "hybrid mixed": (("place", "side"), {"hybrid": True}),
}
every_mode = pytest.mark.parametrize("mode", MODES)


def recordings(names=("place", "angle", "side"), trial=True):
    found = []
    for k, length in enumerate(LENGTHS):
        rng = np.random.default_rng(k)
        labels = {
            "place": Label(np.cumsum(rng.normal(size=(length, 2)), axis=0) / 10),
            "angle": Label(
                np.cumsum(rng.normal(size=length)) * 10, "circular", period=360.0, weight=1e-3
            ),
            "side": Label(rng.choice(CLASSES[k], size=length)),
        }
        kept = {name: labels[name] for name in names}
        trials = torch.arange(length) // 60 if trial else None
        found.append(Recording(torch.zeros(length, 3 + k), kept, trials, name=f"session {k}"))
    return found


def sampler_of(mode, trial=True, **changes):
    names, options = MODES[mode]
    options = SamplingOptions(**{"time_offset": 5, **options, **changes})
    return make_sampler(recordings(names, trial), OFFSET, options)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def session_of(rows):
    return np.searchsorted(STARTS[1:], np.asarray(rows), side="right")


@every_mode
@pytest.mark.parametrize("num_negatives", [None, 4])
def test_each_session_gives_equally_many(mode, num_negatives):
    indices = sampler_of(mode, num_negatives=num_negatives).draw(SIZE, generator())
    expected = np.repeat([0, 1, 2], SIZE)
    np.testing.assert_array_equal(session_of(indices.reference), expected)
    count = SIZE * (num_negatives or 1)
    assert np.bincount(session_of(indices.negative).ravel()).tolist() == [count] * 3
    for rows in (indices.reference, *indices.positive, indices.negative):
        inside = rows.numpy() - STARTS[session_of(rows)]
        in_trial = inside % 60  # windows reach three bins back and one ahead, inside a trial
        assert in_trial.min() >= 3
        assert in_trial.max() <= 58


@pytest.mark.parametrize("mode", ["time_delta", "circular", "delta_normal", "discrete", "mixed"])
def test_positives_come_from_all_sessions_alike(mode):
    sampler = sampler_of(mode)
    indices = sampler.draw(4000, generator())
    table = np.zeros((3, 3))
    np.add.at(table, (session_of(indices.reference), session_of(indices.positive[0])), 1)
    if mode in ("time_delta", "circular", "delta_normal"):
        assert table.sum(axis=0).tolist() == [4000] * 3  # each session is searched equally often
        assert chisquare(table.ravel()).pvalue > 0.001
    assert (table > 300).all()


@pytest.mark.parametrize("mode", ["discrete", "uniform", "mixed", "hybrid mixed"])
def test_positives_share_the_class_by_name(mode):
    side = np.concatenate([one.labels["side"].to_numpy() for one in recordings()])
    indices = sampler_of(mode).draw(2000, generator())
    np.testing.assert_array_equal(side[indices.reference], side[indices.positive[0]])


def test_a_class_that_a_session_lacks_is_looked_up_where_it_is():
    side = np.concatenate([one.labels["side"].to_numpy() for one in recordings()])
    indices = sampler_of("discrete").draw(6000, generator())
    reference, positive = indices.reference.numpy(), indices.positive[0].numpy()
    only_a = side[reference] == "a"  # sessions 0 and 2 have it, 1 has not
    share = np.bincount(session_of(positive[only_a]), minlength=3) / only_a.sum()
    np.testing.assert_allclose(share, [0.5, 0.0, 0.5], atol=0.04)
    # inside a session each bin is equally likely, also where it stands in for another session
    for session in (0, 2):
        rows = sampler_of("discrete").session_rows[session].numpy()
        rows = rows[side[rows] == "a"]
        drawn = positive[only_a & (session_of(positive) == session)]
        assert set(drawn) <= set(rows)
        assert ks_2samp(drawn, rows).pvalue > 0.001


def test_positives_are_nearest_in_their_session():
    sampler = sampler_of("time_delta", ties="first")
    roll = sampler.roll(500, generator())
    place = np.concatenate([one.labels["place"].values for one in recordings()])
    starts = np.concatenate(
        [
            STARTS[k] + t + np.arange(min(60, n - t) - 5)
            for k, n in enumerate(LENGTHS)
            for t in range(0, n, 60)
            if min(60, n - t) > 5
        ]
    )
    start = starts[(roll.chance[:, 1].numpy() * len(starts)).astype(int)]
    query = place[roll.reference] + place[start + 5] - place[start]
    expected = []
    for one, session in zip(query, roll.session.tolist(), strict=True):
        rows = sampler.session_rows[session].numpy()
        expected.append(rows[((place[rows] - one) ** 2).sum(axis=1).argmin()])
    assert sampler.resolve(roll).positive[0].tolist() == expected


@pytest.mark.parametrize("mode", ["time", "time with labels"])
@pytest.mark.parametrize("size", [SIZE, None])
@pytest.mark.parametrize("num_negatives", [None, 4])
def test_time_alone_relates_nothing_across_sessions(mode, size, num_negatives):
    sampler = sampler_of(mode, num_negatives=num_negatives)
    indices = sampler.draw(size, generator())
    np.testing.assert_array_equal(indices.positive[0], indices.reference + 5)
    sizes = sampler.group_sizes(size)
    assert sum(sizes) == len(indices.reference)
    pairs = zip(indices.reference.split(sizes), indices.negative.split(sizes), strict=True)
    for session, (reference, negative) in enumerate(pairs):
        assert set(session_of(reference)) == {session}
        assert set(session_of(negative).ravel()) == {session}


def test_hybrid_pairs_by_behaviour_across_and_by_time_inside():
    indices = sampler_of("hybrid").draw(500, generator())
    behavior, time = indices.positive
    np.testing.assert_array_equal(time, indices.reference + 5)
    assert (session_of(behavior) != session_of(indices.reference)).mean() > 0.5


@pytest.mark.parametrize("mode", ["time_delta", "discrete", "mixed", "hybrid"])
def test_full_batch_takes_each_bin_once(mode):
    sampler = sampler_of(mode)
    indices = sampler.draw(None, generator())
    rows = torch.cat(sampler._references)
    assert indices.reference.tolist() == rows.tolist()
    assert sorted(indices.negative.tolist()) == rows.tolist()


@every_mode
def test_draws_depend_on_the_seed_alone_also_many_steps_at_once(mode):
    names, options = MODES[mode]
    sessions = recordings(names)
    dataset = MultiSessionDataset(sessions, time_offset=5, **options)
    loaders = [ContrastiveLoader(dataset, 16, 40, random_state=seed) for seed in (1, 1, 2)]
    first, again, other = (loader.bind(OFFSET) for loader in loaders)
    late = again.batch(33).indices  # asked for first, so it is drawn with other steps
    early = first.batch(0).indices
    for one, same in ((first.batch(33).indices, late), (early, again.batch(0).indices)):
        for mine, theirs in zip(_all(one), _all(same), strict=True):
            assert torch.equal(mine, theirs)
    assert not torch.equal(other.batch(0).indices.reference, early.reference)


def _all(indices):
    return (indices.reference, *indices.positive, indices.negative)


def test_what_one_reference_sees():
    def seen(mode, **options):
        names, own = MODES[mode]
        dataset = MultiSessionDataset(recordings(names), time_offset=5, **own, **options)
        return ContrastiveLoader(dataset, SIZE, random_state=0).bind(OFFSET).num_negatives

    assert seen("time_delta") == 3 * SIZE
    assert seen("time") == SIZE
    assert seen("time_delta", num_negatives=7) == 7


# --------------------------------------------------------------------------------------- labels


def test_classes_are_joined_by_name():
    joined = join_labels(recordings())["side"]
    names = np.concatenate([one.labels["side"].to_numpy() for one in recordings()])
    np.testing.assert_array_equal(joined.to_numpy(), names)
    assert joined.classes.tolist() == ["a", "b", "c"]


WRONG = {
    "missing": ({}, r"session 1 has none\. Pass the missing"),
    "other name": ({"where": Label([0.0, 1.0])}, r"session 0 has 'place', session 1 has 'where'"),
    "kind": ({"place": Label(["a", "b"])}, r"continuous .* in session 0 and categorical"),
    "columns": ({"place": Label([[0.0, 1.0], [1.0, 2.0]])}, r"1 columns.* and .*\(2 columns"),
    "period": ({"place": Label([0.0, 1.0], "circular", period=3.0)}, r"circular .*period 3"),
    "weight": ({"place": Label([0.0, 1.0], weight=2.0)}, r"weight 1.*weight 2"),
}


@pytest.mark.parametrize("what", WRONG)
def test_sessions_with_other_labels_are_named(what):
    labels, message = WRONG[what]
    first = Recording(torch.zeros(2, 3), {"place": Label([0.0, 1.0])})
    with pytest.raises(DataError, match=message):
        join_labels([first, Recording(torch.zeros(2, 3), labels)])


def test_a_session_without_a_common_class_is_named():
    sides = (["a", "b"], ["b", "a"], ["x", "y"])
    sessions = [Recording(torch.zeros(2 * 9, 3), {"side": Label(pair * 9)}) for pair in sides]
    with pytest.raises(DataError, match=r"session 2 shares none of 'side'"):
        make_sampler(sessions, Offset(0, 1), SamplingOptions())


def test_numbers_and_words_are_not_joined():
    sessions = [
        Recording(torch.zeros(2, 3), {"side": Label(values)}) for values in ([0, 1], ["0", "1"])
    ]
    with pytest.raises(DataError, match=r"categorical \(numbers\) in session 0 and .*\(words\)"):
        join_labels(sessions)


@pytest.mark.parametrize(
    ("labels", "trials", "message"),
    [([{}], None, "3 sessions, 1 labels"), (None, [None] * 4, "3 sessions, 4 trials")],
)
def test_lists_of_other_lengths(labels, trials, message):
    with pytest.raises(DataError, match=message):
        MultiSessionDataset(recordings(()), labels, trials)


def test_no_session():
    with pytest.raises(DataError, match="needs one session or more"):
        MultiSessionDataset([])


# -------------------------------------------------------------------------------------- batches


def test_a_batch_of_several_sessions_gives_the_rows_of_one():
    neural = [torch.randn(n, 3 + k) for k, n in enumerate(LENGTHS)]
    dataset = MultiSessionDataset(neural, time_offset=5)
    batch = ContrastiveLoader(dataset, 8, random_state=0).bind(OFFSET).batch(0)
    for k in range(3):
        own = batch.session(k)
        rows = batch.indices.reference[8 * k : 8 * k + 8] - STARTS[k]
        assert own.reference.shape == (8, 3 + k, OFFSET.span)
        torch.testing.assert_close(own.reference[:, :, 3], neural[k][rows])
    with pytest.raises(DataError, match="windows of 3 sessions differ"):
        _ = batch.reference


def test_noise_is_in_units_of_each_session():
    neural = [torch.full((100, 3), 1.0), torch.full((100, 3), 1.0)]
    scales = [torch.full((3,), 0.0), torch.full((3,), 10.0)]
    indices = MultiSessionDataset(neural).sampler(Offset(0, 1)).draw(50, generator())

    def noise(windows, scale, generator):
        return windows + torch.randn(windows.shape, generator=generator) * scale[:, None]

    sessions = [Recording(one) for one in neural]
    batch = Batch(sessions, indices, Offset(0, 1), noise, scales, generator())
    assert batch.session(0).reference.std() == 0
    assert batch.session(1).reference.std() == pytest.approx(10, rel=0.2)


# ------------------------------------------------------------------------------- beside `cebra`

GOLDEN = np.load(pathlib.Path(__file__).parents[1] / "golden" / "multisession.npz")
LABELS_OF_CEBRA = {"time_delta": "position", "discrete": "turn"}


def _differences(name, rows):
    """Returns samples that describe pairs: (reference, its session, positive, its session)."""
    reference, from_, positive, to = rows
    position = [GOLDEN[f"position_{k}"] for k in range(3)]
    turn = [GOLDEN[f"turn_{k}"].astype(int) for k in range(3)]
    change = np.array([position[b][q] - position[a][p] for p, a, q, b in zip(*rows, strict=True)])
    return {
        "change of x": change[:, 0],
        "distance": np.linalg.norm(change, axis=1),
        "across": np.linalg.norm(change[from_ != to], axis=1),
        "reference": reference / 1500 + from_,
        "positive": positive / 1500 + to,
        "class": np.array([turn[b][q] for q, b in zip(positive, to, strict=True)]),
    }


def _ours(name, **changes):
    label = LABELS_OF_CEBRA[name]
    values = [GOLDEN[f"{label}_{k}"] for k in range(3)]
    sessions = [Recording(torch.zeros(len(one), 1), {label: Label(one)}) for one in values]
    options = {"ties": "first", "time_offset": int(GOLDEN["time_offset"]), **changes}
    sampler = make_sampler(sessions, Offset(0, 1), SamplingOptions(**options))
    indices = sampler.draw(5000, generator())
    starts = np.cumsum([0, *(len(one) for one in values)])
    rows = []
    for drawn in (indices.reference, indices.positive[0]):
        session = np.searchsorted(starts[1:], drawn.numpy(), side="right")
        rows += [drawn.numpy() - starts[session], session]
    return _differences(name, rows)


def _theirs(name):
    reference = GOLDEN[f"{name}_reference"].astype(int)
    session = np.repeat(np.arange(3), reference.shape[1])
    rest = (GOLDEN[f"{name}_{part}"].astype(int).ravel() for part in ("positive", "assigned"))
    return _differences(name, (reference.ravel(), session, *rest))


@pytest.mark.parametrize("name", LABELS_OF_CEBRA)
def test_pairs_are_distributed_as_those_of_cebra(name):
    ours, theirs = _ours(name), _theirs(name)
    for key in ours:
        assert ks_2samp(ours[key], theirs[key]).pvalue > 0.001, key


def test_the_comparison_with_cebra_would_notice_another_option():
    ours, theirs = _ours("time_delta", time_offset=5), _theirs("time_delta")
    assert ks_2samp(ours["distance"], theirs["distance"]).pvalue < 1e-4
