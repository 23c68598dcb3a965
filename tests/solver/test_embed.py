"""Embedding: one pass equals three, chunks and trials do not show, nothing sees the future."""

import pytest
import torch

from cebra_ethan.data.augment import GaussianNoise
from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.data.multisession import MultiSessionDataset
from cebra_ethan.models.base import OffsetModel
from cebra_ethan.models.model import MODELS, resolve_model
from cebra_ethan.models.multisession import MultiSessionModel
from cebra_ethan.solver.embed import embed, transform
from cebra_ethan.types import Batch, Indices, Offset, Recording
from tests.solver.examples import NEURAL, NUM_DIMS, NUM_NEURONS, make_loader, make_model

every_model = pytest.mark.parametrize("name", MODELS)
NEURAL = torch.from_numpy(NEURAL[:75])
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


class Counted(OffsetModel):
    """A model of one bin that writes down how many windows it was given."""

    def __init__(self):
        super().__init__(Offset(0, 1), num_neurons=NUM_NEURONS, num_output=2)
        self.seen = []

    def forward(self, windows):
        self.seen.append(len(windows))
        return windows[:, :2]


def _padded(neural, offset):
    """The windows of every bin, `(T, N, span)`, each looked up bin by bin."""
    last = len(neural) - 1
    rows = [
        [min(max(t + k, 0), last) for k in range(-offset.left, offset.right)]
        for t in range(len(neural))
    ]
    return neural[torch.tensor(rows)].permute(0, 2, 1)


def _embed_apart(model, batch):
    """Reference, positives and negatives, each in a forward pass of its own."""

    def points(windows):
        flat = model(windows.reshape(-1, *windows.shape[-2:])).squeeze(-1)
        return flat.unflatten(0, windows.shape[:-2])

    return (
        points(batch.reference),
        tuple(points(windows) for windows in batch.positive),
        points(batch.negative),
    )


