"""Laws of every loss, its formula rewritten in loops, and the stored numbers of `cebra`."""

import math
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch
from torch import nn

from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.models import criterions
from cebra_ethan.models.criterions import (
    CRITERIONS,
    NCE,
    SIMILARITIES,
    BaseInfoNCE,
    FixedCosineInfoNCE,
    FixedEuclideanInfoNCE,
    FixedInfoNCE,
    FocalInfoNCE,
    InfoMSE,
    InfoNCE,
    LearnableCosineInfoNCE,
    LearnableEuclideanInfoNCE,
    LearnableInfoNCE,
    Loss,
    dot_similarity,
    euclidean_similarity,
    info_nce,
    make_criterion,
)
from tests.reference import criterions as reference_formulas

GOLDEN = Path(__file__).parents[1] / "golden" / "criterions.npz"
FORMULAS = {
    "infonce": reference_formulas.info_nce,
    "focal": reference_formulas.focal_info_nce,
    "nce": reference_formulas.nce,
}
CLASSES = {
    "FixedCosineInfoNCE": FixedCosineInfoNCE,
    "FixedEuclideanInfoNCE": FixedEuclideanInfoNCE,
    "LearnableCosineInfoNCE": LearnableCosineInfoNCE,
    "LearnableEuclideanInfoNCE": LearnableEuclideanInfoNCE,
    "NCE": NCE,
}


def points(*, shared=True, scale=1.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    shapes = ((6, 3), (6, 3), (9, 3) if shared else (6, 4, 3))
    return [
        (scale * torch.randn(shape, generator=generator, dtype=dtype)).requires_grad_()
        for shape in shapes
    ]


@pytest.mark.parametrize("name", SIMILARITIES)
def test_candidates_of_each_reference_or_of_all_agree(name):
    reference, _, candidates = (point.detach() for point in points())
    shared = SIMILARITIES[name](reference, candidates)
    own = SIMILARITIES[name](reference, candidates.expand(6, 9, 3))
    torch.testing.assert_close(shared, own)
    expected = [
        [reference_formulas.SIMILARITIES[name](x, y) for y in candidates] for x in reference
    ]
    torch.testing.assert_close(shared, torch.tensor(expected, dtype=torch.float64))


def test_euclidean_similarity_is_minus_the_squared_distance():
    x, _, y = (point.detach() for point in points())
    torch.testing.assert_close(euclidean_similarity(x, y), -(torch.cdist(x, y) ** 2))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.25])
@pytest.mark.parametrize("distance", SIMILARITIES)
@pytest.mark.parametrize("name", CRITERIONS)
def test_a_loss_is_its_formula(name, distance, temperature, shared):
    batch = points(shared=shared)
    found = make_criterion(name, distance, temperature)(*batch).total
    arrays = [point.detach().numpy() for point in batch]
    expected = FORMULAS[name](*arrays, similarity=distance, temperature=temperature)
    assert found.item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("mode", ["constant", "auto"])
@pytest.mark.parametrize("distance", SIMILARITIES)
@pytest.mark.parametrize("name", CRITERIONS)
def test_gradients_are_those_of_finite_differences(name, distance, mode):
    criterion = make_criterion(name, distance, 0.7, mode).double()
    if name == "focal":  # a detached weight is a constant that finite differences do not see
        criterion.detach_weight = False
    assert torch.autograd.gradcheck(lambda *batch: criterion(*batch).total, points())


