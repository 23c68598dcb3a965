"""The simulated movie: scenes, cuts, movement."""

import numpy as np
import pytest

from cebra_ethan.datasets.allen_movie import simulate_movie
from cebra_ethan.errors import InvalidParameterError

SMALL = {"num_frames": 120, "num_scenes": 4, "height": 24, "width": 36}


@pytest.mark.parametrize("seed", range(3))
def test_a_movie_has_scenes_in_order_and_cuts_between_them(seed):
    movie = simulate_movie(**SMALL, seed=seed)
    assert movie.frames.shape == (120, 24, 36)
    assert 0 <= movie.frames.min() <= movie.frames.max() <= 1
    length = np.bincount(movie.scene)
    assert len(length) == 4
    assert length.min() >= 15
    assert (np.diff(movie.scene) >= 0).all()
    change = np.abs(np.diff(movie.frames, axis=0)).mean(axis=(1, 2))
    cut = np.diff(movie.scene) == 1
    assert change[cut].min() > 1.5 * np.median(change[~cut])
    assert change[~cut].min() > 0  # it never stands still
    assert "simulated" in movie.source


def test_the_seed_determines_the_movie():
    one, same, other = (simulate_movie(**SMALL, seed=seed).frames for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_without_speed_only_the_light_changes():
    movie = simulate_movie(**SMALL, speed=0.0)
    inside = movie.frames[movie.scene == 0].reshape((movie.scene == 0).sum(), -1)
    centred = inside - inside.mean(axis=1, keepdims=True)
    whole = (inside > 0).all(axis=0) & (inside < 1).all(axis=0)  # black and white clip
    moved = centred[:, whole] - centred[:, whole].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-5)


@pytest.mark.parametrize("wrong", [{"height": 7}, {"num_frames": 5}, {"speed": -1.0}])
def test_impossible_movies_are_refused(wrong):
    with pytest.raises(InvalidParameterError, match="a movie needs at least 8 × 8 pixels"):
        simulate_movie(**{**SMALL, **wrong})
