"""Makes the golden numbers with `cebra` 0.6.1: `python tests/golden/make_golden.py`.

Needs an environment with `cebra`; writes `criterions.npz` and `models.npz` beside itself.
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent

CRITERIONS = {
    "FixedCosineInfoNCE": {"temperature": 0.7},
    "FixedEuclideanInfoNCE": {"temperature": 0.7},
    "LearnableCosineInfoNCE": {"temperature": 0.7, "min_temperature": 0.1},
    "LearnableEuclideanInfoNCE": {"temperature": 0.7, "min_temperature": 0.1},
    "NCE": {"temperature": 0.7, "negative_weight": 1.5, "reduce": "mean"},
}
"""Class to arguments, the same for ours."""

MODELS = (
    "offset1-model",
    "offset1-model-mse",
    "offset5-model",
    "offset10-model",
    "offset10-model-mse",
    "offset15-model",
    "offset20-model",
    "offset36-model",
    "offset40-model",
    "offset50-model",
    "offset1-model-v2",
    "offset1-model-v3",
    "offset1-model-v4",
    "offset1-model-v5",
    "offset1-model-mse-tanh",
    "offset10-model-mse-tanh",
    "offset36-model-dropout",
    "offset36-model-more-dropout",
    "supervised1-model",
    "supervised10-model",
    "offset4-model-2x-subsample",
    "offset20-model-4x-subsample",
    "offset40-model-4x-subsample",
    "offset1-model-mse-clip-1-5",
    "offset1-model-mse-v2-3layers-tanh",
    "offset1-model-mse-resnet-3layers",
)
"""Names, the same for ours; new ones at the end, since each is seeded by its place."""
SIZES = {"num_neurons": 4, "num_units": 6, "num_output": 2}


def criterions() -> dict[str, np.ndarray]:
    """Losses and gradients on random points, in float64."""
    import torch
    from cebra.models import criterions as theirs

    draw = np.random.default_rng(0)
    shapes = {"reference": (12, 3), "positive": (12, 3), "negative": (17, 3)}
    arrays = {name: draw.normal(size=shape) for name, shape in shapes.items()}
    out = dict(arrays)
    for name, arguments in CRITERIONS.items():
        criterion = getattr(theirs, name)(**arguments).double()
        points = [torch.tensor(array, requires_grad=True) for array in arrays.values()]
        total, align, uniform = criterion(*points)
        total.mean().backward()
        for part, value in (("total", total), ("align", align), ("uniform", uniform)):
            out[f"{name}/{part}"] = value.detach().numpy()
        for label, point in zip(arrays, points, strict=True):
            out[f"{name}/{label}.grad"] = point.grad.numpy()
        for label, parameter in criterion.named_parameters():
            out[f"{name}/{label}.grad"] = parameter.grad.numpy()
    return out


def models() -> dict[str, np.ndarray]:
    """Float32 weights and inputs, and their float64 embedding, for each architecture."""
    import cebra.models
    import torch

    out = {}
    for seed, name in enumerate(MODELS):
        torch.manual_seed(seed)
        model = cebra.models.init(name, **SIZES).eval()
        offset = model.get_offset()
        span = len(offset)
        # Models of one bin and of four flatten their input, so they see one window at a time.
        more = 0 if span in (1, 4) else 11 if "subsample" in name else 3
        neural = torch.randn(5, SIZES["num_neurons"], span + more)
        if "clip" in name:
            neural *= 100  # so that some coordinates are clipped
        supervised = name.startswith("supervised")  # those return their readout, too
        with torch.no_grad():
            state = {label: weight.numpy() for label, weight in model.state_dict().items()}
            embedding = (model.double().net if supervised else model.double())(neural.double())
        out[f"{name}/offset"] = np.array([offset.left, offset.right])
        out[f"{name}/neural"] = neural.numpy()
        out[f"{name}/embedding"] = embedding.numpy()
        out |= {f"{name}/state/{label}": weight for label, weight in state.items()}
    return out


if __name__ == "__main__":
    np.savez_compressed(HERE / "criterions.npz", **criterions())
    np.savez_compressed(HERE / "models.npz", **models())
