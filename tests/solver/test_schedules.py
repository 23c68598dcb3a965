"""Schedules: the learning rate of each step is that of torch's own scheduler."""

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR

from cebra_ethan.solver.schedules import OPTIMIZERS, SCHEDULERS
from tests.solver.examples import make_loader, make_solver

STEPS, RATE = 10, 1e-2

EXPECTED = {
    "cosine": lambda optimizer: CosineAnnealingLR(optimizer, T_max=STEPS),
    "linear": lambda optimizer: LinearLR(optimizer, 1.0, 0.01, total_iters=STEPS),
    "one-cycle": lambda optimizer: OneCycleLR(optimizer, max_lr=RATE, total_steps=STEPS + 1),
}


class Rates:
    def __init__(self, optimizer):
        self.optimizer, self.seen = optimizer, []

    def after_step(self, step, losses):
        self.seen.append(self.optimizer.param_groups[0]["lr"])

    def finish(self):
        pass


def test_every_schedule_is_tested():
    assert EXPECTED.keys() == SCHEDULERS.keys()


@pytest.mark.parametrize("name", SCHEDULERS)
def test_rates_are_those_of_torch(name):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([weight], lr=RATE)
    theirs = EXPECTED[name](optimizer)
    expected = []
    for _ in range(STEPS):
        optimizer.step()
        theirs.step()
        expected.append(optimizer.param_groups[0]["lr"])
    solver = make_solver(lr=RATE, schedule=lambda one: SCHEDULERS[name](one, STEPS))
    rates = Rates(solver.optimizer)
    solver.fit(make_loader(STEPS), callbacks=[rates])
    assert rates.seen == expected
    assert len(set(expected)) > STEPS / 2
    assert rates.seen[-1] <= 0.0100001 * RATE


def test_without_a_schedule_the_rate_stays():
    solver = make_solver(lr=RATE)
    rates = Rates(solver.optimizer)
    solver.fit(make_loader(STEPS), callbacks=[rates])
    assert rates.seen == [RATE] * STEPS


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimisers_go_downhill(name):
    weight = torch.nn.Parameter(torch.tensor([3.0]))
    optimizer = OPTIMIZERS[name]([weight], lr=0.1)
    for _ in range(10):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        optimizer.step()
    assert float(weight.detach()) < 2.5
