"""The recordings of each experiment are rows of the registry, and can be had."""

import pytest

from cebra_ethan.datasets import DATASETS
from config import EXPERIMENTS
from data_loader import RECORDINGS, load

VISUAL = {"num_neurons": 4, "num_mice": 2, "num_repeats": 2}
SMALL = {
    "hippocampus": {"num_bins": 60, "num_neurons": 3},
    "multi_session": {"num_bins": 60, "num_neurons": 3},
    "primate": {"num_active": 2, "num_passive": 1, "num_units": 3},
    "synthetic": {"num_points": 10},
    "allen": VISUAL,
    "video_decoding": VISUAL,
}


def test_every_experiment_has_rows():
    wanted = {(name, source) for name in EXPERIMENTS for source in ("simulated", "real")}
    assert wanted == set(RECORDINGS)
    assert {row for rows in RECORDINGS.values() for row in rows} <= set(DATASETS)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_simulated_recordings_are_made(name):
    recordings = load(name, **SMALL[name])
    assert len(recordings) == len(RECORDINGS[name, "simulated"])
    assert all("simulated" in one.source.lower() for one in recordings)


def test_an_unknown_experiment_is_told():
    with pytest.raises(ValueError, match=r"there are recordings for .*; got rats \(simulated\)"):
        load("rats")
