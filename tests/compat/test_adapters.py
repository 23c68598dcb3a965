"""Arguments of `cebra` in, the results of our functions out."""

import math
import warnings

import matplotlib
import matplotlib.pyplot
import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

import cebra_ethan
import cebra_ethan.compat as cebra
from cebra_ethan.compat.adapters.models import CLASSES as CLASSES_OF_MODELS
from cebra_ethan.data.sampling import ClassSampler, DeltaSampler, MixedSampler, TimeSampler
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.models.model import MODELS
from cebra_ethan.types import Offset

matplotlib.use("Agg")

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(120, 6)).astype(np.float32)
Y, CLASSES = DRAW.uniform(size=120), DRAW.integers(0, 3, size=120)
SMALL = {"device": "cpu", "batch_size": 16, "max_iterations": 4, "output_dimension": 3}


@pytest.fixture(scope="module")
def model():
    return cebra.CEBRA(**SMALL, random_state=0).fit(X, Y)


@pytest.fixture(scope="module")
def sessions():
    return cebra.CEBRA(**SMALL, random_state=0).fit([X, X[:, :4]], [Y, Y])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    matplotlib.pyplot.close("all")


def test_estimator_is_ours_with_the_same_numbers(model):
    ours = cebra_ethan.CEBRA(**SMALL, random_state=0).fit(X, Y)
    assert isinstance(model, cebra_ethan.CEBRA)
    assert (ours.transform(X) == model.transform(X)).all()


@pytest.mark.parametrize("given", [[5], (5,), 5])
def test_time_offsets_may_be_a_list_of_one(given):
    one = cebra.CEBRA(time_offsets=given)
    assert one.time_offsets == clone(one).set_params(time_offsets=given).time_offsets == 5
    assert one.get_params() == cebra_ethan.CEBRA(time_offsets=5).get_params()


def test_several_time_offsets_are_refused():
    with pytest.raises(InvalidParameterError, match="several objectives"):
        cebra.CEBRA(time_offsets=[1, 2])


def test_adapt_is_a_keyword_of_fit():
    one = cebra.CEBRA(**SMALL, max_adapt_iterations=2, random_state=0)
    one.fit(X, Y, adapt=True)  # nothing to adapt yet
    assert one.n_features_ == 6
    kept = one.model_.net[2].weight.detach().clone()
    one.fit(X[:, :4], Y, adapt=True)
    assert one.n_features_ == 4
    assert (one.model_.net[2].weight == kept).all()
    one.fit(X[:, :4], Y)
    assert not (one.model_.net[2].weight == kept).all()


@pytest.mark.parametrize("verb", ["fit", "partial_fit"])
def test_callbacks_count_from_zero(verb):
    steps = []
    one = cebra.CEBRA(**{**SMALL, "max_iterations": 7})
    getattr(one, verb)(X, callback=lambda step, _: steps.append(step), callback_frequency=3)
    assert steps == [0, 3, 6]


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({}, "single-session"),
        ({"batch_size": None}, "single-session-full"),
        ({"hybrid": True}, "single-session-hybrid"),
    ],
)
def test_state_dict_and_solver_name_follow_what_was_fitted(params, name):
    one = cebra.CEBRA(**{**SMALL, **params}).fit(X, Y)
    state = one.state_dict_
    assert one.solver_name_ == name
    assert state["loss"].shape == (4,)
    assert {key: len(value) for key, value in state["log"].items()} == dict.fromkeys(
        ("pos", "neg", "total", "temperature"), 4
    )
    assert state["log"]["total"] == state["loss"].tolist()


def test_metrics_are_ours(model, sessions):
    loss = cebra.sklearn.metrics.infonce_loss(model, X, Y, num_batches=3)
    fit = model.goodness_of_fit(X, Y, num_batches=3)
    assert loss == fit.loss
    score = cebra.sklearn.metrics.goodness_of_fit_score
    assert score(model, X, Y, num_batches=3) == fit.bits
    corrected = cebra.sklearn.metrics.infonce_loss(
        model, X, Y, num_batches=3, correct_by_batchsize=True
    )
    assert -corrected / math.log(2) == pytest.approx(fit.bits)
    alone = sessions.goodness_of_fit(X, Y, session_id=0, num_batches=3)
    assert score(sessions, X, Y, session_id=0, num_batches=3) == alone.bits


