"""Device names."""

import pytest
import torch

from cebra_ethan.errors import InvalidParameterError
from cebra_ethan.utils.device import resolve_device


def test_names_and_devices_are_the_same():
    assert resolve_device("cpu") == resolve_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(0, False, "cpu"), (0, True, "mps"), (2, False, "cuda"), (2, True, "cuda")],
)
def test_the_best_available_device(monkeypatch, cuda, mps, expected):
    _pretend(monkeypatch, cuda, mps)
    assert resolve_device("cuda_if_available") == torch.device(expected)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:1"])
def test_cuda_devices_that_are_there(monkeypatch, name):
    _pretend(monkeypatch, 2, False)
    assert resolve_device(name) == torch.device(name)


@pytest.mark.parametrize("name", ["cuda:2", "mps", "gpu", "CPU", ""])
def test_what_is_not_there_is_refused_with_what_is(monkeypatch, name):
    _pretend(monkeypatch, 2, False)
    message = f"cuda_if_available, cpu, cuda, cuda:0, cuda:1 here; got '{name}'"
    with pytest.raises(InvalidParameterError, match=message):
        resolve_device(name)


def _pretend(monkeypatch, cuda, mps):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
