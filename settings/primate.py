"""The settings of experiment 3, a reaching monkey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import ExperimentConfig

__all__ = ["PrimateConfig"]


@dataclass(frozen=True, kw_only=True)
class PrimateConfig(ExperimentConfig):
    """Reaching macaques: position, direction, active or passive, read from whole held-out trials.

    Args:
        tasks: Rows of `experiments.primate.tasks.TASKS`; `None` is all that the source has.
        methods: Rows, see `experiments.primate.methods`; `"behavior"` is one for each dimension.
        dimensions: Of the embedding (paper).
        control_dimension: Of the rows of which there is one (16: the paper's best).
        max_iterations: Training steps (the paper does not say; its losses go on to 20,000).
        learning_rate: Step size of Adam (demo). temperature, batch_size, time_offsets (paper).
        other_iterations, other_learning_rate: For monkeys K and S and M1, which have few trials
            and no published protocol.
        num_units, num_active, num_passive: Of the simulated session (those of the real one).
        smoothing_s: Standard deviation of the smoothing (paper).
        neighbors: The `k` that are tried (paper: from 1 to 2500).
        decoder_step, test_step: Every so many ms are learned from and tested by the decoder.
        num_folds: Of the eight folds of monkeys K and S, how many are tested.
        pivae_epochs: At most, with `pivae_patience` (epochs: paper). pivae_step: As `test_step`.
        pivae_samples: Latents for each candidate label.
    """

    SOURCES: ClassVar = {"simulated": ("area2",), "real": ("area2", "monkey", "m1")}
    CHOICES: ClassVar = {
        "methods": ("behavior", "time", "time-all", "pivae", "linear", "lda", "permuted",
                    "shifted", "untrained", "no-embedding", "chance"),
        "tasks": ("position", "direction", "active-passive", "position-all", "direction-all",
                  *(f"monkey-{name}-{kind}" for name in "ks"
                    for kind in ("active", "passive", "joint", "all")),
                  *(f"m1-{part}-{kind}" for part in ("tr", "te")
                    for kind in ("velocity", "target"))),
    }  # fmt: skip
    PRESETS: ClassVar = {
        "smoke": {
            "tasks": ("position", "direction", "active-passive", "monkey-k-active",
                      "m1-te-velocity", "m1-te-target"),
            "dimensions": (3, 8), "control_dimension": 8, "max_iterations": 20,
            "learning_rate": 3e-3, "other_iterations": 20, "other_learning_rate": 3e-3,
            "batch_size": 128, "num_active": 40, "num_passive": 16,
            "num_units": 30, "num_seeds": 1, "neighbors": (9, 100), "decoder_step": 10,
            "test_step": 20, "num_folds": 1, "pivae_epochs": 1, "pivae_step": 60,
            "pivae_samples": 4,
        },
        "quick": {
            "tasks": ("position", "direction", "active-passive", "monkey-k-active",
                      "monkey-k-all", "monkey-s-all", "m1-tr-velocity",
                      "m1-te-velocity", "m1-te-target"),
            "dimensions": (3, 16), "max_iterations": 300, "learning_rate": 2e-3,
            "other_iterations": 300, "batch_size": 256, "num_seeds": 2, "num_active": 80,
            "num_passive": 64, "neighbors": (1, 9, 49, 196, 400), "decoder_step": 5,
            "test_step": 10, "num_folds": 2, "pivae_epochs": 2, "pivae_step": 30,
            "pivae_samples": 20,
        },
        "paper": {},
    }  # fmt: skip

    tasks: tuple[str, ...] | None = None
    methods: tuple[str, ...] = CHOICES["methods"]
    dimensions: tuple[int, ...] = (3, 4, 8, 16, 32)
    control_dimension: int = 16
    max_iterations: int = 10_000
    learning_rate: float = 1e-4
    other_iterations: int = 1500
    other_learning_rate: float = 1e-3
    temperature: float = 1.0
    batch_size: int = 512
    time_offsets: int = 10
    num_units: int = 65
    num_active: int = 193
    num_passive: int = 171
    smoothing_s: float = 0.04
    neighbors: tuple[int, ...] = (1, 4, 9, 25, 49, 100, 196, 400, 900, 1600, 2500)
    decoder_step: int = 1
    test_step: int = 1
    num_folds: int = 8
    pivae_epochs: int = 600
    pivae_patience: int = 20
    pivae_step: int = 10
    pivae_samples: int = 100
