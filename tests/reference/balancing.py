"""Learned weights of several losses, straight from the papers."""

import math

import torch


def uncertainty_loss(losses, log_variances):
    """Kendall, Gal & Cipolla (2018), doi:10.1109/CVPR.2018.00781, eq. 10, for classification."""
    total = 0.0
    for loss, log_variance in zip(losses, log_variances, strict=True):
        sigma = math.exp(log_variance / 2)
        total += loss / sigma**2 + math.log(sigma)
    return total


def gradnorm_gradient(weights, losses, first, shared, alpha):
    """Chen et al. (2018), arXiv:1711.02257, algorithm 1: the gradient of its loss by the weights.

    The norms are differentiated through the gradients themselves, as the paper's code does.
    """
    norms = []
    for weight, loss in zip(weights, losses, strict=True):
        parts = torch.autograd.grad(weight * loss, shared, create_graph=True)
        norms.append(torch.cat([part.flatten() for part in parts]).norm())
    ratios = [float(loss.detach()) / start for loss, start in zip(losses, first, strict=True)]
    mean_ratio = sum(ratios) / len(ratios)
    mean_norm = float(sum(norms).detach()) / len(norms)
    total = 0.0
    for norm, ratio in zip(norms, ratios, strict=True):
        target = mean_norm * (ratio / mean_ratio) ** alpha
        total = total + (norm - target).abs()
    return torch.autograd.grad(total, weights)
