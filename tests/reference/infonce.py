"""InfoNCE of one reference at a time.

van den Oord, Li and Vinyals (2018), arXiv:1807.03748, with the positive left out of the
denominator as in Schneider, Lee and Mathis (2023), Methods, "InfoNCE".
"""

import math


def infonce(x, positive, negatives, temperature, distance):
    def phi(a, b):
        dot = sum(p * q for p, q in zip(a, b, strict=True))
        if distance == "dot":
            return dot
        if distance == "cosine":
            return dot / math.hypot(*a) / math.hypot(*b)
        return -sum((p - q) ** 2 for p, q in zip(a, b, strict=True))

    others = sum(math.exp(phi(x, n) / temperature) for n in negatives)
    return math.log(others) - phi(x, positive) / temperature
