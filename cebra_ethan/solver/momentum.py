r"""A queue of negatives from former steps, embedded by a slow copy of the encoder.

A step then compares each reference with many more negatives than its batch has windows, at the
cost of a similarity each. The copy, the *key encoder*, follows the encoder that is trained,

.. math:: \theta_k \leftarrow m \, \theta_k + (1 - m) \, \theta_q,

so that points that were embedded some steps ago can still be compared with those of today.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..errors import DataError, InvalidParameterError
from ..models.multisession import Encoder, MultiSessionModel
from ..types import Batch
from .embed import Embedded, embed_parts

__all__ = ["MomentumQueue"]


class MomentumQueue(nn.Module):
    """Keeps the embeddings of the last negatives, and the encoder that made them.

    Positives, the negatives of the batch and those of the queue are all embedded by the key
    encoder, without gradient, as in MoCo: a positive of today's encoder beside negatives of an
    older one could be told apart by the age of the weights alone. References are embedded by the
    encoder that learns. A queue of no rows leaves the key encoder; with a momentum of 0 too, the
    loss is that of the batch alone.

    Each session has a queue of its own. Those of all sessions are seen together, except where a
    reference is compared inside its session alone. MoCo begins with random rows; here only rows
    that were negatives count, so that the queue grows during the first steps.

    Args:
        model: The encoder that is trained; its weights are copied.
        num_queued: Rows of the queue of a session, `K`; 0 for no queue.
        momentum: `m`, in `[0, 1)`.

    Raises:
        InvalidParameterError: If a number is out of range.

    References:
        He et al. (2020), doi:10.1109/CVPR42600.2020.00975, eq. 2 and algorithm 1.

    Example:
        >>> from cebra_ethan.models.model import Offset1Model
        >>> queue = MomentumQueue(Offset1Model(5, 8, 3), num_queued=4096)
        >>> queue.rows.shape, queue.num_filled
        (torch.Size([1, 4096, 3]), [0])
    """

    rows: Tensor

    def __init__(self, model: Encoder, num_queued: int, momentum: float = 0.999) -> None:
        super().__init__()
        if isinstance(num_queued, bool) or num_queued < 0 or not 0 <= momentum < 1:
            raise InvalidParameterError(
                "a queue needs num_queued of at least 0 and a momentum in [0, 1); got "
                f"{num_queued!r} and {momentum!r}. 4096 and 0.999 are a start."
            )
        self.momentum = momentum
        self.key = copy.deepcopy(model).requires_grad_(False)
        num_sessions = model.num_sessions if isinstance(model, MultiSessionModel) else 1
        device = next(model.parameters()).device
        empty = torch.zeros(num_sessions, num_queued, model.num_output, device=device)
        self.register_buffer("rows", empty)
        self._counts = [0] * num_sessions  # rows that ever came in; kept here, so that no step
        self._fresh: list[Tensor] = []  # waits for the device to know them

    @property
    def num_filled(self) -> list[int]:
        """Rows of the queue of each session that hold a negative."""
        return [min(count, self.rows.shape[1]) for count in self._counts]

    def num_seen(self, batch: Batch) -> int:
        """Returns how many negatives a reference sees, the fewest where sessions differ."""
        if batch.group_sizes is None:
            return len(batch.indices.negative) + sum(self.num_filled)
        pairs = zip(batch.group_sizes, self.num_filled, strict=True)
        return min(size + filled for size, filled in pairs)

    def embed(self, model: Encoder, batch: Batch) -> tuple[Embedded, list[Tensor]]:
        """Returns the points of a batch, and the queued negatives of each group of references.

        Raises:
            DataError: If each reference has negatives of its own.
        """
        indices = batch.indices
        if indices.negative.ndim != 1:
            raise DataError(
                "a queue adds negatives that all references share; got negatives of each "
                "reference. Set num_negatives=None, or leave the queue out."
            )
        self.key.train(model.training)
        (reference,) = embed_parts(model, batch, [indices.reference])
        with torch.no_grad():
            *positive, negative = embed_parts(
                self.key, batch, [*indices.positive, indices.negative]
            )
        own = [rows[:filled] for rows, filled in zip(self.rows, self.num_filled, strict=True)]
        sizes = batch.group_sizes
        self._fresh = list(
            negative.tensor_split(len(own)) if sizes is None else negative.split(list(sizes))
        )
        queued = [torch.cat(own)] if sizes is None else own
        return Embedded(reference, tuple(positive), negative), queued

    @torch.no_grad()
    def update(self, model: Encoder, finite: Bool[Tensor, ""] | None = None) -> None:
        """Moves the key encoder towards the encoder and takes in the negatives of the step.

        Args:
            model: After its own update.
            finite: Whether the update was done, where that is known on the device alone.
        """
        kept = torch.ones((), device=self.rows.device) if finite is None else finite.float()
        for key, query in zip(self.key.parameters(), model.parameters(), strict=True):
            key.lerp_(query, ((1 - self.momentum) * kept).to(key.dtype))
        for own, other in zip(self.key.buffers(), model.buffers(), strict=True):
            own.copy_(torch.where(kept > 0, other, own))
        for session, fresh in enumerate(self._fresh):
            self._take(session, fresh, kept)

    def _take(self, session: int, fresh: Float[Tensor, "new dims"], kept: Tensor) -> None:
        rows, count = self.rows[session], self._counts[session]
        self._counts[session] = count + len(fresh)
        last = fresh[-len(rows) :] if len(rows) else fresh[:0]
        first = count + len(fresh) - len(last)
        done = 0
        while done < len(last):  # twice where the end of the ring is reached
            start = (first + done) % len(rows)
            part = last[done : done + len(rows) - start]
            place = rows[start : start + len(part)]
            place.copy_(torch.where(kept > 0, part, place))
            done += len(part)

    def rewind(self, num_steps: int) -> None:
        """Forgets that the last steps came, which took in nothing since they were not finite."""
        self._counts = [
            count - num_steps * len(fresh)
            for count, fresh in zip(self._counts, self._fresh or self.rows[:, :0], strict=True)
        ]

    @torch.no_grad()
    def restart(self, model: Encoder) -> None:
        """Empties the queue and makes the key encoder the encoder again."""
        self.key.load_state_dict(model.state_dict())
        self._counts = [0] * len(self._counts)

    def get_extra_state(self) -> Tensor:
        """Returns how many rows came in from each session, for the checkpoint."""
        return torch.tensor(self._counts, dtype=torch.int64)

    def set_extra_state(self, state: Tensor) -> None:
        """Continues where `get_extra_state` was called."""
        self._counts = [int(count) for count in state.tolist()]
