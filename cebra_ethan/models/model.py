"""The encoders by name."""

import re
from collections.abc import Callable
from fnmatch import filter as matching
from functools import partial

import torch

from ..errors import InvalidParameterError
from ..types import Offset
from .attention import AttentionOffsetModel
from .base import OffsetModel
from .convolution import Offset5Model, Offset10Model, offset_layers, offset_model
from .names import grid_names, parse_grid_name
from .pointwise import Offset1Model, offset1_even_model, offset1_mse_model
from .subsample import Subsample2Model, Subsample4Model
from .supervised import SupervisedModel

__all__ = [
    "ALIASES",
    "MODELS",
    "SUBSAMPLED",
    "AttentionOffsetModel",
    "ModelConstructor",
    "Offset1Model",
    "Offset5Model",
    "Offset10Model",
    "OffsetModel",
    "Subsample2Model",
    "Subsample4Model",
    "SupervisedModel",
    "offset1_even_model",
    "offset1_mse_model",
    "offset_layers",
    "offset_model",
    "resolve_model",
    "resolve_offset",
    "supported_model_architectures",
]

ModelConstructor = Callable[..., OffsetModel]
"""Makes a model from `(num_neurons, num_units, num_output, *, ...)`."""

MODELS: dict[str, ModelConstructor] = {
    "offset1-model": Offset1Model,
    "offset1-model-v2": offset1_even_model,
    "offset1-model-v3": partial(offset1_even_model, shortcut="outside"),
    "offset1-model-v4": partial(offset1_even_model, num_layers=4, shortcut="around"),
    "offset1-model-v5": partial(offset1_even_model, num_layers=4, shortcut="outside"),
    "offset1-model-mse": offset1_mse_model,
    "offset1-model-mse-tanh": partial(offset1_mse_model, tanh=True),
    "offset5-model": Offset5Model,
    "offset10-model": Offset10Model,
    "offset10-model-mse": partial(Offset10Model, normalize=False),
    "offset10-model-mse-tanh": partial(offset_model, 10, normalize=False, tanh=True),
    "offset15-model": partial(offset_model, 15),
    "offset20-model": partial(offset_model, 20),
    "offset36-model": partial(offset_model, 36),
    "offset36-model-dropout": partial(offset_model, 36, dropout=0.1),
    "offset36-model-more-dropout": partial(offset_model, 36, dropout=0.1, skip_dropout=0.1),
    "offset40-model": partial(offset_model, 40),
    "offset50-model": partial(offset_model, 50),
    "supervised1-model": partial(SupervisedModel, span=1),
    "supervised10-model": SupervisedModel,
    "attention-offset10-model": AttentionOffsetModel,
}
"""Name to constructor `(num_neurons, num_units, num_output, *, ...)`. One row adds a model."""

SUBSAMPLED: dict[str, ModelConstructor] = {
    "offset4-model-2x-subsample": Subsample2Model,
    "offset20-model-4x-subsample": partial(Subsample4Model, span=20),
    "offset40-model-4x-subsample": Subsample4Model,
}
"""As `MODELS`, but with fewer points than bins: `resample_factor` is above 1."""

ALIASES = {
    "resample1-model": "offset4-model-2x-subsample",
    "resample5-model": "offset20-model-4x-subsample",
    "resample-model": "offset40-model-4x-subsample",
}
"""Old names, which `cebra` still takes."""


def resolve_model(name: str) -> ModelConstructor:
    """Returns the constructor of a model by its name.

    Args:
        name: A row of `MODELS` or `SUBSAMPLED`; `offset{n}-model`, with `-mse` or `-mse-tanh`
            behind it if wanted, for any `n >= 3`; or a name that `names.parse_grid_name` reads.

    Raises:
        InvalidParameterError: If no model has this name; the message lists the rows.

    Example:
        >>> resolve_model("offset7-model-mse")(30, 32, 8).offset
        Offset(left=3, right=4)
    """
    rows = MODELS | SUBSAMPLED
    name = ALIASES.get(name, name)
    if name in rows:
        return rows[name]
    if (variant := parse_grid_name(name)) is not None:
        return variant
    parts = re.fullmatch(r"offset(\d+)-model(-mse(-tanh)?)?", name)
    if parts and int(parts[1]) >= 3:
        mse, tanh = parts[2] is not None, parts[3] is not None
        return partial(offset_model, int(parts[1]), normalize=not mse, tanh=tanh)
    raise InvalidParameterError(
        "a model architecture must be a row of MODELS or SUBSAMPLED, offset{n}-model or "
        "offset{n}-model-mse with n >= 3, or a variant such as offset1-model-mse-clip-10-5 or "
        f"offset1-model-mse-v2-3layers; got {name!r}. Use one of {', '.join(rows)}."
    )


def resolve_offset(name: str, *, causal: bool = False) -> Offset:
    """Returns the receptive field of a model by its name, without drawing any weights.

    Raises:
        InvalidParameterError: If no model has this name; the message lists the rows.

    Example:
        >>> resolve_offset("offset10-model")
        Offset(left=5, right=5)
    """
    with torch.device("meta"):  # sizes do not matter here, but heads must divide the units
        return resolve_model(name)(1, 8, 1, causal=causal).offset


def supported_model_architectures(pattern: str = "*") -> list[str]:
    """Returns the names that match a shell pattern: all rows, and the variants of `cebra`.

    Example:
        >>> supported_model_architectures("*-tanh")[:2]
        ['offset1-model-mse-tanh', 'offset10-model-mse-tanh']
        >>> len(supported_model_architectures("*-clip-*"))
        81
    """
    return matching([*MODELS, *SUBSAMPLED, *ALIASES, *grid_names()], pattern)
