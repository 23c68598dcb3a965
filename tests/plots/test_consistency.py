import numpy as np
import pytest
from matplotlib.colors import to_rgb

from cebra_ethan.plots import plot_consistency
from tests.plots.examples import CONSISTENT

MATRIX = np.linspace(0, 1, 64).reshape(8, 8)


def luminance(color):
    """Relative luminance, WCAG 2.1, one channel at a time."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_values_are_written_in_percent_and_the_diagonal_is_blank():
    ax = plot_consistency(MATRIX)
    texts = {tuple(map(int, t.get_position())): t.get_text() for t in ax.texts}
    assert len(texts) == 64 - 8
    for (column, row), text in texts.items():
        assert row != column
        assert text == f"{100 * MATRIX[row, column]:.0f}"
    assert np.isnan(np.diag(ax.images[0].get_array().filled(np.nan))).all()


@pytest.mark.parametrize("cmap", ["viridis", "Greys", "magma", "coolwarm"])
def test_numbers_are_legible_on_every_cell(cmap):
    ax = plot_consistency(MATRIX, cmap=cmap)
    image = ax.images[0]
    for text in ax.texts:
        column, row = map(int, text.get_position())
        cell = luminance(image.cmap(image.norm(100 * MATRIX[row, column]))[:3])
        ink = luminance(text.get_color())
        contrast = (max(cell, ink) + 0.05) / (min(cell, ink) + 0.05)
        assert contrast > 4.5, (row, column)


def test_a_result_brings_its_names_and_its_mean():
    ax = plot_consistency(CONSISTENT)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_title() == f"mean {100 * CONSISTENT.scores.mean():.1f}"


def test_the_scale_is_fixed_so_that_figures_compare():
    assert plot_consistency(MATRIX).images[0].get_clim() == (0, 100)
    assert plot_consistency(MATRIX, limits=(50, 100)).images[0].get_clim() == (50, 100)


def test_large_matrices_have_no_numbers():
    assert not plot_consistency(np.zeros((20, 20))).texts


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_consistency(MATRIX[:3]), r"square matrix .*; got \(3, 8\)"),
        (lambda: plot_consistency(MATRIX[:1, :1]), r"n > 1; got \(1, 1\)"),
        (lambda: plot_consistency(MATRIX, ["a"]), "got 1 for 8 rows"),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_ends_of_the_colour_scale_may_be_named_as_matplotlib_does():
    assert plot_consistency(MATRIX, vmin=20, vmax=80).images[0].get_clim() == (20, 80)
    assert plot_consistency(MATRIX, vmax=50).images[0].get_clim() == (0, 50)
