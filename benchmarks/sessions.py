"""Joint against single training, and adaptation to an animal that was held out, beside `cebra`.

Run it in an environment that has the library, once for each, then print the table::

    python benchmarks/sessions.py --library cebra_ethan --data-root ../shared/data
    python benchmarks/sessions.py --library cebra --data-root ../shared/data
    python benchmarks/sessions.py --table

On a machine with sixteen cores and a GPU, where both are installed, all of it in one go::

    python benchmarks/sessions.py --library cebra_ethan cebra --device cuda --jobs 16

Recordings: the two rats; six mice, one recording each; one mouse over eight days (frames in which
a mouse is slower than 4 cm/s are left out, and amplitudes are divided by the standard deviation
of the training part, one number for each recording). Recipe: first 80 % of the time for training,
last 20 % for test; 3-D, offset10-model, 32 units, batch 512 for each session, learning rate 3e-4
and 3,000 steps for the rats, 1e-3 and 500 steps for the mice; temperature 1, time offset 10,
labels position and one-hot direction. Training and test parts are transformed apart; a kNN
regression (cosine) decodes the position as in rats.py. Consistency is the R2 of a linear map
between the bin means of two sessions, in bins of position and in bins of position and direction:
on the test part, which no encoder saw, and on the training part, as published. A run is a file of
its own; one that is there is not repeated. The table also holds the runs whose numbers are kept in
docs/sessions.json, and keeps the new ones there.

Adaptation: an encoder trained on the first animal gets a new input layer and is trained on the
last one, which it has not seen. It is trained once, and a copy of it adapted for each number of
steps. `adapt_all` starts from an encoder trained on all animals but the last, which `cebra`
cannot: it adapts models of one session alone.
"""

import argparse
import copy
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jobs import Job, add_options, publish, run_jobs, write
from rats import decode

MICE = ("C6M4", "C7M4", "C11M1", "C12M4", "C13M1", "C16M4")
SETS = {
    "rats": [f"rat_hippocampus/{name}.npz" for name in ("achilles", "buddy")],
    "mice": [f"mouse_ca1_linear_track/{name}_A_s1.npz" for name in MICE],
    "days": [f"mouse_ca1_linear_track/C6M4_A_s{day}.npz" for day in range(1, 9)],
}
STEPS = {"rats": 3000, "mice": 500, "days": 500}
LEARNING_RATES = {"rats": 3e-4, "mice": 1e-3, "days": 1e-3}
ADAPT_STEPS = (100, 500)
MODES = ("joint", "single", "adapt", "adapt_all", "scratch")
SCORES = Path(__file__).parents[1] / "docs" / "sessions.json"
NUM_EDGES = 17  # 16 bins of position, 10 and 6 cm wide
MIN_SPEED_CM_S = 4.0
TRAIN_FRACTION = 0.8

Session = tuple[np.ndarray, np.ndarray, np.ndarray]
Parts = dict[str, np.ndarray]
Make = Callable[[int], Any]
"""Gives an unfitted estimator that trains for as many steps."""


