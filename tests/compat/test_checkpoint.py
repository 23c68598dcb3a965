"""Checkpoints of `cebra` 0.6.1, made by `make_checkpoints.py`."""

import copy
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from cebra_ethan import CEBRA
from cebra_ethan.compat.adapters.estimator import CEBRA as CompatCEBRA
from cebra_ethan.compat.checkpoint import load_checkpoint
from cebra_ethan.errors import CebraError, CheckpointError, DataIntegrityError
from cebra_ethan.solver.embed import transform
from cebra_ethan.utils.restricted import load_restricted

HERE = Path(__file__).parent / "checkpoints"
CASES = ("time", "learned", "mixed", "hybrid", "full", "sessions")


@pytest.fixture(scope="module")
def arrays():
    with np.load(HERE / "embeddings.npz", allow_pickle=False) as file:
        return dict(file)


def embeddings(model, arrays):
    inputs = [arrays["X"], arrays["OTHER"]][: model.num_sessions_]
    return model.transform(inputs)


def in_double(model, number, X, *, normalized=True):
    """The embedding by the weights that were read, in double precision."""
    encoder = copy.deepcopy(model.solver_.encoder(number)).double()
    if encoder.normalize and not normalized:
        encoder.net = encoder.net[:-1]
    return transform(encoder, torch.from_numpy(X).double()).numpy()


@pytest.mark.parametrize("name", CASES)
def test_weights_give_the_embedding_of_cebra(name, arrays):
    model = load_checkpoint(HERE / f"{name}.pt")
    for number, X in enumerate([arrays["X"], arrays["OTHER"]][: model.num_sessions_]):
        assert np.abs(in_double(model, number, X) - arrays[f"{name} {number}"]).max() < 1e-6


@pytest.mark.parametrize("name", CASES)
def test_embedding_is_that_of_cebra_before_and_after_saving_in_our_format(name, arrays, tmp_path):
    model = load_checkpoint(HERE / f"{name}.pt")
    model.save(tmp_path / "ours.ckpt")
    again = CEBRA.load(tmp_path / "ours.ckpt")
    for number, X in enumerate([arrays["X"], arrays["OTHER"]][: model.num_sessions_]):
        ours, theirs = embeddings(model, arrays)[number], arrays[f"{name} {number}"]
        # Single precision rounds before vectors are scaled to unit length, which magnifies it: a
        # vector of length 0.08 by 12. What is bounded is the difference before that.
        raw = in_double(model, number, X, normalized=False)
        length = np.minimum(np.linalg.norm(raw, axis=1, keepdims=True), 1)
        assert np.abs((ours - theirs) * length).max() < 1e-6
        assert (embeddings(again, arrays)[number] == ours).all()


@pytest.mark.parametrize("name", CASES)
def test_history_and_temperature_are_those_of_cebra(name, arrays):
    model = load_checkpoint(HERE / f"{name}.pt")
    assert np.allclose(model.history_["loss"], arrays[f"{name} loss"], atol=1e-6)
    temperature = float(model.solver_.objectives[0].criterion.temperature)
    assert temperature == pytest.approx(float(arrays[f"{name} temperature"]), abs=1e-6)
    if name != "hybrid":  # `cebra` keeps no parts of that
        parts = model.history_["align"] + model.history_["uniform"]
        assert np.allclose(parts, model.history_["loss"], atol=1e-5)


def test_parameters_are_kept():
    model = load_checkpoint(HERE / "mixed.pt")
    params = model.get_params()
    assert (params["distance"], params["model_architecture"]) == ("euclidean", "offset5-model")
    assert params["batch_size"] == 16
    assert model.label_kinds_ == {"label 0": "continuous", "label 1": "categorical"}
    assert load_checkpoint(HERE / "time.pt").time_offsets == 2
    assert load_checkpoint(HERE / "sessions.pt").n_features_in_ == [5, 7]


