"""Rows 44 to 53: checkpoints are whole, resume exactly, and never do more than hold numbers."""

import ast
import hashlib
import importlib
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save as safetensors_bytes

import cebra_ethan
from cebra_ethan import CEBRA
from cebra_ethan.data.dataset import ContrastiveDataset
from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.data.readers import READERS
from cebra_ethan.datasets import DATASETS
from cebra_ethan.datasets.files import SHA256
from cebra_ethan.errors import CheckpointError, DataIntegrityError
from cebra_ethan.models.criterions import InfoNCE
from cebra_ethan.models.model import AttentionOffsetModel, Offset1Model
from cebra_ethan.solver.base import SingleSessionSolver
from cebra_ethan.solver.checkpoint import load_state, save_state
from tests.reliability.helpers import (
    MODES,
    NEURAL,
    POSITION,
    VARIANTS,
    assert_same,
    assert_same_estimator,
    in_mode,
    small,
)

pytestmark = pytest.mark.usefixtures("without_type_checks")

PREFIX = struct.Struct("<8sQ32s")
HEADER_LENGTH = range(8 * 48, 8 * 56)
LAST = 20
STOPS = [1, 15, 16, 17, LAST]  # around the sixteen steps that a loader draws at once
EVERYTHING = {
    **{mode: (mode, {}) for mode in MODES},
    **{v: ("time_delta", VARIANTS[v]) for v in VARIANTS},
}


class _StopError(Exception):
    """Ends a training from inside, as a crash would."""


def _stop_at(step):
    def callback(number, solver):
        if number == step:
            raise _StopError("stopped")

    return callback


