"""Arguments of `cebra` in, the results of our functions out: estimator, scores, data."""

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone

import cebra_ethan
import cebra_ethan.compat as cebra
from cebra_ethan.errors import InvalidParameterError
from tests.compat.examples import CLASSES, DRAW, SMALL, X, Y


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


def test_alignment_takes_the_names_of_cebra():
    points = DRAW.normal(size=(50, 3))
    turn = np.linalg.qr(DRAW.normal(size=(3, 3)))[0]
    aligner = cebra.data.helper.OrthogonalProcrustesAlignment(top_k=1)
    turned = aligner.fit_transform(ref_data=points, data=points @ turn)
    assert np.allclose(turned, points)
    label = np.arange(50.0)
    mean = cebra.data.ensemble_embeddings([points, points @ turn], [label, label], n_jobs=2)
    assert mean.shape == (50, 3)


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
        ("allen-movie", {}, "one of rat-hippocampus"),
        ("rat-hippocampus-single", {"download": True}, "read from disk"),
    ):
        with pytest.raises(InvalidParameterError, match=message):
            cebra.datasets.init(name, root=tmp_path, **options)


def test_datasets_have_the_columns_and_splits_of_cebra(monkeypatch, tmp_path):
    from cebra_ethan.compat.adapters import recordings
    from cebra_ethan.datasets import load_dataset

    monkeypatch.setenv("CEBRA_ETHAN_DATA", str(tmp_path))
    rat = load_dataset("rat-simulated", num_bins=6000, num_neurons=5)
    monkeypatch.setattr(recordings, "load_dataset", lambda name, root: rat)
    whole = cebra.datasets.init("rat-hippocampus-single-buddy")
    right = rat.labels["direction"].to_numpy() == "right"
    assert whole.continuous_index.shape == (6000, 3)
    assert (whole.continuous_index[:, 1].bool().numpy() == right).all()
    assert (whole.continuous_index[:, 1:].sum(1) == 1).all()
    name = "rat-hippocampus-buddy-3fold-trial-split-1"
    parts = [cebra.datasets.init(name, split=part) for part in ("train", "valid", "test")]
    assert sum(map(len, parts)) == len(cebra.datasets.init(name, split="all")) == 6000
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
        fitted = cebra.CEBRA(**SMALL, conditional="time_delta").fit(X, CLASSES)
    assert fitted.label_kinds_ == {"label 0": "categorical"}


def test_a_collection_goes_through_its_sessions():
    one, other = (cebra.data.TensorDataset(torch.randn(n, 3), torch.rand(n, 2)) for n in (20, 30))
    collection = cebra.data.DatasetCollection(one, other)
    assert list(collection.iter_sessions()) == [one, other]
    assert collection.session_lengths == [20, 30]


def test_consistency_is_drawn_with_the_ends_of_its_scale():
    pairs = [("a", "b"), ("b", "a")]
    ax = cebra.plot_consistency([0.5, 0.6], pairs, ["a", "b"], vmin=0, vmax=100)
    assert ax.images[0].get_clim() == (0, 100)
