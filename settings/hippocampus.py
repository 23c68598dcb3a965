"""The settings of experiment 2, rats on a linear track."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import ExperimentConfig

__all__ = ["HippocampusConfig"]


@dataclass(frozen=True, kw_only=True)
class HippocampusConfig(ExperimentConfig):
    """Rats on a linear track: decoding, consistency, hypotheses, topology, with controls.

    Args:
        methods: Rows of the result table, see `experiments.hippocampus.methods.METHODS`.
        num_rats: Simulated rats; the real ones are two.
        split: `"time"`, the last part is held out (demo), or `"trials"`, three folds (paper).
        max_iterations: Training steps.
        learning_rate: Step size of Adam with labels (`learning_rate_time` without).
        num_bins: Length of a simulated recording, in time bins.
        num_neurons: Neurons of the first simulated rat; the others have 40, 75 and 50 % of them.
        model_architecture: Encoder, ten bins of 25 ms (paper).
        num_hidden_units: Width of the encoder.
        output_dimension: Dimensions of the embedding (paper); `hybrid_dimension` of the hybrid.
        batch_size: References of a step.
        temperature: With labels (`temperature_time` without).
        time_offsets: Time bins between a reference and its positive (paper).
        within_laps: Windows and pairs stay inside a lap. `False` as in the paper, whose code
            takes the concatenated laps for one recording.
        test_fraction: Share of the time held out at the end, with `split="time"`.
        valid_fraction: Share of the training part, at its end, that chooses `k`, likewise.
        neighbors: The `k` that are tried (squares; the paper's grid ends at 25).
        baseline_bins: Bins summed where there is no embedding: the encoder's receptive field.
        num_shuffles: Label shuffles of the permutation test on the decoder.
        pivae_epochs, lfads_epochs: Epochs of these baselines.
        lfads_trials: Settings that autoLFADS tries.
        consistency_bins: Edges of the position bins, in each direction (paper).
        topology_dims: Dimensions of the embeddings whose homology is taken.
        topology_shuffles: Models with shuffled labels that give its thresholds; 0 leaves it out.
        topology_points: Points drawn from an embedding.
        topology_max_dimension: Largest dimension of the homology.
        topology_iterations, topology_learning_rate: Training of its models.
        device: Where CEBRA is trained.
    """

    SOURCES: ClassVar = {
        "simulated": ("simulated", "simulated-2", "simulated-3", "simulated-4"),
        "real": ("achilles", "buddy"),
    }
    CHOICES: ClassVar = {
        "methods": (
            "behavior", "time", "time-all", "hybrid", "position", "direction",
            "conv-pivae", "conv-pivae-labels", "conv-pivae-mc", "pivae", "pivae-labels",
            "pivae-mc", "umap", "umap-all", "tsne", "tsne-all", "pca", "lfads", "autolfads",
            "permuted", "shifted", "encoder-permuted", "position-permuted", "direction-permuted",
            "untrained", "no-embedding", "chance",
        ),
        "split": ("time", "trials"),
    }  # fmt: skip
    FRACTIONS: ClassVar = ("test_fraction", "valid_fraction")
    MAY_BE_ZERO: ClassVar = ("num_shuffles", "topology_shuffles")
    PRESETS: ClassVar = {
        # Nearly everything once, for the tests: seconds. umap compiles for longer than that.
        "smoke": {
            "num_seeds": 1, "num_rats": 2, "max_iterations": 100, "num_bins": 2500,
            "num_neurons": 40, "batch_size": 128, "neighbors": (4, 25), "num_shuffles": 19,
            "pivae_epochs": 2, "topology_shuffles": 2, "topology_points": 100,
            "topology_max_dimension": 1, "topology_iterations": 50, "topology_dims": (3,),
            "topology_learning_rate": 1e-3,
            "methods": (
                "behavior", "time", "time-all", "hybrid", "position", "direction", "conv-pivae",
                "conv-pivae-labels", "conv-pivae-mc", "pca", "permuted", "shifted",
                "encoder-permuted", "untrained", "no-embedding", "chance",
            ),
        },
        # `make run`: the main job. Fewer, larger steps than the demo, so that it ends in minutes.
        "run": {
            "num_seeds": 1, "num_rats": 1, "max_iterations": 1000, "learning_rate": 1e-3,
            "num_shuffles": 99, "topology_shuffles": 0,
            "methods": ("behavior", "permuted", "shifted", "untrained", "no-embedding", "chance"),
        },
        "quick": {
            "num_seeds": 2, "num_rats": 2, "max_iterations": 200, "learning_rate": 2e-3,
            "learning_rate_time": 2e-3, "batch_size": 256, "num_bins": 6000,
            "num_neurons": 80, "num_shuffles": 99,
            "pivae_epochs": 10, "topology_shuffles": 2, "topology_points": 200,
            "topology_max_dimension": 1, "topology_iterations": 200, "topology_dims": (3,),
            "topology_learning_rate": 2e-3,
            "methods": (
                "behavior", "time", "time-all", "hybrid", "position", "direction", "conv-pivae",
                "conv-pivae-labels", "conv-pivae-mc", "pca", "permuted", "shifted",
                "encoder-permuted", "untrained",
                "no-embedding", "chance",
            ),
        },
        # The recipe of the demonstration; autoLFADS alone would take longer than all the rest.
        "demo": {
            "topology_shuffles": 10, "topology_dims": (3, 8), "topology_iterations": 5000,
            "methods": tuple(name for name in CHOICES["methods"] if name != "autolfads"),
        },
        # Fig. 1e and 2d come from a sweep: batch 20,000, 64 units, other temperatures and rates.
        "paper": {
            "num_seeds": 10, "split": "trials", "max_iterations": 1000, "batch_size": 20_000,
            "num_hidden_units": 64, "learning_rate": 2.05078e-3, "learning_rate_time": 2.85217e-3,
            "temperature": 1.26596, "temperature_time": 3.21299, "neighbors": (1, 4, 9, 16, 25),
            "topology_points": 1000,
        },
    }  # fmt: skip

    methods: tuple[str, ...] = CHOICES["methods"]
    num_rats: int = 4
    split: str = "time"
    max_iterations: int = 5000
    learning_rate: float = 3e-4
    learning_rate_time: float = 3e-4
    num_bins: int = 10_000
    num_neurons: int = 120
    model_architecture: str = "offset10-model"
    num_hidden_units: int = 32
    output_dimension: int = 3
    hybrid_dimension: int = 5
    batch_size: int = 512
    temperature: float = 1.0
    temperature_time: float = 1.12
    time_offsets: int = 10
    within_laps: bool = False
    test_fraction: float = 0.2
    valid_fraction: float = 0.1
    neighbors: tuple[int, ...] = (1, 4, 9, 16, 25, 36, 49)
    baseline_bins: int = 10
    num_shuffles: int = 200
    pivae_epochs: int = 1000
    lfads_epochs: int = 200
    lfads_trials: int = 8
    consistency_bins: int = 100
    topology_dims: tuple[int, ...] = (3, 8, 16, 32, 64)
    topology_shuffles: int = 20
    topology_points: int = 500
    topology_max_dimension: int = 2
    topology_iterations: int = 10_000
    topology_learning_rate: float = 3e-4
    device: str = "cuda_if_available"

    @property
    def rats(self) -> tuple[str, ...]:
        """The recordings of the chosen source."""
        names = self.SOURCES[self.source]
        return names[: self.num_rats] if self.source == "simulated" else names