def main() -> None:
    """Runs what is missing, or prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", nargs="+", choices=("cebra_ethan", "cebra"))
    parser.add_argument("--out", type=Path, default=Path("runs/sessions"))
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=MODES)
    parser.add_argument("--steps", type=int, help="instead of those of the recipe")
    parser.add_argument("--table", action="store_true", help="print what is there")
    add_options(parser)
    options = parser.parse_args()
    if options.table or options.library is None:
        print(table(publish(scored(options.out, options.data_root), SCORES)))
        return
    torch.set_num_threads(options.threads)
    run_jobs(jobs(options), options)


def jobs(options: argparse.Namespace) -> list[Job]:
    """Returns all runs, the first seed of everything first."""
    found = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for name in options.sets:
            for mode in options.modes:
                for library in options.library:
                    if mode == "adapt_all" and (library == "cebra" or len(SETS[name]) == 2):
                        continue  # not possible, and no other than "adapt"
                    steps = options.steps or STEPS[name]
                    path = options.out / f"{library}-{name}-{mode}-{seed}.npz"
                    own = {"--library": library, "--sets": name, "--modes": mode}
                    own |= {"--first-seed": str(seed), "--seeds": "1", "--steps": str(steps)}
                    arguments = [part for pair in own.items() for part in pair]
                    here = partial(run, path, options, library, name, mode, seed, steps)
                    found.append(Job(path, arguments, here))
    return found


def run(
    path: Path,
    options: argparse.Namespace,
    library: str,
    name: str,
    mode: str,
    seed: int,
    steps: int,
) -> None:
    """Does one run and writes its file."""
    sessions = load_all(name, options.data_root)
    start = time.perf_counter()
    parts = RUNS[mode](partial(estimator, library, name, seed, options.device), sessions, steps)
    seconds = time.perf_counter() - start
    own = {"seconds": seconds, "steps": steps, "device": options.device, **parts}
    write(path, lambda file: np.savez_compressed(file, **own))


@cache
def load_all(name: str, root: Path) -> list[Session]:
    """Returns the recordings of a set."""
    return [load(root / file) for file in SETS[name]]


def load(path: Path) -> Session:
    """Returns activity, position (m) and one-hot direction of one recording."""
    with np.load(path, allow_pickle=False) as file:
        if "spikes" in file:
            position = file["position"].astype(np.float64)
            return file["spikes"].astype(np.float32), position, file["direction"].astype(float)
        neural = np.zeros(tuple(file["shape"]), dtype=np.float32)
        neural[file["event_frame"], file["event_cell"]] = file["event_amplitude"]
        speed = file["velocity_cm_s"].astype(float)
        rows = np.abs(speed) >= MIN_SPEED_CM_S
        direction = np.stack([speed < 0, speed >= 0], axis=1).astype(float)
        # Amplitudes of about 0.02 leave an encoder at chance: the loss stays at log 512.
        neural = neural[rows]
        neural /= neural[: int(TRAIN_FRACTION * len(neural))].std()
        return neural, file["position_cm"][rows] / 100.0, direction[rows]


def train_part(session: Session) -> Session:
    """Returns the first 80 %."""
    border = int(TRAIN_FRACTION * len(session[0]))
    return session[0][:border], session[1][:border], session[2][:border]


def test_part(session: Session) -> Session:
    """Returns the last 20 %."""
    border = int(TRAIN_FRACTION * len(session[0]))
    return session[0][border:], session[1][border:], session[2][border:]


def labels(session: Session) -> np.ndarray:
    """Returns what the encoder is trained with, `(T, 3)`."""
    return np.column_stack(session[1:]).astype(np.float32)


def estimator(library: str, name: str, seed: int, device: str, steps: int) -> Any:
    """Returns an unfitted estimator of either library."""
    settings: dict[str, Any] = {
        "model_architecture": "offset10-model",
        "batch_size": 512,
        "learning_rate": LEARNING_RATES[name],
        "output_dimension": 3,
        "max_iterations": steps,
        "time_offsets": 10,
        "num_hidden_units": 32,
        "conditional": "time_delta",
        "device": device,
    }
    if library == "cebra":
        from cebra import CEBRA

        seed_globals(seed)  # its weights; its sampling takes no seed
        return CEBRA(**settings)
    from cebra_ethan import CEBRA

    return CEBRA(**settings, random_state=seed)


def seed_globals(seed: int) -> None:
    """Seeds the generators that `cebra` draws from."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the generator that it reads


def embedded(model: Any, sessions: list[Session], first: int = 0) -> dict[str, np.ndarray]:
    """Returns the embeddings of both parts of each session, by name."""
    several = len(sessions) > 1
    found = {}
    for number, session in enumerate(sessions):
        which = {"session_id": number} if several else {}
        for part, cut in (("train", train_part), ("test", test_part)):
            found[f"{part}_{first + number}"] = model.transform(cut(session)[0], **which)
    return found


def joint(make: Make, sessions: list[Session], steps: int) -> Parts:
    """Trains all sessions together."""
    parts = [train_part(one) for one in sessions]
    model = make(steps).fit([one[0] for one in parts], [labels(one) for one in parts])
    return embedded(model, sessions)


def single(make: Make, sessions: list[Session], steps: int) -> Parts:
    """Trains each session by itself."""
    found = {}
    for number, session in enumerate(sessions):
        part = train_part(session)
        found |= embedded(make(steps).fit(part[0], labels(part)), [session], number)
    return found


def adapt(make: Make, sessions: list[Session], steps: int) -> Parts:
    """Trains on the first session, then adapts copies to the last."""
    first, last = train_part(sessions[0]), train_part(sessions[-1])
    base, found = make(steps).fit(first[0], labels(first)), {}
    foreign = type(base).__module__.startswith("cebra.")
    for adapt_steps in ADAPT_STEPS:
        model = copy.deepcopy(base).set_params(max_adapt_iterations=adapt_steps)
        start = time.perf_counter()
        if foreign:
            seed_globals(adapt_steps)
            model.fit(last[0], labels(last), adapt=True)
        else:
            model.adapt(last[0], labels(last))
        found[f"seconds_{adapt_steps}"] = np.asarray(time.perf_counter() - start)
        found[f"train_{adapt_steps}"] = model.transform(last[0])
        found[f"test_{adapt_steps}"] = model.transform(test_part(sessions[-1])[0])
    return found


def adapt_all(make: Make, sessions: list[Session], steps: int) -> Parts:
    """Trains on all sessions but the last, then adapts copies to it."""
    *parts, last = [train_part(one) for one in sessions]
    base = make(steps).fit([one[0] for one in parts], [labels(one) for one in parts])
    found, which = {}, {"session_id": len(parts)}
    for adapt_steps in ADAPT_STEPS:
        model = copy.deepcopy(base).set_params(max_adapt_iterations=adapt_steps)
        start = time.perf_counter()
        model.adapt(last[0], labels(last))
        found[f"seconds_{adapt_steps}"] = np.asarray(time.perf_counter() - start)
        found[f"train_{adapt_steps}"] = model.transform(last[0], **which)
        found[f"test_{adapt_steps}"] = model.transform(test_part(sessions[-1])[0], **which)
    return found


