"""Several objectives by the names of `cebra`: described, trained, and equal to our own."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import cebra_ethan.compat as cebra
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.models.jacobian import jacobian_penalty
from cebra_ethan.solver.base import SingleSessionSolver
from cebra_ethan.types import Objective, Offset
from tests.compat.examples import X, Y

NEURAL = torch.from_numpy(X)
PLACE, SPEED = torch.from_numpy(Y).float()[:, None], torch.from_numpy(X[:, :2] ** 2)


def make_loader(num_steps=3, **options):
    data = cebra.data.DatasetxCEBRA(NEURAL, place=PLACE, speed=SPEED)
    return cebra.data.ContrastiveMultiObjectiveLoader(
        dataset=data, num_steps=num_steps, batch_size=8, **options
    )


def make_config(*, loss="FixedEuclideanInfoNCE"):
    config = cebra.solver.MultiObjectiveConfig(make_loader())
    for edges, kind, options in (
        ((0, 6), "time", {"time_offset": 2}),
        ((3, 6), "time_delta", {"time_delta": 3, "label_name": "place"}),
        ((0, 3), "delta_normal", {"delta": 0.1, "label_name": "speed"}),
    ):
        config.set_slice(*edges)
        config.set_loss(loss, temperature=0.5)
        config.set_distribution(kind, **options)
        config.push()
    config.finalize()
    return config


def make_solver(config, name="multiobjective-solver", architecture="offset5-model", **options):
    torch.manual_seed(0)
    model = cebra.models.init(architecture, num_neurons=6, num_units=8, num_output=6)
    return cebra.solver.init(
        name,
        model=model,
        criterion=config.criterion,
        feature_ranges=config.feature_ranges,
        renormalize=False,
        optimizer=torch.optim.Adam([*model.parameters(), *config.criterion.parameters()], lr=1e-3),
        tqdm_on=False,
        **options,
    )


def test_config_tells_the_loader_what_to_draw():
    config = make_config()
    time, place, speed = config.loader.objectives
    assert (time.labels, time.time_offset) == ((), 2)
    assert (place.labels, place.conditional, place.time_offset) == (("place",), "time_delta", 3)
    assert (speed.labels, speed.conditional, speed.delta) == (("speed",), "delta_normal", 0.1)
    assert config.feature_ranges == [slice(0, 6), slice(3, 6), slice(0, 3)]
    assert config.losses[1]["indices"] == (3, 6)
    assert [one.temperature for one in config.criterion.criterions] == [0.5] * 3
    rows = config.loader.bind(Offset(0, 1)).batch(0).indices
    assert (rows.positive[0] - rows.reference == 2).all()
    assert len(rows.positive) == 3


def test_an_objective_that_is_not_complete_is_refused():
    config = cebra.solver.MultiObjectiveConfig(make_loader())
    for part, setter in (
        ("Slice", lambda: config.set_slice(0, 3)),
        ("Distributions", lambda: config.set_distribution("time", time_offset=1)),
        ("Losses", lambda: config.set_loss("InfoNCE")),
    ):
        with pytest.raises(RuntimeError, match=f"{part} configuration is missing"):
            config.push()
        setter()
    with pytest.warns(UserWarning, match="Configuration key already exists"):
        config.set_slice(0, 2)
    config.push()
    config.set_slice(0, 2)
    config.set_loss("InfoNCE")
    config.set_distribution("time", time_offset=2)
    config.push()
    with pytest.raises(RuntimeError, match="Feature ranges are not unique"):
        config.finalize()


@pytest.mark.parametrize(
    ("distribution", "kwargs", "error", "message"),
    [
        ("delta_vmf", {}, InvalidParameterError, "has no such class either"),
        ("time", {}, InvalidParameterError, "needs time_offset"),
        ("time_delta", {"time_delta": 1, "label_name": "x"}, DataError, "one of place, speed"),
    ],
)
def test_distributions_that_cannot_be_are_refused(distribution, kwargs, error, message):
    with pytest.raises(error, match=message):
        make_loader().add_config({"distribution": distribution, "kwargs": kwargs})


def test_loaders_and_losses_that_cannot_be_are_refused():
    with pytest.raises(InvalidParameterError, match="needs one or more; got none"):
        make_loader().bind(Offset(0, 1))
    with pytest.raises(InvalidParameterError, match="refneg_shared"):
        make_loader(sampling_mode_contrastive="ref_shared")
    with pytest.raises(InvalidParameterError, match="num_steps must be a positive"):
        make_loader(num_steps=None)
    loss = {"indices": (0, 3), "contrastive_loss": {"name": "Nonsense"}}
    with pytest.raises(InvalidParameterError, match="must be a class of"):
        cebra.models.MultiCriterions([loss], "contrastive")
    with pytest.raises(InvalidParameterError, match="mode must be"):
        cebra.models.MultiCriterions([], "both")


def test_criteria_see_contrastive_points_and_labels():
    loss = {
        "indices": (0, 3),
        "contrastive_loss": {"name": "InfoNCE", "kwargs": {"temperature": 1.0}},
        "supervised_loss": {"name": "nn.MSELoss"},
    }
    points = torch.randn(3, 8, 3)
    batch = SimpleNamespace(reference=points[0], positive=points[1], negative=points[2])
    value = cebra.models.MultiCriterions([loss], "contrastive")([batch])[0]
    assert value == cebra.models.InfoNCE()(*points)[0]
    batch.negative = None
    value = cebra.models.MultiCriterions([loss], "supervised")([batch])[0]
    assert float(value) == pytest.approx(float(((points[0] - points[1]) ** 2).mean()))


def test_slices_of_an_embedding():
    inner = cebra.models.init("offset5-model", 6, 8, 6)
    ranges = [slice(3, 6), slice(0, 6)]
    model = cebra.models.create_multiobjective_model(
        inner, feature_ranges=ranges, renormalize=False
    )
    windows = torch.randn(4, 6, 5)
    whole = inner(windows)
    assert all(
        (part == whole[:, one]).all() for part, one in zip(model(windows), ranges, strict=True)
    )
    model.set_split_outputs(False)
    assert (model(windows) == whole).all()
    model.renormalize = True  # parts between borders: 0 to 3 and 3 to 6
    assert torch.allclose(model(windows).unflatten(1, (2, 3)).norm(dim=2), torch.ones(4, 2, 1))
    assert len(model.get_offset()) == 5
    with pytest.raises(InvalidParameterError, match="0, 1, 2 has none"):
        cebra.models.SubspaceMultiobjectiveModel(inner, ranges[:1], renormalize=False)
    with pytest.raises(InvalidParameterError, match="must be an encoder"):
        cebra.models.SubspaceMultiobjectiveModel(torch.nn.Linear(2, 2), ranges, renormalize=False)


def test_training_is_that_of_our_own_solver():
    config = make_config()
    solver = make_solver(config)
    config.loader.seed = 7
    solver.fit(loader=config.loader, scheduler_regularizer=None, log_frequency=None)
    torch.manual_seed(0)
    model = cebra.models.init("offset5-model", 6, 8, 6)
    objectives = [
        Objective(cebra.models.FixedEuclideanInfoNCE(0.5), str(one), dims=one)
        for one in config.feature_ranges
    ]
    ours = SingleSessionSolver(model, objectives, torch.optim.Adam(model.parameters(), lr=1e-3))
    other = make_config().loader
    other.seed = 7
    ours.fit(other)
    assert (ours.history["loss"] == solver.log["sum_loss_train",]).all()
    torch.testing.assert_close(
        ours.transform(NEURAL), solver.transform(NEURAL, batch_size=50), rtol=0, atol=1e-6
    )  # products of pieces round on their own
    assert len(solver.log["loss_train", 2]) == 3
    assert [part.shape[1] for part in solver.model(NEURAL.T[None])] == [6, 3, 3]


def test_penalty_and_weights_are_scheduled():
    config, hooked = make_config(), []
    solver = make_solver(
        config,
        architecture="offset1-model",
        regularizer=cebra.models.jacobian_regularizer.JacobianReg(n=-1),
    )
    ramp = cebra.solver.schedulers.LinearRampUp(3, 0, 2, start_weight=0.0, end_weight=0.1)
    constant = cebra.solver.schedulers.ConstantScheduler([1.0, 0.5, 0.0])
    solver.fit(
        config.loader,
        make_config().loader,
        valid_frequency=2,
        save_hook=lambda step, solver: hooked.append(step),
        scheduler_regularizer=ramp,
        scheduler_loss=constant,
    )
    log = {key: np.array(values) for key, values in solver.log.items()}
    weighted = log["loss_train", 0] + 0.5 * log["loss_train", 1]
    penalty = log["penalty",]
    assert penalty[0] == 0
    assert (penalty[1:] > 0).all()
    np.testing.assert_allclose(log["sum_loss_train",], weighted + penalty, rtol=1e-5)
    assert hooked == [2]
    embedding = solver.model(NEURAL)[0]  # one bin: recordings as they are
    assert torch.allclose(embedding, solver.transform(NEURAL), atol=1e-6)
    method = cebra.attribution.init("jacobian-based", model=solver.model, input_data=NEURAL)
    solver.model.split_outputs = False
    assert method.compute_attribution_map()["jf"].shape == (120, 6, 6)


def test_solvers_refuse_what_cannot_be():
    config = make_config()
    with pytest.raises(InvalidParameterError, match="use_sam=True"):
        make_solver(config, use_sam=True)
    ramp = cebra.solver.schedulers.LinearScheduler(2, 0, 2, 0.0, 0.1)
    with pytest.raises(InvalidParameterError, match="n_splits=3"):
        make_solver(config).fit(config.loader, scheduler_regularizer=ramp)
    with pytest.raises(InvalidParameterError, match="lambda_JR"):
        cebra.solver.RegularizedSolver(None, None, None)


def test_penalty_of_points_is_that_of_the_model():
    model = cebra.models.init("offset5-model", 6, 8, 3)
    windows = torch.randn(4, 6, 5, requires_grad=True)
    exact = cebra.models.JacobianReg(n=-1)(windows, model(windows)[:, :, 0])
    assert torch.allclose(exact, jacobian_penalty(model, windows))
    drawn = [cebra.models.JacobianReg(seed=1)(windows, model(windows)[:, :, 0]) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0].requires_grad
    with pytest.raises(DataError, match="requires_grad=False"):
        cebra.models.JacobianReg()(windows.detach(), model(windows)[:, :, 0])
    with pytest.raises(InvalidParameterError, match="num_projections"):
        cebra.models.JacobianReg(n=0)


def test_a_regularized_solver_adds_the_exact_penalty():
    data = cebra.data.TensorDataset(X, continuous=Y)
    model = cebra.models.init("offset1-model", 6, 8, 3)
    solver = cebra.solver.init(
        "regularized-solver",
        model,
        cebra.models.InfoNCE(),
        torch.optim.Adam(model.parameters()),
        tqdm_on=False,
        lambda_JR=0.5,
    )
    solver.fit(cebra.data.ContinuousDataLoader(data, num_steps=2, batch_size=8).to("cpu"))
    added = solver.history["loss"] - solver.history["objectives"]
    np.testing.assert_allclose(added, solver.history["penalty"], atol=1e-6)


def test_labels_are_learned_by_slices():
    data = cebra.data.DatasetxCEBRA(NEURAL, place=PLACE, speed=SPEED)
    loader = cebra.data.SupervisedMultiObjectiveLoader(data, num_steps=60, batch_size=32)
    loader.to("cpu").add_config({"label": "place"})
    loader.add_config({"label": "speed"})
    losses = [
        {"indices": edges, "supervised_loss": {"name": "nn.MSELoss"}} for edges in ((0, 1), (1, 3))
    ]
    criterion = cebra.models.MultiCriterions(losses, "supervised")
    model = cebra.models.init("offset1-model-mse", 6, 8, 3)
    solver = cebra.solver.init(
        "supervised-solver-xcebra",
        model=model,
        criterion=criterion,
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-2),
        feature_ranges=criterion.slices,
        tqdm_on=False,
    )
    solver.fit(loader)
    points = solver.transform(NEURAL)
    by_hand = float(((points[:, :1] - PLACE) ** 2).mean() + ((points[:, 1:] - SPEED) ** 2).mean())
    log = solver.log["sum_loss_train",]
    assert by_hand < 0.7 * log[0]
    assert log[0] == pytest.approx(solver.log["loss_train", 0][0] + solver.log["loss_train", 1][0])
    with pytest.raises(DataError, match="2 labels of each reference"):
        solver.loss(make_config().loader.bind(Offset(0, 1)).batch(0))
    with pytest.raises(InvalidParameterError, match="scheduler_regularizer"):
        solver.fit(loader, scheduler_regularizer=1)
    with pytest.raises(DataError, match="one of place, speed"):
        loader.add_config({"label": "x"})
    with pytest.raises(InvalidParameterError, match="ref_shared"):
        cebra.data.SupervisedMultiObjectiveLoader(data, 1, 1, 1, "independent")
