"""The commands that compare methods and make pages of results."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from tqdm import tqdm

from ..errors import DataError
from ..plots.decoding import plot_errors
from ..plots.style import save_figure
from ..report import build_report
from ..report.numbers import number_text
from ..report.record import SCHEMA, Figure, numbers_table, save_embedding
from ..types import Recording
from .commands import parameters, settings
from .comparing import NUMBERS, Comparison, compare, method_names
from .folders import check_file, new_folder, provenance, write_json, write_yaml
from .recordings import read_recording
from .scoring import as_classes

__all__ = ["run_compare", "run_report"]

RESULTS = "results.json"


def run_compare(options: SimpleNamespace) -> Iterator[str]:
    """Compares methods on one recording and writes a run folder that `report` shows."""
    start, names = time.perf_counter(), method_names(options.methods)
    if options.seeds < 1:
        raise DataError(f"--seeds must be at least 1; got {options.seeds}.")
    recording = read_recording(options)
    if not recording.labels:
        raise DataError("compare decodes labels; none were named. Add --labels NAME.")
    stem = Path(options.recording).stem
    out = Path(options.out or f"runs/compare-{stem}-{time.strftime('%Y%m%d-%H%M%S')}")
    with new_folder(out, options.overwrite, RESULTS) as folder:
        chosen = parameters(options)
        progress = options.verbose if options.verbose is not None else sys.stderr.isatty()
        bar = _bar if progress else _quiet
        found = compare(recording, names, {**chosen, "verbose": False}, options, bar)
        results = _results(found, recording, options, folder)
        results["seconds"] = time.perf_counter() - start
        write_yaml(folder / "config.yaml", settings(options))
        shape = tuple(recording.neural.shape)
        seed = int(options.random_state or 0)
        write_json(folder / "provenance.json", provenance(options.recording, shape, seed))
        write_json(folder / RESULTS, results)
    yield from _lines(found)
    yield f"Run folder: {out}"
    yield f"As a page: cebra-ethan report {out} --out report.html"


def run_report(options: SimpleNamespace) -> Iterator[str]:
    """Makes one page of run folders."""
    out = check_file(options.out, (".html",), options.overwrite)
    assert out is not None
    yield f"Report: {build_report(options.runs, out, title=options.title)}"


def _results(
    found: Comparison, recording: Recording, options: SimpleNamespace, folder: Path
) -> dict[str, Any]:
    """Returns what `results.json` holds, and draws the figures that it names."""
    simulated = "simulated" in recording.source
    what = f"{Path(options.recording).name}{' (simulated)' if simulated else ''}"
    fraction = options.test_fraction
    kept = {row["method"]: row["title"] for row in found.rows}
    return {
        "schema": SCHEMA,
        "experiment": "compare",
        "title": f"Methods on {what}",
        "question": f"From which embedding are {', '.join(recording.labels)} decoded best?",
        "status": "complete",
        "source": "simulated" if simulated else "recording",
        "simulated": recording.source if simulated else None,
        "preset": f"{options.max_iterations} steps",
        "configuration": settings(options),
        "notes": [
            f"Fitted on the first {1 - fraction:.0%} of the time and tested on the last "
            f"{fraction:.0%}, with a gap; both parts are embedded apart.",
            "Nearest neighbours decode every label; their number is chosen on the last tenth of "
            "the training part.",
            "Shuffled labels train encoder and decoder; test labels are always the true ones.",
            *_chosen(found, kept),
        ],
        "numbers": numbers_table(NUMBERS),
        "rows": found.rows,
        "missing_controls": {},
        "waived_controls": dict(found.waived),
        "comparison": [],
        "statistics": [_times(found.seconds, kept)],
        "figures": [
            _figure(found, label, place, what, folder).entry(folder)
            for place, label in enumerate(recording.labels)
        ],
        "embeddings": [
            save_embedding(folder, name, points, _colorings(found.test),
                           f"{what}: {kept[name]}, held out")
            for name, points in found.embeddings.items()
            if points.shape[1] > 1
        ],
    }  # fmt: skip


def _chosen(found: Comparison, titles: Mapping[str, str]) -> Iterator[str]:
    """Yields what each method chose, where they were tuned."""
    for name, setting in found.settings.items():
        if not setting:
            continue
        values = ", ".join(f"{key} = {value:g}" for key, value in setting.items())
        yield f"{titles[name]}: {values}, the best of eight settings within the training part."


def _colorings(recording: Recording) -> dict[str, Any]:
    """Returns labels of one column, which points can be coloured by; else the time."""
    labels = {
        name: as_classes(label)
        for name, label in recording.labels.items()
        if as_classes(label).values.ndim == 1 or as_classes(label).values.shape[1] == 1
    }
    return labels or {"time bin": np.arange(len(recording))}


def _figure(found: Comparison, label: str, place: int, what: str, folder: Path) -> Figure:
    rows = [row for row in found.rows if row["group"] == label]
    is_class = "accuracy" in rows[0]["values"]
    number = "accuracy" if is_class else "median_error"
    scale, unit = NUMBERS[number].scale, NUMBERS[number].unit
    values = {row["title"]: [scale * seed[number] for seed in row["seeds"]] for row in rows}
    axes = plot_errors(
        values,
        controls=[row["title"] for row in rows if row["kind"] == "control"],
        quantity="Accuracy" if is_class else "Median absolute error",
        unit=unit or None,
        digits=NUMBERS[number].digits,
        title=f"{what}: {label}",
    )
    path = save_figure(axes, folder / f"decoding-{place}.png", dpi=150)
    better = "More" if is_class else "Less"
    return Figure(path, f"{what}: decoding of {label}", f"{better} is better; controls in grey.")


def _times(seconds: Mapping[str, float], titles: Mapping[str, str]) -> dict[str, Any]:
    rows = [[titles.get(name, name), float(taken)] for name, taken in seconds.items()]
    return {"title": "Time", "header": ["row", "seconds"], "rows": rows, "note": ""}


def _lines(found: Comparison) -> Iterator[str]:
    """Yields the result table as text."""
    numbers = numbers_table(NUMBERS)
    for label in dict.fromkeys(row["group"] for row in found.rows):
        rows = [row for row in found.rows if row["group"] == label]
        shown = [name for name in NUMBERS if name in rows[0]["values"]]
        width = max(len(row["title"]) for row in rows)
        heads = [f"{NUMBERS[name].title} {NUMBERS[name].unit}".strip() for name in shown]
        yield f"{label:<{width}}  " + "  ".join(f"{head:>20}" for head in heads)
        for row in rows:
            texts = [number_text(row["values"].get(name), numbers[name]) for name in shown]
            yield f"{row['title']:<{width}}  " + "  ".join(f"{text:>20}" for text in texts)
        best = _best(rows, shown[0])
        if best["kind"] == "control":
            yield f"No method does better than this control: {best['title']}."
    yield from _chosen(found, {row["method"]: row["title"] for row in found.rows})
    for name, reason in found.waived.items():
        yield f"No row {name}: {reason}."


def _best(rows: list[dict[str, Any]], number: str) -> dict[str, Any]:
    sign = 1 if NUMBERS[number].better == "higher" else -1
    return max(rows, key=lambda row: sign * float(row["values"][number]["mean"]))


def _bar(items: Any, **words: Any) -> Any:
    return tqdm(items, file=sys.stderr, dynamic_ncols=True, **words)


def _quiet(items: Any, **_: Any) -> Any:
    return items
