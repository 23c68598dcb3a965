"""Encoders with a linear readout on top, to be trained on labels directly."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidParameterError
from .base import OffsetModel, centered, check_counts
from .convolution import offset_layers
from .layers import Pointwise
from .pointwise import half, pointwise_layers

__all__ = ["SupervisedModel"]


class SupervisedModel(OffsetModel):
    r"""An encoder without normalisation, and a linear readout of its rectified points.

    .. math:: \hat{y} = W \max(z, 0) + b

    The points :math:`z` are those of every other model. The solvers of this package are
    contrastive and train the encoder alone; `predict` is there for a loop of one's own, with
    cross-entropy on classes or a squared error on continuous labels.

    Args:
        num_neurons: Neurons `N` of the input.
        num_units: Channels of the hidden layers.
        num_output: Dimensions `D` of the embedding.
        span: Bins of the receptive field: 1, or at least 3.
        num_targets: Classes to tell apart, or columns of a continuous label; `None` for the
            encoder alone.
        normalize: Whether embeddings are unit vectors.
        causal: Whether the window ends with its bin instead of lying around it.

    Attributes:
        classifier: The readout, or `None`.

    Example:
        >>> import torch
        >>> model = SupervisedModel(30, 32, 8, num_targets=4)
        >>> scores = model.predict(torch.randn(512, 30, 10)).squeeze(2)
        >>> loss = torch.nn.functional.cross_entropy(scores, torch.randint(4, (512,)))
    """

    def __init__(
        self,
        num_neurons: int,
        num_units: int,
        num_output: int,
        *,
        span: int = 10,
        num_targets: int | None = None,
        normalize: bool = False,
        causal: bool = False,
    ) -> None:
        check_counts(num_neurons=num_neurons, num_units=num_units, num_output=num_output)
        if span == 1:
            hidden = (num_units, num_units, half(num_units))
            layers = pointwise_layers(num_neurons, *hidden, num_output)
        else:
            layers = offset_layers(span, num_neurons, num_units, num_output)
        super().__init__(
            centered(span),
            *layers,
            num_neurons=num_neurons,
            num_output=num_output,
            normalize=normalize,
            causal=causal,
        )
        if num_targets is not None:
            check_counts(num_targets=num_targets)
        self.classifier = None if num_targets is None else Pointwise(num_output, num_targets)

    def predict(
        self, neural: Float[Tensor, "batch neurons bins"]
    ) -> Float[Tensor, "batch targets _"]:
        """Returns class scores or predicted labels of every whole window.

        Args:
            neural: Windows or recordings, `(B, N, L)` with `L >= offset.span`.

        Raises:
            DataError: As for the model.
            InvalidParameterError: If the model was built without `num_targets`.
        """
        if self.classifier is None:
            raise InvalidParameterError(
                "a readout needs num_targets; got a model built without. Pass the number of "
                "classes, or of columns of a continuous label."
            )
        return self.classifier(F.relu(self(neural)))
