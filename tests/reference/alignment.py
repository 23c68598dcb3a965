"""Orthogonal Procrustes alignment with the whole matrix of distances between labels.

Schoenemann (1966), Psychometrika 31, 1-10, doi:10.1007/BF02289451, equation 1.9, on pairs made as
in Schneider, Lee and Mathis (2023), Methods: each row beside the `top_k` reference rows whose
labels are nearest.
"""

import numpy as np
from scipy.linalg import orthogonal_procrustes


def label_distances(label, reference_label, period):
    """Distance of every label from every reference label, `(T, M)`; `period` 0 is a line."""
    gap = np.abs(label[:, None] - reference_label[None])
    turn = np.where(np.asarray(period) > 0, period, np.inf)
    return np.sqrt((np.minimum(gap, turn - gap) ** 2).sum(axis=2))


def rotation(reference, embedding, distance, top_k):
    pairs = []
    for t, row in enumerate(distance):
        for m in np.argsort(row, kind="stable")[:top_k]:
            pairs.append((embedding[t], reference[m]))
    x, y = (np.array(side) for side in zip(*pairs, strict=True))
    return orthogonal_procrustes(x, y)[0]
