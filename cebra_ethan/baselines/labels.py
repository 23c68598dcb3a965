"""How labels of any kind enter a prior over latents: as one class, or as columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.dataset import as_labels
from ..errors import DataError
from ..types import Kind, Label

__all__ = ["LabelCode"]


class LabelCode:
    """Remembers the labels of a training, and turns further ones into the same form.

    A single categorical label stays a class: the prior has an entry of its own for each. All else
    becomes columns: continuous labels as they are, in their units, circular ones as sine and
    cosine, categorical ones as one column for each class.

    Args:
        y: A label `(T,)` or `(T, d)`, a `Label`, or a mapping or list of these.

    Attributes:
        num_classes: Of a single categorical label; `None` where labels are columns.
        num_columns: Columns; 1 where the label is a class.

    Example:
        >>> code = LabelCode({"place": [0.1, 0.7], "side": ["left", "right"]})
        >>> code.encode({"place": [0.3], "side": ["right"]})
        tensor([[0.3000, 0.0000, 1.0000]])
        >>> LabelCode(["a", "b", "b"]).encode(["b", "a"])
        tensor([1, 0])
    """

    def __init__(self, y: Any) -> None:
        labels = as_labels(y)
        self._kinds: dict[str, Kind] = {name: label.kind for name, label in labels.items()}
        self._classes = {name: label.classes for name, label in labels.items()}
        single = len(labels) == 1 and next(iter(labels.values())).kind == "categorical"
        self.num_classes: int | None = None
        if single:
            classes = next(iter(labels.values())).classes
            assert classes is not None
            self.num_classes = len(classes)
        encoded = self.encode(labels)
        self.num_columns = 1 if encoded.ndim == 1 else encoded.shape[1]

    def encode(self, y: Any, num_rows: int | None = None) -> Tensor:
        """Returns classes `(T,)` int64, or columns `(T, d)` float32.

        Args:
            y: Labels with the names and kinds of the training.
            num_rows: The rows that there must be.

        Raises:
            DataError: If names, kinds or lengths differ, or a class is new.
        """
        labels = as_labels(y)
        kinds = {name: label.kind for name, label in labels.items()}
        if kinds != self._kinds:
            raise DataError(
                f"labels must be those of the training, {self._kinds}; got {kinds}. Pass the same "
                "names and types."
            )
        lengths = {len(label) for label in labels.values()} | {num_rows or len(_first(labels))}
        if len(lengths) > 1:
            raise DataError(
                f"labels must have one row for each time bin; got lengths {sorted(lengths)}. Crop "
                "all to the shared window."
            )
        if self.num_classes is not None:
            ((name, label),) = labels.items()
            return self._codes(name, label)
        parts = [self._columns(name, label) for name, label in labels.items()]
        return torch.cat(parts, dim=1).float()

    def _columns(self, name: str, label: Label) -> Tensor:
        if label.kind == "categorical":
            classes = self._classes[name]
            assert classes is not None
            return torch.eye(len(classes), dtype=torch.float64)[self._codes(name, label)]
        if label.period is not None:
            angle = label.values * (2 * torch.pi / label.period)
            return torch.cat([angle.sin(), angle.cos()], dim=1)
        return label.values

    def _codes(self, name: str, label: Label) -> Tensor:
        classes = self._classes[name]
        assert classes is not None
        values = label.to_numpy()
        unknown = sorted(set(values.tolist()) - set(classes.tolist()))
        if unknown:
            raise DataError(
                f"classes must be among those of the training, {classes.tolist()}; got {unknown} "
                "as well. Leave these bins out."
            )
        return torch.from_numpy(np.searchsorted(classes, values).astype(np.int64))


def _first(labels: Mapping[str, Label]) -> Label:
    return next(iter(labels.values()))
