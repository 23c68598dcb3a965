"""The codec of checkpoints: what goes in comes out, and what is refused says why."""

import math

import numpy as np
import pytest
import torch

from cebra_ethan.errors import CheckpointError
from cebra_ethan.solver.checkpoint import load_state, save_state
from tests.solver.examples import assert_equal

STATES = {
    "empty": {},
    "numbers": {"a": 1, "b": -2.5, "c": True, "d": None, "e": 2**62, "f": 1e-300},
    "infinity": {"loss": math.inf},
    "strings": {"": "", "ü/\"'\n": "時間", "tensor": "dict"},
    "integer keys": {"state": {0: {1: [2]}, "0": "another"}},
    "nests": {"a": [1, (2, [3.0, ()]), {}], "b": {"c": {"d": ([],)}}},
    "look like the code": {"dict": {"tensor": "state"}, "tuple": {"list": [{"tensor": 1}]}},
    "tensors": {
        "weight": torch.arange(6.0).view(2, 3),
        "list": [torch.tensor(1), (torch.tensor(True),)],
    },
    "empty tensor": {"history": torch.empty(0, dtype=torch.float64)},
    "view": {"part": torch.arange(10)[2:8:3], "turned": torch.arange(6).view(2, 3).T},
    "shared": dict.fromkeys("ab", torch.ones(3)),
    **{
        str(dtype): {"x": torch.tensor([0, 1, 2]).to(dtype)}
        for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.uint8)
    },
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_comes_back(tmp_path, name):
    save_state(tmp_path / "state.ckpt", STATES[name])
    loaded = load_state(tmp_path / "state.ckpt")
    assert_equal(loaded, STATES[name])
    kinds = {k: v.dtype for k, v in STATES[name].items() if isinstance(v, torch.Tensor)}
    assert kinds == {k: v.dtype for k, v in loaded.items() if isinstance(v, torch.Tensor)}


def test_what_was_saved_does_not_change_with_the_tensor(tmp_path):
    weight = torch.zeros(3, requires_grad=True)
    save_state(tmp_path / "state.ckpt", {"weight": weight})
    with torch.no_grad():
        weight += 1
    loaded = load_state(tmp_path / "state.ckpt")["weight"]
    assert loaded.tolist() == [0.0, 0.0, 0.0]
    assert not loaded.requires_grad


def test_equal_states_are_equal_files(tmp_path):
    for name in "ab":
        save_state(tmp_path / name, STATES["tensors"])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("leaf", "kind"),
    [(np.zeros(3), "ndarray"), (np.float32(1), "float32"), ({1, 2}, "set"), (print, "builtin_")],
)
def test_other_leaves_are_refused_by_name(tmp_path, leaf, kind):
    with pytest.raises(CheckpointError, match=f"state/a/1 is a {kind}"):
        save_state(tmp_path / "state.ckpt", {"a": [0, leaf]})
    assert list(tmp_path.iterdir()) == []


def test_a_refused_state_leaves_the_file_that_was_there(tmp_path):
    save_state(tmp_path / "state.ckpt", {"a": 1})
    with pytest.raises(CheckpointError, match="a checkpoint holds numbers"):
        save_state(tmp_path / "state.ckpt", {"a": object()})
    assert load_state(tmp_path / "state.ckpt") == {"a": 1}


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.ckpt"):
        load_state(tmp_path / "nothing.ckpt")
