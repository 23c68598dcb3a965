"""Training seen from outside: loss, goodness of fit and temperature over the steps.

A history is a series of numbers `(steps,)`, a mapping that holds it, such as `solver.history`, or
a solver or estimator that has one as `history` or `history_`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import Colormap

from ..errors import DataError
from ..metrics.goodness_of_fit import GoodnessOfFit, infonce_to_bits
from ..utils.validation import as_array
from .style import ACCENT, CATEGORICAL, CHANCE, class_colors, new_axes, styled

__all__ = ["compare_models", "plot_goodness_of_fit", "plot_loss", "plot_temperature"]

_LARGEST_LEGEND_INSIDE = 4


@styled
def plot_loss(
    history: Any,
    *,
    validation: Sequence[tuple[int, float]] | None = None,
    num_negatives: int | None = None,
    smooth_steps: int = 1,
    ax: Axes | None = None,
    title: str | None = None,
    label: str = "training",
    color: str = ACCENT,
    **line: Any,
) -> Axes:
    """Draws the loss of every step, with the loss on held-out data and the chance level.

    Args:
        history: Losses in nats `(steps,)`, or what holds them under `"loss"`.
        validation: Pairs of step and held-out loss, as `solver.validation_history`.
        num_negatives: Negatives that one reference sees; draws chance, `log num_negatives`.
        smooth_steps: Width of a running mean; the raw losses then stay as a faint line.
        ax: Where to draw; `None` makes a figure.
        title: Title; say here when the data are simulated.
        label: What the legend calls the losses, to draw several runs on one axes.
        color: Colour of the line.
        line: Passed to `Axes.plot`.

    Returns:
        The axes.

    Raises:
        DataError: If there is no loss to draw or `smooth_steps` is below 1.
    """
    losses = _series(history, "loss")
    ax = ax if ax is not None else new_axes(5, 3.2)
    _draw_smoothed(ax, losses, smooth_steps, label, color, line)
    if validation:
        steps, values = np.array(validation, dtype=np.float64).T
        # the smallest few points that still show where each evaluation was
        ax.plot(steps, values, "o-", ms=3, lw=1, color=CATEGORICAL[1], label="held out")
    if num_negatives is not None:
        _chance_line(ax, math.log(num_negatives), f"chance, log {num_negatives}")
    ax.set(xlabel="Step", ylabel="InfoNCE loss (nats)")
    return _finish(ax, title)


@styled
def plot_goodness_of_fit(
    history: Any,
    num_negatives: int,
    *,
    held_out: GoodnessOfFit | None = None,
    smooth_steps: int = 1,
    ax: Axes | None = None,
    title: str | None = None,
    label: str = "training",
    color: str = ACCENT,
    **line: Any,
) -> Axes:
    """Draws the goodness of fit of every step in bits, and a final one with its interval.

    Args:
        history: InfoNCE losses in nats `(steps,)`, or what holds them under `"loss"`.
        num_negatives: Negatives that one reference saw in training.
        held_out: A result on held-out data, drawn as a line with its interval as a band.
        smooth_steps: Width of a running mean; the raw values then stay as a faint line.
        ax: Where to draw; `None` makes a figure.
        title: Title; say here when the data are simulated.
        label: What the legend calls the line.
        color: Colour of the line.
        line: Passed to `Axes.plot`.

    Returns:
        The axes.

    Raises:
        DataError: If there is no loss to draw or `smooth_steps` is below 1.
    """
    bits = infonce_to_bits(_series(history, "loss"), num_negatives)
    ax = ax if ax is not None else new_axes(5, 3.2)
    _draw_smoothed(ax, bits, smooth_steps, label, color, line)
    if held_out is not None:
        ax.axhline(
            held_out.bits, color=CATEGORICAL[1], label=f"held out, {held_out.bits:.2f} bits"
        )
        if not math.isnan(held_out.low):
            ax.axhspan(held_out.low, held_out.high, color=CATEGORICAL[1], alpha=0.2, lw=0)
    _chance_line(ax, 0.0, "chance")
    ax.set(xlabel="Step", ylabel="Goodness of fit (bits)")
    return _finish(ax, title)


@styled
def plot_temperature(
    history: Any,
    *,
    minimum: float | None = None,
    ax: Axes | None = None,
    title: str | None = None,
    color: str = ACCENT,
    **line: Any,
) -> Axes:
    """Draws the temperature of every step.

    Args:
        history: Temperatures `(steps,)`, or what holds them under `"temperature"`.
        minimum: The smallest temperature that was allowed, as a line.
        ax: Where to draw; `None` makes a figure.
        title: Title; say here when the data are simulated.
        color: Colour of the line.
        line: Passed to `Axes.plot`.

    Returns:
        The axes.

    Raises:
        DataError: If there is no temperature to draw.
    """
    temperatures = _series(history, "temperature")
    ax = ax if ax is not None else new_axes(5, 3.2)
    ax.plot(_steps(temperatures), temperatures, **{"color": color, "label": "temperature"} | line)
    if minimum is not None:
        _chance_line(ax, minimum, "minimum")
    ax.set(xlabel="Step", ylabel="Temperature")
    return _finish(ax, title)


@styled
def compare_models(
    models: Mapping[str, Any] | Sequence[Any],
    labels: Sequence[Any] | None = None,
    *,
    num_negatives: int | Sequence[int] | None = None,
    smooth_steps: int = 1,
    ax: Axes | None = None,
    title: str | None = None,
    color: str | None = None,
    cmap: str | Colormap | None = None,
    **line: Any,
) -> Axes:
    """Draws the training of several models on one axes.

    Losses compare only where a reference sees as many negatives in each model. Given the numbers
    of negatives, the goodness of fit is drawn instead, which takes them into account.

    Args:
        models: The history of each; a mapping names them.
        labels: What the legend calls each, of any type; by default those of the mapping, or
            numbers.
        num_negatives: Negatives that one reference saw, one number or one for each model; draws
            bits instead of nats.
        smooth_steps: Width of a running mean; the raw values then stay as faint lines.
        ax: Where to draw; `None` makes a figure.
        title: Title; say here when the data are simulated.
        color: One colour for all lines.
        cmap: Colour map that gives each line its colour, from one end to the other.
        line: Passed to `Axes.plot`.

    Returns:
        The axes.

    Raises:
        DataError: If there is no model, or there is not one label or number for each.
    """
    histories = list(models.values() if isinstance(models, Mapping) else models)
    if labels is None:
        labels = list(models) if isinstance(models, Mapping) else range(len(histories))
    counts: Any = num_negatives
    if isinstance(counts, int | np.integer):
        counts = [counts] * len(histories)
    if not histories or len(labels) != len(histories) or len(counts or labels) != len(histories):
        raise DataError(
            "models to compare need a label each, and one number of negatives or one each; got "
            f"{len(histories)} models, {len(labels)} labels and num_negatives={num_negatives!r}."
        )
    ax = ax if ax is not None else new_axes(5.6, 3.4)
    colors = [color] * len(histories) if color else _line_colors(len(histories), cmap)
    for i, (history, label) in enumerate(zip(histories, labels, strict=True)):
        values = _series(history, "loss")
        if counts is not None:
            values = infonce_to_bits(values, counts[i])
        _draw_smoothed(ax, values, smooth_steps, str(label), colors[i], line)
    if counts is not None:
        _chance_line(ax, 0.0, "chance")
    ax.set(
        xlabel="Step",
        ylabel="InfoNCE loss (nats)" if counts is None else "Goodness of fit (bits)",
    )
    _finish(ax, title)
    if len(histories) > _LARGEST_LEGEND_INSIDE:  # it would cover the lines
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), ncols=1 + len(histories) // 16)
    return ax


def _line_colors(num: int, cmap: str | Colormap | None) -> list[Any]:
    if cmap is None:
        return class_colors(num)
    scale = matplotlib.colormaps[cmap] if isinstance(cmap, str) else cmap
    return list(scale(np.linspace(0, 1, num)))


def _series(history: Any, name: str) -> Float[np.ndarray, " steps"]:
    for attribute in ("history", "history_"):
        history = getattr(history, attribute, history)
    if isinstance(history, Mapping):
        if name not in history:
            raise DataError(
                f"the history must hold {name!r}; it holds {', '.join(history) or 'nothing'}."
            )
        history = history[name]
    series = np.asarray(as_array(history, name), dtype=np.float64)
    if series.ndim != 1 or len(series) == 0:
        raise DataError(f"{name} must be one value for each step; got shape {series.shape}.")
    return series


def _steps(series: np.ndarray) -> Float[np.ndarray, " steps"]:
    return np.arange(1, len(series) + 1, dtype=np.float64)


def _draw_smoothed(
    ax: Axes, series: np.ndarray, width: int, label: str, color: Any, line: dict[str, Any]
) -> None:
    if not 1 <= width <= len(series):
        raise DataError(
            f"smooth_steps must be between 1 and the {len(series)} steps; got {width}."
        )
    steps, options = _steps(series), {"color": color, "label": label} | line
    if width == 1:
        ax.plot(steps, series, **options)
        return
    ax.plot(steps, series, color=color, alpha=0.25, lw=0.6)
    mean = np.convolve(series, np.full(width, 1 / width), mode="valid")
    ax.plot(steps[width // 2 :][: len(mean)], mean, **options)


def _chance_line(ax: Axes, level: float, text: str) -> None:
    ax.axhline(level, color=CHANCE, ls="--", lw=1, label=text)


def _finish(ax: Axes, title: str | None) -> Axes:
    ax.margins(x=0.01)
    if len(ax.get_legend_handles_labels()[1]) > 1:
        ax.legend()
    if title:
        ax.set_title(title)
    return ax
