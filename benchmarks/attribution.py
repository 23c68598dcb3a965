"""Attribution maps of the same weights, CEBRA-Ethan and `cebra` 0.6.1: time and ROC-AUC.

Run it in an environment that has the library (`cebra` also needs captum and cvxpy), several times
in turn since machines are shared, then print what came out::

    python benchmarks/attribution.py --library cebra_ethan --out runs/attribution
    python benchmarks/attribution.py --library cebra --out runs/attribution
    python benchmarks/attribution.py --table --out runs/attribution

    # scores of more populations and encoders, fewer windows each
    python benchmarks/attribution.py --library cebra_ethan --seeds 5 --windows 1000 --out runs/auc
    python benchmarks/attribution.py --library cebra --seeds 5 --windows 1000 --out runs/auc

The first run of CEBRA-Ethan trains what both are given: one encoder for each of two groups of
latents of a simulated population (10,009 bins, 120 neurons, 40 for each set of groups;
offset10-model, 32 units, 8-D, 500 steps), saved as plain arrays. A seed is that of the population
and of the encoders. A run takes the four maps of both
with all inverses, as `cebra` does it without asking; `cebra` prints what it is doing. Time is
that of one encoder with 10,000 windows, on the wall and of the processor (which other programs on
the machine disturb less); the first encoder of a run also pays for what is imported late. The
score is the area under the ROC curve of the mean absolute map, averaged over the dimensions of
each encoder; weights and buffers must be the same bit for bit before and after. `cebra` stays at
its own settings.

Two controls of CEBRA-Ethan look for the cause of a good least-squares score: `noise alone` keeps
of each Jacobian what lies along the embedding, where that of a unit vector is zero but for
rounding; `other rounding` adds noise of the same size to every entry (see docs/decisions.md).
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
LIBRARIES = ("cebra_ethan", "cebra")
CONTROLS = ("noise alone", "other rounding")
KEYS = ("jf", "jf-convabs", "jf-inv-lsq", "jf-inv-svd", "jf-convabs-inv-lsq", "jf-convabs-inv-svd")


def main() -> None:
    """Runs one library once, or prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", choices=LIBRARIES)
    parser.add_argument("--out", type=Path, default=Path("runs/attribution"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="print what is there")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=500, help="of each encoder")
    parser.add_argument("--windows", type=int, default=NUM_BINS - 9)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.table or options.library is None:
        print(table(options.out))
        return
    torch.set_num_threads(options.threads)
    for seed in range(options.seeds):
        given = options.out / f"given-{seed}.npz"
        if not given.exists():
            prepare(given, seed, options.steps)
        with np.load(given, allow_pickle=False) as file:
            arrays = dict(file)
        arrays["neural"] = arrays["neural"][: options.windows + 9]
        result = run(options.library, arrays) | {"seed": seed}
        place = len(list(options.out.glob(f"{options.library}-*.json")))
        (options.out / f"{options.library}-{place}.json").write_text(json.dumps(result))
        print(json.dumps(result), flush=True)


def prepare(path: Path, seed: int, steps: int) -> None:
    """Simulates the population, trains one encoder for each group, and saves plain arrays."""
    from cebra_ethan import CEBRA
    from cebra_ethan.datasets.connectivity import simulate_connected
    from cebra_ethan.models.convert import to_cebra

    population = simulate_connected(
        NUM_BINS, neurons_per_set=NUM_NEURONS // 3, noise=0.5, seed=seed
    )
    neural = population.recording.neural.numpy()
    arrays = {"neural": neural, "connectivity": population.connectivity}
    for name, label in population.recording.labels.items():
        model = CEBRA(
            model_architecture="offset10-model",
            num_hidden_units=NUM_UNITS,
            output_dimension=NUM_OUTPUT,
            max_iterations=steps,
            batch_size=512,
            learning_rate=1e-3,
            random_state=seed,
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
        for key in (*KEYS, *(CONTROLS if library == "cebra_ethan" else ())):
            values = np.abs(found[key]).mean(axis=(0, 1), dtype=np.float64)
            maps.setdefault(key, []).append(values)
    truth = given["connectivity"].ravel()
    scores = {key: float(roc_auc_score(truth, np.concatenate(one))) for key, one in maps.items()}
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
    maps = attribution_maps(model, neural)
    took = _since(start)
    _check_unchanged(model, weights)
    return {**maps, **controls(model, neural, maps["jf"])}, took


def controls(model: Any, neural: np.ndarray, jf: np.ndarray) -> dict[str, np.ndarray]:
    """Returns what rounding leaves of each Jacobian, and inverses with other rounding."""
    from cebra_ethan.attribution.inverse import least_squares_inverse

    with torch.no_grad():
        windows = torch.from_numpy(neural).unfold(0, model.offset.span, 1)
        points = torch.cat([model(some).squeeze(2) for some in windows.split(1000)])
    exact = torch.from_numpy(jf).double()
    unit = torch.nn.functional.normalize(points.double(), dim=1)
    left = torch.einsum("bd,bdn->bn", unit, exact)
    noise = np.random.default_rng(0).normal(size=jf.shape)
    size = left.square().mean().sqrt() * torch.from_numpy(noise)
    projected = exact - unit[:, :, None] * left[:, None]
    return {
        "noise alone": left[:, None].numpy(),
        "other rounding": least_squares_inverse(projected + size).numpy(),
    }


def _check_unchanged(model: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    from cebra_ethan.models.convert import to_cebra

    for key, value in to_cebra(model).items():
        if not torch.equal(value, weights[key]):
            raise AssertionError(f"{key} of the model was changed by its attribution")


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
    lines.append(f"{'ROC-AUC':22}{LIBRARIES[0]:>26}{LIBRARIES[1]:>26}   by seed: ours - theirs")
    for key in (*KEYS, *CONTROLS):
        cells, means = [], []
        for library in LIBRARIES:
            own = [r for r in runs if r["library"] == library and key in r["scores"]]
            seeds = {r["seed"]: r["scores"][key] for r in own}
            values = list(seeds.values())
            means.append(seeds)
            spread = f"{np.std(values, ddof=1):.4f}" if len(values) > 1 else "-"
            cells.append(f"{np.mean(values):.4f} ± {spread} ({len(values)})" if values else "")
        shared = sorted(means[0].keys() & means[1].keys())
        differences = " ".join(f"{means[0][seed] - means[1][seed]:+.4f}" for seed in shared)
        lines.append(f"{key:22}{cells[0]:>26}{cells[1]:>26}   {differences}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
