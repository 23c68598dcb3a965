"""Decoding: what an embedding says about a label, on bins that the decoder has never seen.

Settings of a decoder are chosen on a held-out piece of the training part, the decoder is then
fitted again on all of it, and the test part is looked at once. The error of the best constant
guess stands beside the error of the decoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.model_selection import ParameterGrid

from ..data.split import TrialKFold
from ..errors import DataError, InvalidParameterError
from ..types import Kind, Label
from ..utils.validation import as_array, check_finite, check_numeric
from .decoders import DECODERS, Decoder, fit_decoder, predict_label
from .scores import Scores, as_label, chance_prediction, score_predictions

__all__ = ["DECODERS", "Decoder", "DecodingScore", "decode", "windowed_counts"]


_CHOOSE_BY: dict[Kind, tuple[str, ...]] = {  # the first is the default
    "continuous": ("median_error", "mean_error", "r2"),
    "circular": ("median_error", "mean_error"),
    "categorical": ("accuracy", "balanced_accuracy"),
}


@dataclass(frozen=True, kw_only=True)
class DecodingScore(Scores):
    """Scores on the test part, those of a constant guess, and what was predicted.

    Args:
        chance: Scores of the training part's median, circular median or most frequent class.
        decoder: Row of `DECODERS`.
        setting: The chosen parameters.
        num_settings: How many were tried.
        true: The test label, `(T,)` or `(T, d)`, in its unit or its original classes.
        predicted: The predictions, like `true`.
    """

    chance: Scores
    decoder: str
    setting: Mapping[str, Any]
    num_settings: int
    true: Shaped[np.ndarray, "time *columns"] = field(repr=False)
    predicted: Shaped[np.ndarray, "time *columns"] = field(repr=False)


def decode(
    train_embedding: Any,
    train_label: Any,
    test_embedding: Any,
    test_label: Any,
    decoder: str = "knn",
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    metric: str = "cosine",
    validation: Any = 0.1,
    choose_by: str | None = None,
) -> DecodingScore:
    """Fits a decoder on the training part and scores it on the test part.

    Circular labels are regressed as sine and cosine, which makes the prediction of a nearest
    neighbour decoder the circular mean of the neighbours. Ties between settings go to the first.

    Args:
        train_embedding: `(T, D)`, or any features, in time order.
        train_label: A `Label` or an array of `T` values; several columns are decoded together.
        test_embedding: `(T', D)`, transformed apart from the training part.
        test_label: Of the same kind as `train_label`.
        decoder: Row of `DECODERS`.
        grid: Values of each parameter; `None` takes the decoder's own.
        metric: Of nearest neighbours: `"cosine"` for unit vectors, else `"euclidean"`.
        validation: What settings are chosen on. A fraction: the last part of the training part
            in time. A boolean mask `(T,)`: those rows. Integer trials `(T,)`: up to five folds of
            whole trials, with the predictions of all folds scored together.
        choose_by: Score that chooses: `"median_error"` (default), `"mean_error"` or `"r2"`;
            for classes `"accuracy"` (default) or `"balanced_accuracy"`.

    Returns:
        Scores on the test part with the chance level beside them.

    Raises:
        DataError: If lengths or widths disagree, values are not finite, or no row is left to
            fit or to choose on.
        InvalidParameterError: For an unknown decoder, metric or score.

    Example:
        >>> angle = np.linspace(0, 6 * np.pi, 300) % (2 * np.pi)
        >>> circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        >>> label = Label(angle, "circular", period=2 * np.pi)
        >>> score = decode(circle[:200], label[:200], circle[200:], label[200:])
        >>> score.median_error < 0.05 < score.chance.median_error
        True
    """
    _check_choice("decoder", decoder, DECODERS)
    train_y = as_label(train_label, name="train_label")
    test_y = as_label(test_label, like=train_y, name="test_label")
    train_x = _features(train_embedding, train_y, "train_embedding")
    test_x = _features(test_embedding, test_y, "test_embedding")
    if train_x.shape[1] != test_x.shape[1]:
        raise DataError(
            "training and test part must have the same columns; got "
            f"{train_x.shape[1]} and {test_x.shape[1]}. Transform both with one model."
        )
    choose_by = choose_by or _CHOOSE_BY[train_y.kind][0]
    _check_choice(f"choose_by of a {train_y.kind} label", choose_by, _CHOOSE_BY[train_y.kind])
    row = DECODERS[decoder]
    settings = list(ParameterGrid(dict(row.grid if grid is None else grid)))
    if row.has_metric:
        _check_choice("metric", metric, ("cosine", "euclidean"))
        settings = [setting | {"metric": metric} for setting in settings]
    folds = _folds(validation, len(train_y)) if len(settings) > 1 else []
    setting = _choose(row, settings, train_x, train_y, folds, choose_by)
    predicted = _fit_predict(row, setting, train_x, train_y, test_x)
    return DecodingScore(
        **asdict(score_predictions(test_y, predicted)),
        chance=_chance(train_y, test_y),
        decoder=decoder,
        setting=MappingProxyType(setting),
        num_settings=len(settings),
        true=test_y.to_numpy(),
        predicted=predicted,
    )


def windowed_counts(
    neural: Any,
    window_bins: int = 10,
    segments: Any = None,
) -> Float[np.ndarray, "time neurons"]:
    """Returns the square root of counts averaged over a centred window: no embedding at all.

    What a nearest neighbour decoder reads from it is the control for any embedding that sees as
    many bins. An even window holds one bin more before its bin than after, as `Offset(5, 5)`.
    Edges of a segment repeat, and no window crosses the border of one. Call it once for each part
    of a split.

    Args:
        neural: Spike counts or other non-negative activity `(T, N)`.
        window_bins: Bins of the window, at least 1.
        segments: First bin and one past the last bin of each trial `(trials, 2)`, as
            `Recording.segments`; `None` is one segment.

    Raises:
        DataError: If counts are negative, or segments do not cover the bins in order.

    Example:
        >>> windowed_counts(np.array([[0.0], [4.0], [0.0]]), 2)[:, 0] ** 2
        array([0., 2., 2.])
    """
    counts = np.asarray(as_array(neural, "neural"), dtype=np.float64)
    check_finite(counts, "neural")
    if counts.ndim != 2 or window_bins < 1 or (counts < 0).any():
        raise DataError(
            "windowed_counts needs non-negative counts (T, N) and window_bins >= 1; got shape "
            f"{counts.shape}, window_bins={window_bins}, minimum {counts.min():g}."
        )
    bounds = np.array([[0, len(counts)]]) if segments is None else as_array(segments, "segments")
    flat = bounds.ravel()
    if flat[0] != 0 or flat[-1] != len(counts) or (flat[1:-1:2] != flat[2::2]).any():
        raise DataError(
            f"segments must cover bins 0 to {len(counts)} one after the other; got "
            f"{bounds.tolist()}."
        )
    left = window_bins // 2
    mean = np.empty_like(counts)
    for start, stop in bounds:
        padded = np.pad(counts[start:stop], ((left, window_bins - 1 - left), (0, 0)), "edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, window_bins, axis=0)
        mean[start:stop] = windows.mean(axis=-1)
    return np.sqrt(mean)


def _choose(
    row: Decoder,
    settings: list[dict[str, Any]],
    x: np.ndarray,
    y: Label,
    folds: list[tuple[np.ndarray, np.ndarray]],
    choose_by: str,
) -> dict[str, Any]:
    """Returns the setting with the best score over the validation rows of all folds."""
    smallest = min([len(x), *(len(fit) for fit, _ in folds)])
    possible = [setting for setting in settings if setting.get("n_neighbors", 1) <= smallest]
    if not possible:
        raise DataError(
            f"a setting must fit the training rows; all of {settings} ask for more neighbours "
            f"than {smallest} rows. Use more data or a smaller grid."
        )
    if len(possible) == 1:
        return possible[0]
    held_out = y[np.concatenate([rows for _, rows in folds])]
    sign = -1.0 if choose_by.endswith("_error") else 1.0
    scores = []
    for setting in possible:
        parts = [_fit_predict(row, setting, x[fit], y[fit], x[rows]) for fit, rows in folds]
        score = score_predictions(held_out, np.concatenate(parts))
        scores.append(sign * getattr(score, choose_by))
    return possible[int(np.argmax(scores))]


def _fit_predict(
    row: Decoder, setting: dict[str, Any], x: np.ndarray, y: Label, new_x: np.ndarray
) -> np.ndarray:
    return predict_label(fit_decoder(row, setting, x, y), new_x, y)


def _chance(train: Label, test: Label) -> Scores:
    chance = score_predictions(test, chance_prediction(train, len(test)))
    if test.kind != "categorical":
        return chance
    num_classes = len(np.unique(test.to_numpy()))
    return Scores(accuracy=chance.accuracy, balanced_accuracy=1 / num_classes)


def _folds(validation: Any, num_rows: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns the rows to fit and the rows to choose on, of each fold."""
    rows = np.arange(num_rows)
    if np.ndim(validation) == 0:
        cut = num_rows - round(float(validation) * num_rows)
        if not 0 < cut < num_rows:
            raise DataError(
                "validation must be a fraction that leaves rows to fit and to choose on; got "
                f"{validation!r} of {num_rows} rows."
            )
        return [(rows[:cut], rows[cut:])]
    groups = np.asarray(as_array(validation, "validation"))
    if groups.shape != (num_rows,) or groups.dtype.kind not in "biu":
        raise DataError(
            "validation must be a fraction, a boolean mask or integer trials, one for each "
            f"training row; got dtype {groups.dtype} and shape {groups.shape} for {num_rows} rows."
        )
    if groups.dtype.kind != "b":
        return list(TrialKFold(min(5, len(np.unique(groups)))).split(rows, groups=groups))
    if groups.all() or not groups.any():
        raise DataError("a validation mask must leave rows to fit and to choose on.")
    return [(rows[~groups], rows[groups])]


def _features(values: Any, label: Label, name: str) -> np.ndarray:
    features = np.asarray(as_array(values, name))
    check_numeric(features, name)
    check_finite(features, name)
    if features.ndim != 2 or len(features) != len(label):
        raise DataError(
            f"{name} must be (time bins, dimensions) with one row for each label; got shape "
            f"{features.shape} and {len(label)} labels."
        )
    return features.astype(np.float64)


def _check_choice(name: str, value: str, choices: Any) -> None:
    if value not in choices:
        raise InvalidParameterError(f"{name} must be one of {', '.join(choices)}; got {value!r}.")
