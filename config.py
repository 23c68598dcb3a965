"""The settings of the experiments: one frozen dataclass each, with presets, and `EXPERIMENTS`.

A variant is `dataclasses.replace(config, num_seeds=3)`. Every configuration checks itself; what is
checked follows from the type of a field and from the tables of its class.

"Paper" is Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6; "demo" are the notebooks
of its code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

__all__ = ["EXPERIMENTS", "ExperimentConfig", "HippocampusConfig", "PrimateConfig"]
__all__ = ["EXPERIMENTS", "ExperimentConfig", "HippocampusConfig", "MultiSessionConfig"]
__all__ = ["EXPERIMENTS", "ExperimentConfig", "HippocampusConfig", "SyntheticConfig"]
__all__ = [
    "EXPERIMENTS",
    "AllenConfig",
    "ExperimentConfig",
    "HippocampusConfig",
    "MovieConfig",
    "VideoDecodingConfig",
]


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """What every experiment has, and how its settings are checked.

    Integers and floats must be positive and finite, those of `FRACTIONS` below 1 and those of
    `MAY_BE_ZERO` at least 0; a tuple holds at least one such value; a field with a row in
    `CHOICES` takes its values from there. `None` is left alone.

    Args:
        source: A row of `SOURCES`: `"simulated"` or `"real"`.
        data_root: Folder of the real recordings; `None` takes `CEBRA_ETHAN_DATA`.
        preset: Name of the row of `PRESETS` this was made from.
        num_seeds: Seeds `0, 1, ...` of whatever draws.
    """

    SOURCES: ClassVar[Mapping[str, tuple[str, ...]]] = {"simulated": (), "real": ()}
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"smoke": {}, "quick": {}, "paper": {}}
    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    FRACTIONS: ClassVar[tuple[str, ...]] = ()
    MAY_BE_ZERO: ClassVar[tuple[str, ...]] = ()

    source: str = "simulated"
    data_root: str | None = None
    preset: str = "paper"
    num_seeds: int = 5

    def __post_init__(self) -> None:
        choices = {"source": tuple(self.SOURCES), "preset": tuple(self.PRESETS), **self.CHOICES}
        for field in fields(self):
            value, kind = getattr(self, field.name), str(field.type)
            if value is None:
                continue
            is_many = kind.startswith("tuple")
            if is_many:
                value = tuple(value)
                object.__setattr__(self, field.name, value)
                if not value:
                    raise ValueError(
                        f"{field.name} must hold at least one value; got none. Give one or more."
                    )
            for item in value if is_many else (value,):
                if field.name in choices:
                    _one_of(field.name, item, choices[field.name])
                elif "float" in kind or "int" in kind:
                    self._check_number(
                        field.name, item, (int, float) if "float" in kind else (int,)
                    )

    def _check_number(self, name: str, value: Any, kinds: tuple[type, ...]) -> None:
        if isinstance(value, bool) or not isinstance(value, kinds):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise TypeError(f"{name} must be {wanted}; got {value!r}. Give a plain number.")
        if name in self.FRACTIONS:
            if not 0 < value < 1:
                raise ValueError(f"{name} must be between 0 and 1; got {value!r}. 0.2 is a fifth.")
        elif not 0 < value + (name in self.MAY_BE_ZERO) < float("inf"):
            raise ValueError(
                f"{name} must be positive and finite; got {value!r}. Give a larger number."
            )

    @classmethod
    def from_preset(cls, preset: str, **changes: Any) -> Self:
        """Returns a row of `PRESETS` with some values changed.

        Args:
            preset: `"smoke"`, `"quick"`, `"paper"`, or another row of the experiment.
            changes: Values that replace those of the preset.

        Raises:
            ValueError: If the preset is unknown or a value is outside its set.
            TypeError: If a name is not a setting.

        Example:
            >>> HippocampusConfig.from_preset("smoke", num_seeds=2).max_iterations
            100
        """
        _one_of("preset", preset, cls.PRESETS)
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise TypeError(
                f"a setting must be one of {', '.join(sorted(known))}; got {', '.join(unknown)}."
            )
        return cls(**{**cls.PRESETS[preset], "preset": preset, **changes})


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
            "num_seeds": 2, "num_rats": 2, "max_iterations": 400, "learning_rate": 1e-3,
            "learning_rate_time": 1e-3, "num_bins": 6000, "num_neurons": 80, "num_shuffles": 99,
            "pivae_epochs": 10, "topology_shuffles": 3, "topology_points": 300,
            "topology_max_dimension": 1, "topology_iterations": 400, "topology_dims": (3,),
            "topology_learning_rate": 1e-3,
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
            "tasks": ("position", "direction", "active-passive", "direction-all",
                      "monkey-k-active", "monkey-k-all", "monkey-s-all", "m1-tr-velocity",
                      "m1-te-velocity", "m1-te-target"),
            "dimensions": (3, 16), "max_iterations": 600, "learning_rate": 1e-3,
            "other_iterations": 300, "batch_size": 256, "num_seeds": 2, "num_active": 96,
            "num_passive": 64, "neighbors": (1, 9, 49, 196, 400), "decoder_step": 5,
            "test_step": 10, "num_folds": 2, "pivae_epochs": 2, "pivae_step": 30,
            "pivae_samples": 20,
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
            "num_seeds": 2, "num_bins": (4000, 3500, 3000), "num_neurons": (80, 48, 60),
            "single_iterations": 300, "joint_iterations": 300, "checkpoint_every": 100,
            "batch_size": 256, "learning_rate": 2e-3, "output_dimension": 3, "sizes": (8, 32),
            "adapt_iterations": 300, "pretrain_iterations": 300, "pretrain_batch_size": 256,
            "pretrain_learning_rate": 2e-3, "adapt_learning_rate": 1e-3, "bin_edges": 50,
        },
        # Three dimensions and small batches: trains on a CPU, where `paper` wants a GPU.
        "recipe": {
            "num_seeds": 3, "single_iterations": 1500, "joint_iterations": 1500,
            "checkpoint_every": 250, "batch_size": 512, "learning_rate": 1e-3,
            "output_dimension": 3, "sizes": (8, 32), "adapt_iterations": 1000,
            "adapt_learning_rate": 3e-4, "pretrain_iterations": 1500,
            "pretrain_learning_rate": 1e-3, "bin_edges": 50,
class SyntheticConfig(ExperimentConfig):
    """A known latent read from a hundred neurons; fixed settings stand in the experiment.

    Args:
        noises: Rows of `cebra_ethan.datasets.synthetic.NOISES`, the first is the main case.
        methods: Rows of `experiments.synthetic.methods.METHODS` that run on the main case.
        noise_methods: Those that run on the other noises.
        noise_seeds: Seeds there, at most `num_seeds`. The paper has 100 everywhere.
        num_mixings: Further draws of the mixing, on which CEBRA runs once; simulated only.
        num_points: Points that are simulated, or taken of the published file.
        test_fraction: Share of the points, at the end, on which CEBRA is not trained (paper).
        max_iterations: Training steps of CEBRA (the authors' gist; 5,000 in the demo).
        pivae_epochs: Of pi-VAE (demo).
        lfads_trials: Settings that autoLFADS tries; not published.
        lfads_epochs: Of each of them; not published.
    """

    _METHODS: ClassVar = (
        "behavior", "autolfads", "pi-vae", "pi-vae-gaussian", "umap", "t-sne", "pca",
        "permuted", "untrained", "label", "no-embedding", "chance",
    )  # fmt: skip
    CHOICES: ClassVar = {
        "noises": ("poisson", "gaussian", "laplace", "uniform", "t", "refractory_poisson"),
        "methods": _METHODS,
        "noise_methods": _METHODS,
    }
    FRACTIONS: ClassVar = ("test_fraction",)
    MAY_BE_ZERO: ClassVar = ("num_mixings",)
    PRESETS: ClassVar = {
        "smoke": {
            "num_seeds": 1, "noises": ("poisson", "gaussian"), "num_mixings": 1,
            "noise_methods": ("behavior", "pi-vae", "permuted", *_METHODS[-4:]),
            "num_points": 600, "max_iterations": 60, "pivae_epochs": 2,
            "lfads_trials": 1, "lfads_epochs": 1,
        },
        "quick": {
            "num_seeds": 3, "noises": ("poisson", "gaussian"), "noise_seeds": 2,
            "num_mixings": 1, "num_points": 5000, "pivae_epochs": 30,
            "lfads_trials": 1, "lfads_epochs": 30,
class MovieConfig(ExperimentConfig):
    """What the experiments on Natural Movie One share; paper and demo, except where it says so.

    Args:
        max_iterations: Training steps (demo).
        learning_rate: Step size of Adam (demo).
        num_hidden_units: Width of the encoders (demo).
        batch_size: References of a step (demo).
        temperature: Of InfoNCE (demo).
        num_frames: Frames of the simulated movie.
        num_scenes: Scenes of the simulated movie.
        num_repeats: How often it is shown; the last repeat tests.
        num_pool: Simulated neurons of each area and method that pseudo-mice are drawn from.
        num_control_seeds: Seeds of trained controls, and of CEBRA-Time (ours, to save time).
        num_area_seeds: Seeds where areas are compared.
        neighbors: The `k` that are tried.
    """

    max_iterations: int = 10_000
    learning_rate: float = 3e-4
    num_hidden_units: int = 128
    batch_size: int = 512
    temperature: float = 1.0
    num_frames: int = 900
    num_scenes: int = 10
    num_repeats: int = 10
    num_pool: int = 1200
    num_control_seeds: int = 1
    num_area_seeds: int = 3
    neighbors: tuple[int, ...] = (1, 9, 25, 49, 100)

    @property
    def control_seeds(self) -> int:
        """Seeds of trained controls."""
        return min(self.num_seeds, self.num_control_seeds)

    @property
    def area_seeds(self) -> int:
        """Seeds where areas are compared."""
        return min(self.num_seeds, self.num_area_seeds)


_VISUAL_AREAS = ("VISp", "VISl", "VISal", "VISpm", "VISam", "VISrl")
_SMALL_MOVIE: Mapping[str, Any] = {  # seconds, for the tests
    "num_seeds": 1, "max_iterations": 20, "learning_rate": 3e-3, "num_hidden_units": 16,
    "batch_size": 128, "num_frames": 180, "num_scenes": 4, "num_repeats": 4, "num_pool": 60,
    "neighbors": (1, 9),
}  # fmt: skip
_QUICK_MOVIE: Mapping[str, Any] = {
    "num_seeds": 2, "max_iterations": 300, "learning_rate": 2e-3, "num_hidden_units": 64,
    "batch_size": 256, "num_pool": 600, "num_area_seeds": 2,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AllenConfig(MovieConfig):
    """Consistency between calcium imaging and Neuropixels.

    Args:
        num_neurons: Neurons of the pseudo-mice.
        dimensions: Dimensions of the embeddings.
        control_dimension: Dimensions of the encoders of controls.
        areas: Areas that are compared; the first is the primary one.
        area_neurons: Neurons of a pseudo-mouse of an area.
        area_dimension: Dimensions of the encoders of areas.
        mouse_neurons: Neurons of the single mice whose features are shuffled (ED Fig. 10).
        mouse_dimension: Dimensions of their embeddings.
        shown_dimension: Embeddings of this dimension are drawn (Fig. 4c, d, f, g).
        window_frames: Frames that an encoder sees.
    """

    CHOICES: ClassVar = {"areas": _VISUAL_AREAS}
    PRESETS: ClassVar = {
        "smoke": {
            **_SMALL_MOVIE,
            "num_neurons": (30,), "dimensions": (8,), "control_dimension": 8,
            "areas": ("VISp", "VISrl"), "area_neurons": 20, "area_dimension": 8,
            "mouse_neurons": (30,),
        },
        "quick": {
            **_QUICK_MOVIE,
            "num_neurons": (10, 30, 100, 300), "dimensions": (3, 8, 32), "control_dimension": 32,
            "areas": ("VISp", "VISam", "VISrl"), "area_neurons": 100,
            "mouse_neurons": (200, 300),
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
    num_seeds: int = 20
    noises: tuple[str, ...] = CHOICES["noises"]
    methods: tuple[str, ...] = _METHODS
    noise_methods: tuple[str, ...] = tuple(m for m in _METHODS if m not in ("umap", "t-sne"))
    noise_seeds: int = 5
    num_mixings: int = 5
    num_points: int = 15_000
    test_fraction: float = 0.2
    max_iterations: int = 1000
    pivae_epochs: int = 100
    lfads_trials: int = 8
    lfads_epochs: int = 100
    num_neurons: tuple[int, ...] = (10, 30, 50, 100, 200, 400, 600, 800, 900, 1000)
    dimensions: tuple[int, ...] = (3, 4, 8, 16, 32, 64, 128)
    control_dimension: int = 64
    areas: tuple[str, ...] = _VISUAL_AREAS
    area_neurons: int = 400
    area_dimension: int = 32
    mouse_neurons: tuple[int, ...] = (337, 353, 397, 475)
    mouse_dimension: int = 8
    shown_dimension: int = 8
    window_frames: int = 10


@dataclass(frozen=True, kw_only=True)
class VideoDecodingConfig(MovieConfig):
    """Decoding of a movie's frames and scenes.

    Args:
        num_neurons: Neurons of the pseudo-mice of VISp.
        windows_frames: Frames that encoders and baselines see.
        output_dimension: Dimensions of the embedding.
        areas: Areas of Neuropixels that are decoded, by joint training.
        area_neurons: Neurons of their pseudo-mice.
        layer_neurons: Neurons of the pseudo-mice of the layers of VISp, calcium.
        dimensions: Dimensions tried with the most neurons.
        session_iterations: Training steps on the real session, whose bins last a second (ours).
        session_dimension: Dimensions of its embedding (ours).
        session_folds: Groups of repeats of the real session that test in turn (ours).
        session_areas: Areas of the real session; `"visual"` takes all of visual cortex.
    """

    CHOICES: ClassVar = {
        "areas": _VISUAL_AREAS,
        "session_areas": (*_VISUAL_AREAS, "visual", "CA1"),
    }
    PRESETS: ClassVar = {
        "smoke": {
            **_SMALL_MOVIE,
            "num_neurons": (20,), "windows_frames": (10,), "output_dimension": 8,
            "areas": ("VISp", "VISrl"), "area_neurons": (20,), "layer_neurons": (20,),
            "dimensions": (3,), "session_iterations": 40, "session_dimension": 4,
            "session_folds": 2, "session_areas": ("VISp", "CA1"),
        },
        "quick": {
            **_QUICK_MOVIE,
            "num_neurons": (30, 100, 300), "output_dimension": 32,
            "areas": ("VISp", "VISam", "VISrl"), "area_neurons": (100,), "layer_neurons": (100,),
            "dimensions": (3, 32), "session_iterations": 500,
        },
        "paper": {},
    }  # fmt: skip

    num_neurons: tuple[int, ...] = (10, 30, 50, 100, 200, 400, 600, 800, 900, 1000)
    windows_frames: tuple[int, ...] = (1, 10)
    output_dimension: int = 128
    areas: tuple[str, ...] = _VISUAL_AREAS
    area_neurons: tuple[int, ...] = (100, 800, 1000)
    layer_neurons: tuple[int, ...] = (300, 600, 900)
    dimensions: tuple[int, ...] = (3, 8, 16, 32, 64, 128)
    session_iterations: int = 2000
    session_dimension: int = 16
    session_folds: int = 5
    session_areas: tuple[str, ...] = CHOICES["session_areas"]


EXPERIMENTS: Mapping[str, type[ExperimentConfig]] = {
    "hippocampus": HippocampusConfig,
    "primate": PrimateConfig,
    "multi_session": MultiSessionConfig,
    "synthetic": SyntheticConfig,
    "allen": AllenConfig,
    "video_decoding": VideoDecodingConfig,
}


def _one_of(name: str, value: object, choices: Iterable[str]) -> None:
    if value not in (known := tuple(choices)):
        raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}.")
