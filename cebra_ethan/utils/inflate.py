"""Bytes of a file, also a compressed one, in pieces that never exceed what the file can hold.

A length that a damaged or hostile file promises is never allocated before the bytes are there, and
the whole is bounded: a small file cannot fill the memory.
"""

import bz2
import lzma
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from typing import Any

from ..errors import DataIntegrityError

__all__ = ["ByteStream", "byte_limit"]

MIN_LIMIT_BYTES = 1 << 30
MAX_RATIO = 200
"""A file may unfold to this many times its size, or to `MIN_LIMIT_BYTES`, whichever is more."""

CHUNK_BYTES = 1 << 20
LZMA_MEMORY_BYTES = 1 << 28


# What joblib writes, by the first bytes; zlib's own reader also understands gzip (15 + 32).
FORMATS: dict[bytes, tuple[str, Any]] = {
    b"\x78": ("zlib", lambda: zlib.decompressobj(wbits=47)),
    b"\x1f\x8b": ("gzip", lambda: zlib.decompressobj(wbits=47)),
    b"BZh": ("bz2", bz2.BZ2Decompressor),
    b"\xfd7zXZ": ("xz", lambda: lzma.LZMADecompressor(memlimit=LZMA_MEMORY_BYTES)),
    b"\x5d\x00": ("lzma", lambda: lzma.LZMADecompressor(memlimit=LZMA_MEMORY_BYTES)),
}
UNREADABLE = {b"\x04\x22\x4d\x18": "LZ4", b"ZF": "joblib before 0.10"}


def byte_limit(num_bytes: int) -> int:
    """Returns how much memory a file of this size may ask for.

    Example:
        >>> byte_limit(10) == MIN_LIMIT_BYTES, byte_limit(10**9)
        (True, 200000000000)
    """
    return max(MIN_LIMIT_BYTES, MAX_RATIO * num_bytes)


class ByteStream:
    """Reads a binary file forward, unfolding zlib, gzip, bz2, xz and lzma by their first bytes.

    Args:
        file: An open binary file at the beginning of the data.
        where: What error messages call it.
        num_bytes: Size of the file.
    """

    def __init__(self, file: BufferedIOBase, where: str, num_bytes: int) -> None:
        self.where = where
        self.limit = byte_limit(num_bytes)
        self._budget = self.limit
        start = file.read(8)
        for magic, name in UNREADABLE.items():
            if start.startswith(magic):
                raise DataIntegrityError(
                    f"a compressed file must be zlib, gzip, bz2, xz or lzma; {where} is of "
                    f"{name}. Write it again with joblib.dump(..., compress=3)."
                )
        self.format = next((row for key, row in FORMATS.items() if start.startswith(key)), None)
        plain = _chunks(file, start)
        self._source = plain if self.format is None else self._unfold(plain, self.format[1]())
        self._buffer = memoryview(b"")

    def take(self, num_bytes: int) -> bytes:
        """Returns exactly so many bytes, or raises `EOFError`."""
        if num_bytes <= len(self._buffer):
            taken = bytes(self._buffer[:num_bytes])
            self._buffer = self._buffer[num_bytes:]
            return taken
        parts: list[memoryview] = [self._buffer]
        missing = num_bytes - len(self._buffer)
        self._buffer = memoryview(b"")
        while missing > 0:
            chunk = memoryview(next(self._source, b""))
            if not chunk:
                raise EOFError(f"{missing} bytes are missing at the end")
            parts.append(chunk[:missing])
            self._buffer = chunk[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def take_line(self) -> bytes:
        """Returns the bytes up to the next line feed, without it."""
        parts: list[bytes] = []
        while True:
            start = bytes(self._buffer)
            line, found, rest = start.partition(b"\n")
            parts.append(line)
            if found:
                self._buffer = self._buffer[len(start) - len(rest) :]
                return b"".join(parts)
            self._buffer = memoryview(next(self._source, b""))
            if not self._buffer:
                raise EOFError("a line does not end")

    def drain(self) -> int:
        """Reads to the end, which verifies a compressed file; returns how much was left."""
        left = len(self._buffer) + sum(len(chunk) for chunk in self._source)
        self._buffer = memoryview(b"")
        return left

    def charge(self, num_bytes: int) -> None:
        """Counts memory that is not backed by bytes of the file.

        Raises:
            DataIntegrityError: If it is more than a file of this size may ask for.
        """
        self._budget -= num_bytes
        if self._budget < 0:
            raise DataIntegrityError(
                f"a file must not ask for much more memory than it has bytes; {self.where} asks "
                f"for over {self.limit / 1e9:.1f} GB. It is damaged or made to fill the memory."
            )

    def _unfold(self, source: Iterator[bytes], decompressor: Any) -> Iterator[bytes]:
        pending, produced = b"", 0
        while not decompressor.eof:
            needs = getattr(decompressor, "needs_input", not pending)
            if needs:
                pending = next(source, b"")
                if not pending:
                    raise EOFError("the compressed data ends early")
            chunk: bytes = decompressor.decompress(pending, CHUNK_BYTES)
            pending = getattr(decompressor, "unconsumed_tail", b"")
            produced += len(chunk)
            if produced > self.limit:
                self.charge(produced)
            if chunk:
                yield chunk


def _chunks(file: BufferedIOBase, start: bytes) -> Iterator[bytes]:
    if start:
        yield start
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
