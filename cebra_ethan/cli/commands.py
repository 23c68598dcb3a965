"""What the commands do. Each returns the lines to print; nothing prints by itself."""

from __future__ import annotations

import contextlib
import csv
import io
import math
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from ..data.split import time_split
from ..errors import CebraError, InvalidParameterError
from ..estimator import CEBRA
from ..models.model import MODELS, resolve_offset
from ..report.folders import read_run as read_results
from ..types import Recording
from ..utils.files import atomic_write
from .folders import (
    CHECKPOINT,
    check_file,
    checkpoint_path,
    checksum,
    new_folder,
    provenance,
    read_run,
    write_json,
    write_yaml,
)
from .options import PARAMETERS
from .recordings import contents, label_text, read_recording
from .scoring import bits_text, decode_labels, training_labels

__all__ = ["parameters", "run_evaluate", "run_fit", "run_info", "run_transform", "settings"]


def run_fit(options: SimpleNamespace) -> Iterator[str]:
    """Trains on a recording and writes a run folder."""
    model = CEBRA(**parameters(options))
    recording = read_recording(options)
    train, test = _split(model, recording, options.test_fraction)
    name = f"fit-{Path(options.recording).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    out = Path(options.out or Path("runs") / name)
    with new_folder(out, options.overwrite) as folder:
        model.fit(train.neural, dict(train.labels) or None, trial=train.trial)
        model.save(folder / CHECKPOINT)
        _write_history(folder / "history.csv", model.history_)
        points: Any = model.transform(recording.neural, trial=recording.trial)
        _write_embedding(folder / "embedding.npy", points)
        write_yaml(folder / "config.yaml", settings(options))
        shape = tuple(recording.neural.shape)
        write_json(
            folder / "provenance.json",
            provenance(options.recording, shape, model.random_state_),
        )
        lines = list(_report(model, train, test))
    yield from lines
    yield f"Run folder: {out}"


def run_transform(options: SimpleNamespace) -> Iterator[str]:
    """Embeds a recording."""
    if options.out is None:
        raise InvalidParameterError("transform needs --out, a file ending in .npy, .npz or .csv.")
    out = check_file(options.out, (".npy", ".npz", ".csv"), options.overwrite)
    model = CEBRA.load(checkpoint_path(options.checkpoint), device=options.device)
    config = read_run(options.checkpoint).get("config", {})
    is_table = Path(options.recording).suffix.lower() in (".csv", ".tsv")
    # In a table, what is no label and no trial is a neuron, so transform must know the labels.
    _as_trained(options, config, ("neural", "trial", "bin_s"))
    _as_trained(options, config, ("labels", "continuous", "circular") if is_table else ())
    recording = read_recording(options)
    points: Any = model.transform(recording.neural, trial=recording.trial)
    assert out is not None
    _write_embedding(out, points)
    yield f"Embedded {len(points)} time bins in {points.shape[1]} dimensions: {out}"


def run_evaluate(options: SimpleNamespace) -> Iterator[str]:
    """Prints goodness of fit and decoding."""
    out = check_file(options.out, (".json",), options.overwrite)
    model = CEBRA.load(checkpoint_path(options.checkpoint), device=options.device)
    run = read_run(options.checkpoint)
    config = run.get("config", {})
    if options.labels is None:
        _as_trained(options, config, ("labels", "continuous", "circular", "weight"))
    _as_trained(options, config, ("neural", "trial", "bin_s"))
    recording = read_recording(options)
    same = run.get("provenance", {}).get("recording", {}).get("sha256")
    seen = same == checksum(options.recording) if same else None
    held_out = float(config.get("test_fraction") or 0) >= options.test_fraction
    train, test = _split(model, recording, options.test_fraction)
    numbers: dict[str, Any] = {"goodness_of_fit": {}, "decoding": []}
    parts = {"the first part": train, f"the last {100 * options.test_fraction:g} %": test}
    for what, part in parts.items():
        try:
            labels = training_labels(model, part)
        except KeyError as error:
            yield f"Goodness of fit needs the labels of training; {error} is not among --labels."
            break
        fit = model.goodness_of_fit(part.neural, labels, trial=part.trial)
        numbers["goodness_of_fit"][what] = asdict(fit)
        yield bits_text(what, fit)
    yield _seen_text(seen, held_out, options.test_fraction)
    if not recording.labels:
        yield "Decoding needs labels: name them with --labels."
    else:
        rows = decode_labels(model, train, test, options.shuffles)
        yield "Decoding of the last part, nearest neighbours fitted on the first:"
        yield from (row.text for row in rows)
        yield from _verdict(rows)
        numbers["decoding"] = [asdict(row) for row in rows]
    if out is not None:
        write_json(out, numbers)
        yield f"Numbers: {out}"


