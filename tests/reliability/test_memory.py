"""Row 43: memory that runs out in a step."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.solver.checkpoint import load_state
from tests.reliability.helpers import TRAININGS, assert_same_estimator, in_training

pytestmark = pytest.mark.usefixtures("without_type_checks")


def _from_numpy():
    try:
        np.empty(1 << 50)
    except MemoryError as error:
        return error


ERRORS = {
    "Python": (MemoryError, MemoryError()),
    "numpy": (MemoryError, _from_numpy()),
    "a GPU": (torch.OutOfMemoryError, torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB")),
    "a CPU": (RuntimeError, RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")),
    "Windows": (RuntimeError, RuntimeError("DefaultCPUAllocator: not enough memory: you tried")),
    "Apple": (RuntimeError, RuntimeError("MPS backend out of memory (MPS allocated: 9.1 GB)")),
}


class _Failing:
    """Is the backward pass of a loss whose third call finds no memory."""

    def __init__(self, error, at=3):
        self.error, self.left = error, at

    def __call__(self, *args, **options):
        self.left -= 1
        if self.left == 0:
            raise self.error
        return self.original(*args, **options)


def _fail(monkeypatch, error):
    failing = _Failing(error)
    failing.original = torch.Tensor.backward
    monkeypatch.setattr(torch.Tensor, "backward", lambda *args, **own: failing(*args, **own))


@pytest.mark.parametrize("kind", ERRORS)
def test_row43_it_is_said_how_large_the_step_was(kind, monkeypatch, tmp_path):
    expected, error = ERRORS[kind]
    _fail(monkeypatch, error)
    estimator, data = in_training("time_delta", max_iterations=5)
    with pytest.raises(expected) as caught:
        estimator.fit(*data, logdir=tmp_path)
    assert type(caught.value) is expected
    assert caught.value.__cause__ is error
    message = str(caught.value)
    assert "batch_size=32 of 300 bins" in message
    assert "32 x 32 points (3.81e-06 GiB" in message
    assert "96 windows of 6 neurons x 1 bins" in message
    assert "smaller batch_size" in message
    assert (str(error) or "MemoryError")[:60] in message
    assert load_state(tmp_path / "last.ckpt")["num_steps"] == 2


@pytest.mark.parametrize("name", TRAININGS)
def test_row43_a_smaller_step_may_follow(name, monkeypatch, tmp_path):
    whole, data = in_training(name, max_iterations=5)
    whole.fit(*data)
    with monkeypatch.context() as patch:
        _fail(patch, MemoryError())
        estimator, data = in_training(name, max_iterations=5)
        with pytest.raises(MemoryError, match=r"batch_size=\d+ of \d+ bins"):
            estimator.fit(*data, logdir=tmp_path)
    assert not estimator.interrupted_
    estimator.transform(data[0])
    resumed = in_training(name, max_iterations=5)[0].fit(*data, logdir=tmp_path, resume=True)
    assert_same_estimator(resumed, whole, data[0])
    assert_same_estimator(estimator.fit(*data), whole, data[0])


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ValueError("out of memory")])
def test_row43_other_errors_stay_as_they_are(error, monkeypatch):
    _fail(monkeypatch, error)
    estimator, data = in_training("time", max_iterations=5)
    with pytest.raises(type(error), match=str(error)) as caught:
        estimator.fit(*data)
    assert caught.value is error


FOR_REAL = """
import resource
import torch
torch.set_num_threads(1)
from tests.reliability.helpers import NEURAL, small
estimator = small(max_iterations=2).fit(NEURAL)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 512 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    estimator.set_params(batch_size=4_000_000).fit(NEURAL)
except (MemoryError, RuntimeError) as error:
    print(type(error).__name__, "|", error)
estimator.set_params(batch_size=32).fit(NEURAL)
print("lives on")
"""


def test_row43_in_drawing(monkeypatch):
    estimator, data = in_training("time", max_iterations=5)
    monkeypatch.setattr(ContrastiveLoader, "_draw", _raise_memory_error)
    with pytest.raises(MemoryError, match=r"drawing .* batch_size=32 of 300 bins.*smaller"):
        estimator.fit(*data)


def _raise_memory_error(*args):
    raise MemoryError


def test_row43_for_real():
    """Three times 4,000,000 windows do not go into half a GiB, as draws or in hidden layers."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", FOR_REAL]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=120, cwd=root
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"RuntimeError \| .*batch_size=4000000 of 300 bins", done.stdout)
    assert re.search("can't allocate memory|bad_alloc", done.stdout)
    assert done.stdout.endswith("lives on\n")
