"""autoLFADS: LFADS with its settings searched by the likelihood of held-out counts."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils import _param_validation as allowed

from ..errors import InvalidParameterError
from ..utils.seeding import Streams, derive_seed, resolve_seed
from .autolfads_ray import population_search
from .embedder import Embedder
from .lfads import LFADS
from .search_space import SEARCH_SPACE, Range, draw_settings

__all__ = ["AutoLFADS"]

_COUNT = [allowed.Interval(Integral, 1, None, closed="left")]


class AutoLFADS(Embedder):
    """A search for the settings of LFADS that needs no labels.

    Every trial holds out the same single counts and starts from the same weights; the one that
    makes the held-out counts most likely is kept. By default trials are independent trainings with
    settings drawn at random, the first with those of `lfads` itself. With `search="pbt"` they are
    a population that trains side by side, in which bad ones take over weights and changed settings
    of good ones; that needs Ray.

    Args:
        n_components: Dimensions of the points; `None` leaves it to `lfads`.
        lfads: What all trials share, sizes of the network and epochs; `None` for the defaults.
        n_trials: Settings that are tried, or members of the population.
        search: `"random"`, or `"pbt"` by Ray Tune (the extra `ray`).
        space: Ranges of settings; `None` for `SEARCH_SPACE`.
        interval: Epochs after which members of a population are compared.
        n_jobs: Trials at a time, as in joblib; for a population, cores that Ray may use.
        random_state: Seed. Random search repeats itself; Ray draws from the global generators
            and does not.

    Attributes:
        estimator_: The fitted `LFADS` of the best trial.
        best_settings_: Its settings; those of the end, for a population.
        trials_: Settings and `held_out_loss` (nats for each held-out count) of every trial.

    References:
        Keshtkaran et al. (2022), doi:10.1038/s41592-022-01675-0. Jaderberg et al. (2017),
        doi:10.48550/arXiv.1711.09846, for population-based training.

    Example:
        >>> X = np.random.default_rng(0).poisson(1.0, size=(90, 5))
        >>> lfads = LFADS(sequence_length=20, overlap=5, num_inputs=0, epochs=2)
        >>> auto = AutoLFADS(n_components=2, lfads=lfads, n_trials=2, random_state=0).fit(X)
        >>> auto.transform(X).shape, len(auto.trials_)
        ((90, 2), 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [*_COUNT, None],
        "lfads": [LFADS, None],
        "n_trials": _COUNT,
        "search": [allowed.StrOptions({"random", "pbt"})],
        "space": [dict, Mapping, None],
        "interval": _COUNT,
        "n_jobs": [Integral],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: int | None = None,
        lfads: LFADS | None = None,
        n_trials: int = 8,
        search: str = "random",
        space: Mapping[str, Range] | None = None,
        interval: int = 10,
        n_jobs: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components, self.lfads, self.n_trials = n_components, lfads, n_trials
        self.search, self.space, self.interval = search, space, interval
        self.n_jobs, self.random_state = n_jobs, random_state

    def fit(self, X: Any, y: Any = None, *, trial: Any = None) -> AutoLFADS:
        """Searches, and keeps the best trial.

        Args:
            X: Counts `(T, N)`, not negative; or a `Recording`.
            y: Not looked at.
            trial: Trial of each bin.

        Raises:
            DataError: If `X` cannot be used.
            InvalidParameterError: If a parameter is outside its set.
            MissingDependencyError: If a population is asked for and Ray is not installed.
        """
        recording = self._begin(X, trial)
        seed = resolve_seed(self.random_state)
        base = LFADS() if self.lfads is None else clone(self.lfads)
        base.set_params(random_state=seed)
        if self.n_components is not None:
            base.set_params(n_components=self.n_components)
        space = SEARCH_SPACE if self.space is None else self.space
        unknown = sorted(set(space) - set(SEARCH_SPACE))
        if unknown:
            raise InvalidParameterError(
                f"the space must be of settings of LFADS, {', '.join(SEARCH_SPACE)}; got "
                f"{', '.join(unknown)} as well. Set others in lfads."
            )
        if self.search == "pbt":
            options = {"n_trials": self.n_trials, "interval": self.interval}
            found = population_search(base, recording, space, n_jobs=self.n_jobs, **options)
            self.estimator_, self.trials_ = found
        else:
            drawn = draw_settings(space, self.n_trials - 1, derive_seed(seed, Streams.SAMPLING))
            candidates = [clone(base).set_params(**settings) for settings in [{}, *drawn]]
            fitted = Parallel(self.n_jobs)(delayed(one.fit)(recording) for one in candidates)
            self.trials_ = [
                vars(one.settings) | {"held_out_loss": one.best_loss_} for one in fitted
            ]
            self.estimator_ = min(fitted, key=lambda one: one.best_loss_)
        self.best_settings_ = vars(self.estimator_.settings)
        return self

    def transform(self, X: Any, y: Any = None, *, trial: Any = None) -> np.ndarray:
        """Returns the points of the best trial, see `LFADS.transform`."""
        self._continue(X, trial)
        return self.estimator_.transform(X, trial=trial)

    def rates(self, X: Any, *, trial: Any = None) -> np.ndarray:
        """Returns the expected counts of each bin, `(T, N)` float32."""
        self._continue(X, trial)
        return self.estimator_.rates(X, trial=trial)

    @property
    def _takes_counts(self) -> bool:
        return True

    @property
    def _n_features_out(self) -> int:
        return int(self.estimator_._n_features_out)
