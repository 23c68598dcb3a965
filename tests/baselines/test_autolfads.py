"""The search of LFADS: what is tried, what is kept, and the population by Ray."""

import math

import numpy as np
import pytest
from sklearn.base import clone

from cebra_ethan.baselines import LFADS, SEARCH_SPACE, AutoLFADS
from cebra_ethan.baselines.search_space import Range, draw_settings
from cebra_ethan.errors import InvalidParameterError, MissingDependencyError
from cebra_ethan.utils import optional
from tests.baselines.examples import NEURAL, SMALL


def auto(**params):
    return AutoLFADS(**{**SMALL["autolfads"], "random_state": 0, **params})


def test_draws_fill_the_ranges():
    drawn = draw_settings(SEARCH_SPACE, 400, seed=1)
    assert drawn == draw_settings(SEARCH_SPACE, 400, seed=1)
    for name, one in SEARCH_SPACE.items():
        values = np.array([settings[name] for settings in drawn])
        assert values.min() >= one.low
        assert values.max() <= one.high
        middle = math.sqrt(one.low * one.high) if one.log else (one.low + one.high) / 2
        assert (values < middle).mean() == pytest.approx(0.5, abs=0.1)


def test_the_best_trial_is_kept_and_the_first_is_the_default():
    search = auto(n_trials=3).fit(NEURAL)
    losses = [row["held_out_loss"] for row in search.trials_]
    assert search.estimator_.best_loss_ == min(losses)
    best = search.trials_[int(np.argmin(losses))]
    assert search.best_settings_ == {k: v for k, v in best.items() if k != "held_out_loss"}
    assert search.trials_[0]["dropout"] == LFADS().dropout
    alone = clone(SMALL["autolfads"]["lfads"]).set_params(random_state=0).fit(NEURAL)
    assert losses[0] == alone.best_loss_
    assert "random_state" in search.lfads.get_params()
    assert search.lfads.random_state is None  # the user's estimator stays as it was


def test_a_space_may_be_a_part():
    search = auto(space={"dropout": Range(0.1, 0.2)}, n_trials=3).fit(NEURAL)
    assert len({row["learning_rate"] for row in search.trials_}) == 1
    assert all(0.1 <= row["dropout"] <= 0.2 for row in search.trials_[1:])


def test_what_cannot_be_used_is_named(without_type_checks):
    with pytest.raises(InvalidParameterError, match="got epochs as well"):
        auto(space={"epochs": Range(1, 2)}).fit(NEURAL)
    with pytest.raises(InvalidParameterError, match="low < high"):
        Range(1.0, 1.0)
    with pytest.raises(InvalidParameterError, match="'search' parameter"):
        auto(search="grid").fit(NEURAL)


def test_a_missing_ray_names_its_extra(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name, name=name)

    monkeypatch.setattr(optional.importlib, "import_module", missing)
    with pytest.raises(MissingDependencyError, match=r"ray.*cebra-ethan\[ray\]"):
        auto(search="pbt").fit(NEURAL)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("default")  # Ray and what it starts warn of their own affairs
def test_a_population_trains_by_ray():
    pytest.importorskip("ray", reason="needs Ray: the extra `ray`")
    lfads = clone(SMALL["autolfads"]["lfads"]).set_params(epochs=6)
    search = auto(search="pbt", lfads=lfads, n_trials=4, interval=2, n_jobs=2).fit(NEURAL)
    assert len(search.trials_) == 4
    for row in search.trials_:
        assert all(one.low <= row[name] <= one.high for name, one in SEARCH_SPACE.items())
    assert search.estimator_.best_loss_ == pytest.approx(
        min(row["held_out_loss"] for row in search.trials_), rel=1e-5
    )
    assert search.transform(NEURAL).shape == (len(NEURAL), 2)
