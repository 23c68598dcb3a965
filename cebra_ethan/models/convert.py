"""Weights to and from the `cebra` package: the same numbers under other names and shapes."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError
from .base import OffsetModel
from .layers import Conv1d, Pointwise
from .pointwise import Offset1Model

__all__ = ["from_cebra", "to_cebra"]


def from_cebra(state_dict: Mapping[str, Any], model: OffsetModel) -> OffsetModel:
    """Loads the weights of a `cebra` model; equal weights give equal embeddings.

    The model is changed only if everything fits. Values are cast to its type and device. Where
    `cebra` has one weight for several layers, each of ours becomes a copy of it.

    Args:
        state_dict: What `state_dict()` of a `cebra` model returned: tensors or arrays.
        model: The model of the same architecture, `resolve_model(name)(...)`.

    Returns:
        The model.

    Raises:
        CheckpointError: If names or shapes do not fit, or the model is unknown to `cebra`.

    Example:
        >>> from cebra_ethan.models.model import Offset1Model
        >>> source, target = Offset1Model(4, 6, 2), Offset1Model(4, 6, 2)
        >>> x = torch.randn(5, 4, 1)
        >>> bool((from_cebra(to_cebra(source), target)(x) == source(x)).all())
        True
    """
    names = _cebra_names(model)
    missing, foreign = set(names.values()) - set(state_dict), set(state_dict) - set(names.values())
    if missing or foreign:
        raise CheckpointError(
            f"the weights must be those of this architecture; got {_some(foreign)} that it has "
            f"not, and not {_some(missing)}. Build the model with the architecture's name and "
            "number of hidden units that the checkpoint was trained with."
        )
    weights = {}
    for name, weight in model.state_dict().items():
        theirs = torch.as_tensor(state_dict[names[name]])
        if theirs.shape != _cebra_shape(model, name, weight):
            raise CheckpointError(
                f"the weights must have the shapes of this model; got {tuple(theirs.shape)} for "
                f"{names[name]!r} in place of {tuple(_cebra_shape(model, name, weight))}. Build "
                "the model with the checkpoint's num_neurons, num_units and num_output."
            )
        weights[name] = theirs.reshape(weight.shape)
    model.load_state_dict(weights)
    return model


def to_cebra(model: OffsetModel) -> dict[str, Tensor]:
    """Returns the weights under the names and in the shapes of the `cebra` package.

    Args:
        model: Convolutional; a causal model gives the same weights as a centred one.

    Returns:
        What `load_state_dict` of the `cebra` model of the same architecture takes.

    Raises:
        CheckpointError: If `cebra` has no such model, or one weight where this one has several
            that differ (`offset1-model-mse-v2-{n}layers` and `-resnet-{n}layers`, n > 1).

    Example:
        >>> from cebra_ethan.models.model import Offset1Model
        >>> weights = to_cebra(Offset1Model(4, 6, 2))
        >>> weights["net.1.weight"].shape
        torch.Size([6, 4])
    """
    _check_shared(model)
    return {
        name: weight.detach().clone().reshape(_cebra_shape(model, ours, weight))
        for (ours, weight), name in zip(
            model.state_dict().items(), _cebra_names(model).values(), strict=True
        )
    }


def _cebra_names(model: OffsetModel) -> dict[str, str]:
    """Maps our names to theirs, where a `Flatten` stands before the first linear layer."""
    for name in model.state_dict():
        if not isinstance(_owner(model, name), Conv1d):
            raise CheckpointError(
                f"only convolutional models have a counterpart in cebra; got a "
                f"{type(model).__name__} with {name!r}. Use the checkpoints of this package."
            )
    layers = enumerate(model.net)
    linear = (k for k, layer in layers if any(isinstance(m, Pointwise) for m in layer.modules()))
    flatten = next(linear, len(model.net))
    names = {}
    for name in model.state_dict():
        names[name] = name  # as for the readout of a supervised model
        if name.startswith("net."):
            _, place, rest = name.split(".", 2)
            names[name] = f"net.{int(place) + (int(place) >= flatten)}.{rest}"
    return names


def _check_shared(model: OffsetModel) -> None:
    """Raises unless layers that are one in `cebra` are equal: it would keep the last of them."""
    if not isinstance(model, Offset1Model):
        return
    hidden = list(model.net)[2 : 2 + 2 * model.num_layers : 2]
    first, *others = (layer.state_dict() for layer in hidden)
    if any(not torch.equal(other[name], first[name]) for other in others for name in first):
        raise CheckpointError(
            f"cebra has one weight for all hidden layers of this model; got {model.num_layers} "
            "different ones. Keep the checkpoints of this package, or train with num_layers=1."
        )


def _cebra_shape(model: OffsetModel, name: str, weight: Tensor) -> torch.Size:
    """Pointwise layers are `nn.Linear` there, without the dimension of the kernel."""
    return weight.shape[:2] if isinstance(_owner(model, name), Pointwise) else weight.shape


def _owner(model: OffsetModel, name: str) -> torch.nn.Module:
    return model.get_submodule(name.rpartition(".")[0])


def _some(names: set[str]) -> str:
    shown = sorted(names)[:3]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, shown)) + more if shown else "nothing"
