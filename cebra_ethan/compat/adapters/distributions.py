"""`cebra.distributions`: our samplers, asked for references and positives one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from ...data.neighbors import NearestLabel
from ...data.sampler import SamplingOptions
from ...data.sampling import make_sampler
from ...errors import DataError
from ...types import Label, Offset, Recording
from ...utils.seeding import resolve_seed

__all__ = [
    "ContinuousIndex",
    "DeltaNormalDistribution",
    "DiscreteEmpirical",
    "DiscreteUniform",
    "MixedTimeDeltaDistribution",
    "Prior",
    "TimeContrastive",
    "TimedeltaDistribution",
]


class _Distribution:
    """References and positives of windows of one bin; the same seed gives the same draws."""

    def __init__(self, num_bins: int, labels: dict[str, Label], seed: Any, **options: Any) -> None:
        recording = Recording(torch.zeros(num_bins, 1), labels)
        self._sampler = make_sampler(recording, Offset(0, 1), SamplingOptions(**options))
        self._generator = torch.Generator().manual_seed(resolve_seed(seed))

    def sample_prior(self, num_samples: int, offset: Any = None) -> Int[Tensor, " samples"]:
        """Returns rows of references; `offset` is of no effect, loaders keep windows whole."""
        return self._sampler.roll(num_samples, self._generator).reference

    def sample_conditional(self, reference_idx: Any) -> Int[Tensor, " samples"]:
        """Returns a positive for each of these rows."""
        rows = torch.as_tensor(reference_idx, dtype=torch.int64)
        roll = self._sampler.roll(len(rows), self._generator)._replace(reference=rows)
        return self._sampler.resolve(roll).positive[0]

    def sample_joint(self, num_samples: int) -> tuple[Tensor, Tensor]:
        """Returns rows of references and a positive for each."""
        rows = self.sample_prior(num_samples)
        return rows, self.sample_conditional(rows)


class Prior(_Distribution):
    """All bins alike. Args: `continuous`, whose length counts."""

    def __init__(self, continuous: Any, device: str = "cpu", seed: int | None = None) -> None:
        label = _continuous(continuous)
        super().__init__(len(label), {"continuous": label}, seed)


class TimeContrastive(_Distribution):
    """Positives follow after `time_offset` bins.

    Example:
        >>> later = TimeContrastive(time_offset=3, num_samples=100)
        >>> later.sample_conditional([10, 20])
        tensor([13, 23])
    """

    def __init__(
        self,
        continuous: Any = None,
        time_offset: int = 1,
        num_samples: int | None = None,
        device: str = "cpu",
        seed: int | None = None,
    ) -> None:
        count = num_samples if continuous is None else len(continuous)
        if count is None:
            raise DataError("the number of bins is unknown. Pass num_samples, or a label.")
        super().__init__(count, {}, seed, time_offset=time_offset)


class TimedeltaDistribution(_Distribution):
    """Positives carry the label nearest to the reference's plus an observed change."""

    def __init__(
        self, continuous: Any, time_delta: int = 1, device: str = "cpu", seed: int | None = None
    ) -> None:
        label = _continuous(continuous)
        super().__init__(len(label), {"continuous": label}, seed, time_offset=time_delta)


class DeltaNormalDistribution(_Distribution):
    """Positives carry the label nearest to the reference's plus normal noise."""

    def __init__(
        self, continuous: Any, delta: float = 0.1, device: str = "cpu", seed: int | None = None
    ) -> None:
        label = _continuous(continuous)
        options = {"conditional": "delta_normal", "delta": delta}
        super().__init__(len(label), {"continuous": label}, seed, **options)


class MixedTimeDeltaDistribution(_Distribution):
    """As `TimedeltaDistribution`, within the class of the reference."""

    def __init__(
        self, discrete: Any, continuous: Any, time_delta: int = 1, seed: int | None = None
    ) -> None:
        labels = {"continuous": _continuous(continuous), "discrete": _discrete(discrete)}
        super().__init__(len(labels["discrete"]), labels, seed, time_offset=time_delta)


class _Discrete(_Distribution):
    """Positives carry the class of the reference."""

    prior: str

    def __init__(self, samples: Any, device: str = "cpu", seed: int | None = None) -> None:
        label = _discrete(samples)
        super().__init__(len(label), {"discrete": label}, seed, prior=self.prior)
        self._first = dict(zip(*np.unique(label.to_numpy(), return_index=True), strict=True))

    def sample_conditional(self, reference_index: Any) -> Int[Tensor, " samples"]:
        """Returns a bin of each of these classes: as in `cebra`, values and not rows.

        Raises:
            DataError: If there is no such class.
        """
        values = np.asarray(reference_index).tolist()
        unknown = sorted(set(values) - set(self._first))
        if unknown:
            raise DataError(f"the classes are {list(self._first)}; got {unknown}. Pass these.")
        return super().sample_conditional([int(self._first[value]) for value in values])


class DiscreteUniform(_Discrete):
    """References are uniform over classes.

    Example:
        >>> classes = torch.tensor([0, 0, 5, 5, 5, 5, 5, 5])
        >>> rows = DiscreteUniform(classes, seed=0).sample_prior(4000)
        >>> round(float((classes[rows] == 5).float().mean()), 1)
        0.5
    """

    prior = "uniform"


class DiscreteEmpirical(_Discrete):
    """References are uniform over bins."""

    prior = "empirical"


class ContinuousIndex:
    """Finds the bin whose label is nearest, the first of them.

    Args:
        index: Label `(T,)` or `(T, d)`.

    Example:
        >>> ContinuousIndex(torch.tensor([0.0, 1.0, 5.0])).search(torch.tensor([[4.0], [0.6]]))
        tensor([2, 1])
    """

    def __init__(self, index: Any) -> None:
        values = torch.as_tensor(index).double()
        values = values[:, None] if values.ndim == 1 else values
        period = torch.zeros(values.shape[1], dtype=torch.float64)
        self._nearest = NearestLabel(values, torch.arange(len(values)), period, "first")

    def search(self, query: Any) -> Int[Tensor, " queries"]:
        """Returns one bin for each row of `(q, d)`."""
        points = torch.as_tensor(query).double()
        return self._nearest(points, torch.zeros(len(points), dtype=torch.float64))


def _continuous(values: Any) -> Label:
    return Label(values, "continuous", name="continuous")


def _discrete(values: Any) -> Label:
    return Label(values, "categorical", name="discrete")
