"""The queue holds the negatives of former steps, as a slow copy of the encoder embeds them."""

import math

import pytest
import torch

from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.data.multisession import MultiSessionDataset
from cebra_ethan.errors import CheckpointError, DataError, InvalidParameterError
from cebra_ethan.metrics.goodness_of_fit import infonce_to_bits
from cebra_ethan.models.criterions import FixedCosineInfoNCE
from cebra_ethan.models.model import Offset5Model
from cebra_ethan.models.multisession import MultiSessionModel
from cebra_ethan.solver.base import SingleSessionSolver
from cebra_ethan.solver.embed import embed
from cebra_ethan.solver.guard import FiniteGuard
from cebra_ethan.solver.momentum import MomentumQueue
from cebra_ethan.solver.train import train
from tests.solver.examples import (
    assert_equal,
    make_loader,
    make_model,
    make_solver,
    make_stopping_solver,
    recording,
    weights,
)

SIZE = 16


def _solver(num_queued, momentum=0.9, model=None, lr=1e-2, **options):
    model = model or make_model()
    queue = MomentumQueue(model, num_queued, momentum)
    return make_solver(model=model, criterion=FixedCosineInfoNCE(), lr=lr, queue=queue, **options)


def _batches(num_steps, size=SIZE, **options):
    return list(make_loader(num_steps, size, **options).bind(make_model().offset))


def test_without_momentum_and_rows_the_loss_is_plain():
    solver = _solver(0, momentum=0.0)
    for batch in _batches(5):
        total, expected = solver.loss(batch)
        losses = solver.step(batch)
        assert float(losses["loss"]) == float(total.detach())
        assert float(losses["align"]) == float(expected["align"])
        assert losses["num_negatives"] == SIZE


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("num_queued", [5, SIZE, 40, 1000])
def test_the_queue_holds_negatives_of_former_steps(num_queued, momentum):
    solver, drawn = _solver(num_queued, momentum), []
    for batch in _batches(8):
        before = min(len(drawn) * SIZE, num_queued)
        key = embed(solver.queue.key.train(), batch).negative  # before the step moves it
        losses = solver.step(batch)
        assert losses["num_negatives"] == SIZE + before
        drawn.append(key.detach())
    total, rows = torch.cat(drawn), solver.queue.rows[0]
    assert solver.queue.num_filled == [min(len(total), num_queued)]
    for place, row in list(enumerate(total))[-num_queued:]:  # row i stands at i modulo K
        # Embedded beside other points, it may be rounded otherwise.
        torch.testing.assert_close(rows[place % num_queued], row, rtol=0, atol=1e-6)
    moved = embed(solver.queue.key, batch).negative[-1]
    assert (total[-1] - moved).abs().max() > 1e-6


def test_the_loss_compares_with_the_queue():
    solver = _solver(50, model=make_model())
    *first, last = _batches(6)
    for batch in first:
        solver.step(batch)
    key, queued = solver.queue.key, solver.queue.rows[0].clone()
    points = embed(key, last)
    reference = embed(solver.model, last).reference
    negative = torch.cat([points.negative, queued])
    expected = FixedCosineInfoNCE()(reference, points.positive[0], negative)
    losses = solver.step(last)
    torch.testing.assert_close(losses["loss"], expected.total.detach())
    assert losses["num_negatives"] == SIZE + 50


def test_only_references_carry_the_gradient():
    solver = _solver(20)
    for batch in _batches(2):
        solver.step(batch)
    points, queued = solver.queue.embed(solver.model, batch)
    assert points.reference.requires_grad
    assert not any(one.requires_grad for one in (*points.positive, points.negative, *queued))
    assert not any(p.requires_grad for p in solver.queue.key.parameters())


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.999])
def test_the_key_encoder_follows(momentum):
    solver = _solver(20, momentum)
    expected = [p.detach().double() for p in solver.model.parameters()]
    for batch in _batches(6):
        solver.step(batch)
        queries = solver.model.parameters()
        expected = [
            momentum * k + (1 - momentum) * q.detach().double()
            for k, q in zip(expected, queries, strict=True)
        ]
    for key, value in zip(solver.queue.key.parameters(), expected, strict=True):
        torch.testing.assert_close(key.double(), value, rtol=1e-5, atol=1e-6)


