"""`cebra.distributions.multisession`: our sampler of several sessions, asked in two steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from ...data.multisession import MultiSessionDataset
from ...errors import DataError
from ...types import Offset
from ...utils.seeding import resolve_seed

__all__ = ["DiscreteMultisessionSampler", "MultisessionSampler"]


class MultisessionSampler:
    """References of each session, and positives of any by the continuous label.

    Args:
        dataset: A `DatasetCollection`.
        time_offset: Bins over which labels change.
        seed: Of the draws.

    Raises:
        DataError: If the sessions have no such label.

    Example:
        >>> from cebra_ethan.compat.data import DatasetCollection, TensorDataset
        >>> one = TensorDataset(torch.randn(90, 5), continuous=torch.rand(90))
        >>> sampler = MultisessionSampler(DatasetCollection(one, one), 2, seed=0)
        >>> positive, _, back = sampler.sample_conditional(sampler.sample_prior(4))
        >>> positive.shape, sampler.mix(positive, back).shape
        (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    label, conditional = "continuous", "time_delta"

    def __init__(self, dataset: Any, time_offset: int = 1, *, seed: int | None = None) -> None:
        if self.label not in dataset.recordings[0].labels:
            raise DataError(
                f"positives are drawn by the {self.label} label; the sessions have none. Pass "
                f"{self.label}= to each dataset."
            )
        sessions = [(one, {self.label: one.labels[self.label]}) for one in dataset.recordings]
        own = MultiSessionDataset(
            *zip(*sessions, strict=True), time_offset=time_offset, conditional=self.conditional
        )
        self.lengths = [len(one) for one in dataset.recordings]
        self._first = torch.tensor([0, *self.lengths]).cumsum(0)[:-1]
        self._sampler = own.sampler(Offset(0, 1))
        self._noise = torch.Generator().manual_seed(resolve_seed(seed))

    @property
    def num_sessions(self) -> int:
        """The number of recordings."""
        return len(self.lengths)

    def sample_prior(self, num_samples: int) -> Int[Tensor, "sessions samples"]:
        """Returns as many bins of each session, counted from its own first."""
        rows = self._sampler.roll(num_samples, self._noise).reference
        return rows.reshape(self.num_sessions, -1) - self._first[:, None]

    def sample_conditional(self, idx: Any) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """Returns a positive for each of these bins, `(S, n)`, grouped by its own session.

        Returns:
            The bins, counted from the first of their session; the order that groups references
            alike, and the one that brings positives back to them, see `mix`.
        """
        rows = torch.as_tensor(idx) + self._first[:, None]
        roll = self._sampler.roll(rows.shape[1], self._noise)
        positive = self._sampler.resolve(roll._replace(reference=rows.flatten())).positive[0]
        session = torch.searchsorted(self._first, positive, right=True) - 1
        order = session.argsort(stable=True)
        grouped = positive[order].reshape(rows.shape) - self._first[:, None]
        return grouped, order.numpy(), order.argsort().numpy()

    def mix(self, array: Any, idx: Any) -> Any:
        """Returns `(S, n, ...)` with its `S * n` rows in another order."""
        return array.reshape(array.shape[0] * array.shape[1], -1)[idx].reshape(array.shape)


class DiscreteMultisessionSampler(MultisessionSampler):
    """As `MultisessionSampler`, by the discrete label. Args: `dataset` and `seed`."""

    label, conditional = "discrete", "discrete"

    def __init__(self, dataset: Any, *, seed: int | None = None) -> None:
        super().__init__(dataset, seed=seed)
