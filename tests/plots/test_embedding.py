import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgba_array

from cebra_ethan.errors import DataError
from cebra_ethan.plots import plot_embedding
from cebra_ethan.plots.style import CATEGORICAL, COLORMAPS, new_axes
from cebra_ethan.types import Label
from tests.plots.examples import HEADING, RING, SIDE, SPHERE, X


def points(ax):
    (cloud,) = ax.collections
    return cloud


def drawn_colors(ax):
    ax.figure.draw_without_rendering()
    return points(ax).get_facecolors()


@pytest.mark.parametrize("dims", [None, (0, 1), (1, 0)])
def test_plain_axes_hold_the_points(dims):
    ax = plot_embedding(RING, dims=dims)
    assert points(ax).get_offsets().tolist() == RING[:, list(dims or (0, 1))].tolist()
    assert [ax.get_xlabel(), ax.get_ylabel()] == [f"Latent {d + 1}" for d in dims or (0, 1)]


@pytest.mark.parametrize("dims", [None, (2, 0, 1), (2, 1)])
def test_dims_choose_and_order_the_axes(dims):
    ax = plot_embedding(SPHERE, dims=dims)
    shown = list(dims or (0, 1, 2))
    if len(shown) == 3:
        assert np.array(points(ax)._offsets3d).T.tolist() == SPHERE[:, shown].tolist()
        assert ax.get_zlabel() == f"Latent {shown[2] + 1}"
    else:
        assert ax.name == "rectilinear"
        assert points(ax).get_offsets().tolist() == SPHERE[:, shown].tolist()


@pytest.mark.parametrize("cloud", [SPHERE, SPHERE * [1, 3, 9] + [0, 5, 0], RING])
def test_all_axes_have_one_scale(cloud):
    ax = plot_embedding(cloud)
    spans = [np.ptp(getattr(ax, f"get_{a}lim")()) for a in "xyz"[: cloud.shape[1]]]
    assert spans == pytest.approx([spans[0]] * len(spans))
    for low, high, a in zip(cloud.min(axis=0), cloud.max(axis=0), "xyz", strict=False):
        left, right = getattr(ax, f"get_{a}lim")()
        assert left < low
        assert high < right


def test_a_continuous_label_is_coloured_by_its_value():
    ax = plot_embedding(RING, X, unit="cm")
    assert points(ax).get_array().tolist() == X.to_numpy().tolist()
    assert points(ax).cmap.name == "viridis"
    assert ax.figure.axes[1].get_ylabel() == "Position (cm)"


@pytest.mark.parametrize("cmap", [None, "magma"])
def test_fault19_time_respects_the_colour_map(cmap):
    """`cebra` takes viridis whatever is asked for."""
    ax = plot_embedding(RING, "time", cmap=cmap, bin_s=0.5)
    assert points(ax).cmap.name == (cmap or COLORMAPS["time"].name)
    assert points(ax).get_array().tolist() == (0.5 * np.arange(len(RING))).tolist()
    assert ax.figure.axes[1].get_ylabel() == "Time (s)"


def test_both_ends_of_a_circular_label_have_one_colour():
    ends = Label([0.0, 359.99, 180.0], "circular", period=360.0)
    first, last, middle = drawn_colors(plot_embedding(RING[:3], ends))
    assert np.abs(first - last).max() < 0.02
    assert np.abs(first - middle).max() > 0.3
    bar = plot_embedding(RING, HEADING, unit="°").figure.axes[1]
    assert [t.get_text() for t in bar.get_yticklabels()] == ["0", "90", "180", "270", "360"]


def test_classes_have_a_legend_and_their_colour():
    ax = plot_embedding(RING, SIDE)
    legend = ax.get_legend()
    assert [t.get_text() for t in legend.get_texts()] == ["left", "right"]
    assert legend.get_title().get_text() == "Side"
    expected = to_rgba_array(CATEGORICAL[:2])[(SIDE.to_numpy() == "right").astype(int)]
    np.testing.assert_allclose(drawn_colors(ax), expected)


def test_a_colour_map_colours_classes():
    colors = drawn_colors(plot_embedding(RING, SIDE, cmap="coolwarm"))
    ends = matplotlib.colormaps["coolwarm"]([0.0, 1.0])
    assert {tuple(c) for c in colors} == {tuple(c) for c in ends}


def test_many_classes_have_a_bar_instead_of_a_legend():
    ax = plot_embedding(RING, Label(np.arange(600) // 20, name="Frame"))
    assert ax.get_legend() is None
    assert ax.figure.axes[1].get_ylabel() == "Frame (of 30)"


@pytest.mark.parametrize("labels", [X.to_numpy(), X.to_numpy().tolist(), X.values])
def test_fault19_arrays_lists_and_tensors_are_labels(labels):
    assert points(plot_embedding(RING, labels)).get_array().tolist() == X.to_numpy().tolist()


def test_bar_and_legend_can_be_left_out():
    assert len(plot_embedding(RING, X, colorbar=False).figure.axes) == 1
    assert plot_embedding(RING, SIDE, colorbar=False).get_legend() is None


def test_scatter_arguments_reach_the_points():
    cloud = points(plot_embedding(RING, s=99, alpha=0.5, color="#ff0000"))
    assert cloud.get_sizes().tolist() == [99]
    assert cloud.get_facecolors().tolist() == [[1.0, 0.0, 0.0, 0.5]]


@pytest.mark.parametrize("num", [100, 1000, 100_000])
def test_points_are_never_too_small_to_see(num):
    size = points(plot_embedding(np.random.default_rng(0).normal(size=(num, 2)))).get_sizes()[0]
    assert 4 <= size <= 25


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_embedding(RING[:, :1]), r"at least 2\); got shape \(600, 1\)"),
        (lambda: plot_embedding(RING, dims=(0, 2)), "of the 2 dimensions, from 0; got .0, 2."),
        (lambda: plot_embedding(SPHERE, dims=(0,)), "two or three of the 3 dimensions"),
        (lambda: plot_embedding(RING, X[:5]), "got 5 for 600 points"),
        (lambda: plot_embedding(RING, RING), "one column of a label; got 2"),
        (lambda: plot_embedding(SPHERE, ax=new_axes()), "3 dimensions were asked for on rectil"),
        (lambda: plot_embedding(RING, ax=new_axes(projection="3d")), "asked for on 3d axes"),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_several_embeddings_are_not_one():
    with pytest.raises(DataError, match="one embedding is drawn at a time; got 2"):
        plot_embedding([RING, RING[:5]])
