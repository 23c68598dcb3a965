"""Encoders and contrastive losses."""

from .convert import from_cebra, to_cebra
from .criterions import (
    CRITERIONS,
    NCE,
    FixedCosineInfoNCE,
    FixedEuclideanInfoNCE,
    FocalInfoNCE,
    InfoMSE,
    InfoNCE,
    LearnableCosineInfoNCE,
    LearnableEuclideanInfoNCE,
    Loss,
    make_criterion,
)
from .model import (
    MODELS,
    AttentionOffsetModel,
    Offset1Model,
    Offset5Model,
    Offset10Model,
    OffsetModel,
    resolve_model,
    resolve_offset,
    supported_model_architectures,
)

__all__ = [
    "CRITERIONS",
    "MODELS",
    "NCE",
    "AttentionOffsetModel",
    "FixedCosineInfoNCE",
    "FixedEuclideanInfoNCE",
    "FocalInfoNCE",
    "InfoMSE",
    "InfoNCE",
    "LearnableCosineInfoNCE",
    "LearnableEuclideanInfoNCE",
    "Loss",
    "Offset1Model",
    "Offset5Model",
    "Offset10Model",
    "OffsetModel",
    "from_cebra",
    "make_criterion",
    "resolve_model",
    "resolve_offset",
    "supported_model_architectures",
    "to_cebra",
]
