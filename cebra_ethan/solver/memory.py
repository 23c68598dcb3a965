"""What to say when memory runs out in a training step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar

import torch

from ..data.loader import ContrastiveLoader
from ..types import Batch

__all__ = ["explained_batches", "explains_memory"]

_Step = TypeVar("_Step", bound=Callable[..., Any])

_SIGNS = ("out of memory", "not enough memory", "allocate memory", "bad_alloc", "alloc_failed")
"""How PyTorch's allocators say it in a plain `RuntimeError`."""

_GIB = 2**30


def explains_memory(step: _Step) -> _Step:
    """Makes a method `step(batch)` say how large the batch was when memory runs out in it.

    The error is of the class that it was, and the original is its cause.
    """

    @wraps(step)
    def explained(self: Any, batch: Batch) -> Any:
        try:
            return step(self, batch)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            raise _class_of(error)(_message(batch, error)) from error

    return explained  # type: ignore[return-value]


def explained_batches(loader: ContrastiveLoader, start: int) -> Iterator[Batch]:
    """Yields `loader.batches(start)`, and says likewise when memory runs out in drawing one."""
    try:
        yield from loader.batches(start)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        bins = sum(map(len, loader.recordings))
        raise _class_of(error)(
            f"drawing a batch must fit into memory; got batch_size={loader.batch_size} of {bins} "
            f"bins. Choose a smaller batch_size. {_said(error)}"
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return any(sign in str(error).lower() for sign in _SIGNS)


def _class_of(error: Exception) -> type[Exception]:
    """Returns a class that takes one text; numpy's own kind of `MemoryError` does not."""
    classes = (torch.cuda.OutOfMemoryError, RuntimeError, MemoryError)
    return next(one for one in classes if isinstance(error, one))


def _message(batch: Batch, error: Exception) -> str:
    rows, negative = len(batch.indices.reference), batch.indices.negative
    count = len(negative) if negative.ndim == 1 else negative.shape[1]
    windows = rows * (1 + len(batch.indices.positive)) + negative.numel()
    neurons = max(recording.num_neurons for recording in batch.recordings)
    numbers = windows * neurons * batch.offset.span
    bins = sum(map(len, batch.recordings))
    return (
        f"a training step must fit into memory; with batch_size={rows} of {bins} bins it compares "
        f"{rows} x {count} points ({_gib(rows * count)} GiB if the loss needs all similarities at "
        f"once) and embeds up to {windows} windows of {neurons} neurons x {batch.offset.span} "
        f"bins ({_gib(numbers)} GiB). Choose a smaller batch_size, fewer num_negatives or a "
        f"smaller model. {_said(error)}"
    )


def _said(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"PyTorch says: {lines[0] if lines else error!r:.300}"


def _gib(count: int) -> str:
    """Returns the size of so many float32 numbers."""
    return f"{4 * count / _GIB:.3g}"
