"""CEBRA as a scikit-learn estimator."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import _param_validation as allowed
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import nn

from .data.augment import AUGMENTATIONS, Compose, from_masking_kwargs
from .data.dataset import ContrastiveDataset, as_labels
from .data.loader import ContrastiveLoader, make_augmentation
from .data.sampling import labels_kind
from .errors import CheckpointError, DataError, InvalidParameterError
from .metrics.goodness_of_fit import GoodnessOfFit
from .models.criterions import CRITERIONS, make_criterion
from .models.model import resolve_model, supported_model_architectures
from .solver.base import EarlyStoppingSolver, SingleSessionSolver
from .solver.checkpoint import load_state, save_state
from .solver.evaluate import goodness_of_fit
from .solver.history import History
from .solver.schedules import OPTIMIZERS, SCHEDULERS
from .types import Augmentation, Objective, Recording
from .utils.device import resolve_device
from .utils.seeding import Streams, derive_seed, private_torch_rng, resolve_seed
from .utils.validation import as_array, check_finite, check_numeric, to_float32

__all__ = ["CEBRA"]

_STOPPING = {"patience": 10, "min_delta": 0.0, "fraction": 0.1, "every": None}
"""What `early_stopping=True` means: evaluations, nats, share of time held out, steps."""

_VALID_BATCHES = 20

_FIXED_BY_FIT = (
    "model_architecture output_dimension num_hidden_units causal hybrid criterion distance "
    "temperature temperature_mode min_temperature optimizer optimizer_kwargs"
).split()


class CEBRA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Embeds a recording so that bins with similar time or behaviour lie near each other.

    Without labels, positives are bins that follow after `time_offsets` (CEBRA-Time). With labels,
    they are bins with a similar label (CEBRA-Behavior). The parameters of `cebra.CEBRA` keep
    their names, meanings and defaults; the last eight are new.

    Args:
        model_architecture: A row of `models.MODELS`, or `"offset{n}-model"` for any n >= 3.
        device: `"cuda_if_available"`, `"cpu"`, `"cuda"`, `"cuda:1"` or `"mps"`.
        criterion: `"infonce"`, `"focal"`, `"nce"`, or a module like those in `models.criterions`.
        distance: `"cosine"` or `"euclidean"` (squared).
        conditional: `"time"`, `"time_delta"`, `"delta_normal"` (old name `"delta"`),
            `"discrete"`; `None` takes what suits the labels.
        temperature: Divides similarities; the start value if it is learned.
        temperature_mode: `"constant"` or `"auto"` (learned).
        min_temperature: Lower bound of a learned temperature; `None` for none.
        time_offsets: Time bins between a reference and its positive.
        delta: Standard deviation for `"delta_normal"`, in the label's unit.
        max_iterations: Training steps.
        max_adapt_iterations: Training steps when adapting.
        batch_size: References of a step; `None` takes every bin in every step.
        learning_rate: Step size of the optimiser.
        optimizer: `"adam"` or `"adamw"`.
        output_dimension: Dimensions of the embedding, `D`.
        verbose: Show a progress bar.
        num_hidden_units: Width of the hidden layers.
        pad_before_transform: Repeat the first and last bin, so that `transform` keeps the number
            of rows.
        hybrid: Learn behaviour and time together: behaviour in the first three dimensions, time
            in all.
        optimizer_kwargs: Further arguments of the optimiser, pairs of name and value.
        masking_kwargs: Random masks, pairs of name and value; see `data.augment`.
        random_state: Seed; the same seed gives the same embedding, bit for bit.
        early_stopping: `True`, or a dict with some of `patience` (evaluations, 10), `min_delta`
            (nats, 0), `fraction` (share of time held out at the end, 0.1) and `every` (steps
            between evaluations, a hundredth of `max_iterations`).
        num_negatives: Negatives of each reference; `None` shares the batch's among all.
        augmentation: A dict of `data.augment.AUGMENTATIONS` rows, or a callable.
        scheduler: Learning-rate schedule: `"cosine"`, `"linear"`, `"one-cycle"` or `None`.
        causal: Let windows end at their own bin, so that nothing depends on the future.
        prior: References and negatives uniform over bins (`"empirical"`) or over classes
            (`"uniform"`).

    Attributes:
        model_: The network. `solver_`: what trained it. `history_`: losses of all steps.
        offset_: Receptive field. `device_`: where it ran. `label_kinds_`: kind of each label.
        n_features_in_: Number of neurons. `random_state_`: the seed that was used.

    References:
        Schneider, Lee & Mathis (2023), Nature 617, 360-368, doi:10.1038/s41586-023-06031-6.

    Example:
        >>> X, y = np.random.default_rng(0).normal(size=(200, 10)), np.linspace(0, 1, 200)
        >>> cebra = CEBRA(max_iterations=5, batch_size=32, output_dimension=3, random_state=0)
        >>> cebra.fit(X, y).transform(X).shape
        (200, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model_architecture": [str],
        "device": [str, torch.device],
        "criterion": [allowed.StrOptions(set(CRITERIONS)), nn.Module],
        "distance": [allowed.StrOptions({"cosine", "euclidean"})],
        "conditional": [
            allowed.StrOptions({"time", "time_delta", "delta", "delta_normal", "discrete"}),
            None,
        ],
        "temperature": [allowed.Interval(Real, 0, None, closed="neither")],
        "temperature_mode": [allowed.StrOptions({"constant", "auto"})],
        "min_temperature": [allowed.Interval(Real, 0, None, closed="neither"), None],
        "time_offsets": [allowed.Interval(Integral, 1, None, closed="left")],
        "delta": [allowed.Interval(Real, 0, None, closed="neither"), None],
        "max_iterations": [allowed.Interval(Integral, 1, None, closed="left")],
        "max_adapt_iterations": [allowed.Interval(Integral, 1, None, closed="left")],
        "batch_size": [allowed.Interval(Integral, 2, None, closed="left"), None],
        "learning_rate": [allowed.Interval(Real, 0, None, closed="neither")],
        "optimizer": [allowed.StrOptions(set(OPTIMIZERS))],
        "output_dimension": [allowed.Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
        "num_hidden_units": [allowed.Interval(Integral, 2, None, closed="left")],
        "pad_before_transform": ["boolean"],
        "hybrid": ["boolean"],
        "optimizer_kwargs": [tuple, list],
        "masking_kwargs": [tuple, list, None],
        "random_state": ["random_state"],
        "early_stopping": ["boolean", dict],
        "num_negatives": [allowed.Interval(Integral, 1, None, closed="left"), None],
        "augmentation": [dict, callable, None],
        "scheduler": [allowed.StrOptions(set(SCHEDULERS)), None],
        "causal": ["boolean"],
        "prior": [allowed.StrOptions({"empirical", "uniform"}), None],
    }

    def __init__(
        self,
        model_architecture: str = "offset1-model",
        device: str = "cuda_if_available",
        criterion: str | nn.Module = "infonce",
        distance: str = "cosine",
        conditional: str | None = None,
        temperature: float = 1.0,
        temperature_mode: str = "constant",
        min_temperature: float | None = 0.1,
        time_offsets: int = 1,
        delta: float | None = None,
        max_iterations: int = 10000,
        max_adapt_iterations: int = 500,
        batch_size: int | None = None,
        learning_rate: float = 3e-4,
        optimizer: str = "adam",
        output_dimension: int = 8,
        verbose: bool = False,
        num_hidden_units: int = 32,
        pad_before_transform: bool = True,
        hybrid: bool = False,
        optimizer_kwargs: Sequence[tuple[str, Any]] = (
            ("betas", (0.9, 0.999)),
            ("eps", 1e-08),
            ("weight_decay", 0),
            ("amsgrad", False),
        ),
        masking_kwargs: Sequence[tuple[str, Any]] | None = None,
        *,
        random_state: int | np.random.RandomState | None = None,
        early_stopping: bool | dict[str, Any] = False,
        num_negatives: int | None = None,
        augmentation: dict[str, Any] | Augmentation | None = None,
        scheduler: str | None = None,
        causal: bool = False,
        prior: str | None = None,
    ) -> None:
        self.model_architecture = model_architecture
        self.device = device
        self.criterion = criterion
        self.distance = distance
        self.conditional = conditional
        self.temperature = temperature
        self.temperature_mode = temperature_mode
        self.min_temperature = min_temperature
        self.time_offsets = time_offsets
        self.delta = delta
        self.max_iterations = max_iterations
        self.max_adapt_iterations = max_adapt_iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.output_dimension = output_dimension
        self.verbose = verbose
        self.num_hidden_units = num_hidden_units
        self.pad_before_transform = pad_before_transform
        self.hybrid = hybrid
        self.optimizer_kwargs = optimizer_kwargs
        self.masking_kwargs = masking_kwargs
        self.random_state = random_state
        self.early_stopping = early_stopping
        self.num_negatives = num_negatives
        self.augmentation = augmentation
        self.scheduler = scheduler
        self.causal = causal
        self.prior = prior

    def fit(
        self,
        X: Any,
        y: Any = None,
        *labels: Any,
        trial: Any = None,
        callback: Callable[[int, SingleSessionSolver], None] | None = None,
        callback_frequency: int | None = None,
        logdir: str | os.PathLike[str] | None = None,
        save_frequency: int | None = None,
        resume: bool = False,
    ) -> CEBRA:
        """Trains from new weights on a recording; what was learned before is forgotten.

        Args:
            X: Activity `(T, N)`: array, tensor or table, finite.
            y: A label `(T,)` or `(T, d)`, a `Label`, or a mapping of names to labels. Floats are
                continuous; integers, bools and strings are classes. `None` trains by time.
            labels: Further labels; continuous ones are searched together, classes are combined.
            trial: Trial of each bin, `(T,)`. Windows and pairs stay inside a trial.
            callback: Called as `callback(step, solver)` every `callback_frequency` steps.
            callback_frequency: Steps between two calls.
            logdir: Folder for checkpoints and `history.csv` while training.
            save_frequency: Steps between two checkpoints.
            resume: Continue an interrupted training from `logdir`.

        Raises:
            DataError: If `X`, labels or trials cannot be used.
            InvalidParameterError: If a parameter is outside its set.
            TrainingDivergedError: If the loss stops being finite.
        """
        self._check_params()
        recording = self._recording(X, y, labels, trial)
        seed = resolve_seed(self.random_state)
        device = resolve_device(self.device)
        solver = self._make_solver(recording, seed, device)
        train, valid = self._loaders(recording, solver, seed, device, self.max_iterations)
        self._set_fitted(X, recording, solver, seed, device)
        return self._train(
            train, valid, callback, callback_frequency, logdir, save_frequency, resume
        )

    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        *labels: Any,
        trial: Any = None,
        callback: Callable[[int, SingleSessionSolver], None] | None = None,
        callback_frequency: int | None = None,
    ) -> CEBRA:
        """Trains `max_iterations` more steps from the present weights, on the data given here.

        Args:
            X: As for `fit`, with the same neurons.
            y: As for `fit`.
            labels: As for `fit`.
            trial: As for `fit`.
            callback: As for `fit`.
            callback_frequency: As for `fit`.

        Raises:
            InvalidParameterError: If a parameter that shapes the fitted model was changed.
        """
        if not hasattr(self, "model_"):
            return self.fit(
                X, y, *labels, trial=trial, callback=callback, callback_frequency=callback_frequency
            )
        self._check_params()
        for name in _FIXED_BY_FIT:
            if getattr(self, name) != self._fitted_params[name]:
                raise InvalidParameterError(
                    f"partial_fit continues the fitted model, so {name} must stay "
                    f"{self._fitted_params[name]!r}; got {getattr(self, name)!r}. Use fit."
                )
        recording = self._recording(X, y, labels, trial, fitted=True)
        for group in self.solver_.optimizer.param_groups:
            group["lr"] = self.learning_rate
        steps = self.solver_.num_steps + self.max_iterations
        train, valid = self._loaders(
            recording, self.solver_, self.random_state_, self.device_, steps
        )
        return self._train(train, valid, callback, callback_frequency)

    def transform(
        self,
        X: Any,
        batch_size: int | None = None,
        session_id: int | None = None,
        trial: Any = None,
    ) -> Float[np.ndarray, "time dims"]:
        """Returns the embedding, one point for each time bin, `(T, D)` float32.

        Args:
            X: Activity `(T, N)` of the neurons that were fitted.
            batch_size: Bins that are embedded at a time; bounds memory, changes nothing else.
            session_id: 0 or `None`; there is one session.
            trial: Trial of each bin; the ends of each trial are padded by themselves.

        Raises:
            NotFittedError: If `fit` was not called.
            DataError: If `X` does not have the fitted neurons.
        """
        check_is_fitted(self, "model_")
        self._check_session(session_id)
        if batch_size is not None and (not isinstance(batch_size, Integral) or batch_size < 1):
            raise InvalidParameterError(
                f"batch_size must be a positive integer or None; got {batch_size!r}."
            )
        recording = self._recording(X, None, (), trial, fitted=True, min_samples=1)
        embedding = self.solver_.transform(
            recording.neural, recording.segments, batch_size, pad=self.pad_before_transform
        )
        return embedding.cpu().numpy()

    def fit_transform(
        self, X: Any, y: Any = None, *labels: Any, **options: Any
    ) -> Float[np.ndarray, "time dims"]:
        """Returns `fit(X, y, *labels, **options).transform(X)`."""
        return self.fit(X, y, *labels, **options).transform(X, trial=options.get("trial"))

    def score(self, X: Any, y: Any = None, *labels: Any, trial: Any = None) -> float:
        """Returns the goodness of fit in bits on any data; 0 is chance, higher is better."""
        return self.goodness_of_fit(X, y, *labels, trial=trial).bits

    def goodness_of_fit(
        self, X: Any, y: Any = None, *labels: Any, trial: Any = None, num_batches: int = 100
    ) -> GoodnessOfFit:
        """Returns the goodness of fit with its interval on any data, see `solver.evaluate`.

        Args:
            X: Activity `(T, N)`; held-out data give an honest number.
            y: As for `fit`.
            labels: As for `fit`.
            trial: As for `fit`.
            num_batches: Batches that are drawn.
        """
        check_is_fitted(self, "model_")
        recording = self._recording(X, y, labels, trial, fitted=True)
        loader = self._loader(
            recording,
            derive_seed(self.random_state_, Streams.EVALUATION),
            self.device_,
            num_batches,
            augmented=False,
            batch_size=self.batch_size or 512,
        )
        return goodness_of_fit(self.model_, self.solver_.objectives[0], loader)

    def to(self, device: str | torch.device) -> CEBRA:
        """Moves a fitted estimator to a device; returns it."""
        check_is_fitted(self, "model_")
        self.device_ = resolve_device(device)
        self.solver_.to(self.device_)
        return self

    def save(self, filename: str | os.PathLike[str]) -> None:
        """Writes parameters, weights, optimiser and history to one checked file.

        Raises:
            NotFittedError: If there is nothing to save yet.
            CheckpointError: If a parameter is an object that a file cannot hold.
        """
        check_is_fitted(self, "model_")
        params = self.get_params(deep=False) | {"random_state": self.random_state_}
        params["device"] = str(params["device"])
        fitted = {
            "n_features_in_": self.n_features_in_,
            "label_kinds_": dict(self.label_kinds_),
            "random_state_": self.random_state_,
            "fitted_params": {name: self._fitted_params[name] for name in _FIXED_BY_FIT},
        }
        if hasattr(self, "feature_names_in_"):
            fitted["feature_names_in_"] = self.feature_names_in_.tolist()
        save_state(
            filename,
            {
                "kind": "estimator",
                "params": params,
                "fitted": fitted,
                "solver": self.solver_.state_dict(),
            },
        )

    @classmethod
    def load(cls, filename: str | os.PathLike[str], device: str | None = None) -> CEBRA:
        """Reads what `save` wrote; no code of the file runs, nothing outside its schema is set.

        Args:
            filename: The checkpoint.
            device: Where to put it; the saved device if it is here, else what is available.

        Raises:
            CheckpointError: If the file is damaged, foreign, or does not fit this class.
        """
        from ._persistence import restore

        return restore(cls, load_state(filename), filename, device)

    @classmethod
    def supported_model_architectures(cls, pattern: str = "*") -> list[str]:
        """Returns the names of architectures that match a shell-style pattern."""
        return supported_model_architectures(pattern)

    @property
    def history_(self) -> History:
        """Losses of all training steps: `"loss"`, its parts `"align"` and `"uniform"`, ..."""
        check_is_fitted(self, "model_")
        return self.solver_.history

    @property
    def num_sessions(self) -> int | None:
        """The number of sessions; `None` for one, as in `cebra`."""
        return None

    @property
    def _n_features_out(self) -> int:
        return self.output_dimension

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.non_deterministic = self.random_state is None
        return tags

    def _check_params(self) -> None:
        try:
            self._validate_params()
        except allowed.InvalidParameterError as error:
            raise InvalidParameterError(str(error)) from None
        resolve_model(self.model_architecture)
        rules = (
            (
                self.temperature_mode == "auto"
                and self.min_temperature is not None
                and self.min_temperature > self.temperature,
                "min_temperature must not exceed temperature; got "
                f"{self.min_temperature!r} and {self.temperature!r}",
            ),
            (
                (self.conditional in ("delta", "delta_normal")) != (self.delta is not None),
                "delta goes with conditional='delta_normal' and only with it; got "
                f"delta={self.delta!r} and conditional={self.conditional!r}",
            ),
        )
        for broken, rule in rules:
            if broken:
                raise InvalidParameterError(f"{rule}. Change one of both.")
        if isinstance(self.early_stopping, dict):
            unknown = sorted(set(self.early_stopping) - set(_STOPPING))
            if unknown:
                raise InvalidParameterError(
                    f"early_stopping takes {', '.join(_STOPPING)}; got {', '.join(unknown)}."
                )

    def _recording(
        self,
        X: Any,
        y: Any,
        labels: Sequence[Any],
        trial: Any,
        *,
        fitted: bool = False,
        min_samples: int | None = None,
    ) -> Recording:
        """Returns the checked recording of what the user passed."""
        (X,), y = self._one_session(X, y)
        X = as_array(X, "X")
        span = resolve_model(self.model_architecture)(1, 2, 1).offset.span
        needed = min_samples or span + self.time_offsets
        array = check_array(
            X, dtype=None if _is_numeric(X) else "numeric", ensure_all_finite=False,
            ensure_min_samples=1, estimator=self, input_name="X",
        )
        check_numeric(array, "X")
        check_finite(array, "X")
        if len(array) < needed:
            raise DataError(
                f"{self.model_architecture} with time_offsets={self.time_offsets} needs at least "
                f"{needed} time bins; got n_samples={len(array)}. Pass more data or a smaller model."
            )
        if fitted:
            validate_data(self, X, reset=False, skip_check_array=True)
        given = [one for one in (y, *labels) if one is not None]
        named = as_labels(given[0]) if len(given) == 1 and isinstance(given[0], Mapping) else (
            as_labels(given) if given else {}
        )
        recording = Recording(
            torch.from_numpy(to_float32(array, "X")), named,
            None if trial is None else np.asarray(as_array(trial, "trial")), name="X",
        )
        return recording
