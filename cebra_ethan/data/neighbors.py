"""Exact search for the bin whose label is nearest to a query, in memory linear in the bins.

Recordings repeat labels: an animal rests, a movie frame is shown again. So the search runs among
the *distinct* label rows, and a bin is drawn uniformly from those that carry the nearest one.
Which search is fastest depends on the label, and all are exact:

===============  ===============================================  ==================
search           when                                             cost of one query
===============  ===============================================  ==================
`GroupedLabels`  one column, or few values in all others          O(log m) a group
`_tree`          few columns, on the CPU                          about O(log m)
`_brute`         many columns, or on an accelerator               O(m d), in blocks
===============  ===============================================  ==================

with `m` distinct rows of `d` columns; `data.changes` is faster for many columns that repeat.
Distances are sums of squared differences, never `|a|^2 - 2 a.b + |b|^2`: that form loses the
digits of labels far from zero, and its last bits depend on how many queries are asked at once.
Only an accelerator, where it is a hundred times faster, uses it for labels that are not circular:
around their mean and in double precision, so that what it finds is nearest but for 1e-8 of their
range.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

from .grouped import GroupedLabels

__all__ = ["TREE_COLUMNS", "NearestLabel", "Ties"]

Ties = Literal["uniform", "first"]
_Search = Callable[[Tensor], Tensor]

TREE_COLUMNS = 12
"""Beyond these a k-d tree visits most of its leaves."""

_MANY_QUERIES = 2048  # worth the start of a thread
_BLOCK_ELEMENTS = 1 << 22  # 32 MiB of float64 distances at a time
_BLOCK_ON_DEVICE = 1 << 27  # an accelerator is idle with less


class NearestLabel:
    """The bins of a recording, indexed by their label.

    Args:
        labels: Coordinates of each bin, `(T, d)` float64.
        rows: The bins that may be found, `(n,)`, ascending.
        period: Period of each column, `(d,)`; 0 where it is not circular.
        ties: `"uniform"` draws among all bins with the nearest label, `"first"` takes the
            earliest of them (what an argmin over all bins does).

    Example:
        >>> labels = torch.tensor([[0.0], [1.0], [1.0], [5.0]], dtype=torch.float64)
        >>> index = NearestLabel(labels, torch.arange(4), torch.zeros(1, dtype=torch.float64))
        >>> query = torch.tensor([[0.9], [9.0]], dtype=torch.float64)
        >>> index(query, chance=torch.tensor([0.99, 0.5], dtype=torch.float64))
        tensor([2, 3])
    """

    def __init__(
        self,
        labels: Float[Tensor, "bins columns"],
        rows: Int[Tensor, " found"],
        period: Float[Tensor, " columns"],
        ties: Ties = "uniform",
    ) -> None:
        self.is_circular = bool((period > 0).any())
        labels = _wrap(labels[rows], period) if self.is_circular else labels[rows]
        order, start, count = _group_equal_rows(labels)
        self.rows = rows[order]  # bins, those of one distinct label side by side
        self.start, self.count = start, count
        self.distinct = labels[order[start]]
        self.period = period
        self.ties = ties
        columns = labels.shape[1]
        del labels, order  # as much memory as the tree will take
        grouped = GroupedLabels.of(self.distinct, period)
        if grouped is not None:
            self._search: _Search = grouped
        elif columns <= TREE_COLUMNS and rows.device.type == "cpu":
            box = period.numpy() if self.is_circular else None  # which costs a copy, and time
            self._tree = cKDTree(self.distinct.numpy(), boxsize=box)
            self._search = self._nearest_in_tree
        else:
            self._search = self._brute
            if rows.device.type != "cpu":
                self._center = self.distinct.mean(dim=0)
                self._columns = (self.distinct - self._center).T
                self._half = self._columns.square().sum(dim=0) / 2

    def __call__(
        self, query: Float[Tensor, "queries columns"], chance: Float[Tensor, " queries"]
    ) -> Int[Tensor, " queries"]:
        """Returns one bin for each query, among those whose label is nearest to it.

        Args:
            query: `(q, d)`; circular columns are wrapped here.
            chance: Uniform numbers in `[0, 1)` that choose among equal labels, `(q,)`.
        """
        return self.draw(self.label(query), chance)

    def label(self, query: Float[Tensor, "queries columns"]) -> Int[Tensor, " queries"]:
        """Returns the nearest row of `distinct` for each query."""
        return self._search(_wrap(query, self.period) if self.is_circular else query)

    def draw(
        self, label: Int[Tensor, " queries"], chance: Float[Tensor, " queries"]
    ) -> Int[Tensor, " queries"]:
        """Returns one of the bins that carry each label, a row of `distinct`."""
        if self.ties == "first":
            return self.rows[self.start[label]]
        return self.rows[self.start[label] + (chance * self.count[label]).long()]

    def _nearest_in_tree(self, query: Float[Tensor, "queries columns"]) -> Int[Tensor, " queries"]:
        workers = torch.get_num_threads() if len(query) >= _MANY_QUERIES else 1
        found = self._tree.query(query.numpy(), workers=workers)[1]
        return torch.from_numpy(found.astype(np.int64, copy=False))

    def _brute(self, query: Float[Tensor, "queries columns"]) -> Int[Tensor, " queries"]:
        width = query.shape[1] if self.is_circular else 1
        size = _BLOCK_ELEMENTS if query.device.type == "cpu" else _BLOCK_ON_DEVICE
        block = max(1, size // (len(self.distinct) * width))
        found = []
        for part in query.split(block):
            if self.is_circular:
                gap = part[:, None] - self.distinct
                turn = torch.where(self.period > 0, self.period, torch.inf)
                gap = torch.minimum(gap.abs(), turn - gap.abs())
                distance = (gap**2).sum(dim=2)
            elif part.device.type == "cpu":
                exact = "donot_use_mm_for_euclid_dist"
                distance = torch.cdist(part, self.distinct, compute_mode=exact)
            else:
                distance = torch.addmm(self._half, part - self._center, self._columns, alpha=-1)
            found.append(distance.argmin(dim=1))
        return torch.cat(found)


def _wrap(
    labels: Float[Tensor, "rows columns"], period: Float[Tensor, " columns"]
) -> Float[Tensor, "rows columns"]:
    """Returns labels with circular columns in `[0, period)`."""
    turn = period > 0
    wrapped = torch.where(turn, labels.remainder(torch.where(turn, period, 1.0)), labels)
    # A tiny negative number wraps to the period itself in floating point.
    return torch.where(turn & (wrapped >= period), 0.0, wrapped)


def _group_equal_rows(
    labels: Float[Tensor, "bins columns"],
) -> tuple[Int[Tensor, " bins"], Int[Tensor, " distinct"], Int[Tensor, " distinct"]]:
    """Returns an order that puts equal rows side by side, and start and size of each group.

    The order is lexicographic and stable: groups of a one-column label ascend, and inside a
    group the bins ascend.
    """
    if labels.device.type == "cpu":  # a third of the memory that sorts by PyTorch take
        columns = reversed(labels.unbind(dim=1))
        order = torch.from_numpy(np.lexsort([column.numpy() for column in columns]))
    else:
        order = torch.arange(len(labels), device=labels.device)
        for column in labels.T.flip(0):
            order = order[column[order].argsort(stable=True)]
    first = torch.zeros(len(labels), dtype=torch.bool, device=labels.device)
    first[0] = True
    for column in labels.T:
        ordered = column[order]
        first[1:] |= ordered[1:] != ordered[:-1]
    start = first.nonzero().flatten()
    count = torch.diff(start, append=start.new_tensor([len(labels)]))
    return order, start, count
