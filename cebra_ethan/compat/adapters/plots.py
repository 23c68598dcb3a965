"""`cebra`'s plots of matplotlib and plotly: its arguments, our drawings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.colors
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.pyplot import figure as _figure

from ... import plots
from ...errors import DataError, InvalidParameterError
from ...estimator import CEBRA

__all__ = [
    "compare_models",
    "plot",
    "plot_consistency",
    "plot_embedding",
    "plot_embedding_interactive",
    "plot_loss",
    "plot_overview",
    "plot_temperature",
]

_WIDE = (7.0, 4.0)

matplotlib.colormaps.register(
    matplotlib.colors.LinearSegmentedColormap.from_list(
        "cebra", ["#2b0a5e", "#6d3fb8", "#b18be0", "#f3d9fa"]
    ),
    force=True,
)


def plot_embedding(
    embedding: Any,
    embedding_labels: Any = "grey",
    ax: Axes | None = None,
    idx_order: Sequence[int] | None = None,
    markersize: float = 0.05,
    alpha: float = 0.4,
    cmap: Any = "cool",
    title: str | None = "Embedding",
    figsize: tuple[float, float] = (5, 5),
    dpi: float = 100,
    **kwargs: Any,
) -> Axes:
    """Draws an embedding, see `plots.plot_embedding`.

    Args:
        embedding: `(T, D)`.
        embedding_labels: One value for each point, `"time"`, or a colour.
        ax: Where to draw.
        idx_order: The dimensions to draw.
        markersize: Area of a point.
        alpha: Opacity.
        cmap: Colour map.
        title: Title.
        figsize: Size of a new figure, in inches.
        dpi: Its resolution.
        kwargs: Passed to `Axes.scatter`.
    """
    dims = list(idx_order) if idx_order is not None else None
    depth = (len(dims) if dims is not None else min(3, np.shape(embedding)[-1])) == 3
    ax = ax if ax is not None else _axes(figsize, dpi, "3d" if depth else None)
    labels, color = _colors(embedding_labels)
    options: dict[str, Any] = {"s": markersize, "alpha": alpha, **kwargs}
    if color is not None:
        options["color"] = color
    return plots.plot_embedding(
        embedding,
        labels,
        dims=dims,
        ax=ax,
        title=title,
        cmap=None if labels is None else _cmap(cmap),
        colorbar=False,
        **options,
    )


def plot_embedding_interactive(
    embedding: Any,
    embedding_labels: Any = "grey",
    axis: Any = None,
    markersize: float = 1,
    idx_order: Sequence[int] | None = None,
    alpha: float = 0.4,
    cmap: Any = "cool",
    title: str | None = "Embedding",
    figsize: tuple[float, float] = (5, 5),
    dpi: int = 100,
    *,
    showlegend: bool = False,
    discrete: bool = False,
    col: int | None = None,
    row: int | None = None,
    template: str = "plotly_white",
) -> Any:
    """Draws an embedding with plotly, see `plots.plot_embedding_interactive`.

    Arguments as for `plot_embedding`; `axis` is a figure of plotly, `discrete` takes labels for
    classes whatever their type.
    """
    labels, color = _colors(embedding_labels)
    if discrete and labels is not None:
        labels = np.asarray(labels).astype(str)
    own: dict[str, Any] = {} if color is None else {"color": color}
    drawn = plots.plot_embedding_interactive(
        embedding,
        labels,
        dims=None if idx_order is None else list(idx_order),
        figure=axis,
        row=row,
        col=col,
        title=title,
        cmap=None if labels is None else _cmap(cmap),
        markersize=markersize,
        opacity=alpha,
        showlegend=showlegend,
        template=template,
        **own,
    )
    if axis is None:
        drawn.update_layout(width=figsize[0] * dpi, height=figsize[1] * dpi)
    return drawn


def plot_loss(
    model: CEBRA,
    label: Any = None,
    ax: Axes | None = None,
    color: str = "magenta",
    linewidth: float = 1,
    x_label: bool = True,
    y_label: bool = True,
    figsize: tuple[float, float] = _WIDE,
    dpi: float = 100,
    **kwargs: Any,
) -> Axes:
    """Draws the loss of every step, see `plots.plot_loss`.

    Args:
        model: Fitted.
        label: What a legend calls the line.
        ax: Where to draw.
        color: Colour of the line.
        linewidth: Its width.
        x_label: Whether to name the x axis.
        y_label: Whether to name the y axis.
        figsize: Size of a new figure, in inches.
        dpi: Its resolution.
        kwargs: Passed to `Axes.plot`.
    """
    ax = ax if ax is not None else _axes(figsize, dpi)
    name = "training" if label is None else str(label)
    plots.plot_loss(model, ax=ax, label=name, color=color, linewidth=linewidth, **kwargs)
    return _named(ax, x_label, y_label)


def plot_temperature(
    model: CEBRA,
    ax: Axes | None = None,
    color: str = "dodgerblue",
    linewidth: float = 1,
    x_label: bool = True,
    y_label: bool = True,
    figsize: tuple[float, float] = _WIDE,
    dpi: float = 100,
    **kwargs: Any,
) -> Axes:
    """Draws the temperature of every step; arguments as for `plot_loss`."""
    ax = ax if ax is not None else _axes(figsize, dpi)
    history = model.history_
    name = "temperature" if "temperature" in history else "behavior/temperature"
    if name not in history:
        raise DataError(
            "a temperature is drawn from the history of a criterion that has one; it holds "
            f"{', '.join(history)}. Use plot_loss."
        )
    plots.plot_temperature(history[name], ax=ax, color=color, linewidth=linewidth, **kwargs)
    return _named(ax, x_label, y_label)


def compare_models(
    models: Sequence[CEBRA],
    labels: Sequence[Any] | None = None,
    ax: Axes | None = None,
    color: str | None = None,
    cmap: Any = "cebra",
    linewidth: float = 1,
    x_label: bool = True,
    y_label: bool = True,
    figsize: tuple[float, float] = _WIDE,
    dpi: float = 100,
    **kwargs: Any,
) -> Axes:
    """Draws the losses of several models; arguments as for `plot_loss`.

    Losses compare only where references see equally many negatives: `plots.compare_models` draws
    bits where it is told how many.
    """
    ax = ax if ax is not None else _axes(figsize, dpi)
    options = {"color": color, "cmap": _cmap(cmap), "linewidth": linewidth, **kwargs}
    plots.compare_models(models, labels, ax=ax, **options)
    return _named(ax, x_label, y_label)


def plot_consistency(
    scores: Any,
    pairs: Any = None,
    datasets: Any = None,
    ax: Axes | None = None,
    cmap: Any = "binary",
    text_color: str = "white",
    colorbar_label: str | None = "Consistency score (%)",
    title: str | None = None,
    figsize: tuple[float, float] = (5, 5),
    dpi: float = 100,
    **kwargs: Any,
) -> Axes:
    """Draws what `consistency_score` returned, see `plots.plot_consistency`.

    Args:
        scores: One for each ordered pair, or a matrix.
        pairs: The pairs, `(pairs, 2)`.
        datasets: Names of rows and columns.
        ax: Where to draw.
        cmap: Colour map.
        text_color: Of no effect: numbers are black or white, whichever is legible.
        colorbar_label: `None` leaves the colour bar out.
        title: Title.
        figsize: Size of a new figure, in inches.
        dpi: Its resolution.
        kwargs: Passed to `Axes.imshow`.
    """
    matrix, names = _matrix(scores, pairs, datasets)
    ax = ax if ax is not None else _axes(figsize, dpi)
    options = {"cmap": _cmap(cmap), "colorbar": colorbar_label is not None, **kwargs}
    return plots.plot_consistency(matrix, names, ax=ax, title=title, **options)


def plot_overview(
    model: CEBRA,
    X: Any,
    loss_kwargs: dict[str, Any] | None = None,
    temperature_kwargs: dict[str, Any] | None = None,
    embedding_kwargs: dict[str, Any] | None = None,
    figsize: tuple[float, float] = (15, 4),
    dpi: int = 100,
    **kwargs: Any,
) -> tuple[Figure, tuple[Axes, Axes, Axes]]:
    """Returns a figure of loss, temperature and embedding, and its axes.

    Args:
        model: Fitted.
        X: Activity to embed.
        loss_kwargs: For `plot_loss`.
        temperature_kwargs: For `plot_temperature`.
        embedding_kwargs: For `plot_embedding`.
        figsize: Size, in inches.
        dpi: Resolution.
        kwargs: For `matplotlib.pyplot.figure`.
    """
    points = model.transform(X)
    figure = _figure(figsize=figsize, dpi=dpi, **kwargs)
    projection = "3d" if points.shape[1] > 2 else None
    places = [figure.add_subplot(1, 3, 1), figure.add_subplot(1, 3, 2)]
    places.append(figure.add_subplot(1, 3, 3, projection=projection))
    plot_loss(model, ax=places[0], **(loss_kwargs or {}))
    plot_temperature(model, ax=places[1], **(temperature_kwargs or {}))
    plot_embedding(points, ax=places[2], **(embedding_kwargs or {}))
    return figure, (places[0], places[1], places[2])


def plot(
    model: CEBRA, which: str = "loss", X: Any = None, ax: Axes | None = None, **kw: Any
) -> Axes:
    """Draws `which` of a model: `"loss"`, `"temperature"`, or `"embedding"` of `X`."""
    if which == "embedding":
        if X is None:
            raise DataError("an embedding needs the activity to embed; got X=None. Pass it.")
        return plot_embedding(model.transform(X), ax=ax, **kw)
    if which not in ("loss", "temperature"):
        raise InvalidParameterError(
            f"which must be 'loss', 'temperature' or 'embedding'; got {which!r}."
        )
    return (plot_loss if which == "loss" else plot_temperature)(model, ax=ax, **kw)


def _axes(figsize: tuple[float, float], dpi: float, projection: str | None = None) -> Axes:
    """Returns the axes of a figure that `plt.show` finds, as scripts expect."""
    axes: Axes = _figure(figsize=figsize, dpi=dpi).add_subplot(projection=projection)
    return axes


def _named(ax: Axes, x_label: bool, y_label: bool) -> Axes:
    if not x_label:
        ax.set_xlabel("")
    if not y_label:
        ax.set_ylabel("")
    return ax


def _cmap(cmap: Any) -> Any:
    """Returns a colour map, or `None` for the one that `cebra` registers: ours then."""
    return None if isinstance(cmap, str) and cmap == "cebra" else cmap


def _colors(labels: Any) -> tuple[Any, str | None]:
    """Returns labels and colour: a word that is not `"time"` is a colour."""
    if not isinstance(labels, str) or labels == "time":
        return labels, None
    if not matplotlib.colors.is_color_like(labels):
        raise InvalidParameterError(
            "embedding_labels must be one value for each point, 'time', or a colour; got "
            f"{labels!r}."
        )
    return None, labels


def _matrix(scores: Any, pairs: Any, datasets: Any) -> tuple[np.ndarray, list[Any] | None]:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim == 2:
        return values, None if datasets is None else list(datasets)
    if pairs is None:
        raise DataError(
            f"scores in a row need the pair of each; got {len(values)} scores and pairs=None. "
            "Pass pairs, the second thing that consistency_score returns."
        )
    order = [tuple(pair) for pair in np.asarray(pairs).tolist()]
    names = list(dict.fromkeys([*np.asarray(datasets if datasets is not None else []).tolist()]))
    names = names or list(dict.fromkeys(name for pair in order for name in pair))
    matrix = np.full((len(names), len(names)), np.nan)
    for (source, target), score in zip(order, values, strict=True):
        matrix[names.index(source), names.index(target)] = score
    return matrix, names
