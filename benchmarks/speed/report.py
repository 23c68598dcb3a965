"""docs/benchmarks.md, its figures and docs/benchmarks.json, from the JSON files of the rows."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..jobs import publish
from .figures import draw_all
from .libraries import CEBRA, OURS
from .limits import floor_ms
from .rat import summarise
from .rows import CURVE_NAMES, CURVES, ROWS, Row, points_of

__all__ = ["BEGIN", "END", "read_results", "write_report"]

BEGIN, END = "<!-- generated: make bench-report -->", "<!-- end of what is generated -->"

_GB, _MB = 1e9, 1e6
_RATES = {"products": 1e9, "bytes": _GB, "calls": 1e6}
_HEAD = """# Speed and memory beside `cebra` 0.6.1

`make bench` sets up `.venv-bench` with both libraries, measures every row and writes this page;
`make bench ROW=2` measures one row again (`ROW=length`, `batch`, `neurons`, `sessions`: a curve).
All numbers, block by block, are in [benchmarks.json](benchmarks.json); what is measured again
takes the place of what stood there. How it is done:

- Each library runs in a process of its own, the same simulated recording in both. The two take
  turns, block by block, with the same number of threads; the other one waits meanwhile. A block
  of training takes two seconds or 64 steps, whichever is longer; where 64 steps take over 15 s it
  takes two seconds and one step at least. A block of calls takes a second. How many steps or calls
  of `cebra` and ours make a block stands in the last column.
- A training is one long `fit` that stands still inside its callback between two blocks, so that
  what is timed is the loop as users run it. Same architecture (32 units, 3-D output), batch and
  loss; time offset 10. Steps before the first block are not counted.
- Times are medians over blocks, with quartiles in brackets (in the plots: shortest and longest).
  The ratio is that of the medians; its range is a 95 % bootstrap over blocks. The ratio of
  processor times is beside it: other programs on the machine disturb it less.
- Memory is the peak of the process above what it held after imports (and after one empty step of
  torch, which loads much when first used); the recording itself is in it. In brackets: how many
  times the activity as float32.
- Held-out loss (`make bench-quality`; `make bench ROW=...` measures times alone): three seeds
  each with their range, the same number of steps, InfoNCE of 5,000 bins that neither saw, by one
  judge in plain numpy that knows neither library. *within*: our mean lies inside the range of
  `cebra`'s three; *below*: it is better than all three; *above*: worse.
- *not measured* means that; nothing before the notes is filled in by hand. A letter says in which
  state (commit, versions, threads) of which machine a row was measured; see *Measured on*.
"""

_GPU = """Where it says *not measured*, nothing is kept in the file of numbers; older ones, if
there are any, stand under *GPU* in the notes at the end.
"""


def write_report(results: Path, docs: Path) -> Path:
    """Writes the page and its figures; text after the generated part stays as it is.

    What was published and is not measured anew stays, in `benchmarks.json` and on the page.

    Args:
        results: Folder of JSON files.
        docs: Where `benchmarks.md`, `benchmarks.json` and `images/` are.

    Returns:
        The page.
    """
    found = _publish(read_results(results), docs / "benchmarks.json")
    figures = draw_all(found, docs / "images")
    places = _places(found)
    parts = [
        _HEAD,
        "## Targets (CPU)\n",
        _table(found, places, ""),
        "## GPU\n",
        _GPU,
        _table(found, places, "-gpu"),
        "## Held-out loss\n",
        _quality(found, places),
        "## Time to quality\n",
        _rat(found, places),
        "## Curves\n",
        _curves(found, places),
        *(f"![{text}](images/{path.name})\n" for path, text in figures),
        "## What steps are spent on\n",
        _limits(found, places),
        _profiles(found),
        "## Measured on\n",
        _machines(places),
    ]
    page = docs / "benchmarks.md"
    kept = page.read_text(encoding="utf-8").partition(END)[2] if page.exists() else "\n"
    page.write_text(f"{BEGIN}\n" + "\n".join(parts) + f"\n{END}{kept}", encoding="utf-8")
    return page


def _publish(results: dict[str, dict[str, Any]], path: Path) -> dict[str, dict[str, Any]]:
    """Publishes results; what was skipped does not take the place of what was measured."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    fresh = {k: one for k, one in results.items() if "skipped" not in one or k not in known}
    return publish(fresh, path)


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Returns the result of each file, by its name; those of tiny trials are left out."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    return {name: one for name, one in found.items() if not one["machine"]["tiny"]}


