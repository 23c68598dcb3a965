"""What all readers share: choosing arrays by key, and errors that name the file."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import CebraError, DataError, DataIntegrityError
from ...types import Label, Recording

__all__ = [
    "TRIAL_KEY",
    "Key",
    "Keys",
    "LabelKeys",
    "PathLike",
    "Table",
    "as_mapping",
    "as_neural",
    "as_trial",
    "assemble",
    "pickle_refused",
    "reading",
]

PathLike = str | os.PathLike[str]
Key = str | int
Keys = Key | Sequence[Key]
LabelKeys = Keys | Mapping[str, Key]

NEURAL_KEYS = ("neural", "spikes", "spike_counts", "counts", "rates")
TRIAL_KEY = "trial"


@dataclass(frozen=True)
class Table:
    """Named arrays of a file, loaded when asked for.

    Args:
        where: What error messages call it, usually the path.
        keys: Its names, in order; an integer key counts through them.
        load: Returns the array of a name.
    """

    where: str
    keys: Sequence[str]
    load: Callable[[str], np.ndarray]

    def resolve(self, key: Key, role: str) -> str:
        """Returns the name behind a key.

        Raises:
            DataError: If there is none; the message lists the names.
        """
        if isinstance(key, str) and key in self.keys:
            return key
        if isinstance(key, int) and -len(self.keys) <= key < len(self.keys):
            return self.keys[key]
        raise DataError(
            f"{role} must name what {self.where} holds; got {key!r}. "
            f"Available: {', '.join(self.keys) or 'nothing'}."
        )

    def find(self, candidates: Sequence[str]) -> str | None:
        """Returns the first candidate that is there."""
        return next((key for key in candidates if key in self.keys), None)


def assemble(
    table: Table,
    *,
    neural: Keys | None = None,
    labels: LabelKeys | None = None,
    trial: Key | None = None,
    bin_s: float | None = None,
    name: str = "recording",
) -> Recording:
    """Builds a recording from named arrays.

    Args:
        table: The arrays.
        neural: Key of the activity `(T, N)`, or several keys put side by side. `None` looks for
            one of `NEURAL_KEYS`, then for the only array with two dimensions.
        labels: Keys, or a mapping from label name to key; `None` for no labels.
        trial: Key of the trial ids; `None` takes `"trial"` if there is one.
        bin_s: Seconds; `None` reads `bin_s`, `bin_width_s` or `1 / frame_rate_hz`.
        name: Name of the recording.

    Raises:
        DataError: If a key does not exist, or none can be chosen.
        DataIntegrityError: If what the keys hold does not fit together.
    """
    keys = [table.resolve(key, "neural") for key in _as_list(neural)] or [_only_matrix(table)]
    named = {
        label: table.resolve(key, f"labels[{label!r}]")
        for label, key in as_mapping(labels, table.keys).items()
    }
    trial_key = table.find([TRIAL_KEY]) if trial is None else table.resolve(trial, "trial")
    columns = [_numbers(table, key) for key in keys]
    with reading(table.where, "one recording"):
        return Recording(
            neural=as_neural(np.column_stack(columns)),
            labels={label: Label(table.load(key), name=label) for label, key in named.items()},
            trial=None if trial_key is None else as_trial(table.load(trial_key)),
            bin_s=_bin_width(table) if bin_s is None else bin_s,
            name=name,
            source=table.where,
        )


def as_mapping(labels: LabelKeys | None, keys: Sequence[str]) -> Mapping[str, Key]:
    """Returns label name to key; a position in the file names the label by the key there."""
    if isinstance(labels, Mapping):
        return labels
    named = {}
    for key in _as_list(labels):
        inside = isinstance(key, int) and -len(keys) <= key < len(keys)
        named[keys[int(key)] if inside else str(key)] = key
    return named


def as_neural(array: np.ndarray) -> Tensor:
    """Returns numbers as float32; what is too large becomes infinite and `Recording` says so."""
    with np.errstate(over="ignore"):
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def as_trial(values: Any) -> Tensor:
    """Returns trial ids, which may be words, as integers."""
    return Label(values, "categorical", name="trial").values


@contextlib.contextmanager
def reading(where: PathLike, what: str) -> Iterator[None]:
    """Turns whatever a parser raises into a `DataIntegrityError` that names the file.

    Parsers of damaged files raise nearly anything, so everything but our own errors and a file
    that cannot be opened is caught here; `DataError`s of the content get the file's name.
    """
    try:
        yield
    except DataIntegrityError:
        raise
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except CebraError as error:
        if isinstance(error, ImportError):
            raise
        raise DataIntegrityError(f"{where}: {error}") from error
    except Exception as error:
        detail = str(error).splitlines()[0] if str(error) else "no details"
        raise DataIntegrityError(
            f"{where} must be {what}; reading it failed with {type(error).__name__}: {detail}. "
            "It is damaged, cut off or of another format: export or copy it again."
        ) from error


def pickle_refused(where: PathLike) -> DataIntegrityError:
    """The error for a file that would need pickle."""
    return DataIntegrityError(
        f"pickle is not allowed, since loading one runs the code inside; {Path(where)} holds "
        "pickled Python objects. Export plain numbers or strings instead (npy, npz, csv, h5)."
    )


def _as_list(keys: Keys | None) -> list[Key]:
    if keys is None:
        return []
    return [keys] if isinstance(keys, (str, int)) else list(keys)


def _only_matrix(table: Table) -> str:
    known = table.find(NEURAL_KEYS)
    if known is not None:
        return known
    with reading(table.where, "readable arrays"):
        shapes = {key: table.load(key).shape for key in table.keys}
    matrices = [key for key, shape in shapes.items() if len(shape) == 2]
    if len(matrices) == 1:
        return matrices[0]
    listed = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
    raise DataError(
        f"neural must be named unless one array alone has two dimensions; {table.where} "
        f"holds {listed or 'nothing'}. Pass neural= with one of these keys."
    )


def _numbers(table: Table, key: str) -> np.ndarray:
    array = np.asarray(table.load(key))
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"neural must hold numbers; {key} in {table.where} has dtype {array.dtype}. "
            f"Choose other keys from {', '.join(table.keys)}."
        )
    if array.ndim not in (1, 2):
        raise DataError(
            f"neural must have shape (time bins, neurons); {key} in {table.where} has shape "
            f"{array.shape}. "
            "Reshape it and build a Recording directly."
        )
    return array


def _bin_width(table: Table) -> float | None:
    width = table.find(["bin_s", "bin_width_s"])
    if width is not None:
        return float(np.asarray(table.load(width)).reshape(()))
    rate = table.find(["frame_rate_hz"])
    return None if rate is None else 1 / float(np.asarray(table.load(rate)).reshape(()))
