"""Saving and loading: the estimator that comes back is the one that went, and goes on."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError

from cebra_ethan import CEBRA
from cebra_ethan.data.augment import GaussianNoise
from cebra_ethan.errors import CheckpointError, InvalidParameterError
from cebra_ethan.estimator.persistence import FITTED
from cebra_ethan.models.criterions import FocalInfoNCE
from cebra_ethan.solver.checkpoint import load_state, save_state
from tests.estimator.examples import NEURAL, PLACE, SIDE, make, weights
from tests.solver.examples import assert_equal

VARIANTS = {
    "plain": {},
    "temperature": {"temperature_mode": "auto", "distance": "euclidean"},
    "hybrid": {"hybrid": True},
    "stopping": {"early_stopping": {"patience": 3, "every": 2}},
    "cosine": {"scheduler": "cosine"},
    "one-cycle": {"scheduler": "one-cycle"},
    "full batch": {"batch_size": None},
    "masks": {"masking_kwargs": (("RandomNeuronMask", 0.2),), "augmentation": {"time_mask": 0.1}},
    "adamw": {"optimizer": "adamw", "optimizer_kwargs": (("weight_decay", 0.1),)},
    "causal": {"causal": True, "num_negatives": 3},
    "entropy": {"random_state": None},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_loaded_estimator_is_the_saved_one_and_goes_on(tmp_path, name):
    model = make(**VARIANTS[name]).fit(NEURAL, PLACE)
    model.save(tmp_path / "model.ckpt")
    loaded = CEBRA.load(tmp_path / "model.ckpt")
    expected = {**model.get_params(), "random_state": model.random_state_}
    assert loaded.get_params() == expected
    for attribute in ("n_features_in_", "label_kinds_", "random_state_", "offset_", "device_"):
        assert getattr(loaded, attribute) == getattr(model, attribute)
    np.testing.assert_array_equal(loaded.transform(NEURAL), model.transform(NEURAL))
    assert loaded.score(NEURAL, PLACE) == model.score(NEURAL, PLACE)
    assert loaded.history_["loss"].tolist() == model.history_["loss"].tolist()
    model.partial_fit(NEURAL, PLACE)
    loaded.partial_fit(NEURAL, PLACE)
    assert loaded.solver_.num_steps == model.solver_.num_steps > 5
    assert_equal(weights(loaded), weights(model))
    assert loaded.history_["loss"].tolist() == model.history_["loss"].tolist()


def test_saving_what_was_loaded_gives_the_same_state(tmp_path):
    make().fit(NEURAL, PLACE, SIDE).save(tmp_path / "first.ckpt")
    CEBRA.load(tmp_path / "first.ckpt").save(tmp_path / "second.ckpt")
    assert_equal(load_state(tmp_path / "second.ckpt"), load_state(tmp_path / "first.ckpt"))


def test_names_of_neurons_are_kept(tmp_path):
    table = pd.DataFrame(NEURAL, columns=[f"cell {k}" for k in range(6)])
    model = make().fit(table)
    model.save(tmp_path / "model.ckpt")
    loaded = CEBRA.load(tmp_path / "model.ckpt")
    assert loaded.feature_names_in_.tolist() == model.feature_names_in_.tolist()
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.transform(table.rename(columns={"cell 0": "another"}))


def test_what_is_saved_is_the_fitted_model_whatever_the_parameters_say_now(tmp_path):
    model = make().fit(NEURAL).set_params(output_dimension=7, model_architecture="offset1-model")
    model.save(tmp_path / "model.ckpt")
    loaded = CEBRA.load(tmp_path / "model.ckpt")
    assert (loaded.output_dimension, loaded.model_architecture) == (3, "offset5-model")
    assert loaded.transform(NEURAL).shape == (300, 3)


@pytest.mark.usefixtures("without_type_checks")
def test_numpy_numbers_are_parameters_too(tmp_path):
    model = make(learning_rate=np.float64(1e-3), max_iterations=np.int64(2)).fit(NEURAL)
    model.save(tmp_path / "model.ckpt")
    loaded = CEBRA.load(tmp_path / "model.ckpt")
    assert (loaded.learning_rate, loaded.max_iterations) == (1e-3, 2)
    assert type(loaded.max_iterations) is int


def test_the_device_can_be_chosen(tmp_path):
    make().fit(NEURAL).save(tmp_path / "model.ckpt")
    assert CEBRA.load(tmp_path / "model.ckpt", device="cpu").device_ == torch.device("cpu")


def test_a_device_that_is_not_here_falls_back(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    make().fit(NEURAL).save(tmp_path / "model.ckpt")
    state = load_state(tmp_path / "model.ckpt")
    state["params"]["device"] = "cuda:1"
    save_state(tmp_path / "model.ckpt", state)
    assert CEBRA.load(tmp_path / "model.ckpt").device_ == torch.device("cpu")


def test_nothing_to_save_yet(tmp_path):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        make().save(tmp_path / "model.ckpt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"criterion": FocalInfoNCE()}, "params/criterion is a FocalInfoNCE"),
        ({"augmentation": GaussianNoise(0.1)}, "params/augmentation is a GaussianNoise"),
    ],
)
def test_objects_cannot_be_saved(tmp_path, params, message):
    with pytest.raises(CheckpointError, match=message):
        make(**params).fit(NEURAL).save(tmp_path / "model.ckpt")


def test_the_checkpoint_of_a_solver_is_no_estimator(tmp_path):
    make().fit(NEURAL, logdir=tmp_path)
    with pytest.raises(
        CheckpointError, match="not the checkpoint of an estimator but of 'solver'"
    ):
        CEBRA.load(tmp_path / "last.ckpt")


def test_a_file_holds_all_parameters_and_nothing_else(tmp_path):
    model = make().fit(NEURAL)
    model.save(tmp_path / "model.ckpt")
    state = load_state(tmp_path / "model.ckpt")
    assert set(state) == {"kind", "params", "fitted", "solver"}
    assert set(state["params"]) == set(model.get_params())
    assert set(state["fitted"]) == set(FITTED)


@pytest.mark.parametrize("counts", [[6], [], [6, 0], [6, "6"], [6, True]])
def test_a_list_of_neurons_that_no_model_has_is_refused(tmp_path, counts):
    make().fit(NEURAL).save(tmp_path / "model.ckpt")
    state = load_state(tmp_path / "model.ckpt")
    state["fitted"]["n_features_in_"] = counts
    save_state(tmp_path / "model.ckpt", state)
    with pytest.raises(CheckpointError, match=r"n_features_in_ in .* must|describe a CEBRA"):
        CEBRA.load(tmp_path / "model.ckpt")


def test_a_device_that_is_not_here_is_no_fault_of_the_file(tmp_path):
    make().fit(NEURAL).save(tmp_path / "model.ckpt")
    with pytest.raises(InvalidParameterError, match=r"got 'nowhere'\. Choose one"):
        CEBRA.load(tmp_path / "model.ckpt", device="nowhere")
