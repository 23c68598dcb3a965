"""What the experiments share: parts, rows with controls, verdicts, results and the command.

An experiment is a folder beside this one that makes an `Experiment`; it imports from here, from
the root scripts and from the package, and never from another experiment.
"""

from experiments.common.controls import CONTROLS
from experiments.common.experiment import Experiment, PartsFailed, Summary
from experiments.common.parts import Finished, Part, run_parts, silent
from experiments.common.results import Figure, save_embedding
from experiments.common.rows import Number, RowInfo, rows_of

__all__ = [
    "CONTROLS",
    "Experiment",
    "Figure",
    "Finished",
    "Number",
    "Part",
    "PartsFailed",
    "RowInfo",
    "Summary",
    "rows_of",
    "run_parts",
    "save_embedding",
    "silent",
]
