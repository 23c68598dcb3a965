"""One writer for a folder: a lock file that says who holds it and survives nobody."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import socket
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import FolderInUseError
from .files import TEMPORARY_SUFFIX, is_alive, temporary_prefix

__all__ = ["LOCK_NAME", "FolderLock"]

LOCK_NAME = "training.lock"

log = logging.getLogger(__name__)

_WRITING_S = 0.2  # how long a lock without text may be one that is just being written

_held: set[str] = set()  # texts of the locks of this process


class FolderLock:
    """Keeps a second process out of a folder while the `with` block runs.

    The lock is a file that appears with all of its text or not at all. A lock whose process is
    gone is taken over if it was one of this host; of two that try, one gets it. Nothing is known
    about processes of other hosts: their locks stay until somebody deletes the file.

    Args:
        folder: What is locked; made if it is missing.

    Raises:
        FolderInUseError: At once, if another process holds the lock.

    Example:
        >>> import tempfile
        >>> place = tempfile.mkdtemp()
        >>> with FolderLock(place):
        ...     os.listdir(place)
        ['training.lock']
        >>> os.listdir(place)
        []
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = Path(folder) / LOCK_NAME
        self._text = ""

    def __enter__(self) -> FolderLock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._text = _own_text()
        _held.add(self._text)
        try:
            _acquire(self.path, self._text)
        except BaseException:
            _held.discard(self._text)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if json.loads(self._text)["pid"] == os.getpid():  # a fork is not the one who holds it
            _release(self.path, self._text)


def _acquire(path: Path, text: str) -> None:
    """Writes a lock, over that of a dead process if need be.

    Who wants to replace a dead lock first locks that very lock, by a file named after its text.
    Two who saw the same dead lock thus cannot both replace it, and none removes a living one.
    """
    while not _create(path, text):
        found = _read(path)
        if found is None:  # released in between
            continue
        owner = _owner(found)
        if not _is_dead(found, owner):
            raise FolderInUseError(
                f"a folder can be written by one training at a time; {path.parent} is in use by "
                f"process {owner.get('pid')} on {owner.get('host')} since {owner.get('since')}. "
                f"Wait for it or choose another folder; if it is gone, delete {path}."
            )
        claim = path.with_name(f"{path.name}.{hashlib.sha256(found.encode()).hexdigest()[:12]}")
        _acquire(claim, text)
        try:
            if _read(path) == found:
                os.replace(claim, path)
                log.warning(
                    "took over %s: process %s, which held it since %s, is gone",
                    *(path, owner["pid"], owner["since"]),
                )
                return
        finally:
            _remove(claim, text)


def _create(path: Path, text: str) -> bool:
    """Makes a file with a text in one piece; returns whether there was none."""
    name = f"{temporary_prefix(path)}{time.monotonic_ns()}{TEMPORARY_SUFFIX}"
    temporary = path.with_name(name)
    temporary.write_text(text, encoding="utf-8")
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:  # a disk without second names: the text comes a moment after the file
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _release(path: Path, text: str) -> None:
    _held.discard(text)  # first: a lock that stays by an interrupt here is then known to be old
    _remove(path, text)


def _remove(path: Path, text: str) -> None:
    """Removes a lock that is still ours; not one that somebody put in its place."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_text(encoding="utf-8", errors="replace") == text:
            path.unlink()


def _read(path: Path) -> str | None:
    """Returns the text of a lock, `None` where there is no lock."""
    for wait in (0.0, _WRITING_S / 2, _WRITING_S / 2):
        time.sleep(wait)
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        if text:
            return text
    return ""


def _own_text() -> str:
    pid = os.getpid()
    owner = {
        "pid": pid,
        "host": socket.gethostname(),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        "started": _started(pid),
        "number": time.monotonic_ns(),
    }
    return json.dumps(owner)


def _owner(text: str) -> Mapping[str, Any]:
    try:
        owner = json.loads(text)
    except ValueError:
        owner = None
    return owner if isinstance(owner, dict) else {}


def _is_dead(text: str, owner: Mapping[str, Any]) -> bool:
    """Returns whether the process of a lock is certainly gone."""
    pid = owner.get("pid")
    if type(pid) is not int or pid < 1 or owner.get("host") != socket.gethostname():
        return False
    if pid == os.getpid():
        return text not in _held  # left by one that was stopped while it released its lock
    return not is_alive(pid) or owner.get("started") != _started(pid)


def _started(pid: int) -> str | None:
    """Returns when a process was started, so that its number given anew is told apart."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return None
    return stat.rpartition(")")[2].split()[19]
