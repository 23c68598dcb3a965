"""Where tensors live."""

import torch

from ..errors import InvalidParameterError

__all__ = ["resolve_device"]


def resolve_device(device: str | torch.device) -> torch.device:
    """Returns the device that a name stands for.

    Args:
        device: `"cuda_if_available"` (the first of cuda, mps and cpu that works here), `"cpu"`,
            `"cuda"`, `"cuda:1"` or `"mps"`.

    Raises:
        InvalidParameterError: If the name is unknown or the device is not there.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    available = ["cpu"]
    if torch.cuda.is_available():
        available += ["cuda", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        available.append("mps")
    if device == "cuda_if_available":
        return torch.device("cuda" if "cuda" in available else available[-1])
    if str(device) not in available:
        raise InvalidParameterError(
            f"device must be one of {', '.join(['cuda_if_available', *available])} here; "
            f"got {str(device)!r}. Choose one of these, or run where the device is available."
        )
    return torch.device(device)
