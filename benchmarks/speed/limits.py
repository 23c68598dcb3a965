"""What a step does: operations of products, bytes of other calls, calls; and the machine's rates.

Counted while the real loop runs, for both libraries, by looking at each call of PyTorch. Products
(convolutions too) are counted in floating-point operations, a multiplication and an addition being
two; all other calls by the bytes that they read and write. Views cost nothing. What numpy and
scipy do (a search of labels) is not seen.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

__all__ = ["Counter", "floor_ms", "rates"]

_aten = torch.ops.aten
_PRODUCTS: dict[Any, Callable[..., int]] = {
    **flop_registry,
    _aten.addmm_: flop_registry[_aten.addmm],
}
_GATHERS = (_aten.index, _aten.index_select, _aten.gather)
"""They read as many numbers as they give, however long what they read from is."""

_BINS, _NEURONS, _UNITS = 7_500, 120, 32  # the first layer of row 1
_NUM_ARRAYS = 64  # as large together as what a step makes, and larger than a cache
_SECONDS = 0.3


class Counter(TorchDispatchMode):
    """Counts what happens until it is left, see `per_step`."""

    def __init__(self) -> None:
        super().__init__()
        self._products = self._bytes = self._calls = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Does one call, and counts it."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if func.is_view:
            return out
        packet = func.overloadpacket
        self._calls += 1
        if packet in _PRODUCTS:
            self._products += int(_PRODUCTS[packet](*args, **kwargs, out_val=out))
            return out
        own = (out, out, args[1:]) if packet in _GATHERS else (out, args, kwargs)
        self._bytes += sum(
            one.numel() * one.element_size()
            for one in tree_leaves(own)
            if isinstance(one, torch.Tensor)
        )
        return out

    def per_step(self, steps: int) -> dict[str, float]:
        """Returns operations of products, bytes of the others, and calls, of one step."""
        found = {"products": self._products, "bytes": self._bytes, "calls": self._calls}
        return {name: number / steps for name, number in found.items()}


def rates() -> dict[str, dict[str, float]]:
    """Returns what this machine does in a second at its best, with the threads of this process.

    Operations of a product as large as the first layer of row 1, bytes read and written by a copy
    as large as what that layer gives, and calls that do next to nothing. Once with the same
    arrays again and again, which stay in the `cache`, and once with one after the other of so many
    that they come from `memory`, as the arrays of a step do.
    """
    activity = [torch.rand(_BINS, _NEURONS) for _ in range(_NUM_ARRAYS)]
    given = [torch.rand(_BINS, _UNITS) for _ in range(_NUM_ARRAYS)]
    made = [torch.empty(_BINS, _UNITS) for _ in range(_NUM_ARRAYS)]
    weight, one = torch.rand(_NEURONS, _UNITS), torch.zeros(1)
    operations, moved = 2 * weight.numel() * _BINS, 2 * made[0].numel() * made[0].element_size()
    calls = _per_second(lambda _: one.add_(1))
    found = {}
    for name, count in (("cache", 1), ("memory", _NUM_ARRAYS)):
        a, b, out = (arrays[:count] for arrays in (activity, given, made))
        products = _per_second(partial(_multiply, a, weight, out))
        copies = _per_second(partial(_copy, b, out))
        found[name] = {"products": operations * products, "bytes": moved * copies, "calls": calls}
    return found


def _multiply(a: list[Any], weight: torch.Tensor, out: list[Any], place: int) -> None:
    torch.mm(a[place % len(a)], weight, out=out[place % len(out)])


def _copy(given: list[Any], out: list[Any], place: int) -> None:
    out[place % len(out)].copy_(given[place % len(given)])


def floor_ms(count: Mapping[str, float], rate: Mapping[str, float]) -> dict[str, float]:
    """Returns the ms of a step that products, bytes and calls take at such rates."""
    return {name: 1_000 * count[name] / rate[name] for name in rate}


def _per_second(work: Callable[[int], object]) -> float:
    """Returns how often something can be done in a second: the best of many rounds."""
    rounds, ends = [], time.perf_counter() + _SECONDS
    while time.perf_counter() < ends or len(rounds) < 3:
        start = time.perf_counter()
        for place in range(_NUM_ARRAYS):
            work(place)
        rounds.append(time.perf_counter() - start)
    return _NUM_ARRAYS / min(rounds)
