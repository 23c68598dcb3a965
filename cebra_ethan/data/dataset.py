"""What is compared with what: recordings with the rule that draws pairs from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import DataError
from ..types import Batch, Indices, Label, Offset, Recording
from ..utils.validation import as_array, check_finite, check_numeric, to_float32
from .neighbors import Ties
from .sampler import Conditional, Prior, Sampler, SamplingOptions
from .sampling import make_sampler

__all__ = ["BehavioralDataset", "ContrastiveDataset", "NeuralDataset", "as_labels", "as_recording"]


class NeuralDataset:
    """A recording as a sequence of windows.

    Args:
        neural: Activity `(T, N)`: array, tensor, table, or a `Recording`.
        trial: Trial of each bin, `(T,)`.
        offset: Receptive field of a window; one bin without.
        name: What messages call the recording.

    Example:
        >>> dataset = NeuralDataset(torch.arange(10.0)[:, None], offset=Offset(1, 2))
        >>> dataset[4]
        tensor([[3., 4., 5.]])
    """

    def __init__(
        self,
        neural: Any,
        *,
        trial: Any = None,
        offset: Offset | None = None,
        name: str = "recording",
    ) -> None:
        self.recording = as_recording(neural, trial=trial, name=name)
        self.offset = offset or Offset(0, 1)
        self._segments = self.recording.segments

    def __len__(self) -> int:
        return len(self.recording)

    def __getitem__(self, row: int) -> Float[Tensor, "neurons bins"]:
        """Returns the window of one bin, `(N, L)`; at the ends of a trial the edge repeats."""
        center = range(len(self))[row]
        rows = torch.arange(-self.offset.left, self.offset.right) + center
        trial = torch.searchsorted(self._segments[:, 1].contiguous(), center, right=True)
        start, stop = self._segments[trial].tolist()
        return self.recording.neural[rows.clamp(start, stop - 1)].T

    @property
    def num_neurons(self) -> int:
        """The number of neurons `N`."""
        return self.recording.num_neurons


class ContrastiveDataset(NeuralDataset):
    """A recording whose pairs are drawn by time, or by labels where there are any.

    Args:
        neural: Activity `(T, N)`: array, tensor, table, or a `Recording` with labels and trials.
        labels: As for `BehavioralDataset`, which demands them.
        trial: Trial of each bin, `(T,)`. Windows and pairs stay inside a trial.
        time_offset: Bins between a reference and its positive (time), or over which labels change.
        num_negatives: Negatives drawn for each reference; `None` shares the batch's among all.
        conditional: What makes a positive: `"time"`, `"time_delta"`, `"delta_normal"`,
            `"discrete"`, or `None` for what suits the labels (see `data.sampling.SAMPLERS`).
        delta: Standard deviation for `"delta_normal"`, in the label's unit.
        prior: `"empirical"` or `"uniform"` (over classes), see `SamplingOptions`.
        ties: How equal labels are told apart, see `NearestLabel`.
        hybrid: Draw two positives, one by behaviour and one by time.
        name: What messages call the recording.

    Raises:
        DataError: If shapes, lengths or values do not fit.
        InvalidParameterError: If an option is outside its set.
    """

    def __init__(
        self,
        neural: Any,
        *,
        labels: Any = None,
        trial: Any = None,
        time_offset: int = 1,
        num_negatives: int | None = None,
        conditional: Conditional | None = None,
        delta: float | None = None,
        prior: Prior | None = None,
        ties: Ties = "uniform",
        hybrid: bool = False,
        name: str = "recording",
    ) -> None:
        super().__init__(as_recording(neural, labels=labels, trial=trial, name=name))
        self.options = SamplingOptions(
            conditional=conditional,
            time_offset=time_offset,
            num_negatives=num_negatives,
            delta=delta,
            prior=prior,
            ties=ties,
            hybrid=hybrid,
        )

    def sampler(self, offset: Offset, device: torch.device | str = "cpu") -> Sampler:
        """Returns the sampler of whole windows for a model with this receptive field."""
        return make_sampler(self.recordings, offset, self.options, device)

    def batch(self, indices: Indices, offset: Offset) -> Batch:
        """Returns drawn rows with their windows, not augmented."""
        return Batch(self.recordings, indices, offset)

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """The recordings that rows are drawn from: this one."""
        return (self.recording,)


class BehavioralDataset(ContrastiveDataset):
    """A recording whose pairs are drawn by behaviour.

    Args:
        neural: As for `ContrastiveDataset`.
        labels: One array or `Label`, a sequence of them, or a mapping of names to them, each
            `(T,)` or `(T, d)`. Floats are continuous, integers, bools and strings categorical.
        options: The keyword arguments of `ContrastiveDataset`.

    Raises:
        DataError: If there is no label.

    Example:
        >>> dataset = BehavioralDataset(torch.randn(100, 5), {"position": torch.rand(100)})
        >>> type(dataset.sampler(Offset(0, 1))).__name__
        'DeltaSampler'
    """

    def __init__(self, neural: Any, labels: Any = None, **options: Any) -> None:
        super().__init__(neural, labels=labels, **options)
        if not self.recording.labels:
            raise DataError(
                "a BehavioralDataset needs one label or more; got none. Pass labels, or use "
                "ContrastiveDataset to draw pairs by time."
            )


def as_recording(
    neural: Any,
    *,
    labels: Any = None,
    trial: Any = None,
    name: str = "recording",
) -> Recording:
    """Returns the recording of what a user passed; a `Recording` is completed, not copied.

    Raises:
        DataTypeError: If the array does not hold numbers.
        DataError: If its shape or values cannot be used.
    """
    if isinstance(neural, Recording):
        return Recording(
            neural=neural.neural,
            labels=neural.labels if labels is None else as_labels(labels),
            trial=neural.trial
            if trial is None
            else Label(trial, "categorical", name="trial").values,
            bin_s=neural.bin_s,
            name=neural.name,
            source=neural.source,
        )
    array = as_array(neural, "neural")
    if hasattr(array, "toarray"):
        raise DataError("neural must be dense; got a sparse matrix. Call .toarray() first.")
    array = np.asarray(array)
    check_numeric(array, "neural")
    check_finite(array, "neural")
    tensor = torch.from_numpy(to_float32(array, "neural"))
    coded = None if trial is None else Label(trial, "categorical", name="trial").values
    named = {} if labels is None else as_labels(labels)
    return Recording(neural=tensor, labels=named, trial=coded, name=name)


def as_labels(labels: Any) -> dict[str, Label]:
    """Returns named labels of a mapping, a table, a sequence of labels, or one label.

    Example:
        >>> as_labels([[0.1, 0.2], ["a", "b"]])
        {'label 0': Label('label 0', continuous, shape=(2, 1)), 'label 1': Label('label 1', ...)}
    """
    if isinstance(labels, Mapping):
        named = dict(labels)
    elif len(getattr(labels, "columns", ())) > 1:  # so that each column has its own kind
        named = {str(name): labels[name] for name in labels.columns}
    elif isinstance(labels, (tuple, list)) and any(_is_column(one) for one in labels):
        named = {f"label {k}": one for k, one in enumerate(labels)}
    else:
        named = {"label 0": labels}
    return {
        name: one if isinstance(one, Label) else Label(as_array(one, name), name=name)
        for name, one in named.items()
    }


def _is_column(value: Any) -> bool:
    if isinstance(value, (Label, list, tuple)):
        return True
    return getattr(value, "ndim", 0) > 0
