"""Your own NWB file: spike times and behaviour become bins, a circular label, an embedding.

The file is written here first, with simulated head-direction cells: put the path of yours in its
place. Needs the extra `data`.
"""

import datetime
import tempfile
from pathlib import Path

import numpy as np
import pynwb

from cebra_ethan import CEBRA, Label
from cebra_ethan.data.readers import read
from cebra_ethan.data.split import time_split
from cebra_ethan.metrics.decoding import decode, windowed_counts


def write_simulated_session(path, duration_s=150.0, step_s=0.01, num_neurons=30, seed=0):
    rng = np.random.default_rng(seed)
    clock_s = np.arange(0, duration_s, step_s)
    # Not wrapped at 360: the reader interpolates floats, and 359 to 1 must not pass through 180.
    degrees = np.cumsum(rng.normal(0, 3, len(clock_s)))
    session = pynwb.NWBFile(
        session_description="simulated head-direction cells",
        identifier="simulated",
        session_start_time=datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
    )
    for preferred in np.linspace(0, 360, num_neurons, endpoint=False):
        rate_hz = 20 * np.exp(3 * (np.cos(np.radians(degrees - preferred)) - 1))
        spikes = np.repeat(clock_s, rng.poisson(rate_hz * step_s))
        session.add_unit(spike_times=np.sort(spikes + rng.uniform(0, step_s, len(spikes))))
    behaviour = session.create_processing_module("behavior", "what the animal did")
    behaviour.add(
        pynwb.TimeSeries(name="heading", data=degrees, unit="degrees", timestamps=clock_s)
    )
    with pynwb.NWBHDF5IO(str(path), "w") as file:
        file.write(session)


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "session.nwb"
    write_simulated_session(path)
    session = read(path, labels="heading", bin_s=0.05)  # counts spikes of all units in 50 ms

print(f"Simulated session: {len(session)} bins of {session.bin_s} s, {session.num_neurons} units")
train, test = time_split(session, test_fraction=0.2, gap=20)
heading, truth = (
    Label(part.labels["heading"].to_numpy(), "circular", period=360, name="heading")
    for part in (train, test)
)
cebra = CEBRA(
    model_architecture="offset5-model",
    output_dimension=3,
    batch_size=256,
    max_iterations=250,
    learning_rate=1e-3,
    random_state=0,
)
cebra.fit(train.neural, heading)

points = decode(cebra.transform(train.neural), heading, cebra.transform(test.neural), truth)
counts = decode(windowed_counts(train.neural, 5), heading, windowed_counts(test.neural, 5), truth)
print("Heading, held out, median error of nearest neighbours:")
print(f"  with the embedding        {points.median_error:5.1f} degrees")
print(f"  no embedding, from counts {counts.median_error:5.1f} degrees")
print(f"  chance, a constant angle  {points.chance.median_error:5.1f} degrees")
