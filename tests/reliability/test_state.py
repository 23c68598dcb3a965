"""Rows 32 to 39: transform, repeated and failed training, and training that diverges."""

import contextlib
import hashlib
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cebra_ethan.data.dataset import ContrastiveDataset
from cebra_ethan.data.loader import ContrastiveLoader
from cebra_ethan.errors import DataError, InvalidParameterError, TrainingDivergedError
from cebra_ethan.models.criterions import InfoNCE
from cebra_ethan.models.model import MODELS, Offset10Model
from cebra_ethan.solver.base import SingleSessionSolver
from tests.reliability.helpers import (
    MODES,
    NEURAL,
    NUM_BINS,
    POSITION,
    SIDE,
    VARIANTS,
    assert_same,
    assert_same_estimator,
    in_mode,
    small,
)

pytestmark = pytest.mark.usefixtures("without_type_checks")


@pytest.mark.parametrize(
    "use",
    [
        lambda estimator: estimator.transform(NEURAL),
        lambda estimator: estimator.score(NEURAL),
        lambda estimator: estimator.goodness_of_fit(NEURAL),
        lambda estimator: estimator.history_,
        lambda estimator: estimator.save("never.ckpt"),
        lambda estimator: estimator.to("cpu"),
        lambda estimator: estimator.get_feature_names_out(),
    ],
    ids=["transform", "score", "goodness_of_fit", "history_", "save", "to", "names"],
)
def test_row32_before_fit(use):
    with pytest.raises(NotFittedError, match="This CEBRA instance is not fitted yet"):
        use(small())


@pytest.mark.parametrize("width", [1, 5, 7])
@pytest.mark.parametrize("method", ["transform", "score", "partial_fit"])
def test_row33_other_neurons(method, width):
    fitted = small().fit(NEURAL)
    message = f"X has {width} features, but CEBRA is expecting 6 features as input"
    with pytest.raises(ValueError, match=message):
        getattr(fitted, method)(np.resize(NEURAL, (NUM_BINS, width)))


@pytest.mark.parametrize("session", [99, -1, 1, "0", 0.0, 0.5, True, False])
def test_row34_a_session_that_is_not_there(session):
    message = rf"session_id must be None or 0.*range 0 to 0.*got {session!r}"
    with pytest.raises(InvalidParameterError, match=message):
        small().fit(NEURAL).transform(NEURAL, session_id=session)


def test_row34_the_session_that_is_there():
    fitted = small().fit(NEURAL)
    assert_same(fitted.transform(NEURAL, session_id=0), fitted.transform(NEURAL))


@pytest.mark.parametrize("value", [0, -1, 2.5, "8", True])
def test_row35_a_wrong_batch_size(value):
    with pytest.raises(InvalidParameterError, match=rf"batch_size must be .*got {value!r}"):
        small().fit(NEURAL).transform(NEURAL, batch_size=value)


SHORT = 60
TRIALS = np.repeat([0, 1, 2], [1, 20, SHORT - 21])


@pytest.fixture(scope="module")
def fitted_models():
    """One estimator of each architecture."""
    return {name: small(model_architecture=name).fit(NEURAL) for name in MODELS}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(MODELS)),
    batch_size=st.integers(1, SHORT + 1),
    trial=st.sampled_from([None, TRIALS]),
    pad=st.booleans(),
)
def test_row35_batches_do_not_show(fitted_models, name, batch_size, trial, pad):
    fitted = fitted_models[name].set_params(pad_before_transform=pad)
    neural = NEURAL[:SHORT]
    whole = fitted.transform(neural, trial=trial)
    parts = fitted.transform(neural, batch_size=batch_size, trial=trial)
    assert parts.shape == whole.shape
    assert (not pad) or len(whole) == SHORT
    assert_same(parts, whole)


@pytest.mark.parametrize("name", MODELS)
def test_row35_parts_that_a_user_cuts(fitted_models, name):
    """Part by part with its context, as a recording too long for memory is embedded."""
    fitted = fitted_models[name].set_params(pad_before_transform=False)
    whole = fitted.transform(NEURAL)
    step, context = 40, fitted.offset_.span - 1
    starts = range(0, len(NEURAL) - context, step)
    parts = [fitted.transform(NEURAL[start : start + step + context]) for start in starts]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-6)


class _StopError(Exception):
    """Ends a training from inside."""


def _interrupt(error, step):
    def callback(number, solver):
        if number == step:
            raise error

    return callback


OTHER = NEURAL[::-1].copy() * 2 + 1


