"""Attribution maps of the same weights, CEBRA-Ethan and `cebra` 0.6.1: time and ROC-AUC.

Run it in an environment that has the library (`cebra` also needs captum and cvxpy), several times
in turn since machines are shared, then print what came out::

    python benchmarks/attribution.py --library cebra_ethan --out runs/attribution
    python benchmarks/attribution.py --library cebra --out runs/attribution
    python benchmarks/attribution.py --table --out runs/attribution

The first run of CEBRA-Ethan trains what both are given: one encoder for each of two groups of
latents of a simulated population (10,009 bins, 120 neurons, 40 for each set of groups;
offset10-model, 32 units, 8-D, 500 steps), saved as plain arrays. A run takes the four maps of both
with all inverses, as `cebra` does it without asking; `cebra` prints what it is doing. Time is
that of one encoder with 10,000 windows, on the wall and of the processor (which other programs on
the machine disturb less); the first encoder of a run also pays for what is imported late. The
score is the area under the ROC curve of the mean absolute map, averaged over the dimensions of
each encoder. `cebra` stays at its own settings.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

NUM_NEURONS, NUM_UNITS, NUM_OUTPUT = 120, 32, 8
NUM_BINS = 10_009
STEPS = 500
LIBRARIES = ("cebra_ethan", "cebra")
KEYS = ("jf", "jf-convabs", "jf-inv-lsq", "jf-inv-svd", "jf-convabs-inv-lsq", "jf-convabs-inv-svd")


def main() -> None:
    """Runs one library once, or prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", choices=LIBRARIES)
    parser.add_argument("--out", type=Path, default=Path("runs/attribution"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="print what is there")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.table or options.library is None:
        print(table(options.out))
        return
    torch.set_num_threads(options.threads)
    given = options.out / "given.npz"
    if not given.exists():
        prepare(given)
    with np.load(given, allow_pickle=False) as file:
        result = run(options.library, dict(file))
    place = len(list(options.out.glob(f"{options.library}-*.json")))
    (options.out / f"{options.library}-{place}.json").write_text(json.dumps(result))
    print(json.dumps(result))


def prepare(path: Path) -> None:
    """Simulates the population, trains one encoder for each group, and saves plain arrays."""
    from cebra_ethan import CEBRA
    from cebra_ethan.datasets.connectivity import simulate_connected
    from cebra_ethan.models.convert import to_cebra

    population = simulate_connected(NUM_BINS, neurons_per_set=NUM_NEURONS // 3, noise=0.5)
    neural = population.recording.neural.numpy()
    arrays = {"neural": neural, "connectivity": population.connectivity}
    for name, label in population.recording.labels.items():
        model = CEBRA(
            model_architecture="offset10-model",
            num_hidden_units=NUM_UNITS,
            output_dimension=NUM_OUTPUT,
            max_iterations=STEPS,
            batch_size=512,
            learning_rate=1e-3,
            random_state=0,
            device="cpu",
        ).fit(neural, label.values.numpy())
        arrays |= {f"{name}/{key}": w.numpy() for key, w in to_cebra(model.model_).items()}
    np.savez(path, **arrays)


def run(library: str, given: dict[str, np.ndarray]) -> dict[str, Any]:
    """Returns the time of one encoder and the scores of both."""
    maps, seconds = {}, []
    for group in ("group0", "group1"):
        weights = {
            key.removeprefix(f"{group}/"): torch.from_numpy(value)
            for key, value in given.items()
            if key.startswith(f"{group}/")
        }
        found, took = (ours if library == "cebra_ethan" else theirs)(weights, given["neural"])
        seconds.append(took)
        for key in KEYS:
            values = np.abs(found[key]).mean(axis=(0, 1), dtype=np.float64)
            maps.setdefault(key, []).append(values)
    truth = given["connectivity"].ravel()
    scores = {key: float(roc_auc_score(truth, np.concatenate(maps[key]))) for key in KEYS}
    return {"library": library, "seconds": seconds, "scores": scores}


def ours(
    weights: dict[str, torch.Tensor], neural: np.ndarray
) -> tuple[dict[str, Any], list[float]]:
    """Returns the maps of CEBRA-Ethan and the seconds they took."""
    from cebra_ethan.attribution import attribution_maps
    from cebra_ethan.models import from_cebra, resolve_model

    model = resolve_model("offset10-model")(NUM_NEURONS, NUM_UNITS, NUM_OUTPUT)
    from_cebra(weights, model)
    start = _clocks()
    return attribution_maps(model, neural), _since(start)


def theirs(
    weights: dict[str, torch.Tensor], neural: np.ndarray
) -> tuple[dict[str, Any], list[float]]:
    """Returns the maps of `cebra` and the seconds they took."""
    import cebra.attribution
    import cebra.models

    model = cebra.models.init("offset10-model", NUM_NEURONS, NUM_UNITS, NUM_OUTPUT)
    model.load_state_dict(weights)
    model.eval()
    start = _clocks()
    data = torch.from_numpy(neural).requires_grad_(True)
    method = cebra.attribution.init("jacobian-based", model=model, input_data=data)
    return method.compute_attribution_map(), _since(start)


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(start: tuple[float, float]) -> list[float]:
    return [now - before for now, before in zip(_clocks(), start, strict=True)]


def table(folder: Path) -> str:
    """Returns seconds (median, least and most) and scores of all runs in a folder."""
    runs = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    lines = []
    for place, clock in enumerate(("wall", "processor")):
        medians = []
        for library in LIBRARIES:
            seconds = [s[place] for r in runs if r["library"] == library for s in r["seconds"]]
            medians.append(np.median(seconds) if seconds else np.nan)
            spread = f"{min(seconds):.2f} to {max(seconds):.2f}" if seconds else "no run"
            lines.append(
                f"{clock:10} {library:12} {medians[-1]:7.2f} s "
                f"(median of {len(seconds)}; {spread})"
            )
        lines += [f"{clock:10} ratio of medians {medians[1] / medians[0]:.1f}", ""]
    lines.append(f"{'ROC-AUC':22}{LIBRARIES[0]:>14}{LIBRARIES[1]:>14}")
    for key in KEYS:
        cells = []
        for library in LIBRARIES:
            values = [r["scores"][key] for r in runs if r["library"] == library]
            cells.append(f"{np.mean(values):14.4f}" if values else f"{'':>14}")
        lines.append(f"{key:22}{''.join(cells)}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