@pytest.mark.parametrize("distance", SIMILARITIES)
@pytest.mark.parametrize("name", CRITERIONS)
def test_a_learned_temperature_follows_its_gradient(name, distance):
    criterion = make_criterion(name, distance, 0.7, "auto").double()
    if name == "focal":
        criterion.detach_weight = False
    batch = [point.detach() for point in points()]
    (parameter,) = criterion.parameters()
    criterion(*batch).total.backward()
    step = 1e-6
    losses = [make_criterion(name, distance, 0.7 * math.exp(-sign * step)) for sign in (1, -1)]
    for loss in losses:
        loss.detach_weight = False
    up, down = (loss(*batch).total.item() for loss in losses)
    assert parameter.grad.item() == pytest.approx((up - down) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("name", CRITERIONS)
def test_a_loss_is_the_sum_of_its_parts(name):
    loss = make_criterion(name)(*points())
    assert isinstance(loss, Loss)
    torch.testing.assert_close(loss.total, loss.align + loss.uniform)
    assert all(part.shape == () for part in loss)


@pytest.mark.parametrize("name", CRITERIONS)
def test_a_nearer_positive_and_farther_negatives_are_better(name):
    criterion = make_criterion(name, "euclidean")
    x, near, far = torch.zeros(4, 2), torch.full((4, 2), 0.1), torch.full((5, 2), 1.0)
    assert criterion(x, near, far).total < criterion(x, 3 * near, far).total
    assert criterion(x, near, far).total < criterion(x, near, far / 2).total


@pytest.mark.parametrize("name", CRITERIONS)
def test_the_order_of_rows_does_not_matter(name):
    x, p, n = points()
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    criterion = make_criterion(name)
    torch.testing.assert_close(
        criterion(x, p, n).total, criterion(x[order], p[order], n.flip(0)).total
    )


@pytest.mark.parametrize("scale", [1e4, 1e8, 1e15])
@pytest.mark.parametrize("distance", SIMILARITIES)
@pytest.mark.parametrize("name", CRITERIONS)
def test_huge_similarities_stay_finite(name, distance, scale):
    for detach_weight in (True, False):
        criterion = make_criterion(name, distance)
        criterion.detach_weight = detach_weight
        batch = points(scale=scale, dtype=torch.float32)
        loss = criterion(*batch)
        loss.total.backward()
        assert all(part.isfinite() for part in loss)
        assert all(point.grad.isfinite().all() for point in batch)


def test_info_nce_is_the_loss_of_similarities():
    x, p, n = points()
    expected = info_nce((x * p).sum(1), dot_similarity(x, n))
    assert torch.equal(InfoNCE()(x, p, n).total, expected)


def test_chance_is_the_logarithm_of_the_negatives():
    zeros = torch.zeros(4, 3)
    for num_negatives in (1, 8, 512):
        loss = InfoNCE()(zeros, zeros, torch.zeros(num_negatives, 3)).total
        assert loss.item() == pytest.approx(math.log(num_negatives))


@pytest.mark.parametrize("detach_weight", [True, False])
@pytest.mark.parametrize("distance", SIMILARITIES)
def test_focal_without_focus_is_info_nce(distance, detach_weight):
    focal = FocalInfoNCE(0.0, 0.7, distance, detach_weight=detach_weight)
    results = []
    for criterion in (focal, BaseInfoNCE(distance, 0.7)):
        batch = points()
        total = criterion(*batch).total
        results.append((total, *torch.autograd.grad(total, batch)))
    torch.testing.assert_close(*results, rtol=0, atol=1e-15)


def test_a_detached_weight_only_rescales_each_gradient():
    x, p, n = points()
    (focal,) = torch.autograd.grad(FocalInfoNCE(2.0)(x, p, n).total, p)
    (plain,) = torch.autograd.grad(InfoNCE()(x, p, n).total, p)
    loss = dot_similarity(x, n).logsumexp(1) - (x * p).sum(1)
    torch.testing.assert_close(focal, plain * loss.sigmoid().square().unsqueeze(1))


def test_a_weight_that_is_not_detached_can_turn_the_gradient():
    x = torch.ones(1, 1, dtype=torch.float64)
    p = torch.full((1, 1), 9.0, dtype=torch.float64, requires_grad=True)  # long solved
    n = torch.zeros(1, 1, dtype=torch.float64)
    (detached,) = torch.autograd.grad(FocalInfoNCE(2.0)(x, p, n).total, p)
    (attached,) = torch.autograd.grad(FocalInfoNCE(2.0, detach_weight=False)(x, p, n).total, p)
    assert detached < 0 < attached


def test_focus_lowers_the_weight_of_easy_references():
    x = torch.ones(1, 1)
    easy, hard, n = torch.full((1, 1), 1.0), torch.full((1, 1), -1.0), torch.zeros(3, 1)
    ratios = [
        [
            (FocalInfoNCE(gamma)(x, p, n).total / InfoNCE()(x, p, n).total).item()
            for p in (easy, hard)
        ]
        for gamma in (0.0, 1.0, 4.0)
    ]
    assert ratios[0] == [1.0, 1.0]
    assert ratios[2][0] < ratios[1][0] < 1
    assert all(easy_ratio < hard_ratio for easy_ratio, hard_ratio in ratios[1:])


def test_any_function_is_a_similarity():
    def minus_distance(reference, candidates):
        others = candidates if candidates.ndim == 3 else candidates.unsqueeze(0)
        return -(reference.unsqueeze(1) - others).norm(dim=2)

    x, p, n = points()
    expected = info_nce(-(x - p).norm(dim=1) / 0.5, -torch.cdist(x, n) / 0.5)
    torch.testing.assert_close(FocalInfoNCE(0.0, 0.5, minus_distance)(x, p, n).total, expected)
    torch.testing.assert_close(
        FixedInfoNCE(0.5, similarity=minus_distance)(x, p, n).total, expected
    )


@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_nce_joins_negatives_as_told(reduce):
    batch = points()
    arrays = [point.detach().numpy() for point in batch]
    expected = reference_formulas.nce(*arrays, temperature=0.7, negative_weight=1.5, reduce=reduce)
    found = NCE(0.7, 1.5, reduce)(*batch).total
    assert found.item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("mode", ["constant", "auto"])
@pytest.mark.parametrize("name", CRITERIONS)
def test_every_criterion_has_a_temperature(name, mode):
    criterion = make_criterion(name, "cosine", 0.25, mode, min_temperature=0.1)
    assert float(criterion.temperature) == pytest.approx(0.25)
    assert len(list(criterion.parameters())) == (mode == "auto")
    if mode == "auto":
        assert not criterion.temperature.requires_grad


@pytest.mark.parametrize("name", CRITERIONS)
def test_a_learned_temperature_respects_its_bound(name):
    criterion = make_criterion(name, "cosine", 1.0, "auto", min_temperature=0.5)
    nn.init.constant_(criterion.log_inverse_temperature, 3.0)
    assert float(criterion.temperature) == 0.5
    batch = points(dtype=torch.float32)
    loss = criterion(*batch).total
    torch.testing.assert_close(loss, make_criterion(name, "cosine", 0.5)(*batch).total)
    loss.backward()
    assert criterion.log_inverse_temperature.grad == 0  # as in `cebra`


def test_a_learned_temperature_falls_when_positives_are_near():
    criterion = LearnableInfoNCE(1.0)
    optimizer = torch.optim.SGD(criterion.parameters(), lr=0.1)
    x, n = torch.eye(3), torch.randn(8, 3, generator=torch.Generator().manual_seed(0)) / 9
    criterion(x, x, n).total.backward()
    optimizer.step()
    assert criterion.temperature < 1


def test_a_criterion_is_stored_and_restored():
    one, two = LearnableCosineInfoNCE(0.3), LearnableCosineInfoNCE(1.0)
    two.load_state_dict(one.state_dict())
    assert one.temperature == two.temperature


def test_aliases_and_families():
    assert InfoNCE is FixedCosineInfoNCE
    assert InfoMSE is FixedEuclideanInfoNCE
    for name, family in (("Fixed", FixedInfoNCE), ("Learnable", LearnableInfoNCE)):
        for distance in ("Cosine", "Euclidean"):
            assert issubclass(getattr(criterions, f"{name}{distance}InfoNCE"), family)


@pytest.mark.parametrize("name", CLASSES)
def test_losses_and_gradients_are_those_of_cebra(name):
    with np.load(GOLDEN, allow_pickle=False) as file:
        stored = {key: torch.from_numpy(file[key]) for key in file}
    arguments = {"temperature": 0.7}
    arguments |= {"min_temperature": 0.1} if name.startswith("Learnable") else {}
    arguments |= {"negative_weight": 1.5, "reduce": "mean"} if name == "NCE" else {}
    criterion = CLASSES[name](**arguments).double()
    batch = [stored[label].requires_grad_() for label in ("reference", "positive", "negative")]
    loss = criterion(*batch)
    loss.total.backward()
    # cebra's NCE is the log-likelihood of each reference, without the weight in its parts.
    sign, weight = (-1, 1.5) if name == "NCE" else (1, 1)
    close = {"rtol": 0, "atol": 1e-12}
    torch.testing.assert_close(loss.total, sign * stored[f"{name}/total"].mean(), **close)
    torch.testing.assert_close(loss.align, sign * stored[f"{name}/align"].mean(), **close)
    torch.testing.assert_close(
        loss.uniform, sign * weight * stored[f"{name}/uniform"].mean(), **close
    )
    for label, point in zip(("reference", "positive", "negative"), batch, strict=True):
        torch.testing.assert_close(point.grad, sign * stored[f"{name}/{label}.grad"], **close)
    for label, parameter in criterion.named_parameters():
        # The parameter starts as a float32 in both packages.
        torch.testing.assert_close(
            parameter.grad, sign * stored[f"{name}/{label}.grad"], rtol=0, atol=1e-7
        )


@pytest.mark.parametrize(
    "shapes",
    [
        [(4, 3), (5, 3), (6, 3)],
        [(4, 3), (1, 3), (6, 3)],
        [(4, 3), (4, 3), (6, 2)],
        [(4, 3), (4, 3), (5, 6, 3)],
        [(4, 3, 1), (4, 3, 1), (6, 3, 1)],
    ],
)
def test_shapes_that_would_broadcast_are_refused(shapes):
    jaxtyping.config.update("jaxtyping_disable", True)  # users have no runtime type checks
    try:
        with pytest.raises(DataError, match=r"reference \(B, D\).*got.*Squeeze"):
            InfoNCE()(*(torch.zeros(shape) for shape in shapes))
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InfoNCE(0.0), "temperature must be positive and finite; got 0.0"),
        (lambda: InfoNCE(-1.0), "temperature must be positive and finite; got -1.0"),
        (lambda: InfoNCE(math.nan), "temperature must be positive and finite; got nan"),
        (lambda: LearnableInfoNCE(0.05, 0.1), "min_temperature must be .* at most temperature"),
        (lambda: LearnableInfoNCE(1.0, 0.0), "min_temperature must be positive"),
        (lambda: FocalInfoNCE(-0.5), "gamma must be finite and at least 0; got -0.5"),
        (lambda: BaseInfoNCE("manhattan"), "similarity must be one of cosine, euclidean"),
        (lambda: make_criterion("triplet"), "criterion must be one of infonce, focal, nce; got"),
        (lambda: make_criterion(distance="l1"), "distance must be one of cosine, euclidean"),
        (lambda: make_criterion(temperature_mode="no"), "temperature_mode must be one of"),
    ],
)
def test_a_wrong_argument_is_named(make, message):
    with pytest.raises(InvalidParameterError, match=message):
        make()


