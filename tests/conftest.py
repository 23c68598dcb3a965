"""What all tests share."""

import os
from collections.abc import Iterator

import jaxtyping
import pytest
import torch

collect_ignore_glob = ["golden/make_*.py", "golden_metrics/make_*.py"]  # these import `cebra`

torch.set_num_threads(1)  # small models: more threads wait for each other on a busy machine
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the programs that tests start, likewise


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Gives a test that names no seed the same weights and draws at every run."""
    torch.manual_seed(0)


@pytest.fixture
def without_type_checks() -> Iterator[None]:
    """Turns the type checks of the test run off, as they are for a user.

    For tests of what a constructor says about a wrong argument: with the checks on, the checker
    would say it first.
    """
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
