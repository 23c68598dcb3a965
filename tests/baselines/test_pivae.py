"""pi-VAE: the bound, the flow and the decoding against independent formulas; what labels do."""

import numpy as np
import pytest
import torch

from cebra_ethan.baselines import PiVAE
from cebra_ethan.baselines.pivae_decode import candidate_log_likelihood
from cebra_ethan.baselines.pivae_layers import (
    ClassPrior,
    ColumnPrior,
    Coupling,
    FlowDecoder,
    StandardPrior,
)
from cebra_ethan.baselines.pivae_network import PiVAENetwork, log_likelihood, product
from cebra_ethan.errors import DataError, TrainingDivergedError
from tests.baselines.examples import NEURAL, PLACE
from tests.reference import baselines as reference

PRIORS = {
    "columns": (lambda: ColumnPrior(3, 2), torch.rand(9, 3), True),
    "classes": (lambda: ClassPrior(4, 2), torch.arange(9) % 4, True),
    "none": (lambda: StandardPrior(2), torch.zeros(9, 0), False),
}


def network(prior, uses_labels=True, span=1, poisson=True):
    torch.manual_seed(0)
    return PiVAENetwork(
        prior,
        uses_labels=uses_labels,
        num_neurons=6,
        num_latents=2,
        num_units=5,
        num_blocks=2,
        span=span,
        poisson=poisson,
        generator=torch.Generator().manual_seed(0),
    ).double()


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("span", [1, 10])
def test_the_bound_is_that_of_the_paper(prior, span):
    make, label, uses_labels = PRIORS[prior]
    label = label.double() if label.is_floating_point() else label
    model = network(make(), uses_labels, span)
    random = torch.Generator().manual_seed(1)
    windows = torch.poisson(torch.full((9, 6, span), 0.3, dtype=torch.float64), generator=random)
    noise = torch.randn(9, 2, generator=random, dtype=torch.float64)
    found = model.bound(windows, label, noise)
    torch.testing.assert_close(found, reference.evidence_bound(model, windows, label, noise))


def test_normal_noise_has_its_log_density():
    random = torch.Generator().manual_seed(0)
    counts, output, log_noise = (torch.randn(4, 3, generator=random) for _ in range(3))
    expected = torch.distributions.Normal(output, (0.5 * log_noise[0]).exp()).log_prob(counts)
    constant = 3 * 0.5 * np.log(2 * np.pi)
    torch.testing.assert_close(
        log_likelihood(counts, output, log_noise[0]), expected.sum(1) + constant
    )


def test_a_product_with_a_flat_density_changes_nothing():
    sharp = torch.randn(5, 2), torch.randn(5, 2)
    flat = torch.randn(5, 2), torch.full((5, 2), 60.0)
    for found in (product(sharp, flat), product(flat, sharp)):
        torch.testing.assert_close(found, sharp)


@pytest.mark.parametrize("num_dims", [2, 5, 8])
def test_a_coupling_keeps_volumes(num_dims):
    torch.manual_seed(0)
    layer = Coupling(num_dims).double()
    jacobian = torch.func.jacrev(lambda x: layer(x[None])[0])(torch.randn(num_dims).double())
    assert jacobian.det().abs().item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("num_latents", "num_neurons"), [(2, 7), (3, 3), (1, 2)])
def test_the_flow_is_injective(num_latents, num_neurons):
    torch.manual_seed(0)
    decoder = FlowDecoder(num_latents, num_neurons, 2).double()
    jacobian = torch.func.jacrev(lambda z: decoder(z[None])[0])(torch.randn(num_latents).double())
    assert torch.linalg.matrix_rank(jacobian) == num_latents


