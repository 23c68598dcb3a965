"""Training that goes on: partial_fit from the present weights, and fit from a folder."""

import numpy as np
import pytest
import torch

from cebra_ethan.errors import InvalidParameterError
from tests.estimator.examples import ANGLE, NEURAL, PLACE, SIDE, make, weights
from tests.solver.examples import assert_equal


@pytest.mark.parametrize(
    ("params", "labels"),
    [
        ({}, ()),
        ({}, (PLACE,)),
        ({"hybrid": True}, (PLACE,)),
        ({"batch_size": None}, (PLACE,)),
        ({"num_negatives": 4}, (SIDE, PLACE)),
        ({"temperature_mode": "auto", "augmentation": {"noise_level": 0.1}}, (SIDE,)),
        ({"masking_kwargs": (("RandomNeuronMask", 0.2),)}, ()),
    ],
)
def test_partial_fit_continues_as_one_longer_fit(params, labels):
    whole = make(max_iterations=12, **params).fit(NEURAL, *labels)
    parts = make(max_iterations=4, **params).fit(NEURAL, *labels)
    parts.partial_fit(NEURAL, *labels).set_params(max_iterations=4).partial_fit(NEURAL, *labels)
    assert parts.solver_.num_steps == 12
    assert_equal(weights(parts), weights(whole))
    assert parts.history_["loss"].tolist() == whole.history_["loss"].tolist()


def test_partial_fit_of_a_new_estimator_is_fit():
    assert_equal(weights(make().partial_fit(NEURAL, PLACE)), weights(make().fit(NEURAL, PLACE)))


def test_partial_fit_trains_on_the_data_it_is_given():
    # Positions in the second half lie where the first had none, and cells are exchanged.
    moved = NEURAL[:, ::-1].copy()
    first = make(max_iterations=100, batch_size=64, temperature=0.5).fit(NEURAL, PLACE)
    before = weights(first)
    unseen = first.score(moved, np.roll(PLACE, 100, axis=0))
    first.partial_fit(moved, np.roll(PLACE, 100, axis=0))
    assert first.score(moved, np.roll(PLACE, 100, axis=0)) > unseen
    after_new = weights(first)
    old = make(max_iterations=100, batch_size=64, temperature=0.5).fit(NEURAL, PLACE)
    old.partial_fit(NEURAL, PLACE)
    assert any(not torch.equal(after_new[name], value) for name, value in weights(old).items())
    assert any(not torch.equal(after_new[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_architecture": "offset10-model"}, "model_architecture must stay 'offset5-model'"),
        ({"output_dimension": 4}, "output_dimension must stay 3; got 4"),
        ({"num_hidden_units": 9}, "num_hidden_units must stay 8; got 9"),
        ({"causal": True}, "causal must stay False; got True"),
        ({"hybrid": True}, "hybrid must stay False"),
        ({"distance": "euclidean"}, "distance must stay 'cosine'"),
        ({"temperature_mode": "auto"}, "temperature_mode must stay 'constant'"),
        ({"optimizer": "adamw"}, "optimizer must stay 'adam'"),
    ],
)
def test_partial_fit_refuses_another_model_and_keeps_its_own(change, message):
    fitted = make().fit(NEURAL, PLACE)
    before = weights(fitted)
    with pytest.raises(InvalidParameterError, match=message):
        fitted.set_params(**change).partial_fit(NEURAL, PLACE)
    assert_equal(weights(fitted), before)
    assert fitted.solver_.num_steps == 5


def test_partial_fit_refuses_other_neurons():
    with pytest.raises(ValueError, match="X has 5 features, but CEBRA is expecting 6"):
        make().fit(NEURAL).partial_fit(NEURAL[:, :5])


@pytest.mark.parametrize("scheduler", ["cosine", "linear", "one-cycle"])
def test_partial_fit_starts_the_schedule_anew(scheduler):
    rates = []

    def note(step, solver):
        rates.append(solver.optimizer.param_groups[0]["lr"])

    model = make(scheduler=scheduler, learning_rate=1e-3)
    model.fit(NEURAL, callback=note).partial_fit(NEURAL, callback=note)
    assert len(rates) == 10
    assert max(rates) <= 1.0001e-3
    assert rates[4] < 1.1e-5
    np.testing.assert_allclose(rates[5:], rates[:5])


def test_partial_fit_takes_a_new_learning_rate():
    model = make().fit(NEURAL).set_params(learning_rate=1e-12)
    before = weights(model)
    model.partial_fit(NEURAL)
    assert model.solver_.optimizer.param_groups[0]["lr"] == 1e-12
    for name, value in weights(model).items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=1e-9)


@pytest.mark.parametrize("early_stopping", [False, {"patience": 99, "every": 2}])
def test_a_resumed_fit_equals_an_uninterrupted_one_also_without_a_seed(tmp_path, early_stopping):
    params = {"max_iterations": 8, "early_stopping": early_stopping, "random_state": None}

    def interrupt(step, solver):
        if step == 5:
            raise KeyboardInterrupt("at the cut")

    part = make(**params)
    with pytest.raises(KeyboardInterrupt, match="at the cut"):
        part.fit(NEURAL, ANGLE, logdir=tmp_path, callback=interrupt)
    resumed = make(**params).fit(NEURAL, ANGLE, logdir=tmp_path, resume=True)
    whole = make(**{**params, "random_state": part.random_state_}).fit(NEURAL, ANGLE)
    assert resumed.random_state_ == part.random_state_
    assert_equal(weights(resumed), weights(whole))
    assert resumed.solver_.validation_history == whole.solver_.validation_history
    assert resumed.score(NEURAL, ANGLE) == whole.score(NEURAL, ANGLE)
