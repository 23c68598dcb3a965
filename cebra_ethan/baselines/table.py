"""Every method by name: one row adds one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .classical import PCA, TSNE, UMAP
from .protocol import Row

__all__ = ["BASELINES"]

BASELINES: Mapping[str, Row] = MappingProxyType(
    {
        "pca": Row(PCA),
        "t-sne": Row(TSNE, transductive=True),
        "umap": Row(UMAP, transductive=True),
    }
)
"""The method of a name; call the row with parameters. It says when the method reads labels."""
