"""LFADS: divergences, segments, what is hidden from what, and that it predicts held-out counts."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from cebra_ethan.baselines import LFADS
from cebra_ethan.baselines.lfads_network import (
    LFADSNetwork,
    autoregressive_divergence,
    dropped,
    normal_divergence,
)
from cebra_ethan.baselines.lfads_segments import chop, starts_of, stitch
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.types import Recording
from tests.baselines.examples import NEURAL, SMALL, TRIAL
from tests.reference import baselines as reference


def small(**params):
    return LFADS(**{**SMALL["lfads"], "random_state": 0, **params})


def net(num_inputs):
    return LFADSNetwork(5, 3, 6, 7, 4, num_inputs, 6, torch.Generator().manual_seed(0))


def test_the_initial_divergence_is_that_of_two_normal_densities():
    random = torch.Generator().manual_seed(0)
    mean, log_variance, prior = (torch.randn(3, 4, generator=random) for _ in range(3))
    expected = kl_divergence(
        Normal(mean, (0.5 * log_variance).exp()),
        Normal(prior[0].expand_as(mean), (0.5 * prior).exp()),
    )
    found = normal_divergence(mean, log_variance, prior[0], prior)
    torch.testing.assert_close(found, expected.sum(dim=1))


def test_the_prior_of_inputs_is_a_stationary_autoregression():
    random = torch.Generator().manual_seed(0)
    inputs, mean, log_variance = (
        torch.randn(6, 2, 3, generator=random, dtype=torch.float64) for _ in range(3)
    )
    time_constant, variance = torch.tensor([2.0, 5.0, 9.0]).double(), torch.tensor([0.1, 1, 2.0])
    posterior = Normal(mean, (0.5 * log_variance).exp()).log_prob(inputs).sum(dim=(0, 2))
    density = reference.autoregressive_log_density
    prior = torch.stack(
        [
            sum(density(inputs[:, b, k], time_constant[k], variance[k]) for k in range(3))
            for b in range(2)
        ]
    )
    found = autoregressive_divergence(
        inputs, mean, log_variance, time_constant.log(), variance.double().log()
    )
    torch.testing.assert_close(found, posterior - prior)


@pytest.mark.parametrize("num_inputs", [0, 2])
def test_shapes_and_limits(num_inputs):
    network, spikes = net(num_inputs), 50 * torch.ones(9, 4, 5)
    found = network(spikes, None, 0.0)
    assert found.log_rates.shape == (4, 9, 5)
    assert found.factors.shape == (4, 9, 3)
    assert (found.initial_divergence > 0).all()
    assert bool((found.input_divergence != 0).all()) == bool(num_inputs)
    again = network(spikes, torch.Generator().manual_seed(0), 0.2)
    assert not torch.equal(again.factors, found.factors)
    assert found.factors.abs().max() <= 5 * 7**0.5  # states in [-5, 5], rows of length 1
    norm = found.factors.detach() @ torch.eye(3)
    network.factor_weight.data *= 7
    torch.testing.assert_close(network(spikes, None, 0.0).factors @ torch.eye(3), norm)


def test_the_fast_generator_equals_its_cell_bin_by_bin():
    network, spikes = net(0), torch.ones(6, 2, 5)
    cell = torch.nn.GRUCell(1, 7)
    cell.load_state_dict(
        {name.removesuffix("_l0"): w for name, w in network.generator.state_dict().items()}
    )
    _, last = network.encoder(spikes)
    mean, _ = network.initial(torch.cat([last[0], last[1]], dim=1)).chunk(2, dim=1)
    state, factors = network.start(mean).clamp(-5, 5), []
    weight = network.factor_weight / network.factor_weight.norm(dim=1, keepdim=True)
    for _ in range(6):
        state = cell(torch.zeros(2, 1), state)
        factors.append(state @ weight.T)
    found = network(spikes, None, 0.0).factors
    torch.testing.assert_close(found, torch.stack(factors, dim=1))


def test_dropping_keeps_the_mean():
    values = torch.ones(100_000)
    random = torch.Generator().manual_seed(0)
    found = dropped(values, 0.3, random)
    assert found.mean().item() == pytest.approx(1, abs=0.01)
    assert (found == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert dropped(values, 0.3, None) is values


@pytest.mark.parametrize(("lengths", "length", "overlap"), [((30,), 10, 3), ((25, 7, 10), 10, 0)])
def test_segments_cover_and_joining_inverts_cutting(lengths, length, overlap):
    trial = np.repeat(np.arange(len(lengths)), lengths)
    recording = Recording(torch.randn(len(trial), 2), trial=torch.from_numpy(trial))
    starts = starts_of(recording, length, overlap, whole=False)
    rows = chop(recording, starts, length)
    assert sorted(set(rows.flatten().tolist())) == list(range(len(trial)))
    assert all(len(set(trial[row])) == 1 for row in rows.numpy())
    joined = stitch(recording.neural[rows], rows, overlap, len(trial))
    torch.testing.assert_close(joined, recording.neural)
    whole = starts_of(recording, length, overlap, whole=True)
    long = sum(n >= length for n in lengths)
    assert len(set(trial[whole])) == long


def test_hidden_counts_are_neither_input_nor_target():
    first = small().training(NEURAL)
    changed = NEURAL.copy()
    changed[first.hidden.numpy()] += 5
    second = small().training(changed)
    second.network.fitted_to(first.network.readout.bias.detach())  # mean rates see all counts
    outcomes = [training.run(2) for training in (first, second)]
    np.testing.assert_array_equal(*[one.history["misfit"] for one in outcomes])
    assert outcomes[0].best_loss != outcomes[1].best_loss


@pytest.mark.parametrize(("num_inputs", "num_epochs"), [(0, 20), (1, 8)])
def test_held_out_counts_are_predicted(num_inputs, num_epochs):
    X, trial = np.tile(NEURAL, (4, 1)), np.repeat(np.arange(12), 50)
    options = {"num_encoder": 12, "num_generator": 12, "batch_size": 6, "dropout": 0.0}
    model = small(**options, kl_initial=0.1, num_inputs=num_inputs, epochs=num_epochs)
    model.fit(X, trial=trial)
    assert model.bits_per_spike_ > 0.02
    assert model.rates(X, trial=trial).shape == X.shape


def test_factors_are_given_unless_components_are_asked_for():
    factors = small(n_components=None).fit(NEURAL).transform(NEURAL)
    components = small(n_components=2).fit(NEURAL).transform(NEURAL)
    assert factors.shape == (len(NEURAL), 3)
    gap = factors - factors.mean(axis=0)
    left, size, _ = np.linalg.svd(gap, full_matrices=False)
    np.testing.assert_allclose(np.abs(components), np.abs(left * size)[:, :2], atol=1e-4)


def test_a_training_goes_on_where_it_was():
    whole, first, second = (small().training(NEURAL, trial=TRIAL) for _ in range(3))
    whole.run(2)
    state_after_two = whole.state_dict()
    first.run(1)
    second.load_state_dict(first.state_dict())
    second.run(1)
    assert second.num_epochs == state_after_two["num_epochs"] == 2


def test_divergence_and_penalty_ramp_up():
    history = small(ramp_epochs=2, l2=1.0, epochs=3).fit(NEURAL).history_
    added = history["loss"] - history["misfit"]
    assert added[0] < added[-1]
    off = small(kl_initial=0.0, kl_inputs=0.0, l2=0.0).fit(NEURAL).history_
    np.testing.assert_array_equal(off["loss"], off["misfit"])


def test_what_cannot_be_used_is_named():
    with pytest.raises(InvalidParameterError, match="overlap must be less than"):
        small(overlap=20).fit(NEURAL)
    with pytest.raises(DataError, match="the longest trial has 50"):
        small(sequence_length=60).fit(NEURAL, trial=TRIAL)
    with pytest.raises(InvalidParameterError, match="'dropout' parameter"):
        small(dropout=1.0).fit(NEURAL)
