"""What every encoder is: layers that see a window of bins, and the offset that says which."""

from jaxtyping import Float
from torch import Tensor, nn

from ..errors import DataError, InvalidParameterError
from ..types import Offset
from .layers import Normalize

__all__ = [
    "OffsetModel",
    "centered",
    "check_counts",
    "check_probability",
    "has_dropout",
    "trailing",
]


def centered(span: int) -> Offset:
    """Returns the receptive field of `span` bins around a bin.

    Example:
        >>> centered(5)
        Offset(left=2, right=3)
    """
    return Offset(span // 2, span // 2 + span % 2)


def trailing(span: int) -> Offset:
    """Returns the receptive field of `span` bins that end with a bin: causal.

    Example:
        >>> trailing(5)
        Offset(left=4, right=1)
    """
    return Offset(span - 1, 1)


class OffsetModel(nn.Module):
    """Encodes windows of `offset.span` bins; the base of all encoders.

    A model maps `(B, N, L)` to `(B, D, L - span + 1)`, always; one that subsamples to
    `(B, D, (L - span) // resample_factor + 1)`. A window goes in as `L = span`, a whole recording
    as `B = 1`; output `l` belongs to input bin `l * resample_factor + offset.left`.

    Args:
        offset: The receptive field of the layers.
        *layers: Applied in order. Without padding, so that they lose `offset.span - 1` bins.
        num_neurons: Neurons `N` of the input.
        num_output: Dimensions `D` of the embedding.
        normalize: Whether embeddings are unit vectors (for cosine similarity) or free vectors
            (for Euclidean similarity).
        causal: Keeps the layers but assigns each output to the last bin of its window, so that
            an embedding depends on no future bin.

    Attributes:
        offset: The receptive field, exactly: no bin outside has an influence.
        num_neurons: As given.
        num_output: As given.
        normalize: As given.
        shift_equivariant: Whether a recording can be encoded in one pass that costs less than
            its windows do. True for convolutions.
        resample_factor: Bins of a recording for each point; 1 unless the model subsamples.
        input_layers: Names of the submodules or parameters whose weights have a shape that
            depends on `num_neurons`; other neurons need these anew and can keep the rest.
        net: The layers.

    Raises:
        InvalidParameterError: If a count is not a positive integer.

    Example:
        >>> import torch
        >>> from cebra_ethan.models.layers import Conv1d
        >>> model = OffsetModel(Offset(1, 1), Conv1d(4, 3, 2), num_neurons=4, num_output=3)
        >>> model(torch.randn(1, 4, 100)).shape
        torch.Size([1, 3, 99])
    """

    shift_equivariant: bool = True
    resample_factor: int = 1
    input_layers: tuple[str, ...] = ("net.0",)

    def __init__(
        self,
        offset: Offset,
        *layers: nn.Module,
        num_neurons: int,
        num_output: int,
        normalize: bool = True,
        causal: bool = False,
    ) -> None:
        super().__init__()
        check_counts(num_neurons=num_neurons, num_output=num_output)
        self.offset = trailing(offset.span) if causal else offset
        self.num_neurons = num_neurons
        self.num_output = num_output
        self.normalize = normalize
        self.net = nn.Sequential(*layers, *([Normalize()] if normalize else []))

    def forward(self, neural: Float[Tensor, "batch neurons bins"]) -> Float[Tensor, "batch out _"]:
        """Returns the embedding of every whole window; of every n-th if `resample_factor` is n.

        Args:
            neural: Windows or recordings, `(B, N, L)` with `L >= offset.span`.

        Raises:
            DataError: If the input has other neurons, or is shorter than one window.
        """
        span = self.offset.span
        if neural.ndim != 3 or neural.shape[1] != self.num_neurons or neural.shape[2] < span:
            raise DataError(
                f"the model takes (batch, {self.num_neurons} neurons, at least {span} bins); got "
                f"{tuple(neural.shape)}. Order the dimensions so, and pad a short recording."
            )
        return self.net(neural)


def check_counts(**counts: int) -> None:
    """Raises `InvalidParameterError` unless every count is a positive integer.

    Example:
        >>> check_counts(num_units=0)
        Traceback (most recent call last):
        ...
        cebra_ethan.errors.InvalidParameterError: num_units must be an integer of at least 1; ...
    """
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise InvalidParameterError(
                f"{name} must be an integer of at least 1; got {count!r}. Pass the number itself."
            )


def check_probability(name: str, value: float) -> None:
    """Raises `InvalidParameterError` unless something may be dropped with this probability.

    Example:
        >>> check_probability("dropout", 1.0)
        Traceback (most recent call last):
        ...
        cebra_ethan.errors.InvalidParameterError: dropout must be in [0, 1); got 1.0. Use 0 to ...
    """
    if not 0 <= value < 1:
        raise InvalidParameterError(
            f"{name} must be in [0, 1); got {value!r}. Use 0 to keep everything."
        )


def has_dropout(model: nn.Module) -> bool:
    """Returns whether a step draws at random: a layer, or a number as in attention."""
    return any(
        "Dropout" in type(module).__name__ or bool(getattr(module, "dropout", 0))
        for module in model.modules()
    )
