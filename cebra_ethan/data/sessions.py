"""The labels and classes of several sessions as one, so that one can be searched for another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import DataError
from ..types import Label, Recording
from .rows import Classes, joint_class, names

__all__ = ["SessionClasses", "join_labels"]


def join_labels(recordings: Sequence[Recording]) -> dict[str, Label]:
    """Returns the labels of all recordings end to end, with one code for each class.

    Args:
        recordings: One for each session, with the same labels.

    Raises:
        DataError: If a session has other labels than the first, or the same label of another
            kind, width or period.

    Example:
        >>> one = Recording(torch.zeros(2, 3), {"side": Label(["left", "right"])})
        >>> two = Recording(torch.zeros(2, 5), {"side": Label(["top", "left"])})
        >>> join_labels([one, two])["side"].values
        tensor([0, 1, 2, 0])
    """
    first = recordings[0].labels
    if len(recordings) == 1:
        return dict(first)
    for number, recording in enumerate(recordings[1:], start=1):
        if set(recording.labels) != set(first):
            raise DataError(
                "all sessions need the same labels; session 0 has "
                f"{names(first)}, session {number} has {names(recording.labels)}. Pass the "
                "missing ones, or leave the others out."
            )
    return {name: _joined(name, [one.labels[name] for one in recordings]) for name in first}


class SessionClasses:
    """The bins of each class in each session.

    Args:
        labels: Categorical labels of all sessions, end to end.
        session_rows: The bins that may be drawn in each session.

    Attributes:
        code: The joint class of each bin.
        sessions: The bins of each class, for one session each.

    Raises:
        DataError: If a session shares no class with any other.
    """

    def __init__(
        self, labels: Mapping[str, Label], session_rows: Sequence[Int[Tensor, " _"]]
    ) -> None:
        self.code = joint_class(labels).to(session_rows[0].device)
        several = len(session_rows) > 1
        self.sessions = [
            Classes(self.code, rows, names(labels) + (f" in session {number}" if several else ""))
            for number, rows in enumerate(session_rows)
        ]
        self._present = torch.stack([one.present for one in self.sessions])
        self._everywhere = bool(self._present.all())
        shared = self._present.sum(dim=0) > 1
        for number, present in enumerate(self._present):
            if several and not bool((present & shared).any()):
                raise DataError(
                    f"each session needs a class that another one has too; session {number} "
                    f"shares none of {names(labels)}. Leave it out, or name its classes alike."
                )

    @property
    def are_everywhere(self) -> bool:
        """Whether each session has all classes."""
        return self._everywhere

    def available(
        self,
        session: Int[Tensor, " batch"],
        code: Int[Tensor, " batch"],
        chance: Float[Tensor, " batch"],
    ) -> tuple[Int[Tensor, " batch"], Float[Tensor, " batch"]]:
        """Returns sessions that have the class, and fresh numbers to draw a bin with.

        Where the session lacks the class, one of those that have it is taken, uniformly.
        """
        if len(self.sessions) == 1:
            return session, chance
        has = self._present[session, code]
        options = self._present[:, code]
        scaled = chance * options.sum(dim=0)
        other = (options.cumsum(dim=0) > scaled.long()).long().argmax(dim=0)
        return session.where(has, other), chance.where(has, scaled.frac())


def _joined(name: str, labels: Sequence[Label]) -> Label:
    first = labels[0]
    for number, label in enumerate(labels[1:], start=1):
        if _form(label) != _form(first):
            raise DataError(
                f"a label must have one form in all sessions; {name} is {_form(first)} in session "
                f"0 and {_form(label)} in session {number}. Bring it to one form."
            )
    joined = first[torch.arange(0)]
    if first.classes is None:
        joined.values = torch.cat([label.values for label in labels])
        return joined
    joined.classes = np.unique(np.concatenate([label.classes for label in labels]))
    codes = [np.searchsorted(joined.classes, label.to_numpy()) for label in labels]
    joined.values = torch.from_numpy(np.concatenate(codes).astype(np.int64))
    return joined


def _form(label: Label) -> str:
    if label.classes is not None:
        return f"{label.kind} ({'words' if label.classes.dtype.kind in 'US' else 'numbers'})"
    turn = "" if label.period is None else f", period {label.period:g}"
    return f"{label.kind} ({label.values.shape[1]} columns, weight {label.weight:g}{turn})"