@every_model
@pytest.mark.parametrize("num_negatives", [None, 4])
@pytest.mark.parametrize("batch_size", [8, 200])  # a few bins, and each bin several times
def test_one_pass_equals_three(name, num_negatives, batch_size):
    model = make_model(name).eval()
    loader = make_loader(1, batch_size, num_negatives=num_negatives, hybrid=True)
    batch = loader.bind(model.offset).batch(0)
    together = embed(model, batch)
    reference, positive, negative = _embed_apart(model, batch)
    assert len(together.positive) == 2
    torch.testing.assert_close(together.reference, reference, **CLOSE)
    torch.testing.assert_close(together.negative, negative, **CLOSE)
    for one, other in zip(together.positive, positive, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


@pytest.mark.parametrize("num_negatives", [None, 4])
def test_shapes(num_negatives):
    model = make_model()
    batch = make_loader(1, 16, num_negatives=num_negatives).bind(model.offset).batch(0)
    points = embed(model, batch)
    assert points.reference.shape == (16, NUM_DIMS)
    assert [positive.shape for positive in points.positive] == [(16, NUM_DIMS)]
    negatives = () if num_negatives is None else (num_negatives,)
    assert points.negative.shape == (16, *negatives, NUM_DIMS)


def _crowded_batch(augmentation=None):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(50, (200,), generator=generator)
    recording = Recording(NEURAL[:50])
    scale = [recording.neural.std(dim=0)]
    return Batch(
        (recording,), Indices(rows, (rows,), rows), Offset(0, 1), augmentation, scale, generator
    )


def test_each_distinct_bin_is_embedded_once():
    model, batch = Counted(), _crowded_batch()
    points = embed(model, batch)
    distinct = len(batch.indices.reference.unique())
    assert model.seen == [distinct]
    assert distinct < 200
    expected = NEURAL[batch.indices.reference, :2]
    for part in (points.reference, *points.positive, points.negative):
        torch.testing.assert_close(part, expected)


def test_augmented_windows_are_all_embedded_and_all_different():
    model, batch = Counted(), _crowded_batch(GaussianNoise(1.0))
    points = embed(model, batch)
    assert model.seen == [600]
    assert len(torch.cat([points.reference, *points.positive, points.negative]).unique()) > 1000


def test_few_rows_are_embedded_once_each_too():
    model, rows = Counted(), torch.tensor([3, 3, 4])
    batch = Batch((Recording(NEURAL),), Indices(rows, (rows,), rows), Offset(0, 1))
    torch.testing.assert_close(embed(model, batch).reference, NEURAL[rows, :2])
    assert model.seen == [2]


def test_gradients_of_repeated_bins_add_up():
    model = make_model("offset1-model")
    batch = _crowded_batch()
    embed(model, batch).reference.square().mul(torch.arange(NUM_DIMS)).sum().backward()
    crowded = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    _embed_apart(model, batch)[0].square().mul(torch.arange(NUM_DIMS)).sum().backward()
    for one, parameter in zip(crowded, model.parameters(), strict=True):
        torch.testing.assert_close(one, parameter.grad, rtol=1e-3, atol=1e-4)
    assert any(bool(grad.any()) for grad in crowded)


@every_model
@pytest.mark.parametrize("causal", [False, True])
def test_transform_is_the_model_on_padded_windows(name, causal):
    model = make_model(name, causal=causal).eval()
    with torch.no_grad():
        expected = model(_padded(NEURAL, model.offset)).squeeze(-1)
    torch.testing.assert_close(transform(model, NEURAL), expected, **CLOSE)


@every_model
def test_trials_are_padded_apart(name):
    model = make_model(name)
    segments = torch.tensor([[0, 30], [30, 31], [31, 75]])
    apart = [transform(model, NEURAL[start:stop]) for start, stop in segments]
    torch.testing.assert_close(transform(model, NEURAL, segments), torch.cat(apart), **CLOSE)


@every_model
@pytest.mark.parametrize("pad", [True, False])
def test_chunks_do_not_show(name, pad, monkeypatch):
    model = make_model(name)
    whole = transform(model, NEURAL, pad=pad)
    for size in (4, 12, 60, 1000):  # multiples of every factor of subsampling
        monkeypatch.setattr("cebra_ethan.solver.embed._CHUNK_BINS", size)
        torch.testing.assert_close(transform(model, NEURAL, pad=pad), whole, **CLOSE)


@every_model
def test_a_point_does_not_depend_on_what_else_is_embedded(name, monkeypatch):
    """Also across the border of two chunks; to the last bit where windows are one bin."""
    monkeypatch.setattr("cebra_ethan.solver.embed._CHUNK_BINS", 256)
    model = make_model(name)
    neural = torch.randn(600, NUM_NEURONS, generator=torch.Generator().manual_seed(1))
    factor, left, right = model.resample_factor, model.offset.left, model.offset.right
    whole = transform(model, neural)
    for first in (0, 8, 200, 252, 300):
        part = transform(model, neural[first : first + 240])
        inside = slice(-(-left // factor), (240 - right) // factor)
        expected = whole[first // factor :][: len(part)]
        within = 0.0 if model.offset.span == 1 else 1e-5
        torch.testing.assert_close(part[inside], expected[inside], rtol=within, atol=within)


@every_model
def test_without_padding_only_whole_windows_stay(name):
    model = make_model(name)
    offset = model.offset
    unpadded = transform(model, NEURAL, pad=False)
    assert unpadded.shape == (len(NEURAL) - offset.span + 1, NUM_DIMS)
    inside = slice(offset.left, len(NEURAL) - offset.right + 1)
    torch.testing.assert_close(unpadded, transform(model, NEURAL)[inside], **CLOSE)


def test_without_padding_a_short_trial_leaves_nothing():
    model = make_model("offset10-model")
    segments = torch.tensor([[0, 9], [9, 29]])
    assert transform(model, NEURAL[:29], segments, pad=False).shape == (11, NUM_DIMS)
    assert transform(model, NEURAL[:9], pad=False).shape == (0, NUM_DIMS)


@every_model
@pytest.mark.parametrize("bin_", [20, 40])
def test_a_causal_embedding_does_not_change_with_the_future(name, bin_):
    model = make_model(name, causal=True)
    changed = NEURAL.clone()
    changed[bin_ + 1 :] = torch.randn_like(changed[bin_ + 1 :]).mul(10)
    before, after = transform(model, NEURAL), transform(model, changed)
    torch.testing.assert_close(before[: bin_ + 1], after[: bin_ + 1], **CLOSE)
    assert not torch.allclose(before[bin_ + 1 :], after[bin_ + 1 :], **CLOSE)


def test_a_centred_embedding_does():
    model = make_model("offset10-model")
    changed = NEURAL.clone()
    changed[41:] += 10
    before, after = transform(model, NEURAL), transform(model, changed)
    same = torch.isclose(before, after, **CLOSE).all(dim=1)
    assert same[:37].all()  # the window of bin 36 ends with bin 40
    assert not same[37:].any()


@pytest.mark.parametrize("training", [True, False])
def test_transform_leaves_the_mode_and_makes_no_graph(training):
    model = make_model().train(training)
    assert not transform(model, NEURAL).requires_grad
    assert model.training is training


@every_model
@pytest.mark.parametrize("num_negatives", [None, 4])
@pytest.mark.parametrize("batch_size", [4, 60])  # a few bins, and each bin several times
def test_rows_of_several_sessions_go_through_their_own_encoders(name, num_negatives, batch_size):
    draw = torch.Generator().manual_seed(0)
    sessions = [torch.randn(n, 3 + k, generator=draw) for k, n in enumerate((90, 70, 80))]
    labels = [{"place": torch.rand(len(one), generator=draw)} for one in sessions]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoders = [resolve_model(name)(3 + k, 8, NUM_DIMS).eval() for k in range(3)]
    dataset = MultiSessionDataset(sessions, labels, num_negatives=num_negatives, hybrid=True)
    offset = encoders[0].offset
    batch = ContrastiveLoader(dataset, batch_size, 1, random_state=0).bind(offset).batch(0)
    indices, found = batch.indices, embed(MultiSessionModel(encoders), batch)
    rows = (indices.reference, *indices.positive, indices.negative)
    starts = [0, 90, 160, 240]
    for part, where in zip((found.reference, *found.positive, found.negative), rows, strict=True):
        assert part.shape == (*where.shape, NUM_DIMS)
        for points, row in zip(
            part.flatten(0, -2)[::7], where.flatten().tolist()[::7], strict=True
        ):
            session = next(k for k in range(3) if row < starts[k + 1])
            first = row - starts[session] - offset.left
            window = sessions[session][first : first + offset.span]
            torch.testing.assert_close(points, encoders[session](window.T[None])[0, :, 0], **CLOSE)
