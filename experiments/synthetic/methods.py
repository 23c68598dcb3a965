"""The rows of the result table: how each method places the points, and what it reads to do so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LinearRegression

from cebra_ethan import CEBRA
from cebra_ethan.baselines import BASELINES, LFADS, PAPER_SETTINGS
from cebra_ethan.metrics.reconstruction import reconstruct_latent, reconstruction_score
from cebra_ethan.report.record import Kind
from cebra_ethan.types import Recording
from config import SyntheticConfig
from experiments.common.controls import CONTROLS, shuffled, untrained_points

__all__ = ["METHODS", "SECOND", "Method", "num_training_points", "run_part"]

DIMENSIONS = 2  # of the true latent, and of every embedding
ARCHITECTURE = "offset1-model-mse"
_SETTINGS = PAPER_SETTINGS["synthetic"]
_LFADS = {
    # Points have no order, so dynamics cannot carry the latent from one to the next: it must come
    # in through inferred inputs, as many as it has dimensions. Short segments then lose nothing.
    "num_inputs": DIMENSIONS,
    "sequence_length": 5,
    "overlap": 0,
    "batch_size": 64,
    "kl_inputs": 0.05,  # the middle of the range that the search draws from
}

Points = np.ndarray


@dataclass(frozen=True)
class Method:
    """One row of the result table.

    Args:
        title: What tables and figures call it.
        embed: `(recording, config, seed)` to points `(T, D)`; or to several kinds of points by
            the ending of their row's name, `""` for the row itself.
        kind: `"method"` or `"control"`.
        transductive: Whether the last points had a part in the training.
        labels_at_inference: Whether it is told the label of the points that it places.
        draws: Whether a seed changes the result.
        counts: Whether activity must not be negative.
    """

    title: str
    embed: Callable[[Recording, SyntheticConfig, int], Points | Mapping[str, Points]]
    kind: Kind = "method"
    transductive: bool = False
    labels_at_inference: bool = False
    draws: bool = True
    counts: bool = False


def run_part(
    recording: Recording, config: SyntheticConfig, method: str, seed: int
) -> dict[str, Any]:
    """Places all points and scores them against the true latent.

    Returns:
        The scores of the row; under `SECOND` those of a further row from the same training; for
        seed 0 the fitted latent `(T, 2)`, and the embedding itself where it has two dimensions.
    """
    found = METHODS[method].embed(recording, config, seed)
    every = found if isinstance(found, Mapping) else {"": found}
    latent = recording.labels["latent"].values.numpy()
    num_training = num_training_points(recording, config)
    values = {ending: _scores(points, latent, num_training) for ending, points in every.items()}
    result: dict[str, Any] = values.pop("")
    if values:
        result["second"] = values
    if seed == 0:
        points = every[""]
        result["fitted"] = reconstruct_latent(latent, points).astype(np.float32)
        if points.shape[1] == DIMENSIONS:
            result["embedding"] = points.astype(np.float32)
    return result


def num_training_points(recording: Recording, config: SyntheticConfig) -> int:
    """Returns how many points, from the first on, CEBRA is trained on."""
    return round(len(recording) * (1 - config.test_fraction))


def _scores(points: Points, latent: Points, num_training: int) -> dict[str, float]:
    first, last = slice(num_training), slice(num_training, None)
    fitted = LinearRegression().fit(points[first], latent[first])
    return {
        "r2": reconstruction_score(latent, points),
        "r2_last": float(fitted.score(points[last], latent[last])),
    }


def _cebra(
    recording: Recording, config: SyntheticConfig, seed: int, control: str = "none"
) -> Points:
    train = recording[: num_training_points(recording, config)]
    model = CEBRA(
        model_architecture=ARCHITECTURE,
        conditional="delta_normal",
        delta=0.1,
        distance="euclidean",
        output_dimension=DIMENSIONS,
        batch_size=512,
        learning_rate=1e-4,
        temperature=1.0,
        max_iterations=config.max_iterations,
        random_state=seed,
        device="cpu",
    )
    model.fit(train.neural, shuffled(train.labels["c"], control, seed))
    return np.asarray(model.transform(recording.neural))


def _permuted(recording: Recording, config: SyntheticConfig, seed: int) -> Points:
    return _cebra(recording, config, seed, "permuted")


def _untrained(recording: Recording, config: SyntheticConfig, seed: int) -> Points:
    width = CEBRA().num_hidden_units  # not read by this architecture
    return untrained_points([recording], ARCHITECTURE, width, DIMENSIONS, seed)[0]


def _autolfads(recording: Recording, config: SyntheticConfig, seed: int) -> Points:
    """Takes the points for bins in time, which they are not, as the paper does."""
    train = recording.neural[: num_training_points(recording, config)]
    lfads = LFADS(epochs=config.lfads_epochs, device="cpu", **_LFADS)
    model = BASELINES["autolfads"](
        n_components=DIMENSIONS, lfads=lfads, n_trials=config.lfads_trials, random_state=seed
    )
    return model.fit(train).transform(recording.neural)


def _pivae(likelihood: str) -> Callable[..., Mapping[str, Points]]:
    def embed(recording: Recording, config: SyntheticConfig, seed: int) -> Mapping[str, Points]:
        settings = {**_SETTINGS["pi-vae"], "epochs": config.pivae_epochs}
        model = BASELINES["pi-vae"](
            likelihood=likelihood,
            validation_fraction=config.test_fraction,
            device="cpu",
            random_state=seed,
            **settings,
        )
        label = recording.labels["c"]
        model.fit(recording.neural, label)
        with_labels = model.transform(recording.neural, label)
        without = model.set_params(inference="neural").transform(recording.neural)
        return {"": with_labels, SECOND: without}

    return embed


def _on_everything(name: str) -> Callable[..., Points]:
    def embed(recording: Recording, config: SyntheticConfig, seed: int) -> Points:
        model = BASELINES[name](n_components=DIMENSIONS, random_state=seed, **_SETTINGS[name])
        return model.fit_transform(recording.neural)

    return embed


def _pca(recording: Recording, config: SyntheticConfig, seed: int) -> Points:
    model = BASELINES["pca"](n_components=DIMENSIONS, random_state=seed)
    train = recording.neural[: num_training_points(recording, config)]
    return model.fit(train).transform(recording.neural)


def _label(recording: Recording, config: SyntheticConfig, seed: int) -> Points:
    """The two functions of the label in which the latent's conditional mean is linear."""
    c = recording.labels["c"].values.numpy()
    return np.hstack([c, np.sin(c)])


