"""What each improvement is worth on the two real rats: held-out decoding and goodness of fit.

Run what is missing, then write the table::

    python benchmarks/ablation.py --data-root ../shared/data
    python benchmarks/ablation.py --table docs/ablation.md

The numbers are kept beside the page, in docs/ablation.json, and the table holds those too.

On a machine with sixteen cores and a GPU::

    python benchmarks/ablation.py --device cuda --jobs 16

Recipe: first 80 % of the time for training, last 20 % for test, a gap of 20 bins; 3-D,
offset10-model, 32 units, batch 512, 1,000 steps at learning rate 1e-3, temperature 1, time offset
10, labels position and direction. A kNN regression (cosine; k chosen on the last 10 % of the
training part) decodes the position, a kNN classifier the direction. The loss is the InfoNCE of the
labels on the test part beside 512 negatives (1,024 where both rats are trained together), whatever
was minimised, and the goodness of fit how far it is below chance. Each variant changes one thing;
nothing was tuned. A variant with another number of dimensions stands beside a control of the same.
"""

import argparse
import json
import time
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jobs import Job, add_options, publish, run_jobs, write
from rats import decode

from cebra_ethan import CEBRA
from cebra_ethan.data.split import time_split
from cebra_ethan.datasets import load_dataset
from cebra_ethan.metrics.decoding import decode as decode_label
from cebra_ethan.types import Recording

RATS = ("achilles", "buddy")
GAP_BINS = 20
BASE: dict[str, Any] = {
    "model_architecture": "offset10-model",
    "batch_size": 512,
    "learning_rate": 1e-3,
    "output_dimension": 3,
    "max_iterations": 1000,
    "time_offsets": 10,
    "num_hidden_units": 32,
}
BEHAVIOR = {"labels": ("position", "direction")}
OBJECTIVES = {"behavior": {**BEHAVIOR, "dims": (0, 3)}, "time": {"dims": (3, 6)}}
AUGMENTATIONS: dict[str, Any] = {
    "noise_level": 0.1,
    "neuron_dropout": 0.1,
    "time_mask": 0.1,
    "neuron_block": 0.1,
    "time_block": (0.1, 2),
    "amplitude_jitter": 0.1,
    "time_jitter": 1,
    "circular_shift": 1,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "attention": {"model_architecture": "attention-offset10-model"},
    "focal loss": {"criterion": "focal"},
    "early stopping": {"early_stopping": True},
    "cosine schedule": {"scheduler": "cosine"},
    **{f"augmentation: {k}": {"augmentation": {k: v}} for k, v in AUGMENTATIONS.items()},
    "queue of 4,096 negatives": {"num_queued_negatives": 4096},
    "Jacobian penalty": {"regularizer": {"weight": 0.01}},
    "6 dimensions": {"output_dimension": 6},
    "hybrid, 6 dimensions": {"output_dimension": 6, "hybrid": True},
    "multi-objective, 3 + 3": {"output_dimension": 6, "objectives": OBJECTIVES},
    "multi-objective, learned weights": {
        "output_dimension": 6,
        "objectives": OBJECTIVES,
        "balance": "uncertainty",
    },
    "both rats together": {"joint": True},
    "both rats, shared trunk": {"joint": True, "shared_trunk": True},
}
CONTROLS = {
    "hybrid, 6 dimensions": "6 dimensions",
    "multi-objective, 3 + 3": "6 dimensions",
    "multi-objective, learned weights": "multi-objective, 3 + 3",
    "both rats, shared trunk": "both rats together",
}
"""What a variant is compared with, where it is not the baseline."""


MEANS = ("direction", "loss_nats", "bits")