def _places(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Returns a letter for each state of machine and versions, by its description."""
    letters: dict[str, str] = {}
    for one in found.values():
        letters.setdefault(_machine(one), chr(ord("A") + len(letters)))
    return letters


def _machine(result: dict[str, Any]) -> str:
    about = result["machine"]
    packages = ", ".join(f"{k} {v}" for k, v in about["packages"].items() if v)
    gpu = {one.get("device") for one in result.get("libraries", {}).values()} - {None, "cpu"}
    return (
        f"{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB, "
        f"{about['threads']} threads; {''.join(f'{name}; ' for name in sorted(gpu))}"
        f"Python {about['python']}, {packages}; commit {about['commit']}"
    )


def _table(found: dict[str, dict[str, Any]], places: dict[str, str], suffix: str) -> str:
    lines = [
        "| # | work | cebra | CEBRA-Ethan | ratio | of processor time | to reach | reached "
        "| memory: cebra, ours (x input) | where, when |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        if (suffix and not row.gpu) or row.kind == "rat":
            continue
        goal = row.gpu_goal if suffix else row.goal
        lines.append(_line(row, goal, found.get(row.name + suffix), places))
    return "\n".join(lines) + "\n"


def _line(
    row: Row, goal: float | None, result: dict[str, Any] | None, places: dict[str, str]
) -> str:
    to_reach = f"≥ {goal:g}" if goal else ""
    if result is None:
        return f"| {row.name} | {row.work} | | | *not measured* | | {to_reach} | | | |"
    libraries, ratio = result["libraries"], result.get("ratio")
    cells = [row.name, row.work, *(_time(libraries.get(name, {})) for name in (CEBRA, OURS))]
    if ratio is None:
        cells += ["", "", to_reach, ""]
    else:
        share = libraries[OURS].get("profile", {}).get("arithmetic_share")
        cells += [
            f"**{ratio['median']:.3g}** ({ratio['low']:.3g} to {ratio['high']:.3g})"
            + (f"; kernels {100 * share:.0f} % of our step" if share else ""),
            f"{ratio['cpu']:.3g}" if "cpu" in ratio else "",
            to_reach,
            ("yes" if ratio["median"] >= goal else "**no**") if goal else "",
        ]
    memory = [_memory(libraries.get(name, {}), row) for name in (CEBRA, OURS)]
    cells += [", ".join(one for one in memory if one), _where(result, places)]
    return f"| {' | '.join(cells)} |"


def _where(result: dict[str, Any], places: dict[str, str]) -> str:
    """Returns machine and day, and the blocks where there are some."""
    about, libraries = result["machine"], result.get("libraries", {})
    each = [libraries.get(name, {}).get("block_steps") for name in (CEBRA, OURS)]
    steps = " and ".join(f"{number:,}" for number in each if number)
    blocks = [f"{about['repeats']} blocks of {steps}"] if steps else []
    return ", ".join([places[_machine(result)], *blocks, about["date"][:10]])


def _time(one: dict[str, Any]) -> str:
    """Returns the median and the quartiles, or why there are none."""
    said = one.get("failed", "").replace("|", "/")
    if "ms" not in one:
        return said or "*not measured*"
    ms = one["ms"]
    unit, by = ("s", 1_000) if ms["median"] >= 1_000 else ("ms", 1)
    text = f"{ms['median'] / by:.3g} {unit} ({ms['q25'] / by:.3g} to {ms['q75'] / by:.3g})"
    return f"{text}; {said}" if said else text


def _memory(one: dict[str, Any], row: Row) -> str:
    if one.get("gpu_peak_bytes"):
        return f"{one['gpu_peak_bytes'] / _GB:.2f} GB of the GPU"
    used = _above_import(one)
    if used is None:
        return ""
    size = f"{used / _GB:.2f} GB" if used >= _GB / 10 else f"{used / _MB:.0f} MB"
    return f"{size} ({used / row.input_bytes:.1f})"


def _above_import(one: dict[str, Any]) -> float | None:
    if one.get("peak_bytes") is None or one.get("import_bytes") is None:
        return None
    return float(one["peak_bytes"] - one["import_bytes"])


def _quality(found: dict[str, dict[str, Any]], places: dict[str, str]) -> str:
    lines = [
        "| # | steps | chance | cebra | CEBRA-Ethan | ours is | where, when |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        result = found.get(f"quality-{row.name}")
        if row.kind != "train" or not row.quality_steps:
            continue
        if result is None:
            lines.append(f"| {row.name} | {row.quality_steps} | | | | *not measured* | |")
            continue
        one = result["quality"]
        cells = [_mean(one["losses"].get(name, [])) for name in (CEBRA, OURS)]
        said = one.get("verdict") or "; ".join(f"{k} {v}" for k, v in one["failed"].items())
        cells = [row.name, str(one["steps"]), f"{one['chance']:.3f}", *cells, said]
        lines.append(f"| {' | '.join([*cells, _where(result, places)])} |")
    return "\n".join(lines) + "\n"


def _mean(losses: Sequence[float]) -> str:
    if not losses:
        return ""
    return f"{np.mean(losses):.4f} ({min(losses):.4f} to {max(losses):.4f})"


def _rat(found: dict[str, dict[str, Any]], places: dict[str, str]) -> str:
    lines = [
        "Median absolute error of the position of *achilles* in the last 20 % of the time, and "
        "seconds of training: medians over seeds, at the end of a budget that was fixed before. "
        "The settings were fixed on *buddy*. `cebra-same` is `cebra` with our learning rate, "
        "batch and steps (it has no schedule). *First as good*: when the median over seeds, "
        "looked at 20 times along the training, is first not above that of `cebra` at its end; "
        "*lowest*: where it is lowest, which no one who trains can know.\n",
        "| # | who | settings | cm (seeds) | seconds | first as good (s) | lowest (after s) "
        "| ratio | to reach | as good as cebra | where, when |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in (row for row in ROWS if row.kind == "rat"):
        result = found.get(row.name)
        if result is None or "ends" not in result:
            why = "" if result is None else f": {result.get('skipped')}"
            lines.append(f"| {row.name} | | | | | | | *not measured*{why} | ≥ {row.goal:g} | | |")
            continue
        summary = summarise(result["runs"])
        for arm, end in summary["ends"].items():
            settings = ", ".join(f"{k} {v}" for k, v in result["settings"][arm][1].items())
            seeds = ", ".join(f"{cm:.1f}" for cm in sorted(end["cm_of_seeds"]))
            first = summary["first_seconds"].get(arm)
            own = ["", "", ""]
            if arm == OURS and "ratio" in summary:
                said = "yes" if summary["reached"] else "**no**"
                own = [f"**{summary['ratio']:.3g}**", f"≥ {row.goal:g}", said]
            cells = [row.name, arm, settings, f"{end['cm']:.2f} ({seeds})",
                     f"{end['seconds']:.3g}", "never" if first is None else f"{first:.3g}",
                     "{cm:.2f} ({seconds:.3g})".format(**end["lowest"]), *own,
                     _where(result, places)]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _curves(found: dict[str, dict[str, Any]], places: dict[str, str]) -> str:
    lines = [
        "Row 2 with one number changed. Per step; memory above that after import.\n",
        "| curve | at | cebra | CEBRA-Ethan | ratio | memory: cebra, ours (x input) | where |",
        "|---|---|---|---|---|---|---|",
    ]
    for curve, row in ((name, point) for name in CURVE_NAMES for point in points_of(name)):
        result = found.get(row.name)
        if result is None:
            lines.append(f"| {curve} | {row.on[curve]:,} | | | *not measured* | | |")
            continue
        libraries = [result["libraries"].get(name, {}) for name in (CEBRA, OURS)]
        memory = ", ".join(one for one in (_memory(each, row) for each in libraries) if one)
        times = " | ".join(map(_time, libraries))
        ratio = f"{result['ratio']['median']:.3g}" if "ratio" in result else ""
        place = places[_machine(result)]
        lines.append(f"| {curve} | {row.on[curve]:,} | {times} | {ratio} | {memory} | {place} |")
    return "\n".join(lines) + "\n"


def _limits(found: dict[str, dict[str, Any]], places: dict[str, str]) -> str:
    """Returns what a step does, and how long that takes at the best rates of the machine."""
    lines = [
        "What PyTorch does in a step, counted while it runs (`benchmarks/speed/limits.py`): "
        "billions of floating-point operations of products and convolutions, megabytes that all "
        "other calls read and write, and calls. Behind it the best rates of the machine, measured "
        "in our process after the step (billions of operations, GB, and millions of calls a "
        "second), with arrays that stay in the cache and with arrays that come from memory, and "
        "what our step would take at these rates. Arithmetic of the other calls (GELU, "
        "exponentials) and the search of labels by numpy come on top. `make bench-limits`; steps "
        "were timed anew for this table, so that times and rates are of one hour.\n",
        "| # | operations: cebra, ours | MB: cebra, ours | calls: cebra, ours | rates in the "
        "cache; from memory | ms in the cache: products + bytes + calls | from memory "
        "| our step, ms | of cebra | ratio | where, when |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        result = found.get(f"limits-{row.name}", {})
        theirs, ours = (result.get("libraries", {}).get(name, {}) for name in (CEBRA, OURS))
        if "ratio" not in result or "count" not in theirs or "count" not in ours:
            continue
        counts = [
            ", ".join(_three(one["count"][name] / by) for one in (theirs, ours))
            for name, by in (("products", 1e9), ("bytes", 1e6), ("calls", 1))
        ]
        speeds = [
            ", ".join(f"{rate[name] / by:.3g}" for name, by in _RATES.items())
            for rate in ours["rates"].values()
        ]
        cells = [
            row.name,
            *counts,
            "; ".join(speeds),
            *(_sum(floor_ms(ours["count"], rate)) for rate in ours["rates"].values()),
            *(_three(one["ms"]["median"]) for one in (ours, theirs)),
            f"{result['ratio']['median']:.3g}",
            _where(result, places),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _sum(parts: Mapping[str, float]) -> str:
    terms = " + ".join(f"{ms:.2g}" for ms in parts.values())
    return f"{terms} = {sum(parts.values()):.3g}"


def _profiles(found: dict[str, dict[str, Any]]) -> str:
    """Returns the costliest operations of our step, where they were looked at."""
    lines = []
    for row, name in ((row, row.name + end) for end in ("", "-gpu") for row in (*ROWS, *CURVES)):
        profile = found.get(name, {}).get("libraries", {}).get(OURS, {}).get("profile")
        if profile is None:
            continue
        top = list(profile["top_ms"].items())[:6]
        text = ", ".join(f"`{operation[:60]}` {_digits(ms)}" for operation, ms in top)
        share = profile.get("arithmetic_share")
        kernels = f"kernels {100 * share:.0f} % of the step; " if share else ""
        per = "step" if row.kind == "train" else "call"
        lines.append(f"- {name}, ms per {per}: {kernels}{text}")
    return "\n".join(lines or ["*not measured*"]) + "\n"


def _three(number: float) -> str:
    """Returns three digits, or a whole number."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _digits(ms: float) -> str:
    """Returns two digits that count, never as a power of ten."""
    return f"{ms:.0f}" if ms >= 10 else f"{ms:.2g}"


def _machines(places: dict[str, str]) -> str:
    lines = [f"- {letter}: {text}" for text, letter in places.items()]
    return "\n".join(lines or ["*Nothing was measured yet.*"])
