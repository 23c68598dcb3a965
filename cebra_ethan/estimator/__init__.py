"""The scikit-learn face."""

from .cebra import CEBRA

__all__ = ["CEBRA"]
