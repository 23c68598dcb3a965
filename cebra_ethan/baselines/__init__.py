"""The methods that CEBRA is compared with, all called alike; see README.md beside this file."""

from .autolfads import AutoLFADS
from .classical import PCA, TSNE, UMAP
from .lfads import LFADS
from .pivae import PiVAE
from .protocol import Baseline, Row
from .search_space import SEARCH_SPACE
from .table import BASELINES
from .tuning import PAPER_SETTINGS, TUNING, Budget

__all__ = [
    "BASELINES",
    "LFADS",
    "PAPER_SETTINGS",
    "PCA",
    "SEARCH_SPACE",
    "TSNE",
    "TUNING",
    "UMAP",
    "AutoLFADS",
    "Baseline",
    "Budget",
    "PiVAE",
    "Row",
]
