"""The settings of the experiments: one frozen dataclass each, with presets, and `EXPERIMENTS`.

A variant is `dataclasses.replace(config, num_seeds=3)`. Every configuration checks itself. Each
stands in a file of its own in `settings`.
"""

from __future__ import annotations

from collections.abc import Mapping

from settings.base import ExperimentConfig
from settings.hippocampus import HippocampusConfig
from settings.movies import AllenConfig, MovieConfig, VideoDecodingConfig
from settings.multi_session import MultiSessionConfig
from settings.primate import PrimateConfig
from settings.synthetic import SyntheticConfig

__all__ = [
    "EXPERIMENTS",
    "AllenConfig",
    "ExperimentConfig",
    "HippocampusConfig",
    "MovieConfig",
    "MultiSessionConfig",
    "PrimateConfig",
    "SyntheticConfig",
    "VideoDecodingConfig",
]

EXPERIMENTS: Mapping[str, type[ExperimentConfig]] = {
    "synthetic": SyntheticConfig,
    "hippocampus": HippocampusConfig,
    "primate": PrimateConfig,
    "allen": AllenConfig,
    "video_decoding": VideoDecodingConfig,
    "multi_session": MultiSessionConfig,
}
"""Name to configuration. One row adds an experiment."""
