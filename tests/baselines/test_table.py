"""The laws that every method obeys: one call for all, seeds, labels where a row says so."""

import inspect
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from cebra_ethan import CEBRA
from cebra_ethan.baselines import BASELINES, PAPER_SETTINGS, TUNING, Baseline, Row
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.types import Label, Recording
from tests.baselines.examples import NEURAL, PLACE, SMALL, TRIAL

SLOW = {"umap"}  # compiles for ten seconds
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in BASELINES
]
COUNTS = [name for name in BASELINES if name not in {"pca", "t-sne", "umap"}]


def make(name, **params):
    return BASELINES[name](**{"random_state": 0, **SMALL[name], **params})


@pytest.fixture(autouse=True)
def _optional(request):
    if hasattr(request.node, "callspec"):
        module = BASELINES[request.node.callspec.params["name"]].needs
        if module and find_spec(module) is None:
            pytest.skip(f"needs {module}: the extra `baselines`")


@pytest.mark.parametrize("name", NAMES)
def test_one_point_for_each_bin_and_one_seed_one_result(name):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = make(name).fit(NEURAL, PLACE, trial=TRIAL)
    points = first.transform(NEURAL, PLACE, trial=TRIAL)
    assert points.shape == (len(NEURAL), 2)
    assert points.dtype == np.float32
    assert np.isfinite(points).all()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
    again = first.fit(NEURAL, PLACE, trial=TRIAL).transform(NEURAL, PLACE, trial=TRIAL)
    np.testing.assert_array_equal(again, points)  # fit forgets
    assert list(first.get_feature_names_out())[1].endswith("1")
    assert first.n_features_in_ == NEURAL.shape[1]


@pytest.mark.parametrize("name", BASELINES)
def test_the_constructor_only_stores(name):
    method = make(name)
    assert isinstance(method, Baseline)
    params = method.get_params(deep=False)
    assert set(params) == set(inspect.signature(type(method).__init__).parameters) - {"self"}
    assert set(vars(method)) == set(params)
    assert clone(method).get_params().keys() == method.get_params().keys()
    with pytest.raises(NotFittedError, match="not fitted"):
        method.transform(NEURAL)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_says_when_labels_are_read(name):
    use = BASELINES[name].labels
    if use != "never":
        with pytest.raises(DataError, match="needs labels"):
            make(name).fit(NEURAL)
    if use == "fit and transform":
        method = make(name).fit(NEURAL, PLACE)
        with pytest.raises(DataError, match="needs labels"):
            method.transform(NEURAL)
        assert np.abs(method.transform(NEURAL, PLACE) - method.transform(NEURAL, -PLACE)).max() > 0
    else:
        points = make(name).fit(NEURAL, PLACE).transform(NEURAL)
        if use == "never":
            np.testing.assert_array_equal(points, make(name).fit(NEURAL).transform(NEURAL, PLACE))


@pytest.mark.parametrize("name", NAMES)
def test_transductive_means_that_fitted_points_are_kept(name):
    placed = make(name).fit_transform(NEURAL, PLACE)
    method = make(name).fit(NEURAL, PLACE)
    if BASELINES[name].transductive:
        np.testing.assert_array_equal(placed, method.embedding_)
    else:
        np.testing.assert_array_equal(placed, method.transform(NEURAL, PLACE))


@pytest.mark.parametrize("name", BASELINES)
def test_wrong_data_are_refused(name):
    holes = NEURAL.copy()
    holes[3, 1] = np.nan
    with pytest.raises(DataError, match="X must be finite"):
        make(name).fit(holes, PLACE)
    with pytest.raises(InvalidParameterError, match="n_components"):
        make(name, n_components=0).fit(NEURAL, PLACE)
    if name in COUNTS:
        with pytest.raises(DataError, match="not negative"):
            make(name).fit(NEURAL - 5, PLACE)


@pytest.mark.parametrize("name", ["pca", "vae", "lfads"])
def test_new_data_must_have_the_fitted_neurons(name):
    method = make(name).fit(NEURAL)
    with pytest.raises(ValueError, match="features"):
        method.transform(NEURAL[:, :4])


def test_a_recording_brings_its_labels_and_trials():
    labels, trial = {"place": Label(PLACE)}, torch.from_numpy(TRIAL)
    recording = Recording(torch.from_numpy(NEURAL), labels, trial=trial)
    points = make("conv-pi-vae").fit_transform(recording)
    apart = make("conv-pi-vae").fit_transform(NEURAL, {"place": PLACE}, trial=TRIAL)
    np.testing.assert_array_equal(points, apart)


def test_every_setting_is_a_parameter_of_its_method():
    rows = [(name, set(budget.grid)) for name, budget in TUNING.items()]
    rows += [(n, set(s)) for table in PAPER_SETTINGS.values() for n, s in table.items()]
    for name, params in rows:
        method = CEBRA() if name == "cebra" else BASELINES[name]()
        assert params <= set(method.get_params())


def test_every_method_has_the_same_budget():
    assert {budget.num_settings for budget in TUNING.values()} == {8}
    without = {name for name in BASELINES if name.endswith("-without-labels")}
    # those without are other readings of one fit
    assert set(TUNING) == {"cebra", *BASELINES} - without


def test_a_row_knows_three_uses_of_labels(without_type_checks):
    with pytest.raises(InvalidParameterError, match="labels must be one of"):
        Row(dict, labels="sometimes")
