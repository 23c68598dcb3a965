"""Decoders that need no embedding of ours: linear ones, LDA on a trial's counts, conv-pi-VAE.

Each learns from the training trials; settings are chosen on the validation trials.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning

from cebra_ethan.baselines.pivae import PiVAE
from cebra_ethan.datasets.primate import BIN_S
from cebra_ethan.metrics.decoders import DECODERS, fit_decoder, predict_label
from cebra_ethan.metrics.scores import score_predictions
from cebra_ethan.types import Label, Recording
from config import PrimateConfig
from experiments.primate.tasks import Fold, Task, joined, thinned

__all__ = ["ALPHAS", "lda", "linear", "pivae"]

ALPHAS = tuple(float(alpha) for alpha in np.logspace(-6, 2, 9))  # the paper's range
GRID_CM = 13  # candidate positions of conv-pi-VAE: every cm from -13 to 13, as in the paper
PIVAE_RATE, PIVAE_BATCH = 5e-4, 600

Predicted = Shaped[np.ndarray, "rows *columns"]


def linear(config: PrimateConfig, task: Task, fold: Fold) -> tuple[Predicted, dict[str, Any]]:
    """Reads the label by a lasso, or classes by ridge classification, from all neurons of a bin.

    M1 gets the square root of its counts. A penalty that does not converge is judged like any
    other, on the validation trials.
    """
    rows = thinned(fold.train, config.decoder_step)
    x, y = _activity(fold.train)[rows], fold.train.labels[task.label][rows]
    seen = thinned(fold.valid, config.decoder_step)
    check = _activity(fold.valid)[seen], fold.valid.labels[task.label][seen]
    row = DECODERS["ridge" if y.kind == "categorical" else "lasso"]
    by = "accuracy" if y.kind == "categorical" else "r2"
    fitted = {}
    for alpha in ALPHAS:
        with warnings.catch_warnings():
            # penalties near zero end at the limit of steps; validation trials judge them as is
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = fit_decoder(row, {"alpha": alpha}, x, y)
        predicted = predict_label(model, check[0], check[1])
        fitted[alpha] = getattr(score_predictions(check[1], predicted), by), model
    alpha = max(fitted, key=lambda one: fitted[one][0])
    tested = thinned(fold.test, config.test_step)
    predicted = predict_label(fitted[alpha][1], _activity(fold.test)[tested], y)
    return predicted, {"alpha": alpha}


def lda(config: PrimateConfig, task: Task, fold: Fold) -> tuple[Predicted, dict[str, Any]]:
    """Reads the class of a trial from the square root of its counts in the window that counts.

    It has no setting to choose, so validation trials are learned from, too.
    """
    known = joined([fold.train, fold.valid])
    x, y = _trial_counts(known, np.ones(len(known), dtype=bool))
    label = known.labels[task.label].to_numpy()[y]
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    varying = x.std(axis=0) > 0
    model.fit(x[:, varying], label)
    tested, _ = _trial_counts(fold.test, fold.scored)
    of_trial = np.asarray(model.predict(tested[:, varying]))
    lengths = np.diff(fold.test.segments.numpy(), axis=1)[:, 0]
    predicted = np.repeat(of_trial, lengths)
    return predicted[thinned(fold.test, config.test_step)], {}


def pivae(
    config: PrimateConfig, task: Task, fold: Fold, seed: int
) -> tuple[Predicted, dict[str, Any]]:
    """Reads the most likely label by conv-pi-VAE, which no test label reaches.

    Validation trials choose the epoch. Smoothed activity is scaled so that variance and mean are
    alike, as in counts: a Gaussian of standard deviation s has the noise of a window of
    `2 sqrt(pi) s`.
    """
    known = joined([fold.train, fold.valid])
    scale = 2 * np.sqrt(np.pi) * config.smoothing_s / BIN_S
    model = PiVAE(
        n_components=config.control_dimension,
        window_bins=10,
        inference="neural",
        learning_rate=PIVAE_RATE,
        batch_size=PIVAE_BATCH,
        epochs=config.pivae_epochs,
        patience=config.pivae_patience,
        validation_fraction=len(fold.valid) / len(known),
        random_state=seed,
    )
    label = known.labels[task.label]
    model.fit(known.neural * scale, label, trial=known.trial)
    rows = thinned(fold.test, config.pivae_step)
    predicted = model.decode(
        fold.test.neural[rows] * scale, _candidates(label), num_samples=config.pivae_samples
    )
    return np.asarray(predicted), {"epoch": model.best_epoch_, "loss": model.best_loss_}


def _candidates(label: Label) -> Shaped[np.ndarray, "candidates *columns"]:
    if label.classes is not None:
        return label.classes
    line = np.arange(-GRID_CM, GRID_CM + 1, dtype=np.float64)
    return np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)


def _activity(part: Recording) -> Float[np.ndarray, "time neurons"]:
    values = part.neural.numpy().astype(np.float64)
    return np.sqrt(values) if part.bin_s is not None and part.bin_s > 0.01 else values


def _trial_counts(
    part: Recording, counted: Shaped[np.ndarray, " time"]
) -> tuple[Float[np.ndarray, "trials neurons"], Shaped[np.ndarray, " trials"]]:
    """Returns the root of each trial's counts, and its first bin."""
    values = part.neural.numpy() * counted[:, None]
    sums = [values[start:stop].sum(axis=0) for start, stop in part.segments.tolist()]
    return np.sqrt(np.array(sums, dtype=np.float64)), part.segments[:, 0].numpy()