def _fit(estimator):
    estimator.fit(OTHER, SIDE)


def _partial_fit(estimator):
    if hasattr(estimator, "model_") and estimator.n_features_in_ != OTHER.shape[1]:
        return
    estimator.partial_fit(OTHER, SIDE)


def _failed_check(estimator):
    with pytest.raises(DataError, match="must be finite"):
        estimator.fit(np.where(OTHER > 2, np.nan, OTHER))


def _failed_callback(estimator):
    with pytest.raises(_StopError, match="stop"):
        estimator.fit(OTHER, SIDE, callback=_interrupt(_StopError("stop"), 2))


def _interrupted(estimator):
    with pytest.raises(KeyboardInterrupt, match="stop"):
        estimator.fit(OTHER, SIDE, callback=_interrupt(KeyboardInterrupt("stop"), 1))


def _diverged(estimator):
    rate = estimator.learning_rate
    with pytest.raises(TrainingDivergedError, match="must stay finite"):
        estimator.set_params(learning_rate=1e30).fit(OTHER)
    estimator.set_params(learning_rate=rate)


def _narrow(estimator):
    estimator.fit(OTHER[:, :2])


def _transform(estimator):
    if hasattr(estimator, "model_"):
        estimator.transform(NEURAL[:, : estimator.n_features_in_])


def _refused_parameter(estimator):
    with pytest.raises(InvalidParameterError, match="batch_size"):
        estimator.set_params(batch_size=-1).fit(OTHER)
    estimator.set_params(batch_size=32)


PASTS = {
    one.__name__: one
    for one in (
        *(_fit, _partial_fit, _failed_check, _failed_callback, _interrupted, _diverged),
        *(_narrow, _transform, _refused_parameter),
    )
}


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    mode=st.sampled_from([mode for mode in MODES if mode != "full batch"]),
    variant=st.sampled_from(
        ["one-cycle schedule", "early stopping", "learned temperature", "focal"]
    ),
    past=st.lists(st.sampled_from(sorted(PASTS)), min_size=1, max_size=4),
)
def test_row36_fit_forgets_whatever_was_before(mode, variant, past):
    _, labels = in_mode(mode)
    used = small(**VARIANTS[variant])
    for name in past:
        PASTS[name](used)
    parameters = {**MODES[mode][0], **VARIANTS[variant]}
    fresh = small(**parameters).fit(NEURAL, *labels)
    assert_same_estimator(used.set_params(**parameters).fit(NEURAL, *labels), fresh)


@pytest.mark.parametrize("past", PASTS)
def test_row36_each_past_is_forgotten(past):
    used = small(model_architecture="attention-offset10-model")
    PASTS[past](used)
    fresh = small(model_architecture="attention-offset10-model").fit(NEURAL, POSITION)
    assert_same_estimator(used.fit(NEURAL, POSITION), fresh)


def test_row36_a_refused_fit_leaves_the_old_model():
    fitted = small().fit(NEURAL)
    before = fitted.transform(NEURAL)
    with pytest.raises(DataError, match="must be finite"):
        fitted.fit(np.full_like(NEURAL, np.nan))
    fitted.set_params(output_dimension=7)
    with pytest.raises(DataError, match="span the same time bins"):
        fitted.fit(NEURAL, POSITION[1:])
    assert_same(fitted.transform(NEURAL), before)
    assert len(fitted.get_feature_names_out()) == 3


@pytest.mark.parametrize("mode", MODES)
def test_row37_partial_fit_uses_what_it_is_given(mode):
    estimator, labels = in_mode(mode)
    cut = [label[:200] for label in labels]
    first = [clone(estimator).fit(NEURAL, *labels) for _ in range(3)]
    new = first[0].partial_fit(OTHER[:200], *cut).transform(NEURAL)
    again = first[1].partial_fit(OTHER[:200], *cut).transform(NEURAL)
    old = first[2].partial_fit(NEURAL, *labels).transform(NEURAL)
    assert_same(new, again)
    assert not np.array_equal(new, old)
    assert first[0].solver_.num_steps == 2 * estimator.max_iterations


def test_row37_partial_fit_equals_one_long_fit():
    """Draws depend on the seed and the step, so two halves of a training are the whole."""
    halves = small(max_iterations=10).fit(NEURAL, POSITION).partial_fit(NEURAL, POSITION)
    whole = small(max_iterations=20).fit(NEURAL, POSITION)
    assert_same_estimator(halves, whole)


