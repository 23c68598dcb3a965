"""Rows 48, 49 and 53: only what fits the schema is loaded."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save as safetensors_bytes

from cebra_ethan import CEBRA
from cebra_ethan.errors import CheckpointError
from cebra_ethan.solver.base import SingleSessionSolver
from cebra_ethan.solver.checkpoint import SCHEMA_VERSION, load_state, save_state
from tests.reliability.checkpoints import (
    CEBRA_PT,
    changed,
    drop,
    parts,
    put,
    torch_file,
    write,
)
from tests.reliability.helpers import NEURAL, assert_same, small

pytestmark = pytest.mark.usefixtures("without_type_checks")


def _zip_file():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "hello")
    return buffer.getvalue()


def _npy_file():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


FOREIGN = {
    "empty": (b"", "an empty file"),
    "text": (b"hello, this is no checkpoint\n" * 9, "something else.*hello"),
    "json": (b'{"kind": "estimator"}', "something else"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), "a PNG picture"),
    "zip": (_zip_file(), "a zip archive"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"),
    "npy": (_npy_file(), r"an \.npy array"),
    "safetensors": (safetensors_bytes({"a": torch.zeros(3)}), "a plain safetensors file"),
    "torch": (torch_file({"a": torch.zeros(3)}), r"a torch or cebra checkpoint \(\.pt\)"),
    "cebra": (torch_file(CEBRA_PT), r"a torch or cebra checkpoint \(\.pt\)"),
    "pickle": (pickle.dumps([1, 2]), "a pickle"),
    "magic alone": (b"CEBRAETH", "truncated"),
    "magic and zeros": (b"CEBRAETH" + bytes(40), "checksum"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_row48_foreign_files(kind, tmp_path):
    content, message = FOREIGN[kind]
    path = tmp_path / f"{kind}.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"(?s)({path}.*{message})|({message}.*{path})"):
        CEBRA.load(path)
    solver = SingleSessionSolver(*parts())
    with pytest.raises(CheckpointError, match=message):
        solver.load(path)


def test_row48_checkpoints_of_other_kinds(saved, tmp_path):
    path, _ = saved
    solver = SingleSessionSolver(*parts())
    with pytest.raises(CheckpointError, match=r"not .* of a solver but of 'estimator'"):
        solver.load(path)
    solver.save(tmp_path / "solver.ckpt")
    with pytest.raises(CheckpointError, match=r"not .* of an estimator but of 'solver'"):
        CEBRA.load(tmp_path / "solver.ckpt")
    save_state(tmp_path / "other.ckpt", {"kind": ["a"], "more": 3})
    with pytest.raises(CheckpointError, match=r"not .* of an estimator but of \['a'\]"):
        CEBRA.load(tmp_path / "other.ckpt")


STOPPING = {"best_loss": 1.0, "best_step": 1, "num_bad": 0, "losses": []}
STOPPING["best_weights"] = {"a": torch.zeros(1)}
WEIGHT = ("solver", "model", "net.0.weight")
CHANGES = {
    "unknown key": (put("extra", value=1), "extra"),
    "unknown parameter": (put("params", "colour", value=1), "params lacks or has.*colour"),
    "unknown fitted": (put("fitted", "predict", value=1), "fitted lacks or has.*predict"),
    "unknown in solver": (put("solver", "step", value=1), "lacks or has in excess: step"),
    "unknown weight": (
        put("solver", "model", "w", value=torch.zeros(2)),
        "model .*excess: w",
    ),
    "missing part": (drop("fitted"), "fitted"),
    "missing fitted": (drop("fitted", "n_features_in_"), "fitted lacks.*n_features_in_"),
    "missing in solver": (drop("solver", "seed"), "lacks or has in excess: seed"),
    "missing weight": (drop(*WEIGHT), r"model .*net\.0\.weight"),
    "missing history": (drop("solver", "history"), "lacks or has in excess: history"),
    "missing moments": (drop("solver", "optimizer", "param_groups"), "optimizer .*param_groups"),
    "wrong shape": (
        put(*WEIGHT, value=lambda w: w[:-1].clone()),
        r"net\.0\.weight.*of shape",
    ),
    "transposed": (
        put(*WEIGHT, value=lambda w: w.transpose(0, 1).clone()),
        r"net\.0\.weight",
    ),
    "wrong type": (put(*WEIGHT, value=lambda w: w.long()), r"net\.0\.weight.*of type"),
    "doubles": (put(*WEIGHT, value=lambda w: w.double()), r"net\.0\.weight.*of type"),
    "text for a weight": (put(*WEIGHT, value="w"), r"net\.0\.weight.*a tensor, not a str"),
    "NaN weight": (
        put(*WEIGHT, value=lambda w: w * np.nan),
        r"net\.0\.weight.*NaN or infinity",
    ),
    "inf weight": (
        put(*WEIGHT, value=lambda w: w + np.inf),
        r"net\.0\.weight.*NaN or infinity",
    ),
    "NaN moment": (
        put("solver", "optimizer", "state", 0, "exp_avg", value=lambda w: w * np.nan),
        "optimizer/state/0/exp_avg.*NaN or infinity",
    ),
    "moment of another shape": (
        put("solver", "optimizer", "state", 0, "exp_avg", value=torch.zeros(2)),
        "optimizer/state/0/exp_avg.*of shape",
    ),
    "moment of no parameter": (
        put("solver", "optimizer", "state", 99, value={"step": torch.tensor(1.0)}),
        "optimizer/state/99.*that of a parameter",
    ),
    "text for a rate": (
        put("solver", "optimizer", "param_groups", 0, "lr", value="fast"),
        "param_groups/0/lr.*number, not 'fast'",
    ),
    "unknown in a group": (
        put("solver", "optimizer", "param_groups", 0, "hook", value="os.system"),
        "param_groups/0.*excess: hook",
    ),
    "negative step": (put("solver", "num_steps", value=-1), "num_steps.*a count, not -1"),
    "text for a step": (
        put("solver", "num_steps", value="9"),
        "num_steps.*a count, not '9'",
    ),
    "half a seed": (put("solver", "seed", value=0.5), r"seed.*a count, not 0\.5"),
    "history of text": (put("solver", "history", value={"loss": "low"}), "history/loss"),
    "stopping of text": (
        put("solver", "stopping", value="a"),
        "stopping.*a mapping, not a str",
    ),
    "best weights of others": (
        put("solver", "stopping", value=STOPPING),
        "stopping/best_weights.*excess: a",
    ),
    "width of text": (put("params", "num_hidden_units", value="8"), "num_hidden_units"),
    "a billion units": (put("params", "num_hidden_units", value=10**9), "num_hidden_units"),
    "a billion neurons": (put("fitted", "n_features_in_", value=10**9), "n_features_in_"),
    "no neurons": (put("fitted", "n_features_in_", value=0), "n_features_in_"),
    "true neurons": (put("fitted", "n_features_in_", value=True), "n_features_in_"),
    "more neurons": (put("fitted", "n_features_in_", value=7), r"net\.0\.weight.*of shape"),
    "negative seed": (put("fitted", "random_state_", value=-1), "random_state_"),
    "kinds of text": (put("fitted", "label_kinds_", value="continuous"), "label_kinds_"),
    "kinds of numbers": (put("fitted", "label_kinds_", value={"a": 3}), "label_kinds_"),
    "forms of a stranger": (put("fitted", "label_forms_", value={"a": (1, None)}), "label_forms_"),
    "digest of text": (put("solver", "fingerprint", value="abc"), "fingerprint .* a mapping"),
    "digest of numbers": (
        put("solver", "fingerprint", value={"data": {"neural": 1}, "settings": {}}),
        "fingerprint/data",
    ),
    "too few names": (put("fitted", "feature_names_in_", value=["a"]), "feature_names_in_"),
    "names of numbers": (
        put("fitted", "feature_names_in_", value=[1] * 6),
        "feature_names_in_",
    ),
    "unknown model": (put("params", "model_architecture", value="big"), "'big'"),
    "endless model": (
        put("params", "model_architecture", value="offset999999999-model"),
        "less than 1000",
    ),
    "negative rate": (put("params", "learning_rate", value=-1.0), "learning_rate"),
    "unknown optimiser": (put("params", "optimizer", value="sgd"), "optimizer"),
    "odd optimiser": (
        put("params", "optimizer_kwargs", value=(("x", 1),)),
        "optimizer_kwargs",
    ),
    "params for Adam": (
        put("params", "optimizer_kwargs", value=(("params", 1),)),
        "optimizer",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_row49_what_does_not_fit(saved, name, tmp_path):
    change, message = CHANGES[name]
    path = changed(saved, tmp_path, change)
    with pytest.raises(CheckpointError, match=f"(?s){message}"):
        CEBRA.load(path)


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 0, "1", None, 1.5, True])
def test_row49_another_version(version, tmp_path):
    text = json.dumps({"schema": version, "state": {"dict": []}})
    message = rf"schema version {SCHEMA_VERSION}; .* has {version!r}\. Open it with the version"
    with pytest.raises(CheckpointError, match=message):
        load_state(write(tmp_path / "a.ckpt", text))


SET_BY_LOAD = {
    *("solver_", "model_", "offset_", "device_", "random_state_", "label_kinds_"),
    *("n_features_in_", "feature_names_in_", "num_sessions_", "_fitted_params"),
    *("interrupted_", "label_forms_"),
}


@pytest.mark.parametrize(
    "key",
    [
        "__class__",
        "__dict__",
        "__reduce__",
        "fit",
        "transform",
        "model_",
        "solver_",
        "_fitted_params",
    ],
)
@pytest.mark.parametrize("part", [(), ("params",), ("fitted",), ("solver",)])
def test_row53_no_attribute_outside_the_schema(saved, part, key, tmp_path):
    path = changed(saved, tmp_path, put(*part, key, value="owned"))
    with pytest.raises(CheckpointError, match=key):
        CEBRA.load(path)


def test_row53_load_sets_what_fit_sets(saved):
    loaded = CEBRA.load(saved[0])
    assert {name for name in vars(loaded) if name not in loaded.get_params()} <= SET_BY_LOAD


@pytest.mark.parametrize("key", ["optimizer", "step", "get_lr", "__class__", "_step_count_2"])
@pytest.mark.parametrize("scheduler", ["cosine", "linear", "one-cycle"])
def test_row53_a_schedule_takes_no_foreign_key(scheduler, key, tmp_path):
    """PyTorch's schedules set every key of their state as an attribute."""
    small(scheduler=scheduler).fit(NEURAL).save(tmp_path / "a.ckpt")
    saved = (tmp_path / "a.ckpt", b"")
    path = changed(saved, tmp_path, put("solver", "scheduler", key, value=1))
    with pytest.raises(CheckpointError, match=f"scheduler .*excess: {key}"):
        CEBRA.load(path)


@pytest.mark.parametrize("scheduler", ["cosine", "linear", "one-cycle"])
def test_row53_a_schedule_keeps_its_types(scheduler, tmp_path):
    small(scheduler=scheduler).fit(NEURAL).save(tmp_path / "a.ckpt")
    state = load_state(tmp_path / "a.ckpt")
    for key in state["solver"]["scheduler"]:
        path = changed(
            (tmp_path / "a.ckpt", b""),
            tmp_path,
            put("solver", "scheduler", key, value="owned"),
        )
        with pytest.raises(CheckpointError, match=f"scheduler/{key}.* must be "):
            CEBRA.load(path)


def test_row53_a_refused_state_leaves_the_solver_as_it_was(tmp_path):
    solver = SingleSessionSolver(*parts())
    before = solver.state_dict()
    solver.save(tmp_path / "a.ckpt")
    state = load_state(tmp_path / "a.ckpt")
    state["num_steps"] = "many"
    state["model"] = {name: value + 1 for name, value in state["model"].items()}
    save_state(tmp_path / "b.ckpt", state)
    with pytest.raises(CheckpointError, match="num_steps of a checkpoint must be a count"):
        solver.load(tmp_path / "b.ckpt")
    assert_same(solver.state_dict(), before)
