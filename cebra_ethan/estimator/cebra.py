"""CEBRA as a scikit-learn estimator."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from ..data.loader import ContrastiveLoader
from ..data.sampler import Conditional, Prior
from ..metrics.goodness_of_fit import GoodnessOfFit
from ..models.model import supported_model_architectures
from ..solver.base import SingleSessionSolver
from ..solver.callbacks import EveryFewSteps
from ..solver.evaluate import goodness_of_fit
from ..solver.history import History
from ..types import Augmentation, Recording
from ..utils.device import resolve_device
from ..utils.seeding import Streams, derive_seed, resolve_seed
from .build import make_loader, make_loaders, make_solver, renew_schedule, stopping_options
from .inputs import checked_recording, one_session
from .params import (
    FIXED_BY_FIT,
    PARAMETER_CONSTRAINTS,
    check_params,
    check_transform_options,
    check_unchanged,
)
from .persistence import read_estimator, write_estimator

__all__ = ["CEBRA"]


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
        batch_size: References of a step, drawn with replacement, so that it may exceed the number
            of time bins; `None` takes every bin in every step.
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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = PARAMETER_CONSTRAINTS

    def __init__(
        self,
        model_architecture: str = "offset1-model",
        device: str = "cuda_if_available",
        criterion: str | nn.Module = "infonce",
        distance: str = "cosine",
        conditional: Conditional | None = None,
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
        prior: Prior | None = None,
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
        check_params(self)
        X, y, others, trial = one_session(X, y, labels, trial)
        recording = checked_recording(self, X, y, others, trial)
        seed = resolve_seed(self.random_state)
        device = resolve_device(self.device)
        solver = make_solver(self, recording.num_neurons, seed, device)
        train, valid = make_loaders(self, recording, solver, seed, self.max_iterations)
        self._set_fitted(X, recording, solver, seed)
        files = {"logdir": logdir, "save_frequency": save_frequency, "resume": resume}
        return self._train(train, valid, callback, callback_frequency, **files)

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
            own: dict[str, Any] = {"callback": callback, "callback_frequency": callback_frequency}
            return self.fit(X, y, *labels, trial=trial, **own)
        check_params(self)
        check_unchanged(self, self._fitted_params)
        recording = checked_recording(self, X, y, labels, trial, fitted=True)
        steps = self.solver_.num_steps + self.max_iterations
        train, valid = make_loaders(self, recording, self.solver_, self.random_state_, steps)
        renew_schedule(self, self.solver_)  # from here on nothing is refused any more
        self._fitted_params["scheduler"] = self.scheduler
        self.label_kinds_ = {name: label.kind for name, label in recording.labels.items()}
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
        check_transform_options(session_id, batch_size)
        recording = checked_recording(self, X, None, (), trial, fitted=True, min_samples=1)
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
        """Returns the goodness of fit in bits, by the labels given here; by time without `y`."""
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
        recording = checked_recording(self, X, y, labels, trial, fitted=True)
        seed = derive_seed(self.random_state_, Streams.EVALUATION)
        size = min(self.batch_size or 512, len(recording))
        loader = make_loader(self, recording, seed, self.device_, num_batches, size)
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
        write_estimator(self, self._fitted_params, filename)

    @classmethod
    def load(cls, filename: str | os.PathLike[str], device: str | None = None) -> CEBRA:
        """Reads what `save` wrote; no code of the file runs, nothing outside its schema is set.

        Args:
            filename: The checkpoint.
            device: Where to put it; the saved device if it is here, else what is available.

        Raises:
            CheckpointError: If the file is damaged, foreign, or does not fit this class.
        """
        estimator, solver, fitted = read_estimator(cls, filename, device)
        estimator._set_solver(solver)
        for name, value in fitted.items():
            setattr(estimator, name, value)
        return estimator

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
        return int(self.model_.num_output)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _set_fitted(
        self, X: Any, recording: Recording, solver: SingleSessionSolver, seed: int
    ) -> None:
        """Takes over a new model; everything was checked before."""
        validate_data(self, X, reset=True, skip_check_array=True)
        self._set_solver(solver)
        self.random_state_ = seed
        self.label_kinds_ = {name: label.kind for name, label in recording.labels.items()}

    def _set_solver(self, solver: SingleSessionSolver) -> None:
        self.solver_, self.model_ = solver, solver.model
        self.offset_, self.device_ = solver.model.offset, solver.device
        self._fitted_params = {name: getattr(self, name) for name in (*FIXED_BY_FIT, "scheduler")}

    def _train(
        self,
        train: ContrastiveLoader,
        valid: ContrastiveLoader | None,
        callback: Callable[[int, SingleSessionSolver], None] | None,
        callback_frequency: int | None,
        **files: Any,
    ) -> CEBRA:
        callbacks: list[Any] = []
        if callback is not None:
            every = callback_frequency or 1
            callbacks.append(EveryFewSteps(lambda step: callback(step, self.solver_), every))
        self.solver_.fit(
            train,
            valid,
            valid_frequency=stopping_options(self)["every"],
            progress=bool(self.verbose),
            callbacks=callbacks,
            **files,
        )
        self.random_state_ = train.seed  # a resumed training keeps the seed it began with
        return self
