"""Decoding: the predicted beside the true label, and errors beside their controls."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from ..errors import DataError
from ..metrics.decoding import DecodingScore
from .style import ACCENT, MUTED, name_ticks, new_axes, styled

__all__ = ["plot_decoding", "plot_errors", "plot_true_and_predicted"]

_LARGEST_WITH_NAMES = 20  # more classes have no room for their names


@styled
def plot_decoding(
    decoding: Any,
    *,
    bin_s: float | None = None,
    column: int = 0,
    period: float | None = None,
    name: str = "Label",
    unit: str | None = None,
    ax: Axes | None = None,
    title: str | None = None,
    **line: Any,
) -> Axes:
    """Draws the true and the predicted label over time.

    Args:
        decoding: A `DecodingScore`, or a pair of arrays, true and predicted `(T,)` or `(T, d)`.
        bin_s: Width of a bin in seconds; without it the axis counts bins.
        column: Which column of several.
        period: One turn of a circular label: lines then break where it wraps.
        name: Name of the label.
        unit: Unit of the label.
        ax: Where to draw; `None` makes a figure.
        title: Title; by default the scores. Say here when the data are simulated.
        line: Passed to `Axes.plot` for the prediction.

    Returns:
        The axes.

    Raises:
        DataError: If both arrays differ in shape or the column does not exist.
    """
    true, predicted = _pair(decoding, column)
    ax = ax if ax is not None else new_axes(7, 2.6)
    time = np.arange(len(true)) * (bin_s or 1.0)
    classes = None
    if true.dtype.kind not in "f":
        classes, codes = np.unique(np.concatenate([true, predicted]), return_inverse=True)
        true, predicted = np.split(codes.astype(np.float64), 2)
    if period is not None:
        true, predicted = _broken(true, period), _broken(predicted, period)
    ax.plot(time, true, color="black", lw=1.4, label="true")
    # points, not a line: a decoder has no memory, and its jumps would hide the true label
    options: dict[str, Any] = {"marker": ".", "ms": 2.5, "color": ACCENT} | line
    ax.plot(time, predicted, ls="", label="decoded", **options)
    ax.set(xlabel="Time (s)" if bin_s else "Time (bins)", ylabel=_with_unit(name, unit))
    if classes is not None:
        ax.set_yticks(range(len(classes)), [str(c) for c in classes])
        ax.set_ylim(-0.5, len(classes) - 0.5)
    ax.margins(x=0.01)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, markerscale=3, borderpad=0)
    ax.set_title(_title(title, decoding, unit), loc="right")
    return ax


@styled
def plot_true_and_predicted(
    decoding: Any,
    *,
    column: int = 0,
    num_bins: int = 40,
    name: str = "label",
    unit: str | None = None,
    ax: Axes | None = None,
    title: str | None = None,
    **image: Any,
) -> Axes:
    """Draws how often each prediction was made for each true value; right ones on the diagonal.

    Args:
        decoding: A `DecodingScore`, or a pair of arrays, true and predicted `(T,)` or `(T, d)`.
        column: Which column of several.
        num_bins: Cells in each direction for numbers; classes have a cell each.
        name: Name of the label.
        unit: Unit of the label.
        ax: Where to draw; `None` makes a figure.
        title: Title; by default the scores. Say here when the data are simulated.
        image: Passed to `Axes.imshow`.

    Returns:
        The axes.

    Raises:
        DataError: If both arrays differ in shape or the column does not exist.
    """
    true, predicted = _pair(decoding, column)
    ax = ax if ax is not None else new_axes(4.4, 3.6)
    options: dict[str, Any] = {"origin": "lower", "cmap": "Greys"}
    if true.dtype.kind == "f":
        low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
        edges = np.linspace(low, high if high > low else low + 1, num_bins + 1)
        counts = np.histogram2d(predicted, true, bins=[edges, edges])[0]
        options |= {"extent": (low, edges[-1]) * 2, "norm": LogNorm(1, max(2, counts.max()))}
        drawn, caption = ax.imshow(np.where(counts, counts, np.nan), **options | image), "Bins"
        ax.plot([low, high], [low, high], color=ACCENT, lw=0.8, ls="--")
    else:
        classes = np.unique(np.concatenate([true, predicted]))
        which = [np.searchsorted(classes, values) for values in (predicted, true)]
        counts = np.zeros((len(classes), len(classes)))
        np.add.at(counts, tuple(which), 1)
        options |= {"vmin": 0, "vmax": 1}
        share = counts / np.maximum(counts.sum(axis=0), 1)
        drawn, caption = ax.imshow(share, **options | image), "Share of the true class"
        if len(classes) <= 20:
            name_ticks(ax, [str(c) for c in classes], rotate_beyond=5)
    if ax.figure is not None:
        bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.8, aspect=22, label=caption, format="%g")
        bar.outline.set_visible(False)
    ax.set(xlabel=_with_unit(f"True {name}", unit), ylabel=_with_unit(f"Decoded {name}", unit))
    ax.set_title(_title(title, decoding, unit))
    return ax


@styled
def plot_errors(
    errors: Mapping[str, Any],
    *,
    controls: Collection[str] = ("chance", "shuffled", "untrained", "no embedding"),
    quantity: str = "Median absolute error",
    unit: str | None = None,
    digits: int = 1,
    ax: Axes | None = None,
    title: str | None = None,
    **dots: Any,
) -> Axes:
    """Draws the error of each method: a dot for each seed, the mean, and the standard deviation.

    Args:
        errors: For each method one number, or one for each seed. Drawn from top to bottom.
        controls: Methods that are drawn in grey, below whatever order says.
        quantity: What the numbers are.
        unit: Their unit.
        digits: Decimals of the written means.
        ax: Where to draw; `None` makes a figure.
        title: Title; say here when the data are simulated.
        dots: Passed to `Axes.scatter`.

    Returns:
        The axes.

    Raises:
        DataError: If there is no method, or one has no number.
    """
    values = {name: np.atleast_1d(np.asarray(v, dtype=np.float64)) for name, v in errors.items()}
    if not values or any(v.ndim != 1 or len(v) == 0 for v in values.values()):
        raise DataError(f"errors must hold at least one number for each method; got {errors!r}.")
    ax = ax if ax is not None else new_axes(5.6, 0.8 + 0.42 * len(values))
    for row, (name, numbers) in enumerate(values.items()):
        _draw_method(ax, row, numbers, MUTED if name in controls else ACCENT, dots, digits)
    ax.set_yticks(range(len(values)), list(values))
    ax.set_ylim(len(values) - 0.5, -0.5)
    largest = max(v.max() for v in values.values())
    # room for the number that is written to the right of the largest
    ax.set_xlim(min(0.0, *(v.min() for v in values.values())), 1.15 * largest or 1.0)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#E6E6E6", lw=0.6)
    ax.set_axisbelow(True)
    sizes = sorted({len(v) for v in values.values() if len(v) > 1})
    spread = f"; mean ± s.d., n = {', '.join(map(str, sizes))}" if sizes else ""
    ax.set_xlabel(_with_unit(quantity, unit) + spread)
    if title:
        ax.set_title(title)
    return ax


def _draw_method(
    ax: Axes, row: int, numbers: np.ndarray, color: str, dots: dict[str, Any], digits: int
) -> None:
    mean, spread = numbers.mean(), numbers.std(ddof=1) if len(numbers) > 1 else 0.0
    text = f"{mean:.{digits}f}" + (f" ± {spread:.{digits}f}" if len(numbers) > 1 else "")
    if len(numbers) > 1:
        # evenly across the row, so that equal numbers do not hide each other
        offset = np.linspace(-0.16, 0.16, len(numbers))
        options: dict[str, Any] = {"s": 12, "color": color, "alpha": 0.45, "lw": 0} | dots
        ax.scatter(numbers, row + offset, **options)
        ax.errorbar(mean, row, xerr=spread, color=color, capsize=3, lw=1.4, zorder=3)
    ax.plot(mean, row, "o", ms=6, color=color, mec="white", mew=0.8, zorder=4)
    ax.annotate(
        text,
        (max(numbers.max(), mean + spread), row),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=color,
    )


def _pair(decoding: Any, column: int) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(decoding, DecodingScore):
        decoding = (decoding.true, decoding.predicted)
    true, predicted = (np.asarray(values) for values in decoding)
    if true.shape != predicted.shape or true.ndim not in (1, 2) or len(true) == 0:
        raise DataError(
            "true and predicted labels must have the same shape (T,) or (T, columns); got "
            f"{true.shape} and {predicted.shape}."
        )
    columns = [v[:, None] if v.ndim == 1 else v for v in (true, predicted)]
    if not 0 <= column < columns[0].shape[1]:
        raise DataError(f"column must be one of {columns[0].shape[1]}, from 0; got {column}.")
    return columns[0][:, column], columns[1][:, column]


def _broken(values: np.ndarray, period: float) -> Float[np.ndarray, " time"]:
    """Returns the values with a gap before each wrap, so that no line crosses the axes."""
    broken = values.astype(np.float64)
    broken[1:][np.abs(np.diff(values)) > period / 2] = np.nan
    return broken


def _title(title: str | None, decoding: Any, unit: str | None) -> str:
    if title is not None or not isinstance(decoding, DecodingScore):
        return title or ""
    if not np.isnan(decoding.accuracy):
        right, guessed = 100 * decoding.accuracy, 100 * decoding.chance.accuracy
        return f"accuracy {right:.1f} % (chance {guessed:.1f} %)"
    unit = f" {unit}" if unit else ""
    return (
        f"median error {decoding.median_error:.3g}{unit} "
        f"(chance {decoding.chance.median_error:.3g}{unit})"
    )


def _with_unit(name: str, unit: str | None) -> str:
    return f"{name} ({unit})" if unit else name
