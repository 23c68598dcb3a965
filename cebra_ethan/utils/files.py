"""Files that are whole or not there: written beside their place, flushed, then renamed."""

import contextlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = [
    "TEMPORARY_SUFFIX",
    "atomic_write",
    "is_alive",
    "sweep_temporary",
    "temporary_prefix",
]

TEMPORARY_SUFFIX = ".partial"
_NUMPY_STOPPED = re.compile(r"\d+ requested and \d+ written")  # all that it says, without a number


@contextlib.contextmanager
def atomic_write(
    path: str | os.PathLike[str], keep: str | os.PathLike[str] | None = None
) -> Iterator[IO[bytes]]:
    """Opens a file for writing that takes its name only when all of it is on disk.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and the file is
    renamed over `path`. A reader sees the old file or the new one, also after `kill -9`. On an
    error the old file stays and the temporary one is removed.

    Args:
        path: Where the file will be; missing folders are made.
        keep: The name that an old file at `path` takes, in the same folder. It has both names
            for a moment, so that one of them is there at every time.

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
        prefix=temporary_prefix(target), suffix=TEMPORARY_SUFFIX, dir=target.parent
    )
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        if keep is not None:
            _rename_old(target, Path(keep), temporary)
        os.replace(temporary, target)
    except OSError as error:
        if _NUMPY_STOPPED.fullmatch(str(error)):
            message = f"{target} must be written whole; {error}. Is the disk full?"
            raise OSError(message) from error
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    _flush_folder(target.parent)


def sweep_temporary(folder: str | os.PathLike[str]) -> list[Path]:
    """Removes what a killed writer left in a folder: files, and folders of downloads.

    Files of living processes stay, and those of other hosts, of whose processes nothing is known.

    Args:
        folder: Where `atomic_write` was used; may be missing.

    Returns:
        The removed files.
    """
    swept = []
    for file in Path(folder).glob(f".*{TEMPORARY_SUFFIX}"):
        host, pid = ["", "", *file.name.split(".")][-4:-2]
        if host == _host() and pid.isdigit() and not is_alive(int(pid)):
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file, ignore_errors=True)
            else:
                file.unlink(missing_ok=True)
            swept.append(file)
    return swept


def temporary_prefix(path: Path) -> str:
    """Returns how the name of a temporary file begins, so that it is swept if we die."""
    return f".{path.name}.{_host()}.{os.getpid()}."


def is_alive(pid: int) -> bool:
    """Returns whether this host may have a process of that number."""
    if os.name != "posix":  # elsewhere signal 0 is not a question
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _host() -> str:
    """Returns the name of this host without dots, which separate the parts of a name."""
    return re.sub(r"\W", "-", socket.gethostname())[:40]


def _rename_old(target: Path, kept: Path, temporary: str) -> None:
    second = f"{temporary.removesuffix(TEMPORARY_SUFFIX)}_{TEMPORARY_SUFFIX}"
    try:
        os.link(target, second)
    except FileNotFoundError:  # there is no old file
        return
    except OSError:  # a disk without second names
        with contextlib.suppress(FileNotFoundError):
            os.replace(target, kept)
        return
    try:
        os.replace(second, kept)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(second)


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
