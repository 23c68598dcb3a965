"""`cebra.models`: encoders by name, and the base of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import filter as matching
from functools import partial
from itertools import product
from typing import Any, TypeVar

from torch import Tensor, nn

from ...errors import InvalidParameterError
from ...models import similarity
from ...models.base import OffsetModel
from ...models.info_nce import BaseInfoNCE as _BaseInfoNCE
from ...models.info_nce import Loss
from ...models.layers import Normalize
from ...models.model import MODELS, resolve_model, supported_model_architectures
from ...types import Offset as _Offset

__all__ = [
    "CLASSES",
    "BaseInfoNCE",
    "ConvolutionalModelMixin",
    "HasFeatureEncoder",
    "Offset",
    "ResampleModelMixin",
    "dot_similarity",
    "euclidean_similarity",
    "get_options",
    "infonce",
    "init",
    "parametrize",
    "register",
]

Class = TypeVar("Class", bound=Callable[..., Any])

CLASSES = {
    "Offset0Model": "offset1-model",
    "Offset0Modelv2": "offset1-model-v2",
    "Offset0Modelv3": "offset1-model-v3",
    "Offset0Modelv4": "offset1-model-v4",
    "Offset0Modelv5": "offset1-model-v5",
    "Offset0ModelMSE": "offset1-model-mse",
    "Offset0ModelMSETanH": "offset1-model-mse-tanh",
    "Offset5Model": "offset5-model",
    "Offset10Model": "offset10-model",
    "Offset10ModelMSE": "offset10-model-mse",
    "Offset15Model": "offset15-model",
    "Offset20Model": "offset20-model",
    "Offset36": "offset36-model",
    "Offset36Dropout": "offset36-model-dropout",
    "Offset36Dropoutv2": "offset36-model-more-dropout",
    "Offset40": "offset40-model",
    "Offset50": "offset50-model",
    "Resample1Model": "resample1-model",
    "Resample5Model": "resample5-model",
    "ResampleModel": "resample-model",
    "SupervisedNN1": "supervised1-model",
    "SupervisedNN10": "supervised10-model",
}
"""Classes of `cebra` and the names by which they are built."""


class Offset(_Offset):
    """A receptive field with the spellings of `cebra`: `Offset(5)` is `Offset(5, 5)`.

    Example:
        >>> len(Offset(5)), Offset(2, 3).span
        (10, 5)
    """

    def __init__(self, *offset: int) -> None:
        if len(offset) not in (1, 2):
            raise InvalidParameterError(f"an Offset has one or two numbers; got {len(offset)}.")
        super().__init__(offset[0], offset[-1])

    @property
    def left_slice(self) -> slice:
        """The bins at the beginning that have no whole window."""
        return slice(0, self.left)

    @property
    def right_slice(self) -> slice:
        """The bins at the end, likewise; with `right = 1` the last one, as in `cebra`."""
        return slice(-self.right, None)

    def mask_array(self, array: Any, value: Any) -> Any:
        """Sets both ends of an array to a value, in place; returns the array."""
        array[self.left_slice] = value
        array[self.right_slice] = value
        return array

    @property
    def valid_slice(self) -> slice:
        """The bins of a recording that have a whole window."""
        return slice(self.left, -self.right)


def init(name: str, num_neurons: int, num_units: int, num_output: int, **options: Any) -> Any:
    """Returns a model with new weights by its name, see `models.model.resolve_model`.

    It also has `get_offset()`. Embeddings keep their time axis, `(B, D, 1)` for single windows.

    Args:
        name: As `CEBRA(model_architecture=)`.
        num_neurons: Neurons `N`.
        num_units: Width of the hidden layers.
        num_output: Dimensions `D`.
        options: Keywords of that model.

    Example:
        >>> init("offset10-model", num_neurons=30, num_units=8, num_output=3).get_offset()
        Offset(left=5, right=5)
    """
    model: Any = resolve_model(name)(num_neurons, num_units, num_output, **options)
    if not isinstance(model, _OffsetModel):
        model.get_offset = partial(Offset, model.offset.left, model.offset.right)
    return model


def get_options(
    pattern: str | None = None, limit: int | None = None, expand_parametrized: bool = True
) -> list[str]:
    """Returns names of models.

    Args:
        pattern: Shell-style; all without.
        limit: How many at most.
        expand_parametrized: Whether to count out the variants of one model.
    """
    names = supported_model_architectures() if expand_parametrized else list(MODELS)
    return matching(names, pattern or "*")[:limit]


def register(
    name: str, base: str | None = None, override: bool = False, deprecated: bool = False
) -> Callable[[Class], Class]:
    """Decorates a class of models to be built by a name; adds a row to `MODELS`.

    Args:
        name: The name.
        base: Of no effect.
        override: Whether the name may be taken.
        deprecated: Of no effect.

    Raises:
        InvalidParameterError: If the name is taken.
    """
    if name in MODELS and not override:
        raise InvalidParameterError(
            f"{name!r} is a model already. Pass override=True to replace it."
        )

    def add(cls: Class) -> Class:
        def make(*counts: int, causal: bool = False, **options: Any) -> OffsetModel:
            if causal:
                raise InvalidParameterError(
                    f"{name!r} says itself which bins it sees; got causal=True. Give it an "
                    "offset of (span - 1, 1)."
                )
            model: OffsetModel = cls(*counts, **options)
            return model

        MODELS[name] = make
        return cls

    return add


def parametrize(
    pattern: str, *, kwargs: Sequence[Mapping[str, Any]] = (), **all_kwargs: Sequence[Any]
) -> Callable[[Class], Class]:
    """Decorates a class of models to be built by several names, each with keywords of its own.

    Args:
        pattern: Of the names, such as `"my-model-{depth}"`.
        kwargs: The keywords of each name.
        all_kwargs: Values of each keyword, of which all combinations are added.

    Raises:
        InvalidParameterError: If a name is taken.

    Example:
        >>> @parametrize("doctest-model-{span}", span=[3, 5])
        ... class Mine(OffsetModel):
        ...     pass
        >>> [MODELS.pop(name) and name for name in get_options("doctest-model-*")]
        ['doctest-model-3', 'doctest-model-5']
    """
    products = product(*all_kwargs.values()) if all_kwargs else ()
    chosen = [*kwargs, *(dict(zip(all_kwargs, one, strict=True)) for one in products)]

    def add(cls: Class) -> Class:
        for own in chosen:
            register(pattern.format(**own))(partial(cls, **own))
        return cls

    return add


class ConvolutionalModelMixin:
    """Says that the layers are convolutions without padding, for recordings of any length."""


class ResampleModelMixin:
    """Says that there are fewer points than bins; a subclass says `resample_factor`, a number."""

    @property
    def resample_factor(self) -> int:
        """Bins of a recording for each point."""
        raise NotImplementedError(f"{type(self).__name__} must define resample_factor.")


class HasFeatureEncoder:
    """Calls the layers of a model its feature encoder."""

    @property
    def feature_encoder(self) -> nn.Module:
        """The layers."""
        layers: nn.Module = self.net  # type: ignore[attr-defined]
        return layers


class _OffsetModel(OffsetModel, HasFeatureEncoder):
    """The base of one's own models, as in `cebra`; a subclass says `get_offset`.

    Without `ConvolutionalModelMixin` the layers get single windows, `(B, N, span)`.
    """

    def __init__(
        self,
        *layers: nn.Module,
        num_input: int,
        num_output: int,
        normalize: bool = True,
    ) -> None:
        seen = self.get_offset()
        own = [layer for layer in layers if not isinstance(layer, nn.Identity)]
        counts: dict[str, Any] = {"num_neurons": num_input, "num_output": num_output}
        super().__init__(_Offset(seen.left, seen.right), *own, normalize=normalize, **counts)
        self.shift_equivariant = isinstance(self, ConvolutionalModelMixin)
        first = next((k for k, layer in enumerate(own) if list(layer.parameters())), 0)
        self.input_layers = (f"net.{first}",)

    def get_offset(self) -> _Offset:
        """Returns the receptive field."""
        raise NotImplementedError(f"{type(self).__name__} must define get_offset.")

    def forward(self, neural: Tensor) -> Tensor:
        """Returns the embedding of every whole window, see `OffsetModel`."""
        if isinstance(self, ConvolutionalModelMixin):
            return super().forward(neural)
        windows = neural.unfold(2, self.offset.span, 1).transpose(1, 2)  # (B, W, N, span)
        own = self.net[:-1] if self.normalize else self.net
        points: Tensor = own(windows.flatten(0, 1)).flatten(1)
        embedding: Tensor = points.unflatten(0, windows.shape[:2]).transpose(1, 2)
        return Normalize()(embedding) if self.normalize else embedding


class Squeeze(nn.Identity):
    """Does nothing: embeddings keep their time axis here."""


class BaseInfoNCE(_BaseInfoNCE):
    """The base of one's own losses: a subclass says `_distance`, and may set `temperature`.

    Example:
        >>> class Mine(BaseInfoNCE):
        ...     def _distance(self, ref, pos, neg):
        ...         return dot_similarity(ref, pos, neg)
        >>> import torch
        >>> Mine()(torch.zeros(4, 3), torch.zeros(4, 3), torch.zeros(8, 3)).total
        tensor(2.0794)
    """

    temperature: Any = 1.0

    def _distance(self, ref: Tensor, pos: Tensor, neg: Tensor) -> tuple[Tensor, Tensor]:
        """Returns similarities over temperature: to positives `(B,)`, to negatives `(B, K)`."""
        near, far = dot_similarity(ref, pos, neg)
        return near / self.temperature, far / self.temperature

    def forward(self, ref: Tensor, pos: Tensor, neg: Tensor) -> Loss:
        """Returns the loss of a batch and its parts, see `infonce`."""
        return infonce(*self._distance(ref, pos, neg))


def dot_similarity(ref: Tensor, pos: Tensor, neg: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the similarity of references to their positives `(B,)` and to negatives `(B, K)`."""
    return similarity.dot_similarity(ref, pos[:, None])[:, 0], similarity.dot_similarity(ref, neg)


def euclidean_similarity(ref: Tensor, pos: Tensor, neg: Tensor) -> tuple[Tensor, Tensor]:
    """Returns as `dot_similarity`, of the squared distance with a minus."""
    near = similarity.euclidean_similarity(ref, pos[:, None])[:, 0]
    return near, similarity.euclidean_similarity(ref, neg)


def infonce(pos_dist: Tensor, neg_dist: Tensor) -> Loss:
    """Returns InfoNCE of similarities over temperature, and its parts.

    Args:
        pos_dist: `(B,)`.
        neg_dist: `(B, K)`.

    Example:
        >>> import torch
        >>> infonce(torch.zeros(4), torch.zeros(4, 8)).total
        tensor(2.0794)
    """
    return _BaseInfoNCE().combine(pos_dist, neg_dist)


def __getattr__(name: str) -> Any:
    """Returns a constructor for a class of `cebra`."""
    if name not in CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return partial(init, CLASSES[name])
