"""One pass over stretches of overlapping windows gives what separate windows give."""

import pytest
import torch

from cebra_ethan.models.model import MODELS, resolve_model
from cebra_ethan.solver import embed as module
from cebra_ethan.solver.embed import embed
from cebra_ethan.solver.stretches import embed_stretches, lay_out, stretches_pay
from cebra_ethan.types import Batch, Indices, Recording

NUM_BINS = 200
NAMES = [name for name in MODELS if "dropout" not in name]


def rows_of(kind, offset):
    first, last = offset.left, NUM_BINS - offset.right
    return {
        "all": torch.arange(first, last + 1),
        "one": torch.tensor([last]),
        "ends": torch.tensor([first, last]),
        "some": torch.arange(first, last + 1)[torch.rand(last + 1 - first) < 0.2],
        "far": torch.arange(first, last + 1, offset.span),
    }[kind]


@pytest.mark.parametrize("kind", ["all", "one", "ends", "some", "far"])
@pytest.mark.parametrize("name", NAMES)
def test_stretches_equal_windows(name, kind):
    torch.manual_seed(0)
    model = resolve_model(name)(5, 8, 3).double().eval()
    if not model.shift_equivariant:
        pytest.skip(f"{name} is embedded window by window")
    neural = torch.randn(NUM_BINS, 5, dtype=torch.float64)
    rows = rows_of(kind, model.offset)
    batch = Batch((Recording(neural.float()),), Indices(rows, (rows,), rows), model.offset)
    windows = torch.stack(
        [neural[row - model.offset.left : row + model.offset.right].T for row in rows]
    )
    direction = torch.randn(len(rows), 3, dtype=torch.float64)
    expected = model(windows).squeeze(2)
    found = embed_stretches(model, neural, rows)
    weights = list(model.parameters())
    gradients = [
        torch.autograd.grad((points * direction).sum(), weights) for points in (found, expected)
    ]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)
    assert batch.reference.shape == windows.shape


def test_overlapping_windows_share_their_bins():
    assert lay_out(torch.tensor([3, 4, 6, 90]), 5).tolist() == [0, 1, 3, 8]


@pytest.mark.parametrize("name", ["offset10-model", "offset36-model"])
def test_crowded_windows_pay_and_lonely_ones_do_not(name):
    model = resolve_model(name)(20, 8, 3)
    span = model.offset.span
    assert stretches_pay(model, torch.arange(1000))
    assert not stretches_pay(model, torch.arange(0, 1000 * span, span))


def test_what_is_drawn_for_each_window_stays_with_its_window():
    model = resolve_model("offset36-model-dropout")(20, 8, 3).train()
    assert not stretches_pay(model, torch.arange(1000))
    assert stretches_pay(model.eval(), torch.arange(1000))


@pytest.mark.parametrize("name", ["offset10-model", "offset36-model"])
def test_the_choice_does_not_show_in_a_step(name, monkeypatch):
    model = resolve_model(name)(5, 8, 3)
    recording = Recording(torch.randn(NUM_BINS, 5))
    rows = rows_of("some", model.offset).repeat(2)
    batch = Batch((recording,), Indices(rows, (rows.flip(0),), rows), model.offset)
    found = []
    for pays in (True, False):
        monkeypatch.setattr(module, "stretches_pay", lambda *_, pays=pays: pays)
        points = embed(model, batch)
        total = (points.reference * points.positive[0].detach()).square().sum()
        found.append([points.reference, *torch.autograd.grad(total, list(model.parameters()))])
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-5)