def test_row37_partial_fit_alone_is_fit():
    assert_same_estimator(small().partial_fit(NEURAL, POSITION), small().fit(NEURAL, POSITION))


def test_row37_partial_fit_takes_labels_of_the_same_kind():
    fitted = small().fit(NEURAL, POSITION)
    with pytest.raises(DataError, match="label 0 must be like label 0 in fit, continuous"):
        fitted.partial_fit(NEURAL, SIDE)
    assert fitted.partial_fit(NEURAL, -POSITION).label_kinds_ == {"label 0": "continuous"}


SHAPING = {
    "model_architecture": "offset5-model",
    "output_dimension": 4,
    "num_hidden_units": 16,
    "criterion": "focal",
    "distance": "euclidean",
    "temperature": 0.5,
    "temperature_mode": "auto",
    "min_temperature": 0.2,
    "optimizer": "adamw",
    "optimizer_kwargs": (("eps", 1e-4),),
    "causal": True,
    "hybrid": True,
    "early_stopping": True,
    "random_state": 1,
    "device": "cuda_if_available",
    "shared_trunk": True,
    "objectives": {"all": {"labels": "label 0"}},
    "regularizer": {"weight": 0.1},
    "num_queued_negatives": 8,
    "momentum": 0.5,
}
HONOURED = {
    "learning_rate": 0.1,
    "batch_size": 16,
    "max_iterations": 5,
    "num_negatives": 4,
    "time_offsets": 5,
    "scheduler": "one-cycle",
    "augmentation": {"noise_level": 1.0},
    "masking_kwargs": (("RandomNeuronMask", 0.5),),
    "conditional": "time",
}
UNUSED_BY_TRAINING = {"max_adapt_iterations", "verbose", "pad_before_transform"}
NEEDS_OTHERS = {"delta", "prior", "balance"}


def test_row38_every_parameter_is_accounted_for():
    known = {*SHAPING, *HONOURED, *UNUSED_BY_TRAINING, *NEEDS_OTHERS}
    assert known == set(small().get_params())


@pytest.mark.parametrize("name", SHAPING)
def test_row38_what_a_fitted_model_cannot_change(name):
    fitted = small().fit(NEURAL, POSITION)
    message = rf"{name} must stay .*got {re.escape(repr(SHAPING[name]))}.*Use fit"
    with pytest.raises(InvalidParameterError, match=message):
        fitted.set_params(**{name: SHAPING[name]}).partial_fit(NEURAL, POSITION)


@pytest.mark.parametrize("name", HONOURED)
def test_row38_what_it_can_is_used(name):
    changed, same = (small().fit(NEURAL, POSITION) for _ in range(2))
    changed.set_params(**{name: HONOURED[name]}).partial_fit(NEURAL, POSITION)
    same.partial_fit(NEURAL, POSITION)
    assert not np.array_equal(changed.transform(NEURAL), same.transform(NEURAL))


@pytest.mark.parametrize("after", [None, "linear", "cosine", "one-cycle"])
@pytest.mark.parametrize("before", [None, "linear", "cosine", "one-cycle"])
def test_row38_any_schedule_may_follow_any_other(before, after, tmp_path):
    fitted = small(scheduler=before).fit(NEURAL)
    fitted.set_params(scheduler=after).partial_fit(NEURAL)
    fitted.save(tmp_path / "a.ckpt")
    assert_same_estimator(type(fitted).load(tmp_path / "a.ckpt"), fitted)


def test_row38_delta_and_prior_are_used():
    base = small(conditional="delta_normal", delta=0.1)
    one, other = (clone(base).fit(NEURAL, POSITION) for _ in range(2))
    one.set_params(delta=50.0).partial_fit(NEURAL, POSITION)
    assert not np.array_equal(
        one.transform(NEURAL), other.partial_fit(NEURAL, POSITION).transform(NEURAL)
    )
    uneven = (np.arange(NUM_BINS) < 20).astype(int)
    one, other = (small().fit(NEURAL, uneven) for _ in range(2))
    one.set_params(prior="uniform").partial_fit(NEURAL, uneven)
    assert not np.array_equal(
        one.transform(NEURAL), other.partial_fit(NEURAL, uneven).transform(NEURAL)
    )


NUM_STEPS = 20
FAULT_STEPS = [1, 2, 15, 16, 17, NUM_STEPS]


def _solver(seed=0, **options):
    torch.manual_seed(seed)
    model, criterion = Offset10Model(6, 8, 3), InfoNCE()
    optimizer = torch.optim.Adam(model.parameters(), **options)
    return SingleSessionSolver(model, criterion, optimizer)


