"""Recordings under the names of `cebra`, from files of the paper's authors that a test wrote."""

import hashlib

import joblib
import numpy as np
import pytest
import torch

import cebra_ethan.compat as cebra
from cebra_ethan.datasets import files, sources
from cebra_ethan.errors import InvalidParameterError


@pytest.fixture
def publish(tmp_path, monkeypatch):
    table = dict(sources.REMOTE)
    monkeypatch.setattr(files, "REMOTE", table)
    monkeypatch.setenv("CEBRA_ETHAN_DATA", str(tmp_path))

    def write(relative, content):
        path = tmp_path / relative
        path.parent.mkdir(exist_ok=True)
        joblib.dump(content, path)
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        table[relative] = sources.Remote(url="https://x", digest=f"md5:{digest}")

    return write


def rat(num_runs, num_neurons):
    """Runs of five bins to and fro."""
    rng = np.random.default_rng(num_neurons)
    right = np.repeat(np.arange(num_runs) % 2 == 0, 5)
    place = np.where(right, np.tile(np.arange(5), num_runs), np.tile(np.arange(5)[::-1], num_runs))
    spikes = rng.poisson(1.0, size=(5 * num_runs, num_neurons))
    return {
        "spikes": spikes,
        "position": np.stack([place / 4, right, ~right], axis=1).astype(float),
    }


def test_all_rats_are_read_from_the_files_of_the_authors(publish):
    for number, name in enumerate(("achilles", "buddy", "cicero", "gatsby")):
        publish(f"rat_hippocampus/{name}.jl", rat(40, 3 + number))
    whole = cebra.datasets.init("rat-hippocampus-single-gatsby")
    content = rat(40, 6)
    assert isinstance(whole, cebra.datasets.hippocampus.SingleRatDataset)
    assert (whole.neural.numpy() == content["spikes"]).all()
    np.testing.assert_allclose(whole.continuous_index, content["position"], atol=1e-6)
    assert whole.index.shape == (200, 3)
    assert cebra.datasets.hippocampus.SingleRatDataset("buddy").input_dimension == 4

    name = "rat-hippocampus-cicero-3fold-trial-split-2"
    parts = {one: cebra.datasets.init(name, split=one) for one in ("train", "valid", "test")}
    # 20 round trips: thirds of 7, 7 and 6; the last third of each is held out, the first test
    held_out = [(5, 6), (12, 13), (18, 19)]
    for place, part in enumerate(("test", "valid")):
        bins = np.concatenate([np.arange(10) + 10 * pair[place] for pair in held_out])
        assert (parts[part].neural.numpy() == rat(40, 5)["spikes"][bins]).all()
    without = cebra.datasets.init(name, split="wo_test")
    assert len(without) == len(parts["train"]) + len(parts["valid"]) == 170

    several = cebra.datasets.init("rat-hippocampus-multisubjects-3fold-trial-split", split="train")
    assert several.num_neurons == [3, 4, 5, 6]
    corrupt = cebra.datasets.init("rat-hippocampus-gatsby-corrupt-3")
    order = np.arange(200)
    np.random.Generator(np.random.PCG64(3)).shuffle(order)
    assert (corrupt.neural == whole.neural).all()
    assert (corrupt.continuous_index == whole.continuous_index[order]).all()
    with pytest.raises(InvalidParameterError, match="name must be one of achilles"):
        cebra.datasets.hippocampus.SingleRatDataset("dante")
    with pytest.raises(InvalidParameterError, match="download=True"):
        cebra.datasets.hippocampus.SingleRatDataset("buddy", download=True)


AREA2 = {
    "spikes": np.random.default_rng(0).random((15, 4)),
    "vel": np.random.default_rng(1).normal(size=(15, 2)),
    "pos": np.random.default_rng(2).normal(size=(15, 2)),
    "passive": np.array([False, True, False]),
    "movement_dir": np.array([0, 7, 3]),
    "movement_dir_actpas": np.array([0, 15, 3]),
    "num_trials": 3,
    "trial_len": 5,
}
POSITION, PASSIVE, DIRECTION, BOTH = AREA2["pos"], [0, 1, 0], [0, 7, 3], [0, 15, 3]


