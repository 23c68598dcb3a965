"""Every architecture of `cebra` has its name here; counted variants are arguments."""

from itertools import product

import pytest
import torch
from torch import nn

from cebra_ethan.errors import InvalidParameterError
from cebra_ethan.models.model import (
    ALIASES,
    MODELS,
    SUBSAMPLED,
    resolve_model,
    resolve_offset,
    supported_model_architectures,
)
from cebra_ethan.models.names import grid_names, parse_grid_name

# What `cebra.CEBRA.supported_model_architectures()` lists in 0.6.1, written as a formula.
BOUNDS = (1, 5, 10, 15, 20, 25, 50, 100, 1000)
CLIPPED = [f"offset1-model-mse-clip-{low}-{high}" for low, high in product(BOUNDS, BOUNDS)]
LAYERED = [
    f"offset1-model-mse-{kind}-{n}layers{end}"
    for kind, n, end in product(("v2", "resnet"), range(1, 11), ("", "-tanh"))
]
ESTIMATOR = [
    *(f"offset{n}-model" for n in (1, 5, 10, 15, 20, 36, 40, 50)),
    *(f"offset1-model-v{version}" for version in (2, 3, 4, 5)),
    *(f"offset{n}-model-mse{end}" for n, end in product((1, 10), ("", "-tanh"))),
    *(f"offset36-model{end}" for end in ("-dropout", "-more-dropout")),
    *CLIPPED,
    *LAYERED,
]
# And what is registered beside them.
OTHERS = [
    "offset40-model-4x-subsample",
    "offset20-model-4x-subsample",
    "offset4-model-2x-subsample",
    "resample-model",
    "resample5-model",
    "resample1-model",
    "supervised10-model",
    "supervised1-model",
]


def kinds(model, *types):
    return [module for module in model.modules() if isinstance(module, types)]


def test_the_formula_counts_as_cebra_does():
    assert len(set(ESTIMATOR)) == 139
    assert len({*ESTIMATOR, *OTHERS}) == 147


@pytest.mark.parametrize("name", [*ESTIMATOR, *OTHERS])
def test_every_name_of_cebra_is_listed_and_embeds(name):
    assert name in supported_model_architectures()
    model = resolve_model(name)(num_neurons=2, num_units=2, num_output=1)
    assert model.offset == resolve_offset(name)
    assert model(torch.zeros(1, 2, model.offset.span)).shape == (1, 1, 1)


def test_every_listed_name_resolves_and_stands_once():
    names = supported_model_architectures()
    assert {*names} == {*ESTIMATOR, *OTHERS, "attention-offset10-model"}
    assert len(names) == len({*names})
    assert all(callable(resolve_model(name)) for name in names)


def test_names_are_listed_by_pattern():
    assert supported_model_architectures("offset10-*") == [
        "offset10-model",
        "offset10-model-mse",
        "offset10-model-mse-tanh",
    ]
    assert supported_model_architectures("*-subsample") == list(SUBSAMPLED)
    assert sorted(supported_model_architectures("*-clip-*")) == sorted(CLIPPED)
    assert supported_model_architectures("nothing*") == []


def test_rows_that_keep_every_bin_and_rows_that_do_not():
    """The two tables tell them apart, for whoever needs one point for each bin."""
    factors = {name: resolve_model(name)(2, 8, 2).resample_factor for name in MODELS}
    assert set(factors.values()) == {1}
    factors = {name: resolve_model(name)(2, 8, 2).resample_factor for name in SUBSAMPLED}
    assert factors == {name: int(name.split("-")[2][0]) for name in SUBSAMPLED}


@pytest.mark.parametrize(
    ("old", "factor", "span"),
    [("resample-model", 4, 40), ("resample5-model", 4, 20), ("resample1-model", 2, 4)],
)
def test_an_old_name_is_the_new_one(old, factor, span):
    model = resolve_model(old)(3, 8, 2)
    assert resolve_model(old) is resolve_model(ALIASES[old])
    assert (model.resample_factor, model.offset.span) == (factor, span)


@pytest.mark.parametrize(("low", "high"), [(10, 5), (5, 10), (1, 1000), (7, 33)])
def test_a_clipped_name_says_its_bounds(low, high):
    model = resolve_model(f"offset1-model-mse-clip-{low}-{high}")(3, 8, 2)
    for layer in kinds(model, nn.Conv1d):
        nn.init.constant_(layer.weight, 1.0)
        nn.init.zeros_(layer.bias)
    points = model(torch.tensor([[[1e5]] * 3, [[-1e5]] * 3]))
    assert points[0].tolist() == [[high]] * 2
    assert points[1].abs().max() == 0  # GELU lets nothing of a large negative input pass
    nn.init.constant_(kinds(model, nn.Conv1d)[-1].weight, -1.0)
    assert model(torch.full((1, 3, 1), 1e5))[0].tolist() == [[-low]] * 2


@pytest.mark.parametrize("kind", ["v2", "resnet"])
@pytest.mark.parametrize("num_layers", [1, 4, 10, 12])
@pytest.mark.parametrize("end", ["", "-tanh"])
def test_a_layered_name_says_its_layers(kind, num_layers, end):
    model = resolve_model(f"offset1-model-mse-{kind}-{num_layers}layers{end}")(3, 6, 2)
    square = [layer for layer in kinds(model, nn.Conv1d) if layer.weight.shape == (6, 6, 1)]
    assert len(square) == model.num_layers == num_layers
    assert len(kinds(model, nn.Tanh)) == (end == "-tanh")
    assert ("PaddedSkip" in str(model)) is (kind == "resnet")


@pytest.mark.parametrize("name", [*grid_names()])
def test_a_variant_is_for_euclidean_similarity(name):
    assert parse_grid_name(name)(2, 4, 1).normalize is False


@pytest.mark.parametrize("name", [*MODELS, *SUBSAMPLED, "offset12-model", "offset1-model-mse-v2"])
def test_what_is_no_variant_is_not_read_as_one(name):
    assert parse_grid_name(name) is None


@pytest.mark.parametrize("name", [CLIPPED[3], LAYERED[4], LAYERED[-1], "offset36-model-dropout"])
def test_fault13_arguments_of_one_instance_do_not_reach_the_next(name):
    """`cebra.models.init(name, normalize=True)` makes all later models of this name so."""
    before = repr(resolve_model(name)(3, 8, 2)), resolve_model(name)(3, 8, 2).normalize
    other = resolve_model(name)(3, 8, 2, normalize=not before[1], causal=True)
    assert other.normalize is not before[1]
    assert (repr(resolve_model(name)(3, 8, 2)), resolve_model(name)(3, 8, 2).normalize) == before


def test_fault13_a_grid_argument_can_be_overruled_once():
    constructor = resolve_model("offset1-model-mse-v2-3layers")
    assert constructor(3, 8, 2, num_layers=5).num_layers == 5
    assert constructor(3, 8, 2).num_layers == 3


def test_bounds_in_the_wrong_order_are_named():
    with pytest.raises(InvalidParameterError, match=r"low < high; got \(5, -5\)\. Put"):
        resolve_model("offset1-model-mse")(3, 8, 2, clip=(5, -5))
