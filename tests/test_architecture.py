"""The laws of the house: what may import what, how large an idea may grow, what is never called.

The layers themselves stand in pyproject.toml, [tool.importlinter].
"""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = sorted((ROOT / "cebra_ethan").rglob("*.py"))
EXPERIMENTS = sorted((ROOT / "experiments").rglob("*.py"))
SCRIPTS = {
    name: ROOT / f"{name}.py"
    for name in ("config", "data_loader", "utils", "run_all_experiments")
    if (ROOT / f"{name}.py").exists()
}
SETTINGS = sorted((ROOT / "settings").glob("*.py"))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SOURCES = [*PACKAGE, *EXPERIMENTS, *SCRIPTS.values(), *SETTINGS, *EXAMPLES]

# The one place that may ever read foreign pickles, by an allow-list.
RESTRICTED = ROOT / "cebra_ethan" / "utils" / "restricted.py"

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

# What `import cebra_ethan` may load beyond the standard library, torch, scikit-learn and whatever
# these two load: small libraries that signatures, checkpoints and progress bars need.
IMPORT_MARGIN = {"cebra_ethan", "jaxtyping", "safetensors", "tqdm", "typing_extensions"}

PUBLIC_NAMES = {
    "cebra_ethan": ["CEBRA"],
    "cebra_ethan.data.dataset": ["NeuralDataset", "ContrastiveDataset", "BehavioralDataset"],
    "cebra_ethan.data.loader": [
        "ContrastiveLoader",
        "AugmentedContrastiveLoader",
        "MultiObjectiveLoader",
    ],
    "cebra_ethan.models.model": [
        "Offset1Model",
        "Offset5Model",
        "Offset10Model",
        "AttentionOffsetModel",
    ],
    "cebra_ethan.models.criterions": [
        "LearnableCosineInfoNCE",
        "LearnableEuclideanInfoNCE",
        "FocalInfoNCE",
    ],
    "cebra_ethan.solver.base": ["SingleSessionSolver", "EarlyStoppingSolver"],
}

# Names that run what a file says. Mentioning one is enough to be found.
NEVER = {
    "builtins.eval",
    "builtins.exec",
    "os.system",
    "os.popen",
    "yaml.load",
    "yaml.full_load",
    "yaml.unsafe_load",
    "joblib.load",
    "shelve.open",
    "pandas.read_pickle",
    "marshal.load",
    "marshal.loads",
    *(
        f"{module}.{name}"
        for module in ("pickle", "_pickle", "cloudpickle", "dill")
        for name in ("load", "loads", "Unpickler")
    ),
}


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported_modules(tree: ast.Module) -> Iterator[str]:
    """Yields the absolute modules that a file imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def real_names(tree: ast.Module) -> dict[str, str]:
    """Returns what the names of a file stand for: `np` for numpy, `load` for pickle.load."""
    names = {"eval": "builtins.eval", "exec": "builtins.exec"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def dotted(node: ast.AST, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute):
        before = dotted(node.value, names)
        return f"{before}.{node.attr}" if before else ""
    return ""


def is_constant(node: ast.AST | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def dangers(tree: ast.Module) -> list[str]:
    """Returns what in a file could run code that a file or a user brings along."""
    names, safe_loads, found = real_names(tree), set(), []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        options = {option.arg: option.value for option in node.keywords}
        if "shell" in options and not is_constant(options["shell"], False):
            found.append(f"line {node.lineno}: shell")
        if "allow_pickle" in options and not is_constant(options["allow_pickle"], False):
            found.append(f"line {node.lineno}: allow_pickle")
        if isinstance(node.func, ast.Attribute) and node.func.attr == "extractall":
            found.append(f"line {node.lineno}: extractall")
        if is_constant(options.get("weights_only"), True):
            safe_loads.add(id(node.func))
    for node in ast.walk(tree):
        name = dotted(node, names)
        if name in NEVER or (name == "torch.load" and id(node) not in safe_loads):
            found.append(f"line {node.lineno}: {name}")
    return found


def test_imports_point_down():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports as f; exit(f())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", PACKAGE, ids=identify)
def test_package_does_not_know_the_bench(path):
    bench = {"config", "data_loader", "utils", "run_all_experiments", "experiments", "settings"}
    assert not {name.partition(".")[0] for name in imported_modules(parse(path))} & bench


@pytest.mark.parametrize("path", EXPERIMENTS, ids=identify)
def test_experiments_are_independent(path):
    own, *_ = path.relative_to(ROOT / "experiments").parts
    tree = parse(path)
    others = {
        name.split(".")[1]
        for name in imported_modules(tree)
        if name.startswith("experiments.") and name.split(".")[1] not in (own, "common")
    }
    assert not others
    # a relative import stays inside its experiment
    depth = len(path.relative_to(ROOT / "experiments").parts) - 1
    assert all(node.level <= depth for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    assert "run_all_experiments" not in set(imported_modules(tree))


@pytest.mark.parametrize("name", SCRIPTS)
def test_root_scripts_do_not_know_each_other(name):
    above = {"experiments", "run_all_experiments", *SCRIPTS} - {name}
    allowed = above if name == "run_all_experiments" else set()
    used = {module.partition(".")[0] for module in imported_modules(parse(SCRIPTS[name]))}
    assert not used & above - allowed


@pytest.mark.parametrize("module", PUBLIC_NAMES)
def test_public_names_exist(module):
    there = importlib.import_module(module)
    assert [name for name in PUBLIC_NAMES[module] if not hasattr(there, name)] == []


def test_importing_the_package_loads_little():
    script = """
