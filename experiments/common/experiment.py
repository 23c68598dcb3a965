"""An experiment: its settings, its parts, and how parts become results."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cebra_ethan.report.record import SCHEMA, Figure, Number, numbers_table
from cebra_ethan.types import Recording
from cebra_ethan.utils.optional import require_installed
from config import ExperimentConfig
from experiments.common.controls import missing_controls
from experiments.common.parts import Finished, Outcome, Part, run_parts, silent
from experiments.common.rows import flat_values
from experiments.common.text import text_report
from experiments.common.verdicts import compare
from utils import open_run_folder, provenance, write_json

__all__ = ["Experiment", "PartsFailed", "Summary"]

Done = Mapping[str, Finished]


class PartsFailed(RuntimeError):
    """Some parts ended with an error; the others are finished and stay."""

    def __init__(self, outcome: Outcome, folder: Path) -> None:
        self.failed = outcome.failed
        some = "; ".join(f"{name} ({error})" for name, error in [*self.failed.items()][:3])
        more = f"; and {len(self.failed) - 3} more" if len(self.failed) > 3 else ""
        super().__init__(
            f"{len(self.failed)} of {len(self.failed) + len(outcome.done)} parts failed: {some}"
            f"{more}. Tracebacks: {folder}/parts/*.error.txt. The same command with --out "
            f"{folder} runs them again."
        )


@dataclass(frozen=True)
class Summary:
    """What an experiment makes of its finished parts.

    Args:
        rows: From `rows_of` or `make_row`.
        statistics: From `experiments.common.statistics`, in the order of the report.
        figures: Pictures in the run folder, in the order of the report.
        embeddings: From `save_embedding`.
        notes: Sentences on the protocol: split, training, decoder, deviations from the paper.
        extra: Further entries of `results.json`.
    """

    rows: Sequence[Mapping[str, Any]]
    statistics: Sequence[Mapping[str, Any]] = ()
    figures: Sequence[Figure] = ()
    embeddings: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One experiment; `command.main` makes a program of it.

    Args:
        name: Its folder and its key in `config.EXPERIMENTS`.
        title: For people: `"Rats on a linear track"`.
        question: What it asks, one sentence.
        config: Its configuration.
        parts: `(config, folder)` to the parts to run.
        summarise: `(config, done, folder)` to the summary; it draws the figures, too. `done` holds
            every part by its name. Switches of the command follow as keyword arguments.
        numbers: The columns of the result table.
        expected: The `expected.toml`.
        simulated: What is simulated when the source is: which recording, calibrated on what.
        core_minutes: What each preset takes on one core with simulated data, measured; the
            command says it before it starts, scaled by the number of parts.
        recordings: `config` to the recordings, whose checksums go to `provenance.json`; they must
            be on disk or simulated, or the experiment does not start.
        needs: `config` to the optional libraries that its parts import, each with the extra that
            installs it; the experiment does not start without them.
        waived: Controls that say nothing here, each with the reason.
        switches: Further flags of the command, each with its help.
        quiet: Regular expressions of warnings that are expected.
        text: `(results, folder)` to what is printed at the end.
    """

    name: str
    title: str
    question: str
    config: type[ExperimentConfig]
    parts: Callable[[Any, Path], Sequence[Part]]
    summarise: Callable[..., Summary]
    numbers: Mapping[str, Number]
    expected: Path
    simulated: str
    core_minutes: Mapping[str, float]
    recordings: Callable[[Any], Sequence[Recording]] = lambda config: ()
    needs: Callable[[Any], Mapping[str, str]] = lambda config: {}
    waived: Mapping[str, str] = field(default_factory=dict)
    switches: Mapping[str, str] = field(default_factory=dict)
    quiet: Sequence[str] = ()
    text: Callable[[Mapping[str, Any], Path], str] = text_report

    def run(
        self,
        config: Any,
        out: str | os.PathLike[str],
        *,
        jobs: int = 1,
        progress: Callable[..., Any] = silent,
        **switches: bool,
    ) -> dict[str, float]:
        """Runs the experiment, or what is left of it.

        Args:
            config: What to do.
            out: Run folder. A part that is finished there is not run again.
            jobs: Parts that run at once, each in its own process.
            progress: Wraps the parts as they end, `tqdm` for example.
            switches: Passed on to `summarise`.

        Returns:
            `"group.method.number"` to the mean over seeds; everything else stands in
            `results.json`.

        Raises:
            MissingDependencyError: If a library is not installed that a part needs.
            PartsFailed: If a part ended with an error, when the others are done.
        """
        for module, extra in self.needs(config).items():
            require_installed(module, extra)
        start, folder = time.perf_counter(), open_run_folder(self.name, config, out)
        record = provenance(self.recordings(config), list(range(config.num_seeds)))
        write_json(folder / "provenance.json", record)
        outcome = run_parts(
            self.parts(config, folder), folder, jobs,
            progress=progress, name=self.name, quiet=self.quiet,
        )  # fmt: skip
        results = self._frame(config, outcome) | {"jobs": jobs}
        if outcome.failed:
            seconds = {"seconds": time.perf_counter() - start}
            write_json(folder / "results.json", results | {"failed": outcome.failed} | seconds)
            raise PartsFailed(outcome, folder)
        summary = self.summarise(config, outcome.done, folder, **switches)
        results |= {
            "notes": list(summary.notes),
            "rows": list(summary.rows),
            "missing_controls": missing_controls(summary.rows, self.waived),
            "comparison": compare(summary.rows, asdict(config), self.expected),
            "statistics": list(summary.statistics),
            "figures": [figure.entry(folder) for figure in summary.figures],
            "embeddings": list(summary.embeddings),
            **summary.extra,
            "seconds": time.perf_counter() - start,
        }
        write_json(folder / "results.json", results)
        return flat_values(summary.rows)

    def _frame(self, config: Any, outcome: Outcome) -> dict[str, Any]:
        """Returns what stands in `results.json` whether or not every part came through."""
        return {
            "schema": SCHEMA,
            "experiment": self.name,
            "title": self.title,
            "question": self.question,
            "status": "failed" if outcome.failed else "complete",
            "source": config.source,
            "simulated": self.simulated if config.source == "simulated" else None,
            "preset": config.preset,
            "configuration": asdict(config),
            "numbers": numbers_table(self.numbers),
            "waived_controls": dict(self.waived),
            "rows": [],
            "num_parts": len(outcome.done) + len(outcome.failed),
            "seconds_of_parts": sum(part.seconds for part in outcome.done.values()),
        }
