"""Consistency as a matrix with its numbers written in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize

from ..errors import DataError
from ..metrics.consistency import Consistency
from .style import COLORMAPS, name_ticks, new_axes, styled

__all__ = ["plot_consistency"]

_LARGEST_WITH_NUMBERS = 16
_EQUAL_CONTRAST = 0.179  # luminance on which black and white are equally legible, 4.6 to 1


@styled
def plot_consistency(
    consistency: Any,
    ids: Sequence[Any] | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    limits: tuple[float, float] = (0.0, 100.0),
    cmap: str | Colormap | None = None,
    colorbar: bool = True,
    **image: Any,
) -> Axes:
    """Draws the R2 between embeddings times 100; the diagonal is blank.

    Args:
        consistency: A `Consistency`, or a matrix `(n, n)` of R2 with sources as rows.
        ids: Names of rows and columns; those of the result by default.
        ax: Where to draw; `None` makes a figure.
        title: Title; by default the mean over all pairs. Say here when the data are simulated.
        limits: Values of the ends of the colour scale, in percent.
        cmap: Colour map.
        colorbar: Whether to draw a colour bar.
        image: Passed to `Axes.imshow`; `vmin` and `vmax` take the place of `limits`.

    Returns:
        The axes.

    Raises:
        DataError: If the matrix is not square or names do not fit it.
    """
    is_result = isinstance(consistency, Consistency)
    matrix = 100 * np.array(consistency.matrix if is_result else consistency, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < 2:
        raise DataError(f"consistency needs a square matrix (n, n), n > 1; got {matrix.shape}.")
    names = list(ids if ids is not None else consistency.ids if is_result else range(len(matrix)))
    if len(names) != len(matrix):
        raise DataError(f"ids must name each row; got {len(names)} for {len(matrix)} rows.")
    np.fill_diagonal(matrix, np.nan)
    size = 2.4 + 0.45 * min(len(matrix), _LARGEST_WITH_NUMBERS)
    ax = ax if ax is not None else new_axes(size + 0.6, size)
    scale = Normalize(image.pop("vmin", limits[0]), image.pop("vmax", limits[1]))
    options = {"cmap": cmap or COLORMAPS["score"], "norm": scale} | image
    drawn = ax.imshow(matrix, **options)
    if len(matrix) <= _LARGEST_WITH_NUMBERS:
        _write_numbers(ax, matrix, drawn)
    name_ticks(ax, [str(name) for name in names])
    ax.set(xlabel="To", ylabel="From")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if colorbar and ax.figure is not None:
        bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.8, aspect=22)
        bar.outline.set_visible(False)
        bar.set_label("R² × 100")
    ax.set_title(title if title is not None else f"mean {np.nanmean(matrix):.1f}")
    return ax


def _write_numbers(ax: Axes, matrix: np.ndarray, drawn: Any) -> None:
    """Writes each value, black on light cells and white on dark ones."""
    for (row, column), value in np.ndenumerate(matrix):
        if np.isnan(value):
            continue
        is_light = _luminance(drawn.cmap(drawn.norm(value))[:3]) > _EQUAL_CONTRAST
        ax.text(
            column,
            row,
            f"{value:.0f}",
            ha="center",
            va="center",
            color="black" if is_light else "white",
            fontsize=8,
        )


def _luminance(color: Sequence[float]) -> float:
    """Returns the relative luminance of an sRGB colour, WCAG 2.1."""
    rgb = np.asarray(color)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
