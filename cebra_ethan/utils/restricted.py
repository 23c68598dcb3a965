"""Foreign pickles, joblib and torch files, read by an allow-list; nothing in them can run.

A pickle is a program. `pickle_machine` executes one without imports and without calls: a name it
meets is looked up in `pickle_types.ALLOWED` (arrays, dtypes, containers) and, for tensors, in
`torch_archive.TENSORS`; any other is refused by name. Lengths that a file promises are never
allocated before the bytes are there, and the whole is bounded (`inflate.byte_limit`).
No state of the process changes.
"""

import contextlib
import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import CebraError, DataIntegrityError
from .inflate import ByteStream
from .pickle_machine import shorten
from .pickle_opcodes import run
from .torch_archive import OLD_MAGIC, archive_value, is_torch_archive, old_value, tensor_machine

__all__ = ["load_restricted", "rebuild"]

log = logging.getLogger(__name__)


def load_restricted(path: str | os.PathLike[str]) -> Any:
    """Reads a pickle, a joblib file (also compressed) or a file of `torch.save`.

    What a file is follows from its first bytes, not from its suffix. Rebuilt are dictionaries,
    lists, tuples, sets, strings, numbers, bytes, `OrderedDict`, numpy arrays (read-only views of
    the bytes of the file), dtypes and scalars, and torch tensors, on the CPU and without
    gradients. `cebra`'s `Offset` becomes ours; versions and devices of torch become strings.

    Args:
        path: The file.

    Returns:
        What it holds.

    Raises:
        FileNotFoundError: If it does not exist.
        DataIntegrityError: If it names anything else ("pickle is not allowed ..."), is damaged,
            or asks for much more memory than it has bytes.

    Example:
        >>> import tempfile, joblib, numpy as np
        >>> path = Path(tempfile.mkdtemp()) / "rat.jl"
        >>> _ = joblib.dump({"spikes": np.eye(2)}, path, compress=3)
        >>> load_restricted(path)["spikes"].tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    path = Path(path)
    with path.open("rb") as file, _refusing(str(path)):
        num_bytes = os.fstat(file.fileno()).st_size
        if is_torch_archive(file):
            return archive_value(file, str(path), num_bytes)
        return _one(ByteStream(file, str(path), num_bytes))


def rebuild(data: bytes, where: str) -> Any:
    r"""Returns what pickled bytes hold, by the same rules.

    Args:
        data: The pickle.
        where: What error messages call it.

    Raises:
        DataIntegrityError: As in `load_restricted`.

    Example:
        >>> rebuild(b"(lp0\nI1\naI01\na.", "an attribute")
        [1, True]
        >>> rebuild(b"cos\nsystem\n(Vls\ntR.", "an attribute")
        Traceback (most recent call last):
        cebra_ethan.errors.DataIntegrityError: pickle is not allowed ... asks for os.system. ...
    """
    with _refusing(where):
        return _one(ByteStream(io.BytesIO(data), where, len(data)))


def _one(stream: ByteStream) -> Any:
    value = run(tensor_machine(stream))
    if type(value) is int and value == OLD_MAGIC:
        value = old_value(stream)
    left = stream.drain()
    if left:
        log.warning("%s: %d bytes after the first pickle are left out", stream.where, left)
    return value


@contextlib.contextmanager
def _refusing(where: str) -> Iterator[None]:
    """Turns whatever a damaged file causes into an error that names it."""
    try:
        yield
    except DataIntegrityError:
        raise
    except CebraError as error:
        raise DataIntegrityError(f"{where}: {error}") from error
    except Exception as error:
        detail = shorten(str(error).partition("\n")[0] or "no details", 200)
        raise DataIntegrityError(
            f"{where} must be a whole pickle, joblib or torch file; reading it failed with "
            f"{type(error).__name__}: {detail}. It is damaged or cut off: copy it again."
        ) from error
