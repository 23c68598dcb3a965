"""Files of `torch.save`: a zip of one pickle and raw storages, read without torch's own reader.

Torch's `weights_only=True` reader keeps its list of safe names in the process, cannot map a
foreign class to another before torch 2.6, ran code in an old format before 2.6 (CVE-2025-32434),
and does not verify the checksums of the archive. This one is the machine of `pickle_machine` with
a few more names; storages are the bytes of the archive's members.
"""

import math
import zipfile
from collections.abc import Mapping
from io import BufferedIOBase, BytesIO
from typing import Any

import torch
from torch import Tensor

from .inflate import ByteStream
from .pickle_machine import Constructor, Machine, shorten
from .pickle_opcodes import run
from .pickle_types import MAX_DEPTH, find_plain

__all__ = ["OLD_MAGIC", "archive_value", "is_torch_archive", "old_value", "tensor_machine"]

OLD_MAGIC = 0x1950A86A20F9469CFC6C
"""What `torch.save` before torch 1.6, and pickled tensors today, write first."""

STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
}
DTYPES = tuple(STORAGES.values())


def is_torch_archive(file: BufferedIOBase) -> bool:
    """Whether an open file begins like a zip archive; the file is rewound."""
    start = file.read(4)
    file.seek(0)
    return start == b"PK\x03\x04"


def archive_value(file: BufferedIOBase, where: str, num_bytes: int) -> Any:
    """Returns what a file of `torch.save` holds, tensors on the CPU.

    Args:
        file: The open archive.
        where: What error messages call it.
        num_bytes: Its size.

    Raises:
        DataIntegrityError: If its pickle names what is not allowed.
        ValueError, OSError, zipfile.BadZipFile: If it is damaged.
    """
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if len(members) != len(archive.infolist()):
            raise ValueError("two members have one name")
        # torch stores without compression, so all members together fit into the file
        if sum(info.file_size for info in members.values()) > num_bytes:
            raise ValueError("its members are larger than the file")
        pickles = [name for name in members if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError("it holds no data.pkl, as files of torch.save do")
        root = pickles[0].removesuffix("data.pkl")
        if f"{root}constants.pkl" in members:
            raise ValueError("it is a TorchScript program, not a file of torch.save")
        if f"{root}byteorder" in members and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("its numbers are big-endian")
        storages: dict[str, Tensor] = {}

        def storage(identity: Any) -> Tensor:
            kind, dtype, key, *_ = identity
            if kind != "storage" or not isinstance(key, str):
                raise ValueError(f"a storage is {shorten(identity)}")
            if key not in storages:
                data = bytearray(archive.read(f"{root}data/{key}"))
                storages[key] = _typed(data, dtype)
            return storages[key]

        # read whole, so that the checksum of the archive is verified
        stream = ByteStream(BytesIO(archive.read(pickles[0])), where, num_bytes)
        return run(tensor_machine(stream, storage))


def old_value(stream: ByteStream, depth: int = 0) -> Any:
    """Returns what a file of the old format holds, once its magic number has been read.

    Args:
        stream: The rest: three pickles, the keys of the storages, their numbers one by one.
        depth: How many pickles it lies in.
    """
    storages: dict[str, Tensor] = {}

    def storage(identity: Any) -> Tensor:
        kind, dtype, key, _location, size, view = identity
        dtype = dtype.value if isinstance(dtype, Constructor) else dtype
        if kind != "storage" or dtype not in DTYPES or type(size) is not int or view is not None:
            raise ValueError(f"a storage is {shorten(identity)}")
        if size < 0 or not isinstance(key, str):
            raise ValueError(f"a storage is {shorten(identity)}")
        if key not in storages:
            stream.charge(size * dtype.itemsize)
            storages[key] = torch.empty(size, dtype=dtype)
        return storages[key]

    for _ in ("protocol", "system"):
        run(Machine(stream, _find, depth=depth))
    value = run(Machine(stream, _find, storage, depth))
    for key in run(Machine(stream, _find, depth=depth)):
        target = storages.pop(key)
        if int.from_bytes(stream.take(8), "little") != target.numel():
            raise ValueError("a storage has another length than was promised")
        data = bytearray(stream.take(target.numel() * target.dtype.itemsize))
        target.copy_(_typed(data, target.dtype))
    if storages:
        raise ValueError("a storage is missing")
    return value


def tensor_machine(stream: ByteStream, persistent: Any = None) -> Machine:
    """Returns a machine that also knows tensors."""
    return Machine(stream, _find, persistent)


def _find(module: str, name: str) -> Constructor | None:
    return TENSORS.get((module, name)) or find_plain(module, name)


def _typed(data: bytearray, kind: Any) -> Tensor:
    dtype = kind.value if isinstance(kind, Constructor) else kind
    if dtype not in DTYPES or len(data) % dtype.itemsize:
        raise ValueError(f"a storage of {shorten(dtype)} has {len(data)} bytes")
    return torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)


