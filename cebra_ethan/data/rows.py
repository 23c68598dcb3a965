"""Rows of a recording as sampling sees them: whole windows, classes, coordinates of labels."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..errors import DataError
from ..types import Label, Offset, Recording

__all__ = ["Classes", "coordinates", "joint_class", "labels_kind", "names", "pick", "valid_rows"]

log = logging.getLogger(__name__)

_SCALE_RATIO = 100.0  # label columns whose spreads differ by more are worth a warning
_FEW_CLASSES, _MANY_CLASSES = 10, 100  # integers with more values are rather numbers than names


def valid_rows(
    recording: Recording, offset: Offset, displacement: int = 0
) -> Int[Tensor, " rows"]:
    """Returns the bins whose whole window lies inside a trial that has a displaced window too.

    Args:
        recording: Gives the trials.
        offset: The window.
        displacement: Bins that a trial must have beyond one window.

    Raises:
        DataError: If no trial is long enough.

    Example:
        >>> valid_rows(Recording(torch.zeros(6, 1)), Offset(2, 2))
        tensor([2, 3, 4])
    """
    start, stop = recording.segments.unbind(dim=1)
    needed = offset.span + displacement
    long_enough = stop - start >= needed
    dropped = int((~long_enough).sum())
    if not bool(long_enough.any()):
        raise DataError(
            f"a trial needs at least {needed} time bins, the receptive field of {offset.span} and "
            f"a time offset of {displacement}; {recording.name} has {len(start)} trial(s), the "
            f"longest with {int((stop - start).max())}. Pass more data, or use a smaller model or "
            "time_offsets."
        )
    if dropped:
        log.info(
            "%s: %d of %d trials are too short (< %d bins)",
            recording.name,
            dropped,
            len(start),
            needed,
        )
    spans = zip(start[long_enough].tolist(), stop[long_enough].tolist(), strict=True)
    return torch.cat([torch.arange(a + offset.left, b - offset.right + 1) for a, b in spans])


class Classes:
    """The bins of each class, for drawing uniformly inside a class or over classes."""

    def __init__(self, code: Int[Tensor, " bins"], rows: Int[Tensor, " rows"], name: str) -> None:
        used, dense, count = code[rows].unique(return_inverse=True, return_counts=True)
        if len(used) > 1 and int(count.max()) == 1:
            raise DataError(
                f"a positive needs another bin of the same class; each of the {len(used)} classes "
                f"of {name} has one bin. Use fewer classes, or pass floats for a continuous label."
            )
        single = int((count == 1).sum())
        if single:
            warnings.warn(
                f"{single} of {len(used)} classes of {name} have one bin",
                UserWarning,
                stacklevel=4,
            )
        if len(used) == 1:
            warnings.warn(
                f"the label {name} is constant, one of its classes is there",
                UserWarning,
                stacklevel=4,
            )
        self._rows = rows[dense.argsort(stable=True)]
        self._count, self._start = count, count.cumsum(0) - count
        self._group = torch.full_like(code[: int(code.max()) + 1], -1)
        self._group[used] = torch.arange(len(used), device=code.device)

    @property
    def present(self) -> Bool[Tensor, " codes"]:
        """Whether there is a bin of each class."""
        return self._group >= 0

    def draw(
        self, code: Int[Tensor, " batch"], chance: Float[Tensor, " batch"]
    ) -> Int[Tensor, " batch"]:
        """Returns a bin of each class."""
        group = self._group[code]
        return self._rows[self._start[group] + (chance * self._count[group]).long()]

    def balanced(self, chance: Float[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Returns bins that are uniform over classes, and inside each class."""
        position = chance * len(self._count)  # its whole part draws the class, the rest the bin
        group = position.long()
        return self._rows[self._start[group] + ((position - group) * self._count[group]).long()]


def pick(rows: Int[Tensor, " rows"], chance: Float[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
    """Returns rows chosen uniformly by numbers in `[0, 1)`."""
    return rows[(chance * len(rows)).long()]


def labels_kind(labels: Mapping[str, Label]) -> str:
    """Returns `"none"`, `"continuous"`, `"categorical"` or `"mixed"`."""
    categorical = {label.kind == "categorical" for label in labels.values()}
    if not categorical:
        return "none"
    if len(categorical) == 2:
        return "mixed"
    return "categorical" if categorical.pop() else "continuous"


def names(labels: Mapping[str, Label]) -> str:
    """Returns the labels' names for a message."""
    return " + ".join(repr(name) for name in labels) or "none"


def joint_class(labels: Mapping[str, Label]) -> Int[Tensor, " bins"]:
    """Returns one code for each combination of categorical labels."""
    for name, label in labels.items():
        if label.classes is not None and label.classes.dtype.kind in "iu":
            _warn_of_many_classes(name, len(label.values.unique()), len(label))
    codes = torch.stack([label.values for label in labels.values()], dim=1)
    return codes.unique(dim=0, return_inverse=True)[1]


def coordinates(
    labels: Mapping[str, Label],
) -> tuple[Float[Tensor, "bins columns"], Float[Tensor, " columns"]]:
    """Returns the weighted columns of all labels that have a distance, and their periods."""
    measured = {name: label for name, label in labels.items() if label.kind != "categorical"}
    columns, periods, titles = [], [], []
    for name, label in measured.items():
        _warn_of_radians(name, label)
        width = label.values.shape[1]
        columns.append(label.values * label.weight**0.5)
        period = (label.period or 0.0) * label.weight**0.5
        periods.append(torch.full((width,), period, dtype=torch.float64))
        titles += [repr(name) if width == 1 else f"{name!r}, column {k}" for k in range(width)]
    position = torch.cat(columns, dim=1) if len(columns) > 1 else columns[0]
    _warn_of_scales(titles, position)
    return position, torch.cat(periods)


# The texts hold no numbers of the data, so that what is shown once for equal texts is not repeated
# for each part of a recording (training, held out).


def _warn_of_scales(titles: Sequence[str], position: Float[Tensor, "bins columns"]) -> None:
    spread = position.std(dim=0, correction=0)
    low, high = int(spread.where(spread > 0, torch.inf).argmin()), int(spread.argmax())
    if float(spread[high]) > _SCALE_RATIO * float(spread[low]) > 0:
        warnings.warn(
            f"label columns differ in scale by a factor of more than {_SCALE_RATIO:g}: the spread "
            f"of {titles[high]} is the largest and decides which labels are near, that of "
            f"{titles[low]} the smallest. Give labels a weight, or rescale them.",
            UserWarning,
            stacklevel=3,
        )


def _warn_of_many_classes(name: str, num_classes: int, num_bins: int) -> None:
    usual = min(_MANY_CLASSES, max(_FEW_CLASSES, num_bins / 2))
    if usual < num_classes < num_bins:  # if all differ, an error follows
        warnings.warn(
            f"the label {name!r} holds integers, so each value is a class, and there are very "
            f"many (over {_MANY_CLASSES}, or half of the time bins). Pass floats for a continuous "
            "label (--continuous on the command line).",
            UserWarning,
            stacklevel=3,
        )


def _warn_of_radians(name: str, label: Label) -> None:
    if label.period != 360.0:
        return
    from_zero = torch.minimum(label.values, 360.0 - label.values)
    if 0.0 < float(from_zero.max()) <= 2 * math.pi:
        warnings.warn(
            f"the label {name!r} has a period of 360 and stays within 2 pi of zero, as radians "
            "do. Pass degrees, or a period of 2 pi (6.283185307179586).",
            UserWarning,
            stacklevel=3,
        )
