"""Numbers need no plotting library and no tables."""

import subprocess
import sys
from pathlib import Path


def test_metrics_load_neither_matplotlib_nor_pandas():
    """What scikit-learn loads by itself does not count: pandas, since its version 1.9."""
    script = """
import sys, pkgutil, importlib
import torch, sklearn.neighbors, sklearn.svm, sklearn.model_selection, sklearn.compose
import cebra_ethan
before = set(sys.modules)
import cebra_ethan.metrics
for module in pkgutil.iter_modules(cebra_ethan.metrics.__path__):
    importlib.import_module("cebra_ethan.metrics." + module.name)
print(sorted({n.partition(".")[0] for n in set(sys.modules) - before} & {"matplotlib", "pandas"}))
print("matplotlib" in sys.modules)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["[]", "False"]
