"""Loops, loaders, datasets and solvers written for the torch level of `cebra`."""

import pickle
import subprocess
import sys
import textwrap

import matplotlib as mpl
import numpy as np
import pytest
import torch
from torch import nn

import cebra_ethan.compat as cebra
from cebra_ethan.errors import DataError, InvalidParameterError

NEURAL = torch.randn(300, 6, generator=torch.Generator().manual_seed(0))
PLACE = torch.rand(300, 2, generator=torch.Generator().manual_seed(1))
SIDE = torch.randint(0, 3, (300,), generator=torch.Generator().manual_seed(2))


def make(width=6):
    return cebra.models.init("offset5-model", width, 8, 3)


def solver_of(model, name="single-session", **options):
    loss = cebra.models.InfoNCE()
    return cebra.solver.init(
        name, model=model, criterion=loss, optimizer=torch.optim.Adam(model.parameters(), lr=1e-2),
        tqdm_on=False, **options,
    )  # fmt: skip


def test_a_loop_of_ones_own_learns():
    torch.manual_seed(0)
    model, loss = make(), cebra.models.InfoNCE()
    place = (torch.randn(300, 2) / 4).cumsum(0)
    data = cebra.data.TensorDataset(torch.tanh(place @ torch.randn(2, 6)), continuous=place)
    data.configure_for(model)
    loader = cebra.data.ContinuousDataLoader(data, num_steps=60, batch_size=64, time_offset=1)
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=1e-2), []
    for batch in loader:
        assert batch.reference.shape == batch.positive.shape == (64, 6, 5)
        batch.to("cpu")
        parts = (batch.reference, batch.positive, batch.negative)
        total, *_ = loss(*(model(part).squeeze(-1) for part in parts))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        losses.append(total.item())
    assert len(losses) == 60
    assert np.mean(losses[-30:]) < np.log(64) - 0.25  # chance is the logarithm of the batch
    assert (loader.time_offset, loader.conditional) == (1, "time_delta")


def test_a_loader_is_bound_to_its_dataset_until_a_model_says_otherwise():
    data = cebra.data.TensorDataset(NEURAL, continuous=PLACE)
    loader = cebra.data.ContinuousDataLoader(data, num_steps=2, batch_size=8)
    assert next(iter(loader)).reference.shape == (8, 6, 1)
    model = make()
    assert solver_of(model).fit(loader).transform(NEURAL).shape == (300, 3)
    hybrid = cebra.data.HybridDataLoader(data, num_steps=1, batch_size=8)
    assert len(next(iter(hybrid)).positive) == 2


@pytest.mark.parametrize("count", [None, 16])
def test_indices_are_drawn_and_their_windows_loaded(count):
    data = cebra.data.TensorDataset(NEURAL, continuous=PLACE, discrete=SIDE)
    data.configure_for(make())
    loader = cebra.data.MixedDataLoader(data, num_steps=2, batch_size=8)
    index = loader.get_indices(count)
    assert isinstance(index, cebra.data.BatchIndex)
    whole = 296 if count is None else count  # of 300 bins that many have a window of five
    assert [len(rows) for rows in index[:3]] == [whole] * 3
    assert (SIDE[index.reference] == SIDE[index.positive]).all()
    batch = data.load_batch(index)
    assert isinstance(batch, cebra.data.Batch)
    rows = index.positive[:, None] + torch.arange(-2, 3)
    assert (batch.positive == NEURAL[rows].transpose(1, 2)).all()
    assert not torch.equal(index.reference, loader.get_indices(count).reference) or count is None


def test_the_windows_of_a_dataset():
    data = cebra.data.TensorDataset(NEURAL, continuous=PLACE, offset=cebra.data.Offset(2, 3))
    assert data[torch.arange(4)].shape == (4, 6, 5)
    assert (data[torch.tensor([7])][0] == NEURAL[5:10].T).all()
    assert data.expand_index(torch.tensor([0, 299])).tolist() == [[*range(5)], [*range(295, 300)]]
    assert (data.continuous == PLACE).all()
    assert data.discrete is None
    data.neural = NEURAL + 1
    assert (data[torch.tensor([7])][0] == NEURAL[5:10].T + 1).all()
    with pytest.raises(DataError, match=r"\(5, 6\)|label"):
        data.neural = NEURAL[:5]
    named = cebra.data.DatasetxCEBRA(NEURAL, place=PLACE)
    assert named[torch.arange(3)].shape == (3, 6, 1)
    index = cebra.data.BatchIndex(torch.arange(3), [torch.arange(3)], torch.arange(4))
    assert named.load_batch_contrastive(index).positive[0].shape == (3, 6, 1)
    supervised = named.load_batch_supervised(index, ["place"])
    assert (supervised.positive[0] == PLACE[:3]).all()


