"""How each library is asked for a piece of work; public names only."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .data import Session
from .rows import Row

__all__ = ["CEBRA", "KINDS", "LIBRARIES", "OURS", "estimator", "fit", "version", "warm_up"]

OURS, CEBRA = "cebra_ethan", "cebra"
LIBRARIES = (OURS, CEBRA)

Work = Callable[[], object]

_FOREVER = 10_000_000  # steps; a training is ended from its callback
_LEARNING_RATE, _TIME_OFFSET, _NUM_UNITS, _NUM_OUTPUT = 3e-4, 10, 32, 3
_SCORE_BATCHES = 500
_BATCH_SIZES = (1_000, 4_000, 16_000, 64_000, 256_000)  # tried where the best one is wanted
_TRIAL_SHARE = 10  # of the recording, to find it


def version(library: str) -> str:
    """Returns the version of an imported library."""
    return str(__import__(library).__version__)


def warm_up(device: str) -> None:
    """Takes one step of nothing, since torch loads much when first used: a cost of neither."""
    import torch

    layer = torch.nn.Conv1d(1, 1, 1).to(device)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.zeros(1, 1, 1, device=device)).sum().backward()
    optimizer.step()


def estimator(
    library: str, row: Row, device: str, seed: int = 0, steps: int = _FOREVER, **own: Any
) -> Any:
    """Returns an unfitted estimator of either library, with the same settings.

    Args:
        library: One of `LIBRARIES`.
        row: Says architecture, batch and how positives are drawn.
        device: Where it runs.
        seed: Of ours; the sampling of `cebra` takes none, only its weights do.
        steps: Training steps.
        own: Settings that differ from those of the row.
    """
    settings: dict[str, Any] = {
        "model_architecture": row.model,
        "batch_size": row.batch_size,
        "learning_rate": _LEARNING_RATE,
        "output_dimension": _NUM_OUTPUT,
        "max_iterations": steps,
        "time_offsets": _TIME_OFFSET,
        "num_hidden_units": _NUM_UNITS,
        "temperature": 1.0,
        "conditional": row.conditional,
        "hybrid": row.hybrid,
        "device": device,
        **own,
    }
    if library == OURS:
        from cebra_ethan import CEBRA as Ours

        return Ours(**settings, random_state=seed)
    import torch
    from cebra import CEBRA as Theirs

    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the generator that it reads
    return Theirs(**settings)


def fit(model: Any, sessions: list[Session], **callback: Any) -> Any:
    """Fits an estimator to one recording, or to a list of several."""
    if len(sessions) == 1:
        return model.fit(sessions[0].neural, *sessions[0].labels, **callback)
    labels = zip(*(one.labels for one in sessions), strict=True)
    return model.fit([one.neural for one in sessions], *map(list, labels), **callback)


def _fitted(library: str, row: Row, device: str, sessions: list[Session]) -> Any:
    """Returns an estimator after a few steps on the first bins; what it learned does not count."""
    first = sessions[0].part(0, 2_000)
    return fit(estimator(library, row, device, steps=5), [first])


def _transform(
    library: str, row: Row, device: str, sessions: list[Session]
) -> tuple[Work, dict[str, Any]]:
    model, neural = _fitted(library, row, device, sessions), sessions[0].neural
    if library == OURS or not row.best_batch:
        return lambda: model.transform(neural), {}
    part, seconds = neural[: max(1, len(neural) // _TRIAL_SHARE)], {}
    for size in _BATCH_SIZES:
        for _ in range(2):  # the second counts
            start = time.perf_counter()
            model.transform(part, batch_size=size)
            seconds[size] = time.perf_counter() - start
    best = min(seconds, key=lambda size: seconds[size])
    return lambda: model.transform(neural, batch_size=best), {"batch_size": best}


def _consistency(
    library: str, row: Row, device: str, sessions: list[Session]
) -> tuple[Work, dict[str, Any]]:
    labels = sessions[0].labels[0][:, 0].astype(np.float64)
    position = 2 * np.pi * labels / labels.max()
    circle = np.stack([np.cos(position), np.sin(position), position / 6], axis=1)
    rng = np.random.default_rng(0)
    embeddings = [circle + 0.1 * rng.normal(size=circle.shape) for _ in sessions]
    ids = [f"animal {number}" for number in range(len(sessions))]
    given: dict[str, Any] = {"labels": [labels] * len(sessions), "dataset_ids": ids}
    if library == OURS:
        from cebra_ethan.metrics.consistency import consistency_score
    else:
        from cebra.integrations.sklearn.metrics import consistency_score
    return lambda: consistency_score(embeddings, between="datasets", **given), {}


def _goodness_of_fit(
    library: str, row: Row, device: str, sessions: list[Session]
) -> tuple[Work, dict[str, Any]]:
    model, (one,) = _fitted(library, row, device, sessions), sessions
    options = {"num_batches": _SCORE_BATCHES}
    if library == OURS:
        return lambda: model.goodness_of_fit(one.neural, *one.labels, **options), {}
    from cebra.integrations.sklearn.metrics import goodness_of_fit_score

    return lambda: goodness_of_fit_score(model, one.neural, *one.labels, **options), {}


def _jacobian(
    library: str, row: Row, device: str, sessions: list[Session]
) -> tuple[Work, dict[str, Any]]:
    model, neural = _fitted(library, row, device, sessions).model_, sessions[0].neural
    if library == OURS:
        from cebra_ethan.attribution import attribution_maps

        return lambda: attribution_maps(model, neural), {}
    import cebra.attribution
    import torch

    def maps() -> object:
        data = torch.from_numpy(neural).to(device).requires_grad_(True)
        method = cebra.attribution.init("jacobian-based", model=model, input_data=data)
        return method.compute_attribution_map()

    return maps, {}


KINDS: dict[str, Callable[[str, Row, str, list[Session]], tuple[Work, dict[str, Any]]]] = {
    "transform": _transform,
    "consistency": _consistency,
    "fit": _goodness_of_fit,
    "jacobian": _jacobian,
}
"""What makes a call to repeat, and what is worth telling about it."""