@pytest.mark.parametrize("name", EVERYTHING)
def test_row44_round_trip(name, tmp_path):
    mode, params = EVERYTHING[name]
    estimator, labels = in_mode(mode, **params)
    fitted = estimator.fit(NEURAL, *labels)
    fitted.save(tmp_path / "a.ckpt")
    loaded = CEBRA.load(tmp_path / "a.ckpt")
    assert_same_estimator(loaded, fitted)
    assert repr(loaded.get_params()) == repr(fitted.get_params())
    loaded.save(tmp_path / "b.ckpt")
    assert (tmp_path / "b.ckpt").read_bytes() == (tmp_path / "a.ckpt").read_bytes()
    onwards = [one.partial_fit(NEURAL, *labels) for one in (loaded, fitted)]
    assert_same_estimator(*onwards)


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("name", EVERYTHING)
def test_row44_a_resumed_training_is_the_uninterrupted_one(name, stop, tmp_path):
    mode, params = EVERYTHING[name]
    labels = MODES[mode][1]

    def make():
        return in_mode(mode, **params, max_iterations=LAST)[0]

    whole = make().fit(NEURAL, *labels, logdir=tmp_path / "whole")
    if whole.solver_.num_steps < stop:
        pytest.skip("stopped early, before this step")
    with pytest.raises(_StopError, match="stopped"):
        make().fit(NEURAL, *labels, logdir=tmp_path / "cut", callback=_stop_at(stop))
    assert load_state(tmp_path / "cut" / "last.ckpt")["num_steps"] == stop
    resumed = make().fit(NEURAL, *labels, logdir=tmp_path / "cut", resume=True)
    assert_same_estimator(resumed, whole)
    for file in sorted(path.name for path in (tmp_path / "whole").iterdir()):
        assert (tmp_path / "cut" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_row44_a_resumed_training_keeps_a_seed_that_nobody_chose(tmp_path):
    params = {"random_state": None, "max_iterations": LAST, "early_stopping": {"every": 4}}

    def save(step, solver):
        if step == 7:
            solver.save(tmp_path / "seven.ckpt")

    whole = small(**params).fit(NEURAL, logdir=tmp_path, callback=save)
    os.replace(tmp_path / "seven.ckpt", tmp_path / "last.ckpt")
    resumed = small(**params).fit(NEURAL, logdir=tmp_path, resume=True)
    assert_same_estimator(resumed, whole)
    assert resumed.score(NEURAL) == whole.score(NEURAL)


@pytest.mark.parametrize("stop", [1, 15, 16, 17])
def test_row44_dropout_resumes_exactly(stop, tmp_path):
    def train(folder, num_steps, resume=False):
        torch.manual_seed(0)
        model = AttentionOffsetModel(6, 8, 3, span=5, dropout=0.5)
        solver = SingleSessionSolver(model, InfoNCE(), torch.optim.Adam(model.parameters()))
        dataset = ContrastiveDataset(NEURAL, labels={"position": POSITION})
        loader = ContrastiveLoader(dataset, 32, num_steps, random_state=0)
        torch.manual_seed(stop)  # what the global generator holds must not matter
        return solver.fit(loader, logdir=tmp_path / folder, resume=resume)

    whole = train("whole", LAST)
    train("cut", stop)
    resumed = train("cut", LAST, resume=True)
    assert_same(resumed.state_dict(), whole.state_dict())


def test_row44_dropout_differs_from_step_to_step():
    model = AttentionOffsetModel(6, 8, 3, span=5, dropout=0.5)
    solver = SingleSessionSolver(model, InfoNCE(), torch.optim.SGD(model.parameters(), lr=0.0))
    loader = ContrastiveLoader(ContrastiveDataset(NEURAL), 32, random_state=0)
    batch = loader.bind(model.offset).batch(0)
    losses = [float(solver.step(batch)["loss"]) for _ in range(LAST)]
    assert len(set(losses)) == LAST


def _crash(*arguments):
    script = Path(__file__).parent / "crash.py"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=250,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks its children")
def test_row45_kill_nine_while_saving(tmp_path, record_property):
    number = 200
    found = _crash("kill", tmp_path, number)
    for name, value in found.items():
        record_property(name, value)
    assert found["lost"] == 0
    assert found["old"] + found["new"] == number
    assert found["left_after_sweep"] == 0
    assert found["inside"] >= 10, "invalid: too few kills landed inside the write"
    assert found["old"] >= 10, "invalid: nearly every save had ended"
    assert found["new"] >= 10, "invalid: nearly no save had ended"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX limits")
def test_row46_disk_full(tmp_path):
    found = _crash("full", tmp_path)
    place = f"OSError: [Errno 27] File too large: '{tmp_path / 'last.ckpt'}'"
    assert found["messages"] == [place] * len(found["messages"])
    assert found["kept"] == len(found["messages"])
    assert found["temporary"] == 0
    assert found["after"] == 2


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A checkpoint of a small estimator: its path and its bytes."""
    path = tmp_path_factory.mktemp("saved") / "a.ckpt"
    small(num_hidden_units=4, early_stopping=True).fit(NEURAL, POSITION).save(path)
    return path, path.read_bytes()


def _refusal(path):
    """Returns what `CEBRA.load` says, or what else happened."""
    try:
        CEBRA.load(path)
    except CheckpointError as error:
        return str(error)
    except BaseException as error:
        return f"ANOTHER CLASS {type(error).__name__}: {error}"
    return "LOADED"


def test_row47_two_thousand_flipped_bits(saved, tmp_path, record_property):
    """Bits of every part: magic, length, hash, header, metadata, each tensor."""
    _, content = saved
    path, draw = tmp_path / "flipped.ckpt", np.random.default_rng(0)
    header = struct.unpack_from("<Q", content, PREFIX.size)[0]
    tensors = PREFIX.size + 8 + header
    parts = [(0, 8), (8, 16), (16, 48), (48, 56), (56, tensors), (tensors, len(content))]
    bits = [int(b) for first, last in parts for b in draw.integers(8 * first, 8 * last, 200)]
    bits += draw.integers(0, 8 * len(content), 2000 - len(bits)).tolist()
    refused = 0
    for bit in bits:
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        message = _refusal(path)
        assert str(path) in message
        words = {bit < 64: "begins with", bit in range(64, 128): "truncated"}
        assert words.get(True, "checksum") in message or bit in HEADER_LENGTH, (bit, message)
        refused += 1
    record_property("refused", refused)
    assert refused == 2000


@pytest.mark.parametrize("part", range(64))
def test_row47_truncated(saved, part, tmp_path):
    _, content = saved
    path = tmp_path / "short.ckpt"
    path.write_bytes(content[: len(content) * part // 64])
    with pytest.raises(CheckpointError, match="truncated" if part else "an empty file") as caught:
        CEBRA.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("length", [*range(1, 50), -1, 1])
def test_row47_truncated_in_the_prefix_or_too_long(saved, length, tmp_path):
    _, content = saved
    path = tmp_path / "other.ckpt"
    path.write_bytes(content[:length] if length > 0 else content + b"x")
    with pytest.raises(CheckpointError, match=r"truncated|begins with") as caught:
        CEBRA.load(path)
    assert str(path) in str(caught.value)


def _zip_file():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "hello")
    return buffer.getvalue()


def _torch_file(content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def _npy_file():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


CEBRA_PT = {  # what `cebra` 0.6.1 writes
    "args": {"model_architecture": "offset10-model"},
    "state": {"n_features_": 6, "num_sessions_": None},
    "state_dict": {"model": {"net.0.weight": torch.zeros(8, 6, 2)}, "version": "dev", "log": {}},
    "metadata": {"backend": "torch", "cebra_version": "0.6.1"},
}
FOREIGN = {
    "empty": (b"", "an empty file"),
    "text": (b"hello, this is no checkpoint\n" * 9, "something else.*hello"),
    "json": (b'{"kind": "estimator"}', "something else"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), "a PNG picture"),
    "zip": (_zip_file(), "a zip archive"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"),
    "npy": (_npy_file(), r"an \.npy array"),
    "safetensors": (safetensors_bytes({"a": torch.zeros(3)}), "a plain safetensors file"),
    "torch": (_torch_file({"a": torch.zeros(3)}), r"a torch or cebra checkpoint \(\.pt\)"),
    "cebra": (_torch_file(CEBRA_PT), r"a torch or cebra checkpoint \(\.pt\)"),
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
    solver = SingleSessionSolver(*_parts())
    with pytest.raises(CheckpointError, match=message):
        solver.load(path)


def _parts():
    model = Offset1Model(6, 4, 3)
    return model, InfoNCE(), torch.optim.Adam(model.parameters())


def test_row48_checkpoints_of_other_kinds(saved, tmp_path):
    path, _ = saved
    solver = SingleSessionSolver(*_parts())
    with pytest.raises(CheckpointError, match=r"not .* of a solver but of 'estimator'"):
        solver.load(path)
    solver.save(tmp_path / "solver.ckpt")
    with pytest.raises(CheckpointError, match=r"not .* of an estimator but of 'solver'"):
        CEBRA.load(tmp_path / "solver.ckpt")
    save_state(tmp_path / "other.ckpt", {"kind": ["a"], "more": 3})
    with pytest.raises(CheckpointError, match=r"not .* of an estimator but of \['a'\]"):
        CEBRA.load(tmp_path / "other.ckpt")


def _write(path, text=None, body=None):
    """Writes a file of our format with a valid checksum around any text or body."""
    if body is None:
        body = safetensors_bytes({"a": torch.zeros(3)}, metadata={"cebra_ethan": text})
    path.write_bytes(PREFIX.pack(b"CEBRAETH", len(body), hashlib.sha256(body).digest()) + body)
    return path


def _changed(saved, tmp_path, change):
    """Writes the state of a saved estimator after a change, with a valid checksum."""
    state = load_state(saved[0])
    change(state)
    path = tmp_path / "changed.ckpt"
    save_state(path, state)
    return path


def _set(*keys, value):
    def change(state):
        for key in keys[:-1]:
            state = state[key]
        state[keys[-1]] = value(state[keys[-1]]) if callable(value) else value

    return change


def _drop(*keys):
    def change(state):
        for key in keys[:-1]:
            state = state[key]
        del state[keys[-1]]

    return change


STOPPING = {"best_loss": 1.0, "best_step": 1, "num_bad": 0, "losses": []}
STOPPING["best_weights"] = {"a": torch.zeros(1)}
WEIGHT = ("solver", "model", "net.0.weight")
CHANGES = {
    "unknown key": (_set("extra", value=1), "extra"),
    "unknown parameter": (_set("params", "colour", value=1), "params lacks or has.*colour"),
    "unknown fitted": (_set("fitted", "predict", value=1), "fitted lacks or has.*predict"),
    "unknown in solver": (_set("solver", "step", value=1), "lacks or has in excess: step"),
    "unknown weight": (_set("solver", "model", "w", value=torch.zeros(2)), "model .*excess: w"),
    "missing part": (_drop("fitted"), "fitted"),
    "missing parameter": (_drop("params", "device"), "params lacks.*device"),
    "missing fitted": (_drop("fitted", "n_features_in_"), "fitted lacks.*n_features_in_"),
    "missing in solver": (_drop("solver", "seed"), "lacks or has in excess: seed"),
    "missing weight": (_drop(*WEIGHT), r"model .*net\.0\.weight"),
    "missing history": (_drop("solver", "history"), "lacks or has in excess: history"),
    "missing moments": (_drop("solver", "optimizer", "param_groups"), "optimizer .*param_groups"),
    "wrong shape": (_set(*WEIGHT, value=lambda w: w[:-1].clone()), r"net\.0\.weight.*of shape"),
    "transposed": (_set(*WEIGHT, value=lambda w: w.transpose(0, 1).clone()), r"net\.0\.weight"),
    "wrong type": (_set(*WEIGHT, value=lambda w: w.long()), r"net\.0\.weight.*of type"),
    "doubles": (_set(*WEIGHT, value=lambda w: w.double()), r"net\.0\.weight.*of type"),
    "text for a weight": (_set(*WEIGHT, value="w"), r"net\.0\.weight.*a tensor, not a str"),
    "NaN weight": (_set(*WEIGHT, value=lambda w: w * np.nan), r"net\.0\.weight.*NaN or infinity"),
    "inf weight": (_set(*WEIGHT, value=lambda w: w + np.inf), r"net\.0\.weight.*NaN or infinity"),
    "NaN moment": (
        _set("solver", "optimizer", "state", 0, "exp_avg", value=lambda w: w * np.nan),
        "optimizer/state/0/exp_avg.*NaN or infinity",
    ),
    "moment of another shape": (
        _set("solver", "optimizer", "state", 0, "exp_avg", value=torch.zeros(2)),
        "optimizer/state/0/exp_avg.*of shape",
    ),
    "moment of no parameter": (
        _set("solver", "optimizer", "state", 99, value={"step": torch.tensor(1.0)}),
        "optimizer/state/99.*that of a parameter",
    ),
    "text for a rate": (
        _set("solver", "optimizer", "param_groups", 0, "lr", value="fast"),
        "param_groups/0/lr.*number, not 'fast'",
    ),
    "unknown in a group": (
        _set("solver", "optimizer", "param_groups", 0, "hook", value="os.system"),
        "param_groups/0.*excess: hook",
    ),
    "negative step": (_set("solver", "num_steps", value=-1), "num_steps.*a count, not -1"),
    "text for a step": (_set("solver", "num_steps", value="9"), "num_steps.*a count, not '9'"),
    "half a seed": (_set("solver", "seed", value=0.5), r"seed.*a count, not 0\.5"),
    "history of text": (_set("solver", "history", value={"loss": "low"}), "history/loss"),
    "stopping of text": (_set("solver", "stopping", value="a"), "stopping.*a mapping, not a str"),
    "best weights of others": (
        _set("solver", "stopping", value=STOPPING),
        "stopping/best_weights.*excess: a",
    ),
    "width of text": (_set("params", "num_hidden_units", value="8"), "num_hidden_units"),
    "a billion units": (_set("params", "num_hidden_units", value=10**9), "num_hidden_units"),
    "a billion neurons": (_set("fitted", "n_features_in_", value=10**9), "n_features_in_"),
    "no neurons": (_set("fitted", "n_features_in_", value=0), "n_features_in_"),
    "true neurons": (_set("fitted", "n_features_in_", value=True), "n_features_in_"),
    "more neurons": (_set("fitted", "n_features_in_", value=7), r"net\.0\.weight.*of shape"),
    "negative seed": (_set("fitted", "random_state_", value=-1), "random_state_"),
    "kinds of text": (_set("fitted", "label_kinds_", value="continuous"), "label_kinds_"),
    "kinds of numbers": (_set("fitted", "label_kinds_", value={"a": 3}), "label_kinds_"),
    "too few names": (_set("fitted", "feature_names_in_", value=["a"]), "feature_names_in_"),
    "names of numbers": (_set("fitted", "feature_names_in_", value=[1] * 6), "feature_names_in_"),
    "unknown model": (_set("params", "model_architecture", value="big"), "'big'"),
    "endless model": (
        _set("params", "model_architecture", value="offset999999999-model"),
        "less than 1000",
    ),
    "negative rate": (_set("params", "learning_rate", value=-1.0), "learning_rate"),
    "unknown optimiser": (_set("params", "optimizer", value="sgd"), "optimizer"),
    "odd optimiser": (_set("params", "optimizer_kwargs", value=(("x", 1),)), "optimizer_kwargs"),
    "params for Adam": (_set("params", "optimizer_kwargs", value=(("params", 1),)), "optimizer"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_row49_what_does_not_fit(saved, name, tmp_path):
    change, message = CHANGES[name]
    path = _changed(saved, tmp_path, change)
    with pytest.raises(CheckpointError, match=f"(?s){message}"):
        CEBRA.load(path)


@pytest.mark.parametrize("version", [2, 0, "1", None, 1.5, True])
def test_row49_another_version(version, tmp_path):
    text = json.dumps({"schema": version, "state": {"dict": []}})
    message = rf"schema version 1; .* has {version!r}\. Open it with the version"
    with pytest.raises(CheckpointError, match=message):
        load_state(_write(tmp_path / "a.ckpt", text))


def _nested(depth, start="[", stop="]"):
    return '{"schema":1,"state":' + start * depth + stop * depth + "}"


def _header(entries, data=b""):
    text = json.dumps(entries).encode() if not isinstance(entries, bytes) else entries
    return struct.pack("<Q", len(text)) + text + data


def _entry(shape, first, last, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


OURS = {"cebra_ethan": '{"schema":1,"state":{"dict":[["w",{"tensor":"w"}]]}}'}
LEVEL = '{"list":['
BOMBS = {
    "million brackets": {"text": _nested(10**6)},
    "million braces": {"text": _nested(200_000, '{"a":', "}")},
    "deep nest of ours": {"text": _nested(100_000, LEVEL, "]}")},
    "nest below the parser's limit": {"text": _nested(900, LEVEL, "]}")},
    "million numbers": {"text": '{"schema":1,"state":[' + "0," * 10**6 + "0]}"},
    "ten million numbers": {"text": '{"schema":1,"state":[' + "0," * 10**7 + "0]}"},
    "million empty mappings": {"text": '{"schema":1,"state":[' + "{}," * 600_000 + "{}]}"},
    "number of a million digits": {"text": '{"schema":' + "9" * 10**6 + "}"},
    "duplicate key": {"text": '{"schema":1,"schema":1,"state":{"dict":[]}}'},
    "duplicate key inside": {"text": '{"schema":1,"state":{"dict":[["a",1],["a",2]]}}'},
    "two kinds": {"text": '{"schema":1,"state":{"list":[],"tuple":[]}}'},
    "unknown kind": {"text": '{"schema":1,"state":{"object":"os.system"}}'},
    "key that cannot be one": {"text": '{"schema":1,"state":{"dict":[[{"list":[]},1]]}}'},
    "absent tensor": {"text": '{"schema":1,"state":{"tensor":"b"}}'},
    "number at the root": {"text": "3"},
    "state of a number": {"text": '{"schema":1,"state":3}'},
    "no state": {"text": '{"schema":1}'},
    "not a number": {"text": "{nan"},
    "half a surrogate": {"text": '{"schema":1,"state":"\\ud800"}'},
    "header of 1 GB": {"body": struct.pack("<Q", 1 << 30) + b"{}"},
    "header of 2**63": {"body": struct.pack("<Q", 1 << 63) + b"{}"},
    "header of 2**64 - 1": {"body": b"\xff" * 8 + b"{}"},
    "header of 100 MB": {"body": struct.pack("<Q", 10**8) + b" " * 10**8},
    "no header": {"body": b""},
    "no metadata": {"body": _header({"w": _entry([0], 0, 0)})},
    "foreign metadata": {"body": _header({"__metadata__": {"format": "pt"}})},
    "metadata of a list": {"body": _header({"__metadata__": [1]})},
    "metadata of a number": {"body": _header({"__metadata__": {"cebra_ethan": 3}})},
    "duplicate tensor": {
        "body": _header(b'{"a":{},"a":{}}'),
    },
    "negative offsets": {
        "body": _header({"__metadata__": OURS, "w": _entry([2], -8, 0)}, bytes(8)),
    },
    "reversed offsets": {
        "body": _header({"__metadata__": OURS, "w": _entry([2], 8, 0)}, bytes(8)),
    },
    "offsets beyond the end": {
        "body": _header({"__metadata__": OURS, "w": _entry([2], 0, 10**12)}, bytes(8)),
    },
    "overlap": {
        "body": _header(
            {"__metadata__": OURS, "w": _entry([2], 0, 8), "v": _entry([2], 4, 12)}, bytes(12)
        ),
    },
    "hole": {
        "body": _header(
            {"__metadata__": OURS, "w": _entry([1], 0, 4), "v": _entry([1], 8, 12)}, bytes(12)
        ),
    },
    "bytes after the tensors": {
        "body": _header({"__metadata__": OURS, "w": _entry([1], 0, 4)}, bytes(99)),
    },
    "shape of 10**18": {
        "body": _header({"__metadata__": OURS, "w": _entry([10**9, 10**9], 0, 4)}, bytes(4)),
    },
    "shape that overflows": {
        "body": _header({"__metadata__": OURS, "w": _entry([2**63, 2**63], 0, 4)}, bytes(4)),
    },
    "negative shape": {
        "body": _header({"__metadata__": OURS, "w": _entry([-1], 0, 4)}, bytes(4)),
    },
    "unknown type": {
        "body": _header({"__metadata__": OURS, "w": _entry([1], 0, 4, "OBJ")}, bytes(4)),
    },
}
MOST_SECONDS = 1.0
MOST_MEGABYTES = 64


def _status(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


def _peak_growth(function):
    """Returns by how many megabytes the process grew at most while a function ran."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from what is held now
    before = _status("VmRSS")
    start = time.perf_counter()
    function()
    return _status("VmHWM") - before, time.perf_counter() - start


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_row50_the_peak_is_measured():
    growth, _ = _peak_growth(lambda: np.ones(10 << 20).sum())
    assert 70 < growth < 100


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_row50_bombs(name, tmp_path, record_property):
    path = _write(tmp_path / "bomb.ckpt", **BOMBS[name])
    messages = []
    growth, seconds = _peak_growth(lambda: messages.append(_refusal(path)))
    record_property("megabytes", growth)
    assert messages[0] != "LOADED"
    assert not messages[0].startswith("ANOTHER CLASS")
    assert str(path) in messages[0]
    assert seconds < MOST_SECONDS
    assert growth < MOST_MEGABYTES


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("duplicate key", "a key stands twice"),
        ("duplicate key inside", "a key stands twice"),
        ("duplicate tensor", "a key stands twice"),
        ("negative offsets", "no valid state .*w|no valid state .*[Oo]ffset|invalid value"),
        ("overlap", "no valid state .*[Oo]ffset"),
        ("hole", "no valid state .*[Oo]ffset"),
        ("bytes after the tensors", "no valid state .*[Mm]etadata|no valid state .*[Bb]uffer"),
        ("header of 1 GB", "its header claims 1073741824 bytes"),
        ("absent tensor", "no valid state .*'b'"),
        ("unknown kind", "unknown kind 'object'"),
        ("unknown type", "OBJ"),
    ],
)
def test_row50_the_field_is_named(name, message, tmp_path):
    path = _write(tmp_path / "bomb.ckpt", **BOMBS[name])
    with pytest.raises(CheckpointError, match=message):
        load_state(path)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    "change",
    [
        _set("params", "num_hidden_units", value=10**9),
        _set("params", "num_hidden_units", value=(1 << 24) - 1),
        _set("params", "output_dimension", value=(1 << 24) - 1),
        _set("params", "model_architecture", value="offset999-model"),
        _set("params", "model_architecture", value="attention-offset10-model"),
        _set("fitted", "n_features_in_", value=(1 << 24) - 1),
    ],
    ids=["10**9 units", "2**24 units", "2**24 dimensions", "999 bins", "attention", "neurons"],
)
def test_row50_bombs_of_numbers(saved, change, tmp_path):
    path = _changed(saved, tmp_path, change)
    messages = []
    growth, seconds = _peak_growth(lambda: messages.append(_refusal(path)))
    assert str(path) in messages[0]
    assert messages[0] != "LOADED"
    assert not messages[0].startswith("ANOTHER CLASS")
    assert seconds < MOST_SECONDS
    assert growth < MOST_MEGABYTES


