"""Can position and direction be read from the embedding of a rat's hippocampus?

    python -m experiments.hippocampus.run_experiment
    python -m experiments.hippocampus.run_experiment --data-root ../shared/data --preset quick

Simulated by default; `--data-root` takes the rats achilles and buddy. Run the same command with
the same `--out` again to finish an interrupted run.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from joblib import Parallel, delayed
from tqdm import tqdm

from cebra_ethan.errors import CebraError
from config import HIPPOCAMPUS_PRESETS, HippocampusConfig
from experiments.hippocampus.figures import draw_figures, draw_overview
from experiments.hippocampus.methods import METHODS
from experiments.hippocampus.parts import num_cores, part_file, rats, run_and_store
from experiments.hippocampus.results import compare, summarise, text_report
from utils import open_run_folder, provenance, read_json, write_json

__all__ = ["main", "run"]


def run(
    config: HippocampusConfig,
    out: str | os.PathLike[str],
    *,
    jobs: int = 1,
    overview: bool = False,
    progress: Callable[..., Any] = lambda parts, **_: parts,
) -> dict[str, float]:
    """Runs the experiment, or what is left of it.

    Args:
        config: What to do.
        out: Run folder. A part that is done there is not done again.
        jobs: Parts that run at once, each in its own process.
        overview: Also draw one picture of everything.
        progress: Wraps the parts to do, `tqdm` for example.

    Returns:
        `"rat.method.number"` to the mean over seeds; everything else stands in `results.json`.
    """
    start, folder = time.perf_counter(), open_run_folder("hippocampus", config, out)
    recordings = rats(config)
    todo = []
    for rat in config.rats:
        for method in config.methods:
            seeds = config.num_seeds if METHODS[method].draws else 1
            todo += [(rat, method, seed) for seed in range(seeds)]
    left = [part for part in todo if not part_file(folder, *part).exists()]
    write_json(folder / "provenance.json", provenance(list(recordings.values()), _seeds(config)))
    work = (delayed(run_and_store)(config, folder, jobs, *part) for part in left)
    done = Parallel(n_jobs=min(jobs, max(1, len(left))), return_as="generator_unordered")(work)
    for _ in progress(done, total=len(left), desc="hippocampus", unit="part"):
        pass
    parts = [read_json(part_file(folder, *part)) for part in todo]
    rows = summarise(parts)
    results: dict[str, Any] = {
        "experiment": "hippocampus",
        "question": "Can position and direction be read from the embedding?",
        "source": config.source,
        "preset": config.preset,
        "training": f"{config.max_iterations} steps of batch {config.batch_size}, learning rate "
        f"{config.learning_rate:g}, {config.output_dimension} dimensions.",
        "split": f"Training on the first {1 - config.test_fraction:.0%} of the time, test on the "
        f"last {config.test_fraction:.0%}, embedded apart; k of the nearest neighbours chosen on "
        f"the last {config.valid_fraction:.0%} of the training part",
        "rows": rows,
        "comparison": compare(rows, config),
        "seconds_of_parts": sum(part["seconds"] for part in parts),
        "seconds": time.perf_counter() - start,
    }
    results["figures"] = [str(path.relative_to(folder)) for path in draw_figures(folder, rows)]
    if overview:
        results["figures"].append(str(draw_overview(folder, rows).relative_to(folder)))
    write_json(folder / "results.json", results)
    return {
        f"{row['rat']}.{row['method']}.{name}": value["mean"]
        for row in rows
        for name, value in row["values"].items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs from the command line; prints what came out, progress goes to standard error."""
    options = _parser().parse_args(arguments)
    changes: dict[str, Any] = {"source": options.source or "simulated"}
    if options.data_root is not None:
        changes = {"source": options.source or "real", "data_root": options.data_root}
    if options.seeds is not None:
        changes["num_seeds"] = options.seeds
    try:
        config = HippocampusConfig.from_preset(options.preset, **changes)
        folder = open_run_folder("hippocampus", config, options.out)
        bar = functools.partial(tqdm, file=sys.stderr, dynamic_ncols=True)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*neurons in X are constant")
            run(config, folder, jobs=options.jobs, overview=options.overview, progress=bar)
    except (CebraError, OSError, ValueError, TypeError) as error:
        print(f"hippocampus: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("hippocampus: interrupted; the same command with the same --out goes on",
              file=sys.stderr)  # fmt: skip
        return 130
    print(text_report(read_json(folder / "results.json"), folder))
    return 0


def _seeds(config: HippocampusConfig) -> list[int]:
    return list(range(config.num_seeds))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.hippocampus.run_experiment",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--source", choices=("simulated", "real"), help="default: simulated")
    parser.add_argument("--data-root", metavar="DIR", help="folder of the recordings; means real")
    parser.add_argument("--preset", choices=tuple(HIPPOCAMPUS_PRESETS), default="quick")
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds of each method")
    parser.add_argument("--jobs", type=int, metavar="N", default=num_cores(),
                        help="parts that run at once, default: all cores")  # fmt: skip
    parser.add_argument("--out", metavar="DIR", help="run folder; a run there is finished")
    parser.add_argument("--overview", action="store_true", help="also draw one picture of all")
    return parser


if __name__ == "__main__":
    sys.exit(main())
