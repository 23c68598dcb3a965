"""What is learned in which dimensions: objectives as plain data, before there is a model."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import accumulate
from numbers import Integral
from typing import Any

import torch

from ..errors import DataError, InvalidParameterError
from ..types import Label, Offset, Recording
from .rows import names
from .sampler import Conditional, SamplingOptions
from .sampling import JointSampler, make_sampler

__all__ = [
    "ObjectiveSpec",
    "Objectives",
    "as_specs",
    "behavior_and_time",
    "make_joint_sampler",
    "resolve_dims",
]


@dataclass(frozen=True, kw_only=True)
class ObjectiveSpec:
    """What positives share, and the dimensions of the embedding that learn it.

    Args:
        name: What the history and messages call it.
        labels: Names of the labels that positives are looked up by; none for time.
        conditional: How, see `SamplingOptions`; `None` takes what suits the labels.
        time_offset: Bins, see `SamplingOptions`; `None` takes that of the dataset.
        delta: Standard deviation for `"delta_normal"`, in the label's unit.
        dims: First dimension and one past the last, or a slice of both. If no objective says,
            all have equal shares, in order.
        overlap: Whether other objectives may see these dimensions too.
        renormalize: Scale the subspace to unit length before points are compared. `None` decides,
            see `solver.objectives.make_objectives`.
        weight: Of its loss: a number, or a mapping with `schedule`, see
            `solver.weighting.resolve_weight`.
        criterion: Keywords of `models.criterions.make_criterion` that differ from the estimator's.

    Raises:
        InvalidParameterError: If a value is outside its set.

    Example:
        >>> ObjectiveSpec(name="place", labels="position", dims=slice(0, 3)).dims
        (0, 3)
    """

    name: str
    labels: str | Sequence[str] = ()
    conditional: Conditional | None = None
    time_offset: int | None = None
    delta: float | None = None
    dims: Sequence[int] | slice | None = None
    overlap: bool = False
    renormalize: bool | None = None
    weight: float | Mapping[str, Any] = 1.0
    criterion: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or "/" in self.name:
            raise InvalidParameterError(
                "the name of an objective must be a word without '/', which begins the names of "
                f"its losses; got {self.name!r}. Call it by what it learns, such as 'place'."
            )
        labels = (self.labels,) if isinstance(self.labels, str) else tuple(self.labels or ())
        object.__setattr__(self, "labels", labels)
        if self.dims is not None:
            object.__setattr__(self, "dims", self._pair(self.dims))
        if not isinstance(self.criterion, Mapping):
            raise InvalidParameterError(
                f"criterion of objective {self.name!r} must be a mapping, such as "
                f"{{'temperature': 0.5}}; got {self.criterion!r}."
            )
        self.options(SamplingOptions())
        if not labels and self.conditional not in (None, "time"):
            raise InvalidParameterError(
                f"conditional={self.conditional!r} looks up labels; objective {self.name!r} names "
                "none. Name them, or leave conditional out to learn time."
            )

    def options(self, shared: SamplingOptions) -> SamplingOptions:
        """Returns how its positives are drawn, where `shared` says the rest."""
        return replace(
            shared,
            conditional=self.conditional if self.labels else "time",
            delta=self.delta,
            time_offset=shared.time_offset if self.time_offset is None else self.time_offset,
            prior=None,
            hybrid=False,
        )

    def _pair(self, dims: Any) -> tuple[int, int]:
        if isinstance(dims, slice) and dims.step in (None, 1):
            dims = (dims.start or 0, dims.stop)
        pair = tuple(dims) if isinstance(dims, Iterable) else ()
        whole = all(isinstance(one, Integral) and not isinstance(one, bool) for one in pair)
        if len(pair) != 2 or not whole or not 0 <= pair[0] < pair[1]:
            raise InvalidParameterError(
                f"dims of objective {self.name!r} must be its first dimension and one past its "
                f"last, as (0, 3); got {dims!r}."
            )
        return int(pair[0]), int(pair[1])


Objectives = Mapping[str, Mapping[str, Any]] | Sequence[ObjectiveSpec | Mapping[str, Any]]
"""How a user may describe several, see `as_specs`."""


def as_specs(given: Any) -> tuple[ObjectiveSpec, ...]:
    """Returns the objectives that a user described.

    Args:
        given: A mapping of names to mappings of the arguments of `ObjectiveSpec`, or a sequence of
            `ObjectiveSpec`s or of such mappings, each with a name.

    Raises:
        InvalidParameterError: If there is none, a key is unknown, or two have one name.

    Example:
        >>> place, time = as_specs({"place": {"labels": "position"}, "time": {}})
        >>> place.labels, time.labels
        (('position',), ())
    """
    if isinstance(given, Mapping) and all(isinstance(one, Mapping) for one in given.values()):
        each: Any = [{**one, "name": name} for name, one in given.items()]
    else:
        each = given
    is_list = isinstance(each, (list, tuple))
    if not is_list or not each or not all(isinstance(e, (Mapping, ObjectiveSpec)) for e in each):
        raise InvalidParameterError(
            "objectives must be a mapping of names to mappings, or a list of ObjectiveSpecs or "
            f"mappings with a name; got {given!r:.200}. As in "
            "{'place': {'labels': 'position'}, 'time': {}}."
        )
    specs = tuple(one if isinstance(one, ObjectiveSpec) else _spec(one) for one in each)
    twice = {one.name for one in specs if [other.name for other in specs].count(one.name) > 1}
    if twice:
        raise InvalidParameterError(
            f"each objective must have a name of its own; got {', '.join(sorted(twice))} twice. "
            "Rename one."
        )
    return specs


def _spec(given: Mapping[str, Any]) -> ObjectiveSpec:
    known = [one.name for one in fields(ObjectiveSpec)]
    odd = sorted(map(str, set(given) - set(known)))
    if odd or "name" not in given:
        raise InvalidParameterError(
            f"an objective must have a name and may have {', '.join(known[1:])}; got "
            f"{', '.join(map(str, given)) or 'nothing'}. Leave out {', '.join(odd) or 'nothing'}."
        )
    return ObjectiveSpec(**given)


def behavior_and_time(
    labels: Mapping[str, Label], options: SamplingOptions
) -> tuple[ObjectiveSpec, ObjectiveSpec]:
    """Returns the two objectives of time and behaviour: all labels together, and time.

    Raises:
        DataError: If there is no label.
    """
    if not labels:
        raise DataError(
            "time and behaviour together need a label; got none. Pass labels to the dataset, or "
            "objectives to the loader."
        )
    behavior = ObjectiveSpec(
        name="behavior",
        labels=tuple(labels),
        conditional=options.conditional,
        delta=options.delta,
    )
    return behavior, ObjectiveSpec(name="time")


def resolve_dims(specs: Sequence[ObjectiveSpec], num_output: int) -> list[slice]:
    """Returns the dimensions of each objective.

    Raises:
        InvalidParameterError: If they reach out of the embedding, leave a dimension that nobody
            trains, or overlap unasked.

    Example:
        >>> resolve_dims(as_specs({"place": {"labels": "position"}, "time": {}}), 5)
        [slice(0, 3, None), slice(3, 5, None)]
    """
    pairs = [one._pair(one.dims) for one in specs if one.dims is not None]
    if not pairs:
        pairs = _shares(len(specs), num_output)
    if len(pairs) < len(specs):
        silent = ", ".join(one.name for one in specs if one.dims is None)
        raise InvalidParameterError(
            f"dims must be given for all objectives or for none; {silent} has none. Add them, or "
            "leave all out for equal shares."
        )
    seen: dict[int, ObjectiveSpec] = {}
    for spec, (first, last) in zip(specs, pairs, strict=True):
        if last > num_output:
            raise InvalidParameterError(
                f"dims of an objective must lie inside the embedding, 0 to {num_output}; "
                f"{spec.name} has {(first, last)}. Raise output_dimension, or lower them."
            )
        for dim in range(first, last):
            other = seen.get(dim)
            if other is not None and not (other.overlap or spec.overlap):
                raise InvalidParameterError(
                    f"objectives must not share dimensions unasked; {other.name} and {spec.name} "
                    f"both have dimension {dim}. Move one, or give it overlap=True."
                )
            seen[dim] = spec
    unused = [dim for dim in range(num_output) if dim not in seen]
    if unused:
        raise InvalidParameterError(
            f"each of the {num_output} dimensions needs an objective that trains it; "
            f"{', '.join(map(str, unused))} has none. Widen dims, or lower output_dimension."
        )
    return [slice(first, last) for first, last in pairs]


def _shares(count: int, num_output: int) -> list[tuple[int, int]]:
    if num_output < count:
        raise InvalidParameterError(
            f"{count} objectives need at least as many dimensions; got {num_output}. Raise "
            "output_dimension, or give dims with overlap=True."
        )
    widths = [num_output // count + (place < num_output % count) for place in range(count)]
    return [(end - width, end) for end, width in zip(accumulate(widths), widths, strict=True)]


def make_joint_sampler(
    recordings: Sequence[Recording],
    offset: Offset,
    options: SamplingOptions,
    specs: Sequence[ObjectiveSpec],
    device: torch.device | str = "cpu",
) -> JointSampler:
    """Returns the sampler that draws one positive for each objective.

    Args:
        recordings: One for each session, with the labels of all objectives.
        offset: Receptive field.
        options: What the objectives do not say themselves.
        specs: The objectives.
        device: Where the rows live.

    Raises:
        DataError: If a recording lacks a label.
        InvalidParameterError: If the prior is uniform over classes, which are of one objective.
    """
    if options.prior == "uniform":
        raise InvalidParameterError(
            "prior='uniform' is uniform over the classes of one objective; references are shared "
            f"by {len(specs)}. Use prior=None."
        )
    return JointSampler(
        [
            make_sampler(
                [_with_labels(one, spec) for one in recordings],
                offset,
                spec.options(options),
                device,
            )
            for spec in specs
        ]
    )


def _with_labels(recording: Recording, spec: ObjectiveSpec) -> Recording:
    missing = [name for name in spec.labels if name not in recording.labels]
    if missing:
        raise DataError(
            f"the labels of objective {spec.name!r} must be among those of the recording; "
            f"{recording.name} has {names(recording.labels)}, not "
            f"{', '.join(map(repr, missing))}. Pass them by name: y={{{missing[0]!r}: ...}}."
        )
    chosen = copy.copy(recording)  # not `replace`, which looks at all of the activity again
    object.__setattr__(chosen, "labels", {name: recording.labels[name] for name in spec.labels})
    return chosen
