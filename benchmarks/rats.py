"""Held-out decoding of the two rats, CEBRA-Ethan and `cebra` 0.6.1 with one recipe.

Run it in an environment that has the library, once for each::

    python benchmarks/rats.py --library cebra_ethan --data-root ../shared/data --out runs/rats
    python benchmarks/rats.py --library cebra --data-root ../shared/data --out runs/rats
    python benchmarks/rats.py --table --out runs/rats

Recipe: first 80 % of the time for training, last 20 % for test; 3-D, offset10-model, 32 units,
batch 512, learning rate 3e-4, 5,000 steps, time offset 10; temperature 1 with labels (position and
one-hot direction) and 1.12 without. Training and test parts are transformed apart. A kNN
regression (cosine) decodes the position; its k is chosen by the median error on the last 10 % of
the training part. Every run is a file of its own; a run that is there is not repeated.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import KNeighborsRegressor

RATS = ("achilles", "buddy")
MODES = ("behavior", "time", "shuffled", "untrained")
NEIGHBORS = (1, 4, 9, 16, 25, 36, 49)
STEPS = 5000
CM_PER_M = 100


def main() -> None:
    """Runs what is missing, or prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", choices=("cebra_ethan", "cebra"))
    parser.add_argument("--data-root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("runs/rats"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--modes", nargs="+", default=("behavior", "time"), choices=MODES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="print what is there")
    options = parser.parse_args()
    if options.table or options.library is None:
        print(table(options.out))
        return
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    for seed in range(options.seeds):
        for rat in RATS:
            for mode in options.modes:
                path = options.out / f"{options.library}-{rat}-{mode}-{seed}.json"
                if not path.exists():
                    result = run(options.library, options.data_root, rat, mode, seed)
                    path.write_text(json.dumps(result))
                    print(json.dumps(result), flush=True)


def run(library: str, root: Path, rat: str, mode: str, seed: int) -> dict[str, Any]:
    """Trains one encoder and decodes the position from it."""
    with np.load(root / "rat_hippocampus" / f"{rat}.npz") as file:
        neural = file["spikes"].astype(np.float32)
        position = file["position"].astype(np.float64)
        labels = np.column_stack([position, file["direction"]]).astype(np.float32)
    border = int(0.8 * len(neural))
    order = np.random.default_rng(seed).permutation(border)
    y = {"time": None, "shuffled": labels[:border][order]}.get(mode, labels[:border])
    start = time.perf_counter()
    model = fit(library, neural[:border], y, seed, 1 if mode == "untrained" else STEPS)
    seconds = time.perf_counter() - start
    train, test = model.transform(neural[:border]), model.transform(neural[border:])
    result = {"library": library, "rat": rat, "mode": mode, "seed": seed, "seconds": seconds}
    result |= decode(train, position[:border], test, position[border:])
    if mode == "shuffled":  # above for the encoder only, here for the decoder too
        result["both"] = decode(train, position[:border][order], test, position[border:])
    return result


def fit(library: str, X: np.ndarray, y: np.ndarray | None, seed: int, steps: int) -> Any:
    """Returns a fitted estimator of either library."""
    settings: dict[str, Any] = {
        "model_architecture": "offset10-model",
        "batch_size": 512,
        "learning_rate": 3e-4 if steps > 1 else 1e-12,
        "output_dimension": 3,
        "max_iterations": steps,
        "time_offsets": 10,
        "num_hidden_units": 32,
        "device": "cpu",
        "temperature": 1.12 if y is None else 1.0,
        "conditional": "time" if y is None else "time_delta",
    }
    if library == "cebra":
        from cebra import CEBRA

        torch.manual_seed(seed)  # its weights; its sampling takes no seed
        np.random.seed(seed)  # noqa: NPY002 - the generator that it reads
        return CEBRA(**settings).fit(X, *([] if y is None else [y]))
    from cebra_ethan import CEBRA

    return CEBRA(**settings, random_state=seed).fit(X, y)


def decode(
    train: np.ndarray, y_train: np.ndarray, test: np.ndarray, y_test: np.ndarray
) -> dict[str, float]:
    """Returns k, and the median and mean absolute error in cm."""
    border = len(train) - len(train) // 10

    def errors(k: int, x: np.ndarray, y: np.ndarray, at: np.ndarray, true: np.ndarray) -> Any:
        knn = KNeighborsRegressor(k, metric="cosine").fit(x, y)
        return np.abs(knn.predict(at) - true) * CM_PER_M

    def validation_error(k: int) -> float:
        part = errors(k, train[:border], y_train[:border], train[border:], y_train[border:])
        return float(np.median(part))

    best = min(NEIGHBORS, key=validation_error)
    error = errors(best, train, y_train, test, y_test)
    return {"k": best, "median": float(np.median(error)), "mean": float(error.mean())}


def table(folder: Path) -> str:
    """Returns mean and standard deviation over seeds of all runs in a folder."""
    runs = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    lines = ["median absolute error in cm, mean ± s.d. over seeds (n)", ""]
    lines.append(f"{'rat':10}{'mode':30}{'cebra_ethan':>22}{'cebra':>22}{'ratio':>8}")
    for rat in RATS:
        for mode in (*MODES, "shuffled for the decoder too"):
            cells, means = [], []
            for library in ("cebra_ethan", "cebra"):
                chosen = [r for r in runs if (r["library"], r["rat"]) == (library, rat)]
                if mode in MODES:
                    values = [r["median"] for r in chosen if r["mode"] == mode]
                else:
                    values = [r["both"]["median"] for r in chosen if "both" in r]
                means.append(np.mean(values) if values else np.nan)
                spread = np.std(values, ddof=1) if len(values) > 1 else np.nan
                cells.append(f"{means[-1]:6.2f} ± {spread:4.2f} ({len(values)})")
            lines.append(
                f"{rat:10}{mode:30}{cells[0]:>22}{cells[1]:>22}{means[0] / means[1]:8.3f}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
