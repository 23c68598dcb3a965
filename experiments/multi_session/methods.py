"""The rows of the table of joint and single training.

One part of the experiment is (set of sessions, method, seed). Nothing of a test part reaches
training, but for CEBRA-Time as in the paper; both parts are embedded apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from cebra_ethan import CEBRA
from cebra_ethan.report.record import Kind
from cebra_ethan.types import Label
from cebra_ethan.utils.seeding import derive_seed
from config import MultiSessionConfig
from experiments.common import CONTROLS
from experiments.common.controls import plain_points, shuffled, untrained_points
from experiments.multi_session.scores import Points, consistency, median_error_cm, scored
from experiments.multi_session.sessions import (
    ARCHITECTURE,
    TIME_OFFSET,
    Session,
    columns,
    sessions,
)

__all__ = ["METHODS", "Method", "encoder", "run_part", "run_size", "training_labels"]

WINDOW_BINS = 10  # of the encoder, for the rows without one

Curve = dict[int, list[Points]]
"""Step to the embeddings of each session."""


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Args:
        title: What tables and figures call it.
        together: Whether the sessions are trained together; `None` if nothing is trained.
        labels: Whether the encoder learns from position and direction, or from time.
        shared: Whether the encoders share all layers but the first.
        shuffle: The control whose shuffle of the training labels encoder and decoder get.
        kind: `"method"` or `"control"`.
        transductive: Whether the encoder has seen the neural data of the test part.
        labels_at_inference: Whether it needs labels of the test part to embed it.
    """

    title: str
    together: bool | None = False
    labels: bool = True
    shared: bool = False
    shuffle: str = ""
    kind: Kind = "method"
    transductive: bool = False
    labels_at_inference: bool = False

    @property
    def draws(self) -> bool:
        """Whether a seed changes the result."""
        return self.title not in (CONTROLS["no-embedding"].title, CONTROLS["chance"].title)

    @property
    def has_curve(self) -> bool:
        """Whether it is looked at while it trains."""
        return self.kind == "method" and self.labels


def _control(name: str, title: str | None = None, **options: Any) -> Method:
    return Method(title or CONTROLS[name].title, kind="control", **options)


METHODS: Mapping[str, Method] = {
    "joint": Method("CEBRA-Behavior, joint", together=True),
    "joint-shared": Method("CEBRA-Behavior, joint, shared trunk", together=True, shared=True),
    "single": Method("CEBRA-Behavior, single"),
    "time": Method("CEBRA-Time, single, encoder on the training part", labels=False),
    "time-all": Method(
        "CEBRA-Time, single, encoder on everything (paper)", labels=False, transductive=True
    ),
    "permuted": _control(
        "permuted", "joint, labels permuted over time", together=True, shuffle="permuted"
    ),
    "shifted": _control(
        "shifted", "joint, labels shifted in time", together=True, shuffle="shifted"
    ),
    "single-permuted": _control(
        "permuted", "single, labels permuted over time", shuffle="permuted"
    ),
    "single-shifted": _control("shifted", "single, labels shifted in time", shuffle="shifted"),
    "untrained": _control("untrained", together=None),
    "no-embedding": _control("no-embedding", together=None),
    "chance": _control("chance", together=None),
}


def run_part(config: MultiSessionConfig, group: str, method: str, seed: int) -> dict[str, Any]:
    """Trains, embeds, decodes and compares the sessions of a set.

    Returns:
        Numbers of the row; errors of each session; matrices of consistency; for the methods with
        labels the curve along training; of the first seed the held-out embeddings.
    """
    row, found = METHODS[method], sessions(config, group)
    labels = training_labels(found, row.shuffle, seed)
    if row.together is None:
        return _without_training(config, method, found, labels, seed)
    train = _train_together if row.together else _train_alone
    points, curve = train(config, row, found, labels, seed)
    result = scored(config, found, points, labels, points)
    if curve:
        result |= _curve_scores(config, found, curve, labels)
    if seed == 0:
        result |= {f"points_{place}": both[1][:, :3] for place, both in enumerate(points)}
    return result


def run_size(
    config: MultiSessionConfig, size_group: str, method: str, size: int, seed: int
) -> dict[str, Any]:
    """Returns consistency and decoding of an encoder with `size` hidden units."""
    row, found = METHODS[method], sessions(config, size_group)
    labels = training_labels(found, "", seed)
    train = _train_together if row.together else _train_alone
    points, _ = train(config, row, found, labels, seed, size)
    kept = ("consistency_train", "consistency_test", "median_cm")
    result = scored(config, found, points, labels, points)
    return {name: result[name] for name in kept}


def training_labels(
    found: Sequence[Session], shuffle: str, seed: int
) -> list[Mapping[str, Label]]:
    """Returns the labels of the training parts, each session shuffled by itself."""
    return [
        shuffled(session.labels("train"), shuffle, derive_seed(seed, place))
        for place, session in enumerate(found)
    ]


