"""Goodness of fit: chance for what is not trained, more for what is, on the data given."""

import math

import numpy as np
import pytest
import torch

from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.data.multisession import MultiSessionDataset
from cebra_ethan.errors import DataError
from cebra_ethan.models.criterions import FixedCosineInfoNCE, FixedEuclideanInfoNCE, FocalInfoNCE
from cebra_ethan.models.model import Offset1Model
from cebra_ethan.models.multisession import MultiSessionModel
from cebra_ethan.solver import evaluate
from cebra_ethan.solver.embed import embed
from cebra_ethan.solver.evaluate import goodness_of_fit, resampling_blocks
from cebra_ethan.types import Objective, Recording
from tests.reference.infonce import infonce
from tests.reference.multisession import multisession_loss
from tests.solver.examples import make_loader, make_model, make_solver


def _bits(solver, loader):
    return goodness_of_fit(solver.model, solver.objectives[0], loader).bits


def _shuffled(loader):
    """The loader with its time bins in random order, under the labels in theirs."""
    loader.bind(make_model().offset)
    neural = loader.recordings[0].neural
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(neural)))
    loader.recordings = (Recording(neural[order]),)
    return loader


@pytest.fixture(scope="module")
def trained():
    return make_solver().fit(make_loader(150, 64, part=slice(0, 200)))


@pytest.mark.parametrize("num_negatives", [None, 5])
@pytest.mark.parametrize("labels", [True, False])
def test_untrained_is_chance_without_structure(num_negatives, labels):
    # Random weights already tell neighbours apart where neighbours look alike, hence no structure.
    solver = make_solver(criterion=FixedCosineInfoNCE())
    loader = _shuffled(make_loader(30, 64, seed=9, num_negatives=num_negatives, labels=labels))
    assert -0.3 < _bits(solver, loader) < 0.05


@pytest.mark.parametrize("num_negatives", [None, 5])
@pytest.mark.parametrize("labels", [True, False])
def test_training_on_structure_raises_it(num_negatives, labels):
    options = {"num_negatives": num_negatives, "labels": labels}
    evaluation = make_loader(30, 64, seed=9, **options)
    solver = make_solver(criterion=FixedCosineInfoNCE(0.5))
    untrained = _bits(solver, evaluation)
    solver.fit(make_loader(150, 64, **options))
    assert _bits(solver, evaluation) > untrained + 0.4


@pytest.mark.parametrize("num_negatives", [None, 5])
def test_batches_embedded_together_give_what_each_gives_alone(num_negatives, monkeypatch):
    solver = make_solver(criterion=FixedCosineInfoNCE())
    loader = make_loader(30, 64, seed=9, num_negatives=num_negatives)
    found = []
    for rows in (1, 1_000, 10**9):  # one batch, some, all of them
        monkeypatch.setattr(evaluate, "_ROWS_AT_ONCE", rows)
        found.append(_bits(solver, loader))
    assert found == pytest.approx([found[0]] * 3, rel=1e-5)


@pytest.mark.parametrize("criterion", [FixedCosineInfoNCE, FixedEuclideanInfoNCE])
@pytest.mark.parametrize("num_negatives", [None, 5])
def test_bits_follow_from_the_published_loss(criterion, num_negatives):
    model, objective = make_model(seed=3).eval(), Objective(criterion(0.5), dims=slice(2))
    loader = make_loader(4, 16, num_negatives=num_negatives)
    similarity = "dot" if criterion is FixedCosineInfoNCE else "euclidean"
    losses = []
    for batch in loader.bind(model.offset):
        points = embed(model, batch)
        one, two, three = (
            part[..., :2].detach().double().numpy()
            for part in (points.reference, points.positive[0], points.negative)
        )
        losses += [
            infonce(one[i], two[i], three if num_negatives is None else three[i], 0.5, similarity)
            for i in range(16)
        ]
    expected = (math.log(num_negatives or 16) - np.mean(losses)) / math.log(2)
    assert goodness_of_fit(model, objective, loader).bits == pytest.approx(expected, abs=1e-5)


def test_shuffled_labels_and_held_out_data_are_judged_as_given(trained):
    seen = _bits(trained, make_loader(30, 64, seed=9, part=slice(0, 200)))
    held_out = _bits(trained, make_loader(30, 64, seed=9, part=slice(210, 300)))
    shuffled = _bits(trained, _shuffled(make_loader(30, 64, seed=9, part=slice(0, 200))))
    assert shuffled < 0.1
    assert shuffled < held_out < seen + 0.2
    assert held_out > 0.5


