"""Statistics on the circle by trying everything.

Mardia and Jupp (2000), Directional Statistics, section 2.3.2: the circular median minimises the
mean length of the shorter arc.
"""


def arc(a, b, period):
    around = abs(a - b) % period
    return min(around, period - around)


def mean_arcs(values, period):
    """The mean arc from each value to all."""
    return [sum(arc(v, w, period) for w in values) / len(values) for v in values]
