"""Row 56: what earlier versions wrote can be read, and gives the embedding that it gave."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cebra_ethan import CEBRA
from cebra_ethan.errors import CheckpointError
from cebra_ethan.solver import checkpoint
from cebra_ethan.solver.checkpoint import MIGRATIONS, SCHEMA_VERSION, load_state, save_state
from tests.legacy.make_legacy import ESTIMATORS, make_loaders, make_solver

FILES = sorted(Path(__file__).parent.glob("*/*.ckpt"))


def _name(path):
    return f"{path.parent.name}-{path.stem}"


def _arrays(path):
    with np.load(path.with_suffix(".npz")) as arrays:
        count = len(arrays) // 2
        return [[arrays[f"{name}_{k}"] for k in range(count)] for name in ("neural", "embedding")]


def test_row56_every_version_left_all_of_its_files():
    versions = {path.parent for path in FILES}
    assert len(versions) > 0
    for version in versions:
        names = {path.stem for path in version.glob("*.ckpt")}
        assert {*ESTIMATORS, "solver"} <= names or version.name != "0.1"
        assert names == {path.stem for path in version.glob("*.npz")}
        assert sum(path.stat().st_size for path in version.iterdir()) < 100_000


@pytest.mark.parametrize("path", [one for one in FILES if one.stem != "solver"], ids=_name)
def test_row56_an_estimator(path, tmp_path):
    loaded = CEBRA.load(path)
    neural, expected = _arrays(path)
    X = neural if len(neural) > 1 else neural[0]
    points = loaded.transform(X)
    for found, one in zip(points if len(neural) > 1 else [points], expected, strict=True):
        np.testing.assert_allclose(found, one, rtol=0, atol=1e-6)
    loaded.save(tmp_path / "again.ckpt")  # as the present version writes it
    again = CEBRA.load(tmp_path / "again.ckpt").transform(X)
    np.testing.assert_array_equal(np.concatenate(again), np.concatenate(points))
    y = [np.arange(len(one), dtype=float) for one in neural]
    loaded.partial_fit(X, y if len(neural) > 1 else y[0])
    assert loaded.solver_.num_steps == 8


@pytest.mark.parametrize("path", [one for one in FILES if one.stem == "solver"], ids=_name)
def test_row56_a_solver(path):
    solver = make_solver()
    solver.load(path)
    (neural,), (expected,) = _arrays(path)
    points = solver.transform(torch.from_numpy(neural)).numpy()
    np.testing.assert_allclose(points, expected, rtol=0, atol=1e-6)
    loader, valid = make_loaders()
    assert solver.fit(loader, valid, valid_frequency=2).num_steps == 8


@pytest.mark.parametrize("path", [one for one in FILES if one.stem == "single"], ids=_name)
def test_a_parameter_that_came_later_takes_its_default(path, tmp_path):
    state, copy = load_state(path), tmp_path / "copy.ckpt"
    for name in ("momentum", "objectives"):  # as if the file were older than these
        del state["params"][name]
    save_state(copy, state)
    loaded = CEBRA.load(copy)
    assert (loaded.momentum, loaded.objectives) == (CEBRA().momentum, None)
    (neural,), _ = _arrays(path)
    np.testing.assert_array_equal(loaded.transform(neural), CEBRA.load(path).transform(neural))
    save_state(copy, {**state, "params": {**state["params"], "momentun": 0.9}})
    with pytest.raises(CheckpointError, match="params lacks or has in excess: momentun"):
        CEBRA.load(copy)


@pytest.mark.parametrize("path", [one for one in FILES if one.stem == "solver"], ids=_name)
def test_an_old_training_is_resumed_and_it_is_said_what_could_not_be_checked(
    path, tmp_path, caplog
):
    (tmp_path / "last.ckpt").write_bytes(path.read_bytes())
    solver = make_solver()
    loader, valid = make_loaders()
    solver.fit(loader, valid, valid_frequency=2, logdir=tmp_path, resume=True)
    assert solver.num_steps == 8
    assert "could not be checked" in caplog.text


def test_row56_every_older_version_has_a_way_to_the_present_one():
    assert set(MIGRATIONS) == set(range(1, SCHEMA_VERSION))


def test_row56_migrations_run_one_after_the_other(tmp_path, monkeypatch):
    path = tmp_path / "old.ckpt"
    save_state(path, {"steps": 3})
    monkeypatch.setattr(checkpoint, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
    with pytest.raises(CheckpointError, match=rf"schema version {SCHEMA_VERSION + 2}; .* has"):
        load_state(path)
    rename = {SCHEMA_VERSION: lambda state: {"num_steps": state["steps"]}}
    monkeypatch.setattr(checkpoint, "MIGRATIONS", rename)
    with pytest.raises(CheckpointError, match="with the version"):
        load_state(path)
    rename[SCHEMA_VERSION + 1] = lambda state: {**state, "seed": 0}
    assert load_state(path) == {"num_steps": 3, "seed": 0}
    rename[SCHEMA_VERSION + 1] = lambda state: state["missing"]
    with pytest.raises(CheckpointError, match="no valid state"):
        load_state(path)
