"""Arrays and axes in, axes out. Nothing is shown; `save_figure` writes what `ax.figure` holds."""

from .animation import animate_embedding, save_animation
from .consistency import plot_consistency
from .decoding import plot_decoding, plot_errors, plot_true_and_predicted
from .embedding import plot_embedding
from .interactive import plot_embedding_interactive, save_html
from .overview import plot_overview
from .style import save_figure, style
from .topology import plot_barcode, plot_circular_coordinate
from .training import compare_models, plot_goodness_of_fit, plot_loss, plot_temperature

__all__ = [
    "animate_embedding",
    "compare_models",
    "plot_barcode",
    "plot_circular_coordinate",
    "plot_consistency",
    "plot_decoding",
    "plot_embedding",
    "plot_embedding_interactive",
    "plot_errors",
    "plot_goodness_of_fit",
    "plot_loss",
    "plot_overview",
    "plot_temperature",
    "plot_true_and_predicted",
    "save_animation",
    "save_figure",
    "save_html",
    "style",
]
