"""NWB: spikes and series into bins, behaviour on the same bins, trials as trials."""

import datetime

import numpy as np
import pytest

from cebra_ethan.data.readers import read
from cebra_ethan.errors import DataError

pynwb = pytest.importorskip("pynwb", reason="pynwb comes with the extra data")

CLOCK_S = np.arange(0, 10.001, 0.01)
SPIKES_S = ([0.05, 0.06, 2.31, 9.9], [1.0, 1.15, 7.77])


def _session(path, *, units=True, trials=True, fluorescence=False):
    session = pynwb.NWBFile(
        session_description="test",
        identifier="a",
        session_start_time=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    )
    behaviour = session.create_processing_module("behavior", "what the animal did")
    position = pynwb.behavior.Position(name="Position")
    position.create_spatial_series(
        name="place",
        data=CLOCK_S * 10,
        timestamps=CLOCK_S,
        reference_frame="start",
        unit="m",
        conversion=0.01,
    )
    behaviour.add(position)
    behaviour.add(
        pynwb.TimeSeries(
            name="state",
            data=(CLOCK_S >= 5).astype(np.uint8),
            unit="n/a",
            rate=100.0,
            starting_time=0.0,
        )
    )
    if fluorescence:
        traces = np.arange(300.0).reshape(100, 3)
        session.add_acquisition(
            pynwb.TimeSeries(name="traces", data=traces, unit="a.u.", rate=10.0, starting_time=0.0)
        )
    if units:
        for times in SPIKES_S:
            session.add_unit(spike_times=np.array(times))
    if trials:
        session.add_trial(start_time=6.0, stop_time=8.05)
        session.add_trial(start_time=0.0, stop_time=1.5)
    with pynwb.NWBHDF5IO(str(path), "w") as file:
        file.write(session)
    return path


def test_spikes_in_trials(tmp_path):
    recording = read(
        _session(tmp_path / "a.nwb"), labels={"x": "place", "state": "state"}, bin_s=0.1
    )
    assert recording.segments.tolist() == [[0, 15], [15, 35]]
    assert recording.neural.shape == (35, 2)
    assert recording.neural[:, 0].nonzero().tolist() == [[0]]
    assert recording.neural[0, 0] == 2
    assert recording.neural[:, 1].nonzero().flatten().tolist() == [10, 11, 32]
    centre_s = np.r_[np.arange(15), 60 + np.arange(20)] * 0.1 + 0.05
    np.testing.assert_allclose(recording.labels["x"].to_numpy(), centre_s * 0.1, atol=1e-6)
    assert recording.labels["state"].kind == "categorical"
    assert recording.labels["state"].to_numpy().tolist() == [0] * 15 + [1] * 20
    assert recording.bin_s == 0.1


def test_spikes_without_trials(tmp_path):
    path = _session(tmp_path / "a.nwb", trials=False)
    recording = read(path, bin_s=0.5, labels="place")
    assert recording.trial is None
    assert len(recording) == 19  # from the first spike, 0.05 s, to the last, 9.9 s
    assert list(recording.labels) == ["place"]


def test_series_as_activity(tmp_path):
    path = _session(tmp_path / "a.nwb", units=False, fluorescence=True)
    recording = read(path, neural="traces", labels=["place"])
    assert recording.bin_s == pytest.approx(0.1)
    assert recording.segments.tolist() == [[0, 15], [15, 36]]
    assert recording.neural[15].tolist() == [180, 181, 182]
    np.testing.assert_allclose(recording.labels["place"].to_numpy()[15], 0.6, atol=1e-6)
    with pytest.raises(DataError, match=r"traces in .*a\.nwb has 0\.1 s, got 0\.05"):
        read(path, neural="traces", bin_s=0.05)
    with pytest.raises(DataError, match=r"a\.nwb holds the time series .*traces"):
        read(path)


def test_errors_say_what_there_is(tmp_path):
    path = _session(tmp_path / "a.nwb")
    with pytest.raises(DataError, match=r"got bin_s=None. Pass bin_s="):
        read(path)
    with pytest.raises(DataError, match=r"got 'speed'. Available: units, .*place"):
        read(path, labels="speed", bin_s=0.1)
    with pytest.raises(DataError, match=r"got 'laps'. Available: trials"):
        read(path, trial="laps", bin_s=0.1)
    with pytest.raises(DataError, match=r"none of .*a\.nwb lasts 5"):
        read(path, bin_s=5.0)
    with pytest.raises(DataError, match="labels must be time series"):
        read(path, labels="units", bin_s=0.1)
    bare = _session(tmp_path / "b.nwb", units=False)
    with pytest.raises(DataError, match=r"b\.nwb has none"):
        read(bare, neural="units", bin_s=0.1)