def encoder(config: MultiSessionConfig, seed: int, **changes: Any) -> CEBRA:
    """Returns an estimator that has not been fitted."""
    settings: dict[str, Any] = {
        "model_architecture": ARCHITECTURE,
        "num_hidden_units": config.num_hidden_units,
        "output_dimension": config.output_dimension,
        "batch_size": config.batch_size,
        "learning_rate": config.learning_rate,
        "time_offsets": TIME_OFFSET,
        "conditional": "time_delta",
        "random_state": seed,
    }
    return CEBRA(**settings | changes)


def _train_together(
    config: MultiSessionConfig,
    row: Method,
    found: Sequence[Session],
    labels: Sequence[Mapping[str, Label]],
    seed: int,
    size: int | None = None,
) -> tuple[list[Points], Curve]:
    model = encoder(
        config, seed, max_iterations=config.joint_iterations, shared_trunk=row.shared,
        num_hidden_units=size or config.num_hidden_units,
    )  # fmt: skip

    def embed() -> list[Points]:
        train = model.transform([one.train.neural for one in found])
        return list(zip(train, model.transform([one.test.neural for one in found]), strict=True))

    curve: Curve = {}
    wanted = row.has_curve and size is None
    model.fit(
        [one.train.neural for one in found],
        [columns(own) for own in labels],
        **_watch(config, lambda step: curve.__setitem__(step, embed()), wanted),
    )
    return embed(), curve


def _train_alone(
    config: MultiSessionConfig,
    row: Method,
    found: Sequence[Session],
    labels: Sequence[Mapping[str, Label]],
    seed: int,
    size: int | None = None,
) -> tuple[list[Points], Curve]:
    points, curve = [], {}
    for session, own in zip(found, labels, strict=True):
        changes: dict[str, Any] = {"num_hidden_units": size or config.num_hidden_units}
        if not row.labels:
            changes |= {"conditional": "time", "temperature": config.temperature_time}
        model = encoder(config, seed, max_iterations=config.single_iterations, **changes)

        def keep(step: int, model: CEBRA = model, session: Session = session) -> None:
            curve.setdefault(step, []).append(_both(model, session))

        seen = session.whole if row.transductive else session.train
        y = (columns(own),) if row.labels else ()
        model.fit(seen.neural, *y, **_watch(config, keep, row.has_curve and size is None))
        points.append(_both(model, session))
    return points, curve


def _both(model: CEBRA, session: Session) -> Points:
    return model.transform(session.train.neural), model.transform(session.test.neural)


def _watch(
    config: MultiSessionConfig, function: Callable[[int], object], wanted: bool
) -> dict[str, Any]:
    if not wanted:
        return {}
    return {
        "callback": lambda step, _: function(step),
        "callback_frequency": config.checkpoint_every,
    }


def _curve_scores(
    config: MultiSessionConfig,
    found: Sequence[Session],
    curve: Curve,
    labels: Sequence[Mapping[str, Label]],
) -> dict[str, np.ndarray]:
    """Returns the error and both consistencies of each step that was looked at."""
    steps = sorted(curve)
    errors, train, test = [], [], []
    for step in steps:
        points = curve[step]
        errors.append(
            [
                median_error_cm(config, own, labels[place], found[place].test.labels["position"])
                for place, own in enumerate(points)
            ]
        )
        for place, part, into in ((0, "train", train), (1, "test", test)):
            true = [session.labels(part) for session in found]
            into.append(consistency(config, [both[place] for both in points], true))
    return {
        "curve_steps": np.array(steps),
        "curve_errors_cm": np.array(errors),
        "curve_train": np.array(train),
        "curve_test": np.array(test),
    }


def _without_training(
    config: MultiSessionConfig,
    method: str,
    found: Sequence[Session],
    labels: Sequence[Mapping[str, Label]],
    seed: int,
) -> dict[str, Any]:
    """Returns the row of an encoder that learned nothing, of counts, or of a constant guess."""
    if method == "chance":
        return scored(config, found, None, labels, None)
    points, compared = [], []
    for session in found:
        both = [session.train, session.test]
        if method == "untrained":
            size = config.num_hidden_units, config.output_dimension
            train, test = untrained_points(both, ARCHITECTURE, *size, seed)
            compared.append((train, test))
        else:
            train, test = plain_points(both, WINDOW_BINS)
            # counts have more dimensions than there are bins, so their components are compared
            pca = PCA(min(config.output_dimension, train.shape[1]), random_state=0).fit(train)
            compared.append((pca.transform(train), pca.transform(test)))
        points.append((train, test))
    return scored(config, found, points, labels, compared, normalize=method == "untrained")
