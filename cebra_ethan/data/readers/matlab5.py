"""MATLAB files of versions 5 to 7, read here: a damaged one makes SciPy's compiled reader crash.

Of 400 files with one to three changed bytes, `scipy.io.loadmat` 1.17 ended the process on some.
This reader follows the published "MAT-File Format" (MathWorks, level 5): elements of a type and a
length, every length checked against the bytes that are there.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from ...errors import DataIntegrityError
from ...utils.inflate import byte_limit

__all__ = ["HEADER_BYTES", "is_version5", "variables_of"]

HEADER_BYTES = 128
BYTE_ORDERS = {b"IM": "<", b"MI": ">"}
MAX_DEPTH = 20

MATRIX, COMPRESSED = 14, 15
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"} | {
    12: "i8",
    13: "u8",
    16: "u1",  # UTF-8
    17: "u2",  # UTF-16
    18: "u4",  # UTF-32
}
CELL, STRUCTURE, TEXT, SPARSE = 1, 2, 4, 5
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2"} | {
    12: "i4",
    13: "u4",
    14: "i8",
    15: "u8",
}
UTF8, UTF16 = 16, 17
IS_COMPLEX, IS_LOGICAL = 0x0800, 0x0200


def is_version5(start: bytes) -> bool:
    """Whether the first 128 bytes of a file are the header of versions 5 to 7."""
    return len(start) >= HEADER_BYTES and start[126:128] in BYTE_ORDERS


def variables_of(path: Path) -> Iterator[tuple[str, Any]]:
    """Yields the name and value of each variable; objects and functions of MATLAB are left out.

    A value is an array of the class that it has in MATLAB, also where the file stores it smaller;
    a text is a list of its rows, a cell array a tuple, a structure a list of dictionaries.

    Raises:
        DataIntegrityError: If the file unfolds to much more than its size.
        ValueError, EOFError, zlib.error: If it is damaged.
    """
    with path.open("rb") as file:
        data = file.read()
    budget = [byte_limit(len(data)), path]
    top = _Elements(memoryview(data)[HEADER_BYTES:], BYTE_ORDERS[data[126:128]], budget)
    while top.data:
        kind, body = top.element(padded=False)
        if kind == COMPRESSED:
            kind, body = _Elements(top.unfolded(body), top.order, budget).element()
        elif len(body) % 8:
            raise ValueError("a variable is cut off")
        if kind == MATRIX:
            name, value = _Elements(body, top.order, budget).matrix()
            if value is not None and name:  # what functions remember has no name
                yield name, value


class _Elements:
    """Elements one after the other: a type, a length, data up to a multiple of 8 bytes."""

    def __init__(self, data: memoryview, order: str, budget: list[Any]) -> None:
        self.data, self.order, self.budget = data, order, budget

    def take(self, num_bytes: int) -> memoryview:
        """Returns the next bytes."""
        if num_bytes > len(self.data):
            raise EOFError(f"{num_bytes} bytes are promised and {len(self.data)} are there")
        taken, self.data = self.data[:num_bytes], self.data[num_bytes:]
        return taken

    def element(self, padded: bool = True) -> tuple[int, memoryview]:
        """Returns the type and the data of the next element."""
        (word,) = struct.unpack(f"{self.order}I", self.take(4))
        if word >> 16:  # a small element: the length in the upper half, the data in four bytes
            kind, num_bytes, room = word & 0xFFFF, word >> 16, 4
        else:
            (num_bytes,) = struct.unpack(f"{self.order}I", self.take(4))
            kind, room = word, num_bytes + (-num_bytes % 8 if padded else 0)
        if num_bytes > room:
            raise ValueError(f"a small element claims {num_bytes} bytes")
        return kind, self.take(room)[:num_bytes]

    def numbers(self) -> np.ndarray:
        """Returns the numbers of the next element in the type that they are stored in."""
        kind, data = self.element()
        if kind not in STORED:
            raise ValueError(f"numbers are of type {kind}")
        return np.frombuffer(data, np.dtype(f"{self.order}{STORED[kind]}"))

    def text(self) -> str:
        """Returns a name: an element of single characters."""
        return bytes(self.element()[1]).split(b"\0")[0].decode("utf-8", "replace")

    def matrix(self, depth: int = 0) -> tuple[str, Any]:
        """Returns the name and the value of an array; this is its body. `None` is left out."""
        if not self.data:
            return "", np.empty((0, 0))
        if depth > MAX_DEPTH:
            raise ValueError("cells lie in cells too deep")
        flags = int(self.numbers()[0])
        kind = flags & 0xFF
        if kind not in {*CLASSES, CELL, STRUCTURE, TEXT, SPARSE}:
            return "", None
        shape = tuple(map(int, self.numbers()))
        if len(shape) < 2 or len(shape) > 32 or min(shape) < 0:
            raise ValueError(f"an array has shape {shape[:9]}")
        name = self.text()
        if kind == CELL:
            self._check_count(shape)
            return name, tuple(self._inner(depth) for _ in range(math.prod(shape)))
        if kind == STRUCTURE:
            return name, self._structure(shape, depth)
        if kind == TEXT:
            return name, self._rows(shape)
        if kind == SPARSE:
            return name, self._sparse(shape, flags)
        values = self._class_of(kind, bool(flags & IS_COMPLEX), shape)
        return name, values.astype(bool) if flags & IS_LOGICAL else values

    def _inner(self, depth: int) -> Any:
        kind, body = self.element()
        if kind != MATRIX:
            raise ValueError(f"a cell holds an element of type {kind}")
        return _Elements(body, self.order, self.budget).matrix(depth + 1)[1]

    def _check_count(self, shape: tuple[int, ...], parts: int = 1) -> None:
        if math.prod(shape) * parts * 8 > len(self.data):  # each has at least a type and a length
            raise EOFError(f"an array of shape {shape} has too few elements")

    def _structure(self, shape: tuple[int, ...], depth: int) -> list[dict[str, Any]]:
        width = int(self.numbers()[0])
        names = bytes(self.element()[1])
        if width < 1 or len(names) % width:
            raise ValueError("the fields of a structure have no names")
        fields = [
            names[start : start + width].split(b"\0")[0].decode("utf-8", "replace")
            for start in range(0, len(names), width)
        ]
        if not fields:
            return []
        self._check_count(shape, len(fields))
        return [{field: self._inner(depth) for field in fields} for _ in range(math.prod(shape))]

    def _class_of(self, kind: int, is_complex: bool, shape: tuple[int, ...]) -> np.ndarray:
        dtype = np.dtype(CLASSES[kind])
        values = self.numbers()
        if len(values) != math.prod(shape):
            raise ValueError(f"an array of shape {shape} has {len(values)} numbers")
        self.charge(len(values) * dtype.itemsize)
        values = values.astype(dtype)
        if is_complex:
            values = values + 1j * self.numbers().astype(dtype)
        return values.reshape(shape, order="F")

    def _rows(self, shape: tuple[int, ...]) -> list[str]:
        """A matrix of characters, column by column; padding at the end of a row is taken off."""
        kind, data = self.element()
        if kind in (UTF8, UTF16):
            coding = "utf-8" if kind == UTF8 else f"utf-16-{'l' if self.order == '<' else 'b'}e"
            text = bytes(data).decode(coding, "replace")
        else:
            codes = np.frombuffer(data, f"{self.order}{STORED[kind]}").astype(np.uint32)
            text = "".join(map(chr, codes.tolist()))
        rows = shape[0]
        if not text or rows == 0:
            return [""]
        if len(text) % rows or (rows > 1 and len(text) != math.prod(shape)):
            raise ValueError(f"a text of shape {shape} has {len(text)} characters")
        return [text[row::rows].rstrip(" ") if rows > 1 else text for row in range(rows)]

    def _sparse(self, shape: tuple[int, ...], flags: int) -> np.ndarray:
        self.charge(16 * math.prod(shape))
        rows, columns = self.numbers(), self.numbers()
        if flags & IS_LOGICAL:  # MATLAB writes bytes here and calls them doubles
            values: np.ndarray = np.frombuffer(self.element()[1], np.uint8)
        else:
            values = self.numbers()
        if flags & IS_COMPLEX:
            values = values + 1j * self.numbers()
        native = values.astype(values.dtype.newbyteorder("="))
        count = int(columns[-1]) if len(columns) else 0  # MATLAB reserves more than it uses
        parts = (native[:count], rows[:count].astype(np.int64), columns.astype(np.int64))
        matrix = sparse.csc_matrix(parts, shape=shape)
        matrix.check_format(full_check=True)  # indices outside would be written outside
        dense = np.asarray(matrix.toarray())
        return dense.astype(bool) if flags & IS_LOGICAL else dense

    def unfolded(self, data: memoryview) -> memoryview:
        """Returns what a compressed variable unfolds to, within the budget of the file."""
        unfold = zlib.decompressobj()
        whole = unfold.decompress(data, self.budget[0] + 1)
        self.charge(len(whole))
        if not unfold.eof:
            raise EOFError("a compressed variable is cut off")
        return memoryview(whole)

    def charge(self, num_bytes: int) -> None:
        """Counts memory that the file itself does not have."""
        self.budget[0] -= num_bytes
        if self.budget[0] < 0:
            raise DataIntegrityError(
                f"a file must not unfold to much more than its size; {self.budget[1]} does. It is "
                "damaged or made to fill the memory: save it with -v7.3."
            )
