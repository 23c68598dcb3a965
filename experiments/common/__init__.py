"""What the experiments share: parts, rows with controls, verdicts, results and the command.

An experiment is a folder beside this one that makes an `Experiment`; it imports from here, from
the root scripts and from the package, and never from another experiment.
"""

from cebra_ethan.report.record import Figure, Number, RowInfo, make_row, save_embedding
from experiments.common.controls import CONTROLS
from experiments.common.experiment import Experiment, PartsFailed, Summary
from experiments.common.parts import Finished, Part, run_parts, silent
from experiments.common.rows import rows_of

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
    "make_row",
    "rows_of",
    "run_parts",
    "save_embedding",
    "silent",
]
