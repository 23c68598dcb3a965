"""One encoder for each session, into one space."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from ..errors import DataError
from .base import OffsetModel

__all__ = ["Encoder", "MultiSessionModel", "copy_trunk", "input_parameters", "share_trunk"]


class MultiSessionModel(nn.Module):
    """Encodes the recordings of several sessions, each with its own encoder.

    Args:
        encoders: One for each session; their neurons may differ, all else is alike.

    Attributes:
        encoders: As given.
        offset: The receptive field of all encoders.
        num_output: Dimensions `D` of the common space.
        resample_factor: Bins of a recording for each point.

    Raises:
        DataError: If the encoders see different windows or embed into different spaces.

    References:
        Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6, Methods, "Multi-session
        training".

    Example:
        >>> import torch
        >>> from cebra_ethan.models.model import Offset10Model
        >>> model = MultiSessionModel([Offset10Model(n, 8, 3) for n in (20, 50)])
        >>> model(torch.randn(4, 50, 10), session=1).shape
        torch.Size([4, 3, 1])
    """

    def __init__(self, encoders: Sequence[OffsetModel]) -> None:
        super().__init__()
        forms = {(one.offset, one.num_output, one.resample_factor) for one in encoders}
        if len(forms) != 1:
            raise DataError(
                "the encoders of all sessions need one receptive field and one number of "
                f"outputs; got {len(forms)} different. Build them from one architecture."
            )
        ((self.offset, self.num_output, self.resample_factor),) = forms
        self.encoders = nn.ModuleList(encoders)

    def forward(
        self, neural: Float[Tensor, "batch neurons bins"], session: int
    ) -> Float[Tensor, "batch out _"]:
        """Returns the embedding of windows of one session, see `OffsetModel`."""
        return self.encoders[session](neural)

    def encoder(self, session: int) -> OffsetModel:
        """Returns the encoder of one session."""
        encoder = self.encoders[session]
        assert isinstance(encoder, OffsetModel)
        return encoder

    def __getitem__(self, session: int) -> OffsetModel:
        """Returns the encoder of one session."""
        return self.encoder(session)

    def __len__(self) -> int:
        return self.num_sessions

    @property
    def num_sessions(self) -> int:
        """The number of encoders."""
        return len(self.encoders)


Encoder = OffsetModel | MultiSessionModel
"""What a solver trains."""


def input_parameters(encoder: OffsetModel) -> set[str]:
    """Returns the names of the parameters that are particular to the neurons.

    Example:
        >>> from cebra_ethan.models.model import Offset5Model
        >>> sorted(input_parameters(Offset5Model(4, 8, 3)))
        ['net.0.bias', 'net.0.weight']
    """
    layers = encoder.input_layers
    return {
        name
        for name, _ in encoder.named_parameters(remove_duplicate=False)
        if any(name == layer or name.startswith(f"{layer}.") for layer in layers)
    }


def share_trunk(encoders: Sequence[OffsetModel]) -> None:
    """Makes all encoders use the weights of the first, except where the neurons come in.

    A trunk that all sessions share must find one description of all of them; it has fewer
    parameters, and a new session needs an input layer alone.

    Args:
        encoders: Of one architecture; changed in place.

    Example:
        >>> from cebra_ethan.models.model import Offset5Model
        >>> one, two = Offset5Model(4, 8, 3), Offset5Model(7, 8, 3)
        >>> share_trunk([one, two])
        >>> one.net[3].weight is two.net[3].weight, one.net[0].weight is two.net[0].weight
        (True, False)
    """
    first = encoders[0]
    own = input_parameters(first)
    for encoder in encoders[1:]:
        for name, weight in first.named_parameters(remove_duplicate=False):
            if name not in own:
                owner, _, attribute = name.rpartition(".")
                setattr(encoder.get_submodule(owner), attribute, weight)


def copy_trunk(source: OffsetModel, target: OffsetModel) -> None:
    """Copies all weights except those of the input layers; both are of one architecture."""
    own = input_parameters(source)
    weights = {k: v for k, v in source.state_dict().items() if k not in own}
    target.load_state_dict({**target.state_dict(), **weights})