def test_a_dataset_of_ones_own_says_what_is_drawn_by():
    class Half(cebra.data.TensorDataset):
        @property
        def continuous_index(self):
            return super().continuous_index[:, :1]

    loader = cebra.data.ContinuousDataLoader(Half(NEURAL, PLACE), batch_size=8)
    assert loader.dataset.recordings[0].labels["continuous"].values.shape == (300, 1)
    both = cebra.data.DatasetCollection(Half(NEURAL, PLACE), Half(NEURAL, PLACE))
    assert both.recordings[0].labels["continuous"].values.shape == (300, 1)
    assert both.continuous_index.shape == (600, 1)
    assert both.discrete_index is None
    assert both.input_dimension == [6, 6]


def test_encoders_in_a_list_are_trained_together():
    data = cebra.data.DatasetCollection(
        cebra.data.TensorDataset(NEURAL, PLACE), cebra.data.TensorDataset(NEURAL[:, :4], PLACE)
    )
    models = nn.ModuleList([make(6), make(4)])
    data.configure_for(models)
    loader = cebra.data.ContinuousMultiSessionDataLoader(data, num_steps=3, batch_size=8)
    assert next(iter(loader)).session(1).reference.shape[1:] == (4, 5)
    before = [weight.clone() for weight in models.parameters()]
    solver = solver_of(models, "multi-session").fit(loader)
    assert solver.transform(NEURAL[:, :4], session_id=1).shape == (300, 3)
    assert all((a != b).any() for a, b in zip(before, models.parameters(), strict=True))
    counts = [sum(p.numel() for p in solver.parameters(session_id=k)) for k in (0, 1)]
    assert sum(counts) == solver.num_parameters
    assert counts[0] > counts[1]


def test_the_members_of_a_solver(tmp_path):
    data = cebra.data.TensorDataset(NEURAL, continuous=PLACE)
    loader = cebra.data.ContinuousDataLoader(data, num_steps=6, batch_size=16)
    solver, seen = solver_of(make(), history=[], log={}), []
    hook = {"save_frequency": 2, "save_hook": lambda step, own: seen.append((step, own is solver))}
    solver.fit(loader, decode=False, **hook)
    assert seen == [(2, True), (4, True), (6, True)]
    assert len(solver.log["total"]) == 6
    assert set(solver.log) == {"pos", "neg", "total", "temperature"}
    assert isinstance(solver.criterion, nn.Module)
    assert solver.decode_history == []
    assert np.isfinite(solver.validation(loader, session_id=0))
    with pytest.raises(InvalidParameterError, match=r"cebra\.KNNDecoder"):
        solver.fit(loader, decode=True)
    other, state = solver_of(make()), solver.state_dict()
    other.load_state_dict(state, strict=True)
    assert torch.equal(other.transform(NEURAL), solver.transform(NEURAL))
    part = {key: value for key, value in state.items() if key != "history"}
    other.load_state_dict(part, strict=False)


def test_a_loss_of_ones_own():
    class Mine(cebra.models.criterions.BaseInfoNCE):
        def __init__(self):
            super().__init__()
            self.temperature = 0.5

        def _distance(self, ref, pos, neg):
            near, far = cebra.models.criterions.dot_similarity(ref, pos, neg)
            return near / self.temperature, far / self.temperature

    ref, pos, neg = (torch.randn(k, 3) for k in (5, 5, 9))
    for got, want in zip(Mine()(ref, pos, neg), cebra.models.InfoNCE(0.5)(ref, pos, neg),
                         strict=True):  # fmt: skip
        assert torch.allclose(got, want, atol=1e-6)
    near, far = cebra.models.criterions.euclidean_similarity(ref, pos, neg)
    assert torch.allclose(near, -(ref - pos).square().sum(1), atol=1e-5)
    assert torch.allclose(far, -torch.cdist(ref, neg).square(), atol=1e-4)
    model = make()
    data = cebra.data.TensorDataset(NEURAL, continuous=PLACE)
    loader = cebra.data.ContinuousDataLoader(data, num_steps=2, batch_size=16)
    optimizer = torch.optim.Adam(model.parameters())
    solver = cebra.solver.init("single-session", model, Mine(), optimizer, tqdm_on=False)
    assert np.isfinite(solver.fit(loader).log["total"]).all()


