"""Rows of a recording as sampling sees them: whole windows, classes, coordinates of labels."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import DataError
from ..types import Label, Offset, Recording

__all__ = ["Classes", "coordinates", "joint_class", "labels_kind", "names", "pick", "valid_rows"]

log = logging.getLogger(__name__)

_SCALE_RATIO = 100.0  # label columns whose spreads differ by more are worth a line in the log


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
        self._class_of = torch.zeros_like(code).index_put_((rows,), dense)

    def same(
        self, row: Int[Tensor, " batch"], chance: Float[Tensor, " batch"]
    ) -> Int[Tensor, " batch"]:
        """Returns a bin of the same class for each row."""
        group = self._class_of[row]
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
    return " + ".join(repr(name) for name in labels)


def joint_class(labels: Mapping[str, Label]) -> Int[Tensor, " bins"]:
    """Returns one code for each combination of categorical labels."""
    codes = torch.stack([label.values for label in labels.values()], dim=1)
    return codes.unique(dim=0, return_inverse=True)[1]


def coordinates(
    labels: Mapping[str, Label],
) -> tuple[Float[Tensor, "bins columns"], Float[Tensor, " columns"]]:
    """Returns the weighted columns of all labels that have a distance, and their periods."""
    measured = {name: label for name, label in labels.items() if label.kind != "categorical"}
    columns = [label.values * label.weight**0.5 for label in measured.values()]
    periods = [
        torch.full(
            (label.values.shape[1],),
            (label.period or 0.0) * label.weight**0.5,
            dtype=torch.float64,
        )
        for label in measured.values()
    ]
    position = torch.cat(columns, dim=1)
    spread = position.std(dim=0) if len(position) > 1 else torch.zeros(1)
    spread = spread[spread > 0]
    if len(spread) and float(spread.max() / spread.min()) > _SCALE_RATIO:
        log.warning(
            "label columns differ in scale by a factor of %.0f; the largest decides which labels "
            "are near. Give labels a weight, or rescale them.",
            float(spread.max() / spread.min()),
        )
    return position, torch.cat(periods)
