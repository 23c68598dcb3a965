"""The programs of the READMEs and of the how-to pages run as they stand."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def programs(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


QUICK_START, ESTIMATOR = programs("README.md")
(FILES,) = programs("docs/how-to/read-save-draw.md")
(ANIMALS,) = programs("docs/how-to/several-animals.md")


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(program: str, folder: Path, seconds: float = 280) -> str:
    (folder / "program.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=folder,
        # one thread: two of them wait for each other on a machine that has other work
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_quick_start_ends_within_a_minute_and_leaves_checkpoints(tmp_path):
    # Counted in processor time of one thread: that the machine is busy is not our fault.
    start = processor_seconds()
    run(QUICK_START, tmp_path)
    assert processor_seconds() - start < 60
    left = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert {"last.ckpt", "best.ckpt", "history.csv"} <= left


@pytest.mark.slow
def test_estimator_program_is_better_than_chance(tmp_path):
    printed = run(ESTIMATOR, tmp_path)
    with_embedding, without, chance = map(float, re.findall(r"([\d.]+) cm", printed))
    assert with_embedding < chance / 2
    assert without < chance / 2


@pytest.mark.slow
def test_program_with_files_draws_what_it_saved_and_loaded(tmp_path):
    check = "assert (embedding == cebra.transform(session.neural)).all()"
    run(f"{FILES}\n{check}", tmp_path)
    for name in ("session.ckpt", "embedding.png", "loss.pdf"):
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.slow
def test_program_with_several_animals_finds_one_space(tmp_path):
    printed = run(ANIMALS, tmp_path)
    assert float(re.search(r"R2 ([\d.]+)", printed)[1]) > 0.8
    assert float(re.search(r"([\d.]+) bits", printed)[1]) > 0.4
    assert "dimension 0" in printed


def test_quick_start_is_the_first_example():
    assert EXAMPLES[0].name == "01_quickstart.py"
    assert EXAMPLES[0].read_text(encoding="utf-8").endswith('"""\n\n' + QUICK_START)


def test_both_readmes_hold_the_same_programs():
    assert programs("README.zh-CN.md") == programs("README.md")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_is_short_and_plain(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    assert "argparse" not in text
