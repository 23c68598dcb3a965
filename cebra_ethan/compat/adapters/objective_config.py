"""`cebra`'s description of several objectives: which slice learns what, by which criterion."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...errors import InvalidParameterError
from ...models import criterions

__all__ = ["IncompleteError", "MultiCriterions", "MultiObjectiveConfig"]

_PARTS = {"slice": "Slice", "distributions": "Distributions", "losses": "Losses"}


class MultiCriterions(nn.Module):
    """A criterion for each slice of the embedding.

    Args:
        losses: For each `indices`, first dimension and one past the last, and
            `contrastive_loss` or `supervised_loss`: `name` and `kwargs` of a class of
            `cebra.models.criterions`, or of `torch.nn` as in `"nn.MSELoss"`.
        mode: `"contrastive"` or `"supervised"`: which of them.

    Raises:
        InvalidParameterError: If there is no such mode or loss.

    Example:
        >>> loss = {"name": "InfoNCE", "kwargs": {"temperature": 0.5}}
        >>> both = MultiCriterions([{"indices": (0, 3), "contrastive_loss": loss}], "contrastive")
        >>> both.slices, both.criterions[0].temperature
        ([slice(0, 3, None)], 0.5)
    """

    def __init__(self, losses: Any, mode: str) -> None:
        super().__init__()
        if mode not in ("contrastive", "supervised"):
            raise InvalidParameterError(
                f"mode must be 'contrastive' or 'supervised'; got {mode!r}."
            )
        self.slices = [slice(*one["indices"]) for one in losses]
        self.criterions = nn.ModuleList(_criterion(one[f"{mode}_loss"]) for one in losses)

    def forward(self, predictions: Any) -> list[Tensor]:
        """Returns the loss of each, of objects with `reference`, `positive` and `negative`.

        Args:
            predictions: The points that each criterion sees; `negative` is `None` for labels.
        """
        pairs = zip(self.criterions, predictions, strict=True)
        return [_value(criterion, points) for criterion, points in pairs]


class MultiObjectiveConfig:
    """Collects slices, criteria and distributions, and tells them to a loader.

    Args:
        loader: A `ContrastiveMultiObjectiveLoader`.

    Attributes:
        criterion: A `MultiCriterions`, once it is finalized.
        feature_ranges: Their slices, likewise.

    Example:
        >>> import torch
        >>> from cebra_ethan.compat.data import ContrastiveMultiObjectiveLoader, DatasetxCEBRA
        >>> dataset = DatasetxCEBRA(torch.randn(100, 5), position=torch.rand(100))
        >>> loader = ContrastiveMultiObjectiveLoader(dataset, num_steps=3, batch_size=8)
        >>> config = MultiObjectiveConfig(loader)
        >>> config.set_slice(0, 3)
        >>> config.set_loss("FixedCosineInfoNCE", temperature=1.0)
        >>> config.set_distribution("time", time_offset=10)
        >>> config.push()
        >>> config.finalize()
        >>> config.feature_ranges, loader.objectives[0].time_offset
        ([slice(0, 3, None)], 10)
    """

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.total_info: list[dict[str, Any]] = []
        self.current_info: dict[str, Any] = {}

    def set_slice(self, start: int, end: int) -> None:
        """Sets the first dimension, and one past the last."""
        self._set("slice", (start, end))

    def set_loss(self, loss_name: str, **kwargs: Any) -> None:
        """Sets a class of `cebra.models.criterions` and its keywords."""
        self._set("losses", {"name": loss_name, "kwargs": kwargs})

    def set_distribution(self, distribution_name: str, **kwargs: Any) -> None:
        """Sets what positives share, see `ContrastiveMultiObjectiveLoader.add_config`."""
        self._set("distributions", {"name": distribution_name, "kwargs": kwargs})

    def push(self) -> None:
        """Ends an objective; the next begins.

        Raises:
            IncompleteError: If slice, loss or distribution was not set.
        """
        for part, word in _PARTS.items():
            if part not in self.current_info:
                raise IncompleteError(
                    f"{word} configuration is missing: an objective has a slice, a loss and a "
                    f"distribution; got {', '.join(self.current_info) or 'none'}. Set it first."
                )
        self.total_info.append(self.current_info)
        self.current_info = {}

    def finalize(self) -> None:
        """Makes the criterion, and gives the distributions to the loader.

        Raises:
            IncompleteError: If two objectives have one slice.
        """
        self.feature_ranges_tuple = [info["slice"] for info in self.total_info]
        if len(set(self.feature_ranges_tuple)) < len(self.feature_ranges_tuple):
            raise IncompleteError(
                "Feature ranges are not unique: each objective must have a slice of its own; got "
                f"{self.feature_ranges_tuple}. Change one."
            )
        self.feature_ranges = [slice(*pair) for pair in self.feature_ranges_tuple]
        self.losses = [
            {"indices": info["slice"], "contrastive_loss": info["losses"]}
            for info in self.total_info
        ]
        for info in self.total_info:
            chosen = info["distributions"]
            self.loader.add_config({"distribution": chosen["name"], "kwargs": chosen["kwargs"]})
        self.criterion = MultiCriterions(self.losses, mode="contrastive")

    def _set(self, part: str, value: Any) -> None:
        if part in self.current_info:
            warnings.warn(
                f"Configuration key already exists: {part} of this objective is set anew. Call "
                "push() first to begin another objective.",
                stacklevel=3,
            )
        self.current_info[part] = value


class IncompleteError(InvalidParameterError, RuntimeError):
    """An objective that is not fully described; a `RuntimeError`, as in `cebra`."""


def _criterion(loss: Mapping[str, Any]) -> nn.Module:
    name = loss["name"]
    home, _, short = name.rpartition(".")
    found = getattr(nn if home in ("nn", "torch.nn") else criterions, short, None)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise InvalidParameterError(
            f"a loss must be a class of cebra.models.criterions, or of torch.nn as in "
            f"'nn.MSELoss'; got {name!r}. Check its name."
        )
    made: nn.Module = found(**loss.get("kwargs", {}))
    return made


def _value(criterion: nn.Module, points: Any) -> Tensor:
    if points.negative is None:
        value = criterion(points.reference, points.positive)
    else:
        value = criterion(points.reference, points.positive, points.negative)
    total: Tensor = value[0] if isinstance(value, tuple) else value
    return total