def test_buffers_are_those_of_the_encoder():
    model = make_model()
    model.register_buffer("seen", torch.tensor(1.0))
    queue = MomentumQueue(model, 4)
    model.seen.fill_(7.0)
    queue.update(model)
    assert float(queue.key.seen) == 7.0


@pytest.mark.slow
@pytest.mark.parametrize("num_queued", [48, 240])
def test_a_frozen_encoder_sees_queued_negatives_as_it_sees_fresh_ones(num_queued):
    steps, warm = 260, num_queued // SIZE
    frozen = _solver(num_queued, momentum=0.0, lr=0.0)
    queued = [frozen.step(batch) for batch in _batches(steps)][warm:]
    fresh = make_loader(steps, SIZE + num_queued, seed=1).bind(frozen.model.offset)
    plain = [float(frozen.loss(batch)[0].detach()) for batch in fresh]
    found = torch.tensor([float(one["loss"]) for one in queued])
    expected = torch.tensor(plain)
    error = math.hypot(found.std() / len(found) ** 0.5, expected.std() / steps**0.5)
    # neighbouring steps share most of their queue, so allow more than for independent ones
    assert abs(float(found.mean() - expected.mean())) < 6 * error < 0.1
    bits = infonce_to_bits(float(found.mean()), int(queued[-1]["num_negatives"]))
    assert bits == pytest.approx(
        infonce_to_bits(float(expected.mean()), SIZE + num_queued), abs=0.1
    )
    few = [float(frozen.loss(batch)[0].detach()) for batch in _batches(steps)]
    gap = math.log((SIZE + num_queued) / SIZE)
    assert float(found.mean()) - sum(few) / steps == pytest.approx(gap, abs=0.1)


def test_it_trains():
    solver = _solver(512, momentum=0.9)
    untrained = solver.validation(make_loader(10, 64, seed=9))
    solver.fit(make_loader(150, 64))
    assert solver.validation(make_loader(10, 64, seed=9)) < untrained - 0.3


# --------------------------------------------------------------------------------------- sessions


def _two_sessions(batch_size=8, **options):
    sessions = [recording(**options), recording(slice(150), **options)]
    return ContrastiveLoader(MultiSessionDataset(sessions), batch_size, 6, random_state=0)


def _two_models():
    torch.manual_seed(0)
    return MultiSessionModel([Offset5Model(6, 8, 3), Offset5Model(6, 8, 3)])


