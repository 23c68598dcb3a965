"""The names that a foreign file may use, and what each is rebuilt as.

Every constructor checks its arguments and makes the value itself; none of the named functions is
called. What is not in `ALLOWED` is refused.
"""

import math
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..types import Offset
from .pickle_machine import Constructor, Machine, Pending, shorten
from .pickle_opcodes import run

__all__ = ["ALLOWED", "MAX_DEPTH", "find_plain"]

MAX_DEPTH = 4
MAX_DIMS = 32
MAX_SIZE = 1 << 48  # an empty array may still claim long other sides
PLAIN_DTYPE = re.compile(r"[?biufcSUVMmO]\d{0,9}")
DATE_UNITS = re.compile(r"Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as|generic")
DTYPE_FIELDS = 4


def _dtype(_: Machine, args: tuple[Any, ...]) -> Pending:
    if not args or not isinstance(args[0], str) or not PLAIN_DTYPE.fullmatch(args[0]):
        raise ValueError(f"a dtype is made of {shorten(args)}")
    base = args[0]
    return Pending("numpy.dtype", lambda _, state: _built_dtype(base, state))


def _built_dtype(base: str, state: Any) -> np.dtype[Any]:
    """A dtype from the state that numpy writes: version, byte order, subarray, names, fields..."""
    _version, order, subarray, names, fields, itemsize, *rest = state
    if subarray is not None:
        inner, shape = subarray
        return np.dtype((_checked_dtype(inner), _shape(shape)))
    if names:
        if not all(isinstance(name, str) for name in names) or set(names) != set(fields):
            raise ValueError("the fields of a dtype have no names")
        formats = [_checked_dtype(fields[name][0]) for name in names]
        if any(one.hasobject for one in formats):
            raise ValueError("the fields of a dtype hold objects")
        offsets = [int(fields[name][1]) for name in names]
        packed: Any = {
            "names": list(names),
            "formats": formats,
            "offsets": offsets,
            "itemsize": int(itemsize),
        }
        fielded: np.dtype[Any] = np.dtype(packed)
        return fielded
    if order not in ("<", ">", "|", "="):
        raise ValueError("the byte order of a dtype is unknown")
    if base[0] in "mM" and len(rest) == DTYPE_FIELDS - 1:
        unit, count, divisor, _events = rest[-1][1]
        unit = unit.decode("ascii") if isinstance(unit, bytes) else unit
        if not DATE_UNITS.fullmatch(unit) or not 0 < int(count) < 1 << 31 or divisor != 1:
            raise ValueError("the unit of a time is unknown")
        suffix = "" if unit == "generic" else f"[{int(count)}{unit}]"
        return np.dtype(f"{order}{base[0]}8{suffix}")
    return np.dtype(f"{order}{base}")


def _checked_dtype(value: Any) -> np.dtype[Any]:
    if not isinstance(value, np.dtype):
        raise ValueError(f"a dtype is a {type(value).__name__}")
    return value


def _shape(value: Any) -> tuple[int, ...]:
    sizes = value if isinstance(value, tuple) else (value,)
    if len(sizes) > MAX_DIMS or not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError(f"a shape is {shorten(value)}")
    return sizes


def _array(data: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    """An array over bytes that are there: their number must be what the shape says."""
    dtype, shape = _checked_dtype(dtype), _shape(shape)
    if isinstance(data, str):
        data = data.encode("latin-1")
    if not isinstance(data, (bytes, bytearray)) or dtype.hasobject or dtype.itemsize == 0:
        raise ValueError(f"an array of {shorten(dtype)} has a {type(data).__name__} as data")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"an array of shape {shorten(shape)} has {len(data)} bytes")
    if math.prod(size or 1 for size in shape) > MAX_SIZE:
        raise ValueError(f"a shape is {shorten(shape)}")
    flat = np.frombuffer(data, dtype)
    return flat.reshape(shape[::-1]).T if order == "F" else flat.reshape(shape)


def _reconstruct(_: Machine, args: tuple[Any, ...]) -> Pending:
    if not args or not isinstance(args[0], Constructor) or args[0].name not in ARRAYS:
        raise ValueError("an array is of no known class")
    return Pending("numpy.ndarray", _built_array)


def _built_array(machine: Machine, state: Any) -> np.ndarray:
    _version, shape, dtype, is_fortran, data = state
    order = "F" if is_fortran else "C"
    if not _checked_dtype(dtype).hasobject:
        return _array(data, dtype, shape, order)
    size = math.prod(_shape(shape))
    if not isinstance(data, list) or len(data) != size or dtype.kind != "O":
        raise ValueError("an array of objects has no list of them")
    machine.stream.charge(8 * size)
    flat = np.empty(size, dtype=object)
    for index, item in enumerate(data):
        flat[index] = item
    return flat.reshape(shape[::-1]).T if is_fortran else flat.reshape(shape)


def _from_buffer(machine: Machine, args: tuple[Any, ...]) -> np.ndarray:
    """Protocol 5: data, dtype, shape, order, and for order K the axes of the memory."""
    data, dtype, shape, order, *axes = args
    if order != "K":
        return _array(data, dtype, shape, "F" if order == "F" else "C")
    if sorted(axes[0]) != list(range(len(_shape(shape)))):
        raise ValueError("the axes of an array are no permutation")
    return _array(data, dtype, shape, "C").transpose(axes[0])


def _scalar(_: Machine, args: tuple[Any, ...]) -> Any:
    dtype, data = args
    return _array(data, dtype, (1,), "C")[0]


def _joblib_array(_: Machine, args: tuple[Any, ...]) -> Pending:
    return Pending("joblib's NumpyArrayWrapper", _inline_array)


