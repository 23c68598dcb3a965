r"""The label nearest to another plus an observed change, by look-ups in a table of products.

Features of movie frames have hundreds of columns and few distinct rows. A query
:math:`q = u_a + u_b - u_c` is made of three of them, so its distance to row `j` is, but for
:math:`|q|^2`, which all rows share,

.. math:: |u_j|^2 - 2 q^\top u_j = P_{aj} + P_{bj} - P_{cj}, \quad
    P_{ij} = |u_j|^2 - 2 u_i^\top u_j

three look-ups in a table that is made once. The table is in single precision, of labels around
their mean; where rounding leaves more than one row in question, the exact search decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from .neighbors import TREE_COLUMNS, NearestLabel

__all__ = ["ChangedLabel"]

_MOST_DISTINCT = 4096  # a table of 64 MiB
_BLOCK_ELEMENTS = 1 << 20  # sums of look-ups at a time


class ChangedLabel:
    """Finds bins whose label is nearest to that of one bin plus the change between two others.

    Args:
        coordinates: Labels of all bins of all sessions, `(T, d)` float64.
        indexes: The bins of each session that may be found, see `NearestLabel`.
    """

    def __init__(
        self, coordinates: Float[Tensor, "bins columns"], indexes: Sequence[NearestLabel]
    ) -> None:
        distinct, self._label = coordinates.unique(dim=0, return_inverse=True)
        self._coordinates, self._indexes = coordinates, indexes
        centered = distinct - distinct.mean(dim=0)
        self._tables, self._tolerance = [], []
        for index in indexes:
            found = index.distinct - distinct.mean(dim=0)
            table = found.square().sum(dim=1) - 2 * centered @ found.T
            self._tables.append(table.float())
            # Each look-up is rounded once and their sum twice: a bound of their errors together.
            self._tolerance.append(16 * torch.finfo(torch.float32).eps * float(table.abs().max()))

    @staticmethod
    def pays(coordinates: Float[Tensor, "bins columns"], indexes: Sequence[NearestLabel]) -> bool:
        """Returns whether labels have many columns, none of them circular, and few rows."""
        if coordinates.shape[1] <= TREE_COLUMNS or bool((indexes[0].period > 0).any()):
            return False
        most = max(len(index.distinct) for index in indexes)
        return most <= min(_MOST_DISTINCT, len(coordinates) // 2)

    def __call__(
        self,
        session: int,
        bins: Sequence[Int[Tensor, " n"]],
        chance: Float[Tensor, " n"],
    ) -> Int[Tensor, " n"]:
        """Returns one bin of a session for each query.

        Args:
            session: Where to look.
            bins: Those of `a`, `b` and `c` above.
            chance: Chooses among equal labels, see `NearestLabel`.
        """
        table, index = self._tables[session], self._indexes[session]
        tolerance = self._tolerance[session]
        labels = torch.stack([self._label[rows] for rows in bins], dim=1)
        signs = table.new_tensor([[1.0, 1.0, -1.0]])
        nearest, doubtful = [], []
        for part in labels.split(max(1, _BLOCK_ELEMENTS // table.shape[1])):
            weights = signs.expand(len(part), 3).contiguous()
            sums = F.embedding_bag(part, table, mode="sum", per_sample_weights=weights)
            smallest, place = sums.min(dim=1)
            nearest.append(place)
            doubtful.append((sums <= smallest[:, None] + tolerance).sum(dim=1) > 1)
        found, unsure = torch.cat(nearest), torch.cat(doubtful).nonzero()[:, 0]
        if len(unsure):
            a, b, c = (self._coordinates[rows[unsure]] for rows in bins)
            found[unsure] = index.label(a + b - c)
        return index.draw(found, chance)
