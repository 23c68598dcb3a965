"""Models, loaders, solvers, distributions and attribution of `cebra`, put together by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import cebra_ethan
import cebra_ethan.compat as cebra
from cebra_ethan.compat.adapters.models import CLASSES as CLASSES_OF_MODELS
from cebra_ethan.data.sampling import ClassSampler, DeltaSampler, MixedSampler, TimeSampler
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.models.model import MODELS
from cebra_ethan.types import Offset
from tests.compat.examples import CLASSES, SMALL, X, Y


@pytest.mark.parametrize("name", ["offset10-model", "offset1-model", "resample-model"])
def test_models_by_name(name):
    one = cebra.models.init(name, num_neurons=6, num_units=8, num_output=3)
    assert len(one.get_offset()) == one.offset.span
    assert isinstance(one.get_offset(), Offset)


@pytest.mark.parametrize("name", CLASSES_OF_MODELS)
def test_classes_of_models_are_built(name):
    built = getattr(cebra.models, name)(6, 8, 3)
    named = cebra.models.init(CLASSES_OF_MODELS[name], 6, 8, 3)
    assert {k: v.shape for k, v in built.state_dict().items()} == {
        k: v.shape for k, v in named.state_dict().items()
    }


def test_options_of_models():
    assert "offset10-model" in cebra.models.get_options("offset10*")
    assert cebra.models.get_options("offset1-model-mse-clip-*", expand_parametrized=False) == []
    assert len(cebra.models.get_options(limit=3)) == 3


class Convolutional(cebra.models.model._OffsetModel, cebra.models.ConvolutionalModelMixin):
    def __init__(self, num_neurons, num_units, num_output, normalize=True):
        super().__init__(
            nn.Conv1d(num_neurons, num_units, 2),
            nn.GELU(),
            cebra.models.layers._Skip(nn.Conv1d(num_units, num_units, 3), nn.GELU()),
            nn.Conv1d(num_units, num_output, 3),
            cebra.models.layers.Squeeze(),
            num_input=num_neurons,
            num_output=num_output,
            normalize=normalize,
        )

    def get_offset(self):
        return cebra.data.Offset(3, 3)


class Flat(cebra.models.model._OffsetModel):
    def __init__(self, num_neurons, num_units, num_output, normalize=True):
        super().__init__(
            nn.Flatten(start_dim=1),
            nn.Linear(2 * num_neurons, num_output),
            num_input=num_neurons,
            num_output=num_output,
            normalize=normalize,
        )

    def get_offset(self):
        return cebra.data.Offset(1, 1)


@pytest.mark.parametrize("kind", [Convolutional, Flat])
def test_models_of_ones_own_are_registered_and_trained(kind, monkeypatch):
    monkeypatch.delitem(MODELS, "my-model", raising=False)
    cebra.models.register("my-model")(kind)
    try:
        with pytest.raises(InvalidParameterError, match="is a model already"):
            cebra.models.register("my-model")(kind)
        one = cebra.CEBRA(**SMALL, model_architecture="my-model", max_adapt_iterations=2)
        points = one.fit(X, Y).transform(X)
        assert points.shape == (120, 3)
        assert np.allclose(np.linalg.norm(points, axis=1), 1, atol=1e-5)
        with torch.no_grad():  # a window alone gives the same point
            span = one.offset_.span
            window = torch.from_numpy(X[10 - one.offset_.left :][:span].T)[None]
            assert np.allclose(one.model_(window)[0, :, 0], points[10], atol=1e-5)
        assert one.fit(X[:, :4], Y, adapt=True).n_features_ == 4
        with pytest.raises(InvalidParameterError, match="causal=True"):
            cebra.CEBRA(**SMALL, model_architecture="my-model", causal=True).fit(X)
    finally:
        del MODELS["my-model"]


def test_infonce_returns_loss_and_parts():
    total, align, uniform = cebra.models.criterions.infonce(torch.ones(4), torch.zeros(4, 8))
    assert float(total) == pytest.approx(math.log(8) - 1)
    assert float(align + uniform) == pytest.approx(float(total))


def test_offset_of_cebra():
    assert (len(cebra.data.Offset(5)), len(cebra.data.Offset(2, 3))) == (10, 5)
    assert list(range(10))[cebra.data.Offset(2, 3).valid_slice] == [2, 3, 4, 5, 6]
    with pytest.raises(InvalidParameterError, match="one or two numbers"):
        cebra.data.Offset(1, 2, 3)


LOADERS = [
    ("ContinuousDataLoader", {"conditional": "time_delta"}, DeltaSampler),
    ("ContinuousDataLoader", {"conditional": "time"}, TimeSampler),
    ("DiscreteDataLoader", {"prior": "uniform"}, ClassSampler),
    ("MixedDataLoader", {}, MixedSampler),
    ("FullDataLoader", {}, DeltaSampler),
]


def dataset():
    return cebra.data.TensorDataset(X, continuous=Y, discrete=CLASSES)


@pytest.mark.parametrize(("name", "options", "sampler"), LOADERS)
def test_loaders_draw_by_their_own_labels(name, options, sampler):
    size = {} if name == "FullDataLoader" else {"batch_size": 8}
    loader = getattr(cebra.data, name)(dataset(), num_steps=3, time_offset=2, **size, **options)
    assert type(loader.bind(Offset(0, 1)).sampler) is sampler
    assert loader.dataset.options.time_offset == (1 if sampler is ClassSampler else 2)
    assert len(loader) == 3


@pytest.mark.parametrize(
    ("loader", "solver", "criterion"),
    [
        ("ContinuousDataLoader", "single-session", "LearnableCosineInfoNCE"),
        ("DiscreteDataLoader", "single-session", "InfoNCE"),
        ("MixedDataLoader", "single-session", "InfoMSE"),
        ("HybridDataLoader", "single-session-hybrid", "InfoNCE"),
        ("FullDataLoader", "single-session-full", "InfoNCE"),
    ],
)
def test_models_are_trained_by_hand(loader, solver, criterion):
    data = dataset().to("cpu")
    net = cebra.models.init("offset10-model", data.input_dimension, 8, 4).to("cpu")
    data.configure_for(net)
    loss = getattr(cebra.models.criterions, criterion)(temperature=1.0)
    optimizer = torch.optim.Adam([*net.parameters(), *loss.parameters()], lr=1e-3)
    trainer = cebra.solver.init(
        solver, model=net, criterion=loss, optimizer=optimizer, tqdm_on=False
    ).to("cpu")
    size = {} if loader == "FullDataLoader" else {"batch_size": 8}
    trainer.fit(loader=getattr(cebra.data, loader)(dataset=data, num_steps=3, **size))
    points = trainer.transform(data.neural, pad_before_transform=True, batch_size=50)
    assert points.shape == (120, 4)
    assert len(trainer.history["loss"]) == 3


def test_sessions_are_trained_by_hand():
    several = cebra.data.DatasetCollection(
        cebra.data.TensorDataset(X, continuous=Y), cebra.data.TensorDataset(X[:, :4], Y)
    )
    assert several.num_sessions == 2
    assert several.get_input_dimension(1) == 4
    assert several.get_session(0).input_dimension == 6
    assert cebra.data.get_loader_options(several) == ["ContinuousMultiSessionDataLoader"]
    nets = [cebra.models.init("offset1-model", n, 8, 3) for n in several.num_neurons]
    net = cebra_ethan.models.multisession.MultiSessionModel(nets)
    solver = cebra.solver.init(
        "multi-session",
        net,
        cebra.models.InfoNCE(),
        torch.optim.Adam(net.parameters()),
        tqdm_on=False,
    )
    solver.fit(cebra.data.ContinuousMultiSessionDataLoader(several, num_steps=2, batch_size=8))
    assert solver.transform(torch.from_numpy(X[:, :4]), session_id=1).shape == (120, 3)


def test_datasets_say_what_labels_they_have():
    data = dataset()
    assert data.discrete_index.tolist() == CLASSES.tolist()
    assert torch.allclose(data.continuous_index[:, 0], torch.from_numpy(Y).float())
    assert cebra.data.get_loader_options(data) == [
        "ContinuousDataLoader",
        "DiscreteDataLoader",
        "MixedDataLoader",
    ]
    bare = cebra.data.TensorDataset(X)
    with pytest.raises(DataError, match="no discrete label"):
        _ = bare.discrete_index
    with pytest.raises(DataError, match="draws by the continuous label"):
        cebra.data.ContinuousDataLoader(bare, batch_size=8)
    by_time = cebra.data.ContinuousDataLoader(bare, batch_size=8, conditional="time")
    assert by_time.num_steps == 1000


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("FullDataLoader", {"batch_size": 8}, "no size"),
        ("HybridDataLoader", {"time_distribution": "time_delta"}, "must be 'time'"),
    ],
)
def test_loaders_refuse_what_they_cannot(name, options, message):
    with pytest.raises(InvalidParameterError, match=message):
        getattr(cebra.data, name)(dataset(), **options)


def test_distributions_draw_as_loaders_do():
    later = cebra.distributions.TimeContrastive(time_offset=3, num_samples=50, seed=0)
    rows, positives = later.sample_joint(20)
    assert (positives - rows == 3).all()
    near = cebra.distributions.TimedeltaDistribution(torch.arange(50.0), 2, seed=0)
    rows = torch.arange(10, 20)
    assert (near.sample_conditional(rows) - rows == 2).all()
    close = cebra.distributions.DeltaNormalDistribution(torch.arange(50.0), 1e-3, seed=0)
    assert (close.sample_conditional(rows) == rows).all()
    uniform = cebra.distributions.Prior(Y, seed=0)
    assert (
        uniform.sample_prior(10) == cebra.distributions.Prior(Y, seed=0).sample_prior(10)
    ).all()
    mixed = cebra.distributions.MixedTimeDeltaDistribution(CLASSES, Y, seed=0)
    rows = mixed.sample_prior(40)
    assert (CLASSES[mixed.sample_conditional(rows)] == CLASSES[rows]).all()


def test_fault7_classes_with_gaps_are_drawn_alike():
    classes = np.array([0] * 2 + [5] * 18)
    drawn = classes[cebra.distributions.DiscreteUniform(classes, seed=0).sample_prior(4000)]
    assert abs((drawn == 5).mean() - 0.5) < 0.05
    plain = cebra.distributions.DiscreteEmpirical(classes, seed=0)
    assert abs((classes[plain.sample_prior(4000)] == 5).mean() - 0.9) < 0.05
    assert (classes[plain.sample_conditional([5, 0, 5])] == [5, 0, 5]).all()
    with pytest.raises(DataError, match=r"classes are .* got \[3\]"):
        plain.sample_conditional([3])


def test_fault1_distributions_respect_their_seed():
    kinds = [
        lambda seed: cebra.distributions.TimeContrastive(num_samples=999, seed=seed),
        lambda seed: cebra.distributions.TimedeltaDistribution(np.arange(999.0), seed=seed),
        lambda seed: cebra.distributions.DeltaNormalDistribution(np.arange(999.0), seed=seed),
    ]
    for kind in kinds:
        one, same, other = (torch.cat(kind(seed).sample_joint(50)) for seed in (1, 1, 2))
        assert (one == same).all()
        assert not (one == other).all()


@pytest.mark.parametrize("name", cebra.attribution.get_options())
def test_attribution_by_name(name, model):
    options = {"n_steps": 2} if name.startswith("integrated") else {}
    method = cebra.attribution.init(name, model=model, input_data=X, num_samples=5)
    maps = method.compute_attribution_map(**options)
    first = next(iter(maps.values()))
    assert first.shape == (5, 3, 6)
    truth = np.arange(18).reshape(3, 6) % 2
    assert 0 <= method.compute_attribution_score(np.abs(first).mean(0), truth) <= 1
    assert "gap_mean" in method.compute_metrics(first.mean(0), truth)


def test_attribution_classes_and_functions_give_the_same(model):
    jacobian, inverse = cebra.attribution.get_attribution_map(model, X)
    built = cebra.attribution.JFMethodBasedBatched(model, X).compute_attribution_map()
    assert (jacobian == built["jf"]).all()
    assert inverse.shape == (len(jacobian), jacobian.shape[2], jacobian.shape[1])
    plain = np.linalg.pinv(jacobian.astype(float), rcond=1e-5)  # points are unit vectors: rank 2
    np.testing.assert_allclose(inverse, plain, rtol=1e-3, atol=1e-3)
    tensors = cebra.attribution.get_attribution_map(model, X, convert_to_numpy=False)
    assert all(isinstance(one, torch.Tensor) for one in tensors)
    method = cebra.attribution.AttributionMap(model.model_, X)
    holds = method.check_moores_penrose_conditions(built["jf"], built["jf-inv-svd"])
    assert holds.shape == (120, 4)
    assert next(model.model_.parameters()).dtype == torch.float32