def test_fault14_bits_of_hybrid_training_are_those_of_behaviour():
    one = cebra.CEBRA(**SMALL, hybrid=True).fit(X, Y)
    bits = cebra.sklearn.metrics.goodness_of_fit_history(one)
    loss = one.history_["behavior/loss"]
    assert np.allclose(bits, (np.log(16) - loss) / np.log(2))


def test_fault20_bits_of_history_count_the_negatives_of_one_reference(model, sessions):
    history = cebra.sklearn.metrics.goodness_of_fit_history
    to_bits = cebra.sklearn.metrics.infonce_to_goodness_of_fit
    assert np.allclose(history(model), to_bits(model.history_["loss"], batch_size=16))
    joint = to_bits(sessions.history_["loss"], batch_size=16, num_sessions=2)
    assert np.allclose(history(sessions), joint)
    assert np.allclose(to_bits(sessions.history_["loss"], model=sessions), joint)
    by_time = cebra.CEBRA(**SMALL).fit([X, X])  # each reference sees its own session
    assert np.allclose(history(by_time), to_bits(by_time.history_["loss"], batch_size=16))
    few = cebra.CEBRA(**SMALL, num_negatives=5).fit(X, Y)
    assert to_bits(math.log(5), few) == 0
    # one session judged alone sees the batch, whatever the number of sessions was in training
    untrained = clone(sessions).set_params(max_iterations=1, learning_rate=1e-9)
    noise = [np.random.default_rng(k).normal(size=(120, 6)) for k in range(4)]
    untrained.fit(noise, [Y] * 4)
    score = cebra.sklearn.metrics.goodness_of_fit_score
    assert abs(score(untrained, noise[0], Y, session_id=0, num_batches=50)) < 0.3


def test_bits_of_full_batches_are_refused():
    one = cebra.CEBRA(**{**SMALL, "batch_size": None}).fit(X, Y)
    with pytest.raises(ValueError, match="number of negatives"):
        cebra.sklearn.metrics.goodness_of_fit_history(one)


@pytest.mark.parametrize("given", [{}, {"model": None}, {"batch_size": 3, "model": cebra.CEBRA()}])
def test_bits_need_a_model_or_a_batch_size(given):
    with pytest.raises(ValueError, match="either the model or the batch_size"):
        cebra.sklearn.metrics.infonce_to_goodness_of_fit(1.0, **given)


def test_consistency_returns_three_things_for_its_plot():
    points = [DRAW.normal(size=(120, 3)) for _ in range(3)]
    scores, pairs, ids = cebra.sklearn.metrics.consistency_score(
        points, "datasets", [Y] * 3, ["a", "b", "c"], 8
    )
    assert (scores.shape, pairs.shape, ids.tolist()) == ((6,), (6, 2), ["a", "b", "c"])
    ax = cebra.plot_consistency(scores, pairs, ids, colorbar_label=None)
    shown = ax.images[0].get_array()
    assert np.allclose(shown[1, 2], 100 * scores[pairs.tolist().index(["b", "c"])])
    again, *_ = cebra.sklearn.metrics.consistency_score(points, between="runs")
    assert len(again) == 6
    with pytest.raises(DataError, match="the pair of each"):
        cebra.plot_consistency(scores)


def test_alignment_takes_the_names_of_cebra():
    points = DRAW.normal(size=(50, 3))
    turn = np.linalg.qr(DRAW.normal(size=(3, 3)))[0]
    aligner = cebra.data.helper.OrthogonalProcrustesAlignment(top_k=1)
    turned = aligner.fit_transform(ref_data=points, data=points @ turn)
    assert np.allclose(turned, points)
    label = np.arange(50.0)
    mean = cebra.data.ensemble_embeddings([points, points @ turn], [label, label], n_jobs=2)
    assert mean.shape == (50, 3)


