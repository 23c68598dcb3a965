"""The estimator: parameters of `cebra`, fit that forgets, partial_fit that continues, scores."""

import inspect
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cebra_ethan import CEBRA
from cebra_ethan.data.split import BlockedKFold
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.models.model import MODELS
from cebra_ethan.solver import base
from tests.estimator.examples import NEURAL, PLACE, SIDE, make, weights
from tests.golden.make_training_golden import HERE, NUM_LAST, PARAMS, simulate
from tests.solver.examples import assert_equal

CEBRA_PARAMETERS = {
    "model_architecture": "offset1-model",
    "device": "cuda_if_available",
    "criterion": "infonce",
    "distance": "cosine",
    "conditional": None,
    "temperature": 1.0,
    "temperature_mode": "constant",
    "min_temperature": 0.1,
    "time_offsets": 1,
    "delta": None,
    "max_iterations": 10000,
    "max_adapt_iterations": 500,
    "batch_size": None,
    "learning_rate": 3e-4,
    "optimizer": "adam",
    "output_dimension": 8,
    "verbose": False,
    "num_hidden_units": 32,
    "pad_before_transform": True,
    "hybrid": False,
    "optimizer_kwargs": (
        ("betas", (0.9, 0.999)),
        ("eps", 1e-08),
        ("weight_decay", 0),
        ("amsgrad", False),
    ),
    "masking_kwargs": None,
}
"""The parameters of `cebra.CEBRA` 0.6.1 with their defaults, in order."""


