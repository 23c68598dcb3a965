"""Masks, unified sessions, samplers of sessions, and bases for parts of one's own."""

import numpy as np
import pytest
import torch
from torch import nn

import cebra_ethan.compat as cebra
from cebra_ethan.data import unified
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.models.model import MODELS
from tests.compat.examples import CLASSES, SMALL, X, Y


@pytest.mark.parametrize(
    ("name", "value", "dims"),
    [
        ("RandomNeuronMask", 0.5, 2),
        ("RandomTimestepMask", 0.5, 1),
        ("NeuronBlockMask", 0.5, 2),
        ("TimeBlockMask", (0.3, 2), 1),
    ],
)
def test_masks_hide_neurons_or_bins(name, value, dims):
    data = torch.ones(64, 6, 10)
    mask = getattr(cebra.data.masking, name)(value, seed=0).apply_mask(data)
    assert mask.shape == data.shape
    assert not mask.is_floating_point()
    assert (mask == mask.amax(dims, keepdim=True)).all()  # whole neurons, or whole bins
    assert 0.2 < mask.float().mean() < 0.8
    assert (getattr(cebra.data, name)(value, seed=0).apply_mask(data) == mask).all()


def test_masks_of_a_dataset_reach_what_loaders_draw():
    data = cebra.data.TensorDataset(X, continuous=Y)
    windows = torch.ones(64, 6, 10)
    assert data.apply_mask(windows) is windows
    loader = cebra.data.ContinuousDataLoader(data, num_steps=2, batch_size=8)
    data.set_masks({"RandomNeuronMask": (0.5, 0.9, 0.1)})
    loader.bind(cebra.data.Offset(5))
    assert loader.augmentation == data.augmentation
    assert (data.apply_mask(windows) == 0).any()
    assert (loader.batch(0).reference == 0).float().mean() > 0.3
    with pytest.raises(InvalidParameterError, match="must name one of"):
        data.set_masks({"Nonsense": 0.1})
    with pytest.raises(DataError, match="float32"):
        data.apply_mask(windows.double())


def test_unified_sessions_are_trained_and_embedded(tmp_path):
    sessions = [(X, Y), (X[:100, :4], Y[:100])]
    parts = [cebra.data.TensorDataset(neural, continuous=label) for neural, label in sessions]
    dataset = cebra.data.UnifiedDataset(one for one in parts).to("cpu")
    dataset.set_masks({"RandomNeuronMask": 0.3})
    loader = cebra.data.UnifiedLoader(
        dataset, conditional="time_delta", num_steps=3, batch_size=8, time_offset=2
    ).to("cpu")
    assert (dataset.num_sessions, dataset.input_dimension) == (2, 10)
    assert dataset.get_session(1) is list(dataset.iter_sessions())[1] is parts[1]
    model = cebra.models.init("offset10-model", num_neurons=10, num_units=8, num_output=3)
    dataset.configure_for(model)
    options = {
        "criterion": cebra.models.InfoNCE(),
        "optimizer": torch.optim.Adam(model.parameters()),
    }
    solver = cebra.solver.UnifiedSolver(model=model, tqdm_on=False, **options)
    solver.fit(loader)
    assert loader.augmentation is not None
    assert loader.dataset.options.time_offset == 2
    inputs, labels = zip(*sessions, strict=True)
    points = solver.transform(inputs, labels, session_id=1)
    own = unified.UnifiedDataset(inputs, [{"continuous": label} for label in labels])
    assert (points == unified.transform_unified(model, own, 1, by_label=True)).all()
    solver.save(logdir=tmp_path / "new", filename="run.pt")
    before = solver.transform(inputs, labels, session_id=0)
    with torch.no_grad():
        next(model.parameters()).zero_()
    solver.load(logdir=tmp_path / "new", filename="run.pt")
    assert (solver.transform(inputs, labels, session_id=0) == before).all()
    with pytest.raises(InvalidParameterError, match="session_id=None"):
        solver.transform(inputs, labels)
    with pytest.raises(InvalidParameterError, match="path, or in a logdir"):
        solver.load()
    assert isinstance(cebra.solver.init("unified-session", model, **options), type(solver))


@pytest.mark.parametrize("kind", ["continuous", "discrete"])
def test_samplers_of_sessions_group_positives_and_bring_them_back(kind):
    labels = {"continuous": np.arange(120.0), "discrete": CLASSES}
    parts = [cebra.data.TensorDataset(X[:n], **{kind: labels[kind][:n]}) for n in (120, 100)]
    sessions = cebra.data.DatasetCollection(*parts)
    samplers = cebra.distributions.multisession
    if kind == "continuous":
        sampler = samplers.MultisessionSampler(sessions, time_offset=2, seed=0)
    else:
        sampler = samplers.DiscreteMultisessionSampler(sessions, seed=0)
    rows = sampler.sample_prior(16)
    assert rows.shape == (2, 16)
    assert (rows.amax(1) < torch.tensor([120, 100])).all()
    rows = rows.clamp(5, 90)
    positive, order, back = sampler.sample_conditional(rows)
    assert (sampler.mix(sampler.mix(rows, order), back) == rows).all()
    values = torch.as_tensor(labels[kind])
    of_reference = sampler.mix(values[rows], order)  # grouped as the positives are
    step = 2 if kind == "continuous" else 0
    assert (values[positive] - of_reference == step).all()
    assert (sampler.mix(values[positive], back) - values[rows] == step).all()
    bare = cebra.data.DatasetCollection(*[cebra.data.TensorDataset(X)] * 2)
    with pytest.raises(DataError, match=f"by the {kind} label"):
        type(sampler)(bare)


