"""What all tests share."""

from collections.abc import Iterator

import jaxtyping
import pytest

collect_ignore_glob = ["golden/make_*.py", "golden_metrics/make_*.py"]  # these import `cebra`


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
