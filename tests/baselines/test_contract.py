"""scikit-learn's own checks; each one that a method cannot pass is named with its reason."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from cebra_ethan.baselines import LFADS, PCA, PiVAE
from tests.baselines.examples import SMALL

ONE = {"n_components": 1}
METHODS = [
    PCA(**ONE),
    PiVAE(
        **{**SMALL["vae"], **ONE, "epochs": 1, "likelihood": "gaussian"},
        label_prior=False,
        inference="neural",
    ),
    LFADS(
        **{**SMALL["lfads"], **ONE, "sequence_length": 2, "overlap": 0, "epochs": 1},
        num_inputs=0,
    ),
]
ORDERED = "bins are a sequence: their order and their neighbours matter"


def expected(method):
    if not isinstance(method, LFADS):
        return {}
    return {
        "check_methods_sample_order_invariance": ORDERED,
        "check_methods_subset_invariance": ORDERED,
    }


@parametrize_with_checks(METHODS, expected_failed_checks=expected)
@pytest.mark.usefixtures("without_type_checks")  # one check passes every value to a constructor
def test_scikit_learn_finds_no_fault(estimator, check):
    check(estimator)
