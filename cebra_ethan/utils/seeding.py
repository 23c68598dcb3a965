"""Random streams that depend on a seed and a counter, and on nothing else.

The state of training is then two numbers, the seed and the step: a resumed run draws what the
uninterrupted one would have drawn, and the global generators are left alone.
"""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch

__all__ = ["Streams", "derive_seed", "private_torch_rng", "resolve_seed"]


class Streams:
    """The names of the independent streams that a seed opens."""

    INITIALISATION = 0
    SAMPLING = 1
    AUGMENTATION = 2
    DROPOUT = 3
    VALIDATION = 4
    EVALUATION = 5
    ADAPTATION = 6


def derive_seed(*key: int) -> int:
    """Returns a 64-bit seed for a key such as `(seed, stream, step)`.

    Example:
        >>> derive_seed(0, Streams.SAMPLING, 7) == derive_seed(0, Streams.SAMPLING, 7)
        True
        >>> derive_seed(0, Streams.SAMPLING, 7) == derive_seed(0, Streams.SAMPLING, 8)
        False
    """
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


def resolve_seed(random_state: int | np.integer | np.random.RandomState | None) -> int:
    """Returns the seed that scikit-learn's `random_state` stands for.

    Args:
        random_state: A non-negative integer is the seed; a `RandomState` gives its next integer;
            `None` gives fresh entropy from the operating system.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint32)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(np.iinfo(np.int32).max))
    return int(random_state)


@contextlib.contextmanager
def private_torch_rng(seed: int) -> Iterator[None]:
    """Runs a block with torch's generators seeded, and gives them back as they were.

    For code that only knows the global generators, such as the initialisation of a layer.

    Example:
        >>> before = torch.get_rng_state()
        >>> with private_torch_rng(0):
        ...     _ = torch.rand(3)
        >>> bool((torch.get_rng_state() == before).all())
        True
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
