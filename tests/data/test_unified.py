"""Unified sessions: one window of all neurons, aligned by the nearest label."""

import numpy as np
import pytest
import torch

from cebra_ethan.data.augment import GaussianNoise
from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.data.multisession import MultiSessionDataset
from cebra_ethan.data.unified import UnifiedDataset, UnifiedLoader, transform_unified
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.models.criterions import FixedCosineInfoNCE
from cebra_ethan.models.model import Offset1Model, resolve_model
from cebra_ethan.solver.base import SingleSessionSolver
from cebra_ethan.solver.evaluate import goodness_of_fit
from cebra_ethan.solver.guard import holds_numbers
from cebra_ethan.types import Label, Objective, Offset, Recording
from tests.estimator.sessions import ANGLES, PLACES, SIDES, TRIALS, TURNS, X

OFFSET = Offset(2, 3)
STARTS = np.cumsum([0, *map(len, X)])

LABELS = {
    "continuous": [{"place": p} for p in PLACES],
    "circular": [{"turn": t} for t in TURNS],
    "categorical": [{"side": s} for s in SIDES],
    "mixed": [{"place": p, "side": s} for p, s in zip(PLACES, SIDES, strict=True)],
}
every_kind = pytest.mark.parametrize("kind", LABELS)


def dataset_of(kind="continuous", dropout=0.0, sessions=X, **options):
    return UnifiedDataset(
        sessions, LABELS[kind], TRIALS, session_dropout=dropout, time_offset=5, **options
    )


def batch_of(kind="continuous", dropout=0.0, size=16, seed=0, **options):
    loader = UnifiedLoader(dataset_of(kind, dropout, **options), size, 4, random_state=seed)
    return loader.bind(OFFSET).batch(0)


def _distance(kind, session, bin_, rows):
    """Squared distance of the label of a bin to that of bins of one session, by hand."""
    target, labels = LABELS[kind][bin_[0]], LABELS[kind][session]
    total = np.zeros(len(rows))
    for name, label in labels.items():
        if name == "side":
            total += np.where(label[rows] == target[name][bin_[1]], 0, np.inf)
        elif name == "turn":
            gap = abs(ANGLES[session][rows] - ANGLES[bin_[0]][bin_[1]])
            total += np.minimum(gap, 2 * np.pi - gap) ** 2
        else:
            total += ((label[rows] - target[name][bin_[1]]) ** 2).sum(axis=1)
    return total


def _whole_windows(session, offset):
    trial = TRIALS[session]
    bins = range(offset.left, len(trial) - offset.right + 1)
    return np.array([t for t in bins if trial[t - offset.left] == trial[t + offset.right - 1]])


@every_kind
@pytest.mark.parametrize("num_negatives", [None, 3])
def test_windows_hold_all_sessions_at_the_nearest_label(kind, num_negatives):
    batch = batch_of(kind, num_negatives=num_negatives)
    for rows in (batch.indices.reference, *batch.indices.positive, batch.indices.negative):
        windows = batch.windows(rows)
        assert windows.shape == (*rows.shape, sum(x.shape[1] for x in X), OFFSET.span)
        flat = windows.flatten(0, -3).split([x.shape[1] for x in X], dim=1)
        for place, row in enumerate(rows.flatten().tolist()):
            own = int(np.searchsorted(STARTS[1:], row, side="right"))
            for session, windows_ in enumerate(flat):
                candidates = _whole_windows(session, OFFSET)
                if session != own:
                    gap = _distance(kind, session, (own, row - STARTS[own]), candidates)
                    candidates = candidates[gap <= gap.min() + 1e-12]
                else:
                    candidates = [row - STARTS[own]]
                window = windows_[place].numpy()
                assert any(np.array_equal(window, X[session][t - 2 : t + 3].T) for t in candidates)


def test_references_and_pairs_are_those_of_a_multi_session_dataset():
    indices = batch_of(size=64).indices
    expected = MultiSessionDataset(X, LABELS["continuous"], TRIALS, time_offset=5)
    loader = ContrastiveLoader(expected, 64, 4, random_state=0).bind(OFFSET)
    same = loader.batch(0).indices
    assert torch.equal(indices.reference, same.reference)
    assert torch.equal(indices.positive[0], same.positive[0])
    assert torch.equal(indices.negative, same.negative)


