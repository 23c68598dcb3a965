import json
import re
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex

from cebra_ethan.errors import MissingDependencyError
from cebra_ethan.plots import plot_embedding_interactive, save_html
from cebra_ethan.plots.style import ACCENT, CATEGORICAL, COLORMAPS
from cebra_ethan.types import Label
from tests.plots.examples import HEADING, RING, SIDE, SPHERE, X

pytest.importorskip("plotly", reason="interactive plots need the extra viz")
from plotly.subplots import make_subplots


def coordinates(trace):
    axes = "xyz" if trace.type == "scatter3d" else "xy"
    return np.column_stack([trace[axis] for axis in axes])


@pytest.mark.parametrize("dims", [None, (0, 1, 2), (2, 0, 1), (2, 1)])
def test_dims_choose_and_order_the_axes(dims):
    figure = plot_embedding_interactive(SPHERE, X, dims=dims)
    shown = list(dims or (0, 1, 2))
    (trace,) = figure.data
    assert trace.type == ("scatter3d" if len(shown) == 3 else "scattergl")
    assert coordinates(trace).tolist() == SPHERE[:, shown].tolist()
    axes = figure.layout.scene if len(shown) == 3 else figure.layout
    names = [axes[f"{a}axis"].title.text for a in "xyz"[: len(shown)]]
    assert names == [f"Latent {d + 1}" for d in shown]


def test_all_axes_have_one_scale():
    assert plot_embedding_interactive(SPHERE).layout.scene.aspectmode == "data"
    assert plot_embedding_interactive(RING).layout.yaxis.scaleanchor == "x"


@pytest.mark.parametrize("embedding", [SPHERE, RING])
def test_pain31_each_class_stands_in_the_legend(embedding):
    figure = plot_embedding_interactive(embedding, SIDE)
    assert [trace.name for trace in figure.data] == ["left", "right"]
    assert [trace.marker.color.upper() for trace in figure.data] == list(CATEGORICAL[:2])
    for trace in figure.data:
        rows = np.flatnonzero(SIDE.to_numpy() == trace.name)
        assert trace.showlegend
        assert coordinates(trace).tolist() == embedding[rows].tolist()
        assert trace.customdata.tolist() == rows.tolist()
        assert trace.legendgrouptitle.text == "Side"
    assert figure.layout.legend.groupclick == "toggleitem"  # one class, not all of the label


def test_a_continuous_label_has_a_bar_and_no_legend():
    (trace,) = plot_embedding_interactive(SPHERE, X, unit="cm").data
    assert trace.marker.color.tolist() == X.to_numpy().tolist()
    assert trace.marker.showscale
    assert not trace.showlegend
    assert trace.marker.colorbar.title.text == "Position (cm)"
    assert "Position (cm) %{text" in trace.hovertemplate


def test_both_ends_of_a_circular_label_have_one_colour():
    marker = plot_embedding_interactive(SPHERE, HEADING, unit="°").data[0].marker
    assert (marker.cmin, marker.cmax) == (0, 360)
    assert list(marker.colorbar.tickvals) == [0, 90, 180, 270, 360]
    first, last = (matplotlib.colors.to_rgb(marker.colorscale[i][1]) for i in (0, -1))
    assert np.abs(np.subtract(first, last)).max() < 0.05


@pytest.mark.parametrize("cmap", [None, "magma", matplotlib.colormaps["cool"]])
def test_fault19_time_respects_the_colour_map(cmap):
    marker = plot_embedding_interactive(SPHERE, "time", cmap=cmap, bin_s=0.5).data[0].marker
    expected = cmap or COLORMAPS["time"]
    expected = matplotlib.colormaps[expected] if isinstance(expected, str) else expected
    assert marker.colorscale[0][1] == to_hex(expected(0.0))
    assert marker.colorscale[-1][1] == to_hex(expected(1.0))
    assert marker.color.tolist() == (0.5 * np.arange(len(SPHERE))).tolist()
    assert marker.colorbar.title.text == "Time (s)"


def test_a_colour_map_colours_classes():
    figure = plot_embedding_interactive(SPHERE, SIDE, cmap="cool")
    ends = [to_hex(c) for c in matplotlib.colormaps["cool"]([0.0, 1.0])]
    assert [trace.marker.color for trace in figure.data] == ends


@pytest.mark.parametrize("labels", [X.to_numpy(), X.to_numpy().tolist(), X.values])
def test_fault19_arrays_lists_and_tensors_are_labels(labels):
    (trace,) = plot_embedding_interactive(SPHERE, labels).data
    assert trace.marker.color.tolist() == X.to_numpy().tolist()


