"""The plots of `cebra`: its arguments, our drawings."""

import matplotlib
import matplotlib.pyplot
import numpy as np
import pytest

import cebra_ethan.compat as cebra
from cebra_ethan.errors import DataError, InvalidParameterError
from tests.compat.examples import CLASSES, DRAW, X, Y


def test_consistency_returns_three_things_for_its_plot():
    points = [DRAW.normal(size=(120, 3)) for _ in range(3)]
    scores, pairs, ids = cebra.sklearn.metrics.consistency_score(
        points, "datasets", [Y] * 3, ["a", "b", "c"], 8
    )
    assert (scores.shape, pairs.shape, ids.tolist()) == ((6,), (6, 2), ["a", "b", "c"])
    ax = cebra.plot_consistency(scores, pairs, ids, colorbar_label=None)
    shown = ax.images[0].get_array()
    assert np.allclose(shown[1, 2], 100 * scores[pairs.tolist().index(["b", "c"])])
    again, *_ = cebra.sklearn.metrics.consistency_score(points, between="runs")
    assert len(again) == 6
    with pytest.raises(DataError, match="the pair of each"):
        cebra.plot_consistency(scores)


@pytest.mark.parametrize("labels", ["grey", "time", Y, CLASSES, list(Y)])
def test_fault19_embeddings_are_drawn_with_every_kind_of_label(model, labels):
    points = model.transform(X)
    ax = cebra.plot_embedding(points, labels, cmap="magma", title="t", figsize=(3, 2), dpi=50)
    assert ax.name == "3d"
    assert ax.figure.get_size_inches().tolist() == [3, 2]
    drawn = ax.collections[0]
    if labels == "time" if isinstance(labels, str) else labels is Y:
        assert drawn.get_cmap().name == "magma"
    assert drawn.get_alpha() == 0.4
    assert cebra.plot_embedding(points, labels, idx_order=(2, 0)).name == "rectilinear"


def test_plot_embedding_explains_a_word_that_is_no_colour(model):
    with pytest.raises(InvalidParameterError, match="'time', or a colour"):
        cebra.plot_embedding(model.transform(X), "tine")


def test_fault19_models_are_compared_on_the_axes_that_are_given(model):
    ax = matplotlib.pyplot.figure().subplots()
    assert cebra.compare_models([model, model], ["a", "b"], ax=ax, x_label=False) is ax
    assert len(ax.lines) == 2
    assert ax.get_xlabel() == ""


def test_plots_of_training(model):
    figure, axes = cebra.plot_overview(model, X, embedding_kwargs={"markersize": 2})
    assert [ax.figure for ax in axes] == [figure] * 3
    assert np.allclose(
        cebra.plot_loss(model, label=3).lines[0].get_ydata(), model.history_["loss"]
    )
    assert np.allclose(cebra.plot(model, which="temperature").lines[0].get_ydata(), 1)
    assert cebra.plot(model, which="embedding", X=X).name == "3d"
    with pytest.raises(DataError, match="X=None"):
        cebra.plot(model, which="embedding")
    with pytest.raises(InvalidParameterError, match="which must be"):
        cebra.plot(model, which="all")


def test_interactive_plot_takes_the_names_of_cebra(model):
    pytest.importorskip("plotly", reason="the viz extra is not installed")
    points = model.transform(X)
    figure = cebra.plot_embedding_interactive(points, Y, idx_order=(0, 1, 2), figsize=(4, 3))
    assert (figure.layout.width, figure.layout.height) == (400, 300)
    classes = cebra.integrations.plotly.plot_embedding_interactive(
        points, CLASSES, discrete=True, showlegend=True
    )
    assert len(classes.data) == 3
