"""Checkpoints that are changed, foreign or malicious, and what is said about them."""

import hashlib
import io
import os
import struct

import torch
from safetensors.torch import save as safetensors_bytes

from cebra_ethan import CEBRA
from cebra_ethan.errors import CheckpointError
from cebra_ethan.models.criterions import InfoNCE
from cebra_ethan.models.model import Offset1Model
from cebra_ethan.solver.checkpoint import load_state, save_state

PREFIX = struct.Struct("<8sQ32s")
"""Magic, length and SHA-256 of the body."""

CEBRA_PT = {  # what `cebra` 0.6.1 writes
    "args": {"model_architecture": "offset10-model"},
    "state": {"n_features_": 6, "num_sessions_": None},
    "state_dict": {"model": {"net.0.weight": torch.zeros(8, 6, 2)}, "version": "dev", "log": {}},
    "metadata": {"backend": "torch", "cebra_version": "0.6.1"},
}


def refusal(path):
    """Returns what `CEBRA.load` says, or what else happened."""
    try:
        CEBRA.load(path)
    except CheckpointError as error:
        return str(error)
    except BaseException as error:
        return f"ANOTHER CLASS {type(error).__name__}: {error}"
    return "LOADED"


def parts():
    """Returns model, criterion and optimiser of a solver."""
    model = Offset1Model(6, 4, 3)
    return model, InfoNCE(), torch.optim.Adam(model.parameters())


def write(path, text=None, body=None):
    """Writes a file of our format with a valid checksum around any text or body."""
    if body is None:
        body = safetensors_bytes({"a": torch.zeros(3)}, metadata={"cebra_ethan": text})
    path.write_bytes(PREFIX.pack(b"CEBRAETH", len(body), hashlib.sha256(body).digest()) + body)
    return path


def changed(saved, tmp_path, change):
    """Writes the state of a saved estimator after a change, with a valid checksum."""
    state = load_state(saved[0])
    change(state)
    path = tmp_path / "changed.ckpt"
    save_state(path, state)
    return path


def put(*keys, value):
    """Returns a change that sets one value of a state; a callable gets the old one."""

    def change(state):
        for key in keys[:-1]:
            state = state[key]
        state[keys[-1]] = value(state[keys[-1]]) if callable(value) else value

    return change


def drop(*keys):
    """Returns a change that removes one key of a state."""

    def change(state):
        for key in keys[:-1]:
            state = state[key]
        del state[keys[-1]]

    return change


def torch_file(content):
    """Returns the bytes that `torch.save` writes."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)
