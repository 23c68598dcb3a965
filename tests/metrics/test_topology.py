"""Known shapes have their known numbers of pieces, loops and voids."""

import numpy as np
import pytest

from cebra_ethan.errors import DataError, InvalidParameterError, MissingDependencyError
from cebra_ethan.metrics import topology
from cebra_ethan.metrics.topology import (
    PersistentHomology,
    betti_numbers,
    circular_coordinate,
    lifespan_threshold,
    persistent_homology,
)

TURN = 2 * np.pi


def circle(num_points=60, noise=0.05, seed=0):
    """Evenly spread and slightly displaced: the coordinate runs faster where points are dense."""
    rng = np.random.default_rng(seed)
    angle = rng.permutation(np.linspace(0, TURN, num_points, endpoint=False))
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + rng.normal(0, noise, points.shape), angle


def sphere(num_points=70):
    """Points that are spread evenly, along a golden spiral."""
    height = 1 - 2 * (np.arange(num_points) + 0.5) / num_points
    angle = np.pi * (1 + 5**0.5) * np.arange(num_points)
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)


def figure_eight():
    angle = np.linspace(0, TURN, 30, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    away = np.array([1.0, 0.0])
    return np.concatenate([ring + away, ring - away])


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (circle()[0], (1, 1, 0)),
        (sphere(), (1, 0, 1)),
        (figure_eight(), (1, 2, 0)),
        (np.concatenate([circle(40)[0], circle(40)[0] + 9]), (2, 2, 0)),
    ],
    ids=["circle", "sphere", "eight", "two circles"],
)
def test_betti_numbers_of_known_shapes(points, expected):
    homology = persistent_homology(points, 2)
    assert betti_numbers(homology, (0.5, 0.6, 0.4)) == expected


@pytest.mark.parametrize("at", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("coefficient", [41, 47])
def test_the_coordinate_of_a_circle_is_its_angle(at, coefficient):
    points, angle = circle(noise=0.02)
    found = circular_coordinate(persistent_homology(points, coefficient=coefficient), at)
    assert found.min() >= 0
    assert found.max() < TURN
    same = max(abs(np.exp(1j * (found - sign * angle)).mean()) for sign in (1, -1))
    assert same > 0.98


def test_the_coordinate_minimises_its_sum_of_squares():
    homology = persistent_homology(circle(50)[0])
    turns = circular_coordinate(homology) / TURN
    birth, death = homology.diagrams[1][0]
    x = homology.points
    near = np.linalg.norm(x[:, None] - x[None], axis=-1) <= (birth + death) / 2
    # round a harmonic coordinate each point is the mean of its neighbours, steps taken modulo 1
    for i in range(len(x)):
        step = turns[near[i]] - turns[i]
        assert abs((step - np.round(step)).sum()) < 1e-6


def test_a_point_away_from_the_loop_has_no_angle():
    points = np.concatenate([circle()[0], [[20.0, 0.0]]])
    found = circular_coordinate(persistent_homology(points))
    assert np.isnan(found[-1])
    assert np.isfinite(found[:-1]).all()


def test_points_are_drawn_by_the_seed():
    points = circle(300)[0]
    one, same, other = (persistent_homology(points, num_points=50, seed=s) for s in (1, 1, 2))
    assert np.array_equal(one.rows, same.rows)
    assert not np.array_equal(one.rows, other.rows)
    assert np.array_equal(one.points, points[one.rows])
    assert len(np.unique(one.rows)) == 50


def test_homology_does_not_change_with_rotation_and_order():
    points = circle(40)[0]
    turned = points[::-1] @ np.array([[0.6, -0.8], [0.8, 0.6]])
    assert persistent_homology(points).longest == pytest.approx(
        persistent_homology(turned).longest, abs=1e-6
    )


def test_the_threshold_is_the_longest_finite_bar_of_all_controls():
    controls = [persistent_homology(np.random.default_rng(s).normal(size=(40, 3))) for s in (0, 1)]
    finite = [d[1][:, 1] - d[1][:, 0] for d in (c.diagrams for c in controls)]
    threshold = lifespan_threshold(controls)
    assert threshold[1] == pytest.approx(max(f.max() for f in finite))
    assert all(betti_numbers(control, threshold) == (1, 0) for control in controls)


def test_no_loop_is_said():
    line = persistent_homology(np.arange(5.0)[:, None])
    assert line.longest == (1.0, 0.0)
    with pytest.raises(DataError, match="needs a loop"):
        circular_coordinate(line)


def test_a_cocycle_that_is_none_over_the_whole_numbers_is_refused():
    corner = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    wrong = PersistentHomology(
        diagrams=(np.array([[0.0, np.inf]]), np.array([[1.5, 2.0]])),
        rows=np.arange(3), points=corner, coefficient=3, cocycle=np.array([[1, 0, 1]]),
    )  # fmt: skip
    with pytest.raises(DataError, match="none over the whole numbers"):
        circular_coordinate(wrong)


def test_mistakes_are_said():
    ring = persistent_homology(circle(20)[0])
    with pytest.raises(DataError, match="one threshold for each of 2"):
        betti_numbers(ring, (1.0,))
    with pytest.raises(DataError, match="all up to the same dimension"):
        lifespan_threshold([ring, persistent_homology(circle(20)[0], 0)])
    with pytest.raises(DataError, match="needs control embeddings"):
        lifespan_threshold([])
    with pytest.raises(InvalidParameterError, match="prime up to 47"):
        persistent_homology(circle()[0], coefficient=4)
    with pytest.raises(InvalidParameterError, match="between 0 and 1"):
        circular_coordinate(ring, 1.0)
    with pytest.raises(DataError, match=r"got shape \(5,\)"):
        persistent_homology(np.arange(5.0))


def test_a_missing_library_names_the_extra(monkeypatch):
    def missing(module, extra):
        raise MissingDependencyError(f"{module}: pip install cebra-ethan[{extra}]")

    monkeypatch.setattr(topology, "require", missing)
    with pytest.raises(MissingDependencyError, match=r"ripser.*\[topology\]"):
        persistent_homology(circle()[0])
