"""From the words of the command line to recordings and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..data.readers import READERS, read
from ..data.readers.recording_io import HEADER
from ..errors import CebraError, DataError
from ..types import Label, Recording

__all__ = ["contents", "label_text", "read_recording"]


def read_recording(options: SimpleNamespace) -> Recording:
    """Reads the recording with the labels that the options name.

    Raises:
        CebraError: If the file, a name or a kind cannot be used.
        OSError: If the file cannot be read.
    """
    path = options.recording
    chosen = _names(getattr(options, "labels", None))
    numbers = _names(getattr(options, "continuous", None))
    periods = _pairs(options, "circular", "PERIOD", "Degrees are --circular heading=360.")
    weights = _pairs(options, "weight", "NUMBER", "Twice the distance is --weight position=4.")
    for name in [*numbers, *periods, *weights]:
        if name not in chosen:
            raise DataError(
                "--continuous, --circular and --weight say how to use a label of --labels; "
                f"{name!r} is not among {', '.join(chosen) or 'them'}. Add it to --labels."
            )
    recording = _read(path, options, chosen, numbers)
    labels = {}
    for name in chosen:
        if name not in recording.labels:
            raise DataError(
                f"--labels must name labels of {path}; got {name!r}. "
                f"Available: {', '.join(recording.labels) or 'none'}."
            )
        label = recording.labels[name]
        if name in numbers:
            label = _as_numbers(label)
        if name in periods:
            label = Label(_as_numbers(label).values, "circular", period=periods[name], name=name)
        labels[name] = _weighted(label, weights[name]) if name in weights else label
    return replace(recording, labels=labels)


def contents(path: Path) -> dict[str, str]:
    """Returns name and shape of the arrays of an archive; nothing for other files."""
    if path.suffix.lower() != ".npz" or _is_saved_recording(path):
        return {}
    with np.load(path, allow_pickle=False) as archive:
        shapes = {}
        for name in archive.files:
            try:
                shapes[name] = f"{archive[name].shape} {archive[name].dtype}"
            except ValueError:
                shapes[name] = "Python objects, refused"
        return shapes


def label_text(label: Label) -> str:
    """Returns one line about a label: its kind and what it holds."""
    if label.classes is not None:
        some = ", ".join(map(str, label.classes[:5])) + (", ..." if len(label.classes) > 5 else "")
        return f"categorical, {len(label.classes)} classes ({some})"
    values = label.values
    period = f", period {label.period:g}" if label.period is not None else ""
    columns = f", {values.shape[1]} columns" if values.shape[1] > 1 else ""
    return f"{label.kind}, {float(values.min()):.4g} to {float(values.max()):.4g}{columns}{period}"


def _read(
    path: str, options: SimpleNamespace, chosen: Sequence[str], numbers: Sequence[str]
) -> Recording:
    given = {
        key: getattr(options, key, None)
        for key in ("neural", "trial", "bin_s")
        if getattr(options, key, None) is not None
    }
    if _is_saved_recording(Path(path)):
        if given:
            raise DataError(
                f"{path} is a saved recording and says itself what is neural, trial and bin_s; "
                f"got --{', --'.join(given).replace('_', '-')}. Leave them out."
            )
        return read(path)
    if chosen:
        given["labels"] = list(chosen)
    try:
        return read(path, **given)
    except CebraError as error:
        if "categorical" in str(error) and not numbers:
            hint = f"{error} On the command line: --continuous NAME, beside --labels NAME."
            raise DataError(hint) from None
        if not numbers or Path(path).suffix.lower() not in READERS:
            raise
    # Several columns of integers, such as a one-hot label, are no classes: read them as numbers.
    given["labels"] = [name for name in chosen if name not in numbers]
    recording = read(path, **given)
    columns = {
        name: Label(read(path, neural=name, bin_s=recording.bin_s).neural, name=name)
        for name in numbers
    }
    return replace(recording, labels={**recording.labels, **columns})


def _is_saved_recording(path: Path) -> bool:
    if path.suffix.lower() != ".npz" or not path.is_file():
        return False
    try:
        with np.load(path, allow_pickle=False) as archive:
            return HEADER in getattr(archive, "files", ())
    except (OSError, ValueError, EOFError, KeyError):  # damaged; the reader says how
        return False
    except Exception as error:
        if type(error).__name__ == "BadZipFile":
            return False
        raise


def _as_numbers(label: Label) -> Label:
    """Returns a label that is compared by distance: numbers as they are, words one-hot."""
    if label.classes is None:
        return Label(label.values, "continuous", weight=label.weight, name=label.name)
    values = label.to_numpy()
    if label.classes.dtype.kind not in "biuf":
        values = np.eye(len(label.classes))[label.values.numpy()]
    return Label(values.astype(np.float64), "continuous", weight=label.weight, name=label.name)


def _weighted(label: Label, weight: float) -> Label:
    if label.kind == "categorical":
        raise DataError(
            f"--weight is for labels that have a distance; {label.name!r} is categorical. Add it "
            "to --continuous, or leave its weight out."
        )
    return Label(label.values, label.kind, period=label.period, weight=weight, name=label.name)


def _pairs(options: SimpleNamespace, key: str, what: str, example: str) -> Mapping[str, float]:
    """Returns the positive numbers of an option that is given as NAME=NUMBER, by name."""
    numbers = {}
    for word in _names(getattr(options, key, None)):
        name, equals, number = word.partition("=")
        try:
            numbers[name] = float(number)
        except ValueError:
            numbers[name] = float("nan")
        if not equals or not 0 < numbers[name] < float("inf"):
            raise DataError(
                f"--{key} must be NAME={what} with a positive number; got {word!r}. {example}"
            )
    return numbers


def _names(values: Any) -> list[str]:
    return list(values or [])
