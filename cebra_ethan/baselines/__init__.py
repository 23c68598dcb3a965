"""The methods that CEBRA is compared with, all called alike; see README.md beside this file."""

from .classical import PCA, TSNE, UMAP
from .protocol import Baseline, Row
from .table import BASELINES

__all__ = ["BASELINES", "PCA", "TSNE", "UMAP", "Baseline", "Row"]
