"""Rows 51 and 52: no file runs code, whoever reads it."""

import ast
import hashlib
import importlib
import io
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import cebra_ethan
from cebra_ethan import CEBRA
from cebra_ethan.baselines import autolfads_ray
from cebra_ethan.compat.adapters.solvers import Solver as CompatSolver
from cebra_ethan.data.readers import READERS
from cebra_ethan.datasets import DATASETS, describe, load_dataset
from cebra_ethan.datasets.area2 import AREA2_FILE
from cebra_ethan.datasets.files import SHA256
from cebra_ethan.datasets.sources import REMOTE
from cebra_ethan.errors import CheckpointError, DataIntegrityError
from cebra_ethan.solver.base import SingleSessionSolver
from tests.reliability.checkpoints import CEBRA_PT, PREFIX, Bomb, parts, torch_file

pytestmark = pytest.mark.usefixtures("without_type_checks")


def _pickled(bomb):
    return pickle.dumps(bomb, protocol=4)


def _pickled_zero(bomb):
    return pickle.dumps(bomb, protocol=0)


def _npy_bomb(bomb):
    buffer = io.BytesIO()
    np.save(buffer, np.array([[bomb]], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def _npz_bomb(bomb):
    buffer = io.BytesIO()
    np.savez(buffer, neural=np.array([[bomb]], dtype=object), cebra_ethan_recording=np.array("{}"))
    return buffer.getvalue()


def _torch_bomb(bomb):
    return torch_file({"model": bomb})


def _torch_old_bomb(bomb):
    buffer = io.BytesIO()
    torch.save({"model": bomb}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def _checkpoint_bomb(bomb):
    body = _pickled(bomb)
    return PREFIX.pack(b"CEBRAETH", len(body), hashlib.sha256(body).digest()) + body


WEAPONS = {
    "pickle": _pickled,
    "pickle 0": _pickled_zero,
    "npy": _npy_bomb,
    "npz": _npz_bomb,
    "torch": _torch_bomb,
    "torch, old": _torch_old_bomb,
    "checkpoint": _checkpoint_bomb,
}
PACKAGE = Path(cebra_ethan.__file__).parent
LOADING = ("load", "read", "from_file", "open", "restore", "import")


def _public_loaders():
    """Returns every public function and method that is named like one that reads a file."""
    found = set()
    for file in PACKAGE.rglob("*.py"):
        module = ".".join(("cebra_ethan", *file.relative_to(PACKAGE).with_suffix("").parts))
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name.startswith("_"):
                continue
            members = node.body if isinstance(node, ast.ClassDef) else [node]
            prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
            for one in members:
                # a method that takes nothing but itself is given no file
                if (
                    isinstance(one, ast.FunctionDef)
                    and one.name.startswith(LOADING)
                    and (one.args.args + one.args.kwonlyargs)[bool(prefix) :]
                ):
                    found.add(f"{module}:{prefix}{one.name}")
    return found


def _named(loader):
    module, _, name = loader.partition(":")
    target = importlib.import_module(module)
    for part in name.split("."):
        target = getattr(target, part)
    return target


def _plain_loader(path, loader):
    return _named(loader)(path)


def _solver_loader(path, loader):
    return SingleSessionSolver(*parts()).load(path)


def _compat_solver_loader(path, loader):
    return CompatSolver(*parts()).load(path)


def _member_loader(path, loader):
    """Puts the file where a member of a population looks for its state."""
    folder = path.parent / "member"
    folder.mkdir(exist_ok=True)
    (folder / autolfads_ray._FILE).write_bytes(path.read_bytes())
    member = autolfads_ray.Member()
    member.training = SimpleNamespace(load_state_dict=lambda state: None)
    return member.load_checkpoint(folder)


def _solver_state_loader(path, loader):
    return _named(loader)(SingleSessionSolver(*parts()), path)


def _put_everywhere(path):
    """Puts the file at the place of every published one, and returns the data folder."""
    root = path.parent / "data"
    for relative in (*SHA256, *REMOTE, AREA2_FILE):
        (root / relative).parent.mkdir(parents=True, exist_ok=True)
        (root / relative).unlink(missing_ok=True)
        (root / relative).hardlink_to(path)
    return root


def _from_folder(*calls):
    """Calls a loader that looks for its file in the data folder, with each of the arguments."""

    def load(path, loader):
        root = _put_everywhere(path)
        for arguments in calls[:-1]:
            with pytest.raises(DataIntegrityError, match=r"SHA-256|MD5"):
                _named(loader)(*arguments, root=root)
        return _named(loader)(*calls[-1], root=root)

    return load


def _dataset_loader(path, loader):
    root = _put_everywhere(path)
    for name in DATASETS:
        if not describe(name).details.simulated:
            with pytest.raises((ValueError, OSError), match=r"\S"):
                load_dataset(name, root)
    return load_dataset("rat-achilles", root)


def _nwb_opener(path, loader):
    with _named(loader)(path) as file:
        return file


def _published_reader(path, loader):
    root = _put_everywhere(path)
    # none of these has a checksum that could stop it before it is read
    return _named(loader)(AREA2_FILE, ("spikes",), root)


def _estimator_reader(path, loader):
    return _named(loader)(CEBRA, path, "cpu")


SPECIAL = {
    "cebra_ethan.estimator.persistence:read_estimator": _estimator_reader,
    "cebra_ethan.solver.base:SingleSessionSolver.load": _solver_loader,
    "cebra_ethan.solver.state:load_solver": _solver_state_loader,
    "cebra_ethan.compat.adapters.solvers:Solver.load": _compat_solver_loader,
    "cebra_ethan.baselines.autolfads_ray:Member.load_checkpoint": _member_loader,
    "cebra_ethan.datasets.registry:load_dataset": _dataset_loader,
    "cebra_ethan.datasets.mouse:load_mouse": _from_folder(("C6M4", "A", 1)),
    "cebra_ethan.datasets.hippocampus:load_rat": _from_folder(("achilles",), ("buddy",)),
    "cebra_ethan.datasets.hc11:load_published_rat": _from_folder(("achilles",), ("gatsby",)),
    "cebra_ethan.datasets.synthetic:load_synthetic": _from_folder(("poisson",), ("t",)),
    "cebra_ethan.datasets.macaque:load_reaching_monkey": _from_folder(("k",), ("s", "joint")),
    "cebra_ethan.datasets.macaque:load_m1": _from_folder(("tr",), ("te",)),
    "cebra_ethan.datasets.area2:load_area2_published": _from_folder(("all",), ("active", "test")),
    "cebra_ethan.datasets.files:read_published": _published_reader,
    "cebra_ethan.datasets.nwb:open_nwb": _nwb_opener,
}
TAKE_NO_FILE = {
    # a mapping in memory that one of the loaders above has read
    "cebra_ethan.solver.base:SingleSessionSolver.load_state_dict",
    "cebra_ethan.baselines.lfads_training:LFADSTraining.load_state_dict",
    "cebra_ethan.solver.callbacks:EarlyStopping.load_state_dict",
    "cebra_ethan.solver.history:History.load_state_dict",
    "cebra_ethan.solver.state:restore_solver",
    "cebra_ethan.compat.adapters.solvers:Solver.load_state_dict",
    # windows of rows in memory
    "cebra_ethan.compat.adapters.batches:Windows.load_batch",
    "cebra_ethan.compat.adapters.objectives:DatasetxCEBRA.load_batch_contrastive",
    "cebra_ethan.compat.adapters.objectives:DatasetxCEBRA.load_batch_supervised",
}
EMBEDDED = {
    "cebra_ethan.cli",  # its readers go through READERS, see `tests/test_cli.py`
    "cebra_ethan.data.readers.common",
}
LOADERS = sorted(
    loader for loader in _public_loaders() - TAKE_NO_FILE if not loader.startswith(tuple(EMBEDDED))
)


def test_row51_the_list_of_loaders_is_made_from_the_package():
    names = {loader.partition(":")[2] for loader in LOADERS}
    readers = {reader.__name__ for reader in READERS.values()}
    assert names >= {*readers, "CEBRA.load", "SingleSessionSolver.load", "load_state"}
    assert names >= {"load_dataset", "read", "read_recording", "read_estimator"}
    assert _public_loaders() >= TAKE_NO_FILE


def test_row51_the_bomb_is_one(tmp_path):
    pickle.loads(_pickled(Bomb(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("weapon", WEAPONS)
@pytest.mark.parametrize("loader", LOADERS)
def test_row51_no_loader_runs_code(loader, weapon, tmp_path):
    marker = tmp_path / "marker"
    content = WEAPONS[weapon](Bomb(marker))
    for suffix in sorted({".ckpt", ".pt", ".pkl", *READERS}):
        path = tmp_path / f"file{suffix}"
        path.write_bytes(content)
        call = SPECIAL.get(loader, _plain_loader)
        with pytest.raises((ValueError, OSError), match=r"\S"):
            call(path, loader)
        assert not marker.exists()


def test_row51_pickles_are_named(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(_pickled(Bomb(tmp_path / "marker")))
    with pytest.raises(ValueError, match="pickle is not allowed"):
        cebra_ethan.data.readers.read(path)
    with pytest.raises(CheckpointError, match=r"a\.pkl looks like a pickle"):
        CEBRA.load(path)


def test_row51_nothing_in_the_package_can_unpickle():
    """No call of the package names a function that runs code from a file."""
    banned = {"pickle", "dill", "cloudpickle", "shelve", "marshal"}
    calls = {("torch", "load"), ("joblib", "load"), ("yaml", "load"), ("yaml", "unsafe_load")}
    seen = 0
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                assert not banned & {name.name.split(".")[0] for name in node.names}, file
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in banned, file
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = getattr(node.func.value, "id", "")
                assert (owner, node.func.attr) not in calls, file
                for keyword in node.keywords:
                    if keyword.arg == "allow_pickle":
                        assert keyword.value.value is False, file
                        seen += 1
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec"), file
    assert seen


@pytest.mark.parametrize("is_malicious", [False, True])
def test_row52_a_checkpoint_of_cebra_is_named_and_refused(is_malicious, tmp_path):
    path = tmp_path / "cebra.pt"
    args = Bomb(tmp_path / "marker") if is_malicious else CEBRA_PT["args"]
    path.write_bytes(torch_file({**CEBRA_PT, "args": args}))
    with pytest.raises(CheckpointError, match=rf"{path} looks like .*cebra checkpoint \(\.pt\)"):
        CEBRA.load(path)
    assert not (tmp_path / "marker").exists()
