"""An animal that was left out: how fast do encoders of the others learn to read it?

The encoders of all sessions but the last are trained together; then the last session gets a new
input layer and is trained, alone or with all layers, from the others' weights or from random ones.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cebra_ethan import CEBRA
from cebra_ethan.report.record import Kind
from cebra_ethan.types import Label
from cebra_ethan.utils.seeding import derive_seed
from config import MultiSessionConfig
from experiments.common import CONTROLS
from experiments.common.controls import plain_points, shuffled, untrained_points
from experiments.multi_session.methods import WINDOW_BINS, encoder
from experiments.multi_session.scores import Points, decoding, median_error_cm
from experiments.multi_session.sessions import ARCHITECTURE, Session, columns, sessions

__all__ = ["ARMS", "EVERY", "READ_AT", "Arm", "run_adaptation", "steps_to_look_at"]

EVERY = 25
"""Steps between two evaluations up to 500; ten times as many after (every 25 in the paper)."""

READ_AT = (0, 25, 100, 500, 1000, 2500, 5000)
"""Steps whose error stands in the table."""

_NOT_TRAINED = {"max_iterations": 1, "learning_rate": 1e-12}


@dataclass(frozen=True)
class Arm:
    """One row of the table of an animal that was left out.

    Args:
        title: What tables and figures call it.
        pretrained: Whether it starts from the encoders of the other animals; `None` if no
            encoder is trained.
        full: Whether all layers are trained, or the input layer alone.
        shuffle: The control whose shuffle of the labels of the animal encoder and decoder get.
        kind: `"method"` or `"control"`.
        transductive: Whether the encoder has seen the neural data of the test part.
        labels_at_inference: Whether it needs labels of the test part to embed it.
    """

    title: str
    pretrained: bool | None = True
    full: bool = True
    shuffle: str = ""
    kind: Kind = "method"
    transductive: bool = False
    labels_at_inference: bool = False


def _control(name: str, title: str | None = None, **options: Any) -> Arm:
    return Arm(title or CONTROLS[name].title, kind="control", **options)


ARMS: Mapping[str, Arm] = {
    "pretrained-full": Arm("pretrained, full model"),
    "pretrained-input": Arm("pretrained, input layer", full=False),
    "scratch-full": Arm("from scratch, full model", pretrained=False),
    "scratch-input": Arm("from scratch, input layer", pretrained=False, full=False),
    "permuted": _control("permuted", "pretrained, labels permuted over time", shuffle="permuted"),
    "shifted": _control("shifted", "pretrained, labels shifted in time", shuffle="shifted"),
    "untrained": _control("untrained", pretrained=None),
    "no-embedding": _control("no-embedding", pretrained=None),
    "chance": _control("chance", pretrained=None),
}


def steps_to_look_at(num_steps: int) -> list[int]:
    """Returns 0, every 25th step up to 500, every 250th after, and the last."""
    steps = {*range(0, min(num_steps, 500) + 1, EVERY), *range(500, num_steps + 1, 10 * EVERY)}
    return sorted({step for step in steps if step <= num_steps} | {num_steps})


def run_adaptation(config: MultiSessionConfig, adapted_group: str, seed: int) -> dict[str, Any]:
    """Trains on all sessions but the last and adapts copies to it, one for each arm.

    Returns:
        `"arms"`: by name the numbers of the row, the `"steps"` that were looked at with the
        `"errors_cm"` after each, and the `"seconds"` of training up to it.
    """
    *others, held_out = sessions(config, adapted_group)
    bases = {
        True: _fitted(config, others, seed, max_iterations=config.pretrain_iterations),
        False: _fitted(config, others, seed, **_NOT_TRAINED),
    }
    arms = {}
    for name, arm in ARMS.items():
        labels = shuffled(held_out.labels("train"), arm.shuffle, derive_seed(seed, len(others)))
        if arm.pretrained is None:
            points = _without_training(config, name, held_out, seed)
            arms[name] = decoding(config, points, labels, held_out.labels("test"))
        else:
            arms[name] = _adapted(config, bases[arm.pretrained], arm, held_out, labels)
    return {"arms": arms, "held_out": held_out.name, "trained_on": [one.name for one in others]}


def _fitted(config: MultiSessionConfig, others: list[Session], seed: int, **changes: Any) -> CEBRA:
    settings = {
        "output_dimension": config.adapt_dimension,
        "batch_size": config.pretrain_batch_size,
        "learning_rate": config.pretrain_learning_rate,
    }
    model = encoder(config, seed, **settings | changes)
    neural = [one.train.neural for one in others]
    labels = [columns(one.labels("train")) for one in others]
    if len(others) == 1:
        return model.fit(neural[0], labels[0])
    return model.fit(neural, labels)


def _adapted(
    config: MultiSessionConfig,
    base: CEBRA,
    arm: Arm,
    held_out: Session,
    labels: Mapping[str, Label],
) -> dict[str, Any]:
    """Returns the error of a copy of `base` after each step that is looked at."""
    y, true = columns(labels), held_out.test.labels["position"]
    wanted = set(steps_to_look_at(config.adapt_iterations))
    steps: list[int] = []
    errors: list[float] = []
    seconds: list[float] = []
    last: list[Points] = []
    looking = 0.0  # what the evaluations took, which is no training

    def look(step: int, solver: Any) -> None:
        nonlocal looking
        if step not in wanted:
            return
        now = time.perf_counter()
        points = tuple(
            solver.transform(part.neural).cpu().numpy() for part in (held_out.train, held_out.test)
        )
        last[:] = [(points[0], points[1])]
        steps.append(step)
        seconds.append(now - start - looking)
        errors.append(median_error_cm(config, last[0], labels, true))
        looking += time.perf_counter() - now

    freeze: Any = "none" if arm.full else "all but the first layer"
    start = time.perf_counter()
    first = copy.deepcopy(base).set_params(max_adapt_iterations=1, learning_rate=1e-12)
    first.adapt(
        held_out.train.neural, y, freeze=freeze, callback=lambda _, solver: look(0, solver)
    )  # one step of no length: how the adaptation begins
    start, looking = time.perf_counter(), 0.0
    model = copy.deepcopy(base).set_params(
        max_adapt_iterations=config.adapt_iterations, learning_rate=config.adapt_learning_rate
    )
    every = math.gcd(EVERY, config.adapt_iterations)
    model.adapt(held_out.train.neural, y, freeze=freeze, callback=look, callback_frequency=every)
    seconds[0] = 0.0
    result: dict[str, Any] = {"steps": steps, "errors_cm": errors, "seconds": seconds}
    for step in READ_AT:
        if step in wanted:
            result[f"median_{step}_cm"] = errors[steps.index(step)]
    for step in (100, 500):
        if step in wanted:
            result[f"seconds_{step}"] = seconds[steps.index(step)]
    return result | decoding(config, last[0], labels, held_out.labels("test"))


def _without_training(
    config: MultiSessionConfig, name: str, held_out: Session, seed: int
) -> Points | None:
    if name == "chance":
        return None
    both = [held_out.train, held_out.test]
    if name == "untrained":
        size = config.num_hidden_units, config.adapt_dimension
        train, test = untrained_points(both, ARCHITECTURE, *size, seed)
    else:
        train, test = plain_points(both, WINDOW_BINS)
    return train, test