@pytest.mark.parametrize("labels", ["grey", "time", Y, CLASSES, list(Y)])
def test_fault19_embeddings_are_drawn_with_every_kind_of_label(model, labels):
    points = model.transform(X)
    ax = cebra.plot_embedding(points, labels, cmap="magma", title="t", figsize=(3, 2), dpi=50)
    assert ax.name == "3d"
    assert ax.figure.get_size_inches().tolist() == [3, 2]
    drawn = ax.collections[0]
    if labels == "time" if isinstance(labels, str) else labels is Y:
        assert drawn.get_cmap().name == "magma"
    assert drawn.get_alpha() == 0.4
    assert cebra.plot_embedding(points, labels, idx_order=(2, 0)).name == "rectilinear"


def test_plot_embedding_explains_a_word_that_is_no_colour(model):
    with pytest.raises(InvalidParameterError, match="'time', or a colour"):
        cebra.plot_embedding(model.transform(X), "tine")


def test_fault19_models_are_compared_on_the_axes_that_are_given(model):
    ax = matplotlib.pyplot.figure().subplots()
    assert cebra.compare_models([model, model], ["a", "b"], ax=ax, x_label=False) is ax
    assert len(ax.lines) == 2
    assert ax.get_xlabel() == ""


def test_plots_of_training(model):
    figure, axes = cebra.plot_overview(model, X, embedding_kwargs={"markersize": 2})
    assert [ax.figure for ax in axes] == [figure] * 3
    assert np.allclose(
        cebra.plot_loss(model, label=3).lines[0].get_ydata(), model.history_["loss"]
    )
    assert np.allclose(cebra.plot(model, which="temperature").lines[0].get_ydata(), 1)
    assert cebra.plot(model, which="embedding", X=X).name == "3d"
    with pytest.raises(DataError, match="X=None"):
        cebra.plot(model, which="embedding")
    with pytest.raises(InvalidParameterError, match="which must be"):
        cebra.plot(model, which="all")


def test_interactive_plot_takes_the_names_of_cebra(model):
    pytest.importorskip("plotly", reason="the viz extra is not installed")
    points = model.transform(X)
    figure = cebra.plot_embedding_interactive(points, Y, idx_order=(0, 1, 2), figsize=(4, 3))
    assert (figure.layout.width, figure.layout.height) == (400, 300)
    classes = cebra.integrations.plotly.plot_embedding_interactive(
        points, CLASSES, discrete=True, showlegend=True
    )
    assert len(classes.data) == 3


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
    maps = cebra.attribution.get_attribution_map(model, X)
    built = cebra.attribution.JFMethodBasedBatched(model, X).compute_attribution_map()
    assert (maps["jf"] == built["jf"]).all()
    method = cebra.attribution.AttributionMap(model.model_, X)
    holds = method.check_moores_penrose_conditions(maps["jf"], maps["jf-inv-svd"])
    assert holds.shape == (120, 4)
    assert next(model.model_.parameters()).dtype == torch.float32


def test_decoders_return_scores_of_columns_and_predictions():
    points = DRAW.normal(size=(300, 3))
    label = points @ DRAW.normal(size=(3, 2)) + 0.1 * DRAW.normal(size=(300, 2))
    parts = points[:200], points[200:], label[:200], label[200:]
    for train, valid, predicted in (
        cebra.integrations.decoders.ridge_decoding(*parts),
        cebra.integrations.decoders.ridge_decoding(*({7: part} for part in parts), n_run=7),
        cebra.integrations.decoders.mlp_decoding(*map(torch.from_numpy, parts), num_epochs=200),
    ):
        assert len(train) == len(valid) == 2
        rest = ((label[200:] - predicted) ** 2).sum(0)
        total = ((label[200:] - label[200:].mean(0)) ** 2).sum(0)
        assert np.allclose(valid, 1 - rest / total)
        assert min(valid) > 0.9
    with pytest.raises(InvalidParameterError, match="model_type must be"):
        cebra.integrations.decoders.mlp_decoding(*parts, model_type="deep")


def test_deeplabcut_gives_an_array(tmp_path):
    path = tmp_path / "video.csv"
    path.write_text(
        "scorer,a,a,a\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n0,1,5,0.9\n1,7,5,0.1\n"
        "2,3,5,0.9\n"
    )
    assert cebra.load_deeplabcut(filepath=path, pcutoff=0.5).tolist() == [[1, 5], [2, 5], [3, 5]]


