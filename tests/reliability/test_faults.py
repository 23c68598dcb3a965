"""Faults of `cebra` 0.6.1 in training and evaluation: each test would fail there and passes here.

The numbers are those of the published list; the others are tested where their subject is, under
names that begin with `test_fault` and the number.
"""

import numpy as np
import pytest
import torch

from cebra_ethan import CEBRA
from cebra_ethan.data.sampler import SamplingOptions
from cebra_ethan.data.sampling import ClassSampler, DeltaSampler, TimeSampler, make_sampler
from cebra_ethan.errors import InvalidParameterError
from cebra_ethan.types import Label, Offset, Recording
from tests.reliability.helpers import NEURAL, POSITION, assert_same, small

CONDITIONALS = {
    "time": {"conditional": "time"},
    "time_delta": {},
    "delta_normal": {"conditional": "delta_normal", "delta": 0.1},
}


@pytest.mark.parametrize("mode", CONDITIONALS)
def test_fault1_a_seed_makes_training_the_same(mode):
    def embedding(seed):
        torch.manual_seed(int(np.random.default_rng().integers(1 << 30)))  # of no influence
        fitted = small(random_state=seed, **CONDITIONALS[mode]).fit(NEURAL, POSITION)
        return fitted.transform(NEURAL)

    assert_same(embedding(3), embedding(3))
    assert not np.array_equal(embedding(3), embedding(4))


def test_fault2_partial_fit_uses_the_new_data():
    other = NEURAL[::-1].copy()
    on_new, on_old = (
        small().fit(NEURAL, POSITION).partial_fit(X, POSITION).transform(NEURAL)
        for X in (other, NEURAL)
    )
    assert not np.array_equal(on_new, on_old)
    with pytest.raises(ValueError, match="features"):
        small().fit(NEURAL, POSITION).partial_fit(NEURAL[:, :-1], POSITION)


def test_fault3_partial_fit_continues_from_the_weights(tmp_path):
    fitted = small().fit(NEURAL, POSITION)
    fitted.save(tmp_path / "fitted.ckpt")
    before = fitted.transform(NEURAL)
    still = {"learning_rate": 1e-12}  # a step so small that the weights stay where they were
    for one in (fitted, CEBRA.load(tmp_path / "fitted.ckpt")):
        after = one.set_params(**still).partial_fit(NEURAL, POSITION).transform(NEURAL)
        np.testing.assert_allclose(after, before, atol=1e-4)
        assert one.solver_.num_steps == 2 * one.max_iterations


def test_fault4_bools_are_a_label():
    moving = POSITION > np.median(POSITION)
    fitted = small().fit(NEURAL, moving)
    assert fitted.label_kinds_ == {"label 0": "categorical"}
    assert not np.array_equal(fitted.transform(NEURAL), small().fit(NEURAL).transform(NEURAL))


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("labels", [(), (POSITION,), (POSITION > 0,), (POSITION, POSITION > 0)])
@pytest.mark.parametrize("several", [False, True])
def test_fault5_conditional_is_looked_at(labels, several):
    X, y = (NEURAL, labels) if not several else ([NEURAL] * 2, [[one] * 2 for one in labels])
    with pytest.raises(InvalidParameterError, match=r"'conditional' .*must be .*'nonsense'"):
        small(conditional="nonsense").fit(X, *y)
    if not labels:
        with pytest.raises(InvalidParameterError, match="conditional must suit the labels"):
            small(conditional="time_delta").fit(X, *y)


def test_fault5_several_sessions_do_what_conditional_says():
    sessions = [Recording(torch.zeros(60, 3), {"y": Label(np.random.rand(60))})] * 2  # noqa: NPY002
    for conditional, kind in (("time", TimeSampler), ("time_delta", DeltaSampler)):
        options = SamplingOptions(conditional=conditional)
        assert type(make_sampler(sessions, Offset(0, 1), options)) is kind


def test_fault6_full_batch_models_are_judged_on_the_data_that_are_given():
    phase = (POSITION - POSITION.mean()) / POSITION.std()
    tuned = np.sin(phase[:, None] + np.arange(NEURAL.shape[1])) + 0.3 * NEURAL
    fitted = small(batch_size=None, max_iterations=60, learning_rate=1e-2).fit(tuned, POSITION)
    shuffled = tuned[np.random.default_rng(0).permutation(len(tuned))]
    assert fitted.score(tuned, POSITION) > fitted.score(shuffled, POSITION) + 0.3


@pytest.mark.parametrize("values", [(0, 5), (-3, 10**12), (0, 1)])
def test_fault7_a_uniform_prior_is_uniform_over_classes_with_gaps(values):
    codes = np.repeat(values, [180, 20])
    recording = Recording(torch.zeros(200, 1), {"class": Label(codes)})
    sampler = make_sampler(recording, Offset(0, 1), SamplingOptions(prior="uniform"))
    assert isinstance(sampler, ClassSampler)
    drawn = sampler.draw(4000, torch.Generator().manual_seed(0)).reference.numpy()
    assert np.mean(codes[drawn] == values[1]) == pytest.approx(0.5, abs=0.03)
    assert np.bincount(drawn).max() < 4000 / 20  # no bin takes the share of its whole class
