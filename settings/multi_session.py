"""The settings of experiment 6, sessions together and adaptation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import ExperimentConfig

__all__ = ["MultiSessionConfig"]


@dataclass(frozen=True, kw_only=True)
class MultiSessionConfig(ExperimentConfig):
    """Sessions trained together or each alone, and adaptation to an animal that was left out.

    Args:
        groups: Sets of sessions, rows of `SOURCES`; `None` takes all of the source.
        methods: Rows of `experiments.multi_session.methods.METHODS`.
        num_bins: Bins of each simulated rat; the first two lengths are those of the real rats.
        num_neurons: Neurons of each simulated rat.
        single_iterations: Training steps of a session alone (Extended Data Fig. 7c).
        joint_iterations: Training steps of all together (likewise).
        checkpoint_every: Steps between two points of the curves of Fig. 7c (likewise).
        batch_size: References of each session in a step (likewise).
        learning_rate: Likewise.
        output_dimension: Likewise, rats.
        num_hidden_units: 32 in Fig. 7d, not stated for 7c.
        sizes: Hidden units of Fig. 7a, where joint and single training are compared.
        temperature_time: Without labels (caption of Extended Data Fig. 3); 1 with labels.
        adapt_iterations: Steps on the animal left out (Fig. 7d), at `adapt_learning_rate`.
        adapt_dimension: Dimensions there (likewise).
        pretrain_iterations: Steps on the other animals before, not stated.
        pretrain_batch_size: Not stated; what the paper's demos take. Also of the adaptation.
        pretrain_learning_rate: Likewise.
        bin_edges: Edges of the bins of position in which sessions are compared (paper).
        min_speed_cm_s: Frames in which a mouse is slower are left out.
        test_fraction: Share of the time held out at the end.
        valid_fraction: Share of the training part, at its end, that chooses `k`.
        neighbors: The `k` that are tried (paper).
    """

    SOURCES: ClassVar = {"simulated": ("simulated-rats",), "real": ("rats", "mice", "days")}
    CHOICES: ClassVar = {
        "groups": ("simulated-rats", "rats", "mice", "days"),
        "methods": (
            "joint", "joint-shared", "single", "time", "time-all", "permuted", "shifted",
            "single-permuted", "single-shifted", "untrained", "no-embedding", "chance",
        ),
    }  # fmt: skip
    FRACTIONS: ClassVar = ("test_fraction", "valid_fraction")
    PRESETS: ClassVar = {
        "smoke": {
            "num_seeds": 1, "num_bins": (1200, 1100, 1000), "num_neurons": (30, 24, 20),
            "single_iterations": 30, "joint_iterations": 30, "checkpoint_every": 15,
            "batch_size": 64, "learning_rate": 4e-3, "output_dimension": 3, "sizes": (8, 32),
            "adapt_iterations": 50, "pretrain_iterations": 30, "pretrain_batch_size": 64,
            "pretrain_learning_rate": 4e-3, "adapt_learning_rate": 1e-3, "bin_edges": 24,
        },
        "quick": {
            "num_seeds": 2, "num_bins": (3000, 2500, 2000), "num_neurons": (80, 48, 60),
            "single_iterations": 200, "joint_iterations": 200, "checkpoint_every": 50,
            "batch_size": 256, "learning_rate": 3e-3, "output_dimension": 3, "sizes": (8, 32),
            "adapt_iterations": 200, "pretrain_iterations": 200, "pretrain_batch_size": 256,
            "pretrain_learning_rate": 3e-3, "adapt_learning_rate": 1e-3, "bin_edges": 50,
        },
        # Three dimensions and small batches: trains on a CPU, where `paper` wants a GPU.
        "recipe": {
            "num_seeds": 3, "single_iterations": 1500, "joint_iterations": 1500,
            "checkpoint_every": 250, "batch_size": 512, "learning_rate": 1e-3,
            "output_dimension": 3, "sizes": (8, 32), "adapt_iterations": 1000,
            "adapt_learning_rate": 3e-4, "pretrain_iterations": 1500,
            "pretrain_learning_rate": 1e-3, "bin_edges": 50,
        },
        "paper": {},
    }  # fmt: skip

    groups: tuple[str, ...] | None = None
    methods: tuple[str, ...] = CHOICES["methods"]
    num_seeds: int = 10
    num_bins: tuple[int, ...] = (10_178, 6_577, 8_000, 8_000)
    num_neurons: tuple[int, ...] = (120, 48, 90, 60)
    single_iterations: int = 5000
    joint_iterations: int = 10_000
    checkpoint_every: int = 500
    batch_size: int = 7200
    learning_rate: float = 3e-3
    output_dimension: int = 32
    num_hidden_units: int = 32
    sizes: tuple[int, ...] = (8, 16, 32, 64, 128)
    temperature_time: float = 2.25
    adapt_iterations: int = 5000
    adapt_learning_rate: float = 1e-4
    adapt_dimension: int = 3
    pretrain_iterations: int = 5000
    pretrain_batch_size: int = 512
    pretrain_learning_rate: float = 3e-4
    bin_edges: int = 100
    min_speed_cm_s: float = 4.0
    test_fraction: float = 0.2
    valid_fraction: float = 0.1
    neighbors: tuple[int, ...] = (1, 4, 9, 16, 25)

    @property
    def chosen_groups(self) -> tuple[str, ...]:
        """The sets of sessions to run."""
        return self.SOURCES[self.source] if self.groups is None else self.groups
