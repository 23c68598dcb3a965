"""Each program of `examples/` runs as it stands and finds what it promises.

The first one is the quick start of the READMEs, which `test_quickstart.py` runs.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

# The line of the main number, that of chance, and which share of chance the number stays below.
ERRORS = {
    "02_behaviour_and_decoding.py": ("with the embedding", "chance, the median position", 0.4),
    "03_your_own_nwb_file.py": ("with the embedding", "chance, a constant angle", 0.3),
    "05_umap_and_shuffles.py": ("CEBRA, learns from position", "chance: the median position", 0.4),
    "06_your_own_model_and_loss.py": ("wide-model, DebiasedInfoNCE", "chance", 0.4),
}


def run(name: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=850,
    )
    assert done.returncode == 0, done.stderr
    assert "imulated" in done.stdout  # so that nobody takes it for a recording
    assert list(folder.iterdir()) == []
    return done.stdout


def number(printed: str, line: str) -> float:
    """Returns the first number of the first line that begins so."""
    found = re.search(rf"^ *{re.escape(line)} +([\d.]+)", printed, flags=re.MULTILINE)
    assert found, printed
    return float(found[1])


def test_there_are_six():
    assert [path.name[:3] for path in EXAMPLES] == [f"{place:02d}_" for place in range(1, 7)]


@pytest.mark.slow
@pytest.mark.timeout(900)  # UMAP compiles itself for half a minute, and longer on a busy machine
@pytest.mark.parametrize("name", ERRORS)
def test_error_is_far_below_chance(name, tmp_path):
    if name.startswith("05"):
        pytest.importorskip("umap", reason="umap-learn comes with the extra baselines")
    if name.startswith("03"):
        pytest.importorskip("pynwb", reason="pynwb comes with the extra data")
    printed, (line, chance, share) = run(name, tmp_path), ERRORS[name]
    assert number(printed, line) < share * number(printed, chance)


@pytest.mark.slow
def test_several_animals_share_a_space(tmp_path):
    printed = run("04_several_animals.py", tmp_path)
    assert number(printed, "trained together") > number(printed, "untrained encoder") + 0.3
    error, chance = map(float, re.findall(r"([\d.]+) cm", printed))
    assert error < chance / 2
    assert float(re.search(r"([\d.]+) bits", printed)[1]) > 0.2