def _loader(**options):
    dataset = ContrastiveDataset(NEURAL, labels={"position": POSITION})
    return ContrastiveLoader(dataset, 32, NUM_STEPS, random_state=0, **options)


class _NanAt:
    """An augmentation that spoils every window from the n-th batch on."""

    def __init__(self, step):
        self.left = step - 1

    def __call__(self, windows, scale, generator):
        self.left -= 1
        return windows if self.left >= 0 else windows * float("nan")


def _weights_after(num_steps, augmentation=None):
    solver, loader = _solver(), _loader(augmentation=augmentation)
    loader.num_steps = num_steps
    return solver.fit(loader) if num_steps else solver


@pytest.mark.parametrize("step", FAULT_STEPS)
def test_row39_a_batch_that_is_not_finite(step):
    solver = _solver()
    message = rf"at step {step} the loss is nan\..*last finite step.*batch holds NaN or infinity"
    with pytest.raises(TrainingDivergedError, match=message):
        solver.fit(_loader(augmentation=_NanAt(step)))
    assert solver.num_steps == step - 1
    expected = _weights_after(step - 1, _NanAt(NUM_STEPS + 1))
    assert_same(dict(solver.model.state_dict()), dict(expected.model.state_dict()))
    assert_same(solver.optimizer.state_dict(), expected.optimizer.state_dict())
    assert not solver.model.training


class _Poison:
    """After a step, writes a value into a weight, a gradient hook or nothing."""

    def __init__(self, step, spoil):
        self.step, self.spoil = step, spoil

    def after_step(self, step, losses):
        if step == self.step:
            self.spoil()

    def finish(self):
        pass


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("step", [1, 15, 16, 19])
def test_row39_a_weight_that_is_not_finite(step, value):
    solver = _solver()
    weight = next(solver.model.parameters())

    def spoil():
        with torch.no_grad():
            weight.view(-1)[3] = value

    message = rf"at step {step + 1} the loss is \S+\..*last finite step.*learning rate \(0\.001\)"
    with pytest.raises(TrainingDivergedError, match=message):
        solver.fit(_loader(), callbacks=[_Poison(step, spoil)])
    kept = _weights_after(step - 1)  # the last weights whose loss was seen to be finite
    assert_same(dict(solver.model.state_dict()), dict(kept.model.state_dict()))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("step", [1, 16, 17])
def test_row39_a_gradient_that_is_not_finite_under_a_finite_loss(step, value):
    solver = _solver()
    weight = list(solver.model.parameters())[-1]
    calls = []

    def hook(gradient):
        calls.append(1)
        return gradient * value if len(calls) == step else gradient

    weight.register_hook(hook)
    message = rf"at step {step} the loss is \d\S+\. .*last finite step\. Its gradient is not"
    with pytest.raises(TrainingDivergedError, match=message):
        solver.fit(_loader())
    expected = _weights_after(step - 1)
    assert_same(dict(solver.model.state_dict()), dict(expected.model.state_dict()))


@pytest.mark.parametrize("rate", [1e10, 1e20, 1e30])
@pytest.mark.parametrize("name", MODELS)
def test_row39_a_huge_learning_rate(name, rate):
    """A loss may stay finite on huge weights, since embeddings are unit vectors."""
    estimator = small(model_architecture=name, learning_rate=rate, max_iterations=30)
    with contextlib.suppress(TrainingDivergedError):
        estimator.fit(NEURAL, POSITION)
    assert estimator.solver_.num_steps >= 1
    assert np.isfinite(estimator.history_["loss"]).all()
    assert all(bool(w.isfinite().all()) for w in estimator.model_.state_dict().values())
    assert np.isfinite(estimator.transform(NEURAL)).all()


def test_row39_a_huge_learning_rate_is_noticed():
    with pytest.raises(TrainingDivergedError, match=r"at step 2 .*learning rate \(1e\+30\)"):
        small(learning_rate=1e30, max_iterations=30).fit(NEURAL, POSITION)


def test_row39_the_estimator_lives_on():
    estimator = small(learning_rate=1e30, max_iterations=30)
    with pytest.raises(TrainingDivergedError, match="must stay finite"):
        estimator.fit(NEURAL, POSITION)
    estimator.set_params(learning_rate=3e-4, max_iterations=3)
    assert_same_estimator(estimator.fit(NEURAL, POSITION), small().fit(NEURAL, POSITION))