def test_equal_labels_take_turns():
    """All bins of a class belong to a bin of it; the draw depends on the seed and the step."""
    loader = UnifiedLoader(dataset_of("categorical"), 200, 9, random_state=0).bind(OFFSET)
    rows = torch.full((400,), 20)
    first, again, other = loader.batch(0).windows(rows), loader.batch(0), loader.batch(1)
    assert torch.equal(first, again.windows(rows))
    assert not torch.equal(first, other.windows(rows))
    assert torch.equal(first[:, :6], first[:1, :6].expand(400, -1, -1))  # the row itself
    assert len(first[:, 6:15].flatten(1).unique(dim=0)) > 50


@pytest.mark.parametrize("dropout", [0.0, 0.3, 0.9])
def test_session_dropout_leaves_the_own_session(dropout):
    batch = batch_of(dropout=dropout, size=400)
    full = batch_of(size=400).reference
    windows, means = batch.reference, dataset_of().means
    parts = [part.split([x.shape[1] for x in X], dim=1) for part in (windows, full)]
    left_out = []
    for session in range(3):
        own = slice(400 * session, 400 * session + 400)
        assert torch.equal(parts[0][session][own], parts[1][session][own])
        for other in {0, 1, 2} - {session}:
            at_mean = (parts[0][other][own] == means[other][:, None]).flatten(1).all(dim=1)
            left_out.append(at_mean)
    for one, two in zip(left_out[::2], left_out[1::2], strict=True):
        assert torch.equal(one, two)  # all others together
    assert float(torch.cat(left_out).float().mean()) == pytest.approx(dropout, abs=0.05)


def test_noise_and_a_single_session_of_a_batch():
    loader = UnifiedLoader(
        dataset_of(), 16, 4, random_state=0, augmentation=GaussianNoise(1e-3)
    ).bind(OFFSET)
    noisy, plain = loader.batch(0), batch_of()
    gap = noisy.reference - plain.reference
    assert 0 < gap.abs().max() < 0.05
    for session in range(3):
        own = plain.session(session)
        assert torch.equal(own.indices.reference, plain.indices.reference[16 * session :][:16])
        assert own.reference.shape == (16, 19, 5)
    assert holds_numbers(plain)