def run_info(options: SimpleNamespace) -> Iterator[str]:
    """Says what a file is; without one, what is installed."""
    if options.path is None:
        yield from _installed()
        return
    path = Path(options.path)
    if not path.exists():
        raise FileNotFoundError(2, "no such file or folder", str(path))
    if path.is_dir() and (path / "results.json").is_file():
        yield from _about_results(path)
        return
    with checkpoint_path(options.path).open("rb") as file:
        is_checkpoint = file.read(8) == b"CEBRAETH"
    if is_checkpoint or path.is_dir():
        yield from _about_checkpoint(checkpoint_path(options.path))
        return
    arrays = contents(path)
    if arrays:
        yield f"{path}: an archive of {len(arrays)} arrays"
        yield from (f"  {name}  {shape}" for name, shape in arrays.items())
    options.recording = options.path
    recording, by_columns = _with_all_labels(options)
    yield f"{path}: a recording of {len(recording)} time bins, {recording.num_neurons} neurons"
    if recording.bin_s:
        seconds = recording.bin_s * len(recording)
        yield f"  bins of {1000 * recording.bin_s:g} ms, {seconds:.1f} s in all"
    if recording.trial is not None:
        yield f"  {len(recording.segments)} trials"
    for name, label in recording.labels.items():
        how = f" (integers: --labels {name} --continuous {name})" if name in by_columns else ""
        yield f"  label {name}: {label_text(label)}{how}"
    if recording.source and recording.source != str(path):
        yield f"  source: {recording.source}"


def _report(model: CEBRA, train: Recording, test: Recording | None) -> Iterator[str]:
    labels = dict(train.labels) or None
    yield (
        f"Trained {len(model.history_['loss'])} steps on {len(train)} time bins of "
        f"{train.num_neurons} neurons, {_num_parameters(model)} parameters."
    )
    what = "the training part" if test is not None else "the training data"
    fit = model.goodness_of_fit(train.neural, labels, trial=train.trial)
    yield bits_text(what, fit)
    if test is None:
        yield "Held-out numbers need --test-fraction, for example 0.2."
        return
    fit = model.goodness_of_fit(test.neural, dict(test.labels) or None, trial=test.trial)
    yield bits_text("the held-out part", fit)
    if train.labels:
        rows = decode_labels(model, train, test)
        yield "Decoding of the held-out part, nearest neighbours:"
        yield from (row.text for row in rows)
        yield from _verdict(rows)


def _verdict(rows: list[Any]) -> Iterator[str]:
    """Says openly where the decoder does better without the embedding."""
    worse = [
        row.label
        for row in rows
        if row.no_embedding is not None
        and (row.embedding > row.no_embedding) == (row.score != "accuracy")
        and row.embedding != row.no_embedding
    ]
    if worse:
        yield f"  The same decoder does better on the counts themselves for: {', '.join(worse)}."


def _seen_text(seen: bool | None, held_out: bool, fraction: float) -> str:
    if seen is None:
        return "Whether the encoder was trained on this recording is not known (no run folder)."
    if not seen:
        return "The encoder was trained on another recording."
    if held_out:
        return f"The encoder was trained on this recording without the last {100 * fraction:g} %."
    return "The encoder was trained on this recording, all of it: these numbers are transductive."


def _num_parameters(model: CEBRA) -> int:
    return sum(weight.numel() for weight in model.model_.parameters())


def _split(model: CEBRA, recording: Recording, fraction: float | None) -> tuple[Any, Any]:
    """Returns the training and the held-out part, the latter `None` without a fraction."""
    if fraction is None:
        return recording, None
    span = resolve_offset(model.model_architecture).span
    return time_split(recording, fraction, gap=span + model.time_offsets)


