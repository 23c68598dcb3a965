"""Your own model and loss: one class each, a row in a table for the model, then `CEBRA` as usual.

The rat is simulated.
"""

import torch
from torch import nn

from cebra_ethan import CEBRA
from cebra_ethan.data.split import time_split
from cebra_ethan.datasets import load_dataset
from cebra_ethan.metrics.decoding import decode
from cebra_ethan.models.base import OffsetModel, centered
from cebra_ethan.models.criterions import BaseInfoNCE, Loss
from cebra_ethan.models.layers import Conv1d, Pointwise
from cebra_ethan.models.model import MODELS


class WideModel(OffsetModel):
    """One wide convolution over nine bins, then a linear layer.

    A model says how many bins it sees and lists its layers, `(B, N, L)` to `(B, D, L - 8)`.
    """

    def __init__(self, num_neurons, num_units, num_output, *, causal=False):
        layers = Conv1d(num_neurons, num_units, 9), nn.GELU(), Pointwise(num_units, num_output)
        super().__init__(
            centered(9), *layers, num_neurons=num_neurons, num_output=num_output, causal=causal
        )


class DebiasedInfoNCE(BaseInfoNCE):
    """InfoNCE that takes a share of the negatives for positives in disguise.

    After Chuang et al. (2020), doi:10.48550/arXiv.2007.00224; as in InfoNCE here, the positive
    is left out of the denominator. A loss maps similarities over temperature, of references to
    their positives `(B,)` and to their negatives `(B, K)`, to a total and its two parts.
    """

    def __init__(self, share=0.02, temperature=1.0):
        super().__init__("cosine", temperature)
        self.share = share

    def combine(self, positive, negative):
        mean = negative.logsumexp(dim=1).exp() / negative.shape[1] - self.share * positive.exp()
        floor = torch.as_tensor(-1 / self.temperature).exp()  # no cosine is below -1
        kept = (mean / (1 - self.share)).clamp(min=floor) * negative.shape[1]
        align, uniform = -positive.mean(), (positive.exp() + kept).log().mean()
        return Loss(align + uniform, align, uniform)


MODELS["wide-model"] = WideModel

rat = load_dataset("rat-simulated", num_bins=3000, num_neurons=50, seed=0)
train, test = time_split(rat, test_fraction=0.2, gap=20)
position, truth = train.labels["position"], test.labels["position"]
print("Simulated rat, position held out, median error:")
for criterion in ("infonce", DebiasedInfoNCE()):
    cebra = CEBRA(
        model_architecture="wide-model",
        criterion=criterion,
        output_dimension=3,
        time_offsets=10,
        batch_size=256,
        max_iterations=200,
        learning_rate=1e-3,
        random_state=0,
    )
    cebra.fit(train.neural, position)
    score = decode(cebra.transform(train.neural), position, cebra.transform(test.neural), truth)
    name = criterion if isinstance(criterion, str) else type(criterion).__name__
    print(f"  wide-model, {name:<15} {100 * score.median_error:5.1f} cm")
print(f"  chance                      {100 * score.chance.median_error:5.1f} cm")