@pytest.mark.parametrize("labels", [True, False], ids=["together", "each by itself"])
@pytest.mark.parametrize("batch_size", [8, None])
def test_several_sessions(labels, batch_size):
    solver = _solver(20, model=_two_models())
    loader = _two_sessions(batch_size, labels=labels).bind(solver.model.offset)
    apart = not labels
    drawn = [[], []]
    for step, batch in enumerate(loader):
        points = embed(solver.queue.key, batch)
        reference = embed(solver.model, batch).reference
        sizes = batch.group_sizes or [len(points.negative) // 2] * 2
        filled = [torch.cat(one)[-20:] if one else points.negative[:0] for one in drawn]
        assert (batch.group_sizes is not None) == apart
        groups = [(reference, points.positive[0], torch.cat([points.negative, *filled]))]
        if apart:
            parts = (reference, points.positive[0], points.negative)
            groups = list(zip(*(part.split(sizes) for part in parts), strict=True))
            groups = [
                (r, p, torch.cat([n, f])) for (r, p, n), f in zip(groups, filled, strict=True)
            ]
        each = [FixedCosineInfoNCE()(*group).total * len(group[0]) for group in groups]
        losses = solver.step(batch)
        expected = sum(each) / len(reference)
        torch.testing.assert_close(losses["loss"], expected.detach(), rtol=1e-4, atol=1e-5)
        assert losses["num_negatives"] == min(len(group[2]) for group in groups)
        shares = points.negative.split(sizes) if apart else points.negative.tensor_split(2)
        for one, share in zip(drawn, shares, strict=True):
            one.append(share.detach())
        assert step < 6
    assert solver.queue.rows.shape == (2, 20, 3)


# ---------------------------------------------------------------------------- keeping and going on


@pytest.mark.parametrize("stop", [1, 3, 7])
def test_a_resumed_training_is_the_uninterrupted_one(stop, tmp_path):
    whole = _solver(40).fit(make_loader(12, SIZE))
    _solver(40).fit(make_loader(stop, SIZE), logdir=tmp_path)
    resumed = _solver(40)
    resumed.fit(make_loader(12, SIZE), logdir=tmp_path, resume=True)
    apart = {"fingerprint": None}  # of what lies in a folder alone
    assert_equal({**resumed.state_dict(), **apart}, {**whole.state_dict(), **apart})


def test_damaged_states_are_refused_before_anything_changes():
    solver = _solver(8).fit(make_loader(3, SIZE))
    good = solver.state_dict()
    damage = {
        "counts of rows": ("_extra_state", torch.tensor([-1])),
        "of shape": ("rows", torch.zeros(1, 9, 3)),
        "finite": ("rows", torch.full((1, 8, 3), math.nan)),
    }
    for message, (name, value) in damage.items():
        state = {**good, "queue": {**good["queue"], name: value}}
        with pytest.raises(CheckpointError, match=message):
            solver.load_state_dict(state)
        assert_equal(solver.state_dict(), good)
    with pytest.raises(CheckpointError, match="lacks or has in excess: queue"):
        make_solver(criterion=FixedCosineInfoNCE()).load_state_dict(good)


def _spoiled(deferred, step, monkeypatch):
    """Trains until a gradient is NaN; returns the solver after the error."""
    solver, calls = _solver(40), []
    renew = SingleSessionSolver._renew_guard

    def renewed(self):
        renew(self)
        self._guard = FiniteGuard(self.optimizer, self._tensors, deferred=deferred)

    def spoil(gradient):
        calls.append(0)
        return gradient * math.nan if len(calls) > step else gradient

    monkeypatch.setattr(SingleSessionSolver, "_renew_guard", renewed)
    solver._renew_guard()
    next(solver.model.parameters()).register_hook(spoil)
    with pytest.raises(ArithmeticError, match="stay finite; at step 5"):
        solver.fit(make_loader(9, SIZE))
    return solver


def test_steps_that_fail_leave_no_trace_in_the_queue(monkeypatch):
    looked, masked = (_spoiled(deferred, 4, monkeypatch) for deferred in (False, True))
    assert looked.num_steps == masked.num_steps == 4
    assert_equal(masked.queue.state_dict(), looked.queue.state_dict())
    assert_equal(weights(masked), weights(looked))
    good = _solver(40)
    train(good.step, _batches(4))
    assert_equal(looked.queue.state_dict(), good.queue.state_dict())


def test_best_weights_come_with_an_empty_queue():
    model = make_model()
    queue = MomentumQueue(model, 40)
    solver = make_stopping_solver(1, model=model, criterion=FixedCosineInfoNCE(), queue=queue)
    solver.fit(make_loader(40, SIZE), make_loader(2, SIZE, seed=3), valid_frequency=2)
    assert queue.num_filled == [0]
    for key, query in zip(queue.key.parameters(), model.parameters(), strict=True):
        assert torch.equal(key, query)


def test_own_negatives_and_wrong_numbers_are_refused():
    with pytest.raises(DataError, match="got negatives of each reference"):
        _solver(4).fit(make_loader(num_negatives=3))
    for numbers in ((-1, 0.9), (4, 1.0), (4, -0.1)):
        with pytest.raises(InvalidParameterError, match=r"a queue needs num_queued of at least 0"):
            MomentumQueue(make_model(), *numbers)
