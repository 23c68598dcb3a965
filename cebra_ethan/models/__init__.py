"""Encoders and contrastive losses."""

from .criterions import CRITERIONS, FocalInfoNCE, InfoNCE
from .model import (
    MODELS,
    AttentionOffsetModel,
    Offset1Model,
    Offset5Model,
    Offset10Model,
    resolve_model,
)

__all__ = [
    "CRITERIONS",
    "MODELS",
    "AttentionOffsetModel",
    "FocalInfoNCE",
    "InfoNCE",
    "Offset1Model",
    "Offset5Model",
    "Offset10Model",
    "resolve_model",
]
