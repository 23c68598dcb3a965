"""Whether the faster one learns as much: InfoNCE of held-out bins, by one judge for both.

The judge is written for this purpose in plain numpy and knows neither library: it gets embeddings
of held-out bins, draws references, positives and negatives by the definitions, and takes the loss.
Sources: van den Oord, Li and Vinyals (2018), arXiv:1807.03748; Schneider, Lee and Mathis (2023),
doi:10.1038/s41586-023-06031-6, Methods, "Sampling" and "InfoNCE".
"""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from .data import HELD_OUT_BINS, Session, sessions
from .libraries import CEBRA, OURS
from .pair import Options, WorkerFailed, ask_once
from .rows import Row

__all__ = ["compare", "embed_once", "held_out_loss"]

NUM_SEEDS = 3

_BATCHES, _BATCH = 40, 512
_TIME_OFFSET = 10
_TINY_BINS = 100
_SEEDS_OF_LIBRARIES = 1_000  # apart from those of the data


def compare(row: Row, options: Options) -> dict[str, Any]:
    """Returns the held-out losses of both libraries, three seeds each, and a verdict."""
    bins = _TINY_BINS if options.tiny else HELD_OUT_BINS
    parts = [_after(one, len(one.neural) - bins) for one in sessions(row, bins)]
    losses: dict[str, list[float]] = {name: [] for name in options.libraries}
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(NUM_SEEDS):
            for library in options.libraries:
                path = Path(folder) / f"{library}-{seed}.npz"
                request = {
                    "library": library,
                    "row": asdict(row),
                    "seed": seed,
                    "bins": bins,
                    "device": options.device,
                    "out": str(path),
                }
                try:
                    ask_once(library, {"quality": request}, options)
                except WorkerFailed as error:
                    failed[library] = str(error)
                    continue
                with np.load(path, allow_pickle=False) as file:
                    points = [file[str(number)] for number in range(len(parts))]
                losses[library].append(held_out_loss(row, parts, points))
    answer: dict[str, Any] = {"losses": losses, "steps": row.quality_steps, "failed": failed}
    answer["chance"] = float(np.log(_BATCH * len(parts))) * (2 if row.hybrid else 1)
    if losses.get(OURS) and losses.get(CEBRA):
        answer["verdict"] = verdict(losses[OURS], losses[CEBRA])
    return answer


def verdict(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Returns whether our mean lies within the other's range, below (better) or above."""
    mean = float(np.mean(ours))
    if mean < min(theirs):
        return "below"
    return "within" if mean <= max(theirs) else "above"


def embed_once(
    library: str, row: dict[str, Any], seed: int, bins: int, device: str, out: str
) -> dict[str, Any]:
    """Trains in this process and saves the embeddings of held-out bins."""
    from . import libraries

    piece = Row(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()})
    both = sessions(piece, bins)
    train = [one.part(0, len(one.neural) - bins) for one in both]
    model = libraries.estimator(
        library, piece, device, _SEEDS_OF_LIBRARIES + seed, piece.quality_steps
    )
    libraries.fit(model, train)
    held_out = [_after(one, len(one.neural) - bins).neural for one in both]
    if len(held_out) == 1:
        points = [model.transform(held_out[0])]
    else:
        points = [model.transform(x, session_id=k) for k, x in enumerate(held_out)]
    np.savez(out, **{str(k): np.asarray(x) for k, x in enumerate(points)})
    return {"seed": seed}


def held_out_loss(
    row: Row,
    parts: Sequence[Session],
    points: Sequence[np.ndarray],
    num_batches: int = _BATCHES,
    batch: int = _BATCH,
    seed: int = 0,
) -> float:
    """Returns the mean InfoNCE loss of embeddings, in nats; hybrid: that of both parts.

    Several sessions: each reference has a positive in a session drawn at random, and sees the
    negatives of all.

    Args:
        row: How positives are drawn.
        parts: Held-out bins of each session, for their labels.
        points: Embeddings of these bins, `(T, D)` each.
        num_batches: How many times to draw.
        batch: References, and negatives, of each session.
        seed: Of the draws; the same for every embedding.
    """
    if row.hybrid:
        by_time = replace(row, hybrid=False, labels="none", conditional="time")
        kinds = [replace(row, hybrid=False), by_time]
        return sum(held_out_loss(kind, parts, points, num_batches, batch, seed) for kind in kinds)
    rng = np.random.default_rng(seed)
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in points]
    losses = []
    for _ in range(num_batches):
        negatives = np.concatenate([x[rng.integers(len(x), size=batch)] for x in unit])
        for number, part in enumerate(parts):
            other = int(rng.integers(len(parts)))
            reference, positive = _pairs(row, part, parts[other], batch, rng)
            x = unit[number][reference]
            similarity = x @ negatives.T
            peak = similarity.max(axis=1)
            many = peak + np.log(np.exp(similarity - peak[:, None]).sum(axis=1))
            losses.append(np.mean(many - (x * unit[other][positive]).sum(axis=1)))
    return float(np.mean(losses))


def _pairs(
    row: Row, part: Session, other: Session, batch: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns references in one session and their positives in another."""
    count = len(part.neural)
    if row.conditional == "time":
        reference = rng.integers(count - _TIME_OFFSET, size=batch)
        return reference, reference + _TIME_OFFSET
    reference = rng.integers(count, size=batch)
    if row.labels == "classes":
        wanted = part.labels[0][reference]
        return reference, _same_class(wanted, other.labels[0], rng)
    label, known = (
        np.float64(one.labels[0]).reshape(len(one.neural), -1) for one in (part, other)
    )
    start = rng.integers(count - _TIME_OFFSET, size=batch)
    query = label[reference] + label[start + _TIME_OFFSET] - label[start]
    distance = (known**2).sum(axis=1) - 2 * query @ known.T  # and the same for each bin: q^2
    if row.labels == "mixed":
        distance[part.labels[1][reference][:, None] != other.labels[1]] = np.inf
    return reference, distance.argmin(axis=1)


def _same_class(wanted: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns for each wanted class one of its bins, uniformly."""
    order = np.argsort(classes, kind="stable")
    first = np.searchsorted(classes[order], wanted, side="left")
    last = np.searchsorted(classes[order], wanted, side="right")
    return order[first + np.floor(rng.random(len(wanted)) * (last - first)).astype(int)]


def _after(session: Session, start: int) -> Session:
    return session.part(start, len(session.neural))