def test_row39_what_the_check_costs(record_property):
    """At most a hundredth of what a step of the paper's model writes; seconds are only noted.

    What is written is counted: a share of milliseconds is not the same twice on a busy machine.
    """
    torch.manual_seed(0)
    model, criterion = Offset10Model(100, 32, 8), InfoNCE()
    solver = SingleSessionSolver(model, criterion, torch.optim.Adam(model.parameters()))
    neural = np.random.default_rng(0).normal(size=(10_000, 100)).astype(np.float32)
    loader = ContrastiveLoader(ContrastiveDataset(neural), 512, 8, random_state=0)
    batch = loader.bind(model.offset).batch(0)
    total, _ = solver.loss(batch)
    total.backward()

    def check():
        assert bool(solver._guard._is_finite(total.detach()))
        return [tensor.detach().clone() for tensor in solver._tensors()]

    seconds = _best_seconds(check, 50) / _best_seconds(lambda: solver.step(batch), 3)
    record_property("divergence_check_share_of_seconds", seconds)
    with _Written() as of_step:
        solver.step(batch)
    with _Written() as of_check:
        check()
    weights = sum(tensor.numel() for tensor in solver._tensors())
    assert of_check.elements >= weights  # else the counter saw nothing
    assert of_check.elements <= 0.01 * of_step.elements


class _Written(TorchDispatchMode):
    """Counts the elements of every tensor that an operation returns."""

    def __init__(self):
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        found = [one for one in tree_leaves(result) if isinstance(one, torch.Tensor)]
        self.elements += sum(one.numel() for one in found)
        return result


def _best_seconds(function, repeats, rounds=7):
    best = np.inf
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(repeats):
            function()
        best = min(best, (time.perf_counter() - start) / repeats)
    return best


HASHES = """
import hashlib, sys
import torch
torch.set_num_threads(1)
from tests.reliability.helpers import MODES, NEURAL, VARIANTS, in_mode
from tests.reliability.test_state import digests
torch.manual_seed(int(sys.argv[1]))
for name, digest in digests().items():
    print(name, digest, sep="|")
"""


def digests():
    """Returns a hash of the embedding of every mode and variant."""
    found = {}
    for mode in MODES:
        estimator, labels = in_mode(mode, model_architecture="offset5-model")
        found[mode] = estimator.fit(NEURAL, *labels).transform(NEURAL)
    for name, params in VARIANTS.items():
        found[name] = small(**params).fit(NEURAL, POSITION).transform(NEURAL)
    return {name: hashlib.sha256(points.tobytes()).hexdigest() for name, points in found.items()}


def _global_states():
    in_numpy = np.random.get_state()  # noqa: NPY002 - the one that must stay untouched
    in_torch = torch.get_rng_state().numpy().tobytes()
    return repr((random.getstate(), in_numpy[1].tolist(), in_numpy[2:])), in_torch


@pytest.mark.slow
def test_determinism_in_two_processes_that_draw_from_global_generators():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums over threads are rounded differently
    try:
        one = digests()
    finally:
        torch.set_num_threads(threads)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-W", "ignore", "-c", HASHES, "5"]
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment,
        timeout=200,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 0, run.stderr
    other = dict(line.split("|") for line in run.stdout.split("\n") if line)
    assert other == one
    assert len(set(one.values())) > len(MODES)  # they are not all the same embedding


@pytest.mark.parametrize("name", [*MODES, *VARIANTS])
def test_determinism_leaves_global_generators_alone(name):
    own, labels = MODES.get(name, (VARIANTS.get(name), (POSITION,)))

    def noise(step, solver):
        random.random()
        np.random.rand(3)  # noqa: NPY002 - what a user's code may do
        torch.rand(3)

    quiet = small(**own)
    before = _global_states()
    quiet.fit(NEURAL, *labels).transform(NEURAL)
    quiet.partial_fit(NEURAL, *labels)
    quiet.score(NEURAL, *labels)
    assert _global_states() == before
    noisy = small(**own).fit(NEURAL, *labels, callback=noise)
    noise(0, None)
    noisy.partial_fit(NEURAL, *labels, callback=noise)
    assert _global_states() != before
    assert_same_estimator(noisy, quiet)
    assert noisy.score(NEURAL, *labels) == quiet.score(NEURAL, *labels)


def test_determinism_another_seed_is_another_embedding():
    one, other = (small(random_state=seed).fit(NEURAL).transform(NEURAL) for seed in (0, 1))
    assert not np.array_equal(one, other)
