"""The parts of the experiment; other processes import this module by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cebra_ethan.datasets.allen_recording import LAYERS
from config import VideoDecodingConfig
from experiments.common import CONTROLS, Part
from experiments.common.movie import MODALITIES, has_recordings
from experiments.video_decoding import methods, session
from experiments.video_decoding.methods import Setting

__all__ = ["parts", "settings"]

_TRAINED_CONTROLS = ("permuted", "shifted", "time", "time-all")
_TEN = 10  # frames of the window where areas, layers and dimensions are compared (paper)


def parts(config: VideoDecodingConfig, folder: Path) -> list[Part]:
    """Returns the parts: of the real session, and of recordings that resolve frames."""
    found = _session_parts(config) if config.source == "real" else []
    if config.source == "simulated" or has_recordings(config.data_root):
        for setting, names in settings(config):
            found += _setting_parts(config, setting, names)
    return found


def settings(config: VideoDecodingConfig) -> list[tuple[Setting, tuple[str, ...]]]:
    """Returns what is decoded, each with its methods."""
    first, most = config.areas[0], max(config.num_neurons)
    found = []
    for modality in MODALITIES:
        for number in config.num_neurons:
            for window in config.windows_frames:
                one = Setting(modality, first, number, window, config.output_dimension)
                # joint training decodes both recordings at once
                joint = ("joint",) if modality == MODALITIES[0] else ()
                found.append((one, (*joint, *methods.METHODS)))
    for area in config.areas:
        for number in config.area_neurons:
            one = Setting("neuropixels", area, number, _TEN, config.output_dimension, arm="areas")
            found.append((one, ("joint", *CONTROLS)))
    for layer in LAYERS:
        for number in config.layer_neurons:
            one = Setting("calcium", first, number, _TEN, config.output_dimension, layer, "layers")
            found.append((one, ("behavior", *CONTROLS)))
    for modality in MODALITIES:
        for dims in config.dimensions:
            one = Setting(modality, first, most, _TEN, dims, arm="dimensions")
            found.append((one, ("behavior", *CONTROLS)))
    return found


def _setting_parts(
    config: VideoDecodingConfig, setting: Setting, names: tuple[str, ...]
) -> list[Part]:
    most = config.area_seeds if setting.arm == "areas" else config.num_seeds
    place = f"{setting.modality}-{setting.area}{setting.layer.replace('/', '')}"
    label = f"{setting.arm}-{place}-{setting.num_neurons}n-{setting.window_frames}f"
    label += f"-{setting.dims}d"
    found = []
    for method in names:
        seeds = min(most, config.control_seeds) if method in _TRAINED_CONTROLS else most
        for seed in range(seeds):
            own: dict[str, Any] = {"config": config, "setting": setting, "seed": seed}
            if method == "joint":
                found.append(Part(f"{label}-joint-{seed}", methods.run_joint, own))
            else:
                more = own | {"method": method}
                found.append(Part(f"{label}-{method}-{seed}", methods.run_single, more))
    return found


def _session_parts(config: VideoDecodingConfig) -> list[Part]:
    found = []
    for area in config.session_areas:
        for method in session.SESSION_METHODS:
            draws = method not in ("no-embedding", "lda", "chance")
            for seed in range(config.num_seeds if draws else 1):
                own = {"config": config, "area": area, "method": method, "seed": seed}
                found.append(Part(f"session-{area}-{method}-{seed}", session.run_session, own))
    for pool in session.POOLS:
        own = {"config": config, "pool": pool}
        found.append(Part(f"pool-{pool}", session.run_pool, own))
    return found
