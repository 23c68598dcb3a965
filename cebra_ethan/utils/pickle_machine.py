"""A pickle machine that knows no functions: it rebuilds plain values and asks a table for others.

The standard machine imports and calls whatever a file names. This one has no import and no call:
a name in the file is looked up in the table that it was given, and what is not there is refused.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import DataIntegrityError
from .inflate import ByteStream

__all__ = ["Constructor", "Machine", "Pending", "shorten"]

KEY_TYPES = (str, bytes, int, float, complex, type(None))


@dataclass(frozen=True)
class Constructor:
    """What a name in a file stands for here.

    Args:
        name: The name as the file writes it.
        call: Returns the value for arguments; `None` if it is only ever an argument itself.
        value: What it is inside a container; `None` for its name.
    """

    name: str
    call: Callable[["Machine", tuple[Any, ...]], Any] | None = None
    value: Any = None


@dataclass(eq=False)
class Pending:
    """A value that still waits for its state.

    Args:
        name: The name of its constructor.
        build: Returns the finished value for a state.
    """

    name: str
    build: Callable[["Machine", Any], Any]


class Machine:
    """The stack, the marks and the memory of one pickle; `pickle_opcodes.run` moves it.

    Args:
        stream: Its bytes.
        find: Returns the constructor of a module and a name, or `None`.
        persistent: Returns the value of a persistent id; `None` where there are none.
        depth: How many pickles this one lies in.
    """

    def __init__(
        self,
        stream: ByteStream,
        find: Callable[[str, str], Constructor | None],
        persistent: Callable[[Any], Any] | None = None,
        depth: int = 0,
    ) -> None:
        self.stream, self.find, self.persistent, self.depth = stream, find, persistent, depth
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.places: dict[int, list[int]] = {}

    def refuse(self, name: str) -> DataIntegrityError:
        """Returns the error for a name that is not in the table."""
        hint = "Export plain numbers or strings instead (npy, npz, csv, h5)."
        if name.startswith("pandas."):
            hint = "Export the table with DataFrame.to_parquet or DataFrame.to_csv instead."
        return DataIntegrityError(
            f"pickle is not allowed beyond plain arrays and containers, since it could run code; "
            f"{self.stream.where} asks for {shorten(name)}. {hint}"
        )

    def finished(self, value: Any) -> Any:
        """Returns a value, or raises if it still waits for its state or is only a name."""
        if isinstance(value, Pending):
            raise ValueError(f"{value.name} has no state")
        if isinstance(value, Constructor):
            return value.name if value.value is None else value.value
        return value

    def key(self, value: Any) -> Any:
        """Returns a value that can be hashed at once: deep tuples could not."""
        parts = value if isinstance(value, tuple) else (value,)
        if not all(isinstance(part, KEY_TYPES) or hasattr(part, "dtype") for part in parts):
            raise ValueError(f"a key is a {type(value).__name__}")
        return value

    def pop_mark(self) -> list[Any]:
        """Returns what was put on the stack since the last mark."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def top(self, kind: type) -> Any:
        """Returns the container on top of the stack."""
        if not isinstance(self.stack[-1], kind):
            raise ValueError(f"{type(self.stack[-1]).__name__} is no {kind.__name__}")
        return self.stack[-1]

    def remember(self, place: int) -> None:
        """Stores the top of the stack under a number."""
        value = self.memo[place] = self.stack[-1]
        if isinstance(value, Pending):
            self.places.setdefault(id(value), []).append(place)

    def call(self, function: Any, args: Any) -> None:
        """Puts what a constructor returns on the stack."""
        if not isinstance(function, Constructor) or not isinstance(args, tuple):
            raise ValueError(f"{type(function).__name__} is called")
        if function.call is None:
            raise self.refuse(function.name)
        self.stack.append(function.call(self, args))

    def build(self) -> None:
        """Gives the value below the top its state."""
        state, value = self.stack.pop(), self.stack[-1]
        if isinstance(value, (OrderedDict, str)):
            return  # attributes beside the content, as torch gives a state_dict
        if not isinstance(value, Pending):
            raise ValueError(f"{type(value).__name__} takes no state")
        built = self.stack[-1] = value.build(self, state)
        for place in self.places.pop(id(value), ()):
            if self.memo[place] is value:
                self.memo[place] = built

    def constructor(self, module: Any, name: Any) -> None:
        """Puts what a name stands for on the stack."""
        found = self.find(module, name) if isinstance(module, str) else None
        if found is None:
            raise self.refuse(f"{module}.{name}")
        self.stack.append(found)

    def set_items(self, pairs: list[Any]) -> None:
        """Fills the mapping on top of the stack."""
        mapping = self.top(dict)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            mapping[self.key(self.finished(key))] = self.finished(value)

    def extend(self, items: list[Any]) -> None:
        """Fills the list on top of the stack."""
        self.top(list).extend(map(self.finished, items))

    def tuple_of(self, num: int) -> None:
        """Replaces so many values by their tuple; constructors stay what they are."""
        if len(self.stack) < num:
            raise ValueError("the stack is too short")
        self.stack[-num:] = [tuple(map(self.element, self.stack[-num:]))]

    def element(self, value: Any) -> Any:
        """Returns an element of a tuple, which may be the arguments of a constructor."""
        return value if isinstance(value, Constructor) else self.finished(value)


def shorten(text: object, length: int = 80) -> str:
    """Returns a text for an error message, cut to a length.

    Example:
        >>> shorten("a" * 100, 5)
        'aaaaa...'
    """
    words = str(text)[: length + 1]
    return words if len(words) <= length else words[:length] + "..."