def test_parameters_and_defaults_of_cebra():
    ours = inspect.signature(CEBRA).parameters
    assert list(ours)[: len(CEBRA_PARAMETERS)] == list(CEBRA_PARAMETERS)
    assert {name: ours[name].default for name in CEBRA_PARAMETERS} == CEBRA_PARAMETERS
    positional = [p.name for p in ours.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == list(CEBRA_PARAMETERS)  # what is new cannot be passed by place


def test_fit_forgets_what_was_learned():
    first = make().fit(NEURAL, PLACE)
    again = make().fit(NEURAL[:100, :4]).fit(NEURAL, PLACE)
    assert_equal(weights(again), weights(first))
    assert again.history_["loss"].tolist() == first.history_["loss"].tolist()
    assert again.n_features_in_ == 6


def test_fit_leaves_parameters_and_data_alone():
    before, neural, place = make(), NEURAL.copy(), PLACE.copy()
    fitted = make().fit(neural, place)
    assert fitted.get_params() == before.get_params()
    np.testing.assert_array_equal(neural, NEURAL)
    np.testing.assert_array_equal(place, PLACE)
    assert not hasattr(clone(fitted), "model_")


def test_attributes_of_a_fitted_estimator():
    fitted = make(hybrid=True).fit(NEURAL, PLACE)
    assert fitted.n_features_in_ == 6
    assert fitted.offset_ == fitted.model_.offset
    assert (fitted.offset_.left, fitted.offset_.right) == (2, 3)
    assert fitted.device_ == torch.device("cpu")
    assert fitted.label_kinds_ == {"label 0": "continuous"}
    assert fitted.random_state_ == 0
    assert fitted.history_ is fitted.solver_.history
    assert fitted.num_sessions is None


def test_without_a_seed_two_trainings_differ_and_each_can_be_repeated():
    first, second = (make(random_state=None).fit(NEURAL) for _ in range(2))
    assert first.random_state_ != second.random_state_
    assert not np.array_equal(first.transform(NEURAL), second.transform(NEURAL))
    repeated = make(random_state=first.random_state_).fit(NEURAL)
    assert_equal(weights(repeated), weights(first))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("causal", [False, True])
def test_every_architecture_trains_and_keeps_the_rows(name, causal):
    model = make(model_architecture=name, max_iterations=2, causal=causal).fit(NEURAL, PLACE)
    embedding = model.transform(NEURAL[:120])
    assert embedding.shape == (120, 3)
    assert embedding.dtype == np.float32
    np.testing.assert_array_equal(model.transform(NEURAL[:120], batch_size=50), embedding)
    unpadded = model.set_params(pad_before_transform=False).transform(NEURAL[:120])
    assert len(unpadded) == 120 - model.offset_.span + 1
    inside = slice(model.offset_.left, 120 - model.offset_.right + 1)
    np.testing.assert_allclose(unpadded, embedding[inside], rtol=1e-4, atol=1e-5)
    if causal:
        changed = NEURAL[:120].copy()
        changed[81:] += 5
        later = model.set_params(pad_before_transform=True).transform(changed)
        np.testing.assert_allclose(later[:81], embedding[:81], rtol=1e-4, atol=1e-5)
        assert not np.allclose(later[81:], embedding[81:], atol=1e-3)


@pytest.mark.parametrize(("frequency", "expected"), [(None, [1, 2, 3, 4, 5]), (2, [2, 4])])
def test_callback_gets_step_and_solver(frequency, expected):
    model, calls = make(), []
    model.fit(NEURAL, callback=lambda *call: calls.append(call), callback_frequency=frequency)
    assert calls == [(step, model.solver_) for step in expected]


def _trained(**params):
    own = {"max_iterations": 150, "batch_size": 64, "temperature": 0.5}
    return make(**{**own, **params})


@pytest.mark.parametrize("labels", [(), (PLACE,), (SIDE,), (PLACE, SIDE)])
def test_training_raises_the_score(labels):
    untrained = _trained(max_iterations=1, learning_rate=1e-9).fit(NEURAL, *labels)
    trained = _trained().fit(NEURAL, *labels)
    assert trained.score(NEURAL, *labels) > untrained.score(NEURAL, *labels) + 0.2


def test_score_is_reproducible_and_has_an_interval():
    model = _trained(max_iterations=20).fit(NEURAL, PLACE)
    assert model.score(NEURAL, PLACE) == model.score(NEURAL, PLACE)
    fit = model.goodness_of_fit(NEURAL, PLACE)
    assert fit.bits == model.score(NEURAL, PLACE)
    assert fit.low < fit.bits < fit.high


@pytest.mark.parametrize("batch_size", [None, 64])
def test_score_is_of_the_data_that_are_given(batch_size):
    model = _trained(batch_size=batch_size).fit(NEURAL[:200], PLACE[:200])
    order = np.random.default_rng(0).permutation(200)
    own = model.score(NEURAL[:200], PLACE[:200])
    assert own > 0.7
    assert model.score(NEURAL[order], PLACE[:200]) < 0.1
    assert 0.5 < model.score(NEURAL[210:], PLACE[210:]) < own + 0.3


@pytest.mark.parametrize("early_stopping", [True, {"patience": 3, "fraction": 0.25, "every": 4}])
def test_early_stopping_holds_out_the_end_with_a_gap(monkeypatch, early_stopping):
    seen = {}
    original = base.SingleSessionSolver.fit

    def fit(self, loader, valid_loader=None, **options):
        seen.update(train=loader, valid=valid_loader)
        return original(self, loader, valid_loader, **options)

    monkeypatch.setattr(base.SingleSessionSolver, "fit", fit)
    time = np.arange(len(NEURAL), dtype=np.float32)
    counted = np.column_stack([time, NEURAL[:, 1:]])  # the first neuron says which bin it is
    model = make(early_stopping=early_stopping, time_offsets=7, max_iterations=20)
    model.fit(counted)

    def bins(loader):
        batches = [loader.batch(step) for step in range(10)]
        return {
            int(value)
            for batch in batches
            for windows in (batch.reference, *batch.positive, batch.negative)
            for value in windows[:, 0].flatten()
        }

    train, valid = bins(seen["train"]), bins(seen["valid"])
    fraction = 0.1 if early_stopping is True else 0.25
    assert min(valid) >= round(300 * (1 - fraction))
    assert max(valid) == 299
    assert min(train) == 0
    assert min(valid) - max(train) > model.offset_.span + 7
    every = 1 if early_stopping is True else 4
    steps = [step for step, _ in model.solver_.validation_history]
    assert steps == list(range(every, model.solver_.num_steps + 1, every))


def test_early_stopping_ends_on_noise_and_keeps_the_best():
    noise = np.random.default_rng(0).normal(size=(400, 6))
    options = {"patience": 3, "every": 5}
    model = make(early_stopping=options, max_iterations=500).fit(noise)
    assert model.solver_.num_steps < 150
    assert "no improvement over" in model.solver_.stop_reason
    steps, losses = zip(*model.solver_.validation_history, strict=True)
    assert model.solver_._stopping.best_step == steps[int(np.argmin(losses))]


def test_hybrid_trains_two_objectives():
    model = _trained(hybrid=True, output_dimension=4).fit(NEURAL, PLACE)
    for name in ("behavior", "time"):
        loss = model.history_[f"{name}/align"] + model.history_[f"{name}/uniform"]
        assert loss[-20:].mean() < loss[:3].mean() - 0.3
    total = sum(
        model.history_[f"{name}/{part}"]
        for name in ("behavior", "time")
        for part in ("align", "uniform")
    )
    np.testing.assert_allclose(total, model.history_["loss"], rtol=1e-5)
    assert model.transform(NEURAL).shape == (300, 4)
    assert model.score(NEURAL, PLACE) > 0.5


@pytest.mark.parametrize("lowest", [0.3, None])
def test_a_learned_temperature_respects_its_minimum(lowest):
    model = _trained(
        temperature_mode="auto", min_temperature=lowest, temperature=0.5, learning_rate=5e-2
    ).fit(NEURAL, PLACE)
    temperature = model.history_["temperature"]
    assert temperature[0] == pytest.approx(0.5)
    if lowest is None:
        assert temperature.min() < 0.25
    else:
        assert temperature.min() == pytest.approx(lowest)


def test_bool_labels_are_used():
    side = make(max_iterations=3)
    assert side.fit(NEURAL, SIDE).label_kinds_ == {"label 0": "categorical"}
    by_label, by_number = weights(side), weights(make(max_iterations=3).fit(NEURAL, SIDE * 1))
    by_time = weights(make(max_iterations=3).fit(NEURAL))
    assert_equal(by_label, by_number)
    assert not torch.equal(by_label["net.0.weight"], by_time["net.0.weight"])


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize(
    ("conditional", "labels", "message"),
    [
        ("nonsense", (), "'conditional' parameter of CEBRA must be"),
        ("nonsense", (PLACE,), "'conditional' parameter of CEBRA must be"),
        ("nonsense", (SIDE,), "'conditional' parameter of CEBRA must be"),
        ("nonsense", (PLACE, SIDE), "'conditional' parameter of CEBRA must be"),
        ("time_delta", (), "with no labels it is one of time; got 'time_delta'"),
        ("discrete", (PLACE,), "with continuous labels it is one of time, time_delta"),
        ("discrete", (PLACE, SIDE), "with continuous and categorical labels it is one of"),
        ("delta_normal", (PLACE,), "Set both or neither"),
    ],
)
def test_a_conditional_that_does_not_suit_is_refused(conditional, labels, message):
    model = make(conditional=conditional)
    with pytest.raises(InvalidParameterError, match=message):
        model.fit(NEURAL, *labels)
    assert not hasattr(model, "model_")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "patience of early_stopping must be an int"),
        ({"min_delta": -1.0}, "min_delta of early_stopping must be a float"),
        ({"fraction": 1.0}, r"fraction of early_stopping must be a float in the range \(0"),
        ({"every": 0}, "every of early_stopping must be an int"),
        ({"patiense": 3}, "early_stopping takes patience, min_delta, fraction, every; got pat"),
    ],
)
def test_early_stopping_options_are_checked(options, message):
    with pytest.raises(InvalidParameterError, match=message):
        make(early_stopping=options).fit(NEURAL)


