import numpy as np
import pytest

from cebra_ethan.plots import plot_decoding, plot_errors, plot_overview, plot_true_and_predicted
from cebra_ethan.plots.style import ACCENT, MUTED
from tests.plots.examples import (
    DECODED,
    DECODED_SIDE,
    ERRORS,
    HELD_OUT,
    LOSS,
    RING,
    SIDE,
    SPHERE,
    X,
)


def test_both_traces_are_drawn_in_seconds():
    ax = plot_decoding(DECODED, bin_s=0.5)
    true, predicted = ax.lines
    assert true.get_ydata().tolist() == DECODED.true.tolist()
    assert predicted.get_ydata().tolist() == DECODED.predicted.tolist()
    assert true.get_xdata().tolist() == (0.5 * np.arange(200)).tolist()
    assert ax.get_xlabel() == "Time (s)"
    assert plot_decoding(DECODED).get_xlabel() == "Time (bins)"


def test_a_score_is_told_beside_its_chance():
    title = plot_decoding(DECODED, unit="cm").get_title(loc="right")
    assert title == (
        f"median error {DECODED.median_error:.3g} cm (chance {DECODED.chance.median_error:.3g} cm)"
    )
    right, chance = 100 * DECODED_SIDE.accuracy, 100 * DECODED_SIDE.chance.accuracy
    title = plot_true_and_predicted(DECODED_SIDE).get_title()
    assert title == f"accuracy {right:.1f} % (chance {chance:.1f} %)"


def test_a_circular_trace_breaks_where_it_wraps():
    values = np.array([300.0, 350.0, 10.0, 60.0])
    true = plot_decoding((values, values), period=360.0).lines[0].get_ydata()
    np.testing.assert_array_equal(true, [300, 350, np.nan, 60])


def test_classes_are_named_on_the_axis():
    ax = plot_decoding(DECODED_SIDE)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["left", "right"]
    assert ax.lines[0].get_ydata().tolist() == (DECODED_SIDE.true == "right").tolist()


def test_one_of_several_columns():
    pair = (RING, RING + np.array([0, 1]))
    drawn = plot_decoding(pair, column=1).lines[1].get_ydata()
    assert drawn.tolist() == (RING[:, 1] + 1).tolist()


def test_the_heat_map_counts_every_bin_once_true_along_x():
    true, predicted = np.array([0.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0])
    counts = plot_true_and_predicted((true, predicted), num_bins=2).images[0].get_array()
    assert counts.filled(0).tolist() == [[0, 0], [2, 1]]


def test_the_confusion_matrix_has_shares_of_the_true_class():
    true, predicted = np.array(["a", "a", "a", "b"]), np.array(["a", "a", "b", "b"])
    share = plot_true_and_predicted((true, predicted)).images[0].get_array()
    np.testing.assert_allclose(share, [[2 / 3, 0], [1 / 3, 1]])


def test_errors_show_every_seed_their_mean_and_spread():
    ax = plot_errors(ERRORS, unit="cm")
    seeds = {
        c.get_offsets()[:, 0].round(9).tobytes()
        for c in ax.collections
        if len(c.get_offsets()) == 10
    }
    assert {np.round(v, 9).tobytes() for v in ERRORS.values() if np.size(v) > 1} <= seeds
    texts = [t.get_text() for t in ax.texts]
    for values, text in zip(ERRORS.values(), texts, strict=True):
        spread = f" ± {np.std(values, ddof=1):.1f}" if np.size(values) > 1 else ""
        assert text == f"{np.mean(values):.1f}{spread}"
    assert ax.get_xlabel() == "Median absolute error (cm); mean ± s.d., n = 10"
    assert [t.get_text() for t in ax.get_yticklabels()] == list(ERRORS)
    assert ax.get_xlim()[0] == 0


def test_controls_are_grey():
    ax = plot_errors(ERRORS)
    assert [t.get_color() for t in ax.texts] == [ACCENT, MUTED, MUTED, MUTED]
    ax = plot_errors(ERRORS, controls=("CEBRA",))
    assert [t.get_color() for t in ax.texts] == [MUTED, ACCENT, ACCENT, ACCENT]


@pytest.mark.parametrize("embedding", [RING, SPHERE])
def test_an_overview_has_its_panels(embedding):
    whole = plot_overview(
        embedding,
        X,
        history=LOSS,
        validation=HELD_OUT,
        num_negatives=512,
        decoding=DECODED,
        unit="cm",
        title="simulated",
    )
    labels = {ax.get_ylabel() for ax in whole.axes}
    assert {"Latent 2", "Position (cm)", "InfoNCE loss (nats)"} <= labels
    assert whole.get_suptitle() == "simulated"
    alone = plot_overview(embedding, SIDE)
    assert {ax.get_ylabel() for ax in alone.axes} - {""} == {"Latent 2"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_decoding((X.to_numpy(), X.to_numpy()[:5])), r"\(600,\) and \(5,\)"),
        (lambda: plot_decoding((RING, RING), column=2), "one of 2, from 0; got 2"),
        (lambda: plot_true_and_predicted((RING[:0], RING[:0])), "the same shape"),
        (lambda: plot_errors({}), "at least one number for each method"),
        (lambda: plot_errors({"CEBRA": []}), "at least one number for each method"),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