def main() -> None:
    """Runs what is missing, or writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--steps", type=int, default=BASE["max_iterations"])
    parser.add_argument("--table", type=Path, help="write the table of what is there")
    add_options(parser)
    options = parser.parse_args()
    if options.table:
        text = table(publish(read(options.out), options.table.with_suffix(".json")))
        options.table.write_text(text, encoding="utf-8")
        print(text)
        return
    torch.set_num_threads(options.threads)
    run_jobs(jobs(options), options)


def jobs(options: argparse.Namespace) -> list[Job]:
    """Returns all runs, the first seed of every variant first."""
    found = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for name in options.variants:
            path = options.out / f"{slug(name)}-{seed}.json"
            arguments = ["--variants", name, "--first-seed", str(seed), "--seeds", "1"]
            arguments += ["--steps", str(options.steps)]
            found.append(Job(path, arguments, partial(run, path, options, name, seed)))
    return found


def run(path: Path, options: argparse.Namespace, name: str, seed: int) -> None:
    """Does one run and writes its file."""
    own = {"max_iterations": options.steps, "random_state": seed, "device": options.device}
    result = trained({**BASE, **VARIANTS[name], **own}, load_rats(options.data_root))
    result |= {"steps": options.steps, "device": options.device}
    write(path, lambda file: file.write(json.dumps(result).encode()))


@cache
def load_rats(root: Path) -> list[Recording]:
    """Returns the recordings."""
    return [load_dataset(f"rat-{name}", root) for name in RATS]


def trained(changes: dict[str, Any], rats: list[Recording]) -> dict[str, Any]:
    """Trains one variant on both rats, together or apart, and scores it."""
    joint = changes.pop("joint", False)
    parts = [time_split(concatenated(rat), 0.2, GAP_BINS) for rat in rats]
    start, result = time.perf_counter(), {}
    if joint:
        model = CEBRA(**changes).fit([train for train, _ in parts])
        for number, (name, part) in enumerate(zip(RATS, parts, strict=True)):
            result[name] = scores(model, *part, session_id=number)
    else:
        for name, (train, test) in zip(RATS, parts, strict=True):
            result[name] = scores(CEBRA(**changes).fit(train), train, test)
    return {**result, "seconds": time.perf_counter() - start}


def concatenated(rat: Recording) -> Recording:
    """Returns the laps as one stretch of time, as `cebra` and the paper train on them."""
    return Recording(rat.neural, rat.labels, bin_s=rat.bin_s, name=rat.name, source=rat.source)


def scores(model: CEBRA, train: Recording, test: Recording, **session: int) -> dict[str, float]:
    """Returns the held-out scores of one rat."""
    points = [model.transform(part.neural, **session) for part in (train, test)]
    place = [part.labels["position"].to_numpy() for part in (train, test)]
    error = decode(points[0], place[0], points[1], place[1])
    side = [part.labels["direction"] for part in (train, test)]
    direction = decode_label(points[0], side[0], points[1], side[1])
    size = {"num_batches": 20, **session}
    fit = model.goodness_of_fit(test.neural, test.labels, **size)
    found = {"error_cm": error["median"], "direction": direction.accuracy}
    return {**found, "loss_nats": fit.loss, "bits": fit.bits}


def slug(name: str) -> str:
    """Returns a name for a file."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def read(folder: Path) -> dict[str, Any]:
    """Returns the result of each run that is there, by the name of its file."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def table(results: Mapping[str, Any]) -> str:
    """Returns a page with every variant beside what it is compared with.

    Args:
        results: Of runs, by the name of their file.
    """
    found = {name: runs(results, name) for name in VARIANTS}
    steps = {run["steps"] for one in found.values() for run in one.values()}
    lines = [
        "# What each improvement is worth",
        "",
        "Written by `benchmarks/ablation.py`, where the recipe stands. Real recordings of two",
        f"rats, {', '.join(map(str, sorted(steps)))} steps. Mean ± s.d. over seeds of the",
        "held-out median error, and the mean difference to what it is compared with, on the same",
        "seeds, ± its standard error; means of the direction that was decoded, of the held-out",
        "InfoNCE loss and of the goodness of fit. Nothing was tuned: at its best a variant may do",
        "better.",
        "",
        "| | n | compared with | "
        + " | ".join(
            f"*{rat}*, cm | difference | direction, % | loss, nats | bits" for rat in RATS
        )
        + " |",
        "|---|---|---|" + "---|" * (5 * len(RATS)),
    ]
    for name, own in found.items():
        if not own:
            continue
        control = CONTROLS.get(name, "baseline")
        cells = [name, str(len(own)), "–" if name == control else control]
        for rat in RATS:
            errors = np.array([run[rat]["error_cm"] for run in own.values()])
            shared = sorted(set(own) & set(found[control]))
            paired = np.array(
                [own[s][rat]["error_cm"] - found[control][s][rat]["error_cm"] for s in shared]
            )
            cells.append(f"{errors.mean():.2f} ± {deviation(errors):.2f}")
            cells.append("–" if name == control else difference(paired))
            means = {key: np.mean([run[rat][key] for run in own.values()]) for key in MEANS}
            cells.append(f"{100 * means['direction']:.0f}")
            cells += [f"{means[key]:.2f}" for key in ("loss_nats", "bits")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def runs(results: Mapping[str, Any], name: str) -> dict[int, dict[str, Any]]:
    """Returns the results of a variant by seed."""
    parts = {stem.rpartition("-")[::2]: one for stem, one in results.items()}
    return {int(seed): one for (own, seed), one in parts.items() if own == slug(name)}


def deviation(values: np.ndarray) -> float:
    """Returns the standard deviation, NaN for one value."""
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def difference(paired: np.ndarray) -> str:
    """Returns mean and standard error of paired differences."""
    error = deviation(paired) / np.sqrt(len(paired)) if len(paired) else float("nan")
    return f"{paired.mean():+.2f} ± {error:.2f}" if len(paired) else "not run"


if __name__ == "__main__":
    main()