import sys, torch, sklearn.base, sklearn.utils.validation, sklearn.utils._param_validation
before = set(sys.modules)  # scikit-learn loads pandas where it is installed
import cebra_ethan
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"matplotlib", "pandas", "numba"}
    third_party = loaded - set(sys.stdlib_module_names)
    known = {"torch", "sklearn", "scipy", "numpy", "joblib", "threadpoolctl"}
    assert {name for name in third_party if not name.startswith("_")} <= IMPORT_MARGIN | known


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_no_star_imports(path):
    froms = [node for node in ast.walk(parse(path)) if isinstance(node, ast.ImportFrom)]
    assert [node.lineno for node in froms for alias in node.names if alias.name == "*"] == []


@pytest.mark.parametrize("path", [path for path in SOURCES if path != RESTRICTED], ids=identify)
def test_no_dangerous_calls(path):
    assert dangers(parse(path)) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle; pickle.load(f)",
        "import pickle as p; READERS = {'.pkl': p.load}",
        "from pickle import load as read; read(f)",
        "from joblib import load; load(p)",
        "import joblib; joblib.load(p)",
        "import torch; torch.load(p)",
        "import torch; torch.load(p, weights_only=False)",
        "import torch; torch.load(p, weights_only=flag)",
        "import torch; read = torch.load",
        "import numpy as np; np.load(p, allow_pickle=True)",
        "import numpy as np; np.load(p, allow_pickle=flag)",
        "import yaml; yaml.load(f)",
        "eval(text)",
        "exec(text)",
        "archive.extractall()",
        "import subprocess; subprocess.run(c, shell=True)",
        "import os; os.system(c)",
    ],
)
def test_dangerous_calls_are_found(line):
    assert dangers(ast.parse(line))


@pytest.mark.parametrize(
    "line",
    [
        "import torch; torch.load(p, weights_only=True)",
        "import numpy as np; np.load(p, allow_pickle=False)",
        "import yaml; yaml.safe_load(f)",
        "import json; json.load(f)",
        "model.eval()",
        "import subprocess; subprocess.run(c)",
    ],
)
def test_harmless_calls_are_not_found(line):
    assert dangers(ast.parse(line)) == []


@pytest.mark.parametrize("path", PACKAGE, ids=identify)
def test_a_file_holds_one_idea(path):
    num_lines = len(path.read_text(encoding="utf-8").splitlines())
    assert num_lines <= MAX_FILE_LINES


@pytest.mark.parametrize("path", PACKAGE, ids=identify)
def test_a_function_fits_on_a_screen(path):
    """The body counts, without signature and docstring."""
    long = {}
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if body and node.end_lineno - body[0].lineno + 1 > MAX_FUNCTION_LINES:
                long[node.name] = node.end_lineno - body[0].lineno + 1
    assert long == {}