def _tensor(machine: Machine, args: tuple[Any, ...]) -> Tensor:
    """Storage, offset, size, stride and what only training needs."""
    storage, offset, size, stride, *_ = args
    numbers = [offset, *size, *stride]
    if not isinstance(storage, Tensor) or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError("a tensor has no storage, or a negative size")
    if len(size) != len(stride):
        raise ValueError("a tensor has other strides than sizes")
    count = math.prod(size)
    steps = zip(size, stride, strict=True)
    last = offset + sum((length - 1) * step for length, step in steps)
    if count and last >= storage.numel():  # exact, where 64 bits could wrap around
        raise ValueError("a tensor is larger than its storage")
    if count > storage.numel():  # an expanded tensor: few numbers seen many times
        machine.stream.charge(count * storage.dtype.itemsize)
    return storage.as_strided(size, stride, offset) if count else storage.new_empty(size)


def _storage_in_bytes(machine: Machine, args: tuple[Any, ...]) -> Tensor:
    """How a pickled tensor carries its numbers: as a file of the old format."""
    (data,) = args
    if machine.depth >= MAX_DEPTH or not isinstance(data, bytes):
        raise ValueError("a storage is made of no bytes")
    stream = ByteStream(BytesIO(data), machine.stream.where, len(data))
    magic = run(Machine(stream, _find, depth=machine.depth + 1))
    storage = old_value(stream, machine.depth + 1) if magic == OLD_MAGIC else None
    if not isinstance(storage, Tensor):
        raise ValueError("a storage is none")
    return storage


def _parameter(machine: Machine, args: tuple[Any, ...]) -> Tensor:
    if not isinstance(args[0], Tensor):
        raise ValueError("a parameter is no tensor")
    return args[0]


def _words(machine: Machine, args: tuple[Any, ...]) -> str:
    (text,) = args
    if not isinstance(text, str):
        raise ValueError("a version is no text")
    return text


def _size(machine: Machine, args: tuple[Any, ...]) -> tuple[int, ...]:
    (sizes,) = args
    if not isinstance(sizes, tuple) or not all(type(size) is int for size in sizes):
        raise ValueError("a size is no tuple of numbers")
    return sizes


TENSORS: Mapping[tuple[str, str], Constructor] = {
    ("torch.storage", "_load_from_bytes"): Constructor("torch's storage", _storage_in_bytes),
    ("torch._utils", "_rebuild_tensor_v2"): Constructor("torch's tensor", _tensor),
    ("torch._utils", "_rebuild_parameter"): Constructor("torch's parameter", _parameter),
    ("torch.torch_version", "TorchVersion"): Constructor("torch's version", _words),
    ("torch", "device"): Constructor("torch.device", _words),
    ("torch", "Size"): Constructor("torch.Size", _size),
    **{
        ("torch", name): Constructor(f"torch.{name}", value=dtype)
        for name, dtype in STORAGES.items()
    },
    **{
        ("torch", str(dtype).removeprefix("torch.")): Constructor(str(dtype), value=dtype)
        for dtype in DTYPES
    },
}
"""The names that a file of `torch.save` may use besides `ALLOWED`."""
