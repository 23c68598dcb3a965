"""Embeddings as clouds of points in two or three dimensions, coloured by a label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import matplotlib.colorbar
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator

from ..errors import DataError
from ..types import Label
from ..utils.validation import as_array
from .style import ACCENT, COLORMAPS, class_colors, new_axes, styled

__all__ = ["checked_label", "checked_points", "plot_embedding"]

_MANY_CLASSES = 12  # more do not fit in a legend beside the axes
_FAINT = "#D4D4D4"


@styled
def plot_embedding(
    embedding: Any,
    labels: Any = None,
    *,
    dims: Sequence[int] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
    name: str | None = None,
    unit: str | None = None,
    cmap: str | Colormap | None = None,
    bin_s: float | None = None,
    colorbar: bool = True,
    **scatter: Any,
) -> Axes:
    """Draws an embedding as points.

    All axes have one scale, so a sphere looks like a sphere. Continuous and circular labels get a
    colour bar, few classes a legend.

    Args:
        embedding: `(T, D)`, `D` at least 2.
        labels: `None`, `"time"`, or a `Label` or array of `T` values in one column.
        dims: The two or three dimensions to draw, in order; the first three by default.
        ax: Where to draw, with `projection="3d"` for three dimensions; `None` makes a figure.
        title: Title; say here when the data are simulated.
        name: What the colour bar or legend is called; the label's own name by default.
        unit: Unit of the label, written beside the name.
        cmap: Colour map; by default one that suits the kind of label.
        bin_s: Width of a bin in seconds: colours by `"time"` are then in seconds.
        colorbar: Whether to draw the colour bar or legend.
        scatter: Passed to `Axes.scatter`, such as `s`, `alpha` or `color`.

    Returns:
        The axes.

    Raises:
        DataError: If dimensions or labels do not fit the embedding or the axes.
    """
    points, shown = checked_points(embedding, dims)
    depth = points.shape[1] == 3
    # matplotlib declares the methods of 3-D axes nowhere, so helpers take `Any`
    axes: Any = ax if ax is not None else new_axes(5.2, 4.4, "3d" if depth else None)
    if depth != (axes.name == "3d"):
        raise DataError(
            f"{points.shape[1]} dimensions were asked for on {axes.name} axes. Pass dims, or axes "
            "made with projection='3d' exactly when three dimensions are drawn."
        )
    options: dict[str, Any] = {
        "s": _point_size(len(points)),
        "linewidths": 0,
        "rasterized": True,
    } | scatter
    if depth:
        options.setdefault("depthshade", False)
    if labels is None:
        options.setdefault("color", ACCENT)
        axes.scatter(*points.T, **options)
    elif isinstance(labels, str) and labels == "time":
        time = np.arange(len(points)) * (bin_s or 1.0)
        mapping = cmap or COLORMAPS["time"]
        drawn = axes.scatter(*points.T, c=time, cmap=mapping, **options)
        bar = f"{name or 'Time'} ({unit or ('s' if bin_s else 'bins')})"
        _add_colorbar(axes, drawn, bar if colorbar else None)
    else:
        _scatter_labels(
            axes, points, checked_label(labels, len(points)), name, unit, cmap, colorbar, options
        )
    _equal_axes(axes, points, [f"Latent {d + 1}" for d in shown])
    if title:
        axes.set_title(title, pad=-4 if depth else None)
    return axes  # type: ignore[no-any-return]


def _scatter_labels(
    ax: Any,
    points: np.ndarray,
    label: Label,
    name: str | None,
    unit: str | None,
    cmap: str | Colormap | None,
    show: bool,
    options: dict[str, Any],
) -> None:
    caption = name or ("" if label.name == "label" else label.name)
    caption = f"{caption} ({unit})".strip() if unit else caption
    values = label.to_numpy()
    if label.kind != "categorical":
        mapping = cmap or COLORMAPS[label.kind]
        limits = Normalize(0, label.period) if label.period is not None else None
        drawn = ax.scatter(*points.T, c=values, cmap=mapping, norm=limits, **options)
        _add_colorbar(ax, drawn, caption if show else None, label.period)
        return
    classes, code = np.unique(values, return_inverse=True)
    colors = class_colors(len(classes))
    if cmap is not None:
        scale = matplotlib.colormaps[cmap] if isinstance(cmap, str) else cmap
        colors = list(scale(np.linspace(0, 1, len(classes))))
    if len(classes) > _MANY_CLASSES:
        scale = matplotlib.colors.ListedColormap(colors)
        drawn = ax.scatter(*points.T, c=code, cmap=scale, **options)
        _add_colorbar(ax, drawn, f"{caption or 'Class'} (of {len(classes)})" if show else None)
        return
    # one call, so that no class is drawn over another
    rgba = matplotlib.colors.to_rgba_array(colors)[code]
    ax.scatter(*points.T, c=rgba, **options)
    if show:
        _add_legend(ax, [str(c) for c in classes], colors, caption)


def _add_colorbar(ax: Any, drawn: Any, caption: str | None, period: float | None = None) -> None:
    if caption is None or ax.figure is None:
        return
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.75, aspect=22, pad=_bar_gap(ax))
    bar.outline.set_visible(False)
    bar.solids.set_alpha(1)
    bar.set_label(caption)
    if period is not None:
        bar.set_ticks(
            np.linspace(0, period, 5), labels=[f"{t:.3g}" for t in np.linspace(0, period, 5)]
        )


def _bar_gap(ax: Any) -> float:
    return 0.1 if ax.name == "3d" else 0.02


def _add_legend(ax: Any, classes: list[str], colors: list[Any], caption: str) -> None:
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=5, color=color, label=text)
        for text, color in zip(classes, colors, strict=True)
    ]
    if ax.name == "3d":
        # room for a legend beside 3-D axes is not reserved, for a colour bar it is
        ax = matplotlib.colorbar.make_axes(ax, fraction=0.02, pad=_bar_gap(ax))[0]
        ax.set_axis_off()
    ax.legend(
        handles=handles,
        title=caption or None,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        handletextpad=0.2,
    )


def _equal_axes(ax: Any, points: Float[np.ndarray, "time dims"], names: list[str]) -> None:
    """Gives all axes one scale, and takes the frame out of the way."""
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    half = 0.54 * float((high - low).max()) or 1.0
    on_sphere = bool(np.allclose(np.linalg.norm(points, axis=1), 1, atol=1e-3))
    middle = np.zeros(len(low)) if on_sphere else (low + high) / 2
    half = 1.05 if on_sphere else half
    for axis, center, text in zip("xyz", middle, names, strict=False):
        getattr(ax, f"set_{axis}lim")(center - half, center + half)
        getattr(ax, f"set_{axis}label")(text, labelpad=-2 if ax.name == "3d" else None)
        ticks = FixedLocator([-1, 0, 1]) if on_sphere else MaxNLocator(5)
        getattr(ax, f"{axis}axis").set_major_locator(ticks)
    if ax.name == "3d":
        _quiet_box(ax)
    else:
        ax.set_aspect("equal", adjustable="box")


def _quiet_box(ax: Any) -> None:
    ax.set_box_aspect((1, 1, 1))
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis.line.set_color(_FAINT)
        axis._axinfo["grid"].update(color=_FAINT, linewidth=0.4)
        axis.set_tick_params(labelsize=7, pad=-2, color=_FAINT)


def checked_points(
    embedding: Any, dims: Sequence[int] | None
) -> tuple[Float[np.ndarray, "time shown"], list[int]]:
    """Returns the columns of an embedding that are to be drawn, and which they are.

    Args:
        embedding: `(T, D)`, `D` at least 2.
        dims: Two or three dimensions, in order; `None` is the first three.

    Raises:
        DataError: If there are not two dimensions, or one of them is not there, or several
            embeddings are given.
    """
    if isinstance(embedding, (list, tuple)) and any(np.ndim(one) == 2 for one in embedding):
        raise DataError(
            f"one embedding is drawn at a time; got {len(embedding)}. Draw each by itself, on the "
            "same axes with ax= if they belong together."
        )
    points = np.asarray(as_array(embedding, "embedding"))
    if points.ndim != 2 or points.shape[1] < 2:
        raise DataError(
            f"an embedding to draw must be (time bins, at least 2); got shape {points.shape}."
        )
    num_dims = points.shape[1]
    shown = list(range(min(3, num_dims))) if dims is None else list(dims)
    if len(shown) not in (2, 3) or not all(0 <= d < num_dims for d in shown):
        raise DataError(
            f"dims must name two or three of the {num_dims} dimensions, from 0; got {dims!r}."
        )
    return points[:, shown], shown


def checked_label(labels: Any, num_points: int) -> Label:
    """Returns the label that colours the points.

    Args:
        labels: A `Label` or an array.
        num_points: How many values there must be.

    Raises:
        DataError: If it has another length or more than one column.
    """
    label = labels if isinstance(labels, Label) else Label(labels)
    if len(label) != num_points:
        raise DataError(
            f"labels must have one value for each point; got {len(label)} for {num_points} points."
        )
    if label.values.ndim == 2 and label.values.shape[1] > 1:
        raise DataError(
            f"colours show one column of a label; got {label.values.shape[1]}. Pass one of them."
        )
    return label


def _point_size(num_points: int) -> float:
    """Fewer points are drawn larger, in square points; 10,000 still show as dots."""
    return float(np.clip(20000 / max(num_points, 1), 4, 25))
