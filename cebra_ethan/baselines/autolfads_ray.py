"""Population-based training of LFADS by Ray Tune."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from sklearn.base import clone

from ..solver.checkpoint import load_state, save_state
from ..types import Recording
from ..utils.optional import require
from .search_space import Range

if TYPE_CHECKING:
    from .lfads import LFADS

__all__ = ["Member", "population_search"]

_EXTRA = "ray"
_FILE = "training.pt"
_QUANTILE, _RESAMPLE = 0.25, 0.25  # of lfads-torch


def population_search(
    lfads: LFADS,
    recording: Recording,
    space: Mapping[str, Range],
    *,
    n_trials: int,
    interval: int,
    n_jobs: int,
) -> tuple[LFADS, list[dict[str, float]]]:
    """Trains a population, and returns its best member and the last state of all.

    After every `interval` epochs the worst quarter takes over the weights and settings of the
    best quarter, the settings changed by a fifth up or down or drawn anew. Ray is started if it
    does not run, and then stopped; it writes into a folder that is removed.

    Args:
        lfads: What all members share; not fitted.
        recording: Checked data.
        space: Ranges of the settings.
        n_trials: Members of the population.
        interval: Epochs between two comparisons.
        n_jobs: Cores that Ray may use, if it is started here; -1 for all.

    Raises:
        MissingDependencyError: If Ray is not installed.
    """
    ray, tune = require("ray", _EXTRA), require("ray.tune", _EXTRA)
    started = not ray.is_initialized()
    if started:
        own = {} if n_jobs < 0 else {"num_cpus": n_jobs}
        ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False, **own)
    try:
        with tempfile.TemporaryDirectory() as folder:
            tuner = tune.Tuner(
                tune.with_parameters(
                    type("LFADSMember", (Member, tune.Trainable), {}),
                    **{"lfads": lfads, "recording": recording, "interval": interval},
                ),
                param_space=_domains(tune, space),
                tune_config=tune.TuneConfig(
                    scheduler=_scheduler(space, tune),
                    num_samples=n_trials,
                    reuse_actors=True,  # starting a process takes ten seconds
                ),
                run_config=tune.RunConfig(
                    storage_path=folder,
                    stop={"training_iteration": math.ceil(lfads.epochs / interval)},
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=True),
                    verbose=0,
                ),
            )
            results = tuner.fit()
            best = results.get_best_result("held_out_loss", "min")
            trials = [
                {**one.config, "held_out_loss": one.metrics["held_out_loss"]} for one in results
            ]
            with best.checkpoint.as_directory() as place:
                state = load_state(Path(place) / _FILE)
    finally:
        if started:
            ray.shutdown()
    member = clone(lfads).set_params(**{name: best.config[name] for name in space})
    training = member.training(recording)
    training.load_state_dict(state)
    return member.take(training, training.held_out_loss()), trials


class Member:
    """One network in training, whose weights and settings can be replaced.

    The methods are those of `ray.tune.Trainable`, which it is joined with where Ray is; a worker
    finds them by importing this module.
    """

    def setup(
        self, config: dict[str, float], lfads: LFADS, recording: Recording, interval: int
    ) -> None:
        """Starts from new weights."""
        torch.set_num_threads(1)  # members share the cores
        self.training = clone(lfads).training(recording)
        self.base, self.every = self.training.settings, interval
        self.reset_config(config)

    def step(self) -> dict[str, float]:
        """Trains for an interval."""
        return {"held_out_loss": self.training.run(self.every).best_loss}

    def reset_config(self, config: dict[str, float]) -> bool:
        """Goes on with other settings."""
        known = {name: config[name] for name in asdict(self.base) if name in config}
        self.training.use(replace(self.base, **known))
        return True

    def save_checkpoint(self, folder: str) -> None:
        """Writes weights and optimiser."""
        save_state(Path(folder) / _FILE, self.training.state_dict())

    def load_checkpoint(self, folder: str) -> None:
        """Takes over weights and optimiser."""
        self.training.load_state_dict(load_state(Path(folder) / _FILE))


def _domains(tune: Any, space: Mapping[str, Range]) -> dict[str, Any]:
    return {
        name: (tune.loguniform if one.log else tune.uniform)(one.low, one.high)
        for name, one in space.items()
    }


def _scheduler(space: Mapping[str, Range], tune: Any) -> Any:
    return require("ray.tune.schedulers", _EXTRA).PopulationBasedTraining(
        time_attr="training_iteration",
        metric="held_out_loss",
        mode="min",
        perturbation_interval=1,
        hyperparam_mutations=_domains(tune, space),
        quantile_fraction=_QUANTILE,
        resample_probability=_RESAMPLE,
        custom_explore_fn=partial(_clamped, space),
        synch=True,
    )


def _clamped(space: Mapping[str, Range], config: dict[str, Any]) -> dict[str, Any]:
    return config | {name: one.clamp(config[name]) for name, one in space.items()}
