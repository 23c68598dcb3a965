"""Rows 24 to 28: parameters outside their sets."""

import re
import time
from numbers import Integral

import numpy as np
import pytest
import torch
from sklearn.utils import _param_validation as allowed

from cebra_ethan import CEBRA
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.estimator import cebra as estimator_module
from tests.reliability.helpers import NEURAL, NUM_BINS, POSITION, SIDE, assert_same, small

CONSTRAINTS = CEBRA._parameter_constraints
FOREIGN = [
    object(),
    1 + 2j,
    b"bytes",
    {1, 2},
    "no such word",
    -7,
    64.5,
    np.nan,
    [1],
    {},
    None,
    True,
]
"""Values of many types; each is wrong for a parameter that takes none of its kind."""

pytestmark = pytest.mark.usefixtures("without_type_checks")


def _outside(interval):
    """Returns numbers just beyond and far beyond the ends of an interval."""
    step = 1 if interval.type is Integral else 1e-9
    if interval.left is not None:
        yield interval.left - step
        yield interval.left - 10**6
        if interval.closed in ("neither", "right"):
            yield interval.left
    yield from (np.nan, np.inf, -np.inf)
    if interval.type is Integral:
        yield from ((interval.left or 0) + 1.5, "64", np.float32(8))


def _wrong_values(kinds):
    made = [allowed.make_constraint(kind) for kind in kinds]
    numbers = any(isinstance(kind, allowed.Interval) for kind in made)
    for kind in made:
        yield from _outside(kind) if isinstance(kind, allowed.Interval) else ()
    for value in FOREIGN:
        is_flag = isinstance(value, bool) and numbers  # scikit-learn lets True pass for 1
        if is_flag or not any(kind.is_satisfied_by(value) for kind in made):
            yield value


CASES = [
    pytest.param(name, value, id=f"{name} {type(value).__name__} {place}")
    for name, kinds in CONSTRAINTS.items()
    for place, value in enumerate(_wrong_values(kinds))
]


@pytest.fixture
def nothing_is_made(monkeypatch):
    """Fails the test when something of the size of the data or of the model is made."""

    def made(*args, **kwargs):
        raise AssertionError("parameters must be checked before anything is made")

    for name in ("checked_sessions", "make_solver", "make_loaders"):
        monkeypatch.setattr(estimator_module, name, made)


def _seconds_to_refuse(estimator, message, *labels):
    start = time.perf_counter()
    with pytest.raises(InvalidParameterError, match=message):
        estimator.fit(NEURAL, *labels)
    return time.perf_counter() - start


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize(("name", "value"), CASES)
def test_row24_every_wrong_value_is_refused_at_once(name, value):
    shown = re.escape(f"Got {value!r} instead")
    message = rf"The '{name}' parameter of CEBRA must be .+ {shown}"
    estimator = small(**{name: value})
    seconds = min(_seconds_to_refuse(estimator, message) for _ in range(3))  # a quiet one of three
    assert seconds < 0.05


def test_row24_every_parameter_has_constraints_and_wrong_values():
    assert set(CONSTRAINTS) == set(CEBRA().get_params())
    assert {case.values[0] for case in CASES} == set(CONSTRAINTS)


@pytest.mark.parametrize("verb", ["partial_fit"])
def test_row24_partial_fit_refuses_too(verb):
    fitted = small().fit(NEURAL)
    with pytest.raises(InvalidParameterError, match=r"'batch_size' parameter .* Got -5 instead"):
        getattr(fitted.set_params(batch_size=-5), verb)(NEURAL)


ROW25 = [
    *(("temperature", value) for value in (0, -1.0, np.nan, np.inf)),
    *(("learning_rate", value) for value in (np.nan, -1e-3, 0, np.inf)),
    *(("batch_size", value) for value in (1, 0, -5, 64.5, "64")),
    *(("time_offsets", value) for value in (0, -1, 1.5, (1, 2))),
    *(("delta", value) for value in (0, -0.1, np.nan, np.inf)),
]


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize(("name", "value"), ROW25)
def test_row25_the_values_users_try(name, value):
    message = rf"The '{name}' parameter of CEBRA must be .+{re.escape(f'Got {value!r} instead')}"
    assert _seconds_to_refuse(small(**{name: value}), message) < 5  # at once: nothing was made


