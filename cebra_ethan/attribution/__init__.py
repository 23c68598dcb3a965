"""Which neurons an embedding depends on, and how well that finds a known connectivity."""

from .inverse import least_squares_inverse, pseudo_inverse
from .maps import attribution_map, attribution_maps, sample_rows
from .methods import ALIASES, BASELINES, METHODS, resolve_method
from .scores import attribution_metrics, attribution_score, moore_penrose

__all__ = [
    "ALIASES",
    "BASELINES",
    "METHODS",
    "attribution_map",
    "attribution_maps",
    "attribution_metrics",
    "attribution_score",
    "least_squares_inverse",
    "moore_penrose",
    "pseudo_inverse",
    "resolve_method",
    "sample_rows",
]
