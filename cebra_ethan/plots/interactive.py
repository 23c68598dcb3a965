"""Embeddings to turn with the mouse: plotly figures, and pages that need no network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, to_hex

from ..errors import DataError, InvalidParameterError
from ..types import Label
from ..utils.files import atomic_write
from ..utils.optional import require
from .embedding import checked_label, checked_points
from .style import ACCENT, COLORMAPS, class_colors

__all__ = ["plot_embedding_interactive", "save_html"]

_SCALE_COLORS = 32  # plotly interpolates between them
_MANY_CLASSES = 40  # more are a colour bar: nobody reads such a legend


def plot_embedding_interactive(
    embedding: Any,
    labels: Any = None,
    *,
    dims: Sequence[int] | None = None,
    figure: Any = None,
    row: int | None = None,
    col: int | None = None,
    title: str | None = None,
    name: str | None = None,
    unit: str | None = None,
    cmap: str | Colormap | None = None,
    color: str = ACCENT,
    bin_s: float | None = None,
    markersize: float = 3.0,
    opacity: float = 0.8,
    showlegend: bool = True,
    template: str = "plotly_white",
) -> Any:
    """Draws an embedding as points in a figure that can be turned and zoomed.

    Each class is a trace of its own: a click in the legend hides it, a double click shows it
    alone. Continuous and circular labels and time get a colour bar. Beside the mouse stand the
    time bin and the label in its unit. All axes have one scale.

    Args:
        embedding: `(T, D)`, `D` at least 2.
        labels: `None`, `"time"`, or a `Label` or array of `T` values in one column.
        dims: The two or three dimensions to draw, in order; the first three by default.
        figure: A plotly figure to draw into; `None` makes one.
        row: Row of a subplot of `figure`, from 1, made with type `"scene"` for three dimensions.
        col: Column of the subplot, from 1.
        title: Title of the figure; say here when the data are simulated.
        name: What the colour bar or legend is called; the label's own name by default.
        unit: Unit of the label.
        cmap: Colour map of matplotlib; by default one that suits the kind of label.
        color: Colour of the points without labels.
        bin_s: Width of a bin in seconds: colours by `"time"` are then in seconds.
        markersize: Diameter of a point, in pixels.
        opacity: Of the points, in (0, 1].
        showlegend: Whether to show the legend or colour bar.
        template: Template of plotly.

    Returns:
        A `plotly.graph_objects.Figure`; in a notebook it shows itself.

    Raises:
        DataError: If dimensions, labels or the subplot do not fit.
        MissingDependencyError: If plotly is not installed.
    """
    graph = require("plotly.graph_objects", "viz")
    points, shown = checked_points(embedding, dims)
    drawn = graph.Figure() if figure is None else figure
    place = _place(figure, row, col, "scene" if len(shown) == 3 else "xy")
    kind = graph.Scatter3d if len(shown) == 3 else graph.Scattergl
    for trace in _traces(labels, len(points), name, unit, cmap, color, bin_s):
        rows = trace.pop("rows", slice(None))
        look = {"size": markersize, "opacity": opacity, "line": {"width": 0}} | trace["marker"]
        if "colorbar" in look:
            look |= {"showscale": showlegend, "colorbar": look["colorbar"] | _bar(drawn, place)}
        trace |= {"marker": look, "showlegend": showlegend and "name" in trace}
        trace |= {axis: points[rows, i] for i, axis in zip(range(len(shown)), "xyz", strict=False)}
        drawn.add_trace(kind(mode="markers", **trace), **place)
    names = [f"Latent {d + 1}" for d in shown]
    _arrange(drawn, names, place)
    drawn.update_layout(template=template, legend={"itemsizing": "constant"})
    drawn.update_layout(legend={"groupclick": "toggleitem"}, margin={"l": 10, "r": 10, "b": 10})
    if title is not None:
        drawn.update_layout(title={"text": title, "x": 0.5})
    return drawn


def save_html(figure: Any, path: str | os.PathLike[str]) -> Path:
    """Writes an interactive figure as one page that opens anywhere, also without a network.

    The page carries plotly's code, about 4.5 MB. The same figure gives the same bytes.

    Args:
        figure: A plotly figure.
        path: Ends in `.html`.

    Returns:
        The path.

    Raises:
        InvalidParameterError: For another ending.
    """
    target = Path(path)
    if target.suffix != ".html":
        raise InvalidParameterError(
            f"an interactive figure's path must end in .html; got {str(path)!r}. "
            "For pictures use save_figure with a matplotlib figure."
        )
    page = figure.to_html(include_plotlyjs=True, full_html=True, div_id="embedding")
    with atomic_write(target) as file:
        file.write(page.encode())
    return target


def _traces(
    labels: Any,
    num_points: int,
    name: str | None,
    unit: str | None,
    cmap: str | Colormap | None,
    color: str,
    bin_s: float | None,
) -> Iterator[dict[str, Any]]:
    """Yields the colours, the texts and, of classes, the rows of each trace."""
    bins = np.arange(num_points)
    if labels is None:
        yield {
            "marker": {"color": color},
            "customdata": bins,
            "hovertemplate": "bin %{customdata}<extra></extra>",
        }
        return
    if isinstance(labels, str) and labels == "time":
        label = Label(bins * (bin_s or 1.0), "continuous", name=name or "Time")
        mapping, unit = COLORMAPS["time"], unit or ("s" if bin_s else "bins")
    else:
        label = checked_label(labels, num_points)
        mapping = COLORMAPS.get(label.kind, COLORMAPS["continuous"])
    caption = name or ("" if label.name == "label" else label.name)
    caption = f"{caption} ({unit})".strip() if unit else caption
    values = label.to_numpy()
    if label.kind != "categorical":
        yield _scale_trace(values, values, caption, cmap or mapping, label.period)
        return
    classes, code = np.unique(values, return_inverse=True)
    colors = class_colors(len(classes))
    if cmap is not None:
        colors = list(_colormap(cmap)(np.linspace(0, 1, len(classes))))
    if len(classes) > _MANY_CLASSES:
        scale = matplotlib.colors.ListedColormap(colors)
        yield _scale_trace(code, values, f"{caption or 'Class'} (of {len(classes)})", scale)
        return
    for i, tint in enumerate(colors):
        rows = np.flatnonzero(code == i)
        yield {
            "rows": rows,
            "marker": {"color": to_hex(tint)},
            "name": str(classes[i]),
            "legendgroup": caption or "classes",
            "legendgrouptitle": {"text": caption},
            "customdata": bins[rows],
            "hovertemplate": f"{classes[i]}<br>bin %{{customdata}}<extra></extra>",
        }


def _scale_trace(
    values: np.ndarray,
    texts: np.ndarray,
    caption: str,
    cmap: str | Colormap,
    period: float | None = None,
) -> dict[str, Any]:
    steps = np.linspace(0, 1, _SCALE_COLORS)
    scale = [[float(s), to_hex(c)] for s, c in zip(steps, _colormap(cmap)(steps), strict=True)]
    marker: dict[str, Any] = {"color": values, "colorscale": scale}
    marker["colorbar"] = {"title": {"text": caption, "side": "right"}, "thickness": 12}
    if period is not None:
        marker |= {"cmin": 0, "cmax": period}
        marker["colorbar"]["tickvals"] = np.linspace(0, period, 5)
    number = ":.4g" if texts.dtype.kind == "f" else ""
    return {
        "marker": marker,
        "customdata": np.arange(len(values)),
        "text": texts,
        "hovertemplate": f"{caption} %{{text{number}}}<br>bin %{{customdata}}<extra></extra>",
    }


def _place(figure: Any, row: int | None, col: int | None, kind: str) -> dict[str, int]:
    """Returns where in a grid to draw, after a look whether the subplot is of the right kind."""
    if row is None and col is None:
        return {}
    if figure is None or row is None or col is None:
        raise DataError(
            "row and col name a subplot of a figure, all three together; got "
            f"row={row!r}, col={col!r} and {'no' if figure is None else 'a'} figure."
        )
    grid = figure._grid_ref or []
    cell = grid[row - 1][col - 1] if 0 < row <= len(grid) and 0 < col <= len(grid[0]) else None
    found = cell[0].subplot_type if cell else "no subplot"
    if found != kind:
        raise DataError(
            f"the subplot at row {row}, column {col} must be of type {kind!r}; got {found}. Make "
            f"the figure with plotly.subplots.make_subplots and specs {{'type': {kind!r}}} there."
        )
    return {"row": row, "col": col}


def _bar(figure: Any, place: dict[str, int]) -> dict[str, Any]:
    """Returns where a colour bar stands: just right of its subplot, as high as that."""
    if not place:
        return {"len": 0.75}
    cell = figure.get_subplot(**place)
    x, y = (
        (cell.domain.x, cell.domain.y)
        if hasattr(cell, "domain")
        else (cell.xaxis.domain, cell.yaxis.domain)
    )
    return {"x": x[1] + 0.005, "y": (y[0] + y[1]) / 2, "len": 0.75 * (y[1] - y[0])}


def _arrange(figure: Any, names: list[str], place: dict[str, int]) -> None:
    """Names the axes and gives them one scale."""
    if len(names) == 3:
        axes: dict[str, Any] = {
            f"{axis}axis": {"title": {"text": name}, "showspikes": False}
            for axis, name in zip("xyz", names, strict=True)
        }
        scene = axes | {"aspectmode": "data"}
        if place:
            figure.update_scenes(scene, **place)
        else:
            figure.update_layout(scene=scene)
        return
    figure.update_xaxes({"title": {"text": names[0]}}, **place)
    anchor = figure.get_subplot(**place).yaxis.anchor if place else "x"
    figure.update_yaxes({"title": {"text": names[1]}, "scaleanchor": anchor}, **place)


def _colormap(cmap: str | Colormap) -> Colormap:
    return matplotlib.colormaps[cmap] if isinstance(cmap, str) else cmap