def test_row25_a_time_offset_as_long_as_the_recording():
    message = rf"time_offsets={NUM_BINS} needs at least {NUM_BINS + 1} .*n_samples={NUM_BINS}"
    with pytest.raises(DataError, match=message):
        small(time_offsets=NUM_BINS).fit(NEURAL)


def test_row25_delta_normal_without_delta():
    with pytest.raises(InvalidParameterError, match=r"delta=None and conditional='delta_normal'"):
        small(conditional="delta_normal").fit(NEURAL, POSITION)


@pytest.mark.parametrize("batch_size", [NUM_BINS, NUM_BINS + 1, 10 * NUM_BINS])
@pytest.mark.parametrize("labels", [(), (POSITION,), (SIDE,)], ids=["time", "delta", "discrete"])
def test_row26_a_batch_larger_than_the_recording(labels, batch_size):
    fitted = small(batch_size=batch_size).fit(NEURAL, *labels)
    again = small(batch_size=batch_size).fit(NEURAL, *labels)
    assert_same(fitted.transform(NEURAL), again.transform(NEURAL))
    assert np.isfinite(fitted.history_["loss"]).all()


def test_row26_is_documented():
    text = " ".join(CEBRA.__doc__.split())
    assert re.search(r"batch_size: [^:]*may exceed the number of time bins", text)


@pytest.mark.parametrize(
    ("params", "labels", "message"),
    [
        (
            {"temperature_mode": "auto", "temperature": 0.5, "min_temperature": 0.6},
            (),
            r"min_temperature=0\.6 and temperature=0\.5",
        ),
        ({"conditional": "time_delta"}, (), r"conditional must suit the labels: with no labels"),
        ({"conditional": "discrete"}, (POSITION,), r"with continuous labels .*got 'discrete'"),
        ({"delta": 0.1}, (POSITION,), r"delta=0\.1 and conditional=None"),
        ({"hybrid": True}, (), r"hybrid .*needs labels .*no labels and conditional='time'"),
        ({"hybrid": True, "conditional": "time"}, (POSITION,), r"hybrid .*conditional='time'"),
        (
            {"hybrid": True, "output_dimension": 2},
            (POSITION,),
            r"output_dimension .*got 2",
        ),
        ({"prior": "uniform"}, (), r"prior='uniform' .*no labels"),
        ({"early_stopping": {"patients": 3}}, (), r"early_stopping takes patience.*got patients"),
        ({"early_stopping": {"patience": 0}}, (), r"patience of early_stopping must be .*got 0"),
        ({"early_stopping": {"every": 0}}, (), r"every of early_stopping must be .*got 0"),
        ({"early_stopping": {"fraction": 1.0}}, (), r"fraction of early_stopping .*got 1\.0"),
        ({"early_stopping": {"min_delta": np.nan}}, (), r"min_delta of early_stopping .*got nan"),
        ({"optimizer_kwargs": (("momentum", 0.9),)}, (), r"optimizer_kwargs .*'adam'.*momentum"),
        ({"optimizer_kwargs": (1,)}, (), r"optimizer_kwargs must be pairs .*got \(1,\)"),
        ({"optimizer_kwargs": (("betas", (2, 3)),)}, (), r"optimizer_kwargs .*beta"),
        ({"masking_kwargs": (("Mask", 1),)}, (), r"masking_kwargs must name one of .*got 'Mask'"),
        ({"augmentation": {"noise": 1}}, (), r"one or more of noise_level.*got noise"),
        ({"model_architecture": "offset2-model"}, (), r"n >= 3, .*; got 'offset2-model'"),
        (
            {"model_architecture": "offset999999999-model"},
            (),
            r"less than 1000 .*'offset9999",
        ),
    ],
)
def test_row27_parameters_that_do_not_go_together(params, labels, message):
    with pytest.raises(InvalidParameterError, match=f"(?s){message}"):
        small(**params).fit(NEURAL, *labels)


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps", "tpu", "", "cuda:-1", "cpu:0x"])
def test_row28_a_device_that_is_not_here(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    message = rf"device must be one of cuda_if_available, cpu here; got '{re.escape(device)}'"
    with pytest.raises(InvalidParameterError, match=message):
        small(device=device).fit(NEURAL)


def test_row28_to_another_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidParameterError, match=r"cpu here; got 'cuda'"):
        small().fit(NEURAL).to("cuda")