def test_windows_and_pairs_stay_inside_trials(monkeypatch):
    seen = []
    original = base.SingleSessionSolver.step

    def step(self, batch):
        seen.append(batch)
        return original(self, batch)

    monkeypatch.setattr(base.SingleSessionSolver, "step", step)
    trial = np.repeat([3, 1, 2, 1], [100, 11, 9, 180])  # the third is too short
    number = np.repeat(range(4), [100, 11, 9, 180])
    marked = np.column_stack([number, NEURAL])  # the first neuron says which trial it is
    model = make(time_offsets=6).fit(marked, trial=trial)
    for batch in seen:
        (positive,) = batch.positive
        for windows in (batch.reference, positive, batch.negative):
            assert bool((windows[:, 0] == windows[:, 0, :1]).all())
        assert torch.equal(positive[:, 0], batch.reference[:, 0])
        drawn = set(batch.reference[:, 0, 0].tolist())
        assert drawn <= {0.0, 1.0, 3.0}
    embedding = model.transform(marked, trial=trial)
    borders = [0, 100, 111, 120, 300]
    for start, stop in pairwise(borders):
        np.testing.assert_allclose(
            embedding[start:stop], model.transform(marked[start:stop]), rtol=1e-4, atol=1e-5
        )
    assert not np.allclose(embedding, model.transform(marked), atol=1e-4)
    assert "trial" not in model.label_kinds_


