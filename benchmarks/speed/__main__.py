"""Measures rows, both libraries in turn, and writes the report.

    python -m benchmarks.speed                     # whatever is not there yet
    python -m benchmarks.speed --row 2 8 length    # these again
    python -m benchmarks.speed --quality           # held-out losses instead of times
    python -m benchmarks.speed --limits --row 1    # what a step does, and at best could take
    python -m benchmarks.speed --report            # docs/benchmarks.md from what is there

Each row is a JSON file under runs/bench, written whole or not at all; with --tiny, a trial that no
report reads, under runs/bench/tiny.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..jobs import write
from . import imports, machine, pair, quality, rat
from .libraries import LIBRARIES
from .pair import Options
from .rows import Row, select, tiny

__all__ = ["main"]

_SPECIAL: dict[str, Callable[[Row, Options], dict[str, Any]]] = {
    "rat": rat.compare,
    "import": imports.compare,
}


def main(arguments: list[str] | None = None) -> int:
    """Does what the command line says; returns 1 if a name is wrong or our library failed."""
    given = _parser().parse_args(arguments)
    if given.report:
        from .report import write_report

        print(write_report(given.out, given.docs))
        return 0
    options = Options(
        repeats=given.repeats,
        threads=given.threads,
        device=given.device,
        count=given.limits,
        limit_s=given.limit,
        libraries=given.library,
        ours=given.ours,
        tiny=given.tiny,
        data_root=given.data_root,
    )
    if given.limits and given.device != "cpu":
        print(
            f"--limits counts calls on a processor; got --device {given.device}.", file=sys.stderr
        )
        return 1
    try:
        rows = select(given.row, options.device)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    prefix = "quality-" if given.quality else "limits-" if given.limits else ""
    suffix = "" if options.device == "cpu" else "-gpu"
    failed = False
    folder = given.out / "tiny" if options.tiny else given.out  # a trial is no result
    if prefix:
        rows = [row for row in rows if row.quality_steps and row.kind == "train"]
        if not rows:
            print("no row that was named is a training to compare.", file=sys.stderr)
            return 1
    for row in rows:
        path = folder / f"{prefix}{row.name}{suffix}.json"
        if path.exists() and not given.row:
            continue
        result = _do(tiny(row) if options.tiny else row, options, given.quality)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(result, indent=1)
        write(path, lambda file, text=text: file.write(text.encode()))
        print(_line(result), flush=True)
        failed |= any("failed" in one for name, one in result.get("libraries", {}).items()
                      if name == LIBRARIES[0])  # fmt: skip
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root = os.environ.get("CEBRA_ETHAN_DATA") or pair.ROOT.parent / "shared" / "data"
    parser.add_argument("--row", nargs="*", default=[], help="names; rows, curves, or all without")
    parser.add_argument("--quality", action="store_true", help="compare held-out losses")
    parser.add_argument("--limits", action="store_true", help="count what a step does (processor)")
    parser.add_argument("--report", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--out", type=Path, default=pair.ROOT / "runs" / "bench")
    parser.add_argument("--docs", type=Path, default=pair.ROOT / "docs")
    parser.add_argument("--repeats", type=int, default=6, help="blocks of each library")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds for one answer")
    parser.add_argument("--library", nargs="+", default=LIBRARIES, choices=LIBRARIES)
    parser.add_argument("--ours", type=Path, help="folder of another state of the package")
    parser.add_argument("--data-root", type=Path, default=Path(root))
    parser.add_argument("--tiny", action="store_true", help="almost nothing, to see that it runs")
    return parser


def _do(row: Row, options: Options, by_quality: bool) -> dict[str, Any]:
    about, start = machine.describe(options), time.perf_counter()
    if by_quality:
        result = {"quality": quality.compare(row, options)}
    else:
        result = _SPECIAL.get(row.kind, pair.measure)(row, options)
    return {
        "row": asdict(row), "machine": about, **result, "took_s": time.perf_counter() - start
    }  # fmt: skip


def _line(result: dict[str, Any]) -> str:
    """Returns one row for a terminal."""
    row, parts = result["row"], []
    for library, one in result.get("libraries", {}).items():
        if "ms" in one:
            ms = one["ms"]
            memory = (one.get("peak_bytes") or 0) - (one.get("import_bytes") or 0)
            parts.append(
                f"{library} {ms['median']:.4g} ms ({ms['q25']:.4g} to {ms['q75']:.4g})"
                + (f", {memory / 1e9:.2f} GB" if "peak_bytes" in one else "")
            )
        if "failed" in one:
            parts.append(f"{library} failed: {one['failed']}")
    ratio = result.get("ratio")
    if isinstance(ratio, dict):
        parts.append(f"ratio {ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})")
        parts.append(f"of means {ratio['of_means']:.2f}")
        parts += [f"of processor time {ratio['cpu']:.2f}"] if "cpu" in ratio else []
    if "quality" in result:
        parts.append(json.dumps(result["quality"]))
    if row["kind"] == "rat":
        parts.append(json.dumps({k: v for k, v in result.items() if k in _RAT}))
    return f"{row['name']:16}{'; '.join(parts)}; took {result['took_s']:.0f} s"


_RAT = ("skipped", "ends", "reached", "ratio", "first_seconds", "failed")


if __name__ == "__main__":
    raise SystemExit(main())
