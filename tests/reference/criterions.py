"""The contrastive losses as their papers write them: naive loops over numpy arrays, no torch.

Slow and unstable for large similarities, on purpose: nothing here is rearranged.
"""

import math

import numpy as np


def dot(x, y):
    return sum(float(a) * float(b) for a, b in zip(x, y, strict=True))


def minus_squared_distance(x, y):
    return -sum((float(a) - float(b)) ** 2 for a, b in zip(x, y, strict=True))


SIMILARITIES = {"cosine": dot, "euclidean": minus_squared_distance}


def similarities(reference, positive, negative, similarity, temperature):
    """`psi+` as a list and `psi-` as a list of lists; `negative` is (B', D) or (B, K, D)."""
    phi = SIMILARITIES[similarity]
    positives = [phi(x, y) / temperature for x, y in zip(reference, positive, strict=True)]
    own = [negative] * len(reference) if np.ndim(negative) == 2 else list(negative)
    negatives = [
        [phi(x, y) / temperature for y in others] for x, others in zip(reference, own, strict=True)
    ]
    return positives, negatives


def info_nce_terms(positives, negatives):
    """-psi+ + log sum exp psi-, for each reference.

    Schneider, Lee & Mathis (2023), Nature 617:360-368, doi:10.1038/s41586-023-06031-6, Methods.
    """
    return [
        -p + math.log(sum(math.exp(n) for n in others))
        for p, others in zip(positives, negatives, strict=True)
    ]


def info_nce(reference, positive, negative, similarity="cosine", temperature=1.0):
    psi = similarities(reference, positive, negative, similarity, temperature)
    return float(np.mean(info_nce_terms(*psi)))


def focal_info_nce(reference, positive, negative, similarity="cosine", temperature=1.0, gamma=2.0):
    """(1 - p)^gamma on each term, p = e^psi+ / (e^psi+ + sum e^psi-).

    The weight: Lin et al. (2017), Focal loss for dense object detection, ICCV,
    doi:10.1109/ICCV.2017.324, eq. 4.
    """
    positives, negatives = similarities(reference, positive, negative, similarity, temperature)
    terms = info_nce_terms(positives, negatives)
    weights = []
    for p, others in zip(positives, negatives, strict=True):
        probability = math.exp(p) / (math.exp(p) + sum(math.exp(n) for n in others))
        weights.append((1 - probability) ** gamma)
    return float(np.mean([w * term for w, term in zip(weights, terms, strict=True)]))


def nce(
    reference,
    positive,
    negative,
    similarity="cosine",
    temperature=1.0,
    negative_weight=1.0,
    reduce="mean",
):
    """Minus the log-likelihood of telling data from noise.

    Gutmann & Hyvärinen (2012), Noise-contrastive estimation of unnormalized statistical models,
    JMLR 13:307-361, eq. 8, with the similarity as the log-ratio of data to noise.
    """
    positives, negatives = similarities(reference, positive, negative, similarity, temperature)
    terms = []
    for p, others in zip(positives, negatives, strict=True):
        data = math.log(1 / (1 + math.exp(-p)))
        noise = [math.log(1 - 1 / (1 + math.exp(-n))) for n in others]
        joined = sum(noise) / (len(noise) if reduce == "mean" else 1)
        terms.append(-(data + negative_weight * joined))
    return float(np.mean(terms))
