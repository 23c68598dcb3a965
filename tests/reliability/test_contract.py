"""Rows 1 to 4: the estimator keeps scikit-learn's contract."""

import copy
import inspect
import io
import pickle
from functools import partial

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from cebra_ethan import CEBRA
from cebra_ethan.models.model import MODELS, AttentionOffsetModel
from tests.reliability.helpers import (
    MODES,
    NEURAL,
    POSITION,
    VARIANTS,
    assert_same,
    assert_same_estimator,
    in_mode,
    small,
)

TINY = {"max_iterations": 3, "batch_size": 8, "output_dimension": 2, "num_hidden_units": 4}

FAMILIES = {
    "single bin, infonce": {},
    "single bin, euclidean": {"model_architecture": "offset1-model-mse", "distance": "euclidean"},
    "convolution, focal": {"model_architecture": "offset5-model", "criterion": "focal"},
    "convolution, nce": {"model_architecture": "offset5-model", "criterion": "nce"},
    "learned temperature": {"temperature_mode": "auto"},
    "attention": {"model_architecture": "attention-offset5-model"},
    "full batch": {"batch_size": None},
}

EXPECTED_FAILURES = {
    "check_methods_sample_order_invariance": (
        "rows are time bins, so a window sees other neighbours when they are shuffled"
    ),
    "check_methods_subset_invariance": "rows are time bins, and a window reaches into the next",
}
"""Checks that cannot pass where windows span several bins, at most two, each with its reason."""


def _expected_failures(estimator):
    return {} if estimator.model_architecture.startswith("offset1-") else EXPECTED_FAILURES


EXTRAS = [
    estimator_checks.check_param_validation,
    estimator_checks.check_set_output_transform,
    estimator_checks.check_set_output_transform_pandas,
    estimator_checks.check_global_output_transform_pandas,
    estimator_checks.check_transformer_get_feature_names_out,
    estimator_checks.check_transformer_get_feature_names_out_pandas,
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_readonly_memmap_input,
    estimator_checks.check_n_features_in_after_fitting,
    estimator_checks.check_f_contiguous_array_estimator,
]

COPIES = {
    "pickle": lambda estimator: pickle.loads(pickle.dumps(estimator)),
    "deepcopy": copy.deepcopy,
    "joblib": lambda estimator: _through_joblib(estimator),
}


def _through_joblib(estimator):
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


@pytest.fixture
def short_attention(monkeypatch):
    """A row of `MODELS` with attention over five bins: scikit-learn's checks pass ten rows."""
    monkeypatch.setitem(MODELS, "attention-offset5-model", partial(AttentionOffsetModel, span=5))


@pytest.mark.usefixtures("without_type_checks", "short_attention")
@parametrize_with_checks(
    [CEBRA(**{**TINY, **params}) for params in FAMILIES.values()],
    expected_failed_checks=_expected_failures,
    xfail_strict=True,
)
def test_row01_scikit_learn_checks(estimator, check):
    check(estimator)