def test_a_constant_temperature_has_no_bound():
    assert make_criterion(temperature=0.05, min_temperature=0.1).temperature == 0.05


def test_a_module_passes_through():
    module = FocalInfoNCE()
    assert make_criterion(module) is module


@pytest.mark.parametrize("block", [1, 40, 160, 400])  # rows of a block: 1, 1, 4 and 10 of 11
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("mode", ["constant", "auto"])
@pytest.mark.parametrize("distance", SIMILARITIES)
@pytest.mark.parametrize("name", CRITERIONS)
def test_blocks_do_not_show(name, distance, mode, shared, block, monkeypatch):
    generator = torch.Generator().manual_seed(3)
    shapes = [(11, 3), (11, 3), (40, 3) if shared else (11, 40, 3)]
    inputs = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]

    def outcome():
        criterion = make_criterion(name, distance, 0.7, mode).double()
        leaves = [one.clone().requires_grad_() for one in inputs]
        losses = criterion(*leaves)
        losses.total.backward()
        learned = [p.grad for p in criterion.parameters()]
        return [*(one.detach() for one in losses), *(leaf.grad for leaf in leaves), *learned]

    whole = outcome()
    monkeypatch.setattr("cebra_ethan.models.info_nce._BLOCK_ELEMENTS", block)
    torch.testing.assert_close(outcome(), whole, rtol=1e-12, atol=1e-14)


def test_memory_of_a_large_batch_grows_with_its_rows(monkeypatch):
    """What is kept for the backward pass is no matrix of similarities."""
    kept = []
    monkeypatch.setattr("cebra_ethan.models.info_nce._BLOCK_ELEMENTS", 1 << 14)
    leaves = [torch.randn(1024, 3).requires_grad_() for _ in range(3)]
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        BaseInfoNCE()(*leaves).total.backward()
    assert max(kept) <= 1 << 14
