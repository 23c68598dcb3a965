"""Arrays and axes in, axes out. Nothing is shown; `save_figure` writes what `ax.figure` holds."""

from .consistency import plot_consistency
from .decoding import plot_decoding, plot_errors, plot_true_and_predicted
from .embedding import plot_embedding
from .overview import plot_overview
from .style import save_figure, style
from .training import plot_goodness_of_fit, plot_loss, plot_temperature

__all__ = [
    "plot_consistency",
    "plot_decoding",
    "plot_embedding",
    "plot_errors",
    "plot_goodness_of_fit",
    "plot_loss",
    "plot_overview",
    "plot_temperature",
    "plot_true_and_predicted",
    "save_figure",
    "style",
]
