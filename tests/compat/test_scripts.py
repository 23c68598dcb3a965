"""Scripts that were written for `cebra`, unchanged, in a process of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "scripts_for_cebra"
MAX_LINES = 60

# What holds whatever the seed: `cebra` has none, so neither have its scripts. The losses are
# those of 256 negatives, chance log 256 = 5.55; two sessions see 512, a hybrid has two losses.
CHECKS = {
    "single": lambda n: n["loss"] < 5.2 and n["r2"] > 0.9 and n["bits"] > 0.6,
    "discrete": lambda n: n["loss"] < 5.2 and n["accuracy"] > 0.85,
    "mixed": lambda n: n["loss"] < 5.2 and n["r2"] > 0.9,
    "hybrid": lambda n: n["loss"] < 10.5 and n["r2"] > 0.9,
    "multi_session": lambda n: (
        n["loss"] < 5.9
        and n["r2_across"] > 0.9
        and n["consistency"] > 0.9
        and n["names"] == ["one", "two"]
    ),
    "adapt": lambda n: (
        n["loss"] < 5.2 and n["r2"] > 0.85 and n["steps"] == [0, 50, 100] and n["n_features"] == 15
    ),
    "save_load": lambda n: (
        n["difference"] == 0
        and n["loss"] < 4.7
        and 0.1 <= n["temperature"] < 1
        and n["output_dimension"] == 3
    ),
    "decode": lambda n: n["knn"] > 0.9 and n["lasso"] > 0.8 and n["panels"] == 3,
    "consistency": lambda n: (
        n["runs"] > 0.95 and n["num_scores"] == 6 and n["bits"] > 0.6 and n["ensemble"] == [900, 3]
    ),
    "grid_search": lambda n: (
        n["models"] == ["max_iterations_1", "max_iterations_100"]
        and n["best"] == 100
        and n["name"] == "max_iterations_100_rat"
        and n["rows"] == 2
        and n["losses"][0] < n["losses"][1] - 0.3
        and len(n["loaded"]) == 2
    ),
    "objectives": lambda n: (
        max(n["losses"]) < 3.8 and min(n["r2"]) > 0.8 and n["difference"] < 1e-4 and n["auc"] > 0.8
    ),
    "torch_loop": lambda n: (
        n["loss"] < 4.5
        and n["auc"] > 0.9
        and n["r2"] > 0.9
        and n["shapes"] == [[8, 24, 1], [1500, 3, 24], [1500, 24, 3]]
        and n["steps"] == 200
    ),
}
"""Script to what its numbers must be."""


def test_there_is_a_check_for_each_script():
    names = {path.stem for path in FOLDER.glob("*.py")} - {"conftest"}
    assert names == set(CHECKS)
    assert len(names) == 12


@pytest.mark.parametrize("name", CHECKS)
def test_scripts_are_short_and_know_nothing_of_us(name):
    text = (FOLDER / f"{name}.py").read_text()
    assert len(text.splitlines()) < MAX_LINES
    assert "cebra_ethan" not in text


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_a_script_runs_and_its_numbers_are_good(name, tmp_path):
    if name == "grid_search":
        pytest.importorskip("pandas", reason="get_df_results makes a table of pandas")
    done = subprocess.run(
        [sys.executable, "-m", "cebra_ethan.compat", str(FOLDER / f"{name}.py")],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "Agg", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout.splitlines()[-1])
    assert CHECKS[name](numbers), numbers
