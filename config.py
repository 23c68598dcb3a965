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
    """Decoding of position and direction from rats on a linear track, with controls.

    Where paper and demo differ the demo's settings are taken, since they train in minutes.

    Args:
        methods: Rows of the result table, see `experiments.hippocampus.methods.METHODS`.
        max_iterations: Training steps.
        learning_rate: Step size of Adam.
        num_bins: Length of the simulated recording, in time bins.
        num_neurons: Neurons of the simulated recording.
        model_architecture: Encoder, ten bins of 25 ms (paper).
        num_hidden_units: Width of the encoder (demo; 64 in the paper's Fig. 1e and 2d).
        output_dimension: Dimensions of the embedding (paper).
        batch_size: References of a step (demo and the captions of Extended Data Fig. 3).
        temperature: With labels (demo, caption of Extended Data Fig. 3).
        temperature_time: Without labels (demo; 2.25 in the caption of Extended Data Fig. 3).
        time_offsets: Time bins between a reference and its positive (paper).
        within_laps: Windows and pairs stay inside a lap. `False` as in the paper, whose code
            takes the concatenated laps for one recording.
        test_fraction: Share of the time held out at the end (demo).
        valid_fraction: Share of the training part, at its end, that chooses `k`.
        neighbors: The `k` that are tried (squares; the paper's grid ends at 25).
        baseline_bins: Bins summed where there is no embedding: the encoder's receptive field.
        num_shuffles: Label shuffles of the permutation test on the decoder.
    """

    SOURCES: ClassVar = {"simulated": ("simulated",), "real": ("achilles", "buddy")}
    CHOICES: ClassVar = {
        "methods": (
            "behavior", "time", "position", "direction", "permuted", "shifted",
            "encoder-permuted", "untrained", "no-embedding", "chance",
        ),
    }  # fmt: skip
    FRACTIONS: ClassVar = ("test_fraction", "valid_fraction")
    MAY_BE_ZERO: ClassVar = ("num_shuffles",)
    PRESETS: ClassVar = {
        # Everything once, for the tests: seconds.
        "smoke": {
            "num_seeds": 1,
            "max_iterations": 100,
            "num_bins": 2500,
            "num_neurons": 40,
            "batch_size": 128,
            "neighbors": (4, 25),
            "num_shuffles": 19,
        },
        # `make run`: the main job. Fewer, larger steps than the paper, so that it ends in minutes.
        "run": {
            "num_seeds": 1,
            "max_iterations": 1000,
            "learning_rate": 1e-3,
            "methods": (
                "behavior", "permuted", "shifted", "untrained", "no-embedding", "chance",
            ),
            "num_shuffles": 99,
        },
        "quick": {"num_seeds": 2, "max_iterations": 1500, "num_shuffles": 99},
        "paper": {},
    }  # fmt: skip

    methods: tuple[str, ...] = CHOICES["methods"]
    max_iterations: int = 5000
    learning_rate: float = 3e-4
    num_bins: int = 10_000
    num_neurons: int = 120
    model_architecture: str = "offset10-model"
    num_hidden_units: int = 32
    output_dimension: int = 3
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

    @property
    def rats(self) -> tuple[str, ...]:
        """The recordings of the chosen source."""
        return self.SOURCES[self.source]


@dataclass(frozen=True, kw_only=True)
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
    "num_seeds": 2, "max_iterations": 300, "learning_rate": 2e-3, "num_hidden_units": 32,
    "batch_size": 128, "num_pool": 600, "num_area_seeds": 2,
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
            "num_neurons": (10, 30, 100, 300), "dimensions": (8, 32), "control_dimension": 32,
            "areas": ("VISp", "VISam", "VISrl"), "area_neurons": 100,
            "mouse_neurons": (200, 300),
        },
        "paper": {},
    }  # fmt: skip

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
            "num_neurons": (30, 200), "output_dimension": 32,
            "areas": ("VISp", "VISam", "VISrl"), "area_neurons": (100,), "layer_neurons": (100,),
            "dimensions": (3, 32), "session_iterations": 300, "session_folds": 4,
            "session_areas": ("VISp", "VISam", "visual", "CA1"),
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
    "allen": AllenConfig,
    "video_decoding": VideoDecodingConfig,
}


def _one_of(name: str, value: object, choices: Iterable[str]) -> None:
    if value not in (known := tuple(choices)):
        raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}.")
