"""Mice on a linear track: a small file of the published format, and the real ones."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from cebra_ethan.datasets import files, load_dataset
from cebra_ethan.datasets.mouse import MICE, load_mouse, mouse_days
from cebra_ethan.errors import DataIntegrityError, InvalidParameterError

REAL = os.environ.get(files.DATA_VARIABLE)
needs_data = pytest.mark.skipif(not REAL, reason="needs recordings; set CEBRA_ETHAN_DATA")
NUM_FRAMES, NUM_CELLS = 60, 5


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data folder with one recording: two trials, and three frames missing inside the first."""
    rng = np.random.default_rng(0)
    name = "mouse_ca1_linear_track/C6M4_A_s3.npz"
    movie = np.arange(NUM_FRAMES)
    movie[20:] += 3
    file = tmp_path / name
    file.parent.mkdir()
    np.savez_compressed(
        file,
        event_frame=np.array([0, 7, 59], np.int32),
        event_cell=np.array([1, 4, 0], np.int16),
        event_amplitude=np.array([0.5, 0.25, 1.0], np.float16),
        shape=np.array([NUM_FRAMES, NUM_CELLS], np.int32),
        position_cm=rng.uniform(0, 96, NUM_FRAMES).astype(np.float32),
        velocity_cm_s=np.tile([-10.0, 0.5, 20.0], NUM_FRAMES // 3).astype(np.float16),
        trial=np.repeat([1, 2], [40, 20]).astype(np.uint8),
        movie_frame=movie.astype(np.int32),
        registered_cell=np.arange(NUM_CELLS, dtype=np.int32),
        frame_rate_hz=np.float64(20),
    )
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(files.SHA256, name, digest)
    return tmp_path


def test_events_labels_and_trials(root):
    mouse = load_mouse("C6M4", "A", 3, root=root)
    expected = torch.zeros(NUM_FRAMES, NUM_CELLS)
    expected[0, 1], expected[7, 4], expected[59, 0] = 0.5, 0.25, 1.0
    assert torch.equal(mouse.neural, expected)
    assert mouse.segments.tolist() == [[0, 20], [20, 40], [40, 60]]
    assert mouse.labels["direction"].to_numpy()[:3].tolist() == ["left", "right", "right"]
    np.testing.assert_allclose(mouse.labels["speed"].to_numpy()[:3], [-0.1, 0.005, 0.2], rtol=1e-3)
    assert mouse.labels["position"].to_numpy().max() <= 0.96
    assert mouse.bin_s == 0.05
    assert "Sheintuch" in mouse.source


def test_frames_of_a_resting_mouse_can_be_left_out(root):
    mouse = load_mouse("C6M4", "A", 3, root=root, min_speed=4.0)
    assert len(mouse) == 40
    assert abs(mouse.labels["speed"].to_numpy()).min() > 0.04
    first = [stop - start for start, stop in mouse.segments.tolist()]
    assert max(first) == 2  # every third frame is gone, so windows may not reach across


def test_a_row_of_the_registry_takes_the_day(root):
    assert load_dataset("mouse-C6M4", root, day=3).name == "C6M4 A day 3"


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (("C6M4", "A", 9), "day must be one of 1, 2, 3, 4, 5, 6, 7, 8 for C6M4 on track A; got 9"),
        (("C7M4", "A", 6), "day must be one of 1, 2, 3, 4, 5, 7, 8 for C7M4"),
        (("mickey", "A", 1), "one of C6M4, .* got 'mickey' on track 'A'"),
        (("C6M4", "C", 1), "on track A or B; got 'C6M4' on track 'C'"),
    ],
)
def test_what_is_not_there_is_listed(what, message):
    with pytest.raises(InvalidParameterError, match=message):
        load_mouse(*what)


def test_a_changed_file_is_refused(root):
    with (root / "mouse_ca1_linear_track" / "C6M4_A_s3.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(DataIntegrityError, match="must be the published file"):
        load_mouse("C6M4", "A", 3, root=root)


def test_every_published_recording_has_a_day():
    names = {name for name in files.SHA256 if name.startswith("mouse_ca1")}
    listed = {
        f"mouse_ca1_linear_track/{mouse}_{track}_s{day}.npz"
        for mouse in MICE
        for track in "AB"
        for day in mouse_days(mouse, track)
    }
    assert listed == names
    assert len(names) == 94


@needs_data
@pytest.mark.real
@pytest.mark.parametrize("mouse", MICE)
def test_real_mice(mouse):
    recording = load_mouse(mouse, root=Path(str(REAL)))
    assert 14_000 < len(recording) < 20_000
    assert len(recording.segments) >= 5
    rate_hz = float((recording.neural > 0).float().mean()) / recording.bin_s
    assert 0.005 < rate_hz < 0.1  # about 0.025 events in a second and cell
    position = recording.labels["position"].to_numpy()
    assert 0 <= position.min() < 0.1
    assert 0.9 < position.max() <= 0.97
