"""Training looked at on the way: consistency where two kinds of training decode equally well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.common import Finished

__all__ = ["Curve", "curves", "matched_values"]


@dataclass(frozen=True)
class Curve:
    """One training.

    Args:
        name: Of its part.
        method: Row of the table.
        seed: Of the training.
        steps: That were looked at, `(steps,)`.
        errors_cm: Median error of the position, the mean over sessions, `(steps,)`.
        train: Consistency of the training parts, the mean over pairs, `(steps,)`.
        test: Likewise, of the held-out parts.
    """

    name: str
    method: str
    seed: int
    steps: np.ndarray
    errors_cm: np.ndarray
    train: np.ndarray
    test: np.ndarray


def curves(done: Mapping[str, Finished], group: str) -> list[Curve]:
    """Returns the trainings of a set of sessions that were looked at."""
    found = []
    for part in done.values():
        if part.values.get("group") == group and "curve_steps" in part.arrays:
            data = part.arrays
            means = (np.nanmean(data[f"curve_{name}"], axis=(1, 2)) for name in ("train", "test"))
            errors = data["curve_errors_cm"].mean(axis=1)
            found.append(
                Curve(part.name, part["method"], part["seed"], data["curve_steps"], errors, *means)
            )
    return found


def matched_values(done: Mapping[str, Finished]) -> dict[str, dict[str, Any]]:
    """Returns for each part the consistency where all trainings of its seed reach one error.

    That error is the smallest that all of them reach; read is the first step at or below it.
    """
    found: dict[str, dict[str, Any]] = {}
    groups = dict.fromkeys(part.values.get("group") for part in done.values())
    for group in groups:
        own = curves(done, group) if group is not None else []
        for seed in {curve.seed for curve in own}:
            same = [curve for curve in own if curve.seed == seed]
            reached = max(curve.errors_cm.min() for curve in same)
            for curve in same:
                first = int(np.flatnonzero(curve.errors_cm <= reached)[0])
                found[curve.name] = {
                    "consistency_matched": float(curve.train[first]),
                    "error_matched_cm": float(curve.errors_cm[first]),
                    "step_matched": int(curve.steps[first]),
                }
    return found
