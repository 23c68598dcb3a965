"""What the tests of checkpoints share."""

import pytest

from tests.reliability.helpers import NEURAL, POSITION, small


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A checkpoint of a small estimator: its path and its bytes."""
    path = tmp_path_factory.mktemp("saved") / "a.ckpt"
    small(num_hidden_units=4, early_stopping=True).fit(NEURAL, POSITION).save(path)
    return path, path.read_bytes()
