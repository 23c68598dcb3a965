"""The guard: both ways of keeping training finite end with the same tensors."""

import pytest
import torch

from cebra_ethan.errors import TrainingDivergedError
from cebra_ethan.models.criterions import LearnableCosineInfoNCE
from cebra_ethan.models.model import Offset10Model
from cebra_ethan.solver.base import SingleSessionSolver
from cebra_ethan.solver.guard import FiniteGuard, NotFiniteError
from tests.solver.examples import NUM_NEURONS, make_loader

NUM_STEPS = 12


def _solver(optimizer=torch.optim.Adam):
    torch.manual_seed(0)
    model, criterion = Offset10Model(NUM_NEURONS, 8, 3), LearnableCosineInfoNCE()
    parameters = [*model.parameters(), *criterion.parameters()]
    return SingleSessionSolver(model, criterion, optimizer(parameters, lr=1e-2))


class _Spoil:
    """Writes NaN into a weight after a step, or into a gradient at a step."""

    def __init__(self, solver, step, what):
        self.step, self.num_calls = step, 0
        self.weight = next(solver.model.parameters())
        if what == "gradient":
            self.weight.register_hook(self.hook)
        self.spoils_weight = what == "weight"

    def hook(self, gradient):
        self.num_calls += 1
        return gradient * float("nan") if self.num_calls == self.step + 1 else gradient

    def after_step(self, step, losses):
        if self.spoils_weight and step == self.step:
            with torch.no_grad():
                self.weight.view(-1)[3] = float("nan")

    def finish(self):
        pass


def _train(deferred, step=None, what="none", optimizer=torch.optim.Adam, num_steps=NUM_STEPS):
    solver = _solver(optimizer)
    with pytest.MonkeyPatch.context() as patch:
        renew = SingleSessionSolver._renew_guard

        def renewed(self):
            renew(self)
            self._guard.deferred = deferred

        patch.setattr(SingleSessionSolver, "_renew_guard", renewed)
        solver._renew_guard()
        callbacks = [] if step is None else [_Spoil(solver, step, what)]
        error = None
        try:
            solver.fit(make_loader(num_steps, 16), callbacks=callbacks)
        except TrainingDivergedError as caught:
            error = caught
    return solver, error


def _state(solver):
    own = solver.state_dict()
    return {name: own[name] for name in ("model", "criterions", "optimizer", "num_steps")}


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD])
def test_a_masked_step_is_a_step(optimizer):
    now, later = (_train(deferred, optimizer=optimizer)[0] for deferred in (False, True))
    torch.testing.assert_close(_state(now), _state(later), rtol=0, atol=0)
    assert later.num_steps == NUM_STEPS


@pytest.mark.parametrize("step", [1, 2, 7, NUM_STEPS - 1])
@pytest.mark.parametrize("what", ["weight", "gradient"])
def test_both_ways_go_back_to_the_same_tensors(what, step):
    (now, first), (later, second) = (_train(deferred, step, what) for deferred in (False, True))
    assert str(first) == str(second)
    assert f"at step {step + 1} the loss is" in str(first)
    assert now.num_steps == later.num_steps == step
    assert list(now.history["loss"]) == list(later.history["loss"])
    torch.testing.assert_close(_state(now), _state(later), rtol=0, atol=0)
    last_finite = _train(False, num_steps=step - (what == "weight"))[0] if step > 1 else None
    if last_finite is not None:
        expected = dict(last_finite.model.state_dict())
        torch.testing.assert_close(dict(later.model.state_dict()), expected, rtol=0, atol=0)


def test_a_deferred_guard_waits_until_it_is_settled():
    weight = torch.nn.Parameter(torch.ones(3))
    guard = FiniteGuard(torch.optim.SGD([weight], lr=0.5), lambda: [weight], deferred=True)
    for factor in (1.0, float("nan"), 1.0):
        weight.grad = torch.full((3,), factor)
        guard.step(torch.tensor(2.0))
    assert weight.tolist() == [0.5, 0.5, 0.5]  # one step, then none
    with pytest.raises(NotFiniteError, match="after 1 steps the loss is 2"):
        guard.settle()
