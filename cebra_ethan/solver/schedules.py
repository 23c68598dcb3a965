"""Optimisers and learning-rate schedules by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, OneCycleLR

__all__ = ["OPTIMIZERS", "SCHEDULERS"]

OPTIMIZERS: Mapping[str, Callable[..., Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
"""The optimiser of a name."""

SCHEDULERS: Mapping[str, Callable[[Optimizer, int], LRScheduler]] = {
    "cosine": lambda optimizer, steps: CosineAnnealingLR(optimizer, T_max=steps),
    "linear": lambda optimizer, steps: LinearLR(optimizer, 1.0, 0.01, total_iters=steps),
    "one-cycle": lambda optimizer, steps: OneCycleLR(
        optimizer, max_lr=optimizer.param_groups[0]["lr"], total_steps=steps + 1
    ),
}
"""The schedule of a name, for an optimiser and a number of steps."""
