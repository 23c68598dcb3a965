"""The losses of all steps, collected on the device and read now and then."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

__all__ = ["History"]

_FLUSH_EVERY = 200


class History(Mapping[str, np.ndarray]):
    """Named series of numbers, one entry for each step; a mapping of names to float64 arrays.

    Reading a number waits for the device, so losses are kept there and read `200` at a time.

    Raises:
        KeyError: If there is no series of that name.
        TypeError: If a number or a slice is asked for instead of a name.

    Example:
        >>> history = History()
        >>> history.append({"loss": torch.tensor(2.0)})
        >>> history["loss"]
        array([2.])
    """

    def __init__(self) -> None:
        self._read: dict[str, list[np.ndarray]] = {}
        self._waiting: list[Mapping[str, Tensor]] = []

    def __repr__(self) -> str:
        return f"History({', '.join(f'{name}: {len(self[name])} steps' for name in self)})"

    def append(self, losses: Mapping[str, Tensor]) -> None:
        """Adds the numbers of one step."""
        self._waiting.append({name: value.detach() for name, value in losses.items()})
        if len(self._waiting) >= _FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Reads what is still on the device."""
        if not self._waiting:
            return
        read = {}
        for name in self._waiting[0]:
            values = torch.stack([losses[name] for losses in self._waiting])
            read[name] = [*self._read.get(name, []), values.cpu().double().numpy()]
        self._read, self._waiting = read, []  # at once: an interrupt loses or doubles nothing

    def truncate(self, num_steps: int) -> None:
        """Forgets what came after the first `num_steps` entries."""
        self._read = {name: [self[name][:num_steps]] for name in self}

    def __getitem__(self, name: str) -> np.ndarray:
        if not isinstance(name, str):
            raise TypeError(
                f"a history is read by the name of a series; got [{name!r}]. "
                "history['loss'][-1] is the loss of the last step."
            )
        self.flush()
        return np.concatenate(self._read[name])

    def __iter__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204 - an iterator of names
        self.flush()
        return iter(self._read)

    def __len__(self) -> int:
        self.flush()
        return len(self._read)

    def state_dict(self) -> dict[str, Tensor]:
        """Returns all series as tensors."""
        return {name: torch.from_numpy(self[name]) for name in self}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Replaces all series."""
        self._waiting = []
        self._read = {name: [values.double().numpy()] for name, values in state.items()}