def test_datasets_are_named_and_missing_ones_are_explained(tmp_path):
    assert "rat-hippocampus-single-achilles" in cebra.datasets.get_options("rat-*")
    with pytest.raises(FileNotFoundError, match="must lie in the data folder"):
        cebra.datasets.init("rat-hippocampus-single", root=tmp_path)
    for name, options, message in (
        ("area2-bump", {}, "one of rat-hippocampus"),
        ("rat-hippocampus-single", {"download": True}, "read from disk"),
    ):
        with pytest.raises(InvalidParameterError, match=message):
            cebra.datasets.init(name, root=tmp_path, **options)


def test_datasets_have_the_columns_and_splits_of_cebra(monkeypatch):
    from cebra_ethan.compat.adapters import datasets
    from cebra_ethan.datasets import load_dataset

    rat = load_dataset("rat-simulated", num_bins=4000, num_neurons=5)
    monkeypatch.setattr(datasets, "load_dataset", lambda name, root: rat)
    whole = cebra.datasets.init("rat-hippocampus-single-buddy")
    right = rat.labels["direction"].to_numpy() == "right"
    assert whole.continuous_index.shape == (4000, 3)
    assert (whole.continuous_index[:, 1].bool().numpy() == right).all()
    assert (whole.continuous_index[:, 1:].sum(1) == 1).all()
    name = "rat-hippocampus-buddy-3fold-trial-split-1"
    parts = [cebra.datasets.init(name, split=part) for part in ("train", "valid", "test")]
    assert sum(map(len, parts)) == len(cebra.datasets.init(name, split="all")) == 4000
    for wrong, split in ((name, "half"), ("rat-hippocampus-single", "train")):
        with pytest.raises(InvalidParameterError, match="split"):
            cebra.datasets.init(wrong, split=split)


def test_fault21_grid_search_judges_held_out_data_and_reads_any_name(tmp_path):
    pytest.importorskip("pandas", reason="get_df_results makes a table of pandas")
    signal = np.tanh(3 * np.sin(np.arange(400) / 7)[:, None] + DRAW.normal(size=6))
    label = np.sin(np.arange(400) / 7)
    params = {
        "device": "cpu",
        "batch_size": [16, 64],
        "max_iterations": [1, 60],
        "learning_rate": 0.01,
        "output_dimension": 3,
    }
    grid = cebra.grid_search.GridSearch()
    models, settings = grid.generate_models(params)
    assert len(models) == len(settings) == 4
    data = {"rat_one_a": (signal, label), "only_time": signal}  # the second has no label
    grid.fit_models(data, params, models_dir=tmp_path)
    table = grid.get_df_results()
    assert sorted(table.dataset_name.unique()) == ["only_time", "rat_one_a"]
    # chance is one number for all batch sizes, since all see as many negatives there
    untrained = table[(table.max_iterations == 1) & (table.dataset_name == "rat_one_a")]
    assert np.ptp(untrained.loss) < 0.3
    best, name = grid.get_best_model(dataset_name="rat_one_a")
    assert best.max_iterations == 60
    assert name.endswith("_rat_one_a")
    assert best.label_kinds_
    assert not grid.get_best_model(dataset_name="only_time")[0].label_kinds_  # no stale label
    loaded, _ = cebra.grid_search.GridSearch.load(tmp_path)
    assert len(loaded) == 8
    assert len(grid.plot_loss_comparison().lines) == 8
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".ckpt", ".json")]
    with pytest.raises(InvalidParameterError, match="one of rat_one_a, only_time"):
        grid.get_best_model(dataset_name="other")
    with pytest.raises(InvalidParameterError, match="no models were fitted"):
        cebra.grid_search.GridSearch().get_df_results()
    with pytest.raises(InvalidParameterError, match="scoring"):
        grid.get_best_model(scoring="r2")


def test_an_index_that_leads_out_of_its_folder_is_refused(tmp_path):
    for text, message in (
        ('[{"checkpoint": "../other.ckpt"}]', "outside"),
        ("{", "damaged"),
        ("[1]", "damaged"),
    ):
        (tmp_path / "grid_search.json").write_text(text)
        with pytest.raises(cebra_ethan.errors.CheckpointError, match=message):
            cebra.grid_search.GridSearch.load(tmp_path)


def test_nothing_warns_of_a_script_as_it_is_written_for_cebra():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cebra.CEBRA(**SMALL, conditional="time_delta").fit(X, CLASSES)