def test_row50_what_cannot_be_read_is_not_written(tmp_path):
    path = tmp_path / "long.ckpt"
    with pytest.raises(CheckpointError, match=r"must not exceed 2097152 bytes"):
        save_state(path, {"list": list(range(10**6))})
    assert not path.exists()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_row50_any_body_is_refused_or_whole(saved, data, tmp_path_factory):
    """Bytes of the body are changed under a valid checksum, so that the parsers see them."""
    body = bytearray(saved[1][PREFIX.size :])
    header = 8 + struct.unpack_from("<Q", body)[0]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, header - 1))
        body[place] = data.draw(
            st.one_of(st.sampled_from(b'0123456789{}[]",:-.eE '), st.integers(0, 255))
        )
    path = _write(tmp_path_factory.getbasetemp() / "fuzz.ckpt", body=bytes(body))
    message = _refusal(path)
    assert not message.startswith("ANOTHER CLASS"), message
    if message == "LOADED":
        assert np.isfinite(CEBRA.load(path).transform(NEURAL)).all()
    else:
        assert str(path) in message


class _Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def _pickled(bomb):
    return pickle.dumps(bomb, protocol=4)


def _pickled_zero(bomb):
    return pickle.dumps(bomb, protocol=0)


def _npy_bomb(bomb):
    buffer = io.BytesIO()
    np.save(buffer, np.array([[bomb]], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def _npz_bomb(bomb):
    buffer = io.BytesIO()
    np.savez(buffer, neural=np.array([[bomb]], dtype=object), cebra_ethan_recording=np.array("{}"))
    return buffer.getvalue()


def _torch_bomb(bomb):
    return _torch_file({"model": bomb})


def _torch_old_bomb(bomb):
    buffer = io.BytesIO()
    torch.save({"model": bomb}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def _checkpoint_bomb(bomb):
    body = _pickled(bomb)
    return PREFIX.pack(b"CEBRAETH", len(body), hashlib.sha256(body).digest()) + body


WEAPONS = {
    "pickle": _pickled,
    "pickle 0": _pickled_zero,
    "npy": _npy_bomb,
    "npz": _npz_bomb,
    "torch": _torch_bomb,
    "torch, old": _torch_old_bomb,
    "checkpoint": _checkpoint_bomb,
}

PACKAGE = Path(cebra_ethan.__file__).parent
LOADING = ("load", "read", "from_file", "open", "restore", "import")


def _public_loaders():
    """Returns every public function and method that is named like one that reads a file."""
    found = set()
    for file in PACKAGE.rglob("*.py"):
        module = ".".join(("cebra_ethan", *file.relative_to(PACKAGE).with_suffix("").parts))
        for node in ast.parse(file.read_text()).body:
            members = node.body if isinstance(node, ast.ClassDef) else [node]
            prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
            for one in members:
                if isinstance(one, ast.FunctionDef) and one.name.startswith(LOADING):
                    found.add(f"{module}:{prefix}{one.name}")
    return found


def _named(loader):
    module, _, name = loader.partition(":")
    target = importlib.import_module(module)
    for part in name.split("."):
        target = getattr(target, part)
    return target


def _plain_loader(path, loader):
    return _named(loader)(path)


def _solver_loader(path, loader):
    return SingleSessionSolver(*_parts()).load(path)


def _dataset_loader(path, loader):
    """Puts the file where the published one is expected, at every name."""
    root = path.parent / "data"
    for relative in SHA256:
        (root / relative).parent.mkdir(parents=True, exist_ok=True)
        (root / relative).write_bytes(path.read_bytes())
    function = _named(loader)
    prefix = "" if "registry" in loader else "rat-"
    names = [name.removeprefix(prefix) for name in DATASETS if "simulated" not in name]
    for name in names[:-1]:
        with pytest.raises(DataIntegrityError, match="SHA-256"):
            function(name, root=root)
    return function(names[-1], root=root)


def _estimator_reader(path, loader):
    return _named(loader)(CEBRA, path, "cpu")


SPECIAL = {
    "cebra_ethan.estimator.persistence:read_estimator": _estimator_reader,
    "cebra_ethan.solver.base:SingleSessionSolver.load": _solver_loader,
    "cebra_ethan.datasets.registry:load_dataset": _dataset_loader,
    "cebra_ethan.datasets.hippocampus:load_rat": _dataset_loader,
}
TAKE_NO_FILE = {  # a mapping in memory that one of the loaders above has read
    "cebra_ethan.solver.base:SingleSessionSolver.load_state_dict",
    "cebra_ethan.solver.callbacks:EarlyStopping.load_state_dict",
    "cebra_ethan.solver.history:History.load_state_dict",
}
EMBEDDED = {
    "cebra_ethan.cli",  # its readers go through READERS, see `tests/test_cli.py`
    "cebra_ethan.data.readers.common",
}
LOADERS = sorted(
    loader for loader in _public_loaders() - TAKE_NO_FILE if not loader.startswith(tuple(EMBEDDED))
)


def test_row51_the_list_of_loaders_is_made_from_the_package():
    names = {loader.partition(":")[2] for loader in LOADERS}
    readers = {reader.__name__ for reader in READERS.values()}
    assert names >= {*readers, "CEBRA.load", "SingleSessionSolver.load", "load_state"}
    assert names >= {"load_dataset", "read", "read_recording", "read_estimator"}
    assert _public_loaders() >= TAKE_NO_FILE


def test_row51_the_bomb_is_one(tmp_path):
    pickle.loads(_pickled(_Bomb(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("weapon", WEAPONS)
@pytest.mark.parametrize("loader", LOADERS)
def test_row51_no_loader_runs_code(loader, weapon, tmp_path):
    marker = tmp_path / "marker"
    content = WEAPONS[weapon](_Bomb(marker))
    for suffix in sorted({".ckpt", ".pt", ".pkl", *READERS}):
        path = tmp_path / f"file{suffix}"
        path.write_bytes(content)
        call = SPECIAL.get(loader, _plain_loader)
        with pytest.raises((ValueError, OSError), match=r"\S"):
            call(path, loader)
        assert not marker.exists()


def test_row51_pickles_are_named(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(_pickled(_Bomb(tmp_path / "marker")))
    with pytest.raises(ValueError, match="pickle is not allowed"):
        cebra_ethan.data.readers.read(path)
    with pytest.raises(CheckpointError, match=r"a\.pkl looks like a pickle"):
        CEBRA.load(path)


def test_row51_nothing_in_the_package_can_unpickle():
    """No call of the package names a function that runs code from a file."""
    banned = {"pickle", "dill", "cloudpickle", "shelve", "marshal"}
    calls = {("torch", "load"), ("joblib", "load"), ("yaml", "load"), ("yaml", "unsafe_load")}
    seen = 0
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                assert not banned & {name.name.split(".")[0] for name in node.names}, file
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in banned, file
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = getattr(node.func.value, "id", "")
                assert (owner, node.func.attr) not in calls, file
                for keyword in node.keywords:
                    if keyword.arg == "allow_pickle":
                        assert keyword.value.value is False, file
                        seen += 1
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec"), file
    assert seen


@pytest.mark.parametrize("is_malicious", [False, True])
def test_row52_a_checkpoint_of_cebra_is_named_and_refused(is_malicious, tmp_path):
    path = tmp_path / "cebra.pt"
    args = _Bomb(tmp_path / "marker") if is_malicious else CEBRA_PT["args"]
    path.write_bytes(_torch_file({**CEBRA_PT, "args": args}))
    with pytest.raises(CheckpointError, match=rf"{path} looks like .*cebra checkpoint \(\.pt\)"):
        CEBRA.load(path)
    assert not (tmp_path / "marker").exists()


SET_BY_LOAD = {
    *("solver_", "model_", "offset_", "device_", "random_state_", "label_kinds_"),
    *("n_features_in_", "feature_names_in_", "_fitted_params"),
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
    path = _changed(saved, tmp_path, _set(*part, key, value="owned"))
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
    path = _changed(saved, tmp_path, _set("solver", "scheduler", key, value=1))
    with pytest.raises(CheckpointError, match=f"scheduler .*excess: {key}"):
        CEBRA.load(path)


@pytest.mark.parametrize("scheduler", ["cosine", "linear", "one-cycle"])
def test_row53_a_schedule_keeps_its_types(scheduler, tmp_path):
    small(scheduler=scheduler).fit(NEURAL).save(tmp_path / "a.ckpt")
    state = load_state(tmp_path / "a.ckpt")
    for key in state["solver"]["scheduler"]:
        path = _changed(
            (tmp_path / "a.ckpt", b""), tmp_path, _set("solver", "scheduler", key, value="owned")
        )
        with pytest.raises(CheckpointError, match=f"scheduler/{key}.* must be "):
            CEBRA.load(path)


def test_row53_a_refused_state_leaves_the_solver_as_it_was(tmp_path):
    solver = SingleSessionSolver(*_parts())
    before = solver.state_dict()
    solver.save(tmp_path / "a.ckpt")
    state = load_state(tmp_path / "a.ckpt")
    state["num_steps"] = "many"
    state["model"] = {name: value + 1 for name, value in state["model"].items()}
    save_state(tmp_path / "b.ckpt", state)
    with pytest.raises(CheckpointError, match="num_steps of a checkpoint must be a count"):
        solver.load(tmp_path / "b.ckpt")
    assert_same(solver.state_dict(), before)
