"""Solvers: what a step does, what training keeps, and that a resumed one is the same."""

import csv
import re

import numpy as np
import pytest
import torch

from cebra_ethan.data.augment import GaussianNoise
from cebra_ethan.data.dataset import ContrastiveDataset
from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.errors import DataError
from cebra_ethan.models.criterions import FixedCosineInfoNCE, LearnableCosineInfoNCE
from cebra_ethan.models.model import Offset5Model
from cebra_ethan.solver.callbacks import EveryFewSteps
from cebra_ethan.solver.checkpoint import load_state
from cebra_ethan.solver.embed import embed
from cebra_ethan.solver.schedules import SCHEDULERS
from cebra_ethan.types import Objective
from tests.reference.infonce import infonce
from tests.solver.examples import (
    NEURAL,
    NUM_DIMS,
    NUM_NEURONS,
    assert_equal,
    make_loader,
    make_model,
    make_solver,
    make_stopping_solver,
    weights,
)

TRAIN, VALID = slice(0, 200), slice(210, 300)


def _hybrid(criterion=None, weight=2.0):
    criterion = criterion or FixedCosineInfoNCE()
    return [
        Objective(criterion, "behavior", dims=slice(2)),
        Objective(criterion, "time", weight=weight),
    ]


class DropoutModel(Offset5Model):
    """Draws at random in each forward pass of training."""

    def __init__(self):
        super().__init__(NUM_NEURONS, 8, NUM_DIMS)
        self.net.insert(1, torch.nn.Dropout(0.3))


def _make_dropout_model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DropoutModel()


@pytest.mark.parametrize("num_steps", [3, 199, 200, 201])
def test_history_is_the_losses_step_by_step(num_steps):
    solver, by_hand = make_solver(), make_solver()
    solver.fit(make_loader(num_steps))
    loader = make_loader(num_steps).bind(by_hand.model.offset)
    losses = [by_hand.step(batch) for batch in loader]
    assert set(solver.history) == {"loss", "align", "uniform", "temperature"}
    for name in solver.history:
        assert solver.history[name].tolist() == [float(one[name]) for one in losses]
    assert solver.num_steps == num_steps
    assert solver.stop_reason is None
    assert_equal(weights(solver), weights(by_hand))


def test_loss_is_infonce_of_the_embedded_batch():
    solver = make_solver(criterion=FixedCosineInfoNCE(0.5))
    batch = make_loader().bind(solver.model.offset).batch(0)
    total, losses = solver.loss(batch)
    points = embed(solver.model, batch)
    parts = (points.reference, points.positive[0], points.negative)
    reference, positive, negative = (part.detach().double().numpy() for part in parts)
    expected = np.mean(
        [infonce(x, p, negative, 0.5, "dot") for x, p in zip(reference, positive, strict=True)]
    )
    assert float(total.detach()) == pytest.approx(expected, rel=1e-5)
    assert float(losses["align"] + losses["uniform"]) == pytest.approx(expected, rel=1e-5)
    assert losses["temperature"] == 0.5
    assert not any(value.requires_grad for value in losses.values())


def test_objectives_are_weighted_and_see_their_dimensions():
    solver = make_solver(criterion=_hybrid())
    batch = make_loader(hybrid=True).bind(solver.model.offset).batch(0)
    total, losses = solver.loss(batch)
    points = embed(solver.model, batch)
    criterion = solver.objectives[0].criterion
    reference, negative = points.reference, points.negative
    behavior = criterion(reference[:, :2], points.positive[0][:, :2], negative[:, :2]).total
    time = criterion(reference, points.positive[1], negative).total
    torch.testing.assert_close(total, behavior + 2 * time)
    assert set(losses) == {
        "loss",
        *(f"{k}/{part}" for k in ("behavior", "time") for part in ("loss", "align", "uniform")),
        "behavior/temperature",
        "time/temperature",
    }
    torch.testing.assert_close(
        losses["behavior/align"] + losses["behavior/uniform"], behavior.detach()
    )


def test_a_loader_for_another_number_of_objectives_is_refused():
    with pytest.raises(DataError, match="one positive for each objective; got 1 for 2"):
        make_solver(criterion=_hybrid()).fit(make_loader())


