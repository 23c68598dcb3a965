"""What kind of labels a model was fitted with, and that later ones are of the same."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import DataError
from ..types import Kind, Label, Recording

if TYPE_CHECKING:
    from .cebra import CEBRA

__all__ = ["Form", "check_labels", "set_labels"]

Form = tuple[int, float | None]
"""Columns of a label, and its period if it is circular."""


def set_labels(estimator: CEBRA, recording: Recording) -> None:
    """Remembers what labels a model is fitted with."""
    estimator.label_kinds_ = {name: label.kind for name, label in recording.labels.items()}
    estimator.label_forms_ = {name: _form(label) for name, label in recording.labels.items()}


def check_labels(estimator: CEBRA, recording: Recording, *, trains: bool = False) -> None:
    """Refuses labels that are not like those that the model was fitted with.

    A class that is compared as a number, or an angle in degrees that was one in radians, gives
    wrong pairs and no error. Labels are compared by name, where one has no counterpart by place.
    None at all, or some of them, is no other kind. A model that was fitted by time takes any.

    Args:
        estimator: Fitted.
        recording: With the labels that the user passed.
        trains: Warn where none are passed to a model that was fitted with some.

    Raises:
        DataError: With the label, how it was fitted and how it arrived.
    """
    kinds: Mapping[str, Kind] = estimator.label_kinds_
    forms: Mapping[str, Form] = getattr(estimator, "label_forms_", None) or {}
    if kinds and not recording.labels and trains:
        warnings.warn(
            f"the model was fitted with labels ({', '.join(kinds)}) and goes on by time alone, "
            "since none are passed",
            UserWarning,
            stacklevel=3,
        )
    if not kinds or not recording.labels:
        return
    by_name = recording.labels.keys() <= kinds.keys()
    if not by_name and len(recording.labels) > len(kinds):
        raise DataError(
            f"labels must be those of fit, {_listed(kinds, forms)}; got {len(recording.labels)}: "
            f"{', '.join(recording.labels)}. Pass the same, or fit a new model."
        )
    names = recording.labels if by_name else kinds
    for (name, label), fitted in zip(recording.labels.items(), names, strict=False):
        given = _text(label.kind, _form(label) if fitted in forms else None)
        expected = _text(kinds[fitted], forms.get(fitted))
        if given != expected:
            raise DataError(
                f"{name} must be like {fitted} in fit, {expected}; got {given}. Convert it "
                "(floats are continuous, integers, bools and strings classes, Label says it), or "
                "fit a new model."
            )


def _form(label: Label) -> Form:
    columns = 1 if label.values.ndim == 1 else label.values.shape[1]
    return columns, None if label.period is None else float(label.period)


def _text(kind: str, form: Form | None) -> str:
    if form is None:
        return kind
    columns, period = form
    turn = "" if period is None else f" with period {period:g}"
    return f"{kind} with {columns} column{'s' * (columns > 1)}{turn}"


def _listed(kinds: Mapping[str, Kind], forms: Mapping[str, Form]) -> str:
    return ", ".join(f"{name} ({_text(kind, forms.get(name))})" for name, kind in kinds.items())
