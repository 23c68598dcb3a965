"""CEBRA as a scikit-learn estimator."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ..data.objectives import Objectives
from ..data.sampler import Conditional, Prior
from ..models.model import supported_model_architectures
from ..solver.history import History
from ..solver.signals import preparing
from ..types import Augmentation
from ..utils.device import resolve_device
from ..utils.seeding import resolve_seed
from ..utils.validation import explain_keywords
from .apply import embeddings
from .build import make_loaders, make_solver
from .evaluation import goodness_of_fit, score
from .inputs import as_sessions, checked_recording, checked_sessions, is_list, one_session
from .labels import check_labels, set_labels
from .params import (
    PARAMETER_CONSTRAINTS,
    check_adaptation,
    check_params,
    check_transform_options,
    check_unchanged,
)
from .persistence import read_estimator, write_estimator
from .training import Freeze, UserCallback, adapted, set_fitted, set_solver, train, train_on

__all__ = ["CEBRA"]


class CEBRA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Embeds a recording so that bins with similar time or behaviour lie near each other.

    Without labels, positives are bins that follow after `time_offsets` (CEBRA-Time). With labels,
    they are bins with a similar label (CEBRA-Behavior). The parameters of `cebra.CEBRA` keep
    their names, meanings and defaults; those after `masking_kwargs` are new.

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
        shared_trunk: Let all sessions share their layers, except where the neurons come in.
        objectives: What is learned in which dimensions: a mapping of names to the arguments of
            `data.objectives.ObjectiveSpec`, or a list of these; `None` for one objective.
        balance: Learns how much objectives count: `"uncertainty"`, `"gradnorm"` or `None`.
        regularizer: Penalty on the Jacobian: a dict with `weight` and, if it is not constant,
            `schedule`; see `solver.objectives.make_regularizer`.
        num_queued_negatives: Negatives of former steps that each reference sees beside those of
            its batch, embedded by a slow copy of the encoder; see `solver.momentum`.
        momentum: How slow the copy is, in [0, 1).

    Attributes:
        model_: The network. `solver_`: what trained it. `history_`: losses of all steps.
        offset_: Receptive field. `device_`: where it ran. `label_kinds_`: kind of each label.
        label_forms_: Columns and period of each label, by name.
        n_features_in_: Number of neurons, a list for several sessions. `num_sessions_`.
        random_state_: The seed that was used. `interrupted_`: a signal ended the training.

    References:
        Schneider, Lee & Mathis (2023), Nature 617, 360-368, doi:10.1038/s41586-023-06031-6.

    Example:
        >>> X, y = np.random.default_rng(0).normal(size=(200, 10)), np.linspace(0, 1, 200)
        >>> cebra = CEBRA(max_iterations=5, batch_size=32, output_dimension=3, random_state=0)
        >>> cebra.fit(X, y).transform(X).shape
        (200, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = PARAMETER_CONSTRAINTS

    @explain_keywords
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
        shared_trunk: bool = False,
        objectives: Objectives | None = None,
        balance: str | None = None,
        regularizer: dict[str, Any] | None = None,
        num_queued_negatives: int | None = None,
        momentum: float = 0.999,
    ) -> None:
        self.model_architecture, self.device = model_architecture, device
        self.criterion, self.distance, self.conditional = criterion, distance, conditional
        self.temperature, self.temperature_mode = temperature, temperature_mode
        self.min_temperature, self.time_offsets, self.delta = min_temperature, time_offsets, delta
        self.max_iterations, self.max_adapt_iterations = max_iterations, max_adapt_iterations
        self.batch_size, self.learning_rate, self.optimizer = batch_size, learning_rate, optimizer
        self.output_dimension, self.verbose = output_dimension, verbose
        self.num_hidden_units, self.pad_before_transform = num_hidden_units, pad_before_transform
        self.hybrid, self.optimizer_kwargs = hybrid, optimizer_kwargs
        self.masking_kwargs, self.random_state = masking_kwargs, random_state
        self.early_stopping, self.num_negatives = early_stopping, num_negatives
        self.augmentation, self.scheduler, self.causal = augmentation, scheduler, causal
        self.prior, self.shared_trunk, self.objectives = prior, shared_trunk, objectives
        self.balance, self.regularizer = balance, regularizer
        self.num_queued_negatives, self.momentum = num_queued_negatives, momentum

    def fit(
        self,
        X: Any,
        y: Any = None,
        *labels: Any,
        trial: Any = None,
        callback: UserCallback | None = None,
        callback_frequency: int | None = None,
        logdir: str | os.PathLike[str] | None = None,
        save_frequency: int | None = None,
        resume: bool = False,
    ) -> CEBRA:
        """Trains from new weights; what was learned before is forgotten.

        Several sessions are lists with an entry for each, in `X`, labels and trials. Each gets an
        encoder, and all embed into one space: positives are bins of any session with a similar
        label. By time alone nothing relates the sessions; see `align_sessions` for afterwards.

        Args:
            X: Activity `(T, N)`: array, tensor, table or `Recording`, finite; or a list of them.
            y: A label `(T,)` or `(T, d)`, a `Label`, or a mapping of names to labels. Floats are
                continuous; integers, bools and strings are classes. `None` trains by time. A
                tuple or list of labels is several, also as the entry of a session.
            labels: Further labels; continuous ones are searched together, classes are combined.
            trial: Trial of each bin, `(T,)`. Windows and pairs stay inside a trial.
            callback: `callback(step, solver)`, or a callback of the solver: `TensorBoardLog(...)`.
            callback_frequency: Steps between two calls.
            logdir: Folder for checkpoints and `history.csv` while training.
            save_frequency: Steps between two checkpoints.
            resume: Continue an interrupted training from `logdir`.

        Raises:
            DataError: If `X`, labels or trials cannot be used.
            InvalidParameterError: If a parameter is outside its set.
            TrainingDivergedError: If the loss stops being finite.
        """
        with preparing(logdir):
            check_params(self)
            sessions = checked_sessions(self, X, y, labels, trial)
            seed = resolve_seed(self.random_state)
            device = resolve_device(self.device)
            solver = make_solver(self, [one.num_neurons for one in sessions], seed, device)
            loaders = make_loaders(self, sessions, solver, seed, self.max_iterations)
            set_fitted(self, solver, X, sessions)
            self.random_state_ = seed
            files = {"logdir": logdir, "save_frequency": save_frequency, "resume": resume}
            train(self, solver, loaders, callback, callback_frequency, **files)
        self.random_state_ = loaders[0].seed  # a resumed training keeps the seed it began with
        return self

    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        *labels: Any,
        trial: Any = None,
        callback: UserCallback | None = None,
        callback_frequency: int | None = None,
    ) -> CEBRA:
        """Trains `max_iterations` more steps from the present weights, on the data given here.

        The arguments are those of `fit`, with the neurons and kinds of labels that were fitted.

        Raises:
            DataError: If neurons or labels are not like those that were fitted.
            InvalidParameterError: If a parameter that shapes the fitted model was changed.
        """
        if not hasattr(self, "model_"):
            own: dict[str, Any] = {"callback": callback, "callback_frequency": callback_frequency}
            return self.fit(X, y, *labels, trial=trial, **own)
        check_params(self)
        check_unchanged(self, self._fitted_params)
        sessions = checked_sessions(self, X, y, labels, trial, fitted=True)
        check_labels(self, sessions[0], trains=True)
        if not self.label_kinds_:
            set_labels(self, sessions[0])
        train_on(self, sessions, callback, callback_frequency)
        return self

    def adapt(
        self,
        X: Any,
        y: Any = None,
        *labels: Any,
        session_id: int | None = None,
        trial: Any = None,
        freeze: Freeze = "all but the first layer",
        callback: UserCallback | None = None,
        callback_frequency: int | None = None,
    ) -> CEBRA:
        """Trains `max_adapt_iterations` steps on other neurons, a new session or a new animal.

        The layer where the neurons come in is made anew; the other layers start from the fitted
        ones. A model of one session becomes that of the new recording. In a model of several, the
        session with this number is replaced, or one more is added, which starts from session 0. It
        is trained on the new recording alone: its embedding is not in the space of the others, and
        `align_sessions` turns it there only as far as the shapes agree. Fit all for one space.

        The arguments are those of `fit` for one session with any neurons, and `session_id`, the
        session to replace; `freeze` keeps `"all but the first layer"` as they are, or `"none"`.

        Raises:
            NotFittedError: If `fit` was not called.
            DataError: If labels are of another kind, width or period than those that were fitted.
            InvalidParameterError: If there is no such session or `freeze`.
        """
        check_is_fitted(self, "model_")
        check_params(self)
        check_unchanged(self, self._fitted_params)
        check_adaptation(self, session_id, freeze)
        recording = checked_recording(self, one_session(X, y, labels, trial))
        check_labels(self, recording, trains=True)
        own: dict[str, Any] = {"callback": callback, "callback_frequency": callback_frequency}
        solver = adapted(self, recording, session_id, freeze, **own)
        set_fitted(self, solver, X, [recording], anew=not self.label_kinds_)
        return self

    def transform(
        self,
        X: Any,
        batch_size: int | None = None,
        session_id: int | None = None,
        trial: Any = None,
    ) -> Any:
        """Returns the embedding, one point for each time bin: an array `(T, D)` of float32.

        Args:
            X: Activity `(T, N)` of the neurons that were fitted; or a list, an entry for each
                session, which gives a list.
            batch_size: Of no effect, there for `cebra`'s signature: bins are always embedded in
                pieces of one fixed size, so memory is bounded and every point is the same.
            session_id: The session that one `X` belongs to, where several were fitted.
            trial: Trial of each bin; the ends of each trial are padded by themselves.

        Raises:
            NotFittedError: If `fit` was not called.
            DataError: If `X` does not have the fitted neurons.
            InvalidParameterError: If `session_id` is missing or out of range.
        """
        check_is_fitted(self, "model_")
        sessions = as_sessions(X, None, (), trial)
        check_transform_options(self, session_id, batch_size, len(sessions))
        points = embeddings(self, sessions, session_id)
        return points if is_list(X) else points[0]

    def fit_transform(self, X: Any, y: Any = None, *labels: Any, **options: Any) -> Any:
        """Returns `fit(X, y, *labels, **options).transform(X)`."""
        return self.fit(X, y, *labels, **options).transform(X, trial=options.get("trial"))

    score, goodness_of_fit = score, goodness_of_fit

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
        set_solver(estimator, solver)
        estimator.__dict__.update(fitted)
        return estimator

    @classmethod
    def supported_model_architectures(cls, pattern: str = "*") -> list[str]:
        """Returns the names of architectures that match a shell-style pattern."""
        return supported_model_architectures(pattern)

    @property
    def history_(self) -> History:
        """Losses of all training steps: `"loss"`, its parts `"align"` and `"uniform"`, ..."""
        check_is_fitted(self, "model_")
        history: History = self.solver_.history
        return history

    @property
    def num_sessions(self) -> int | None:
        """The number of sessions; `None` for one, as in `cebra`."""
        return self.num_sessions_ if getattr(self, "num_sessions_", 1) > 1 else None

    @property
    def _n_features_out(self) -> int:
        return int(self.model_.num_output)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