def _trained(dropout=0.5, steps=150, name="offset5-model", sessions=X, kind="continuous"):
    dataset = dataset_of(kind, dropout, sessions)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = resolve_model(name)(19, 16, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    solver = SingleSessionSolver(model, FixedCosineInfoNCE(0.5), optimizer)
    return solver.fit(UnifiedLoader(dataset, 48, steps, random_state=0)), dataset


def _off(points, bank, angles, bank_angles):
    """Median error of the angle of the nearest point of another session; pi / 2 by chance."""
    nearest = bank_angles[(points @ bank.T).argmax(dim=1).numpy()]
    return np.median(abs((angles - nearest + np.pi) % (2 * np.pi) - np.pi))


def test_a_session_alone_lands_where_the_others_do_without_labels():
    solver, dataset = _trained()
    points = [transform_unified(solver.model, dataset, k) for k in range(3)]
    assert [p.shape for p in points] == [(len(x), 3) for x in X]
    for a in range(3):
        for b in {0, 1, 2} - {a}:
            assert _off(points[a], points[b], ANGLES[a], ANGLES[b]) < 0.6
    bits = goodness_of_fit(
        solver.model, Objective(FixedCosineInfoNCE(0.5)), UnifiedLoader(dataset, 48, 5)
    ).bits
    assert bits > 1


def test_labels_that_mean_nothing_align_nothing():
    draw = np.random.default_rng(0)
    shuffled = [{"place": p[draw.permutation(len(p))]} for p in PLACES]
    dataset = UnifiedDataset(X, shuffled, TRIALS, time_offset=5)
    model = Offset1Model(19, 16, 3)
    solver = SingleSessionSolver(
        model, FixedCosineInfoNCE(0.5), torch.optim.Adam(model.parameters(), lr=1e-2)
    )
    solver.fit(UnifiedLoader(dataset, 48, 100, random_state=0))
    points = [transform_unified(model, dataset, k) for k in range(2)]
    assert _off(*points, *ANGLES[:2]) > 1.0


def _naive(model, dataset, session, kind, by_label):
    """One bin at a time, with plain slices."""
    points = []
    offset, neurons = model.offset, [x.shape[1] for x in X]
    for t in range(len(X[session])):
        first = np.flatnonzero(TRIALS[session] == TRIALS[session][t])[[0, -1]]
        parts = []
        for other, neural in enumerate(X):
            if other == session:
                rows = np.clip(np.arange(t - offset.left, t + offset.right), *first)
            elif by_label:
                rows = _whole_windows(other, offset)
                near = rows[_distance(kind, other, (session, t), rows).argmin()]
                rows = np.arange(near - offset.left, near + offset.right)
            else:
                parts.append(np.tile(neural.mean(axis=0)[:, None], offset.span))
                continue
            parts.append(neural[rows].T)
        assert [len(part) for part in parts] == neurons
        window = torch.from_numpy(np.concatenate(parts)).float()
        points.append(model(window[None])[0, :, 0])
    return torch.stack(points)


@every_kind
@pytest.mark.parametrize("by_label", [False, True])
def test_transform_is_the_model_on_windows_padded_once(kind, by_label, monkeypatch):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = resolve_model("offset5-model")(19, 8, 3).eval()
    dataset = dataset_of(kind, 0.5)
    with torch.no_grad():
        expected = _naive(model, dataset, 2, kind, by_label)
    found = transform_unified(model.train(), dataset, 2, by_label=by_label)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert model.training
    monkeypatch.setattr("cebra_ethan.data.unified._CHUNK_BINS", 40)  # no artefact at any border
    parts = transform_unified(model, dataset, 2, by_label=by_label)
    torch.testing.assert_close(parts, expected, rtol=1e-4, atol=1e-5)


def test_other_bins_of_a_session_are_embedded_too():
    solver, dataset = _trained(steps=3)
    whole = transform_unified(solver.model, dataset, 1)
    part = transform_unified(solver.model, dataset, 1, X[1][:75])
    torch.testing.assert_close(part, whole[:75], rtol=1e-5, atol=1e-6)  # the first trial
    labelled = Recording(torch.from_numpy(X[1][:75]), {"place": Label(PLACES[1][:75])})
    by_label = transform_unified(solver.model, dataset, 1, labelled, by_label=True)
    whole = transform_unified(solver.model, dataset, 1, by_label=True)
    torch.testing.assert_close(by_label, whole[:75], rtol=1e-5, atol=1e-6)


def test_the_seed_alone_decides():
    first, again = (_trained(steps=4)[0].model.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": None}, DataError, "aligned by a label that all of them have; got 3 with none"),
        ({"sessions": X[:1], "labels": LABELS["mixed"][:1]}, DataError, "two or more"),
        ({"session_dropout": 1.0}, InvalidParameterError, r"in \[0, 1\); got 1\.0"),
        ({"session_dropout": -0.1}, InvalidParameterError, r"got -0\.1"),
    ],
)
def test_what_cannot_be_unified_is_refused(change, error, message):
    given = {"sessions": X, "labels": LABELS["continuous"], **change}
    with pytest.raises(error, match=message):
        UnifiedDataset(**given)


def test_a_class_that_a_session_lacks_is_refused():
    labels = [{"side": s} for s in SIDES]
    labels[1] = {"side": np.where(SIDES[1] == "left", "left", "up")}
    loader = UnifiedLoader(UnifiedDataset(X[:2], labels[:2]), 8)
    with pytest.raises(DataError, match=r"every class of 'side' .*; session 0 lacks 1"):
        loader.bind(OFFSET)


@pytest.mark.parametrize(
    ("arguments", "options", "dropout", "error", "message"),
    [
        ((3,), {}, 0.5, InvalidParameterError, "one of 3 sessions, from 0; got 3"),
        ((0, X[1]), {}, 0.5, DataError, "session 0 has 6 neurons; got 9"),
        ((0,), {}, 0.0, DataError, "never saw one session alone needs labels"),
        ((0, X[0]), {"by_label": True}, 0.5, DataError, "needs the labels 'place'; got none"),
    ],
)
def test_what_cannot_be_embedded_is_refused(arguments, options, dropout, error, message):
    model = Offset1Model(19, 8, 3)
    with pytest.raises(error, match=message):
        transform_unified(model, dataset_of(dropout=dropout), *arguments, **options)