@pytest.mark.parametrize("poisson", [True, False])
def test_decoding_scores_are_marginal_likelihoods(poisson):
    model = network(ColumnPrior(1, 2), poisson=poisson)
    if not poisson:
        torch.nn.init.normal_(model.log_noise, generator=torch.Generator().manual_seed(3))
    counts = torch.tensor([[0.0, 1, 2, 0, 3, 1], [4.0, 0, 0, 1, 1, 2]], dtype=torch.float64)
    candidates = torch.tensor([[-2.0], [0.0], [2.0]], dtype=torch.float64)
    torch.set_default_dtype(torch.float64)  # of the draws
    try:
        found = candidate_log_likelihood(
            *(model, counts, candidates), num_samples=20_000, generator=torch.Generator()
        )
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.no_grad():
        mean, log_variance = (part.numpy() for part in model.prior(candidates))
        noise = None if poisson else model.log_noise.exp().numpy()
        decode = lambda z: model.decoder(torch.from_numpy(z)).numpy()  # noqa: E731
        expected = np.array(
            [
                [
                    reference.marginal_likelihood(
                        *(x, mean[c], np.exp(log_variance[c]), decode, noise, 20_000, 7)
                    )
                    for c in range(3)
                ]
                for x in counts.numpy()
            ]
        )
    gap = found.numpy() - expected  # a constant of the bin
    np.testing.assert_allclose(gap - gap.mean(axis=1, keepdims=True), 0, atol=0.1)


def test_the_label_is_decoded_and_chance_is_not():
    model = PiVAE(epochs=40, learning_rate=1e-2, batch_size=40, device="cpu", random_state=0)
    order = np.random.default_rng(0).permutation(150)
    model.fit(NEURAL[order], PLACE[order])
    grid = np.linspace(0, 2 * np.pi, 60)
    error = np.abs(np.angle(np.exp(1j * (model.decode(NEURAL, grid) - PLACE))))
    assert np.median(error) < 0.6  # a quarter of a turn, pi / 2, by chance
    named = model.decode(NEURAL[:5], {"label 0": grid})
    np.testing.assert_array_equal(named["label 0"], model.decode(NEURAL[:5], grid))
    assert np.array_equal(model.decode(NEURAL[:5], grid), model.decode(NEURAL[:5], grid))


def test_the_best_epoch_is_kept():
    model = PiVAE(epochs=12, learning_rate=0.1, batch_size=30, device="cpu", random_state=1)
    model.fit(NEURAL, PLACE)
    assert 1 <= model.best_epoch_ <= 12
    shorter = PiVAE(**{**model.get_params(), "epochs": model.best_epoch_}).fit(NEURAL, PLACE)
    np.testing.assert_array_equal(shorter.transform(NEURAL, PLACE), model.transform(NEURAL, PLACE))


def test_what_cannot_be_used_is_named():
    with pytest.raises(DataError, match="as many as n_components"):
        PiVAE(n_components=7).fit(NEURAL, PLACE)
    with pytest.raises(DataError, match="must each hold a whole window"):
        PiVAE(window_bins=40).fit(NEURAL, PLACE)
    with pytest.raises(DataError, match="one row for each time bin"):
        PiVAE().fit(NEURAL, PLACE[:10])
    with pytest.raises(DataError, match="no label prior"):
        PiVAE(label_prior=False, inference="neural", epochs=1).fit(NEURAL).decode(NEURAL, PLACE)
    with pytest.raises(TrainingDivergedError, match="must stay finite; at step"):
        PiVAE(likelihood="gaussian", learning_rate=1e6, epochs=9).fit(1e15 * NEURAL, PLACE)


def test_held_out_bins_do_not_reach_the_training():
    changed = NEURAL.copy()
    changed[120:] = changed[120:][::-1]
    first, second = (
        PiVAE(epochs=1, window_bins=10, device="cpu", random_state=0).fit(X, PLACE)
        for X in (NEURAL, changed)
    )
    for one, other in zip(first.network_.parameters(), second.network_.parameters(), strict=True):
        assert torch.equal(one, other)
    assert first.best_loss_ != second.best_loss_
