"""`cebra.grid_search.GridSearch`, which judges models on held-out data; see `selection`."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from sklearn.model_selection import ParameterGrid

from ...errors import CheckpointError, InvalidParameterError
from ...selection import Judge, grid_search
from ...utils.files import atomic_write
from ...utils.optional import require
from . import plots
from .estimator import CEBRA

__all__ = ["GridSearch"]

_INDEX = "grid_search.json"


class GridSearch:
    """Trains all settings of a grid on several datasets.

    Models are compared by their goodness of fit on the last part of each dataset, not by the loss
    of a training batch, which depends on batch size and temperature.

    Args:
        judge: How they are compared; one seed by default, as many models as in `cebra`.
    """

    def __init__(self, judge: Judge | None = None) -> None:
        self.judge = judge or Judge(seeds=(0,))
        self.models_dir: Path | None = None

    def generate_models(
        self, params: Mapping[str, Any]
    ) -> tuple[dict[str, CEBRA], list[dict[str, Any]]]:
        """Returns the models of a grid by name, and their settings.

        Args:
            params: Values of each parameter: a list of several, or one.

        Example:
            >>> GridSearch().generate_models({"output_dimension": [2, 3], "max_iterations": 5})[1]
            [{'output_dimension': 2}, {'output_dimension': 3}]
        """
        fixed, grid = _split(params)
        settings = [dict(setting) for setting in ParameterGrid(grid)]
        return {_name(one): CEBRA(**fixed, **one) for one in settings}, settings

    def fit_models(
        self,
        datasets: Mapping[str, Any],
        params: Mapping[str, Any],
        models_dir: str | os.PathLike[str] = "saved_models",
    ) -> GridSearch:
        """Trains all settings on all datasets; one that is there is not trained again.

        Args:
            datasets: Name to `X`, or to `(X, y, ...)`.
            params: As for `generate_models`.
            models_dir: Folder for checkpoints and scores.
        """
        self.models_dir = Path(models_dir)
        fixed, grid = _split(params)
        index: list[dict[str, Any]] = []
        for name, given in datasets.items():
            X, *labels = given if isinstance(given, tuple) else (given,)
            options: dict[str, Any] = {"folder": self.models_dir, "refit": False}
            found = grid_search(CEBRA(**fixed), grid, X, *labels, judge=self.judge, **options)
            index += [
                {
                    "name": f"{_name(row['params'])}_{name}",
                    "dataset_name": name,
                    "params": row["params"],
                    "bits": None if math.isnan(row["mean"]) else row["mean"],
                    "num_negatives": row["num_negatives"],
                    "checkpoint": None if kept is None else Path(kept).name,
                }
                for row in found.rows
                for kept in row["checkpoints"][:1]
            ]
        with atomic_write(self.models_dir / _INDEX) as file:
            file.write(json.dumps(index).encode())
        return self

    @classmethod
    def load(cls, dir: str | os.PathLike[str]) -> tuple[dict[str, CEBRA], list[dict[str, Any]]]:
        """Returns all models of a folder by name, and the setting of each."""
        rows = [row for row in _read(Path(dir)) if row["checkpoint"] is not None]
        models: dict[str, Any] = {r["name"]: CEBRA.load(Path(dir) / r["checkpoint"]) for r in rows}
        return models, [row["params"] for row in rows]

    def get_best_model(
        self,
        scoring: str = "infonce_loss",
        dataset_name: str | None = None,
        models_dir: str | os.PathLike[str] | None = None,
    ) -> tuple[CEBRA, str]:
        """Returns the model that fits held-out data best, and its name.

        Args:
            scoring: `"infonce_loss"`, which here is that of held-out data, all with equally many
                negatives.
            dataset_name: Among the models of this dataset; of all without.
            models_dir: The folder; the one of `fit_models` without.

        Raises:
            InvalidParameterError: If there is no such scoring, or no model of the dataset.
        """
        folder = self._folder(models_dir)
        if scoring != "infonce_loss":
            raise InvalidParameterError(f"scoring must be 'infonce_loss'; got {scoring!r}.")
        rows = _read(folder)
        mine = [row for row in rows if dataset_name in (None, row["dataset_name"])]
        trained = [row for row in mine if row["bits"] is not None]
        if not trained:
            names = ", ".join(dict.fromkeys(row["dataset_name"] for row in rows))
            raise InvalidParameterError(
                f"dataset_name must be one of {names}, with a model that did not diverge; got "
                f"{dataset_name!r}."
            )
        best = max(trained, key=lambda row: float(row["bits"]))
        model: Any = CEBRA.load(folder / best["checkpoint"])
        return model, best["name"]

    def get_df_results(self, models_dir: str | os.PathLike[str] | None = None) -> Any:
        """Returns a table of pandas: parameters, `bits` and `loss` of held-out data, dataset."""
        pandas = require("pandas", extra="data")
        rows = _read(self._folder(models_dir))
        return pandas.DataFrame(
            [
                {
                    **row["params"],
                    "loss": _loss(row["bits"], row["num_negatives"]),
                    "bits": row["bits"],
                    "dataset_name": row["dataset_name"],
                }
                for row in rows
            ]
        )

    def plot_loss_comparison(
        self, models_dir: str | os.PathLike[str] | None = None, **kwargs: Any
    ) -> Axes:
        """Draws the training losses of all models; keywords as for `compare_models`."""
        models, _ = self.load(self._folder(models_dir))
        return plots.compare_models(list(models.values()), list(models), **kwargs)

    def _folder(self, models_dir: str | os.PathLike[str] | None) -> Path:
        if models_dir is None and self.models_dir is None:
            raise InvalidParameterError("no models were fitted here. Pass models_dir.")
        return Path(models_dir if models_dir is not None else self.models_dir or "")


def _split(params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Returns the parameters that stay, and the values of those that vary.

    A list of one value stays; a tuple is a value, as `optimizer_kwargs` is one.
    """
    grid = {name: value for name, value in params.items() if isinstance(value, list)}
    several = {name: values for name, values in grid.items() if len(values) > 1}
    one = {name: values[0] for name, values in grid.items() if len(values) == 1}
    return {**{k: v for k, v in params.items() if k not in grid}, **one}, several


def _name(setting: Mapping[str, Any]) -> str:
    return "_".join(f"{name}_{value}" for name, value in sorted(setting.items())) or "model"


def _loss(bits: float | None, num_negatives: int) -> float:
    return math.nan if bits is None else math.log(num_negatives) - bits * math.log(2)


def _read(folder: Path) -> list[dict[str, Any]]:
    path = folder / _INDEX
    try:
        rows = json.loads(path.read_text())
        whole = all(
            Path(row["checkpoint"] or "").name == (row["checkpoint"] or "") for row in rows
        )
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged: {error!r}. Run fit_models again.") from error
    if not whole:  # a path that leads out of the folder
        raise CheckpointError(f"{path} names checkpoints outside of its folder. Refuse it.")
    return list(rows)