def test_two_objectives_share_one_criterion_and_train_it_once():
    shared = LearnableCosineInfoNCE()
    solver = make_solver(criterion=_hybrid(shared))
    assert list(solver.criterions) == [shared]
    solver.fit(make_loader(5, hybrid=True))
    assert float(shared.temperature) != 1.0


def test_training_lowers_the_loss():
    solver = make_solver().fit(make_loader(150, 64))
    loss = solver.history["loss"]
    assert loss[-20:].mean() < loss[:3].mean() - 0.5


def test_a_learned_temperature_respects_its_minimum():
    criterion = LearnableCosineInfoNCE(temperature=0.5, min_temperature=0.4)
    solver = make_solver(criterion=criterion, lr=5e-2).fit(make_loader(150, 64))
    temperature = solver.history["temperature"]
    assert temperature.min() == pytest.approx(0.4)
    assert temperature[0] == pytest.approx(0.5)
    free = make_solver(criterion=LearnableCosineInfoNCE(temperature=0.5), lr=5e-2)
    assert free.fit(make_loader(150, 64)).history["temperature"].min() < 0.35


@pytest.mark.parametrize("training", [True, False])
def test_validation_does_not_change_anything(training):
    solver = make_solver(model=_make_dropout_model())
    solver.model.train(training)
    before, loader = weights(solver), make_loader(5, part=VALID, seed=1)
    first = solver.validation(loader)
    assert first == solver.validation(loader)  # the same draws, without dropout
    assert solver.model.training is training
    assert_equal(weights(solver), before)
    solver.model.eval()
    batches = loader.bind(solver.model.offset)
    assert first == pytest.approx(np.mean([float(solver.loss(b)[0].detach()) for b in batches]))


def test_validation_draws_are_the_same_at_every_evaluation(monkeypatch):
    solver, valid, drawn = make_solver(), make_loader(3, part=VALID, seed=1), []
    monkeypatch.setattr(
        solver, "validation", lambda loader: drawn.append([b.indices for b in loader]) or 0.0
    )
    solver.fit(make_loader(12, part=TRAIN), valid, valid_frequency=4)
    assert [step for step, _ in solver.validation_history] == [4, 8, 12]
    first = [vars(indices) for indices in drawn[0]]
    assert len({str(indices) for indices in first}) == 3  # but each batch is another
    for later in drawn[1:]:
        assert_equal([vars(indices) for indices in later], first)


def test_validation_does_not_change_training():
    with_, without = make_solver(), make_solver()
    with_.fit(make_loader(12), make_loader(3, part=VALID, seed=1), valid_frequency=2)
    without.fit(make_loader(12))
    assert_equal(weights(with_), weights(without))


@pytest.mark.parametrize(("num_steps", "evaluations"), [(50, 50), (300, 100)])
def test_validates_a_hundred_times_by_default(monkeypatch, num_steps, evaluations):
    solver = make_solver()
    monkeypatch.setattr(solver, "validation", lambda loader: 0.0)
    solver.fit(make_loader(num_steps, 4), make_loader(1, part=VALID))
    assert len(solver.validation_history) == evaluations
    assert solver.validation_history[-1][0] == num_steps


def test_early_stopping_restores_the_best_weights(tmp_path, monkeypatch):
    solver, seen = make_stopping_solver(patience=3), {}
    losses = iter([3.0, 1.0, 2.0, 2.0, 2.0])

    def validation(loader):
        seen[solver.num_steps] = weights(solver)
        return next(losses)

    monkeypatch.setattr(solver, "validation", validation)
    solver.fit(make_loader(40), make_loader(1, part=VALID), valid_frequency=2, logdir=tmp_path)
    assert solver.num_steps == 10
    assert solver.stop_reason == "no improvement over 1.0000 (step 4) by step 10"
    assert_equal(weights(solver), seen[4])
    best, last = (make_stopping_solver() for _ in range(2))
    best.load(tmp_path / "best.ckpt")
    last.load(tmp_path / "last.ckpt")
    assert_equal(weights(best), seen[4])
    assert_equal(weights(last), seen[10])
    assert len(solver.history["loss"]) == 10


