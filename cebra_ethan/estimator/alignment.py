"""Embeddings of sessions that were trained by time alone, turned onto one another afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import DataError
from ..metrics.alignment import OrthogonalProcrustesAlignment

__all__ = ["align_sessions"]


def align_sessions(
    embeddings: Sequence[Any], labels: Sequence[Any], reference: int = 0, top_k: int = 5
) -> list[Float[np.ndarray, "_ dims"]]:
    """Returns the embedding of each session, turned onto that of one of them.

    Training by time relates the bins of a session to one another alone, so each embedding is free
    to turn and to flip. A label that all sessions have says how they belong together; it is used
    here and nowhere in training. A turn keeps distances: what the sessions do not share, it
    cannot bring together.

    Args:
        embeddings: `(T, D)` of each session, as `CEBRA.transform` gives them for a list.
        labels: A label of each session, or a tuple or mapping of them; see
            `OrthogonalProcrustesAlignment.fit`.
        reference: The session that stays as it is.
        top_k: Rows of the reference that each row is matched with.

    Raises:
        DataError: If there is not one label for each session, no such reference, or two labels
            have nothing in common.

    Example:
        >>> from cebra_ethan import CEBRA
        >>> X = [np.random.default_rng(k).normal(size=(200, 5 + k)) for k in range(2)]
        >>> place = [np.linspace(0, 1, 200), np.linspace(1, 0, 200)]
        >>> cebra = CEBRA(max_iterations=5, batch_size=32, output_dimension=3, random_state=0)
        >>> first, second = align_sessions(cebra.fit_transform(X), place)
        >>> second.shape
        (200, 3)
    """
    if len(labels) != len(embeddings) or not 0 <= reference < len(embeddings):
        raise DataError(
            "sessions are aligned by one label each, to one of them; got "
            f"{len(embeddings)} embeddings, {len(labels)} labels and reference={reference!r}."
        )
    still, its_label = embeddings[reference], labels[reference]
    turned = []
    for number, (points, label) in enumerate(zip(embeddings, labels, strict=True)):
        if number == reference:
            turned.append(np.asarray(points))
            continue
        aligner = OrthogonalProcrustesAlignment(top_k)
        try:
            turned.append(aligner.fit_transform(still, points, its_label, label))
        except DataError as error:
            raise DataError(f"session {number}: {error}") from error
    return turned