def parameters(options: SimpleNamespace) -> dict[str, Any]:
    """Returns the parameters of `CEBRA` that the options hold."""
    values = {option.name: getattr(options, option.name) for option in PARAMETERS}
    if values["verbose"] is None:
        values["verbose"] = sys.stderr.isatty()
    for name in ("optimizer_kwargs", "masking_kwargs"):
        pairs = values.pop(name)
        if pairs:
            values[name] = tuple(pairs.items())
    return values


def settings(options: SimpleNamespace) -> dict[str, Any]:
    """Returns what stands in the run folder's config.yaml, which `--config` reads again."""
    left_out = ("config", "recording", "out", "overwrite")
    return {key: value for key, value in vars(options).items() if key not in left_out}


def _write_history(path: Path, history: Mapping[str, np.ndarray]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["step", *history])
    columns = [history[name] for name in history]
    table.writerows([step, *row] for step, row in enumerate(zip(*columns, strict=True), start=1))
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())


def _write_embedding(path: Path, points: np.ndarray) -> None:
    with atomic_write(path) as file:
        if path.suffix.lower() == ".npy":
            np.save(file, points, allow_pickle=False)
        elif path.suffix.lower() == ".npz":
            np.savez_compressed(file, embedding=points)
        else:
            header = ",".join(f"cebra{column}" for column in range(points.shape[1]))
            np.savetxt(file, points, delimiter=",", fmt="%.9g", header=header, comments="")


def _as_trained(
    options: SimpleNamespace, config: Mapping[str, Any], keys: tuple[str, ...]
) -> None:
    """Fills options that were not given from the settings of the training."""
    for key in keys:
        if getattr(options, key, None) is None:
            setattr(options, key, config.get(key))


def _with_all_labels(options: SimpleNamespace) -> tuple[Recording, list[str]]:
    """Returns a recording with whatever in its file can be a label; which only as numbers."""
    recording = read_recording(options)
    if recording.labels:
        return recording, []
    labels, by_columns = {}, []
    for name in contents(Path(options.path)):
        for numbers in ([], [name]):
            options.labels, options.continuous = [name], numbers
            with contextlib.suppress(CebraError):
                label = read_recording(options).labels[name]
                if label.values.shape != recording.neural.shape:  # the activity itself
                    labels[name] = label
                    by_columns += numbers
                break
    return replace(recording, labels=labels), by_columns


def _about_results(path: Path) -> Iterator[str]:
    results = read_results(path).results
    yield f"{path}: results of {results['title']!r}, {results['source']} data"
    yield f"  {len(results['rows'])} rows"
    yield f"A page of them: cebra-ethan report {path} --out page.html"


def _about_checkpoint(path: Path) -> Iterator[str]:
    model = CEBRA.load(path, device="cpu")
    loss = model.history_["loss"]
    yield f"{path}: a trained CEBRA model"
    yield f"  {model.n_features_in_} neurons to {model.output_dimension} dimensions"
    offset = model.offset_
    yield (
        f"  {model.model_architecture}, {_num_parameters(model)} parameters, sees {offset.span} "
        f"bins ({offset.left} before, {offset.right - 1} after)"
    )
    labels = ", ".join(f"{name} ({kind})" for name, kind in model.label_kinds_.items())
    yield f"  trained with {labels or 'time alone'}"
    last = float(np.mean(loss[-100:])) if len(loss) else math.nan
    yield f"  {len(loss)} steps, mean loss of the last 100: {last:.4f}; seed {model.random_state_}"
    changed = model.__class__().get_params()
    for name, value in model.get_params().items():
        if value != changed[name]:
            yield f"  {name}: {value}"


def _installed() -> Iterator[str]:
    yield f"cebra-ethan {metadata.version('cebra-ethan')}, Python {platform.python_version()}"
    for name in ("torch", "numpy", "scipy", "scikit-learn"):
        yield f"  {name} {metadata.version(name)}"
    devices = ["cpu"]
    if torch.cuda.is_available():
        devices += [f"cuda:{k}" for k in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    yield f"devices: {', '.join(devices)}; {os.cpu_count()} cores"
    yield f"models: {', '.join(MODELS)}; and offset{{n}}-model for n >= 3"
