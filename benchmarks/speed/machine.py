"""What was measured where: written beside every number."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .pair import ROOT, Options

__all__ = ["describe"]

_GB = 1e9
_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "cebra")


def describe(options: Options) -> dict[str, Any]:
    """Returns machine, versions, commit, load and date; no name of a person or a host."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GB),
        "load": [round(x, 2) for x in os.getloadavg()],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "commit": _commit(options.ours or ROOT),
        "threads": options.threads,
        "device": options.device,
        "repeats": options.repeats,
        "tiny": options.tiny,
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit(folder: Path) -> str | None:
    """Returns the commit, with a plus where files of the package differ from it."""
    git = ["git", "-C", str(folder)]
    done = subprocess.run(
        [*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True
    )
    if done.returncode:
        return None
    changed = subprocess.run(
        [*git, "status", "--porcelain", "cebra_ethan"], capture_output=True, text=True
    )
    return done.stdout.strip() + ("+" if changed.stdout.strip() else "")
