import math

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from cebra_ethan.metrics.goodness_of_fit import GoodnessOfFit
from cebra_ethan.plots import compare_models, plot_goodness_of_fit, plot_loss, plot_temperature
from tests.plots.examples import HELD_OUT, LOSS


def line(ax, label):
    (found,) = [item for item in ax.lines if item.get_label() == label]
    return found


@pytest.mark.parametrize("history", [LOSS, LOSS.tolist(), {"loss": LOSS, "align": LOSS}])
def test_the_loss_of_every_step_is_drawn(history):
    drawn = line(plot_loss(history), "training")
    assert drawn.get_ydata().tolist() == LOSS.tolist()
    assert drawn.get_xdata().tolist() == list(range(1, 301))


@pytest.mark.parametrize("width", [2, 5, 300])
def test_a_smoothed_loss_is_the_mean_of_its_steps(width):
    drawn = line(plot_loss(LOSS, smooth_steps=width), "training")
    x, y = drawn.get_xdata(), drawn.get_ydata()
    assert len(y) == 301 - width
    for i in (0, len(y) - 1):
        assert y[i] == pytest.approx(LOSS[i : i + width].mean())
        steps = np.arange(i + 1, i + width + 1)
        assert abs(x[i] - steps.mean()) <= 0.5  # a whole step


def test_the_raw_loss_stays_behind_the_smoothed_one():
    raw = plot_loss(LOSS, smooth_steps=20).lines[0]
    assert raw.get_ydata().tolist() == LOSS.tolist()
    assert raw.get_alpha() < 0.5


def test_held_out_losses_stand_at_their_steps():
    drawn = line(plot_loss(LOSS, validation=HELD_OUT), "held out")
    assert list(zip(drawn.get_xdata(), drawn.get_ydata(), strict=True)) == HELD_OUT


def test_chance_is_the_log_of_the_negatives():
    drawn = line(plot_loss(LOSS, num_negatives=512), "chance, log 512")
    assert set(drawn.get_ydata()) == {math.log(512)}


def test_one_line_needs_no_legend():
    assert plot_loss(LOSS).get_legend() is None
    assert plot_loss(LOSS, num_negatives=8).get_legend() is not None


def test_bits_are_drawn_with_the_interval_of_the_held_out_ones():
    fit = GoodnessOfFit(1.0, 0.8, 1.2, 5.5, 512)
    ax = plot_goodness_of_fit(LOSS, 512, held_out=fit)
    bits = (math.log(512) - LOSS) / math.log(2)
    np.testing.assert_allclose(line(ax, "training").get_ydata(), bits)
    assert set(line(ax, "held out, 1.00 bits").get_ydata()) == {1.0}
    assert set(line(ax, "chance").get_ydata()) == {0.0}
    (band,) = ax.patches
    assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((0.8, 1.2))


def test_no_band_without_an_interval():
    fit = GoodnessOfFit(1.0, math.nan, math.nan, 5.5, 512)
    assert not plot_goodness_of_fit(LOSS, 512, held_out=fit).patches


def test_temperature_and_its_minimum():
    ax = plot_temperature({"temperature": [1.0, 0.5]}, minimum=0.1)
    assert line(ax, "temperature").get_ydata().tolist() == [1.0, 0.5]
    assert set(line(ax, "minimum").get_ydata()) == {0.1}


def test_two_runs_fit_on_one_axes():
    ax = plot_loss(LOSS, label="seed 0")
    plot_loss(LOSS + 1, label="seed 1", color="black", lw=3, ax=ax)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["seed 0", "seed 1"]
    assert line(ax, "seed 1").get_linewidth() == 3


class Trained:
    """What `compare_models` needs to know of a solver or an estimator."""

    def __init__(self, name, losses):
        setattr(self, name, {"loss": losses})


def test_fault19_models_are_compared_on_the_axes_that_were_given():
    """`cebra` draws on a figure of its own."""
    left, right = Figure().subplots(1, 2)
    assert compare_models([LOSS, LOSS + 1], ["a", "b"], ax=right) is right
    assert line(right, "a").get_ydata().tolist() == LOSS.tolist()
    assert line(right, "b").get_ydata().tolist() == (LOSS + 1).tolist()
    assert not left.has_data()


@pytest.mark.parametrize(
    "models",
    [
        {"a": LOSS, "b": LOSS + 1},
        {"a": Trained("history", LOSS), "b": Trained("history_", LOSS + 1)},
        {"a": LOSS.tolist(), "b": {"loss": LOSS + 1, "temperature": LOSS}},
    ],
)
def test_models_are_histories_or_have_one(models):
    ax = compare_models(models)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b"]
    assert line(ax, "b").get_ydata().tolist() == (LOSS + 1).tolist()
    assert plot_loss(models["b"]).lines[0].get_ydata().tolist() == (LOSS + 1).tolist()


def test_models_with_other_negatives_are_compared_in_bits():
    """A loss at chance is zero bits, whatever the batch."""
    chance = [np.full(10, math.log(n)) for n in (64, 512)]
    ax = compare_models(chance, num_negatives=[64, 512])
    for name in "01":
        np.testing.assert_allclose(line(ax, name).get_ydata(), 0, atol=1e-12)
    assert ax.get_ylabel() == "Goodness of fit (bits)"
    assert set(line(ax, "chance").get_ydata()) == {0.0}
    bits = line(compare_models([LOSS], num_negatives=512), "0").get_ydata()
    np.testing.assert_allclose(bits, (math.log(512) - LOSS) / math.log(2))


def test_colours_of_models():
    ends = [tuple(c) for c in matplotlib.colormaps["cool"]([0.0, 1.0])]
    drawn = compare_models([LOSS, LOSS], cmap="cool").lines
    assert [item.get_color() for item in drawn] == [pytest.approx(c) for c in ends]
    drawn = compare_models([LOSS, LOSS], color="red", lw=3).lines
    assert {(item.get_color(), item.get_linewidth()) for item in drawn} == {("red", 3)}
    assert len({item.get_color() for item in compare_models([LOSS] * 8).lines}) == 8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare_models([]), "got 0 models, 0 labels"),
        (lambda: compare_models([LOSS], ["a", "b"]), "got 1 models, 2 labels"),
        (lambda: compare_models([LOSS], num_negatives=[8, 9]), r"num_negatives=\[8, 9\]"),
        (lambda: compare_models([{"total": LOSS}]), "must hold 'loss'; it holds total"),
        (lambda: plot_loss({"total": LOSS}), "must hold 'loss'; it holds total"),
        (lambda: plot_temperature({}), "must hold 'temperature'; it holds nothing"),
        (lambda: plot_loss([]), r"one value for each step; got shape \(0,\)"),
        (lambda: plot_loss(LOSS, smooth_steps=0), "between 1 and the 300 steps; got 0"),
        (lambda: plot_loss(LOSS, smooth_steps=301), "between 1 and the 300 steps; got 301"),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