@pytest.mark.parametrize(
    ("name", "labels"), [("time", ()), ("learned", ("Y",)), ("mixed", ("Y", "CLASSES"))]
)
def test_what_was_loaded_can_be_judged_and_trained_on(name, labels, arrays):
    model = load_checkpoint(HERE / f"{name}.pt")
    given = [arrays["X"], *(arrays[label] for label in labels)]
    assert np.isfinite(model.goodness_of_fit(*given, num_batches=2).bits)
    before = model.transform(arrays["X"])
    model.partial_fit(*given)
    assert len(model.history_["loss"]) == 10
    assert 0 < np.abs(model.transform(arrays["X"]) - before).max() < 1


def test_load_reads_both_formats(arrays, tmp_path):
    model = CompatCEBRA.load(HERE / "learned.pt", map_location="cpu", weights_only=True)
    assert type(model) is CompatCEBRA
    model.save(tmp_path / "model.pt", backend="sklearn")
    again = CompatCEBRA.load(tmp_path / "model.pt", backend="auto")
    assert (again.transform(arrays["X"]) == model.transform(arrays["X"])).all()
    assert again.state_dict_["log"].keys() == {"pos", "neg", "total", "temperature"}


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("harmed",))


def test_a_file_that_would_run_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"args": Evil(), "state": {}, "state_dict": {}}, "evil.pt")
    for load in (load_checkpoint, CompatCEBRA.load):
        with pytest.raises(DataIntegrityError, match=r"not allowed.*mkdir"):
            load("evil.pt")
    assert not Path("harmed").exists()


def set_item(state, path, value):
    *parents, last = path
    for key in parents:
        state = state[key]
    state[last] = value


@pytest.mark.parametrize(
    ("name", "path", "value", "message"),
    [
        ("learned", ["args", "num_hidden_units"], 1 << 23, "ask for"),
        ("learned", ["args", "num_hidden_units"], 1 << 40, "num_hidden_units"),
        ("learned", ["args", "output_dimension"], 4, "ask for"),
        ("learned", ["args", "nonsense"], 4, "nonsense"),
        ("learned", ["args", "temperature"], -1.0, "temperature"),
        ("learned", ["args", "temperature_mode"], "constant", "temperature_mode"),
        ("learned", ["state_dict", "criterion"], {}, "temperature_mode"),
        ("learned", ["state_dict", "criterion"], {"a": torch.zeros(1)}, "temperature_mode"),
        ("learned", ["state_dict", "model"], {}, "session"),
        ("learned", ["state_dict", "model", "net.1.weight"], torch.zeros(5, 4), "shapes"),
        ("learned", ["state_dict", "model", "net.1.bias"], torch.full((4,), np.nan), "finite"),
        ("learned", ["state_dict", "model", "net.1.bias"], "words", "finite"),
        ("learned", ["state_dict", "loss"], "words", "must be a checkpoint"),
        ("learned", ["state", "n_features_"], -5, "neurons"),
        ("learned", ["state", "n_features_"], 1 << 30, "neurons"),
        ("learned", ["state", "n_features_"], [], "0 sessions"),
        ("sessions", ["state", "n_features_"], [5], "ask for"),
        ("sessions", ["state", "n_features_"], [7, 5], "shapes"),
        ("sessions", ["state_dict", "model", "0.net.0.bias"], torch.zeros(9), "ask for"),
        ("learned", ["state"], None, "state is missing"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(name, path, value, message, tmp_path):
    state = copy.deepcopy(load_restricted(HERE / f"{name}.pt"))
    state["state"].pop("offset_")  # ours, which the reader makes of theirs
    set_item(state, path, value)
    torch.save(state, tmp_path / "changed.pt")
    with pytest.raises(CheckpointError, match=message) as error:
        load_checkpoint(tmp_path / "changed.pt")
    assert "changed.pt" in str(error.value)


@pytest.mark.parametrize("value", [[1, 2], {"model": torch.zeros(3)}, torch.zeros(3)])
def test_other_files_of_torch_are_refused(value, tmp_path):
    torch.save(value, tmp_path / "other.pt")
    with pytest.raises(CebraError, match="args is missing"):
        load_checkpoint(tmp_path / "other.pt")