def test_best_weights_are_restored_also_where_training_ran_to_its_end(monkeypatch):
    solver, seen = make_stopping_solver(patience=99), []
    losses = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr(
        solver, "validation", lambda loader: seen.append(weights(solver)) or next(losses)
    )
    solver.fit(make_loader(6), make_loader(1, part=VALID), valid_frequency=2)
    assert (solver.num_steps, solver.stop_reason) == (6, None)
    assert_equal(weights(solver), seen[0])


def test_early_stopping_ends_where_nothing_can_be_learned():
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(300, 4))).float()

    def loader(part, seed):
        return ContrastiveLoader(ContrastiveDataset(noise[part]), 64, 400, random_state=seed)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Offset5Model(4, 8, 3)
    solver = make_stopping_solver(model=model, patience=3)
    valid = ContrastiveLoader(ContrastiveDataset(noise[VALID]), 64, 5, random_state=1)
    solver.fit(loader(TRAIN, 0), valid, valid_frequency=5)
    assert solver.num_steps < 100
    assert "no improvement" in solver.stop_reason


def test_each_fit_of_a_stopping_solver_has_its_own_patience():
    solver = make_stopping_solver(patience=1, min_delta=1e9)
    solver.fit(make_loader(10), valid_frequency=2)
    assert solver.num_steps == 4  # the first evaluation is always an improvement
    solver.fit(make_loader(20), valid_frequency=2)
    assert solver.num_steps == 8


