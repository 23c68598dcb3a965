"""One measurement: a population over time, and the receptive field that looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import DataError
from .label import Label

__all__ = ["Offset", "Recording"]


@dataclass(frozen=True)
class Offset:
    """The receptive field: the window at bin `t` covers bins `t - left` to `t + right - 1`.

    Args:
        left: Bins before `t`, at least 0.
        right: Bins from `t` on, `t` included; at least 1.

    Example:
        >>> Offset(left=5, right=5).span
        10
    """

    left: int
    right: int

    def __post_init__(self) -> None:
        if self.left < 0 or self.right < 1:
            raise DataError(
                f"an Offset needs left >= 0 and right >= 1; got left={self.left} and "
                f"right={self.right}. A window always contains its own bin."
            )

    @property
    def span(self) -> int:
        """The number of bins in a window."""
        return self.left + self.right

    def __len__(self) -> int:
        return self.span


@dataclass(frozen=True, eq=False)
class Recording:
    """One measurement: a population over time and what the animal did meanwhile.

    Args:
        neural: Activity `(T, N)`, stored as float32 (spike counts, rates, fluorescence).
        labels: Named labels of length `T`; plain arrays become `Label`s.
        trial: Trial identifier of each bin, `(T,)`; a run of equal identifiers is one trial.
            Windows, time-displaced pairs and label differences never cross its borders.
        bin_s: Width of a time bin in seconds.
        name: What messages and figures call the recording.
        source: Where it came from; simulated recordings say so here.

    Raises:
        DataError: If shapes or lengths disagree, or values are not finite.
    """

    neural: Float[Tensor, "time neurons"]
    labels: Mapping[str, Label] = field(default_factory=dict)
    trial: Int[Tensor, " time"] | None = None
    bin_s: float | None = None
    name: str = "recording"
    source: str = ""

    def __post_init__(self) -> None:
        array: Any = self.neural
        if isinstance(array, np.ndarray) and not array.flags.writeable:
            array = array.copy()  # torch warns about read-only memory
        neural = torch.as_tensor(array).to(torch.float32)
        if neural.ndim != 2:
            raise DataError(
                f"neural must be two-dimensional, (time bins, neurons); {self.name} has shape "
                f"{tuple(neural.shape)}. Reshape it, one row for each time bin."
            )
        # A sum needs no copy of the recording; one that overflows is looked into.
        if not bool(neural.sum().isfinite()) and not bool(torch.isfinite(neural).all()):
            raise DataError(
                f"neural must be finite; {self.name} holds NaN or infinity. "
                "Fill these bins or cut them."
            )
        labels = {
            key: value if isinstance(value, Label) else Label(value, name=key)
            for key, value in self.labels.items()
        }
        trial = (
            None if self.trial is None else Label(self.trial, "categorical", name="trial").values
        )
        lengths = {key: len(label) for key, label in labels.items()}
        if trial is not None:
            lengths["trial"] = len(trial)
        for key, length in lengths.items():
            if length != len(neural):
                raise DataError(
                    f"labels and trials must span the same time bins as neural; {key} has "
                    f"{length} and {self.name} has {len(neural)}. Crop both to the shared window."
                )
        for key, value in (("neural", neural), ("labels", labels), ("trial", trial)):
            object.__setattr__(self, key, value)

    def __len__(self) -> int:
        return len(self.neural)

    @property
    def num_neurons(self) -> int:
        """The number of neurons `N`."""
        return self.neural.shape[1]

    @property
    def segments(self) -> Int[Tensor, "trials 2"]:
        """First bin and one past the last bin of each trial (of the whole recording without)."""
        if self.trial is None:
            return torch.tensor([[0, len(self)]])
        border = (self.trial[1:] != self.trial[:-1]).nonzero().flatten() + 1
        edges = torch.cat([torch.tensor([0]), border.cpu(), torch.tensor([len(self)])])
        return torch.stack([edges[:-1], edges[1:]], dim=1)

    def __getitem__(self, rows: Any) -> Recording:
        """Returns some bins. Bins that were not neighbours before end in different trials."""
        index = torch.arange(len(self))[rows]
        trial = torch.zeros(len(self), dtype=torch.int64) if self.trial is None else self.trial
        jump = torch.ones(len(index), dtype=torch.int64)
        jump[1:] = ((index[1:] - index[:-1] != 1) | (trial[index[1:]] != trial[index[:-1]])).long()
        contiguous = self.trial is None and int(jump.sum()) <= 1
        return Recording(
            neural=self.neural[index],
            labels={key: label[index] for key, label in self.labels.items()},
            trial=None if contiguous else jump.cumsum(0),
            bin_s=self.bin_s,
            name=self.name,
            source=self.source,
        )
