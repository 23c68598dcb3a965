"""Pseudo-mice, splits by repeat, averages over frames, scenes by majority."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cebra_ethan.datasets.allen_mice import (
    SEEDS,
    disjoint_mice,
    frame_average,
    pseudo_mouse,
    repeats_split,
    scene_labels,
)
from cebra_ethan.datasets.allen_recording import (
    LAYERS,
    VisualRecording,
    layer_of_depth,
    layer_of_place,
    movie_labels,
    visual_recording,
)
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.types import Label, Recording

NUM_REPEATS, NUM_FRAMES, BINS = 4, 6, 2


def mouse(name, num_neurons, seed, num_frames=NUM_FRAMES):
    """Neuron n has values of n, a hundred times the seed, and noise below one half."""
    shape = (NUM_REPEATS, num_frames * BINS, num_neurons)
    values = np.random.default_rng(seed).random(shape) * 0.5
    speed = np.random.default_rng(seed).random(shape[0] * shape[1])
    return visual_recording(
        values + np.arange(num_neurons) + 100 * seed,
        area=["VISp" if number % 2 else "VISl" for number in range(num_neurons)],
        layer="L4",
        mouse=name,
        name=name,
        source="test",
        bin_s=1 / 60,
        bins_per_frame=BINS,
        scene=np.arange(num_frames) // 3,
        features=np.random.default_rng(0).random((num_frames, 5)),
        extra={"speed": Label(speed)},
    )


@pytest.fixture
def mice():
    return [mouse("a", 5, 1), mouse("b", 3, 2)]


def test_a_pseudo_mouse_draws_with_replacement_from_all_mice(mice):
    drawn = pseudo_mouse(mice, 40, seed=111)
    index = np.random.Generator(np.random.PCG64(111)).choice(np.arange(8), size=40)  # the paper's
    origin = np.array([100, 101, 102, 103, 104, 200, 201, 202])
    np.testing.assert_array_equal(np.floor(drawn.recording.neural[0].numpy()), origin[index])
    assert drawn.mouse.tolist() == ["b" if number >= 5 else "a" for number in index]
    # speed belongs to one animal
    assert sorted(drawn.recording.labels) == ["features", "frame", "scene"]
    assert drawn.num_repeats == NUM_REPEATS
    assert len(SEEDS) == 5


def test_without_replacement_no_neuron_occurs_twice(mice):
    drawn = pseudo_mouse(mice, 8, with_replacement=False)
    assert len(set(np.floor(drawn.recording.neural[0].tolist()))) == 8
    with pytest.raises(DataError, match="no more than the 8 there are; got num_neurons=9"):
        pseudo_mouse(mice, 9, with_replacement=False)


def test_disjoint_mice_share_nothing(mice):
    first, second = disjoint_mice(mice, 4, seed=5)
    values = [set(np.floor(one.recording.neural[0].tolist())) for one in (first, second)]
    assert [len(one) for one in values] == [4, 4]
    assert not values[0] & values[1]
    with pytest.raises(DataError, match="two disjoint mice of 5 neurons need twice as many"):
        disjoint_mice(mice, 5)


def test_mice_that_saw_something_else_cannot_be_joined(mice):
    with pytest.raises(DataError, match="every bin shows the same frame; c differs from a"):
        pseudo_mouse([*mice, mouse("c", 2, 3, num_frames=9)], 4)
    with pytest.raises(DataError, match="at least one recording"):
        pseudo_mouse([], 4)


@pytest.mark.parametrize("held", [[3], [0], [1, 2]])
def test_repeats_are_held_out_as_a_whole(mice, held):
    train, test = repeats_split(mice[0], held)
    neural = mice[0].recording.neural.reshape(NUM_REPEATS, -1, 5)
    rest = [number for number in range(NUM_REPEATS) if number not in held]
    np.testing.assert_array_equal(test.recording.neural, neural[held].reshape(-1, 5))
    np.testing.assert_array_equal(train.recording.neural, neural[rest].reshape(-1, 5))
    assert test.num_repeats == len(held)
    assert train.num_repeats == len(rest)  # also where a repeat is missing between two
    assert train.area is mice[0].area


@pytest.mark.parametrize("held", [[], [4], [-1], [0, 1, 2, 3]])
def test_impossible_splits_are_refused(mice, held):
    with pytest.raises(InvalidParameterError, match="some, not all, of 0 to 3"):
        repeats_split(mice[0], held)


def test_frames_are_averaged_over_their_bins(mice):
    slow = frame_average(mice[0])
    expected = mice[0].recording.neural.reshape(-1, BINS, 5).mean(dim=1)
    np.testing.assert_array_equal(slow.recording.neural, expected)
    assert slow.recording.bin_s == pytest.approx(1 / 30)
    assert slow.bins_per_frame == 1
    assert slow.num_repeats == NUM_REPEATS
    frame = slow.recording.labels["frame"].to_numpy()
    np.testing.assert_array_equal(frame, np.tile(range(NUM_FRAMES), NUM_REPEATS))
    cut = replace(mice[0], recording=mice[0].recording[1:])
    with pytest.raises(DataError, match="a must consist of whole frames of 2 bins"):
        frame_average(cut)


def test_neurons_are_selected_by_place(mice):
    part = mice[0].select(area="VISp", layer="L4")
    np.testing.assert_array_equal(part.recording.neural, mice[0].recording.neural[:, [1, 3]])
    with pytest.raises(DataError, match=r"area='CA1'.* there are \['VISl', 'VISp'\]"):
        mice[0].select(area="CA1")


@pytest.mark.usefixtures("without_type_checks")
def test_a_visual_recording_needs_places_and_frames():
    plain = Recording(torch.zeros(4, 2))
    words = np.array(["x", "y"])
    with pytest.raises(DataError, match="needs the label 'frame'; recording has none"):
        VisualRecording(plain, words, words, words)
    framed = replace(plain, labels=movie_labels(2, 2))
    with pytest.raises(DataError, match="layer must have one entry for each neuron; got 1 for 2"):
        VisualRecording(framed, words, words[:1], words)


def test_labels_fit_the_frames():
    with pytest.raises(DataError, match="one row for each of 3 movie frames; got 4"):
        movie_labels(2, 3, scene=np.arange(4))
    with pytest.raises(DataError, match="whole frames of 2 bins; got 5 bins"):
        visual_recording(
            np.zeros((1, 5, 1)),
            area="VISp",
            mouse="m",
            name="n",
            source="s",
            bin_s=1.0,
            bins_per_frame=2,
        )


def test_scenes_are_what_the_majority_saw():
    words = [["sky"], ["sky", "car"], ["car"], ["sky"]]
    other = [["sky"], ["car"], ["car"], []]
    third = [[], ["car", "sky"], ["street"], []]
    # frame 3: one of three saw the sky, so nothing is agreed on
    np.testing.assert_array_equal(scene_labels([words, other, third]), [0, 1, 2, 3])
    np.testing.assert_array_equal(scene_labels([words, words, third]), [0, 1, 2, 0])
    with pytest.raises(DataError, match=r"same frames; got \[3, 4\]"):
        scene_labels([words, other[:3]])


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("VISp", ("VISp", "")),
        ("VISp1", ("VISp1", "")),
        ("VISal2/3", ("VISal", "L2/3")),
        ("VISpm4", ("VISpm", "L4")),
        ("VISam6b", ("VISam", "L5/6")),
        ("CA1", ("CA1", "")),
        ("POST5", ("POST5", "")),
        ("", ("", "")),
    ],
)
def test_layers_by_name(place, expected):
    assert layer_of_place(place) == expected


@pytest.mark.parametrize(
    ("depth", "layer"), [(175, 0), ("250", 0), (275.0, 1), ("350 microns", 1), (375, 2), (625, 2)]
)
def test_layers_by_depth(depth, layer):
    assert layer_of_depth(depth) == LAYERS[layer]