@pytest.mark.parametrize(
    ("name", "continuous", "discrete"),
    [
        ("area2-bump-pos-all", POSITION, None),
        ("area2-bump-pos-active-passive", POSITION, PASSIVE),
        ("area2-bump-target-all", None, DIRECTION),
        ("area2-bump-target-active-passive", None, BOTH),
        ("area2-bump-posdir-all", POSITION, DIRECTION),
    ],
)
def test_area2_has_the_labels_that_its_name_says(publish, name, continuous, discrete):
    for part in ("all", "test"):
        publish(f"monkey_reaching_preload_smth_40/all_{part}.jl", AREA2)
    monkey = cebra.datasets.init(name)
    assert list(monkey.recording.labels) == [
        kind
        for kind, one in (("continuous", continuous), ("discrete", discrete))
        if one is not None
    ]
    if continuous is not None:
        np.testing.assert_allclose(monkey.continuous_index, continuous, rtol=1e-6)
    if discrete is not None:
        assert monkey.discrete_index.tolist() == np.repeat(discrete, 5).tolist()
    assert monkey.target_actpas.tolist() == np.repeat(BOTH, 5).tolist()
    assert (monkey.trial_len, monkey.num_trials, len(monkey)) == (5, 3, 15)
    assert monkey.recording.trial.tolist() == np.repeat([0, 1, 2], 5).tolist()
    monkey.split("test")
    assert monkey.neural.shape == (15, 4)
    with pytest.raises(InvalidParameterError, match="session must be one of active"):
        cebra.datasets.monkey_reaching.Area2BumpDataset(session="both")


def test_shuffled_labels_of_area2_are_in_one_random_order(publish):
    publish("monkey_reaching_preload_smth_40/all_all.jl", AREA2)
    publish("monkey_reaching_preload_smth_40/active_all.jl", AREA2)
    order = np.arange(15)
    np.random.Generator(np.random.PCG64(1)).shuffle(order)
    place = cebra.datasets.init("area2-bump-pos-active-passive-shuffled-position")
    np.testing.assert_allclose(place.continuous_index, POSITION[order], rtol=1e-6)
    assert place.discrete_index.tolist() == np.repeat(PASSIVE, 5).tolist()
    trial = cebra.datasets.init("area2-bump-pos-active-passive-shuffled-trial")
    assert trial.discrete_index.tolist() == np.repeat(PASSIVE, 5)[order].tolist()
    target = cebra.datasets.init("area2-bump-target-active-shuffled")
    assert target.discrete_index.tolist() == np.repeat(DIRECTION, 5)[order].tolist()
    with pytest.raises(InvalidParameterError, match="shuffled must be"):
        cebra.datasets.monkey_reaching.Area2BumpShuffledDataset(shuffled="all")


def test_synthetic_data_come_with_their_latent(publish):
    rng = np.random.default_rng(0)
    content = {
        "x": rng.poisson(1.0, size=(50, 6)).astype(float),
        "z": rng.normal(size=(50, 6)),
        "u": rng.uniform(size=(50, 1)),
        "lam": rng.uniform(size=(50, 6)),
    }
    publish("synthetic/continuous_label_poisson.jl", content)
    data = cebra.datasets.init("continuous-label-poisson")
    np.testing.assert_allclose(data.latents, content["z"][:, :2], rtol=1e-6)
    np.testing.assert_allclose(data.lam, content["lam"], rtol=1e-6)
    np.testing.assert_allclose(data.index, content["u"], rtol=1e-6)
    mixture = cebra.datasets.init("continuous-gaussian-mixture-poisson")
    mixture.split("valid")
    assert torch.equal(mixture.neural, data.neural[40:])
    with pytest.raises(InvalidParameterError, match="split must be one of train"):
        mixture.split("test")


def test_names_are_listed_but_for_a_thousand_seeds():
    names = cebra.datasets.get_options()
    assert {"area2-bump", "area2-bump-posdir-active", "continuous-label-t"} <= set(names)
    assert len(cebra.datasets.get_options("rat-hippocampus-*-3fold-trial-split-?")) == 15
    assert not [name for name in names if "corrupt" in name]
