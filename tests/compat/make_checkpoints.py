"""Writes the checkpoints of `cebra` that the tests read, with the embeddings that belong to them.

Run in an environment with `cebra` 0.6.1: `python tests/compat/make_checkpoints.py`.
"""

from pathlib import Path

import numpy as np
from cebra import CEBRA

HERE = Path(__file__).parent / "checkpoints"
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(60, 5)).astype(np.float32)
OTHER = DRAW.normal(size=(50, 7)).astype(np.float32)
Y, OTHER_Y = DRAW.uniform(size=(60, 2)), DRAW.uniform(size=(50, 2))
CLASSES = DRAW.integers(0, 3, size=60)
SMALL = {"num_hidden_units": 4, "output_dimension": 3, "batch_size": 16, "max_iterations": 5}

CASES = {
    "time": (dict(model_architecture="offset10-model", time_offsets=[2]), (X,)),
    "learned": (dict(temperature_mode="auto", temperature=0.5, learning_rate=0.05), (X, Y)),
    "mixed": (dict(model_architecture="offset5-model", distance="euclidean"), (X, Y, CLASSES)),
    "hybrid": (dict(hybrid=True, output_dimension=4), (X, Y)),
    "full": (dict(batch_size=None, model_architecture="offset1-model-v3"), (X, Y)),
    "sessions": (dict(model_architecture="offset5-model"), ([X, OTHER], [Y, OTHER_Y])),
}


def main() -> None:
    """Trains and saves each case."""
    HERE.mkdir(exist_ok=True)
    arrays = {"X": X, "OTHER": OTHER, "Y": Y, "OTHER_Y": OTHER_Y, "CLASSES": CLASSES}
    for name, (params, data) in CASES.items():
        model = CEBRA(**{**SMALL, "device": "cpu", **params}).fit(*data)
        model.save(HERE / f"{name}.pt")
        several = isinstance(data[0], list)
        for number, part in enumerate(data[0] if several else [X]):
            options = {"session_id": number} if several else {}
            arrays[f"{name} {number}"] = model.transform(part, **options)
        arrays[f"{name} loss"] = model.state_dict_["loss"].numpy()
        arrays[f"{name} temperature"] = np.float64(model.solver_.criterion.temperature)
    np.savez_compressed(HERE / "embeddings.npz", **arrays)


if __name__ == "__main__":
    main()
