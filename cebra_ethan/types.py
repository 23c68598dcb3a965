"""The nouns of the package: recordings, labels, receptive fields, drawn rows, batches, objectives.

Shapes: `T` time bins, `N` neurons, `B` batch rows, `K` negatives of one reference, `L` bins of a
window, `D` dimensions of the embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .errors import DataError, DataTypeError

__all__ = ["Augmentation", "Batch", "Indices", "Kind", "Label", "Objective", "Offset", "Recording"]

Kind = Literal["continuous", "circular", "categorical"]

Augmentation = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""Maps windows `(B, N, L)`, each neuron's standard deviation `(N,)` and a generator to windows."""


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


class Label:
    """One value per time bin, with the kind that says how two values compare.

    Args:
        values: `(T,)` or `(T, d)`. Floats are continuous unless `kind` says otherwise; integers,
            bools and strings are categorical, one-dimensional, and re-coded to `0 .. C-1`.
        kind: `"continuous"`, `"circular"` or `"categorical"`; `None` infers it from the type.
        period: Length of one turn of a circular label, in the label's unit (360 for degrees).
        weight: Multiplies the label's squared distance when several labels are searched together.
        name: What error messages call this label.

    Attributes:
        values: Float64 `(T, d)`, or int64 codes `(T,)` for a categorical label.
        classes: The original value of each code, sorted; `None` unless categorical.

    Raises:
        DataTypeError: If values are neither numbers, bools nor strings.
        DataError: If values are not finite, have the wrong rank, or kind and period disagree.

    Example:
        >>> Label(["left", "right", "left"]).values
        tensor([0, 1, 0])
        >>> Label([350.0, 10.0], "circular", period=360.0).kind
        'circular'
    """

    def __init__(
        self,
        values: Any,
        kind: Kind | None = None,
        *,
        period: float | None = None,
        weight: float = 1.0,
        name: str = "label",
    ) -> None:
        array = _as_array(values, name)
        inferred: Kind = "continuous" if array.dtype.kind == "f" else "categorical"
        self.kind: Kind = kind or inferred
        self.name, self.period, self.weight = name, period, float(weight)
        self.classes: np.ndarray | None = None
        if self.kind not in get_args(Kind):
            raise DataError(
                f"the kind of {name} must be one of {', '.join(get_args(Kind))}; got {kind!r}."
            )
        turns = period is not None and np.isfinite(period) and period > 0
        if (period is not None or self.kind == "circular") and not (
            turns and self.kind == "circular"
        ):
            raise DataError(
                f"a circular label needs a positive, finite period, other kinds none; {name} has "
                f"kind={self.kind!r} and period={period!r}."
            )
        if not (np.isfinite(weight) and weight > 0):
            raise DataError(f"the weight of {name} must be positive and finite; got {weight!r}.")
        if self.kind == "categorical":
            self.values, self.classes = _encode(array, name)
        else:
            self.values = _as_columns(array, name)
            if period is not None:
                self.values = self.values.remainder(period)
                self.values[self.values >= period] = 0.0  # where a tiny negative was rounded up

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        turn = f", period={self.period:g}" if self.period is not None else ""
        return f"Label({self.name!r}, {self.kind}, shape={tuple(self.values.shape)}{turn})"

    def __getitem__(self, rows: Any) -> Label:
        """Returns the label at some rows; the codes of a categorical label keep their meaning."""
        part = object.__new__(Label)
        part.__dict__.update(self.__dict__)
        part.values = self.values[rows]
        return part

    def to_numpy(self) -> np.ndarray:
        """Returns the values as given: `(T,)` or `(T, d)`, categories in their original form."""
        values = self.values.numpy(force=True)
        if self.classes is not None:
            return np.asarray(self.classes[values])
        return values[:, 0] if values.shape[1] == 1 else values


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
        if not bool(torch.isfinite(neural).all()):
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


@dataclass(frozen=True)
class Indices:
    """Drawn rows. Row `i` of every field belongs to row `i` of the others.

    With several recordings a row counts through them in order: bin `t` of recording `s` is
    `t` plus the number of bins of all recordings before `s`.

    Args:
        reference: `(B,)`.
        positive: One `(B,)` for each objective.
        negative: `(B,)`, shared by all references, or `(B, K)`, each reference its own.
    """

    reference: Int[Tensor, " batch"]
    positive: tuple[Int[Tensor, " batch"], ...]
    negative: Int[Tensor, " batch"] | Int[Tensor, "batch negatives"]

    def split(self, batch_size: int) -> list[Indices]:
        """Returns consecutive parts of `batch_size` rows."""
        parts = zip(
            torch.split(self.reference, batch_size),
            zip(*(torch.split(rows, batch_size) for rows in self.positive), strict=True),
            torch.split(self.negative, batch_size),
            strict=True,
        )
        return [Indices(*part) for part in parts]


