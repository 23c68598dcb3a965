"""Files that are whole or not there: written beside their place, flushed, then renamed."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = ["TEMPORARY_SUFFIX", "atomic_write", "sweep_temporary"]

TEMPORARY_SUFFIX = ".partial"


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Opens a file for writing that takes its name only when all of it is on disk.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and the file is
    renamed over `path`. A reader sees the old file or the new one, also after `kill -9`. On an
    error the old file stays and the temporary one is removed.

    Args:
        path: Where the file will be; missing folders are made.

    Yields:
        A binary file to write to.

    Raises:
        OSError: If the folder cannot be written or the disk is full; the message names `path`.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "note.txt"
        >>> with atomic_write(place) as file:
        ...     _ = file.write(b"whole")
        >>> place.read_bytes()
        b'whole'
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(
        prefix=f".{target.name}.{os.getpid()}.", suffix=TEMPORARY_SUFFIX, dir=target.parent
    )
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    _flush_folder(target.parent)


def sweep_temporary(folder: str | os.PathLike[str]) -> list[Path]:
    """Removes what a killed writer left in a folder; files of living processes stay.

    Args:
        folder: Where `atomic_write` was used; may be missing.

    Returns:
        The removed files.
    """
    swept = []
    for file in Path(folder).glob(f".*{TEMPORARY_SUFFIX}"):
        pid = file.name.split(".")[-3]
        if pid.isdigit() and not _is_alive(int(pid)):
            file.unlink(missing_ok=True)
            swept.append(file)
    return swept


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder; its rename is on disk with the file
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