@pytest.mark.parametrize("frequency", [None, 4, 5])
def test_files_of_a_training(tmp_path, frequency):
    at_save = []
    solver = make_solver()
    steps = EveryFewSteps(
        lambda step: at_save.append(
            load_state(tmp_path / "last.ckpt")["num_steps"]
            if (tmp_path / "last.ckpt").exists()
            else 0
        ),
        1,
    )
    solver.fit(make_loader(11), logdir=tmp_path, save_frequency=frequency, callbacks=[steps])
    expected = [0 if frequency is None else k // frequency * frequency for k in range(1, 12)]
    assert at_save == expected
    before = set() if frequency is None else {"previous.ckpt"}
    assert {path.name for path in tmp_path.iterdir()} == {"last.ckpt", "history.csv", *before}
    assert load_state(tmp_path / "last.ckpt")["num_steps"] == 11
    for name in before:
        assert load_state(tmp_path / name)["num_steps"] == 11 // frequency * frequency
    with (tmp_path / "history.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [int(row["step"]) for row in table] == list(range(1, 12))
    np.testing.assert_allclose(
        [float(row["loss"]) for row in table], solver.history["loss"], rtol=1e-5
    )


def test_no_folder_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_stopping_solver().fit(make_loader(3))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", [{"save_frequency": 2}, {"resume": True}])
def test_files_need_a_folder(option):
    with pytest.raises(DataError, match="save_frequency and resume need a folder"):
        make_solver().fit(make_loader(3), **option)


SOLVERS = {
    "plain": lambda: make_solver(),
    "dropout": lambda: make_solver(model=_make_dropout_model()),
    "hybrid": lambda: make_solver(criterion=_hybrid(LearnableCosineInfoNCE())),
    "stopping": lambda: make_stopping_solver(patience=99),
    **{
        name: (lambda name=name: make_solver(schedule=lambda one: SCHEDULERS[name](one, 13)))
        for name in SCHEDULERS
    },
}


def _fit(solver, name, valid=True, seed=0, **options):
    loader = make_loader(
        13, part=TRAIN, seed=seed, hybrid=name == "hybrid", augmentation=GaussianNoise(0.1)
    )
    held_out = (
        make_loader(2, part=VALID, seed=None if seed is None else seed + 1)
        if name == "stopping"
        else None
    )
    return solver.fit(loader, held_out, valid_frequency=3, **options)


@pytest.mark.parametrize("cut", [1, 6, 7])
@pytest.mark.parametrize("name", SOLVERS)
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, name, cut):
    whole = _fit(SOLVERS[name](), name, logdir=tmp_path / "whole")

    def interrupt(step):
        if step == cut:
            raise KeyboardInterrupt("at the cut")

    part = tmp_path / "part"
    options = {"logdir": part, "save_frequency": 3}
    with pytest.raises(KeyboardInterrupt, match="at the cut"):
        _fit(SOLVERS[name](), name, callbacks=[EveryFewSteps(interrupt, 1)], **options)
    # no seed: what was saved decides
    resumed = _fit(SOLVERS[name](), name, seed=None, resume=True, **options)
    assert_equal(load_state(part / "last.ckpt"), load_state(tmp_path / "whole" / "last.ckpt"))
    assert_equal(weights(resumed), weights(whole))
    assert resumed.validation_history == whole.validation_history
    assert (part / "history.csv").read_text() == (tmp_path / "whole" / "history.csv").read_text()


def test_resuming_a_training_that_had_ended_changes_nothing(tmp_path):
    first = make_solver().fit(make_loader(5), logdir=tmp_path)
    again = make_solver().fit(make_loader(5), logdir=tmp_path, resume=True)
    assert_equal(weights(again), weights(first))
    assert again.history["loss"].tolist() == first.history["loss"].tolist()


def test_resuming_a_training_that_was_stopped_changes_nothing(tmp_path):
    options = {"valid_frequency": 2, "logdir": tmp_path}
    first = make_stopping_solver(min_delta=1e9).fit(make_loader(20), **options)
    assert (first.num_steps, first._stopping.best_step) == (6, 2)
    again = make_stopping_solver(min_delta=1e9)
    again.fit(make_loader(20), resume=True, **options)
    assert (again.num_steps, again.stop_reason) == (6, first.stop_reason)
    assert_equal(weights(again), weights(first))
    patient = make_stopping_solver(min_delta=1e9, patience=3)
    assert patient.fit(make_loader(20), resume=True, **options).num_steps == 8


def test_resuming_an_empty_folder_starts(tmp_path):
    solver = make_solver().fit(make_loader(5), logdir=tmp_path, resume=True)
    assert_equal(weights(solver), weights(make_solver().fit(make_loader(5))))


def test_training_in_two_parts_equals_training_once():
    whole = make_solver().fit(make_loader(12))
    parts = make_solver().fit(make_loader(5)).fit(make_loader(12))
    assert_equal(weights(parts), weights(whole))
    assert parts.history["loss"].tolist() == whole.history["loss"].tolist()


def test_same_seed_same_training_and_global_generators_stay():
    before = torch.get_rng_state()
    first, second = (
        make_solver(model=_make_dropout_model()).fit(make_loader(8)) for _ in range(2)
    )
    assert_equal(weights(first), weights(second))
    other = make_solver(model=_make_dropout_model()).fit(make_loader(8, seed=1))
    assert first.history["loss"].tolist() != other.history["loss"].tolist()
    assert torch.equal(torch.get_rng_state(), before)


def test_save_and_load_give_the_same_solver(tmp_path):
    first = make_solver().fit(make_loader(5))
    first.save(tmp_path / "solver.ckpt")
    second = make_solver(model=make_model(seed=1))
    second.load(tmp_path / "solver.ckpt")
    assert_equal(second.state_dict(), first.state_dict())
    neural = torch.from_numpy(NEURAL)
    assert torch.equal(first.transform(neural), second.transform(neural))


def test_transform_evaluates_a_model_that_trains():
    solver = make_solver(model=_make_dropout_model())
    solver.model.train()
    neural = torch.from_numpy(NEURAL)
    assert torch.equal(solver.transform(neural), solver.transform(neural))
    assert solver.transform(neural).shape == (len(NEURAL), NUM_DIMS)
    assert solver.transform(neural, pad=False).shape == (len(NEURAL) - 4, NUM_DIMS)


def test_model_is_in_evaluation_mode_after_training():
    assert not make_solver().fit(make_loader(2)).model.training


def test_progress_shows_a_bar_with_loss_and_bits(capsys):
    make_solver().fit(make_loader(20))
    assert capsys.readouterr().err == ""
    solver = make_solver(criterion=_hybrid()).fit(make_loader(20, hybrid=True), progress=True)
    shown = capsys.readouterr().err
    loss, bits = map(float, re.findall(r"loss (\S+), (\S+) bits", shown)[-1])
    assert loss == pytest.approx(solver.history["loss"][-1], abs=1e-3)
    assert bits == pytest.approx((np.log(32) - loss / 3) / np.log(2), abs=0.01)
