import itertools
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cebra_ethan.errors import MissingDependencyError
from cebra_ethan.plots import animate_embedding, save_animation
from tests.plots.examples import RING, SIDE, SPHERE, X


def frames(path):
    with Image.open(path) as image:
        found = []
        for i in range(image.n_frames):
            image.seek(i)
            found.append(np.asarray(image.convert("RGB"), dtype=int))
        return found, image.info["duration"]


@pytest.mark.parametrize("labels", [None, X, SIDE, "time"])
def test_an_embedding_turns_once_around(labels, tmp_path):
    animation = animate_embedding(SPHERE, labels, num_frames=4, frames_per_s=10, title="simulated")
    found, duration = frames(save_animation(animation, tmp_path / "new" / "a.gif", dpi=50))
    assert len(found) == 4
    assert duration == 100  # milliseconds
    assert all(np.abs(a - b).max() > 100 for a, b in itertools.pairwise(found))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.gif"]


def test_the_axes_stand_still_while_the_points_turn(tmp_path):
    """A layout that is found anew for each frame makes them tremble."""
    ax = Figure(layout="constrained").add_subplot(projection="3d")
    animation = animate_embedding(SPHERE, X, num_frames=5, title="simulated", ax=ax)
    places = []
    draw = ax.view_init
    ax.view_init = lambda **angles: (places.append(ax.get_position().bounds), draw(**angles))
    found, _ = frames(save_animation(animation, tmp_path / "a.gif", dpi=50))
    assert len(places) >= 5
    assert len(set(places)) == 1
    beside = np.s_[:, int(0.85 * found[0].shape[1]) :]  # the colour bar
    assert all(np.abs(found[0][beside] - other[beside]).max() < 60 for other in found)


@pytest.mark.parametrize(("turn", "angles"), [(360, [0, 90, 180, 270]), (-90, [0, -22.5, -45])])
def test_angles_are_even_steps_of_the_turn(turn, angles, tmp_path):
    seen = []
    ax = Figure().add_subplot(projection="3d")
    animation = animate_embedding(SPHERE, num_frames=4, start=10, turn=turn, elevation=5, ax=ax)
    draw = ax.view_init
    ax.view_init = lambda elev, azim: (seen.append((elev, azim)), draw(elev, azim))
    save_animation(animation, tmp_path / "a.gif", dpi=20)
    assert [azim - 10 for _, azim in seen[-4:]][: len(angles)] == angles
    assert {elev for elev, _ in seen} == {5}


def test_the_same_animation_is_the_same_file(tmp_path):
    files = [
        save_animation(animate_embedding(SPHERE, X, num_frames=2), tmp_path / f"{i}.gif", dpi=30)
        for i in range(2)
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_pyplot_is_not_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # an import would fail
    path = save_animation(animate_embedding(SPHERE, num_frames=1), tmp_path / "a.gif", dpi=20)
    assert path.read_bytes().startswith(b"GIF8")


def test_a_film_needs_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setattr("matplotlib.animation.FFMpegWriter.isAvailable", lambda: False)
    animation = animate_embedding(SPHERE, num_frames=1)
    with pytest.raises(MissingDependencyError, match=r"program ffmpeg, .* write a \.gif"):
        save_animation(animation, tmp_path / "a.mp4")
    save_animation(animation, tmp_path / "a.gif", dpi=20)  # seen, or matplotlib warns


def test_another_ending_is_refused(tmp_path):
    animation = animate_embedding(SPHERE, num_frames=1)
    with pytest.raises(ValueError, match=r"must end in \.gif or \.mp4; got .*a\.avi"):
        save_animation(animation, tmp_path / "a.avi")
    save_animation(animation, tmp_path / "a.gif", dpi=20)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: animate_embedding(RING), "only three dimensions can be turned; got two"),
        (lambda: animate_embedding(SPHERE, dims=(0, 1)), "only three dimensions"),
        (lambda: animate_embedding(SPHERE, num_frames=0), "got 0 and 20.0"),
        (lambda: animate_embedding(SPHERE, frames_per_s=0.0), "got 80 and 0.0"),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
