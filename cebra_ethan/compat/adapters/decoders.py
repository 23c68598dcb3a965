"""`cebra.integrations.decoders` and `deeplabcut`: their results, our decoders and reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import r2_score

from ...data.readers import load_deeplabcut as _load_deeplabcut
from ...errors import InvalidParameterError
from ...metrics.decoding import decode
from ...metrics.label_decoders import MLPDecoder, RidgeDecoder
from ...utils.validation import as_array

__all__ = ["load_deeplabcut", "mlp_decoding", "ridge_decoding"]

Decoded = tuple[list[float], list[float], np.ndarray]

_LAYERS = {"SingleLayerMLP": (32,), "TwoLayersMLP": (32, 32)}


def ridge_decoding(
    embedding_train: Any,
    embedding_valid: Any,
    label_train: Any,
    label_valid: Any,
    n_run: int | None = None,
) -> Decoded:
    """Returns R2 of each column in training and validation, and what was predicted for the latter.

    The penalty is chosen on the last tenth of the training part; see `metrics.decoding.decode`.

    Args:
        embedding_train: `(T, D)`; or a mapping of sessions to a list of runs of them, all of which
            are joined; or of runs to them.
        embedding_valid: Likewise.
        label_train: Continuous, `(T,)` or `(T, d)`; or a mapping of sessions to datasets with a
            `continuous` label; or of runs to labels.
        label_valid: Likewise.
        n_run: The run of mappings.
    """
    given = _run((embedding_train, embedding_valid, label_train, label_valid), n_run)
    x, x_valid, y, y_valid = given
    setting = decode(x, y, x_valid, y_valid, "ridge").setting
    return _scores(RidgeDecoder(**setting), *given)


def mlp_decoding(
    embedding_train: Any,
    embedding_valid: Any,
    label_train: Any,
    label_valid: Any,
    num_epochs: int = 20,
    lr: float = 0.001,
    batch_size: int = 500,
    device: str = "cpu",
    model_type: str = "SingleLayerMLP",
    n_run: int | None = None,
) -> Decoded:
    """Returns as `ridge_decoding`, of `metrics.label_decoders.MLPDecoder`.

    Args:
        embedding_train: As for `ridge_decoding`, like the next three.
        embedding_valid: Likewise.
        label_train: Likewise.
        label_valid: Likewise.
        num_epochs: Passes at most.
        lr: Step size.
        batch_size: Of no effect: scikit-learn takes 200.
        device: Of no effect: it runs on the CPU.
        model_type: `"SingleLayerMLP"` or `"TwoLayersMLP"`.
        n_run: The run of mappings.

    Raises:
        InvalidParameterError: For another `model_type`.
    """
    if model_type not in _LAYERS:
        raise InvalidParameterError(
            f"model_type must be one of {', '.join(_LAYERS)}; got {model_type!r}."
        )
    given = _run((embedding_train, embedding_valid, label_train, label_valid), n_run)
    return _scores(MLPDecoder(_LAYERS[model_type], lr, num_epochs), *given)


def load_deeplabcut(
    filepath: Any, keypoints: Sequence[str] | None = None, pcutoff: float = 0.6
) -> np.ndarray:
    """Returns x and y of each keypoint, `(frames, 2 * keypoints)`; see `data.readers`.

    Args:
        filepath: `.h5` or `.csv` of one animal.
        keypoints: Which; all without.
        pcutoff: Positions with a smaller likelihood are interpolated.
    """
    return _load_deeplabcut(filepath, keypoints, pcutoff).to_array()


def _run(given: tuple[Any, ...], n_run: int | None) -> tuple[np.ndarray, ...]:
    return tuple(_of_run(one, n_run) for one in given)


def _of_run(given: Any, n_run: int | None) -> np.ndarray:
    if not isinstance(given, dict):
        return np.asarray(as_array(given, "embeddings and labels"))
    first = next(iter(given.values()))
    if hasattr(first, "continuous"):
        return np.concatenate([_of_run(one.continuous, None) for one in given.values()])
    if n_run is None:
        raise InvalidParameterError(
            "n_run must be the number of a run, since embeddings are a mapping; got None."
        )
    if isinstance(first, (list, tuple, dict)):
        return np.concatenate([_of_run(one[n_run], None) for one in given.values()])
    return _of_run(given[n_run], None)


def _scores(decoder: Any, x: Any, x_valid: Any, y: Any, y_valid: Any) -> Decoded:
    decoder.fit(x, y)
    predicted = decoder.predict(x_valid)
    pairs = ((y, decoder.predict(x)), (y_valid, predicted))
    train, valid = (r2_score(t, p, multioutput="raw_values").tolist() for t, p in pairs)
    return train, valid, predicted
