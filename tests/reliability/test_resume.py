"""Row 44: a checkpoint holds all of training, which resumes as if it had not stopped."""

import os

import pytest
import torch

from cebra_ethan import CEBRA
from cebra_ethan.data.dataset import ContrastiveDataset
from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.models.criterions import InfoNCE
from cebra_ethan.models.model import AttentionOffsetModel
from cebra_ethan.solver.base import SingleSessionSolver
from cebra_ethan.solver.checkpoint import load_state
from tests.reliability.helpers import (
    MODES,
    NEURAL,
    POSITION,
    TWO_SESSIONS,
    VARIANTS,
    assert_same,
    assert_same_estimator,
    in_mode,
    small,
)

pytestmark = pytest.mark.usefixtures("without_type_checks")

LAST = 20
STOPS = [1, 15, 16, 17, LAST]  # around the sixteen steps that a loader draws at once
EVERYTHING = {
    **{mode: (mode, {}) for mode in MODES},
    **{v: ("time_delta", VARIANTS[v]) for v in VARIANTS},
}


SHARED = ("time", "hybrid", "full batch", "objectives", "queue", "all together")
"""What is trained with a shared trunk, too."""


class _StopError(Exception):
    """Ends a training from inside, as a crash would."""


def _stop_at(step):
    def callback(number, solver):
        if number == step:
            raise _StopError("stopped")

    return callback


@pytest.mark.parametrize("name", EVERYTHING)
def test_row44_round_trip(name, tmp_path):
    mode, params = EVERYTHING[name]
    estimator, labels = in_mode(mode, **params)
    fitted = estimator.fit(NEURAL, *labels)
    fitted.save(tmp_path / "a.ckpt")
    loaded = CEBRA.load(tmp_path / "a.ckpt")
    assert_same_estimator(loaded, fitted)
    assert repr(loaded.get_params()) == repr(fitted.get_params())
    loaded.save(tmp_path / "b.ckpt")
    assert (tmp_path / "b.ckpt").read_bytes() == (tmp_path / "a.ckpt").read_bytes()
    onwards = [one.partial_fit(NEURAL, *labels) for one in (loaded, fitted)]
    assert_same_estimator(*onwards)


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("name", EVERYTHING)
def test_row44_a_resumed_training_is_the_uninterrupted_one(name, stop, tmp_path):
    mode, params = EVERYTHING[name]
    labels = MODES[mode][1]

    def make():
        return in_mode(mode, **params, max_iterations=LAST)[0]

    whole = make().fit(NEURAL, *labels, logdir=tmp_path / "whole")
    if whole.solver_.num_steps < stop:
        pytest.skip("stopped early, before this step")
    with pytest.raises(_StopError, match="stopped"):
        make().fit(NEURAL, *labels, logdir=tmp_path / "cut", callback=_stop_at(stop))
    assert load_state(tmp_path / "cut" / "last.ckpt")["num_steps"] == stop
    resumed = make().fit(NEURAL, *labels, logdir=tmp_path / "cut", resume=True)
    assert_same_estimator(resumed, whole)
    for file in sorted(path.name for path in (tmp_path / "whole").iterdir()):
        assert (tmp_path / "cut" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


@pytest.mark.parametrize(
    ("name", "shared"),
    [*((name, False) for name in EVERYTHING), *((name, True) for name in SHARED)],
)
def test_row44_several_sessions_repeat_and_resume(name, shared, tmp_path):
    mode, params = EVERYTHING[name]
    own, labels = MODES[mode]
    labels = [[one, one[::-1].copy()] for one in labels]

    def make():
        return small(**{**own, **params, "max_iterations": 8, "shared_trunk": shared})

    whole = make().fit(TWO_SESSIONS, *labels)
    assert_same_estimator(make().fit(TWO_SESSIONS, *labels), whole, TWO_SESSIONS)
    with pytest.raises(_StopError, match="stopped"):
        make().fit(TWO_SESSIONS, *labels, logdir=tmp_path, callback=_stop_at(5))
    resumed = make().fit(TWO_SESSIONS, *labels, logdir=tmp_path, resume=True)
    assert_same_estimator(resumed, whole, TWO_SESSIONS)


def test_row44_a_resumed_training_keeps_a_seed_that_nobody_chose(tmp_path):
    params = {"random_state": None, "max_iterations": LAST, "early_stopping": {"every": 4}}

    def save(step, solver):
        if step == 7:
            solver.save(tmp_path / "seven.ckpt")

    whole = small(**params).fit(NEURAL, logdir=tmp_path, callback=save)
    os.replace(tmp_path / "seven.ckpt", tmp_path / "last.ckpt")
    resumed = small(**params).fit(NEURAL, logdir=tmp_path, resume=True)
    assert_same_estimator(resumed, whole)
    assert resumed.score(NEURAL) == whole.score(NEURAL)


@pytest.mark.parametrize("stop", [1, 15, 16, 17])
def test_row44_dropout_resumes_exactly(stop, tmp_path):
    def train(folder, num_steps, resume=False):
        torch.manual_seed(0)
        model = AttentionOffsetModel(6, 8, 3, span=5, dropout=0.5)
        solver = SingleSessionSolver(model, InfoNCE(), torch.optim.Adam(model.parameters()))
        dataset = ContrastiveDataset(NEURAL, labels={"position": POSITION})
        loader = ContrastiveLoader(dataset, 32, num_steps, random_state=0)
        torch.manual_seed(stop)  # what the global generator holds must not matter
        return solver.fit(loader, logdir=tmp_path / folder, resume=resume)

    whole = train("whole", LAST)
    train("cut", stop)
    resumed = train("cut", LAST, resume=True)
    assert_same(resumed.state_dict(), whole.state_dict())


def test_row44_dropout_differs_from_step_to_step():
    model = AttentionOffsetModel(6, 8, 3, span=5, dropout=0.5)
    solver = SingleSessionSolver(model, InfoNCE(), torch.optim.SGD(model.parameters(), lr=0.0))
    loader = ContrastiveLoader(ContrastiveDataset(NEURAL), 32, random_state=0)
    batch = loader.bind(model.offset).batch(0)
    losses = [float(solver.step(batch)["loss"]) for _ in range(LAST)]
    assert len(set(losses)) == LAST
