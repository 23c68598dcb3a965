"""Small files of the visual-drift study, of one movie seen by two methods."""

import numpy as np
from scipy import io

from cebra_ethan.datasets.allen_drift import DRIFT_AREAS

FEATURES = 8
AREAS = ("VISp", "VISl")


def write_movie(folder, num_frames=60, num_repeats=4, num_cells=24, seed=0):
    """Writes `allen_movie_one`: cells of two areas that follow the frames, and the features."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(num_frames, FEATURES))
    features = np.cumsum(steps, axis=0) / np.sqrt(num_frames)
    place = folder / "allen_movie_one"
    for name in ("neuropixels", *(f"calcium/{area}" for area in AREAS)):
        (place / name).mkdir(parents=True)
    scene = np.arange(num_frames) * 3 // num_frames
    np.savez(place / "frames.npz", features=features, scene=scene)

    def responses(repeats):
        rate = np.exp(features @ rng.normal(size=(FEATURES, num_cells)) / 2)
        return rng.poisson(np.tile(rate, (repeats, 1)).T).astype(float)  # (cells, frames)

    for area in AREAS:
        united = np.stack([responses(num_repeats) for _ in range(3)], axis=2) + 0.01
        path = place / "calcium" / area / "511498742.mat"
        io.savemat(path, {"united_traces_days_events": united, "imaging_depth": [[275.0]]})
    cells = np.empty((2, 8), dtype=object)
    for row, column in np.ndindex(cells.shape):
        seen = DRIFT_AREAS[column] in AREAS
        blocks = [responses(num_repeats)[: num_cells if seen else 0] for _ in range(2)]
        cells[row, column] = np.stack(blocks, axis=2)
    io.savemat(place / "neuropixels" / "session_1.mat", {"informative_rater_mat": cells})
