"""The opcodes of pickle, protocols 0 to 5, as moves of a `Machine`; see Python's `pickletools`."""

import codecs
import struct
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import DataIntegrityError
from .pickle_machine import Machine

__all__ = ["OPCODES", "run"]

MAX_OPCODES = 20_000_000


def run(machine: Machine) -> Any:
    """Returns the value of the pickle that a machine stands at.

    Raises:
        DataIntegrityError: If the file names what is not in the machine's table, or holds more
            single values than anybody would write.
    """
    take, table = machine.stream.take, OPCODES
    for _ in range(MAX_OPCODES):
        code = take(1)
        if code == b".":
            return machine.finished(machine.stack.pop())
        opcode = table.get(code)
        if opcode is None:
            raise ValueError(f"unknown opcode {code!r}")
        opcode(machine)
    raise DataIntegrityError(
        f"a pickle must hold its numbers as arrays; {machine.stream.where} has over "
        f"{MAX_OPCODES:,} single values. Save numpy arrays instead of lists."
    )


def _unsigned(machine: Machine, width: int) -> int:
    return int.from_bytes(machine.stream.take(width), "little")


def _push(read: Callable[[Machine], Any]) -> Callable[[Machine], None]:
    return lambda machine: machine.stack.append(read(machine))


def _sized(width: int, decode: Callable[[bytes], Any]) -> Callable[[Machine], None]:
    return _push(lambda machine: decode(machine.stream.take(_unsigned(machine, width))))


def _line(decode: Callable[[bytes], Any]) -> Callable[[Machine], None]:
    return _push(lambda machine: decode(machine.stream.take_line()))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _latin(data: bytes) -> str:
    return data.decode("latin-1")  # strings of Python 2, which hold the bytes of arrays


def _signed(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _int_line(data: bytes) -> int | bool:
    return {b"00": False, b"01": True}.get(data, int(data))


def _quoted(data: bytes) -> str:
    data = data.strip()
    if len(data) < 2 or data[:1] != data[-1:] or data[:1] not in (b"'", b'"'):
        raise ValueError("a string has no quotes")
    return _latin(codecs.escape_decode(data[1:-1])[0])


def _protocol(machine: Machine) -> None:
    version = _unsigned(machine, 1)
    if version > 5:
        raise ValueError(f"it is of protocol {version}")


def _frame(machine: Machine) -> None:
    machine.stream.take(8)  # the length of a frame only helps buffering


def _mark(machine: Machine) -> None:
    machine.marks.append(machine.stack)
    machine.stack = []


def _pop_mark(machine: Machine) -> None:
    machine.pop_mark()


def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.pop_mark()


def _set_item(machine: Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.set_items([key, value])


def _append(machine: Machine) -> None:
    machine.extend([machine.stack.pop()])


def _add_items(machine: Machine) -> None:
    items = [machine.key(machine.finished(item)) for item in machine.pop_mark()]
    machine.top(set).update(items)


def _frozen_set(machine: Machine) -> None:
    items = [machine.key(machine.finished(item)) for item in machine.pop_mark()]
    machine.stack.append(frozenset(items))


def _mapping(machine: Machine) -> None:
    pairs = machine.pop_mark()
    machine.stack.append({})
    machine.set_items(pairs)


def _list(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.stack.append([])
    machine.extend(items)


def _tuple(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.stack.append(tuple(map(machine.element, items)))


def _global(machine: Machine) -> None:
    module, name = _text(machine.stream.take_line()), _text(machine.stream.take_line())
    machine.constructor(module, name)


def _stack_global(machine: Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.constructor(module, name)


def _reduce(machine: Machine) -> None:
    args, function = machine.stack.pop(), machine.stack.pop()
    machine.call(function, args)


def _new_with_keywords(machine: Machine) -> None:
    keywords = machine.stack.pop()
    if keywords:
        raise ValueError("a constructor gets keywords")
    _reduce(machine)


def _instance(machine: Machine) -> None:
    args = tuple(map(machine.element, machine.pop_mark()))
    _global(machine)
    machine.call(machine.stack.pop(), args)


def _object(machine: Machine) -> None:
    function, *args = machine.pop_mark()
    machine.call(function, tuple(map(machine.element, args)))


def _persistent(machine: Machine, identity: Any) -> None:
    if machine.persistent is None:
        raise ValueError("it points to objects outside the file")
    machine.stack.append(machine.persistent(identity))


def _memoize(machine: Machine) -> None:
    machine.remember(len(machine.memo))


def _struct(form: str) -> Callable[[Machine], None]:
    packed = struct.Struct(form)
    return _push(lambda machine: packed.unpack(machine.stream.take(packed.size))[0])


OPCODES: Mapping[bytes, Callable[[Machine], None]] = {
    b"\x80": _protocol,
    b"\x95": _frame,
    b"N": _push(lambda _: None),
    b"\x88": _push(lambda _: True),
    b"\x89": _push(lambda _: False),
    b"I": _line(_int_line),
    b"L": _line(lambda data: int(data.rstrip(b"L"))),
    b"F": _line(float),
    b"S": _line(_quoted),
    b"V": _line(lambda data: data.decode("raw-unicode-escape")),
    b"J": _struct("<i"),
    b"K": _struct("<B"),
    b"M": _struct("<H"),
    b"G": _struct(">d"),
    b"\x8a": _sized(1, _signed),
    b"\x8b": _sized(4, _signed),
    b"U": _sized(1, _latin),
    b"T": _sized(4, _latin),
    b"X": _sized(4, _text),
    b"\x8c": _sized(1, _text),
    b"\x8d": _sized(8, _text),
    b"C": _sized(1, bytes),
    b"B": _sized(4, bytes),
    b"\x8e": _sized(8, bytes),
    b"\x96": _sized(8, bytearray),
    b"]": _push(lambda _: []),
    b"}": _push(lambda _: {}),
    b")": _push(lambda _: ()),
    b"\x8f": _push(lambda _: set()),
    b"(": _mark,
    b"0": _pop,
    b"1": _pop_mark,
    b"2": _push(lambda machine: machine.stack[-1]),
    b"a": _append,
    b"e": lambda machine: machine.extend(machine.pop_mark()),
    b"s": _set_item,
    b"u": lambda machine: machine.set_items(machine.pop_mark()),
    b"\x90": _add_items,
    b"\x91": _frozen_set,
    b"d": _mapping,
    b"l": _list,
    b"t": _tuple,
    b"\x85": lambda machine: machine.tuple_of(1),
    b"\x86": lambda machine: machine.tuple_of(2),
    b"\x87": lambda machine: machine.tuple_of(3),
    b"p": lambda machine: machine.remember(int(machine.stream.take_line())),
    b"q": lambda machine: machine.remember(_unsigned(machine, 1)),
    b"r": lambda machine: machine.remember(_unsigned(machine, 4)),
    b"\x94": _memoize,
    b"g": _push(lambda machine: machine.memo[int(machine.stream.take_line())]),
    b"h": _push(lambda machine: machine.memo[_unsigned(machine, 1)]),
    b"j": _push(lambda machine: machine.memo[_unsigned(machine, 4)]),
    b"c": _global,
    b"\x93": _stack_global,
    b"R": _reduce,
    b"\x81": _reduce,
    b"\x92": _new_with_keywords,
    b"i": _instance,
    b"o": _object,
    b"b": Machine.build,
    b"P": lambda machine: _persistent(machine, _text(machine.stream.take_line())),
    b"Q": lambda machine: _persistent(machine, machine.stack.pop()),
}
