"""Archives unpacked with nothing outside the folder, nothing half done, and no bombs.

All members are checked before the first byte is written; everything goes to a folder beside the
target, which is renamed when it is whole.
"""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import io
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ..errors import DataIntegrityError
from .files import TEMPORARY_SUFFIX, atomic_write, temporary_prefix

__all__ = ["MAX_RATIO", "unfold_gzip", "unpack"]

MAX_RATIO = 200
"""An archive may unfold to this many times its size, or to `MIN_LIMIT_BYTES` if that is more."""

MIN_LIMIT_BYTES = 1 << 20
MAX_MEMBERS = 100_000
MAX_NAME_BYTES, MAX_PART_BYTES = 1024, 255
CHUNK_BYTES = 1 << 20

OPENERS: Mapping[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file, mode="rb"),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
"""Compressed tar files by their first bytes."""


@dataclass(frozen=True)
class _Member:
    """A file or folder of an archive; `size` is what it promises."""

    name: str
    is_folder: bool
    size: int


def unpack(archive: str | os.PathLike[str], folder: str | os.PathLike[str]) -> Path:
    """Unpacks a zip file, or a tar file (plain, gzip, bzip2, xz), into a new folder.

    Refused are names that lead outside, absolute ones, links, devices, two members of one name,
    names with NUL or of absurd length, and archives that unfold to more than `MAX_RATIO` times
    their size or to more than they promise. Permissions and owners are not taken over.

    Args:
        archive: The file.
        folder: Where its members will be; must not exist.

    Returns:
        The folder.

    Raises:
        FileExistsError: If the folder exists.
        DataIntegrityError: If the archive is damaged or refused; the message names the member.
        OSError: If the disk is full. Then, as after every error, nothing is left.

    Example:
        >>> place = Path(tempfile.mkdtemp())
        >>> with zipfile.ZipFile(place / "a.zip", "w") as file:
        ...     file.writestr("data/one.txt", "1")
        >>> (unpack(place / "a.zip", place / "new") / "data" / "one.txt").read_text()
        '1'
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists() or folder.is_symlink():
        raise FileExistsError(f"an archive is unpacked into a new folder; {folder} exists.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with archive.open("rb") as file:
        start = file.read(6)
    members = _zip_members if start.startswith(b"PK") else _tar_members
    with _refusing(archive):
        _check_members((member for member, _ in members(archive)), archive)
    made = Path(
        tempfile.mkdtemp(
            prefix=temporary_prefix(folder), suffix=TEMPORARY_SUFFIX, dir=folder.parent
        )
    )
    try:
        with _refusing(archive):
            for member, content in members(archive):
                _write(member, content, made, archive)
        made.chmod(0o755)
        os.rename(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def unfold_gzip(packed: str | os.PathLike[str], path: str | os.PathLike[str]) -> Path:
    """Unfolds a gzip file to a name that it takes only when it is whole.

    Args:
        packed: The compressed file.
        path: Where its content will be; whatever name the file itself suggests is ignored.

    Raises:
        DataIntegrityError: If it is damaged, cut off, or unfolds to too much.
        OSError: If the disk is full.
    """
    packed, path = Path(packed), Path(path)
    limit = _limit(packed)
    with _refusing(packed), packed.open("rb") as file, atomic_write(path) as out:
        source = _Bounded(gzip.GzipFile(fileobj=file, mode="rb"), limit, packed)
        while chunk := source.read(CHUNK_BYTES):
            out.write(chunk)
    return path


class _Bounded:
    """What an archive unfolds to, up to a limit."""

    def __init__(self, file: Any, limit: int, archive: Path) -> None:
        self._file, self._left, self._archive = file, limit, archive

    def read(self, size: int = -1) -> bytes:
        wanted = CHUNK_BYTES if size < 0 else min(size, CHUNK_BYTES)
        chunk: bytes = self._file.read(wanted)
        self._left -= len(chunk)
        if self._left < 0:
            raise _refused(self._archive, "its content", f"is over {MAX_RATIO} times its size")
        return chunk


def _limit(archive: Path) -> int:
    return max(MIN_LIMIT_BYTES, MAX_RATIO * archive.stat().st_size)


def _zip_members(archive: Path) -> Iterator[tuple[_Member, Any]]:
    """Yields the members of a zip file with their content."""
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            # zipfile itself cuts a name at a NUL and turns backslashes into slashes
            name = info.orig_filename
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.flag_bits & 0x1:
                raise _refused(archive, name, "is encrypted")
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(archive, name, "is a link or a device")
            if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
                raise _refused(archive, name, "is not of the size that it promises")
            member = _Member(name, info.is_dir(), info.file_size)
            with file.open(info) as content:
                yield member, content


def _tar_members(archive: Path) -> Iterator[tuple[_Member, Any]]:
    """Yields the members of a tar file with their content, in one pass."""
    with archive.open("rb") as raw:
        start = raw.read(6)
        raw.seek(0)
        opener = next((row for magic, row in OPENERS.items() if start.startswith(magic)), None)
        source: Any = raw if opener is None else opener(raw)
        bounded: Any = _Bounded(source, _limit(archive), archive)
        with tarfile.open(fileobj=bounded, mode="r|") as file:
            for info in file:
                if info.issym() or info.islnk():
                    raise _refused(archive, info.name, f"is a link to {info.linkname[:100]}")
                if not (info.isfile() or info.isdir()) or info.issparse():
                    raise _refused(archive, info.name, "is a device, or another special file")
                content = file.extractfile(info) if info.isfile() else io.BytesIO()
                assert content is not None
                yield _Member(info.name, info.isdir(), info.size), content
        while bounded.read():  # tar stops before the checksum of the compression
            pass


def _check_members(members: Iterable[_Member], archive: Path) -> None:
    """Refuses what must not be written; nothing is written before."""
    limit = _limit(archive)
    files: set[str] = set()
    folders: set[str] = set()
    for number, member in enumerate(members):
        if number >= MAX_MEMBERS:
            raise _refused(archive, member.name, f"is one of over {MAX_MEMBERS:,} members")
        limit -= member.size
        if limit < 0:
            raise _refused(
                archive, member.name, f"makes its content over {MAX_RATIO} times its size"
            )
        path = _safe(member.name, archive)
        # Disks of some systems know no capitals and no two spellings of an accent.
        key = unicodedata.normalize("NFC", str(path)).casefold()
        above = {unicodedata.normalize("NFC", str(one)).casefold() for one in path.parents}
        if key in files or (key in folders and not member.is_folder) or above & files:
            raise _refused(archive, member.name, "is there twice")
        folders |= above
        (folders if member.is_folder else files).add(key)


def _safe(name: str, archive: Path) -> PurePosixPath:
    """Returns the path of a member inside the folder."""
    parts = name.rstrip("/").split("/")
    while parts and parts[0] == ".":  # as tar writes them
        parts = parts[1:]
    if not parts and name.startswith("."):
        return PurePosixPath(".")
    if any(ord(letter) < 32 for letter in name) or "\\" in name or ":" in name:
        raise _refused(archive, name, "has a control character, a backslash or a colon")
    if name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise _refused(archive, name, "leads outside the folder")
    lengths = [len(part.encode(errors="surrogatepass")) for part in parts]
    if sum(lengths) + len(lengths) > MAX_NAME_BYTES or max(lengths) > MAX_PART_BYTES:
        raise _refused(archive, name, "has too long a name")
    return PurePosixPath(*parts)


def _write(member: _Member, content: Any, folder: Path, archive: Path) -> None:
    place = folder / _safe(member.name, archive)
    if member.is_folder:
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    left = member.size
    with place.open("xb") as out:
        while chunk := content.read(CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                raise _refused(archive, member.name, "is larger than it promises")
            out.write(chunk)
    if left:
        raise _refused(archive, member.name, "is shorter than it promises")


def _refused(archive: Path, member: str, why: str) -> DataIntegrityError:
    return DataIntegrityError(
        f"an archive must unpack safely into one folder; {member[:120]!r} in {archive} {why}. "
        "Nothing was unpacked: get the archive again, from a source you trust."
    )


@contextlib.contextmanager
def _refusing(archive: Path) -> Iterator[None]:
    """Turns what damaged archives raise into an error that names them; a full disk stays one."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        NotImplementedError,
        UnicodeError,
        ValueError,
        OSError,
    ) as error:
        if isinstance(error, DataIntegrityError):
            raise
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # of the disk, not of the archive, whose lies make readers seek below 0
        raise DataIntegrityError(
            f"{archive} must be a whole archive; reading it failed with {type(error).__name__}: "
            f"{str(error)[:200]}. It is damaged or cut off: download it again."
        ) from error