def _activity(recording: Recording, config: SyntheticConfig, seed: int) -> Points:
    return recording.neural.numpy()


def _constant(recording: Recording, config: SyntheticConfig, seed: int) -> Points:
    return np.zeros((len(recording), 1))


SECOND = "-without-labels"
"""Ending of the rows that come from the training of another: posteriors of activity alone."""

METHODS: Mapping[str, Method] = {
    "behavior": Method("CEBRA-Behavior", _cebra),
    "autolfads": Method("autoLFADS", _autolfads, counts=True),
    "pi-vae": Method(
        "pi-VAE with labels", _pivae("poisson"),
        transductive=True, labels_at_inference=True, counts=True,
    ),
    f"pi-vae{SECOND}": Method(
        "pi-VAE without labels", _pivae("poisson"), transductive=True, counts=True
    ),
    "pi-vae-gaussian": Method(
        "pi-VAE (Gaussian) with labels", _pivae("gaussian"),
        transductive=True, labels_at_inference=True,
    ),
    f"pi-vae-gaussian{SECOND}": Method(
        "pi-VAE (Gaussian) without labels", _pivae("gaussian"), transductive=True
    ),
    "umap": Method("UMAP", _on_everything("umap"), transductive=True),
    "t-sne": Method("t-SNE", _on_everything("t-sne"), transductive=True),
    "pca": Method("PCA", _pca, draws=False),
    "permuted": Method("CEBRA on permuted labels", _permuted, "control"),
    "untrained": Method(CONTROLS["untrained"].title, _untrained, "control"),
    "label": Method(
        "the label alone, no activity", _label, "control", labels_at_inference=True, draws=False
    ),
    "no-embedding": Method("no embedding, all neurons", _activity, "control", draws=False),
    "chance": Method("chance, a constant", _constant, "control", draws=False),
}  # fmt: skip
