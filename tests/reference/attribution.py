"""Attribution written a second time, one sample and one number at a time, in float64."""

import numpy as np
import torch


def jacobian(model, window):
    """`(D, N, L)` of one window `(N, L)`: one call of autograd for each output."""
    x = window.clone().requires_grad_()
    z = model(x[None])[0, :, 0]
    return torch.stack([torch.autograd.grad(one, x, retain_graph=True)[0] for one in z])


def penalty(model, windows, dims=slice(None)):
    """Hoffman, Roberts & Yaida (2019), doi:10.48550/arXiv.1908.02729: half the mean of |J|^2."""
    return sum(jacobian(model, w)[dims].square().sum() for w in windows) / (2 * len(windows))


def inverse(matrix):
    """Transposed pseudo-inverse by the singular value decomposition, null space left out."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    kept = values > 1e-9 * values[0]
    return (left[:, kept] / values[kept]) @ right[kept]


def integrated_gradients(model, window, baseline, num_steps=4000):
    """Sundararajan, Taly & Yan (2017), doi:10.48550/arXiv.1703.01365, eq. 3, at midpoints."""
    way = window - baseline
    places = (torch.arange(num_steps, dtype=window.dtype) + 0.5) / num_steps
    x = (baseline + places[:, None, None] * way).requires_grad_()
    z = model(x)[:, :, 0]
    mean = [torch.autograd.grad(z[:, d].sum(), x, retain_graph=True)[0] for d in range(z.shape[1])]
    return torch.stack([gradient.mean(0) * way for gradient in mean])


def ablation(model, window, baseline):
    """The fall of each output when one number of the window is replaced."""
    result = torch.empty(model.num_output, *window.shape, dtype=window.dtype)
    with torch.no_grad():
        for neuron, bin_ in np.ndindex(*window.shape):
            other = window.clone()
            other[neuron, bin_] = baseline[neuron, bin_]
            result[:, neuron, bin_] = (model(window[None]) - model(other[None]))[0, :, 0]
    return result


def area_under_curve(values, truth):
    """Share of (true, false) pairs in which the true one is larger, ties counted half."""
    pairs = np.abs(values[truth])[:, None] - np.abs(values[~truth])[None]
    return ((pairs > 0) + 0.5 * (pairs == 0)).mean()
