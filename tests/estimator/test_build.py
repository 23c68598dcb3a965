"""From parameters to solver and loaders: each parameter arrives where it acts."""

import numpy as np
import pytest
import torch

from cebra_ethan.data.augment import Compose, GaussianNoise, NeuronDropout, OneOf
from cebra_ethan.data.dataset import as_recording
from cebra_ethan.estimator.build import (
    EARLY_STOPPING,
    make_loader,
    make_loaders,
    make_params_augmentation,
    make_solver,
    stopping_options,
)
from cebra_ethan.models.criterions import NCE, BaseInfoNCE, FocalInfoNCE
from cebra_ethan.solver.base import EarlyStoppingSolver, SingleSessionSolver
from cebra_ethan.types import Offset
from tests.estimator.examples import NEURAL, PLACE, SIDE, make
from tests.solver.examples import assert_equal

CPU = torch.device("cpu")
RECORDING = as_recording(NEURAL, labels={"place": PLACE})


def _solver(seed=0, **params):
    return make_solver(make(**params), [6], seed, CPU)


def test_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = _solver(seed=3).model.state_dict()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert_equal(dict(first), dict(_solver(seed=3, batch_size=None).model.state_dict()))
    assert torch.equal(torch.get_rng_state(), before)
    other = _solver(seed=4).model.state_dict()
    assert not torch.equal(first["net.0.weight"], other["net.0.weight"])


@pytest.mark.parametrize("causal", [False, True])
def test_the_model_is_as_the_parameters_say(causal):
    model = _solver(
        model_architecture="offset10-model", output_dimension=4, num_hidden_units=7, causal=causal
    ).model
    assert model.offset == (Offset(9, 1) if causal else Offset(5, 5))
    assert (model.num_neurons, model.num_output) == (6, 4)
    assert model.net[0].weight.shape[:2] == (7, 6)


@pytest.mark.parametrize(
    ("name", "kind"), [("infonce", BaseInfoNCE), ("focal", FocalInfoNCE), ("nce", NCE)]
)
@pytest.mark.parametrize("mode", ["constant", "auto"])
def test_the_criterion_is_as_the_parameters_say(name, kind, mode):
    (criterion,) = _solver(
        criterion=name, temperature=0.7, temperature_mode=mode, distance="euclidean"
    ).criterions
    assert type(criterion) is kind
    assert float(criterion.temperature) == pytest.approx(0.7)
    assert (criterion.log_inverse_temperature is not None) == (mode == "auto")
    assert criterion.min_temperature == (0.1 if mode == "auto" else None)
    one, two = torch.zeros(1, 3), torch.ones(2, 3)
    assert criterion.similarity(one, two).tolist() == [[-3.0, -3.0]]


def test_a_module_is_a_criterion_and_is_copied():
    own = FocalInfoNCE(gamma=3.0, learnable=True)
    solver = _solver(criterion=own)
    assert solver.criterions[0].gamma == 3.0
    make(criterion=own, temperature_mode="auto").fit(NEURAL)
    assert float(own.temperature) == 1.0  # `fit` leaves the parameter as it was


@pytest.mark.parametrize("mode", ["constant", "auto"])
@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_optimiser_trains_everything_with_its_arguments(name, mode):
    solver = _solver(
        optimizer=name,
        learning_rate=0.02,
        temperature_mode=mode,
        optimizer_kwargs=(("betas", (0.8, 0.9)), ("weight_decay", 0.5)),
    )
    (group,) = solver.optimizer.param_groups
    assert type(solver.optimizer).__name__.lower() == name
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.02, (0.8, 0.9), 0.5)
    expected = [*solver.model.parameters(), *solver.criterions.parameters()]
    assert [id(p) for p in group["params"]] == [id(p) for p in expected]
    assert len(expected) == len(list(solver.model.parameters())) + (mode == "auto")


def test_hybrid_has_behaviour_in_the_first_dimensions_and_time_in_all():
    behavior, time = _solver(hybrid=True, output_dimension=5).objectives
    assert (behavior.name, time.name) == ("behavior", "time")
    points = torch.zeros(2, 5)
    assert points[:, behavior.dims].shape == (2, 3)
    assert points[:, time.dims].shape == (2, 5)
    assert behavior.criterion is time.criterion