def scratch(make: Make, sessions: list[Session], steps: int) -> Parts:
    """Trains on the last session alone, for as many steps as it is adapted with, not `steps`."""
    last, found = train_part(sessions[-1]), {}
    for adapt_steps in ADAPT_STEPS:
        model = make(adapt_steps)
        start = time.perf_counter()
        model.fit(last[0], labels(last))
        found[f"seconds_{adapt_steps}"] = np.asarray(time.perf_counter() - start)
        found[f"train_{adapt_steps}"] = model.transform(last[0])
        found[f"test_{adapt_steps}"] = model.transform(test_part(sessions[-1])[0])
    return found


RUNS = {
    "joint": joint,
    "single": single,
    "adapt": adapt,
    "adapt_all": adapt_all,
    "scratch": scratch,
}


def scored(folder: Path, root: Path) -> dict[str, Any]:
    """Returns the scores of each run that is there, by the name of its file."""
    found = {}
    for path in sorted(folder.glob("*.npz")):
        _, name, mode, _ = path.stem.split("-")
        with np.load(path, allow_pickle=False) as file:
            parts = dict(file)
        about = {"steps": int(parts["steps"]), "device": str(parts["device"])}
        about["seconds"] = round(float(parts["seconds"]), 1)
        found[path.stem] = {**about, "scores": evaluate(parts, load_all(name, root), mode)}
    return found


def table(found: Mapping[str, Any]) -> str:
    """Returns mean and standard deviation over seeds, of results by the name of their file."""
    scores: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for stem, one in found.items():
        library, name, mode, _ = stem.split("-")
        kept = scores.setdefault((name, mode, library), {})
        for key, value in one["scores"].items():
            kept.setdefault(key, []).append(value)
    lines = [f"{'':47}{'cebra_ethan':>22}{'cebra':>22}{'ratio':>8}"]
    for name in SETS:
        for mode in MODES:
            pair = [scores.get((name, mode, library), {}) for library in ("cebra_ethan", "cebra")]
            for key in dict.fromkeys([*pair[0], *pair[1]]):
                cells = [summary(one.get(key, [])) for one in pair]
                means = [np.mean(one.get(key, [np.nan])) for one in pair]
                lines.append(
                    f"{name:6}{mode:10}{key:31}{cells[0]:>22}{cells[1]:>22}"
                    f"{means[0] / means[1]:8.3f}"
                )
    return "\n".join(["mean ± s.d. over seeds (n)", "", *lines])


def summary(values: list[float]) -> str:
    """Returns mean, spread and number of values."""
    if not values:
        return "not run"
    spread = f"{np.std(values, ddof=1):5.2f}" if len(values) > 1 else "    -"
    return f"{np.mean(values):7.2f} ± {spread} ({len(values)})"


def evaluate(found: dict[str, np.ndarray], sessions: list[Session], mode: str) -> dict[str, float]:
    """Returns median errors in cm and consistencies in % of one run."""
    result = {}
    if mode in ("adapt", "adapt_all", "scratch"):
        position = [cut(sessions[-1])[1] for cut in (train_part, test_part)]
        for steps in ADAPT_STEPS:
            points = [found[f"{part}_{steps}"] for part in ("train", "test")]
            error = decode(points[0], position[0], points[1], position[1])["median"]
            result[f"error after {steps} steps (cm)"] = error
        return result
    for number, session in enumerate(sessions):
        position = [cut(session)[1] for cut in (train_part, test_part)]
        points = [found[f"{part}_{number}"] for part in ("train", "test")]
        error = decode(points[0], position[0], points[1], position[1])["median"]
        result[f"error {number} (cm)"] = error
    result["error, mean of all (cm)"] = float(np.mean(list(result.values())))
    for part, cut in (("test", test_part), ("train", train_part)):
        points = [found[f"{part}_{number}"] for number in range(len(sessions))]
        cuts = [cut(one) for one in sessions]
        for text, both in (("position", False), ("position, direction", True)):
            result[f"consistency {part}, {text} (%)"] = consistency(points, cuts, both)
    return result


def consistency(points: list[np.ndarray], sessions: list[Session], direction: bool) -> float:
    """Returns the mean R2 in % over ordered pairs of sessions."""
    from cebra_ethan.metrics.consistency import consistency_score
    from cebra_ethan.types import Label

    bins: list[Any] = [Label(one[1]) for one in sessions]
    if direction:
        bins = [
            (label, Label(one[2].argmax(axis=1)))
            for label, one in zip(bins, sessions, strict=True)
        ]
    return float(100 * consistency_score(points, bins, num_bins=NUM_EDGES).scores.mean())


if __name__ == "__main__":
    main()
