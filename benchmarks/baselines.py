"""Each trained baseline on the synthetic task of its own paper, before it is a competitor.

Run it; it prints one table for each task as it ends::

    python benchmarks/baselines.py                    # all tasks, seed 0
    python benchmarks/baselines.py --task curve --seed 1

classes, curve: the two sets of pi-VAE (10,000 and 15,000 draws, 100 neurons), 100 epochs. The
score is the R2 of ordinary least squares from two latents to the true ones, on all draws; a VAE
with the same network and no labels is the control. `with labels` reads the labels of the draws it
is scored on, as the figure of pi-VAE does.

lorenz: 150 trials of 0.5 s, 30 neurons at 6 Hz. The score is the R2 of least squares from points
to the three variables, on all bins. The control is a Gaussian filter of the counts, of the width
with the best score on the same bins, which is in its favour: all 30 channels, and the three
principal components that are as many as LFADS has factors. `rates` is the R2 of log-rates,
weighted by variance, likewise after least squares, since a filter knows nothing of their scale.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from cebra_ethan.baselines import LFADS, PCA, PiVAE
from cebra_ethan.datasets.checks import Check, simulate_classes, simulate_curve, simulate_lorenz

WIDTHS = (2, 3, 5, 8, 12)
Line = tuple[str, dict[str, float]]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=TASKS, action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=None, help="instead of the task's own")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for task in options.task or TASKS:
        print(f"{task}, seed {options.seed}")
        for name, numbers in TASKS[task](options.seed, options.epochs):
            print(f"  {name:24}", *(f"{k} {v:.3f}" for k, v in numbers.items()), flush=True)


def linear_r2(points: np.ndarray, truth: np.ndarray, **options: str) -> float:
    """Returns the R2 of least squares with intercept, fitted and scored on the same bins."""
    predicted = LinearRegression().fit(points, truth).predict(points)
    return float(r2_score(truth, predicted, **options))


def latents_of_pivae(check: Check, seed: int, epochs: int | None) -> Iterator[Line]:
    """Yields the scores of pi-VAE and of a VAE."""
    for name, label_prior in (("pi-vae", True), ("vae", False)):
        start = time.process_time()
        model = PiVAE(
            label_prior=label_prior, epochs=epochs or 100, device="cpu", random_state=seed
        ).fit(check.recording)
        used = time.process_time() - start
        for inference in ("labels", "neural") if label_prior else ("neural",):
            points = model.set_params(inference=inference).transform(check.recording)
            score = linear_r2(points, check.latents)
            words = {"labels": " with labels", "neural": " without labels"}[inference]
            numbers = {"R2": score, "held-out loss": model.best_loss_, "cpu_s": used}
            yield name + (words if label_prior else ""), numbers


def factors_of_lfads(check: Check, seed: int, epochs: int | None) -> Iterator[Line]:
    """Yields the scores of filters and of LFADS."""
    recording, log_rates = check.recording, np.log(check.rates)
    counts = recording.neural.numpy()
    num_trials = len(recording.segments)
    trials = counts.reshape(num_trials, -1, counts.shape[1])

    def scores(points: np.ndarray, rates: np.ndarray) -> dict[str, float]:
        weighted = linear_r2(rates, log_rates, multioutput="variance_weighted")
        return {"R2": linear_r2(points, check.latents), "rates": weighted}

    filtered, reduced = [], []
    for width in WIDTHS:
        smooth = gaussian_filter1d(trials, width, axis=1, mode="nearest").reshape(counts.shape)
        filtered.append((f"filter of {width} bins", scores(smooth, smooth)))
        few = PCA(n_components=3, random_state=seed).fit_transform(smooth)
        reduced.append((f"filter of {width}, 3 PCs", scores(few, few)))
    for lines in (filtered, reduced):
        yield max(lines, key=lambda line: line[1]["R2"])
    start = time.process_time()
    model = LFADS(
        sequence_length=trials.shape[1],
        overlap=0,
        num_factors=3,
        num_encoder=32,
        num_generator=32,
        num_inputs=0,  # nothing disturbs the attractor
        kl_initial=0.3,
        batch_size=10,
        epochs=epochs or 250,
        device="cpu",
        random_state=seed,
    ).fit(recording)
    used = time.process_time() - start
    numbers = scores(model.transform(recording), np.log(model.rates(recording)))
    yield "lfads, 3 factors", numbers | {"bits/spike": model.bits_per_spike_, "cpu_s": used}


def lorenz(seed: int) -> Check:
    """Returns trials that are short enough to learn in minutes."""
    return simulate_lorenz(150, num_bins=50, seed=seed)


TASKS = {
    "classes": lambda seed, epochs: latents_of_pivae(simulate_classes(seed=seed), seed, epochs),
    "curve": lambda seed, epochs: latents_of_pivae(simulate_curve(seed=seed), seed, epochs),
    "lorenz": lambda seed, epochs: factors_of_lfads(lorenz(seed), seed, epochs),
}


if __name__ == "__main__":
    main()
