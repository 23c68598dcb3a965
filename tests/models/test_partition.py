"""The partition equals `logsumexp` of the matrix that it never holds, and so do its gradients."""

import pytest
import torch

from cebra_ethan.models import partition
from cebra_ethan.models.partition import log_partition

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
SIZES = [(1, 1), (1, 7), (7, 1), (13, 40), (64, 64)]


def draw(num_queries, num_negatives, dtype, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    shapes = ((num_queries, 3), (num_negatives, 3), (num_negatives,))
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    drawn[0] *= scale
    return [one.to(dtype).requires_grad_() for one in drawn]


def plain(query, negative, bias):
    return (query @ negative.T + bias).logsumexp(dim=1)


def outcome(function, inputs, weights):
    result = function(*inputs)
    return [result, *torch.autograd.grad((result * weights).sum(), inputs)]


@pytest.mark.parametrize("block", [1, 50, 1 << 18])  # elements; batches that do not divide
@pytest.mark.parametrize("equal", [True, False])  # weights of the references
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("sizes", SIZES)
def test_values_and_gradients_equal_the_plain_formula(sizes, dtype, equal, block, monkeypatch):
    monkeypatch.setattr(partition, "_BLOCK_ELEMENTS", block)
    inputs = draw(*sizes, dtype)
    weights = torch.full((sizes[0],), 0.3, dtype=dtype)
    weights = weights if equal else torch.arange(1, sizes[0] + 1, dtype=dtype) / 7
    found, expected = (outcome(each, inputs, weights) for each in (log_partition, plain))
    largest = max(float(one.detach().abs().max()) for one in expected)
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance * max(1, largest))


@pytest.mark.parametrize("scale", [100.0, 1e4])  # products far beyond the range of exp
def test_nothing_overflows_or_underflows(scale):
    inputs = draw(20, 30, torch.float64, scale)
    ones = torch.ones(20, dtype=torch.float64)
    found, expected = (outcome(each, inputs, ones) for each in (log_partition, plain))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    single = log_partition(*(one.detach().float() for one in inputs))
    torch.testing.assert_close(single.double(), expected[0].detach(), rtol=1e-5, atol=1e-4)


def test_no_number_stays_no_number():
    query = torch.tensor([[torch.nan], [1.0]])
    found = log_partition(query, torch.ones(4, 1))
    assert found.isnan().tolist() == [True, False]


def test_memory_does_not_hold_the_matrix(monkeypatch):
    kept = []
    monkeypatch.setattr(partition, "_BLOCK_ELEMENTS", 1 << 12)
    query, negative = torch.randn(512, 3).requires_grad_(), torch.randn(512, 3).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        log_partition(query, negative).mean().backward()
    assert max(kept) <= 512 * 4
