"""Laws of every plot: it stays inside, uses the axes it is given, and changes nothing else."""

import io
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from cebra_ethan import plots
from cebra_ethan.errors import DataTypeError
from cebra_ethan.plots.style import CATEGORICAL, COLORMAPS, class_colors, save_figure, style
from tests.plots.examples import EXAMPLES

ROOT = Path(__file__).parents[2]


def words(figure, monkeypatch):
    """Each text that is drawn, and its box in pixels."""
    drawn = {}
    draw = Text.draw

    def record(text, renderer, *args, **kwargs):
        draw(text, renderer, *args, **kwargs)
        if text.get_text().strip() and text.get_visible():
            drawn[text] = text.get_window_extent(renderer)  # the last drawing counts

    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", record)
        figure.savefig(io.BytesIO(), dpi=figure.dpi)
    return list(drawn.items())


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_word_leaves_the_figure(name, monkeypatch):
    figure = EXAMPLES[name](title="simulated").figure
    drawn = words(figure, monkeypatch)
    assert "simulated" in [text.get_text() for text, _ in drawn]
    for text, box in drawn:
        assert min(box.x0, box.y0) >= -1, text
        assert box.x1 <= figure.bbox.x1 + 1, text
        assert box.y1 <= figure.bbox.y1 + 1, text


@pytest.mark.parametrize("name", EXAMPLES)
def test_words_do_not_overlap(name, monkeypatch):
    """Also not in three dimensions; slanted words are left out, for their boxes overlap."""
    drawn = words(EXAMPLES[name]().figure, monkeypatch)
    level = [(text, box) for text, box in drawn if text.get_rotation() in (0.0, 90.0)]
    assert len(level) > 5
    for i, (text, box) in enumerate(level):
        for other, other_box in level[:i]:
            overlap = Bbox.intersection(box, other_box)
            # boxes hold room for letters that go below the line
            assert overlap is None or min(overlap.width, overlap.height) < 2, (text, other)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_plot_is_drawn_where_it_is_asked_to(name):
    depth = "3d" if "3d" in name else None
    left, right = (Figure().add_subplot(projection=depth) for _ in range(2))
    assert EXAMPLES[name](ax=right) is right
    assert right.has_data()
    assert not left.has_data()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_settings_of_the_caller_are_untouched(name):
    before = dict(matplotlib.rcParams)
    EXAMPLES[name]()
    assert dict(matplotlib.rcParams) == before


def test_plots_never_load_pyplot():
    script = """
import sys
from tests.plots.examples import EXAMPLES
for draw in EXAMPLES.values():
    draw()
print("matplotlib.pyplot" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_the_package_loads_no_plots():
    script = 'import sys, cebra_ethan; print("matplotlib" in sys.modules)'
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_equal_figures_are_equal_files(tmp_path, ending):
    first, second = (
        save_figure(EXAMPLES["loss"]().figure, tmp_path / "folder" / f"{i}.{ending}")
        for i in range(2)
    )
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size > 1000


def test_axes_stand_for_their_figure(tmp_path):
    figure = Figure()
    left, right = figure.subfigures(1, 2)
    ax = left.add_subplot()
    right.add_subplot().plot([1, 2])
    saved = [save_figure(given, tmp_path / f"{i}.png") for i, given in enumerate((figure, ax))]
    assert saved[0].read_bytes() == saved[1].read_bytes()


def test_a_failed_figure_leaves_the_old_file(tmp_path):
    path = save_figure(EXAMPLES["loss"]().figure, tmp_path / "a.png")
    before = path.read_bytes()

    class Broken(Figure):
        def savefig(self, *args, **kwargs):
            args[0].write(b"half")
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        save_figure(Broken(), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_pyplot_figure_is_closed(tmp_path, monkeypatch):
    closed = []

    class Pyplot:
        close = staticmethod(closed.append)

    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", Pyplot)
    figure = EXAMPLES["loss"]().figure
    save_figure(figure, tmp_path / "a.png")
    assert closed == [figure]


def test_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in one of .png, .pdf, .svg; got .*a.bmp"):
        save_figure(Figure(), tmp_path / "a.bmp")


def test_style_ends_with_its_block():
    before = matplotlib.rcParams["font.size"]
    with style(font_size=31.0):
        assert matplotlib.rcParams["font.size"] == 31.0
    assert matplotlib.rcParams["font.size"] == before


def test_the_circular_map_closes_and_never_fades():
    colors = COLORMAPS["circular"](np.linspace(0, 1, 256))[:, :3]
    steps = np.abs(np.diff(np.vstack([colors, colors[:1]]), axis=0)).max(axis=1)
    assert steps.max() < 0.05
    assert colors.min(axis=1).max() < 0.8  # white is 1


@pytest.mark.parametrize("num_classes", [1, 8, 9, 30])
def test_classes_have_different_colours(num_classes):
    colors = matplotlib.colors.to_rgba_array(class_colors(num_classes))
    assert len(np.unique(colors, axis=0)) == num_classes


def test_palette_is_told_apart_without_red_and_green():
    """Machado, Oliveira and Fernandes (2009), doi:10.1109/TVCG.2009.113: no green cones."""
    deuteranope = np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])
    rgb = matplotlib.colors.to_rgba_array(CATEGORICAL)[:, :3]
    seen = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ deuteranope.T
    distance = np.linalg.norm(seen[:, None] - seen[None], axis=2) + 9 * np.eye(len(seen))
    assert distance.min() > 0.08


def test_public_names_are_there():
    assert all(callable(getattr(plots, name)) for name in plots.__all__)


@pytest.mark.usefixtures("without_type_checks")
def test_what_matplotlib_did_not_draw_is_refused(tmp_path):
    with pytest.raises(DataTypeError, match=r"what matplotlib drew; got a builtins dict\. Use"):
        save_figure({}, tmp_path / "figure.png")
