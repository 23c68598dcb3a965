"""`cebra.CEBRA`: our estimator with the spellings of `cebra`."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from ... import estimator
from ...errors import InvalidParameterError
from ...estimator.training import UserCallback
from ...types import Recording
from ...utils.validation import as_array
from ..checkpoint import load_checkpoint
from .solvers import logged

__all__ = ["CEBRA"]

_SINGLE_PIECE = b"PK\x03\x04"  # how every file of `torch.save` begins


class CEBRA(estimator.CEBRA):
    """`cebra_ethan.CEBRA` that also takes what only `cebra.CEBRA` takes.

    These are `fit(adapt=True)`, `time_offsets=[10]`, `save(backend=)`, `load(backend=,
    weights_only=, map_location=)` of checkpoints of both packages, callbacks that count steps
    from 0, and the attributes `state_dict_`, `n_features_`, `label_types_` (of the last `fit`) and
    `solver_name_`. Constructor and results are those of `cebra_ethan.CEBRA`.

    Example:
        >>> CEBRA(time_offsets=[10], output_dimension=3)
        CEBRA(output_dimension=3, time_offsets=10)
    """

    @functools.wraps(estimator.CEBRA.__init__)  # type: ignore[misc] # for its signature
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **_as_ours(kwargs))

    def set_params(self, **params: Any) -> CEBRA:
        """Sets parameters; `time_offsets` may be a list of one number."""
        super().set_params(**_as_ours(params))
        return self

    def fit(
        self,
        X: Any,
        y: Any = None,
        *labels: Any,
        adapt: bool = False,
        callback: UserCallback | None = None,
        callback_frequency: int | None = None,
        **options: Any,
    ) -> CEBRA:
        """Trains from new weights, or with `adapt` trains a fitted model on other neurons.

        Args:
            X: As for `cebra_ethan.CEBRA.fit`.
            y: Likewise.
            labels: Likewise.
            adapt: Call `adapt` if there is something to adapt.
            callback: Called as `callback(step, solver)` where `step`, counted from 0, is a
                multiple of `callback_frequency`.
            callback_frequency: Steps between two calls.
            options: Further keywords of `cebra_ethan.CEBRA.fit`, or of `adapt`.
        """
        own = _from_zero(callback, callback_frequency)
        verb = super().adapt if adapt and hasattr(self, "model_") else super().fit
        with self._by_time_without_labels(X, y):
            verb(X, y, *labels, **own, **options)
        self.label_types_ = _label_types(X, [one for one in (y, *labels) if one is not None])
        return self

    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        *labels: Any,
        callback: UserCallback | None = None,
        callback_frequency: int | None = None,
        **options: Any,
    ) -> CEBRA:
        """Trains on from the present weights, on the data given here; see `fit`."""
        own = _from_zero(callback, callback_frequency)
        verb = super().partial_fit if hasattr(self, "model_") else super().fit
        with self._by_time_without_labels(X, y):
            verb(X, y, *labels, **own, **options)
        return self

    @contextmanager
    def _by_time_without_labels(self, X: Any, y: Any) -> Iterator[None]:
        """Trains by time, with a warning, where labels should say the pairs and are not there."""
        asked = self.conditional
        labelled = y is not None or isinstance(X, Recording)
        if labelled or self.hybrid or asked not in ("time_delta", "delta", "delta_normal"):
            yield
            return
        warnings.warn(
            f"conditional={asked!r} draws pairs by labels, and there are none: training goes by "
            "time, as in cebra 0.6.1. Say conditional='time'.",
            stacklevel=3,
        )
        self.conditional = "time"
        try:
            yield
        finally:
            self.conditional = asked

    def save(
        self,
        filename: str | os.PathLike[str],
        backend: Literal["sklearn", "torch"] = "sklearn",
    ) -> None:
        """Writes a checkpoint of this package, whatever `backend` is."""
        super().save(filename)

    @classmethod
    def load(
        cls,
        filename: str | os.PathLike[str],
        device: str | None = None,
        *,
        backend: Literal["auto", "sklearn", "torch"] = "auto",
        weights_only: bool | None = None,
        map_location: Any = None,
    ) -> estimator.CEBRA:
        """Reads a checkpoint of this package or of `cebra` 0.6.1.

        Args:
            filename: The checkpoint; what it is follows from its first bytes.
            device: Where to put it; by default where it was, if that is here.
            backend: Of no effect.
            weights_only: Of no effect: no code of a file runs.
            map_location: Another name of `device`.
        """
        device = device or (None if map_location is None else str(map_location))
        with Path(filename).open("rb") as file:
            foreign = file.read(len(_SINGLE_PIECE)) == _SINGLE_PIECE
        return (
            load_checkpoint(filename, device, cls) if foreign else super().load(filename, device)
        )

    @property
    def n_features_(self) -> int | list[int]:
        """The number of neurons, a list for several sessions."""
        counts: int | list[int] = self.n_features_in_
        return counts

    @property
    def solver_name_(self) -> str:
        """The name in `cebra` of the solver for what was fitted."""
        if self.num_sessions_ > 1:
            return "multi-session"
        if self.hybrid:
            return "single-session-hybrid"
        return "single-session-full" if self.batch_size is None else "single-session"

    @property
    def state_dict_(self) -> dict[str, Any]:
        """Weights and losses under the keys of `cebra`, for scripts that read them."""
        return {
            "model": self.model_.state_dict(),
            "criterion": self.solver_.criterions.state_dict(),
            "optimizer": self.solver_.optimizer.state_dict(),
            "loss": torch.from_numpy(self.history_["loss"]),
            "log": logged(self.history_),
            "decode": [],
            "n_features": self.n_features_in_,
        }


def _as_ours(params: dict[str, Any]) -> dict[str, Any]:
    """Returns parameters in our spelling: one time offset, keywords as pairs."""
    found = dict(params)
    if "time_offsets" in found:
        found["time_offsets"] = _one_offset(found["time_offsets"])
    for name in ("optimizer_kwargs", "masking_kwargs"):
        if isinstance(found.get(name), Mapping):
            found[name] = tuple(found[name].items())
    return found


def _one_offset(value: Any) -> Any:
    """Returns the only offset of a list; what is no list comes back as it is.

    Raises:
        InvalidParameterError: If there are several.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    if len(value) != 1:
        raise InvalidParameterError(
            f"time_offsets must be one number, or a list of one; got {value!r}. Several offsets "
            "are several objectives: see cebra_ethan.data.objectives."
        )
    return value[0]


def _label_types(X: Any, labels: Sequence[Any]) -> list[Any]:
    """Returns type and shape of each label, in a list for each session where there are several."""
    if isinstance(X, (list, tuple)) and len(X) > 1:
        return [[_type_of(one) for one in label] for label in labels]
    return [_type_of(label) for label in labels]


def _type_of(label: Any) -> tuple[Any, tuple[int, ...]]:
    array = np.asarray(as_array(label, "label"))
    return array.dtype, array.shape


def _from_zero(callback: UserCallback | None, frequency: int | None) -> dict[str, Any]:
    """Returns the keywords that call back after the steps 0, `frequency`, ... as `cebra` does."""
    if callback is None:
        return {}
    if not callable(callback):  # one of the solver's own, which counts for itself
        return {"callback": callback, "callback_frequency": frequency}
    every = frequency or 1

    def called(step: int, solver: Any) -> None:
        if (step - 1) % every == 0:
            callback(step - 1, solver)

    return {"callback": called, "callback_frequency": 1}
