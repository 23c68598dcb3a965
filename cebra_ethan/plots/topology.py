"""Bars of persistent homology, and a circular coordinate beside a label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..errors import DataError
from ..metrics.topology import PersistentHomology
from .style import CATEGORICAL, CHANCE, class_colors, new_axes, styled

__all__ = ["plot_barcode", "plot_circular_coordinate"]

_MOST_BARS = 40  # of each dimension; the longest


@styled
def plot_barcode(
    homology: Any,
    thresholds: Sequence[float] | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    max_bars: int = _MOST_BARS,
) -> Axes:
    """Draws the longest bars of each dimension, the longest one lowest.

    Args:
        homology: A `PersistentHomology`, or the diagrams `(bars, 2)` of dimension 0, 1, ...
        thresholds: The lifespan from which a bar counts, of each dimension. Bars that do not count
            are pale.
        ax: Where to draw; `None` makes a figure.
        title: Title.
        max_bars: Bars of each dimension.

    Returns:
        The axes.

    Raises:
        DataError: If there are no bars, or not one threshold for each dimension.

    Example:
        >>> bars = [np.array([[0.0, np.inf], [0.0, 0.2]]), np.array([[0.3, 1.2]])]
        >>> plot_barcode(bars, (0.5, 0.5)).get_xlabel()
        'Distance'
    """
    is_result = isinstance(homology, PersistentHomology)
    diagrams = [np.asarray(d, dtype=np.float64) for d in
                (homology.diagrams if is_result else homology)]  # fmt: skip
    if not diagrams or any(d.ndim != 2 or d.shape[1] != 2 for d in diagrams):
        raise DataError(
            "a barcode needs diagrams of births and deaths, (bars, 2) each; got shapes "
            f"{[d.shape for d in diagrams]}."
        )
    if thresholds is not None and len(thresholds) != len(diagrams):
        raise DataError(
            f"there must be one threshold for each of {len(diagrams)} dimensions; got "
            f"{len(thresholds)}."
        )
    ax = ax if ax is not None else new_axes(5.0, 3.5)
    every = np.concatenate(diagrams)
    finite = every[np.isfinite(every)]
    end = 1.05 * float(finite.max(initial=0.0)) or 1.0
    height = 0
    for dimension, bars in enumerate(diagrams):
        life = bars[:, 1] - bars[:, 0]
        order = np.argsort(-life, kind="stable")[:max_bars]
        counts = np.ones(len(order), dtype=bool)
        if thresholds is not None:
            counts = life[order] > thresholds[dimension]
        for is_counted in (True, False):
            chosen = order[counts == is_counted]
            ax.hlines(
                height + np.flatnonzero(counts == is_counted),
                bars[chosen, 0],
                np.minimum(bars[chosen, 1], end),
                color=CATEGORICAL[dimension % len(CATEGORICAL)],
                alpha=1.0 if is_counted else 0.35,
                linewidth=2.2 if is_counted else 1.0,
                label=f"H{dimension}" if is_counted == bool(counts.any()) else "_nolegend_",
            )
        height += len(order) + 3
    ax.set(xlabel="Distance", xlim=(0, end), ylabel="Bars")
    ax.set_yticks([])
    if title is not None:
        ax.set_title(title)
    ax.legend(loc="upper right")
    return ax


@styled
def plot_circular_coordinate(
    angle: Any,
    label: Any,
    classes: Any = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    name: str = "Position (m)",
) -> Axes:
    """Draws the angle round a loop against a label, such as position, in a colour for each class.

    Args:
        angle: `(points,)` in radians; NaN is left out.
        label: `(points,)`.
        classes: `(points,)`, such as the running direction.
        ax: Where to draw; `None` makes a figure.
        title: Title.
        name: Of the label, with its unit.

    Returns:
        The axes.

    Raises:
        DataError: If lengths differ.

    Example:
        >>> plot_circular_coordinate([0.1, 3.0], [0.2, 0.4]).get_ylabel()
        'Circular coordinate (degrees)'
    """
    turn, where = np.degrees(np.asarray(angle, dtype=np.float64)), np.asarray(label)
    kind = np.zeros(len(turn)) if classes is None else np.asarray(classes)
    if not turn.shape == where.shape == kind.shape:
        raise DataError(
            "angle, label and classes must be one value for each point; got shapes "
            f"{turn.shape}, {where.shape} and {kind.shape}."
        )
    ax = ax if ax is not None else new_axes(4.5, 3.5)
    names = np.unique(kind)
    for color, one in zip(class_colors(len(names)), names, strict=True):
        chosen = kind == one
        shown = None if classes is None else str(one)
        ax.scatter(where[chosen], turn[chosen], s=6, color=color, label=shown, linewidth=0)
    if not np.isfinite(turn).any():
        ax.text(0.5, 0.5, "no loop", transform=ax.transAxes, ha="center", color=CHANCE)
    ax.set(
        xlabel=name,
        ylabel="Circular coordinate (degrees)",
        ylim=(0, 360 if classes is None else 440),
    )
    ax.set_yticks([0, 90, 180, 270, 360])
    if classes is not None:
        ax.legend(loc="upper right", ncols=2)  # above the points
    if title is not None:
        ax.set_title(title)
    return ax
