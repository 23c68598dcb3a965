"""`cebra.attribution`: maps by name, with what they are scored by."""

from __future__ import annotations

from fnmatch import filter as matching
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool

from ...attribution import (
    ALIASES,
    attribution_maps,
    attribution_metrics,
    attribution_score,
    moore_penrose,
)

__all__ = ["CLASSES", "AttributionMap", "get_attribution_map", "get_options", "init"]

CLASSES = {
    "JFMethodBased": "jacobian-based",
    "NeuronGradientMethod": "neuron-gradient",
    "FeatureAblationMethod": "feature-ablation",
    "IntegratedGradientsMethod": "integrated-gradients",
    "NeuronGradientShapMethod": "neuron-gradient-shap",
}
"""Classes of `cebra` and the names of their methods; batches are always used here."""

_NAMES = (*ALIASES, *(name for name in CLASSES.values() if name not in ALIASES))
_OTHER_WORDS = {"n_steps": "num_points", "n_samples": "num_points", "baselines": "baseline"}


class AttributionMap:
    """One method on one recording.

    Args:
        model: An encoder, or a fitted estimator.
        input_data: Activity `(T, N)`.
        output_dimension: Of no effect: the model knows it.
        num_samples: Windows to take; `None` for all.
        seed: Which.
        method: Name of the method.
    """

    def __init__(
        self,
        model: Any,
        input_data: Any,
        output_dimension: int | None = None,
        num_samples: int | None = None,
        seed: int = 9712341,
        *,
        method: str = "jacobian-based",
    ) -> None:
        self.model, self.input_data, self.method = model, input_data, method
        self.num_samples, self.seed = num_samples, seed

    def compute_attribution_map(self, **options: Any) -> dict[str, np.ndarray]:
        """Returns the map of each window, see `attribution.attribution_maps`.

        Args:
            options: Its keywords; `n_steps`, `n_samples` and `baselines` go by these names too.
        """
        own = {_OTHER_WORDS.get(name, name): value for name, value in options.items()}
        chosen: dict[str, Any] = {"num_samples": self.num_samples, "seed": self.seed}
        return attribution_maps(self.model, self.input_data, self.method, **chosen, **own)

    def compute_attribution_score(self, attribution_map: Any, ground_truth_map: Any) -> float:
        """Returns the area under the ROC curve, see `attribution.attribution_score`."""
        return attribution_score(np.asarray(attribution_map), _boolean(ground_truth_map))

    def compute_metrics(self, attribution_map: Any, ground_truth_map: Any) -> dict[str, float]:
        """Returns means and gaps, see `attribution.attribution_metrics`."""
        return attribution_metrics(np.asarray(attribution_map), _boolean(ground_truth_map))

    def check_moores_penrose_conditions(
        self, jacobian: Any, jacobian_pseudoinverse: Any
    ) -> Bool[np.ndarray, "samples 4"]:
        """Returns which conditions hold, see `attribution.moore_penrose`."""
        return moore_penrose(np.asarray(jacobian), np.asarray(jacobian_pseudoinverse))


def init(name: str, *args: Any, **kwargs: Any) -> AttributionMap:
    """Returns an `AttributionMap` by the name of its method."""
    return AttributionMap(*args, method=name, **kwargs)


def get_options(pattern: str | None = None, limit: int | None = None) -> list[str]:
    """Returns names of methods that match a shell-style pattern."""
    return matching(_NAMES, pattern or "*")[:limit]


def get_attribution_map(
    model: Any,
    input_data: Any,
    double_precision: bool = True,
    convert_to_numpy: bool = True,
    aggregate: str = "mean",
    transform: str = "none",
    hybrid_solver: bool = False,
) -> tuple[Any, Any]:
    """Returns the Jacobian of every window, `(T', D, N)`, and its pseudo-inverse, `(T', N, D)`.

    Of a normalised embedding the Jacobian lacks a dimension: what is rounding alone is cut here,
    and inverted by `cebra`. See `attribution.attribution_maps`, which gives more maps.

    Args:
        model: An encoder or a fitted estimator; it stays as it is.
        input_data: Activity `(T, N)`.
        double_precision: Of no effect: inverses are always taken in double precision.
        convert_to_numpy: Whether to return arrays instead of tensors.
        aggregate: Of no effect, as in `cebra` 0.6.1.
        transform: Likewise.
        hybrid_solver: Of no effect: one model embeds for all objectives here.
    """
    maps = attribution_maps(model, input_data, "jacobian-based")
    found = maps["jf"], maps["jf-inv-svd"].swapaxes(1, 2)
    return found if convert_to_numpy else (torch.from_numpy(found[0]), torch.from_numpy(found[1]))


def _boolean(truth: Any) -> Bool[np.ndarray, "dims neurons"]:
    return np.asarray(truth).astype(bool)


def __getattr__(name: str) -> Any:
    """Returns a constructor for a class of `cebra`."""
    plain = name.removesuffix("Batched").removesuffix("BAtched")
    if plain not in CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return partial(init, CLASSES[plain])
