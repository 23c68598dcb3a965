r"""Search for the nearest label where all but one column have few values, by bisection.

A place and a direction, a place and a class, or one column alone: the values of the long column
are sorted within each combination of the others, which are few. In each of these groups the
nearest label is one of two neighbours of the query, and the nearest of all is one of these,

.. math:: \min_g \; |q_o - u_g|^2 + \min_{j \in g} (q_m - v_j)^2

with the long column `m`, the others `o`, and the labels `(u_g, v_j)` of group `g`. That takes
`log m` comparisons a group, where a tree walks through many leaves whose boxes overlap.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["GroupedLabels"]

_MOST_GROUPS = 16
_LOOK = 1_000  # so many rows mostly tell whether a column has many values


class GroupedLabels:
    """Finds the nearest of distinct labels; made by `of`.

    Args:
        labels: `(m, d)` float64, each row once; circular columns in `[0, period)`.
        period: Period of each column, `(d,)`; 0 where it is not circular.
        column: The one with many values.
        code: Which combination of the other columns each row has, `(m,)`, from 0 on.

    Example:
        >>> labels = torch.tensor([[0.0, 0.0], [0.0, 1.0], [5.0, 1.0]], dtype=torch.float64)
        >>> find = GroupedLabels.of(labels, torch.zeros(2, dtype=torch.float64))
        >>> find(torch.tensor([[1.0, 0.1], [3.0, 0.4]], dtype=torch.float64))
        tensor([0, 2])
    """

    def __init__(
        self,
        labels: Float[Tensor, "labels columns"],
        period: Float[Tensor, " columns"],
        column: int,
        code: Int[Tensor, " labels"],
    ) -> None:
        self._column, self._others = column, _without(column, labels)
        self._period, self._turns = float(period[column]), period[self._others]
        self._any_turn = bool((self._turns > 0).any())
        order = labels[:, column].argsort(stable=True)
        order = order[code[order].argsort(stable=True)]
        sizes = code.bincount().tolist()
        self._rows = order.split(sizes)
        self._values = labels[order, column].split(sizes)
        self._groups = [labels[rows[0], self._others] for rows in self._rows]

    @classmethod
    def of(
        cls, labels: Float[Tensor, "labels columns"], period: Float[Tensor, " columns"]
    ) -> GroupedLabels | None:
        """Returns the search, `None` unless all columns but one have 16 combinations at most."""
        column = None
        for k in range(labels.shape[1]):
            if _has_many_values(labels[:, k]):
                if column is not None:
                    return None
                column = k
        column = column or 0
        code = _combinations(labels, _without(column, labels))
        return None if code is None else cls(labels, period, column, code)

    def __call__(self, query: Float[Tensor, "queries columns"]) -> Int[Tensor, " queries"]:
        """Returns the nearest row of `labels` for each query; circular columns are wrapped."""
        wanted = query[:, self._column].contiguous()
        rest = query[:, self._others]
        found = torch.zeros_like(wanted, dtype=torch.long)
        least = torch.full_like(wanted, torch.inf)
        for group, rows, values in zip(self._groups, self._rows, self._values, strict=True):
            near, gap = self._neighbour(values, wanted)
            apart = (rest - group).abs()
            if self._any_turn:
                around = torch.minimum(apart, self._turns - apart)
                apart = torch.where(self._turns > 0, around, apart)
            distance = gap.square() + apart.square().sum(dim=1)
            closer = distance < least
            found = torch.where(closer, rows[near], found)
            least = torch.where(closer, distance, least)
        return found

    def _neighbour(
        self, values: Float[Tensor, " size"], wanted: Float[Tensor, " queries"]
    ) -> tuple[Int[Tensor, " queries"], Float[Tensor, " queries"]]:
        """Returns the nearest of ascending values, the lower of two, and how far it is."""
        right = torch.searchsorted(values, wanted)
        left = right - 1
        if self._period > 0:
            left, right = left % len(values), right % len(values)
        else:
            left, right = left.clamp(min=0), right.clamp(max=len(values) - 1)
        to_left, to_right = self._gap(wanted - values[left]), self._gap(wanted - values[right])
        return torch.where(to_left <= to_right, left, right), torch.minimum(to_left, to_right)

    def _gap(self, difference: Float[Tensor, " queries"]) -> Float[Tensor, " queries"]:
        gap = difference.abs()
        return torch.minimum(gap, self._period - gap) if self._period > 0 else gap


def _without(column: int, labels: Float[Tensor, "labels columns"]) -> list[int]:
    return [k for k in range(labels.shape[1]) if k != column]


def _has_many_values(column: Float[Tensor, " labels"]) -> bool:
    some = column[:: max(1, len(column) // _LOOK)]
    return len(some.unique()) > _MOST_GROUPS or len(column.unique()) > _MOST_GROUPS


def _combinations(
    labels: Float[Tensor, "labels columns"], columns: list[int]
) -> Int[Tensor, " labels"] | None:
    """Returns a number for each combination of some columns, from 0 on; `None` if too many.

    A row that has none yet is compared with all, again and again: to sort them takes more memory.
    """
    code = torch.full((len(labels),), -1, dtype=torch.int8, device=labels.device)
    if not columns:
        return torch.zeros_like(code)
    others = labels[:, columns]
    found: list[Tensor] = []
    while bool((code < 0).any()):
        if len(found) == _MOST_GROUPS:
            return None
        found.append(others[int((code < 0).int().argmax())])
        code[(others == found[-1]).all(dim=1)] = len(found) - 1
    rank: Tensor = torch.stack(found).unique(dim=0, return_inverse=True)[1]
    return rank.to(torch.int8)[code.int()]
