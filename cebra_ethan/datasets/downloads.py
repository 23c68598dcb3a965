"""Downloads: a file has its name only when it is whole and is the one that was published.

pooch keeps what is transferred under a temporary name until its checksum is right. How it is
transferred is decided here: only https, also after a redirect; 30 s of silence at most; the name
from our table, never from the server.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tqdm import tqdm

from ..errors import DataIntegrityError, DownloadError, InvalidParameterError
from ..utils.archives import unfold_gzip
from ..utils.files import TEMPORARY_SUFFIX, sweep_temporary, temporary_prefix
from .files import file_digest
from .sources import Remote

__all__ = ["MAX_ATTEMPTS", "TIMEOUT_S", "download"]

TIMEOUT_S = 30.0
MAX_ATTEMPTS = 3
MAX_REDIRECTS = 5
MAX_BYTES = 20 * 10**9  # the largest file of the table has 8.7 GB
CHUNK_BYTES = 1 << 16
PAUSE_S = 0.5
LOOPBACK = ("127.0.0.1", "::1", "localhost")

log = logging.getLogger(__name__)


def download(
    remote: Remote,
    path: str | os.PathLike[str],
    *,
    allow_unverified: bool = False,
    progress: bool = True,
    timeout_s: float = TIMEOUT_S,
) -> Path:
    """Downloads one file.

    A broken connection is tried again, up to three times in all; a wrong checksum is not, nor is
    an answer of the server. A file that is there and right is left as it is.

    Args:
        remote: Where it lies and the checksum that it must have.
        path: Where it will be.
        allow_unverified: Download a file of which no checksum is published.
        progress: Show a bar.
        timeout_s: How long the server may be silent.

    Returns:
        The path.

    Raises:
        InvalidParameterError: If no checksum is known and `allow_unverified` is not set.
        DownloadError: Without network, if the server refuses or falls silent, or leads elsewhere.
        DataIntegrityError: If what arrived is not what was published.
        OSError: If the disk is full. After every error nothing is left at the path that was not
            there before.
    """
    path = Path(path)
    if remote.digest is None and not allow_unverified:
        raise InvalidParameterError(
            f"a download needs a published checksum; {remote.url} has none"
            f"{f' ({remote.note})' if remote.note else ''}. Pass allow_unverified=True to take "
            "what the server sends, or download it by hand."
        )
    if remote.digest is not None and path.is_file() and _is(path, remote.digest):
        return path
    _check_url(remote.url)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep_temporary(path.parent)
    folder = Path(
        tempfile.mkdtemp(prefix=temporary_prefix(path), suffix=TEMPORARY_SUFFIX, dir=path.parent)
    )
    try:
        whole = _transfer(remote, folder, progress, timeout_s)
        if remote.packed == "gzip":
            packed, whole = whole, folder / "unfolded"
            unfold_gzip(packed, whole)
            if remote.digest is not None and not _is(whole, remote.digest):
                algorithm = remote.digest.partition(":")[0]
                raise _wrong(remote.url, remote.digest, file_digest(whole, algorithm))
        if remote.digest is None:
            log.warning("%s is not verified; its SHA-256 is %s", path, file_digest(whole))
        os.replace(whole, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return path


def _transfer(remote: Remote, folder: Path, progress: bool, timeout_s: float) -> Path:
    """Returns what the server sent, its checksum compared by pooch."""
    pooch = importlib.import_module("pooch")
    digest = remote.packed_digest if remote.packed else remote.digest
    for attempt in range(1, MAX_ATTEMPTS + 1):
        downloader = _Downloader(digest, progress, timeout_s)
        try:
            with _quiet(pooch):
                got = pooch.retrieve(
                    remote.url,
                    known_hash=digest,
                    fname="transferred",
                    path=folder,
                    downloader=downloader,
                )
            return Path(got)
        except _BrokenConnection as error:
            if attempt == MAX_ATTEMPTS:
                raise DownloadError(
                    f"a server must send the whole file; {remote.url} failed {attempt} times, at "
                    f"last: {error}. Check the network and try again later."
                ) from error
            log.warning("%s: %s; trying again", remote.url, error)
            time.sleep(PAUSE_S * attempt)
        except ValueError as error:  # how pooch says that a checksum is wrong
            if digest is None:
                raise
            raise _wrong(remote.url, digest, downloader.checksum.hexdigest()) from error
    raise AssertionError("the last attempt returns or raises")


class _BrokenConnection(Exception):
    """The network failed in a way that may pass."""


class _Downloader:
    """What pooch calls to write an address into a file."""

    def __init__(self, digest: str | None, progress: bool, timeout_s: float) -> None:
        self.progress, self.timeout_s = progress, timeout_s
        self.checksum = hashlib.new((digest or "sha256:").partition(":")[0])

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        failures = importlib.import_module("requests.exceptions")
        broken = importlib.import_module("urllib3.exceptions")
        try:
            with (
                _session(url) as session,
                session.get(
                    url,
                    stream=True,
                    timeout=self.timeout_s,
                    headers={"Accept-Encoding": "identity"},
                ) as answer,
            ):
                _check_answer(answer, url, Path(output_file).parent)
                self._write(answer, output_file)
        except (failures.InvalidSchema, failures.InvalidURL) as error:
            raise DownloadError(
                f"a download must come from https, also when the server leads elsewhere; {url} "
                f"leads to another kind of address: {_short(error)}. Do not trust it."
            ) from error
        except failures.TooManyRedirects as error:
            raise DownloadError(
                f"a server may lead elsewhere {MAX_REDIRECTS} times; {url} does so more often. "
                "Try again later, or download the file by hand."
            ) from error
        except failures.SSLError as error:
            raise DownloadError(
                f"a server must prove who it is; {url} does not: {_short(error)}. Check the "
                "clock and the certificates of this computer."
            ) from error
        except (failures.Timeout, broken.TimeoutError) as error:
            raise _BrokenConnection(f"no answer for {self.timeout_s:g} s") from error
        except (failures.RequestException, broken.HTTPError) as error:
            if _is_unknown_host(error):
                raise DownloadError(
                    f"a download needs the network; no address is found for "
                    f"{urlsplit(url).hostname} of {url}. Connect, or copy the file by hand."
                ) from error
            raise _BrokenConnection(_short(error)) from error

    def _write(self, answer: Any, output_file: str) -> None:
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdigit() else None
        with (
            open(output_file, "wb") as file,
            tqdm(total=total, unit="B", unit_scale=True, disable=not self.progress) as bar,
        ):
            num_bytes = 0
            # The bytes as they were sent: the checksum is of the file, whatever a header says.
            while chunk := answer.raw.read(CHUNK_BYTES, decode_content=False):
                self.checksum.update(chunk)
                file.write(chunk)
                bar.update(len(chunk))
                num_bytes += len(chunk)
                if num_bytes > MAX_BYTES:
                    raise DownloadError(
                        f"a download must end; {answer.url} has sent over {MAX_BYTES:,} bytes. "
                        "Download the file by hand if it really is that large."
                    )


def _session(url: str) -> Any:
    """A session that speaks https and nothing else, whatever a server answers."""
    requests = importlib.import_module("requests")
    session = requests.Session()
    session.adapters.clear()
    session.mount("https://", requests.adapters.HTTPAdapter(max_retries=0))
    session.max_redirects = MAX_REDIRECTS
    parts = urlsplit(url)
    if parts.scheme == "http":  # this computer itself, see `_check_url`
        session.mount(f"http://{parts.netloc}/", requests.adapters.HTTPAdapter(max_retries=0))
        session.trust_env = False  # no proxy
    return session


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return
    raise DownloadError(
        f"a download must come from https (or from this computer); got {url}. Correct the address."
    )


def _check_answer(answer: Any, url: str, folder: Path) -> None:
    if answer.status_code != 200:
        raise DownloadError(
            f"a server must send the file; {url} answered {answer.status_code} "
            f"{answer.reason or ''}. It may have moved: look for it at its source, or try later."
        )
    length = answer.headers.get("Content-Length", "")
    free = shutil.disk_usage(folder).free
    if length.isdigit() and int(length) > free:
        raise OSError(
            errno.ENOSPC,
            f"No space left for a download: {url} has {int(length):,} bytes and {free:,} are free",
            str(folder),
        )


def _is(path: Path, digest: str) -> bool:
    algorithm, _, digits = digest.partition(":")
    return file_digest(path, algorithm) == digits


def _wrong(url: str, expected: str, got: str) -> DataIntegrityError:
    return DataIntegrityError(
        f"a downloaded file must be the published one; {url} sent another: expected {expected}, "
        f"got {got}. It was deleted: try again, and if it stays so the source has changed."
    )


def _is_unknown_host(error: BaseException) -> bool:
    words = ("NameResolution", "getaddrinfo", "Name or service not known", "nodename nor servname")
    return any(word in f"{error!r} {error}" for word in words)


def _short(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]


@contextlib.contextmanager
def _quiet(pooch: Any) -> Iterator[None]:
    """Keeps pooch from telling temporary names, and from advising checksums of what was sent."""
    logger = pooch.get_logger()
    before = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(before)
