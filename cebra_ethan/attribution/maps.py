"""Attribution maps of a recording: windows in batches, methods, inverses, averages."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..data.rows import valid_rows
from ..errors import DataTypeError, InvalidParameterError
from ..types import Offset, Recording
from ..utils.validation import as_array, check_numeric
from .inverse import inverses
from .methods import BASELINES, Draws, Method, resolve_method

__all__ = [
    "AGGREGATES",
    "TRANSFORMS",
    "attribution_map",
    "attribution_maps",
    "sample_rows",
]

_BATCH_WINDOWS = 512  # fastest of 128 to 2048 for 120 neurons and 10 bins on one core

TRANSFORMS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"none": lambda maps: maps, "abs": torch.abs}
)
"""What is done to the map of each sample before they are put together."""

AGGREGATES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {
        "mean": lambda total, maps: total + maps.sum(dim=0),
        "sum": lambda total, maps: total + maps.sum(dim=0),
        "max": lambda total, maps: torch.maximum(total, maps.amax(dim=0)),
    }
)
"""How the maps of more samples join those before; `"mean"` is divided by their number at last."""


def attribution_maps(
    model: Any,
    neural: Any,
    method: str = "jacobian",
    *,
    num_samples: int | None = None,
    seed: int = 0,
    baseline: str | None = None,
    num_points: int | None = None,
    inverse: bool | None = None,
    per_bin: bool = False,
    batch_size: int = _BATCH_WINDOWS,
) -> dict[str, np.ndarray]:
    r"""Returns the map of each window of a recording, under the names of `cebra`.

    With `key` the method's name (`jf` for `"jacobian"`), `(samples, D, N)` each:

    - `key`: mean over the bins of the window; `key-convabs`: mean of the absolute value;
    - `key-inv-svd`, `key-convabs-inv-svd`: transposed pseudo-inverses of these two;
    - `key-inv-lsq`, `key-convabs-inv-lsq`: the same without the cut that keeps rounding out, see
      `inverse.least_squares_inverse`, which says why its score is not to be trusted;
    - `key-bins`, with `per_bin`: the map of each bin, `(samples, D, N, L)`.

    The model is copied, so nothing about it changes; the copy runs in evaluation mode, in the
    model's own precision and on its device.

    Args:
        model: An encoder, or a fitted estimator that has one as `model_`.
        neural: Activity `(T, N)`, or a `Recording`, whose trials no window leaves.
        method: A row of `METHODS` or a name from `ALIASES`.
        num_samples: Number of windows, drawn without replacement; `None` takes all of them.
        seed: Seed of what is drawn: windows, and baselines of the methods that have some.
        baseline: A row of `BASELINES`; `None` takes the method's default.
        num_points: Points on the way from the baseline; `None` takes the method's default.
        inverse: Whether to add inverses; `None` for Jacobians only.
        per_bin: Whether to add the maps of each bin: `span` times the memory.
        batch_size: Windows that are worked on at a time; bounds the memory, not the result.

    Raises:
        InvalidParameterError: If an option is not in its table or out of range.
        DataTypeError: If `model` is no encoder.
        DataError: If the recording does not fit the model.

    References:
        Schneider, González Laiz, Filippova, Frey & Mathis (2025), doi:10.48550/arXiv.2502.12977.

    Example:
        >>> from cebra_ethan.models.model import Offset5Model
        >>> maps = attribution_maps(Offset5Model(6, 8, 2), torch.randn(100, 6))
        >>> maps["jf-inv-svd"].shape
        (96, 2, 6)
    """
    parts = list(
        _Options(
            method=resolve_method(method),
            num_samples=num_samples,
            seed=seed,
            baseline=baseline,
            num_points=num_points,
            inverse=inverse,
            per_bin=per_bin,
            convabs=True,
            batch_size=batch_size,
        ).batches(model, neural)
    )
    return {key: torch.cat([part[key] for part in parts]).numpy() for key in parts[0]}


def attribution_map(
    model: Any,
    neural: Any,
    method: str = "jacobian",
    *,
    aggregate: str = "mean",
    transform: str = "abs",
    num_samples: int | None = None,
    seed: int = 0,
    baseline: str | None = None,
    num_points: int | None = None,
    inverse: bool | None = None,
    batch_size: int = _BATCH_WINDOWS,
) -> Float[np.ndarray, "dims neurons"]:
    r"""Returns one map of a recording: how much each dimension has to do with each neuron.

    By default that of xCEBRA, the inverted neuron gradient, with `J` the mean over the window:

    .. math:: A = \frac{1}{T} \sum_t |J_t^+|^\top

    The inverse is taken over all dimensions at once, so a row also depends on the others.
    Batches are added up as they come: memory does not grow with the recording.

    Args:
        model: An encoder, or a fitted estimator that has one as `model_`.
        neural: Activity `(T, N)`, or a `Recording`.
        method: A row of `METHODS` or a name from `ALIASES`.
        aggregate: `"mean"`, `"sum"` or `"max"` over samples.
        transform: `"abs"` or `"none"`, done to the map of each sample before.
        num_samples: As for `attribution_maps`, like all that follow.
        seed: Seed of what is drawn.
        baseline: A row of `BASELINES`.
        num_points: Points on the way from the baseline.
        inverse: Whether to take the pseudo-inverse; `None` for Jacobians only.
        batch_size: Windows that are worked on at a time.

    Raises:
        InvalidParameterError: If an option is not in its table or out of range.
        DataTypeError: If `model` is no encoder.
        DataError: If the recording does not fit the model.

    References:
        Schneider, González Laiz, Filippova, Frey & Mathis (2025), doi:10.48550/arXiv.2502.12977.

    Example:
        >>> from cebra_ethan.models.model import Offset5Model
        >>> attribution_map(Offset5Model(6, 8, 2), torch.randn(100, 6), num_samples=20).shape
        (2, 6)
    """
    join = _row(AGGREGATES, "aggregate", aggregate)
    change = _row(TRANSFORMS, "transform", transform)
    row = resolve_method(method)
    options = _Options(
        method=row,
        num_samples=num_samples,
        seed=seed,
        baseline=baseline,
        num_points=num_points,
        inverse=inverse,
        batch_size=batch_size,
    )
    key = f"{row.key}-inv-svd" if options.inverts else row.key
    total, count = torch.tensor(-torch.inf if aggregate == "max" else 0.0), 0
    for part in options.batches(model, neural):
        maps = part[key]
        total, count = join(total, change(maps.double())), count + len(maps)
    total = total / count if aggregate == "mean" else total
    return total.to(maps.dtype).numpy()


def sample_rows(
    neural: Any, offset: Offset, num_samples: int | None = None, seed: int = 0
) -> Int[Tensor, " samples"]:
    """Returns the bins that the maps of `attribution_maps` belong to, in the order of time.

    Args:
        neural: Activity `(T, N)`, or a `Recording`.
        offset: The receptive field; every window lies inside the recording and its trials.
        num_samples: How many are drawn; `None` takes all.
        seed: Seed of the draw.

    Raises:
        InvalidParameterError: If there are not so many windows.

    Example:
        >>> sample_rows(torch.zeros(8, 2), Offset(2, 3))
        tensor([2, 3, 4, 5])
    """
    rows = valid_rows(_recording(neural)[0], offset)
    if num_samples is None:
        return rows
    if not 1 <= num_samples <= len(rows):
        raise InvalidParameterError(
            f"num_samples must be between 1 and the number of windows, {len(rows)}; got "
            f"{num_samples}. Use None for all of them."
        )
    generator = torch.Generator().manual_seed(seed)
    chosen: Tensor = torch.randperm(len(rows), generator=generator)[:num_samples]
    return rows[chosen.sort().values]


@dataclass(frozen=True, kw_only=True)
class _Options:
    method: Method
    num_samples: int | None
    seed: int
    baseline: str | None
    num_points: int | None
    inverse: bool | None
    batch_size: int
    per_bin: bool = False
    convabs: bool = False

    def __post_init__(self) -> None:
        for name, count in (("batch_size", self.batch_size), ("num_points", self.num_points)):
            if count is not None and count < 1:
                raise InvalidParameterError(f"{name} must be at least 1; got {count}. Use more.")

    @property
    def inverts(self) -> bool:
        return self.method.invertible if self.inverse is None else self.inverse

    def batches(self, model: Any, neural: Any) -> Iterator[dict[str, Tensor]]:
        """Yields the maps of consecutive batches of windows, on the processor."""
        make = _row(BASELINES, "baseline", self.baseline or self.method.baseline)
        encoder = _encoder(model)
        offset: Offset = encoder.offset
        like = next(encoder.parameters())
        recording, values = _recording(neural)
        mean = values.to(like.dtype).mean(dim=0).to(like.device)
        steps = torch.arange(-offset.left, offset.right)

        def windows(at: Tensor) -> Tensor:  # time-major memory, see `Batch.windows`
            return values[(at + steps[:, None]).to(values.device)].to(like).permute(1, 2, 0)

        rows = sample_rows(recording, offset, self.num_samples, self.seed)
        drawn, fractions = self._draw(valid_rows(recording, offset), len(rows))
        for some in torch.arange(len(rows)).split(self.batch_size):
            draws = Draws(lambda at: make(windows(at), mean), drawn[:, some], fractions[:, some])
            maps = self.method.attribute(
                lambda x: encoder(x).squeeze(2), windows(rows[some]), draws
            )
            yield self._variants(maps.cpu())

    def _draw(self, rows: Tensor, num_samples: int) -> tuple[Tensor, Tensor]:
        """Draws everything at once, so that the batch size does not show."""
        shape = (self.num_points or self.method.num_points, num_samples)
        generator = torch.Generator().manual_seed(self.seed)
        drawn = rows[torch.randint(len(rows), shape, generator=generator)]
        return drawn, torch.rand(shape, generator=generator, dtype=torch.float64)

    def _variants(self, maps: Tensor) -> dict[str, Tensor]:
        eps, key = torch.finfo(maps.dtype).eps, self.method.key
        maps = maps.to(torch.promote_types(maps.dtype, torch.float32))  # half floats: no inverse
        result = {key: maps.mean(dim=3)}
        if self.convabs:
            result[f"{key}-convabs"] = maps.abs().mean(dim=3)
        if self.inverts:
            both = {name: inverses(m, eps, self.convabs) for name, m in result.items()}
            svd = {f"{name}-inv-svd": one for name, (one, _) in both.items()}
            lsq = {f"{name}-inv-lsq": one for name, (_, one) in both.items() if one is not None}
            result |= svd | lsq
        if self.per_bin:
            result[f"{key}-bins"] = maps
        return result


def _recording(neural: Any) -> tuple[Recording, Tensor]:
    """Returns a recording, for its checks and trials, and the activity as precise as it came."""
    if isinstance(neural, Recording):
        return neural, neural.neural
    if not isinstance(neural, Tensor):
        array = np.asarray(as_array(neural, "neural"))
        check_numeric(array, "neural")
        neural = torch.from_numpy(np.require(array, requirements=["W"]))
    return Recording(neural.detach().to(torch.float32)), neural.detach()


def _encoder(model: Any) -> Any:
    """Returns a copy in evaluation mode whose weights need no gradient."""
    encoder = getattr(model, "model_", model)
    several = hasattr(encoder, "encoders")
    if several or not isinstance(encoder, nn.Module) or not hasattr(encoder, "offset"):
        raise DataTypeError(
            "attribution needs an encoder with an offset, or a fitted estimator; got "
            f"{type(model).__name__}{' of several sessions' * several}. Fit it first, or pass one "
            "encoder of several sessions: model_.encoder(0)."
        )
    return copy.deepcopy(encoder).eval().requires_grad_(False)


def _row(table: Mapping[str, Any], name: str, key: str) -> Any:
    if key not in table:
        raise InvalidParameterError(
            f"{name} must be one of {', '.join(table)}; got {key!r}. Choose one of these."
        )
    return table[key]
