"""Every public name of `cebra` 0.6.1 is here, or it is said why not."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import cebra_ethan.compat as compat
from cebra_ethan.compat import NOT_HERE, TABLE, NameNotHereError
from cebra_ethan.compat.modules import resolve

NAMES = [
    (module.removeprefix("cebra."), name)
    for module, name in (
        line.split()
        for line in Path(__file__).with_name("cebra_names.txt").read_text().splitlines()
    )
]
"""Module and name of each public class and function."""

METHODS = (
    "fit fit_transform load num_sessions partial_fit save state_dict_ "
    "supported_model_architectures to transform get_params set_params"
).split()


def test_each_name_is_in_one_of_two_tables(capsys):
    here = [(place, name) for place, name in NAMES if name in TABLE[place]]
    reasoned = [(place, name) for place, name in NAMES if f"{place}.{name}" in NOT_HERE]
    assert len(NAMES) == 226
    assert sorted(here + reasoned) == sorted(NAMES)  # each in one, and in one only
    with capsys.disabled():
        print(
            f"\ncebra 0.6.1: {len(here)} of {len(NAMES)} names here, {len(reasoned)} with reason"
        )


@pytest.mark.parametrize("place", TABLE)
def test_homes_exist(place):
    for name in TABLE[place]:
        assert callable(resolve(place, name)), name


@pytest.mark.parametrize("name", NOT_HERE)
def test_names_that_are_not_here_say_what_to_do(name):
    place, _, last = name.rpartition(".")
    assert last not in TABLE[place]
    with pytest.raises(NameNotHereError, match=r"is not in cebra_ethan\.compat: \S+ ") as error:
        resolve(place, last)
    assert name in str(error.value)


@pytest.mark.parametrize("reason", sorted(set(NOT_HERE.values())))
def test_modules_that_reasons_name_exist(reason):
    for word in reason.replace("(", " ").replace(";", " ").split():
        if word.startswith("cebra_ethan."):
            parts = word.rstrip(".,").split(".")
            for count in range(len(parts), 1, -1):
                try:
                    found = importlib.import_module(".".join(parts[:count]))
                except ModuleNotFoundError:
                    continue
                for part in parts[count:]:
                    assert hasattr(found, part), word
                    found = getattr(found, part)
                break
            else:
                pytest.fail(f"{word} does not exist")


def test_estimator_has_the_methods():
    assert [name for name in METHODS if not hasattr(compat.CEBRA, name)] == []


def test_unknown_names_are_plain_errors():
    with pytest.raises(AttributeError, match=r"module 'cebra.models' has no attribute 'nonsense'"):
        _ = compat.models.nonsense
    assert not hasattr(compat, "nonsense")


def test_modules_can_be_imported_and_listed():
    module = importlib.import_module("cebra_ethan.compat.data.single_session")
    assert module.DiscreteDataLoader is compat.data.DiscreteDataLoader
    assert {"CEBRA", "data", "sklearn", "install"} <= set(dir(compat))
    assert {"criterions", "InfoNCE"} <= set(dir(compat.models))


def test_importing_compat_loads_no_adapter_and_no_plots():
    script = """
import sys, cebra_ethan
before = set(sys.modules)
import cebra_ethan.compat
print(*(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    lazy = {f"cebra_ethan.compat.{place}" for place in TABLE}
    ours = {f"cebra_ethan.compat{end}" for end in ("", ".modules", ".names")}
    third_party = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert third_party == {"cebra_ethan"}
    assert {name for name in loaded if name.startswith("cebra_ethan")} <= lazy | ours


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("", "RidgeRegressor"),
        ("distributions", "DeltaVMFDistribution"),
        ("solver", "SingleSessionAuxVariableSolver"),
        ("solver", "SupervisedNNSolver"),
        ("solver.multiobjective", "MultiobjectiveSolverBase"),
    ],
)
def test_fault18_what_cannot_work_in_cebra_says_so(place, name):
    with pytest.raises(NameNotHereError, match="fault 18"):
        resolve(place, name)


@pytest.mark.parametrize("name", ["single-session-aux", "multi-session-aux"])
def test_fault18_solvers_that_cannot_be_built_say_so(name):
    assert name not in compat.solver.get_options()
    with pytest.raises(ValueError, match=r"cannot be built in cebra 0\.6\.1"):
        compat.solver.init(name)


def test_fault17_the_command_line_is_named():
    with pytest.raises(NameNotHereError, match="the command line is `cebra-ethan`"):
        _ = compat.config.Config


def test_fault21_allow_lazy_imports_says_that_it_is_not_needed():
    with pytest.raises(NameNotHereError, match="fault 21"):
        _ = compat.allow_lazy_imports


def test_fault21_set_datapath_has_an_effect(tmp_path, monkeypatch):
    monkeypatch.setenv("CEBRA_ETHAN_DATA", "/")
    compat.datasets.set_datapath(str(tmp_path))
    assert compat.datasets.get_datapath() == str(tmp_path)
    assert compat.datasets.get_datapath("rats") == str(tmp_path / "rats")
    with pytest.raises(FileNotFoundError, match="must exist"):
        compat.datasets.set_datapath(str(tmp_path / "missing"))
    with pytest.raises(ValueError, match="kept in the environment"):
        compat.datasets.set_datapath(str(tmp_path), update_environ=False)
