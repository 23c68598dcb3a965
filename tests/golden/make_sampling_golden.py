"""Makes `sampling.npz`: rows that `cebra` 0.6.1 draws, one array for each of its samplers.

Run with an environment that has `cebra`:
`python tests/golden/make_sampling_golden.py`.

Each array `<sampler>` is `(3, draws)`: reference, positive, negative. `position` `(T, 2)` and
`turn` `(T,)` are the labels that were sampled, of an animal that rests a fifth of the time, so
that labels repeat. `cebra` ignores seeds (it asks the operating system), so its generators are
seeded here from outside; another version of torch may differ in the draws, not in their
distribution.
"""

import pathlib

import cebra.distributions as cd
import numpy as np
import torch

NUM_BINS, NUM_DRAWS, TIME_OFFSET, DELTA = 2000, 2000, 10, 0.15


def labels():
    """Returns position and turn of a simulated animal."""
    rng = np.random.default_rng(0)
    velocity = np.zeros((NUM_BINS, 2))
    for t in range(1, NUM_BINS):
        velocity[t] = 0.9 * velocity[t - 1] + 0.02 * rng.standard_normal(2)
    moving = (np.arange(NUM_BINS) // 20) % 5 != 0
    position = np.cumsum(velocity * moving[:, None], axis=0)
    position = np.abs(position % 2 - 1)  # walls reflect
    turn = np.digitize(np.sin(np.arange(NUM_BINS) / 60), [-0.8, 0.3])
    return position.astype(np.float32).astype(np.float64), turn


def seeded(distribution, seed):
    """Returns the distribution with its private generators seeded."""
    distribution.generator.manual_seed(seed)
    if hasattr(distribution, "prior") and hasattr(distribution.prior, "generator"):
        distribution.prior.generator.manual_seed(seed + 1)
    np.random.seed(seed)  # noqa: NPY002, the only one that `cebra` listens to
    torch.manual_seed(seed)
    return distribution


def draw(distribution):
    """Returns reference, positive, negative as the loaders of `cebra` draw them."""
    both = distribution.sample_prior(2 * NUM_DRAWS)
    reference, negative = both[:NUM_DRAWS], both[NUM_DRAWS:]
    return reference, distribution.sample_conditional(reference), negative


def draw_classes(distribution, turn):
    """As `draw`; the conditional of classes is asked with labels, not with rows."""
    reference = distribution.sample_prior(NUM_DRAWS)
    negative = distribution.sample_prior(NUM_DRAWS)
    return reference, distribution.sample_conditional(turn[reference]), negative


def main():
    """Writes the file beside this one."""
    position, turn = labels()
    continuous, discrete = torch.from_numpy(position), torch.from_numpy(turn)
    drawn = {
        "time": draw(seeded(cd.TimeContrastive(continuous, TIME_OFFSET), 1)),
        "time_delta": draw(seeded(cd.TimedeltaDistribution(continuous, TIME_OFFSET), 2)),
        "delta_normal": draw(seeded(cd.DeltaNormalDistribution(continuous, DELTA), 3)),
        "discrete_empirical": draw_classes(seeded(cd.DiscreteEmpirical(discrete), 4), discrete),
        "discrete_uniform": draw_classes(seeded(cd.DiscreteUniform(discrete), 5), discrete),
        "mixed": draw(seeded(cd.MixedTimeDeltaDistribution(discrete, continuous, TIME_OFFSET), 6)),
    }
    np.savez_compressed(
        pathlib.Path(__file__).with_name("sampling.npz"),
        position=position.astype(np.float32),
        turn=turn.astype(np.int8),
        time_offset=TIME_OFFSET,
        delta=DELTA,
        **{name: torch.stack(rows).numpy().astype(np.int16) for name, rows in drawn.items()},
    )


if __name__ == "__main__":
    main()
