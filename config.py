"""The settings of the experiments: one frozen dataclass each, with presets, and `EXPERIMENTS`.

A variant is `dataclasses.replace(config, num_seeds=3)`. Every configuration checks itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["EXPERIMENTS", "HIPPOCAMPUS_PRESETS", "HippocampusConfig"]

_SOURCES = {"simulated": ("simulated",), "real": ("achilles", "buddy")}

_METHODS = (
    "behavior",
    "time",
    "position",
    "direction",
    "permuted",
    "shifted",
    "encoder-permuted",
    "untrained",
    "no-embedding",
    "chance",
)

_COUNTS = (
    "num_seeds",
    "max_iterations",
    "num_bins",
    "num_neurons",
    "num_hidden_units",
    "output_dimension",
    "batch_size",
    "time_offsets",
    "baseline_bins",
)


@dataclass(frozen=True, kw_only=True)
class HippocampusConfig:
    """Decoding of position and direction from rats on a linear track, with controls.

    "Paper" is Schneider, Lee & Mathis (2023), doi:10.1038/s41586-023-06031-6; "demo" is the
    hippocampus notebook of its code. Where paper and demo differ the demo's settings are taken,
    since they train in minutes.

    Args:
        source: `"simulated"` (one rat) or `"real"` (achilles and buddy).
        data_root: Folder of the real recordings; `None` takes `CEBRA_ETHAN_DATA`.
        preset: Name of the row of `HIPPOCAMPUS_PRESETS` this was made from.
        methods: Rows of the result table, see `experiments.hippocampus.methods.METHODS`.
        num_seeds: Seeds `0, 1, ...` of every method that draws.
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

    source: str = "simulated"
    data_root: str | None = None
    preset: str = "paper"
    methods: tuple[str, ...] = _METHODS
    num_seeds: int = 5
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

    def __post_init__(self) -> None:
        _one_of("source", self.source, _SOURCES)
        for name in ("methods", "neighbors"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for method in self.methods:
            _one_of("methods", method, _METHODS)
        for name in _COUNTS:
            _positive(name, getattr(self, name))
        _positive("num_shuffles", self.num_shuffles + 1)
        for name in ("learning_rate", "temperature", "temperature_time"):
            _positive(name, getattr(self, name), kinds=(int, float))
        for name in ("test_fraction", "valid_fraction"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be between 0 and 1; got {getattr(self, name)!r}. "
                    "0.2 holds out the last fifth."
                )
        if not self.neighbors or min(self.neighbors) < 1:
            raise ValueError(
                f"neighbors must be positive numbers; got {self.neighbors!r}. Give at least one."
            )

    @property
    def rats(self) -> tuple[str, ...]:
        """The recordings of the chosen source."""
        return _SOURCES[self.source]

    @classmethod
    def from_preset(cls, preset: str, **changes: Any) -> HippocampusConfig:
        """Returns a row of `HIPPOCAMPUS_PRESETS` with some values changed.

        Args:
            preset: `"smoke"`, `"run"`, `"quick"` or `"paper"`.
            changes: Values that replace those of the preset.

        Raises:
            ValueError: If the preset is unknown or a value is outside its set.
            TypeError: If a name is not a setting.

        Example:
            >>> HippocampusConfig.from_preset("smoke", num_seeds=2).max_iterations
            100
        """
        _one_of("preset", preset, HIPPOCAMPUS_PRESETS)
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise TypeError(
                f"a setting must be one of {', '.join(sorted(known))}; got {', '.join(unknown)}."
            )
        return cls(**{**HIPPOCAMPUS_PRESETS[preset], "preset": preset, **changes})


HIPPOCAMPUS_PRESETS: Mapping[str, Mapping[str, Any]] = {
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

EXPERIMENTS: Mapping[str, type[HippocampusConfig]] = {"hippocampus": HippocampusConfig}


def _one_of(name: str, value: object, choices: Mapping[str, Any] | tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}.")


def _positive(name: str, value: object, kinds: tuple[type, ...] = (int,)) -> None:
    if isinstance(value, bool) or not isinstance(value, kinds):
        kind = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name} must be {kind}; got {value!r}. Give a plain number.")
    if not 0 < value < float("inf"):  # type: ignore[operator]
        raise ValueError(f"{name} must be positive and finite; got {value!r}.")