def _inline_array(machine: Machine, state: Any) -> np.ndarray:
    """Joblib writes the bytes of an array between the opcodes, padded to an alignment."""
    if state["subclass"] not in ARRAYS:
        raise ValueError("an array is of no known class")
    dtype, shape, order = _checked_dtype(state["dtype"]), _shape(state["shape"]), state["order"]
    if dtype.hasobject:
        if machine.depth >= MAX_DEPTH:
            raise ValueError("pickles lie in pickles")
        inner = Machine(machine.stream, machine.find, machine.persistent, machine.depth + 1)
        found = run(inner)
        if not isinstance(found, np.ndarray):
            raise ValueError("an array of objects is none")
        return found
    if state.get("numpy_array_alignment_bytes") is not None:
        machine.stream.take(machine.stream.take(1)[0])
    data = machine.stream.take(math.prod(shape) * dtype.itemsize)
    return _array(data, dtype, shape, order)


def _encode(machine: Machine, args: tuple[Any, ...]) -> bytes:
    """How protocols 0 to 2 write bytes."""
    text, encoding = args
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes are not written in latin-1")
    machine.stream.charge(len(text))
    return text.encode("latin-1")


def _no_bytes(_: Machine, args: tuple[Any, ...]) -> bytes:
    """How protocols 0 to 2 write `b""`; `bytes(n)` would ask for memory."""
    if args:
        raise ValueError("bytes are made of something")
    return b""


def _byte_array(machine: Machine, args: tuple[Any, ...]) -> bytearray:
    text = args[0] if args else b""
    if not isinstance(text, (bytes, str)):
        raise ValueError(f"a bytearray is made of a {type(text).__name__}")
    machine.stream.charge(len(text))
    return bytearray(text.encode("latin-1") if isinstance(text, str) else text)


def _set_of(kind: Callable[[list[Any]], Any]) -> Callable[[Machine, tuple[Any, ...]], Any]:
    def make(machine: Machine, args: tuple[Any, ...]) -> Any:
        items = args[0] if args else []
        if not isinstance(items, list):
            raise ValueError(f"a set is made of a {type(items).__name__}")
        machine.stream.charge(64 * len(items))
        return kind([machine.key(item) for item in items])

    return make


def _ordered(machine: Machine, args: tuple[Any, ...]) -> OrderedDict[Any, Any]:
    pairs = args[0] if args else []
    if not isinstance(pairs, list):
        raise ValueError(f"an OrderedDict is made of a {type(pairs).__name__}")
    machine.stream.charge(64 * len(pairs))
    return OrderedDict((machine.key(key), value) for key, value in pairs)


def _numbers_only(kind: Callable[..., Any]) -> Callable[[Machine, tuple[Any, ...]], Any]:
    def make(_: Machine, args: tuple[Any, ...]) -> Any:
        if not all(type(arg) in (int, float, type(None)) for arg in args):
            raise ValueError("a number is made of something else")
        return kind(*args)

    return make


def _offset(_: Machine, args: tuple[Any, ...]) -> Pending:
    return Pending("cebra's Offset", _built_offset)


def _built_offset(_: Machine, state: Any) -> Offset:
    fields = state
    if isinstance(state, tuple):  # a class with slots: its dictionary, then its slots
        fields = next(part for part in reversed(state) if isinstance(part, dict))
    left, right = fields["left"], fields["right"]
    if type(left) is not int or type(right) is not int:
        raise ValueError("an offset is no number")
    return Offset(left=left, right=right)


ARRAYS = ("numpy.ndarray", "numpy.memmap")

_PYTHON: Mapping[str, Any] = {
    "bytearray": _byte_array,
    "bytes": _no_bytes,
    "complex": _numbers_only(complex),
    "frozenset": _set_of(frozenset),
    "set": _set_of(set),
    "slice": _numbers_only(slice),
}
_NUMPY: Mapping[str, Any] = {
    "multiarray._reconstruct": _reconstruct,
    "multiarray.scalar": _scalar,
    "numeric._frombuffer": _from_buffer,
}


ALLOWED: Mapping[tuple[str, str], Constructor] = {
    **{("builtins", key): Constructor(f"builtins.{key}", call) for key, call in _PYTHON.items()},
    **{
        (f"numpy._core.{key.partition('.')[0]}", key.partition(".")[2]): Constructor(
            f"numpy._core.{key}", call
        )
        for key, call in _NUMPY.items()
    },
    ("numpy", "dtype"): Constructor("numpy.dtype", _dtype),
    ("numpy", "ndarray"): Constructor("numpy.ndarray"),
    ("numpy", "memmap"): Constructor("numpy.memmap"),
    ("numpy._core.memmap", "memmap"): Constructor("numpy.memmap"),
    ("_codecs", "encode"): Constructor("_codecs.encode", _encode),
    ("collections", "OrderedDict"): Constructor("collections.OrderedDict", _ordered),
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): Constructor("joblib's array", _joblib_array),
    ("cebra.data.datatypes", "Offset"): Constructor("cebra's Offset", _offset),
}
"""Everything that a foreign pickle may name, by module and name."""


def find_plain(module: str, name: str) -> Constructor | None:
    """Returns the constructor of a name, or `None`: what `Machine` asks.

    Example:
        >>> find_plain("numpy", "dtype").name, find_plain("os", "system")
        ('numpy.dtype', None)
    """
    # The names of Python 2 and of numpy 1 lived elsewhere.
    module = {"__builtin__": "builtins"}.get(module, module)
    return ALLOWED.get((module.replace("numpy.core.", "numpy._core.", 1), name))