def test_parts_of_ones_own_are_known_by_a_name():
    name = "mine-of-this-test"
    try:

        @cebra.solver.register(name)
        class Own(cebra.solver.SingleSessionSolver):
            """A solver."""

        @cebra.datasets.register(name)
        class Data(cebra.data.TensorDataset):
            """A dataset."""

        assert isinstance(solver_of(make(), name), Own)
        assert isinstance(cebra.datasets.init(name, neural=NEURAL, continuous=PLACE), Data)
        for module in (cebra.solver, cebra.datasets):
            with pytest.raises(InvalidParameterError, match="must be new"):
                module.register(name)
    finally:
        from cebra_ethan.compat.adapters import datasets, solver_names

        del solver_names.SOLVERS[name], datasets.NAMES[name]


def test_an_offset_and_a_batch():
    offset = cebra.data.Offset(2, 3)
    assert len(offset) == 5
    array = np.arange(10)
    assert array[offset.left_slice].tolist() == [0, 1]
    assert array[offset.right_slice].tolist() == [7, 8, 9]
    assert offset.mask_array(array.copy(), -1).tolist() == [-1, -1, 2, 3, 4, 5, 6, -1, -1, -1]
    batch = cebra.data.Batch(NEURAL, positive=[NEURAL], negative=NEURAL)
    batch.to(torch.device("cpu"))
    assert batch.index is None
    assert len(batch.positive) == 1


def test_ridge_decoding_of_several_sessions():
    points = {k: [NEURAL + k, 2 * NEURAL] for k in range(2)}
    data = {k: cebra.data.TensorDataset(NEURAL, PLACE) for k in range(2)}
    train, _, predicted = cebra.integrations.decoders.ridge_decoding(
        points, points, data, data, n_run=1
    )
    twice = torch.cat([2 * NEURAL] * 2), torch.cat([PLACE] * 2)
    alone, _, plain = cebra.integrations.decoders.ridge_decoding(
        twice[0], twice[0], twice[1], twice[1]
    )
    assert train == pytest.approx(alone)
    np.testing.assert_allclose(predicted, plain)


@pytest.mark.usefixtures("without_type_checks")
def test_the_estimator_takes_what_cebra_takes():
    small = {"max_iterations": 2, "batch_size": 16, "device": "cpu"}
    model = cebra.CEBRA(**small, masking_kwargs={"RandomNeuronMask": 0.3},
                        optimizer_kwargs={"betas": (0.8, 0.9)})  # fmt: skip
    model.fit(NEURAL.numpy(), PLACE.numpy(), SIDE.numpy())
    assert model.label_types_ == [(np.float32, (300, 2)), (np.int64, (300,))]
    assert len(model.offset_) == 1
    assert model.transform(NEURAL, session_id=np.int64(0)).shape == (300, 8)
    both = [NEURAL.numpy()] * 2
    several = cebra.CEBRA(**small).fit(both, [PLACE.numpy()] * 2)
    assert several.label_types_ == [[(np.float32, (300, 2))] * 2]
    by_time = cebra.CEBRA(**small, conditional="time_delta", random_state=0)
    with pytest.warns(UserWarning, match="training goes by time"):
        by_time.fit(NEURAL)
    assert by_time.conditional == "time_delta"
    plain = cebra.CEBRA(**small, conditional="time", random_state=0).fit(NEURAL)
    assert np.array_equal(by_time.transform(NEURAL), plain.transform(NEURAL))


def test_names_with_a_star_colours_and_pickles():
    assert "CEBRA" in cebra.resolve("", "sklearn").cebra.__all__
    assert {"init", "InfoNCE"} <= set(cebra.models.__all__)
    assert pickle.loads(pickle.dumps(cebra.models)) is cebra.models
    assert cebra.plot_loss is not None
    assert mpl.colormaps["cebra"].N == 256


@pytest.mark.slow
def test_a_script_in_several_processes(tmp_path):
    script = tmp_path / "parallel.py"
    script.write_text(
        textwrap.dedent("""
            import importlib.util
            import numpy as np
            import cebra
            from cebra.models import *
            from joblib import Parallel, delayed

            assert importlib.util.find_spec("cebra") is not None

            def fit(seed):
                data = np.random.default_rng(seed).normal(size=(200, 5))
                model = cebra.CEBRA(max_iterations=2, batch_size=8, device="cpu")
                return model.fit_transform(data)

            if __name__ == "__main__":
                assert init("offset5-model", 5, 8, 3) is not None
                print([x.shape for x in Parallel(n_jobs=2)(delayed(fit)(s) for s in range(2))])
        """)
    )
    done = subprocess.run(
        [sys.executable, "-m", "cebra_ethan.compat", str(script)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[(200, 8), (200, 8)]"
