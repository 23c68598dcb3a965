"""The figures of docs/benchmarks.md: arrays of the results in, files out."""

from pathlib import Path
from typing import Any

from .libraries import CEBRA, OURS
from .rows import ROWS, points_of

__all__ = ["draw_all"]

_NAMES = {CEBRA: "cebra 0.6.1", OURS: "CEBRA-Ethan", "cebra-same": "cebra, our settings"}
_AXES = {
    "length": "time bins",
    "batch": "batch size",
    "neurons": "neurons",
    "sessions": "sessions",
}
_GB = 1e9


def draw_all(found: dict[str, dict[str, Any]], folder: Path) -> list[tuple[Path, str]]:
    """Draws what there are results for; returns paths and what they show.

    Args:
        found: Results by the name of their file.
        folder: Where the figures go.
    """
    if not found:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_ratios(found, folder / "bench-ratios.png")]
    drawn += [_curve(found, curve, folder / f"bench-{curve}.png") for curve in _AXES]
    drawn += [_quality(found, row, folder / f"bench-{row}.png") for row in _rats()]
    return [one for one in drawn if one is not None]


def _rats() -> list[str]:
    return [row.name for row in ROWS if row.kind == "rat"]


def _figure(columns: int, height: float = 2.8) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6 * columns, height), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def _colors() -> dict[str, str]:
    from cebra_ethan.plots.style import ACCENT, CATEGORICAL, MUTED

    return {OURS: ACCENT, CEBRA: MUTED, "cebra-same": CATEGORICAL[1]}


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=150, metadata={"Software": None})


def _ratios(found: dict[str, dict[str, Any]], path: Path) -> tuple[Path, str] | None:
    """Draws the ratio of each row beside the one to reach."""
    rows = [row for row in ROWS if "ratio" in found.get(row.name, {})
            and found[row.name].get("reached", True)]  # fmt: skip
    if not rows:
        return None
    figure, (ax,) = _figure(1, 0.8 + 0.26 * len(rows))
    colors = _colors()
    for place, row in enumerate(rows):
        ratio = found[row.name]["ratio"]
        median = ratio if isinstance(ratio, float) else ratio["median"]
        ax.barh(place, median, color=colors[OURS], height=0.6)
        if isinstance(ratio, dict):
            ax.plot([ratio["low"], ratio["high"]], [place, place], color="black", linewidth=1)
        if row.goal:
            ax.plot([row.goal] * 2, [place - 0.4, place + 0.4], color="#B0413E", linewidth=2)
    ax.axvline(1, color=colors[CEBRA], linewidth=0.8)
    ax.set(xscale="log", xlabel="times faster than cebra 0.6.1\n(red: to reach)")
    ax.set_yticks(range(len(rows)), [row.name for row in rows])
    ax.invert_yaxis()
    _save(figure, path)
    return path, "How many times faster each row is, and what was to be reached"


def _curve(found: dict[str, dict[str, Any]], curve: str, path: Path) -> tuple[Path, str] | None:
    """Draws time per step and memory against one number."""
    points = [(r.on[curve], found[r.name]) for r in points_of(curve) if r.name in found]
    if len(points) < 2:  # no curve yet
        return None
    figure, axes = _figure(2)
    for library, color in _colors().items():
        some = [(x, one["libraries"].get(library, {})) for x, one in points]
        timed = [(x, one) for x, one in some if "ms" in one]
        if not timed:
            continue
        xs = [x for x, _ in timed]
        style = {"color": color, "marker": "o", "markersize": 3, "label": _NAMES[library]}
        axes[0].plot(xs, [one["ms"]["median"] for _, one in timed], **style)
        axes[0].fill_between(
            xs,
            [one["ms"]["min"] for _, one in timed],
            [one["ms"]["max"] for _, one in timed],
            color=color,
            alpha=0.2,
            linewidth=0,
        )
        used = [(x, one) for x, one in timed if one.get("import_bytes") is not None]
        gigabytes = [(one["peak_bytes"] - one["import_bytes"]) / _GB for _, one in used]
        axes[1].plot([x for x, _ in used], gigabytes, **style)
    for ax, label in zip(axes, ("ms per step", "memory above import (GB)"), strict=True):
        ax.set(xscale="log", yscale="log", xlabel=_AXES[curve], ylabel=label)
    axes[0].legend()
    _save(figure, path)
    return path, f"Time of a step and peak memory against {_AXES[curve]}, for both"


def _quality(found: dict[str, dict[str, Any]], name: str, path: Path) -> tuple[Path, str] | None:
    """Draws held-out error against seconds of training, a line for each seed."""
    runs = found.get(name, {}).get("runs")
    if not runs:
        return None
    figure, (ax,) = _figure(1)
    colors = _colors()
    for arm, some in runs.items():
        for number, run in enumerate(some):
            seconds = [point["seconds"] for point in run["curve"]]
            label = _NAMES[arm] if number == 0 else None
            ax.plot(seconds, [p["cm"] for p in run["curve"]], color=colors[arm], label=label)
    ax.set(xscale="log", xlabel="seconds of training", ylabel="median held-out error (cm)")
    ax.legend()
    _save(figure, path)
    return path, "Held-out error against seconds of training, a line for each seed"
