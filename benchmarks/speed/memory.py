"""Memory of this process, and a limit to it that fails with an error and not with a kill."""

import resource
import sys
from pathlib import Path

__all__ = ["available_bytes", "limit_memory", "peak_bytes", "resident_bytes", "restart_peak"]

_STATUS, _INFO = Path("/proc/self/status"), Path("/proc/meminfo")
_KIB = 1_024


def _read(path: Path, name: str) -> int | None:
    """Returns a number of kibibytes of a file of Linux, in bytes; `None` elsewhere."""
    if not path.exists():
        return None
    for line in path.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * _KIB
    return None


def resident_bytes() -> int | None:
    """Returns what the process holds now."""
    return _read(_STATUS, "VmRSS")


def peak_bytes() -> int:
    """Returns the most that the process held since `restart_peak`, or since it began."""
    known = _read(_STATUS, "VmHWM")
    if known is not None:
        return known
    unit = 1 if sys.platform == "darwin" else _KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def restart_peak() -> bool:
    """Forgets the peak so far; returns whether the system allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def available_bytes() -> int | None:
    """Returns what programs can still get without swapping."""
    return _read(_INFO, "MemAvailable")


def limit_memory(share: float = 0.9) -> None:
    """Lets the process take at most a share of what is available, and be the first to go.

    A batch that does not fit must end its own process, and not another one on the machine.
    """
    available, resident = available_bytes(), resident_bytes()
    if available is None or resident is None:
        return
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (resident + int(share * available), hard))
    Path("/proc/self/oom_score_adj").write_text("1000")