def test_fit_transform_knows_the_trials():
    trial = np.repeat([0, 1], 150)
    together = make().fit_transform(NEURAL, PLACE, trial=trial)
    apart = make().fit(NEURAL, PLACE, trial=trial).transform(NEURAL, trial=trial)
    np.testing.assert_array_equal(together, apart)


def test_a_pipeline_decodes():
    train, test = slice(0, 200), slice(210, 300)
    pipeline = make_pipeline(StandardScaler(), _trained(), KNeighborsRegressor(5))
    pipeline.fit(NEURAL[train], PLACE[train])
    assert pipeline.score(NEURAL[test], PLACE[test]) > 0.6


def test_a_grid_search_finds_the_setting_that_learns():
    grid = {"learning_rate": [1e-9, 1e-2]}
    search = GridSearchCV(_trained(max_iterations=60), grid, cv=BlockedKFold(2, gap=10))
    search.fit(NEURAL, PLACE)
    assert search.best_params_ == {"learning_rate": 1e-2}
    assert search.best_score_ > 0.3
    assert search.transform(NEURAL).shape == (300, 3)


@pytest.mark.slow
@pytest.mark.parametrize("labels", ["time", "behavior"])
def test_reaches_the_goodness_of_fit_of_cebra(labels):
    golden = np.load(HERE / "training.npz")
    counts, place = simulate()
    np.testing.assert_array_equal(counts, golden["counts"])
    given = (place,) if labels == "behavior" else ()
    bits = []
    for seed in range(4):
        model = CEBRA(**PARAMS, random_state=seed).fit(counts.astype(np.float32), *given)
        loss = model.history_["loss"][-NUM_LAST:].mean()
        bits.append((np.log(PARAMS["batch_size"]) - loss) / np.log(2))
    theirs = golden[labels]
    spread = np.hypot(theirs.std(ddof=1) / len(theirs) ** 0.5, np.std(bits, ddof=1) / 2)
    assert abs(np.mean(bits) - theirs.mean()) < max(4 * spread, 0.02)
    assert np.std(bits, ddof=1) < 0.1


LONG = """
import resource
import numpy as np
from cebra_ethan import CEBRA

def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

draw = np.random.default_rng(0)
def fit(num_bins):
    X = draw.normal(size=(num_bins, 4)).astype(np.float32)
    y = np.cumsum(draw.normal(size=(num_bins, 2)), axis=0)
    model = CEBRA(max_iterations=3, batch_size=512, random_state=0, device="cpu")
    model.fit(X, y).transform(X)

fit(1000)
before = megabytes()
fit(200_000)
print(megabytes() - before)
"""


def test_memory_grows_with_the_recording_and_not_with_its_square():
    done = subprocess.run(
        [sys.executable, "-c", LONG], capture_output=True, text=True, check=True, timeout=120
    )
    # Even 512 queries by 200,000 bins are 390 MB in float32; bins by bins would be 149 GB.
    assert float(done.stdout) < 200


def test_an_unfitted_estimator_says_so():
    for use in (
        lambda model: model.transform(NEURAL),
        lambda model: model.score(NEURAL),
        lambda model: model.history_,
        lambda model: model.to("cpu"),
    ):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            use(make())


def test_files_of_a_training(tmp_path):
    make().fit(NEURAL, logdir=tmp_path, save_frequency=2)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("last.ckpt", "previous.ckpt", "history.csv")
    }
    with pytest.raises(DataError, match="need a folder"):
        make().fit(NEURAL, save_frequency=2)


def test_verbose_shows_progress(capsys):
    make(max_iterations=10, verbose=True).fit(NEURAL)
    assert "bits" in capsys.readouterr().err
