"""Several methods on one recording: same split, same decoder, same controls."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import ParameterGrid

from ..baselines import BASELINES, TUNING
from ..data.split import time_split
from ..errors import InvalidParameterError
from ..estimator import CEBRA
from ..metrics.decoding import DecodingScore, decode, windowed_counts
from ..metrics.significance import shuffle_labels
from ..models.model import resolve_model, resolve_offset
from ..report.record import Describes, Number, RowInfo, make_row
from ..solver.embed import transform
from ..types import Label, Recording
from ..utils.seeding import Streams, derive_seed, private_torch_rng
from .scoring import as_classes

__all__ = ["NUMBERS", "Comparison", "compare", "method_names"]

NUMBERS: Mapping[str, Number] = {
    "median_error": Number("median error", better="lower", digits=3),
    "mean_error": Number("mean error", better="lower", digits=3),
    "r2": Number("R²"),
    "accuracy": Number("accuracy", "%", digits=1, scale=100),
    "balanced_accuracy": Number("balanced accuracy", "%", digits=1, scale=100),
}

_OURS: Mapping[str, RowInfo] = {
    "cebra": RowInfo("CEBRA"),
    "cebra-time": RowInfo("CEBRA-Time"),
    "cebra-time-all": RowInfo("CEBRA-Time, encoder on everything", transductive=True),
}
_CONTROLS: Mapping[str, RowInfo] = {
    "permuted": RowInfo("shuffled labels, permuted over time", "control"),
    "shifted": RowInfo("shuffled labels, shifted in time", "control"),
    "untrained": RowInfo("untrained encoder", "control"),
    "no-embedding": RowInfo("no embedding, counts", "control"),
    "chance": RowInfo("chance, the best constant guess", "control"),
}
_FIXED = ("no-embedding", "chance")  # a seed changes nothing
_TUNED_ON = 0.1  # share of the training part, at its end
_SHUFFLES = {"permuted": "permute", "shifted": "shift"}

Points = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """What was compared.

    Args:
        rows: The result table, a group for each label.
        embeddings: Points of the test part of each method, first seed.
        test: The test part.
        waived: Controls that could not be made, each with the reason.
        seconds: How long each method took, all seeds.
        settings: What was chosen for each method that was tuned.
    """

    rows: list[dict[str, Any]]
    embeddings: Mapping[str, np.ndarray]
    test: Recording
    waived: Mapping[str, str]
    seconds: Mapping[str, float]
    settings: Mapping[str, Mapping[str, Any]]


def method_names(words: Sequence[str]) -> list[str]:
    """Returns methods that are given with commas or spaces between them.

    Raises:
        InvalidParameterError: If one is not known.
        MissingDependencyError: If one cannot run here.

    Example:
        >>> method_names(["cebra,pca", "umap"])
        ['cebra', 'pca', 'umap']
    """
    names = [name for word in words for name in word.split(",") if name]
    for name in names:
        if name not in _OURS and name not in BASELINES:
            known = ", ".join([*_OURS, *BASELINES])
            raise InvalidParameterError(f"--methods must be of {known}; got {name!r}.")
        if name in BASELINES:
            BASELINES[name].require()
    return list(dict.fromkeys(names))


def compare(
    recording: Recording,
    names: Sequence[str],
    parameters: Mapping[str, Any],
    options: SimpleNamespace,
    progress: Callable[..., Any],
) -> Comparison:
    """Fits every method and control on the first part and decodes every label of the last.

    Args:
        recording: With labels.
        names: From `method_names`.
        parameters: Of `CEBRA`.
        options: `test_fraction` and `seeds`; `tune`, whether every method chooses among the
            settings of its budget first, see `baselines.TUNING`.
        progress: Wraps the methods, `tqdm` for example.
    """
    model = CEBRA(**parameters)
    span = resolve_offset(model.model_architecture).span
    parts = time_split(recording, options.test_fraction, gap=span + model.time_offsets)
    bench = _Bench(recording, parts, dict(parameters), span)
    infos: dict[str, Describes] = {name: _info(name) for name in [*names, *_CONTROLS]}
    waived = {}
    if float(recording.neural.min()) < 0:
        waived["no-embedding"] = "the activity has negative values, which are no counts"
        del infos["no-embedding"]
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    embeddings, seconds, first = {}, {}, int(parameters.get("random_state") or 0)
    for name in progress(infos, desc="compare", unit="method"):
        start = time.perf_counter()
        if options.tune and infos[name].kind == "method":
            bench.settings[name] = bench.best_setting(name, names, first)
        draws = 1 if name in _FIXED else options.seeds
        for seed in range(first, first + draws):
            labels = bench.labels(name, seed)
            points = bench.points(name, names, labels, seed)
            if seed == first and infos[name].kind == "method":
                embeddings[name] = points[1]
            for label in labels:
                score = bench.score(name, points, labels[label], label)
                found.setdefault((label, name), []).append(score)
        seconds[name] = time.perf_counter() - start
    rows = [
        make_row(label, name, infos[name], found[label, name], NUMBERS)
        for label in parts[0].labels
        for name in infos
    ]
    return Comparison(rows, embeddings, parts[1], waived, seconds, bench.settings)


@dataclass(frozen=True)
class _Bench:
    """The split recording, and how each row embeds and decodes it."""

    recording: Recording
    parts: tuple[Recording, Recording]
    parameters: dict[str, Any]
    span: int
    settings: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def best_setting(self, name: str, names: Sequence[str], seed: int) -> Mapping[str, Any]:
        """Returns the setting of a method's budget that is best within the training part."""
        budget = TUNING["cebra" if name in _OURS else name.removesuffix("-without-labels")]
        grid = [dict(setting) for setting in ParameterGrid(dict(budget.grid))]
        if len(grid) == 1:  # it searches by itself, unasked
            return {}
        judge = self._decoded_within if budget.by_decoder else self._loss_within
        return max(grid, key=lambda setting: judge(name, names, setting, seed))

    def _decoded_within(
        self, name: str, names: Sequence[str], setting: Mapping[str, Any], seed: int
    ) -> float:
        """Returns R² and balanced accuracy on the end of the training part, mean over labels."""
        train = self.parts[0]
        inner = time_split(train, _TUNED_ON, gap=self.span)
        bench = _Bench(train, inner, self.parameters, self.span, {name: setting})
        labels = inner[0].labels
        points = bench.points(name, names, labels, seed)
        scores = [bench.score(name, points, labels[label], label) for label in labels]
        return float(np.mean([one.get("r2", one.get("balanced_accuracy")) for one in scores]))

    def _loss_within(
        self, name: str, names: Sequence[str], setting: Mapping[str, Any], seed: int
    ) -> float:
        """Returns the method's own criterion, of what it holds out of the training part."""
        row, train = BASELINES[name], self.parts[0]
        given = dict(train.labels) if row.labels != "never" else None
        method = row(random_state=seed, **setting).fit(train.neural, given, trial=train.trial)
        return -float(method.best_loss_)

    def labels(self, name: str, seed: int) -> dict[str, Label]:
        """Returns the labels of the training part as a row gets them."""
        labels = dict(self.parts[0].labels)
        if name not in _SHUFFLES:
            return labels
        generator = torch.Generator().manual_seed(derive_seed(seed, Streams.EVALUATION))
        shuffled: dict[str, Label] = shuffle_labels(labels, _SHUFFLES[name], generator)
        return shuffled

    def points(
        self, name: str, names: Sequence[str], labels: Mapping[str, Label], seed: int
    ) -> Points:
        """Returns what the decoder reads of both parts."""
        train, test = self.parts
        if name in _SHUFFLES:  # the pipeline of CEBRA, or of the first method without it
            name = "cebra" if "cebra" in names else names[0]
        if name == "chance":
            return np.zeros((len(train), 1)), np.zeros((len(test), 1))
        if name == "no-embedding":
            return self._both(lambda part: windowed_counts(
                part.neural, self.span, part.segments.numpy()
            ))  # fmt: skip
        if name == "untrained":
            model = CEBRA(**self.parameters)
            with private_torch_rng(derive_seed(seed, Streams.INITIALISATION)):
                network = resolve_model(model.model_architecture)(
                    train.num_neurons, model.num_hidden_units, model.output_dimension
                )
            return self._both(lambda part: transform(network, part.neural, part.segments).numpy())
        if name in _OURS:
            own = {**self.parameters, **self.settings.get(name, {})}
            model = CEBRA(**{**own, "random_state": seed})
            source = self.recording if _OURS[name].transductive else train
            model.fit(source.neural, dict(labels) if name == "cebra" else None, trial=source.trial)
            return self._both(lambda part: model.transform(part.neural, trial=part.trial))
        row = BASELINES[name]
        method: Any = row(random_state=seed, **self.settings.get(name, {}))
        given = dict(labels) if row.labels != "never" else None
        first = method.fit_transform(train.neural, given, trial=train.trial)
        # an oracle: it is told the labels of the test part
        told = dict(test.labels) if row.labels == "fit and transform" else None
        return np.asarray(first), np.asarray(method.transform(test.neural, told, trial=test.trial))

    def score(self, name: str, points: Points, train: Label, label: str) -> dict[str, float]:
        """Returns the numbers of one label."""
        known, true = as_classes(train), as_classes(self.parts[1].labels[label])
        is_cosine = self.parameters.get("distance") == "cosine" and name not in BASELINES
        metric = "cosine" if is_cosine and name != "chance" else "euclidean"
        found: DecodingScore = decode(points[0], known, points[1], true, metric=metric)
        return (found.chance if name == "chance" else found).summary()

    def _both(self, embed: Callable[[Recording], Any]) -> Points:
        first, second = (np.asarray(embed(part)) for part in self.parts)
        return first, second


def _info(name: str) -> Describes:
    if name in _OURS:
        return _OURS[name]
    if name in _CONTROLS:
        return _CONTROLS[name]
    oracle = BASELINES[name].labels == "fit and transform"
    return RowInfo(name, labels_at_inference=oracle)