@dataclass(frozen=True, eq=False)
class Batch:
    """Drawn rows of recordings; their windows are gathered when they are asked for.

    Args:
        recordings: Where the rows point to.
        indices: The drawn rows.
        offset: The receptive field of a window.
        augmentation: Changes windows after they are gathered, or `None`.
        scale: Standard deviation of each neuron `(N,)`, the unit of additive noise.
        generator: Source of the augmentation's randomness.
    """

    recordings: Sequence[Recording]
    indices: Indices
    offset: Offset
    augmentation: Augmentation | None = None
    scale: Float[Tensor, " neurons"] | None = None
    generator: torch.Generator | None = None

    def windows(self, rows: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape neurons bins"]:
        """Returns the window of each row, `(..., N, L)`.

        Memory is time-major, `(L, rows, N)`, which makes a convolution over few bins a sum of
        plain matrix products (see `models.layers.Conv1d`); what is returned is a view of it.
        """
        (recording,) = self.recordings
        steps = torch.arange(-self.offset.left, self.offset.right, device=rows.device)
        flat = rows.flatten()
        windows = recording.neural[flat + steps[:, None]].permute(1, 2, 0)
        if self.augmentation is not None:
            assert self.scale is not None
            assert self.generator is not None
            windows = self.augmentation(windows, self.scale, self.generator)
        return windows.unflatten(0, rows.shape)

    @property
    def reference(self) -> Float[Tensor, "batch neurons bins"]:
        """The windows of the references, `(B, N, L)`."""
        return self.windows(self.indices.reference)

    @property
    def positive(self) -> tuple[Float[Tensor, "batch neurons bins"], ...]:
        """The windows of the positives, one `(B, N, L)` for each objective."""
        return tuple(self.windows(rows) for rows in self.indices.positive)

    @property
    def negative(self) -> Float[Tensor, "batch *negatives neurons bins"]:
        """The windows of the negatives, `(B, N, L)` or `(B, K, N, L)`."""
        return self.windows(self.indices.negative)


@dataclass(frozen=True, eq=False)
class Objective:
    """A criterion on a subspace of the embedding.

    Args:
        criterion: Maps reference, positive and negative embeddings to a loss.
        name: What the history calls its loss.
        weight: Factor of its loss in the sum.
        dims: The dimensions of the embedding that it sees.
    """

    criterion: nn.Module
    name: str = "loss"
    weight: float = 1.0
    dims: slice = field(default_factory=lambda: slice(None))


def _as_array(values: Any, name: str) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().float() if values.dtype == torch.bfloat16 else values.detach()
        values = values.cpu().numpy()
    array = np.asarray(values)
    if array.dtype.kind == "O":
        array = _from_objects(array, name)
    if array.dtype.kind not in "biufUS":
        raise DataTypeError(
            f"labels must be numbers, bools or strings; {name} has dtype {array.dtype}. "
            "Convert it first."
        )
    if array.ndim not in (1, 2) or array.size == 0:
        raise DataError(
            f"a label must have shape (time bins,) or (time bins, columns) and not be empty; "
            f"{name} has shape {array.shape}."
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise DataError(
            f"labels must be finite; {name} holds NaN or infinity, first in row {row}. "
            "Fill these bins or cut them from the labels and the neural data."
        )
    return array


def _from_objects(array: np.ndarray, name: str) -> np.ndarray:
    values = array.ravel().tolist()
    if all(isinstance(value, str) for value in values):
        return array.astype(str)
    if all(isinstance(value, (bool, int, np.bool_, np.integer)) for value in values):
        return np.array(values).reshape(array.shape)  # stays a bool or an integer: categorical
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        kinds = sorted({type(value).__name__ for value in values})
        raise DataTypeError(
            f"labels must be numbers, bools or strings; {name} has dtype object and holds "
            f"{', '.join(kinds)}. Convert it first."
        ) from None


def _encode(array: np.ndarray, name: str) -> tuple[Tensor, np.ndarray]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            f"a categorical label must have shape (time bins,); {name} has shape {array.shape}. "
            "Pass one label for each column, or floats if the columns are continuous."
        )
    if array.dtype.kind == "u" and array.max() > np.iinfo(np.int64).max:
        raise DataError(
            f"an integer label must fit into int64; {name} goes up to {array.max()}. "
            "Pass class names as strings instead."
        )
    classes, codes = np.unique(array, return_inverse=True)
    return torch.from_numpy(codes.astype(np.int64)), classes


def _as_columns(array: np.ndarray, name: str) -> Tensor:
    if array.dtype.kind in "US":
        raise DataError(f"a continuous or circular label needs numbers; {name} holds strings.")
    columns = array.astype(np.float64)
    return torch.from_numpy(columns[:, None] if columns.ndim == 1 else columns)
