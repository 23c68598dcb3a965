"""Makes `multisession.npz`: rows that `cebra` 0.6.1 draws from three sessions together.

Run with an environment that has `cebra`:
`python tests/golden/make_multisession_golden.py`.

`<sampler>_reference` and `<sampler>_positive` are `(sessions, draws)`: bins inside the session of
the reference, and bins inside the session that the positive was drawn in; `<sampler>_assigned` is
that session. Row i belongs to row i. `position_<k>` and `turn_<k>` are the labels of session k;
the sessions differ in length, in where the animal was, and in how fast it ran.
"""

import pathlib

import cebra.data as cd
import cebra.distributions as distributions
import numpy as np
import torch

LENGTHS, SPEEDS, NUM_DRAWS, TIME_OFFSET = (1500, 900, 600), (1.0, 0.5, 2.0), 1500, 10


def labels(session):
    """Returns position and turn of one simulated animal."""
    rng = np.random.default_rng(session)
    velocity = np.zeros((LENGTHS[session], 2))
    for t in range(1, len(velocity)):
        velocity[t] = 0.9 * velocity[t - 1] + 0.02 * SPEEDS[session] * rng.standard_normal(2)
    position = np.abs((np.cumsum(velocity, axis=0) + 0.3 * session) % 2 - 1)
    turn = np.digitize(np.sin(np.arange(len(position)) / 60 + session), [-0.8, 0.3])
    return position.astype(np.float32), turn


def rows_in_order(sampler, num_draws):
    """Returns references, positives in the order of the references, and assigned sessions."""
    reference = np.asarray(sampler.sample_prior(num_draws))
    found = sampler.sample_conditional(reference)
    positive, back = np.asarray(found[0]), np.asarray(found[2])
    session = np.repeat(np.arange(len(LENGTHS)), num_draws)
    positive, assigned = positive.flatten()[back], session[back]
    shape = reference.shape
    return reference, positive.reshape(shape), assigned.reshape(shape)


def main():
    """Writes the file beside this one."""
    np.random.seed(0)  # noqa: NPY002, what `cebra` listens to
    torch.manual_seed(0)
    data = [labels(session) for session in range(len(LENGTHS))]
    kept = {}
    for name, kind, make in (
        ("time_delta", "continuous", distributions.MultisessionSampler),
        ("discrete", "discrete", distributions.DiscreteMultisessionSampler),
    ):
        column = 0 if kind == "continuous" else 1
        collection = cd.DatasetCollection(
            *(
                cd.TensorDataset(
                    torch.zeros(len(one[0]), 4),
                    **{kind: torch.from_numpy(one[column])},
                )
                for one in data
            )
        )
        sampler = make(collection, *([TIME_OFFSET] if kind == "continuous" else []))
        rows = rows_in_order(sampler, NUM_DRAWS)
        for part, values in zip(("reference", "positive", "assigned"), rows, strict=True):
            kept[f"{name}_{part}"] = values.astype(np.int16)
    for session, (position, turn) in enumerate(data):
        kept[f"position_{session}"] = position
        kept[f"turn_{session}"] = turn.astype(np.int8)
    file = pathlib.Path(__file__).with_name("multisession.npz")
    np.savez_compressed(file, time_offset=TIME_OFFSET, **kept)


if __name__ == "__main__":
    main()
