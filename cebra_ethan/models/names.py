"""The names by which `cebra` counts out variants of a model, read as arguments."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

from .base import OffsetModel
from .pointwise import Offset1Model, offset1_mse_model

__all__ = ["grid_names", "parse_grid_name"]

_BOUNDS = (1000, 100, 50, 25, 20, 15, 10, 5, 1)
_CLIPPED = re.compile(r"offset1-model-mse-clip-([1-9]\d*)-([1-9]\d*)")
_LAYERED = re.compile(r"offset1-model-mse-(v2|resnet)-([1-9]\d*)layers(-tanh)?")


def grid_names() -> Iterator[str]:
    """Yields the 121 names that `cebra` registers; `parse_grid_name` reads more.

    Example:
        >>> len(set(grid_names()))
        121
    """
    for low, high in product(_BOUNDS, _BOUNDS):
        yield f"offset1-model-mse-clip-{low}-{high}"
    for kind, num_layers, tanh in product(("v2", "resnet"), range(1, 11), ("", "-tanh")):
        yield f"offset1-model-mse-{kind}-{num_layers}layers{tanh}"


def parse_grid_name(name: str) -> Callable[..., OffsetModel] | None:
    """Returns the constructor of a variant by its name, or `None` if there is none.

    `offset1-model-mse-clip-{a}-{b}` clips coordinates to `[-a, b]`;
    `offset1-model-mse-v2-{n}layers` has `n` hidden layers of `num_units` channels, `-resnet-` in
    place of `-v2-` shortcuts around them, and `-tanh` at the end bends the embedding.

    Example:
        >>> parse_grid_name("offset1-model-mse-clip-10-5")(30, 32, 8).net[-1]
        Hardtanh(min_val=-10, max_val=5)
        >>> parse_grid_name("offset1-model-mse-resnet-12layers")(30, 32, 8).num_layers
        12
    """
    if clipped := _CLIPPED.fullmatch(name):
        return partial(offset1_mse_model, clip=(-int(clipped[1]), int(clipped[2])))
    if layered := _LAYERED.fullmatch(name):
        arguments: dict[str, Any] = {
            "num_layers": int(layered[2]),
            "residual": layered[1] == "resnet",
            "tanh": layered[3] is not None,
        }
        return partial(Offset1Model, normalize=False, **arguments)
    return None
