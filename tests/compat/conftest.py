"""What is here beside tests, and the models that they share."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import cebra_ethan.compat as cebra
from tests.compat.examples import SMALL, X, Y

collect_ignore_glob = ["make_*.py"]  # it imports the real `cebra`

mpl.use("Agg")


@pytest.fixture(scope="module")
def model():
    return cebra.CEBRA(**SMALL, random_state=0).fit(X, Y)


@pytest.fixture(scope="module")
def sessions():
    return cebra.CEBRA(**SMALL, random_state=0).fit([X, X[:, :4]], [Y, Y])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")