def test_the_interval_contains_the_value_and_shrinks_with_more_batches(trained):
    few, many = (
        goodness_of_fit(trained.model, trained.objectives[0], make_loader(n, 32, seed=9))
        for n in (1, 40)
    )
    for fit in (few, many):
        assert fit.low < fit.bits < fit.high
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize("training", [True, False])
def test_mode_and_weights_stay(trained, training):
    trained.model.train(training)
    before = {k: v.clone() for k, v in trained.model.state_dict().items()}
    _bits(trained, make_loader(2))
    assert trained.model.training is training
    after = trained.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None or not p.grad.requires_grad for p in trained.model.parameters())


def test_dropout_does_not_blur_the_number():
    model = make_model()
    loader, objective = make_loader(4), Objective(FixedCosineInfoNCE())
    expected = goodness_of_fit(model, objective, loader).bits
    model.net.insert(1, torch.nn.Dropout(0.5))
    assert goodness_of_fit(model.train(), objective, loader).bits == expected


def test_focal_training_is_judged_by_infonce(trained):
    loader = make_loader(4, seed=9)
    focal, plain = (
        goodness_of_fit(trained.model, Objective(kind), loader).bits
        for kind in (FocalInfoNCE(gamma=2.0, temperature=0.5), FixedCosineInfoNCE(0.5))
    )
    assert focal == plain


def test_a_criterion_without_similarities_is_refused():
    with pytest.raises(DataError, match="similarities are known; got MSELoss"):
        goodness_of_fit(make_model(), Objective(torch.nn.MSELoss()), make_loader())


def test_blocks_are_the_trials():
    trial = torch.tensor([5, 5, 5, 2, 2, 5])
    blocks = resampling_blocks([Recording(torch.zeros(6, 1), trial=trial)], span=10)
    assert blocks.tolist() == [0, 0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    ("num_bins", "span", "size"), [(1000, 2, 20), (1000, 10, 50), (10, 1, 1), (1, 1, 1)]
)
def test_blocks_of_time_are_ten_windows_long_but_twenty_or_more(num_bins, span, size):
    blocks = resampling_blocks([Recording(torch.zeros(num_bins, 1))], span)
    assert len(blocks) == num_bins
    assert np.all(np.diff(blocks) >= 0)
    assert np.bincount(blocks)[0] == size


def test_blocks_of_different_sessions_differ():
    sessions = [
        Recording(torch.zeros(4, 1), trial=torch.tensor([0, 0, 1, 1])),
        Recording(torch.zeros(3, 2), trial=torch.tensor([0, 1, 1])),
    ]
    assert resampling_blocks(sessions, span=10).tolist() == [0, 0, 1, 1, 2, 3, 3]


@pytest.mark.parametrize("num_negatives", [None, 5])
@pytest.mark.parametrize("labels", [True, False])
def test_bits_of_several_sessions_follow_from_the_published_loss(labels, num_negatives):
    draw = torch.Generator().manual_seed(0)
    sessions = [torch.randn(n, 3 + k, generator=draw) for k, n in enumerate((60, 40))]
    places = [
        {"place": torch.rand(len(one), generator=draw)} if labels else {} for one in sessions
    ]
    encoders = [Offset1Model(3 + k, 8, 3) for k in range(2)]
    dataset = MultiSessionDataset(sessions, places, num_negatives=num_negatives)
    loader = ContrastiveLoader(dataset, 8, 2, random_state=0)
    losses = [
        multisession_loss(
            encoders,
            sessions,
            (batch.indices.reference, batch.indices.positive[0], batch.indices.negative),
            *(0, 1, 0.5),
            apart=not labels,
        ).item()
        for batch in loader.bind(encoders[0].offset)
    ]
    seen = num_negatives or (16 if labels else 8)
    expected = (math.log(seen) - np.mean(losses)) / math.log(2)
    objective = Objective(FixedCosineInfoNCE(0.5))
    found = goodness_of_fit(MultiSessionModel(encoders), objective, loader).bits
    assert found == pytest.approx(expected, abs=1e-5)