def test_many_classes_have_a_bar_instead_of_a_legend():
    (trace,) = plot_embedding_interactive(RING, Label(np.arange(600) // 10, name="Frame")).data
    assert trace.marker.colorbar.title.text == "Frame (of 60)"
    assert trace.marker.color.max() == 59


def test_looks_are_passed_on():
    figure = plot_embedding_interactive(
        SPHERE, markersize=7, opacity=0.5, title="simulated", template="plotly_dark"
    )
    (trace,) = figure.data
    assert (trace.marker.size, trace.marker.opacity, trace.marker.color) == (7, 0.5, ACCENT)
    assert figure.layout.title.text == "simulated"
    dark = figure.layout.template.layout.paper_bgcolor
    assert dark == "rgb(17,17,17)"
    assert plot_embedding_interactive(SPHERE, color="red").data[0].marker.color == "red"


@pytest.mark.parametrize("labels", [SIDE, X])
def test_bar_and_legend_can_be_left_out(labels):
    for trace in plot_embedding_interactive(SPHERE, labels, showlegend=False).data:
        assert not trace.showlegend
        assert not trace.marker.showscale


def test_subplots_hold_what_was_drawn_into_them():
    figure = make_subplots(
        2, 2, specs=[[{"type": "scene"}, {"type": "scene"}], [{"type": "xy"}, {"type": "xy"}]]
    )
    for embedding, labels, row, col in (
        (SPHERE, X, 1, 1),
        (SPHERE, HEADING, 1, 2),
        (RING, X, 2, 1),
        (RING, SIDE, 2, 2),
    ):
        place = {"row": row, "col": col}
        assert plot_embedding_interactive(embedding, labels, figure=figure, **place) is figure
    assert [trace.scene for trace in figure.data[:2]] == ["scene", "scene2"]
    assert [trace.xaxis for trace in figure.data[2:]] == ["x", "x2", "x2"]
    assert figure.layout.yaxis2.scaleanchor == "x2"
    assert figure.layout.scene2.zaxis.title.text == "Latent 3"
    bars = [trace.marker.colorbar for trace in figure.data[:3]]
    assert len({(bar.x, bar.y) for bar in bars}) == 3
    for bar, right in zip(bars, (0.45, 1.0, 0.45), strict=True):
        assert right < bar.x < right + 0.05  # beside its own subplot, not over the next
        assert bar.len < 0.5


def test_two_embeddings_share_a_figure():
    figure = plot_embedding_interactive(SPHERE, color="red")
    assert len(plot_embedding_interactive(-SPHERE, color="blue", figure=figure).data) == 2


def test_a_page_needs_no_network(tmp_path):
    figures = [plot_embedding_interactive(SPHERE, SIDE, title="simulated") for _ in range(2)]
    first, second = (save_html(f, tmp_path / f"{i}.html") for i, f in enumerate(figures))
    assert first.read_bytes() == second.read_bytes()
    page = first.read_text(encoding="utf-8")
    assert len(page) > 1e6  # plotly's code is inside
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    call = page[page.rindex('"embedding",') + len('"embedding",') :]
    traces, _ = json.JSONDecoder().raw_decode(call.lstrip())
    assert [trace["name"] for trace in traces] == ["left", "right"]


def test_without_plotly_the_extra_is_named(monkeypatch):
    class Missing:
        """Finds no plotly, as where it is not installed."""

        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "plotly":
                raise ModuleNotFoundError("No module named 'plotly'", name="plotly")

    for name in [name for name in sys.modules if name.partition(".")[0] == "plotly"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(MissingDependencyError, match=r'pip install "cebra-ethan\[viz\]"'):
        plot_embedding_interactive(SPHERE)


GRID = make_subplots(1, 2, specs=[[{"type": "scene"}, {"type": "xy"}]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_embedding_interactive(RING[:, :1]), r"got shape \(600, 1\)"),
        (lambda: plot_embedding_interactive(RING, dims=(0, 2)), "of the 2 dimensions, from 0"),
        (lambda: plot_embedding_interactive(RING, X[:5]), "got 5 for 600 points"),
        (lambda: plot_embedding_interactive(RING, RING), "one column of a label; got 2"),
        (lambda: plot_embedding_interactive(RING, row=1, col=1), "row=1, col=1 and no figure"),
        (lambda: plot_embedding_interactive(RING, figure=GRID, row=1), "col=None and a figure"),
        (
            lambda: plot_embedding_interactive(SPHERE, figure=GRID, row=1, col=2),
            "must be of type 'scene'; got xy. Make the figure with plotly.subplots",
        ),
        (
            lambda: plot_embedding_interactive(RING, figure=GRID, row=1, col=1),
            "must be of type 'xy'; got scene",
        ),
        (
            lambda: plot_embedding_interactive(RING, figure=GRID, row=3, col=1),
            "row 3, column 1 must be of type 'xy'; got no subplot",
        ),
        (lambda: save_html(GRID, "a.png"), r"must end in \.html; got 'a.png'"),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