class Mine(cebra.data.SingleSessionDataset):
    def __init__(self):
        super().__init__(device="cpu")
        self.neural = torch.from_numpy(X)

    @property
    def discrete_index(self):
        return torch.from_numpy(CLASSES)


def test_a_dataset_of_ones_own_is_drawn_from():
    mine = Mine()
    assert isinstance(mine, cebra.data.base.Dataset)
    assert isinstance(cebra.data.TensorDataset(X), cebra.data.base.Dataset)
    assert (mine.input_dimension, len(mine), mine.continuous_index) == (6, 120, None)
    assert cebra.data.get_loader_options(mine) == ["DiscreteDataLoader"]
    model = cebra.models.init("offset5-model", 6, 8, 3)
    mine.to("cpu").configure_for(model)
    assert mine.expand_index(torch.tensor([0, 50]))[:, 0].tolist() == [0, 48]
    assert torch.equal(mine[torch.tensor([50])][0], torch.from_numpy(X[48:53].T))
    mine.set_masks({"RandomNeuronMask": 0.5})
    loader = cebra.data.DiscreteDataLoader(mine, num_steps=1, batch_size=8).bind(model.offset)
    rows = loader.batch(0).indices
    assert (CLASSES[rows.reference] == CLASSES[rows.positive[0]]).all()
    assert loader.augmentation is not None


class Halved(
    cebra.models.model._OffsetModel,
    cebra.models.ConvolutionalModelMixin,
    cebra.models.ResampleModelMixin,
):
    resample_factor = 2

    def __init__(self, num_neurons, num_units, num_output, normalize=True):
        layers = nn.Conv1d(num_neurons, num_output, 2, stride=2)
        counts = {"num_input": num_neurons, "num_output": num_output}
        super().__init__(layers, normalize=normalize, **counts)

    def get_offset(self):
        return cebra.data.Offset(1, 1)


def test_a_model_of_ones_own_may_halve_the_signal():
    model = Halved(6, 8, 3)
    assert isinstance(model, cebra.models.HasFeatureEncoder)
    assert model.feature_encoder is model.net
    cebra.models.register("halved")(Halved)
    try:
        one = cebra.CEBRA(**SMALL, model_architecture="halved").fit(X)
        assert one.transform(X).shape == (60, 3)
    finally:
        del MODELS["halved"]
    with pytest.raises(NotImplementedError, match="must define resample_factor"):
        _ = cebra.models.ResampleModelMixin().resample_factor


def test_families_of_models_keep_their_keywords_apart():
    """Fault 13: what one was built with must not reach the next."""
    seen = []

    class Family(Halved):
        def __init__(self, *counts, depth, normalize=False):
            seen.append((depth, normalize))
            super().__init__(*counts, normalize=normalize)

    cebra.models.parametrize("family-{depth}", kwargs=[{"depth": 0}], depth=[1, 2])(Family)
    try:
        assert cebra.models.get_options("family-*") == ["family-0", "family-1", "family-2"]
        cebra.models.init("family-1", 6, 8, 3, normalize=True)
        cebra.models.init("family-1", 6, 8, 3)
        assert seen == [(1, True), (1, False)]
        with pytest.raises(InvalidParameterError, match="is a model already"):
            cebra.models.parametrize("family-{depth}", depth=[1])(Family)
    finally:
        for depth in range(3):
            del MODELS[f"family-{depth}"]


def test_principal_components_are_counted_or_explain_a_share():
    data = np.random.default_rng(0).normal(size=(200, 3)) * [4, 2, 1]
    singular = np.linalg.svd(data - data.mean(0), compute_uv=False)
    share = (singular**2).cumsum() / (singular**2).sum()
    assert cebra.io.reduce(data, ratio=share[0] + 0.01).shape == (200, 2)
    assert cebra.io.reduce(data, ratio=1).shape == (200, 3)
    points = cebra.io.reduce(data, num_components=2)
    np.testing.assert_allclose(np.linalg.norm(points, axis=0), singular[:2])
    for wrong in ({}, {"ratio": 0.5, "num_components": 2}, {"ratio": 1.5}):
        with pytest.raises(InvalidParameterError, match="Pass one of them"):
            cebra.io.reduce(data, **wrong)