def test_early_stopping_makes_a_stopping_solver():
    assert type(_solver()) is SingleSessionSolver
    plain = _solver(early_stopping=True)
    assert type(plain) is EarlyStoppingSolver
    assert (plain.patience, plain.min_delta) == (10, 0.0)
    own = _solver(early_stopping={"patience": 4, "min_delta": 0.1})
    assert (own.patience, own.min_delta) == (4, 0.1)


def test_stopping_options_fill_up_with_defaults():
    assert stopping_options(make()) == EARLY_STOPPING
    assert stopping_options(make(early_stopping=True)) == EARLY_STOPPING
    assert stopping_options(make(early_stopping={"every": 3})) == {**EARLY_STOPPING, "every": 3}


@pytest.mark.parametrize("batch_size", [16, None])
@pytest.mark.parametrize("num_negatives", [3, None])
def test_the_loader_draws_as_the_parameters_say(batch_size, num_negatives):
    params = make(batch_size=batch_size, num_negatives=num_negatives, time_offsets=4)
    loader = make_loader(params, [as_recording(NEURAL)], 5, CPU, 7, batch_size)
    indices = loader.bind(Offset(2, 3)).batch(0).indices
    assert (loader.seed, loader.num_steps) == (5, 7)
    # full batch: a window of 5 bins and an offset of 4 fit 292 times into 300 bins
    assert len(indices.reference) == (batch_size or 292)
    assert torch.equal(indices.positive[0], indices.reference + 4)
    assert loader.num_negatives == indices.negative.shape[-1]
    assert indices.negative.ndim == (1 if num_negatives is None else 2)


def test_loaders_of_early_stopping_draw_apart():
    params = make(early_stopping=True, augmentation={"noise_level": 0.1})
    train, valid = make_loaders(params, [RECORDING], _solver(), 0, 50)
    assert (len(train.dataset[0]), len(valid.dataset[0])) == (300 - 30 - 6, 30)
    assert train.seed != valid.seed
    assert train.augmentation is not None
    assert valid.augmentation is None
    assert valid.batch_size == 30
    assert make_loaders(make(), [RECORDING], _solver(), 0, 50)[1] is None


def test_the_prior_reaches_the_sampler():
    rare = np.arange(300) < 30
    shares = []
    for prior in ("empirical", "uniform"):
        recording = as_recording(NEURAL, labels={"rare": rare})
        loader = make_loader(make(prior=prior), [recording], 0, CPU, 1, 2000).bind(Offset(0, 1))
        drawn = loader.batch(0).indices.reference
        shares.append(float((drawn < 30).float().mean()))
    assert shares == [pytest.approx(0.1, abs=0.03), pytest.approx(0.5, abs=0.05)]


@pytest.mark.parametrize("delta", [0.01, 1.0])
def test_delta_reaches_the_sampler(delta):
    line = as_recording(NEURAL, labels={"line": np.linspace(0, 10, 300)})
    params = make(conditional="delta_normal", delta=delta)
    indices = make_loader(params, [line], 0, CPU, 1, 3000).bind(Offset(0, 1)).batch(0).indices
    place = line.labels["line"].values[:, 0]
    inside = (place[indices.reference] - 5).abs() < 2  # away from the ends
    change = (place[indices.positive[0]] - place[indices.reference])[inside]
    assert float(change.std()) == pytest.approx(delta, rel=0.1, abs=0.02)


def test_augmentations_come_in_order():
    noise, own = GaussianNoise(0.1), NeuronDropout(0.5)
    assert make_params_augmentation(make()) is None
    assert make_params_augmentation(make(augmentation=own)) == Compose((own,))
    named = make_params_augmentation(make(augmentation={"noise_level": 0.1}))
    assert named == Compose((Compose((noise,)),))
    both = make_params_augmentation(
        make(augmentation=own, masking_kwargs=(("RandomNeuronMask", 0.3),))
    )
    assert both.augmentations[0] == own
    assert isinstance(both.augmentations[1], OneOf)


def test_bool_and_integer_labels_draw_the_same():
    drawn = []
    for label in (SIDE, SIDE.astype(np.uint8)):
        recording = as_recording(NEURAL, labels={"side": label})
        loader = make_loader(make(), [recording], 0, CPU, 1, 64).bind(Offset(0, 1))
        drawn.append(vars(loader.batch(0).indices))
    assert_equal(drawn[0], drawn[1])
    assert (SIDE[drawn[0]["positive"][0]] == SIDE[drawn[0]["reference"]]).all()
