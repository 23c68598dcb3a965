"""Consistency of embeddings, one sample and one bin at a time.

Schneider, Lee and Mathis (2023), Nature 617, 360-368, Methods, "Consistency of embeddings":
positions are cut into bins, empty bins are filled from their neighbours, and a linear map with
intercept is fitted from each embedding to each other one.
"""

import numpy as np
from sklearn.linear_model import LinearRegression


def bin_means(x, label, edges):
    """Means of the bins that start at all edges but the last, widened by up to two bins."""
    which = [sum(value >= edge for edge in edges) - 1 for value in label]
    means = []
    for b in range(len(edges) - 1):
        for reach in (0, 1, 2):
            members = [x[t] for t in range(len(x)) if abs(which[t] - b) <= reach]
            if members:
                means.append(sum(members) / len(members))
                break
        else:
            means.append(None)
    return means


def r2_of_pairs(points):
    """R2 from row to column; not meant for the diagonal."""
    return np.array([[LinearRegression().fit(x, y).score(x, y) for y in points] for x in points])
