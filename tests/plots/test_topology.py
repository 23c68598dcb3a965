import numpy as np
import pytest

from cebra_ethan.errors import DataError
from cebra_ethan.metrics.topology import persistent_homology
from cebra_ethan.plots import plot_barcode, plot_circular_coordinate

ANGLE = np.linspace(0, 2 * np.pi, 30, endpoint=False)
RING = np.stack([np.cos(ANGLE), np.sin(ANGLE)], axis=1)


def test_bars_that_count_are_strong():
    ax = plot_barcode(persistent_homology(RING), (0.5, 0.5), title="ring")
    assert ax.get_title() == "ring"
    alpha = [lines.get_alpha() for lines in ax.collections]
    drawn = [len(lines.get_segments()) for lines in ax.collections]
    assert alpha == [1.0, 0.35, 1.0, 0.35]
    assert drawn == [1, 29, 1, 0]  # one piece for ever, 29 that join, one loop
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["H0", "H1"]


def test_only_the_longest_bars_are_drawn():
    bars = [np.stack([np.zeros(9), np.arange(9.0)], axis=1)]
    ax = plot_barcode(bars, max_bars=3)
    ends = [segment[1, 0] for lines in ax.collections for segment in lines.get_segments()]
    assert ends == [8, 7, 6]


def test_the_angle_is_in_degrees_and_nan_is_left_out():
    ax = plot_circular_coordinate([np.pi, np.nan], [0.2, 0.4], ["left", "right"])
    assert ax.collections[0].get_offsets().tolist() == [[0.2, 180.0]]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["left", "right"]


def test_no_loop_is_written():
    ax = plot_circular_coordinate([np.nan, np.nan], [0.2, 0.4])
    assert [t.get_text() for t in ax.texts] == ["no loop"]


def test_mistakes_are_said():
    with pytest.raises(DataError, match="one threshold for each of 2"):
        plot_barcode(persistent_homology(RING), (0.5,))
    with pytest.raises(DataError, match="needs diagrams of births and deaths"):
        plot_barcode([np.zeros(3)])
    with pytest.raises(DataError, match="one value for each point"):
        plot_circular_coordinate([0.0], [0.1, 0.2])
