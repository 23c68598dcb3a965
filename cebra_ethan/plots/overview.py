"""One figure that tells whether a model is worth a closer look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..utils.validation import as_array
from .decoding import plot_decoding
from .embedding import plot_embedding
from .style import new_figure, styled
from .training import plot_loss

__all__ = ["plot_overview"]


@styled
def plot_overview(
    embedding: Any,
    labels: Any = None,
    *,
    history: Any = None,
    validation: Sequence[tuple[int, float]] | None = None,
    num_negatives: int | None = None,
    smooth_steps: int = 1,
    decoding: Any = None,
    bin_s: float | None = None,
    period: float | None = None,
    name: str | None = None,
    unit: str | None = None,
    title: str | None = None,
) -> Figure:
    """Draws the embedding, the loss and the decoded label in one figure.

    Args:
        embedding: See `plot_embedding`.
        labels: See `plot_embedding`.
        history: See `plot_loss`; `None` leaves the panel out.
        validation: See `plot_loss`.
        num_negatives: See `plot_loss`.
        smooth_steps: See `plot_loss`.
        decoding: See `plot_decoding`; `None` leaves the panel out.
        bin_s: Width of a time bin in seconds.
        period: One turn of a circular label.
        name: Name of the label; by default the one it has.
        unit: Unit of the label.
        title: Title of the figure; say here when the data are simulated.

    Returns:
        The figure.

    Raises:
        DataError: As the functions that draw the panels.
    """
    rows: list[Any] = [["embedding", "loss" if history is not None else "embedding"]]
    heights = [3.4]
    if decoding is not None:
        rows.append(["decoding", "decoding"])
        heights.append(2.2)
    depth = np.shape(as_array(embedding, "embedding"))[-1] > 2
    figure = new_figure(8.4, sum(heights) + 0.3)
    axes = figure.subplot_mosaic(
        rows,
        height_ratios=heights,
        per_subplot_kw={"embedding": {"projection": "3d"}} if depth else {},
    )
    plot_embedding(embedding, labels, ax=axes["embedding"], name=name, unit=unit, bin_s=bin_s)
    if history is not None:
        plot_loss(
            history,
            validation=validation,
            num_negatives=num_negatives,
            smooth_steps=smooth_steps,
            ax=axes["loss"],
        )
    if decoding is not None:
        plot_decoding(
            decoding,
            bin_s=bin_s,
            period=period,
            name=name or str(getattr(labels, "name", "Label")),
            unit=unit,
            ax=axes["decoding"],
        )
    if title:
        figure.suptitle(title)
    return figure
