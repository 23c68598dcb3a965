"""Builds the page: template, style, script, pictures and plotly's code in one file."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from ..utils.files import atomic_write
from ..utils.optional import require
from .folders import Run, data_uri, inside, read_run
from .numbers import duration_text
from .tables import (
    Table,
    comparison_table,
    configuration_table,
    experiment_table,
    row_tables,
    statistics_table,
    verdict_kind,
)
from .viewer import embedding_payload

__all__ = ["build_report"]


def build_report(
    folders: Iterable[str | os.PathLike[str]],
    path: str | os.PathLike[str],
    *,
    title: str = "CEBRA-Ethan: results",
    failures: Mapping[str, str] | None = None,
) -> Path:
    """Writes run folders as one HTML page that loads nothing from anywhere.

    The page shows a summary (obtained with spread, published, verdict) and for each run the
    question, tables, figures, embeddings to turn, statistics, settings and time. It says of every
    run whether its data are simulated. With plotly's code it has about 5 MB and more.

    Args:
        folders: Run folders with a `results.json`, in the order of the page.
        path: The page; what is there is replaced.
        title: Of the page.
        failures: Runs that left nothing to show, by name, with the reason.

    Returns:
        The path.

    Raises:
        DataError: If a folder holds no results that can be shown.
        DataIntegrityError: If a file that results name is missing, damaged or outside the folder.
        MissingDependencyError: If jinja2 or plotly is not installed.
    """
    runs = [read_run(folder) for folder in folders]
    jinja2 = require("jinja2", "report")
    plotly: Any = require("plotly.offline", "report")
    files = resources.files(__package__)
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(files.joinpath("page.html").read_text(encoding="utf-8"))
    sections = [_section(place, run) for place, run in enumerate(runs)]
    has_viewer = any(section["embeddings"] for section in sections)
    page = template.render(
        title=title,
        made=time.strftime("%Y-%m-%d %H:%M"),
        style=files.joinpath("page.css").read_text(encoding="utf-8"),
        script=files.joinpath("page.js").read_text(encoding="utf-8"),
        plotly=plotly.get_plotlyjs() if has_viewer else "",
        experiments=experiment_table(runs, failures or {}),
        summary=comparison_table(runs, "Obtained beside published numbers"),
        comparable=any(section["comparable"] for section in sections),
        all_simulated=bool(runs) and all(run.results["source"] == "simulated" for run in runs),
        any_simulated=any(run.results["source"] == "simulated" for run in runs),
        failures=failures or {},
        sections=sections,
    )
    target = Path(path)
    with atomic_write(target) as file:
        file.write(page.encode())
    return target


def _section(place: int, run: Run) -> dict[str, Any]:
    """Returns what the template shows of one run."""
    results = run.results
    payload = [embedding_payload(run, entry) for entry in results["embeddings"]]
    figures = [
        {"caption": "", **figure, "uri": data_uri(inside(run.folder, figure["path"]))}
        for figure in results["figures"]
    ]
    return {
        "id": f"run-{place}",
        "results": results,
        "is_simulated": results["source"] == "simulated",
        "tables": list(row_tables(run)),
        "comparable": any(
            verdict_kind(entry["verdict"]) != "not comparable" for entry in results["comparison"]
        ),
        "comparison": comparison_table([run], "Beside published numbers", with_source=True),
        "statistics": [
            {"title": entry["title"], "text": entry["text"]}
            if "text" in entry
            else {"table": statistics_table(entry)}
            for entry in results["statistics"]
        ],
        "figures": figures,
        "embeddings": [entry["title"] for entry in payload],
        "payload": _json(payload),
        "configuration": configuration_table(results["configuration"]),
        "provenance": _provenance_table(run),
        "time": _time_text(results),
    }


def _json(value: Any) -> str:
    """Returns JSON that cannot end the script element it stands in."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _provenance_table(run: Run) -> Table:
    flat: dict[str, Any] = {}
    for key, value in run.provenance.items():
        if key == "command" and isinstance(value, list):
            value = " ".join(Path(word).name if word.startswith("/") else word for word in value)
        if key == "data" and isinstance(value, list):
            flat |= {f"data: {item.get('name')}": item.get("source") for item in value}
        elif isinstance(value, dict):
            flat |= {f"{key}: {name}": item for name, item in value.items()}
        else:
            flat[key] = value
    return configuration_table(flat)


def _time_text(results: Mapping[str, Any]) -> str:
    if "seconds" not in results:
        return "not recorded"
    text = duration_text(results["seconds"])
    if "seconds_of_parts" in results:
        text += (
            f"; {results.get('num_parts', 0)} parts took "
            f"{duration_text(results['seconds_of_parts'])} together, "
            f"{results.get('jobs', 1)} at once"
        )
    return text