def test_row01_has_at_most_two_expected_failures():
    assert len(EXPECTED_FAILURES) <= 2


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.usefixtures("without_type_checks", "short_attention")
@pytest.mark.parametrize("check", EXTRAS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("family", FAMILIES)
def test_row02_checks_of_scikit_learn_s_own_estimators(family, check):
    check("CEBRA", CEBRA(**{**TINY, **FAMILIES[family]}))


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_row03_a_copy_of_a_fitted_estimator_is_equal(variant, copied, tmp_path):
    seen = []
    fitted = small(**VARIANTS[variant]).fit(
        NEURAL, POSITION, logdir=tmp_path, callback=lambda step, solver: seen.append(step)
    )
    twin = COPIES[copied](fitted)
    assert_same_estimator(twin, fitted)
    assert seen
    more = [one.partial_fit(NEURAL, POSITION) for one in (twin, fitted)]
    assert_same_estimator(*more)  # the copy also goes on like the original


@pytest.mark.parametrize("copied", COPIES)
def test_row03_a_copy_shares_nothing_with_the_original(copied):
    fitted = small().fit(NEURAL)
    twin, before = COPIES[copied](fitted), fitted.transform(NEURAL)
    twin.partial_fit(NEURAL)
    assert_same(fitted.transform(NEURAL), before)
    assert not np.array_equal(twin.transform(NEURAL), before)


@pytest.mark.parametrize("mode", MODES)
def test_row03_a_clone_trains_to_the_same(mode):
    estimator, labels = in_mode(mode)
    fitted = estimator.fit(NEURAL, *labels)
    twin = clone(fitted)
    assert not hasattr(twin, "model_")
    assert_same_estimator(twin.fit(NEURAL, *labels), fitted)


@pytest.mark.parametrize("num_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_row03_grid_search(num_jobs):
    search = GridSearchCV(
        small(), {"output_dimension": [2, 3]}, cv=2, n_jobs=num_jobs, error_score="raise"
    ).fit(NEURAL, POSITION)
    again = GridSearchCV(small(), {"output_dimension": [2, 3]}, cv=2, error_score="raise")
    scores = again.fit(NEURAL, POSITION).cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert_same(search.cv_results_["mean_test_score"], scores)
    best = search.best_estimator_
    assert_same_estimator(best, clone(best).fit(NEURAL, POSITION))


@pytest.mark.parametrize("labels", [(), (POSITION,)], ids=["without y", "with y"])
def test_row03_pipeline(labels):
    pipeline = make_pipeline(StandardScaler(), small()).fit(NEURAL, *labels)
    scaled = StandardScaler().fit_transform(NEURAL)
    assert_same(pipeline.transform(NEURAL), small().fit(scaled, *labels).transform(scaled))


def test_row03_pipeline_that_ends_in_a_decoder():
    pipeline = make_pipeline(small(), KNeighborsRegressor()).fit(NEURAL, POSITION)
    points = small().fit(NEURAL, POSITION).transform(NEURAL)
    assert_same(
        pipeline.predict(NEURAL), KNeighborsRegressor().fit(points, POSITION).predict(points)
    )


class Child(CEBRA):
    """A subclass that adds nothing."""


@pytest.mark.parametrize("estimator", [CEBRA, Child])
@pytest.mark.parametrize(
    ("unknown", "hint"),
    [
        (["foo"], ""),
        (["output_dims"], r"Did you mean 'output_dimension'\? "),
        (["max_iter", "foo"], r"Did you mean 'max_iterations'\? "),
    ],
)
def test_row04_an_unknown_keyword_is_answered_with_the_known_ones(estimator, unknown, hint):
    given = ", ".join(map(repr, unknown))
    known = ", ".join(inspect.signature(CEBRA).parameters)
    message = rf"^{estimator.__name__}\(\) got an unexpected keyword argument {given}\. {hint}Its "
    with pytest.raises(TypeError, match=message) as caught:
        estimator(distance="cosine", **dict.fromkeys(unknown, 3))
    assert str(caught.value).endswith(f"Its parameters are {known}.")


def test_row04_set_params_and_fit_name_an_unknown_keyword():
    with pytest.raises(ValueError, match=r"(?s)'dimensions'.*Valid parameters") as caught:
        CEBRA().set_params(dimensions=3)
    assert all(repr(known) in str(caught.value) for known in CEBRA().get_params())
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'dimensions'"):
        small().fit(NEURAL, dimensions=3)


@pytest.mark.parametrize("estimator", [CEBRA, Child])
def test_row04_the_signature_is_that_of_the_constructor(estimator):
    written = inspect.signature(inspect.unwrap(CEBRA.__init__), follow_wrapped=False)
    _, *parameters = written.parameters.values()
    assert list(inspect.signature(estimator).parameters.values()) == parameters
    assert sorted(parameter.name for parameter in parameters) == list(estimator().get_params())
    assert estimator("offset5-model", "cpu").device == "cpu"
