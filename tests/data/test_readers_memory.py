"""Objects of other libraries: the same numbers, labels on the same bins."""

import numpy as np
import pytest
import torch

from cebra_ethan.data.readers import from_memory
from cebra_ethan.data.readers.memory import MEMORY, align
from cebra_ethan.errors import DataError, DataTypeError

ACTIVITY = np.arange(12.0).reshape(6, 2)


@pytest.mark.parametrize(
    "data",
    [
        ACTIVITY,
        ACTIVITY.astype(np.uint8),
        ACTIVITY.tolist(),
        torch.tensor(ACTIVITY, requires_grad=True),
        torch.tensor(ACTIVITY).to(torch.bfloat16),
        np.ma.array(ACTIVITY),
    ],
    ids=lambda data: type(data).__name__,
)
def test_arrays(data):
    recording = from_memory(
        data, labels={"x": np.linspace(0, 1, 6)}, trial=list("aabbcc"), bin_s=1.0
    )
    assert recording.neural.tolist() == ACTIVITY.tolist()
    assert recording.labels["x"].kind == "continuous"
    assert recording.segments.tolist() == [[0, 2], [2, 4], [4, 6]]


def test_what_is_no_activity():
    with pytest.raises(DataTypeError, match="objects of numpy, torch, pandas"):
        from_memory({"a": 1})
    with pytest.raises(DataTypeError, match=r"got dtype <U1\. Convert it"):
        from_memory([["a", "b"]])
    with pytest.raises(DataError, match="must not be masked"):
        from_memory(np.ma.masked_greater(ACTIVITY, 5))


def test_pandas():
    pandas = pytest.importorskip("pandas", reason="pandas comes with the extra data")
    frame = pandas.DataFrame(ACTIVITY, columns=["u1", "u2"])
    frame["side"], frame["lap"] = list("lrlrlr"), [1, 1, 1, 2, 2, 2]
    side = pandas.Series(np.linspace(0, 1, 6))
    recording = from_memory(frame, labels={"side": "side", "x": side}, trial="lap")
    assert recording.neural.tolist() == ACTIVITY.tolist()
    assert recording.labels["side"].to_numpy().tolist() == list("lrlrlr")
    assert recording.labels["x"].kind == "continuous"
    assert recording.segments.tolist() == [[0, 3], [3, 6]]
    assert from_memory(frame["u2"]).neural[:, 0].tolist() == ACTIVITY[:, 1].tolist()
    with pytest.raises(DataError, match=r"'y' is no column\. Available: u1, u2, side, lap"):
        from_memory(frame, labels={"y": "y"})
    with pytest.raises(DataTypeError, match="Convert it, or name columns of words as labels"):
        from_memory(frame)


def test_xarray():
    xarray = pytest.importorskip("xarray", reason="xarray comes with the extra data")
    array = xarray.DataArray(
        ACTIVITY.T,
        dims=("unit", "time"),
        coords={"x": ("time", np.linspace(0, 1, 6)), "depth": ("unit", [1, 2])},
    )
    recording = from_memory(array, labels={"x": "x", "own": array.coords["x"]})
    assert recording.neural.tolist() == ACTIVITY.tolist()
    assert torch.equal(recording.labels["x"].values, recording.labels["own"].values)
    with pytest.raises(DataError, match=r"along time or hold values; got 'depth'\. Available: x"):
        from_memory(array, labels={"depth": "depth"})
    with pytest.raises(DataTypeError, match=r"got a Dataset\. Pass one of its variables"):
        from_memory(xarray.Dataset({"a": array}))


def test_pynapple():
    nap = pytest.importorskip("pynapple", reason="pynapple comes with the extra data")
    spikes = nap.TsGroup(
        {0: nap.Ts(np.array([0.05, 0.06, 0.35])), 1: nap.Ts(np.array([0.15, 0.95]))},
        time_support=nap.IntervalSet(0, 1),
    )
    clock = np.arange(0, 1.01, 0.01)
    labels = {
        "x": nap.Tsd(t=clock, d=2 * clock),
        "lap": nap.Tsd(t=clock, d=(clock > 0.5).astype(int)),
        "hand": nap.TsdFrame(t=clock, d=np.stack([clock, -clock], axis=1)),
    }
    recording = from_memory(spikes, labels=labels, bin_s=0.1)
    assert recording.neural.shape == (10, 2)
    assert recording.neural[:, 0].tolist() == [2, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    centre_s = np.arange(10) * 0.1 + 0.05
    np.testing.assert_allclose(recording.labels["x"].to_numpy(), 2 * centre_s, atol=1e-9)
    assert recording.labels["lap"].to_numpy().tolist() == [0] * 5 + [1] * 5
    assert recording.labels["hand"].values.shape == (10, 2)
    assert recording.trial is None
    with pytest.raises(DataError, match=r"got a TsGroup. Pass bin_s="):
        from_memory(spikes)

    epochs = nap.IntervalSet(start=[0, 0.5], end=[0.3, 1.0])
    frame = nap.TsdFrame(t=clock, d=np.ones((101, 3))).restrict(epochs)
    recording = from_memory(frame)
    assert recording.segments.tolist() == [[0, 31], [31, 82]]
    assert recording.bin_s == pytest.approx(0.01)
    assert from_memory(nap.Tsd(t=clock, d=clock)).num_neurons == 1
    with pytest.raises(DataError, match=r"x must cover all bins; it spans 0 to 0\.3 s"):
        from_memory(frame, labels={"x": labels["x"].restrict(epochs[0])})


def test_align():
    source_s, wanted_s = np.array([0.0, 1.0, 3.0]), np.array([0.0, 0.5, 0.6, 2.0, 3.0])
    floats = align(source_s, np.array([0.0, 10.0, 30.0]), wanted_s, "x")
    np.testing.assert_allclose(floats, [0, 5, 6, 20, 30])
    assert align(source_s, np.array(["a", "b", "c"]), wanted_s, "x").tolist() == list("aabbc")
    assert align(source_s[:1], np.array([7]), np.zeros(2), "x").tolist() == [7, 7]
    with pytest.raises(DataError, match="times of x must ascend"):
        align(source_s[::-1], np.zeros(3), wanted_s, "x")


def test_table_names_libraries():
    assert list(MEMORY) == ["numpy", "torch", "pandas", "xarray", "pynapple"]
