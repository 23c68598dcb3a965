"""The settings of experiments 4 and 5, a visual population that sees a movie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .base import ExperimentConfig

__all__ = ["AllenConfig", "MovieConfig", "VideoDecodingConfig"]


_VISUAL_AREAS = ("VISp", "VISl", "VISal", "VISpm", "VISam", "VISrl")


_SMALL_MOVIE: Mapping[str, Any] = {  # seconds, for the tests
    "num_seeds": 1, "max_iterations": 20, "learning_rate": 3e-3, "num_hidden_units": 16,
    "batch_size": 128, "num_frames": 180, "num_scenes": 4, "num_repeats": 4, "num_pool": 60,
    "neighbors": (1, 9),
}  # fmt: skip


_QUICK_MOVIE: Mapping[str, Any] = {
    "num_seeds": 2, "max_iterations": 150, "learning_rate": 4e-3, "num_hidden_units": 32,
    "batch_size": 128, "num_repeats": 6, "num_pool": 300, "num_area_seeds": 1,
}  # fmt: skip


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
            "num_neurons": (30, 200), "dimensions": (8, 32), "control_dimension": 32,
            "areas": ("VISp", "VISrl"), "area_neurons": 100, "mouse_neurons": (200,),
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
            "areas": ("VISp", "VISrl"), "area_neurons": (100,), "layer_neurons": (100,),
            "dimensions": (3,), "session_iterations": 300, "session_folds": 4,
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
