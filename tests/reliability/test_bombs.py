"""Row 50: a file cannot make its reader slow, large or wrong."""

import json
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cebra_ethan import CEBRA
from cebra_ethan.errors import CheckpointError
from cebra_ethan.solver.checkpoint import load_state, save_state
from tests.reliability.checkpoints import PREFIX, changed, put, refusal, write
from tests.reliability.helpers import NEURAL

pytestmark = pytest.mark.usefixtures("without_type_checks")


def _nested(depth, start="[", stop="]"):
    return '{"schema":1,"state":' + start * depth + stop * depth + "}"


def _header(entries, data=b""):
    text = json.dumps(entries).encode() if not isinstance(entries, bytes) else entries
    return struct.pack("<Q", len(text)) + text + data


def _entry(shape, first, last, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


OURS = {"cebra_ethan": '{"schema":1,"state":{"dict":[["w",{"tensor":"w"}]]}}'}
LEVEL = '{"list":['
BOMBS = {
    "million brackets": {"text": _nested(10**6)},
    "million braces": {"text": _nested(200_000, '{"a":', "}")},
    "deep nest of ours": {"text": _nested(100_000, LEVEL, "]}")},
    "nest below the parser's limit": {"text": _nested(900, LEVEL, "]}")},
    "million numbers": {"text": '{"schema":1,"state":[' + "0," * 10**6 + "0]}"},
    "ten million numbers": {"text": '{"schema":1,"state":[' + "0," * 10**7 + "0]}"},
    "million empty mappings": {"text": '{"schema":1,"state":[' + "{}," * 600_000 + "{}]}"},
    "number of a million digits": {"text": '{"schema":' + "9" * 10**6 + "}"},
    "duplicate key": {"text": '{"schema":1,"schema":1,"state":{"dict":[]}}'},
    "duplicate key inside": {"text": '{"schema":1,"state":{"dict":[["a",1],["a",2]]}}'},
    "two kinds": {"text": '{"schema":1,"state":{"list":[],"tuple":[]}}'},
    "unknown kind": {"text": '{"schema":1,"state":{"object":"os.system"}}'},
    "key that cannot be one": {"text": '{"schema":1,"state":{"dict":[[{"list":[]},1]]}}'},
    "absent tensor": {"text": '{"schema":1,"state":{"tensor":"b"}}'},
    "number at the root": {"text": "3"},
    "state of a number": {"text": '{"schema":1,"state":3}'},
    "no state": {"text": '{"schema":1}'},
    "not a number": {"text": "{nan"},
    "half a surrogate": {"text": '{"schema":1,"state":"\\ud800"}'},
    "header of 1 GB": {"body": struct.pack("<Q", 1 << 30) + b"{}"},
    "header of 2**63": {"body": struct.pack("<Q", 1 << 63) + b"{}"},
    "header of 2**64 - 1": {"body": b"\xff" * 8 + b"{}"},
    "header of 100 MB": {"body": struct.pack("<Q", 10**8) + b" " * 10**8},
    "no header": {"body": b""},
    "no metadata": {"body": _header({"w": _entry([0], 0, 0)})},
    "foreign metadata": {"body": _header({"__metadata__": {"format": "pt"}})},
    "metadata of a list": {"body": _header({"__metadata__": [1]})},
    "metadata of a number": {"body": _header({"__metadata__": {"cebra_ethan": 3}})},
    "duplicate tensor": {
        "body": _header(b'{"a":{},"a":{}}'),
    },
    "negative offsets": {
        "body": _header({"__metadata__": OURS, "w": _entry([2], -8, 0)}, bytes(8)),
    },
    "reversed offsets": {
        "body": _header({"__metadata__": OURS, "w": _entry([2], 8, 0)}, bytes(8)),
    },
    "offsets beyond the end": {
        "body": _header({"__metadata__": OURS, "w": _entry([2], 0, 10**12)}, bytes(8)),
    },
    "overlap": {
        "body": _header(
            {"__metadata__": OURS, "w": _entry([2], 0, 8), "v": _entry([2], 4, 12)}, bytes(12)
        ),
    },
    "hole": {
        "body": _header(
            {"__metadata__": OURS, "w": _entry([1], 0, 4), "v": _entry([1], 8, 12)}, bytes(12)
        ),
    },
    "bytes after the tensors": {
        "body": _header({"__metadata__": OURS, "w": _entry([1], 0, 4)}, bytes(99)),
    },
    "shape of 10**18": {
        "body": _header({"__metadata__": OURS, "w": _entry([10**9, 10**9], 0, 4)}, bytes(4)),
    },
    "shape that overflows": {
        "body": _header({"__metadata__": OURS, "w": _entry([2**63, 2**63], 0, 4)}, bytes(4)),
    },
    "negative shape": {
        "body": _header({"__metadata__": OURS, "w": _entry([-1], 0, 4)}, bytes(4)),
    },
    "unknown type": {
        "body": _header({"__metadata__": OURS, "w": _entry([1], 0, 4, "OBJ")}, bytes(4)),
    },
}
MOST_SECONDS = 1.0
MOST_MEGABYTES = 64


def _status(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


def _peak_growth(function):
    """Returns by how many megabytes the process grew at most while a function ran."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from what is held now
    before = _status("VmRSS")
    start = time.process_time()
    function()
    return _status("VmHWM") - before, time.process_time() - start


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_row50_the_peak_is_measured():
    growth, _ = _peak_growth(lambda: np.ones(10 << 20).sum())
    assert 70 < growth < 100


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_row50_bombs(name, tmp_path, record_property):
    path = write(tmp_path / "bomb.ckpt", **BOMBS[name])
    messages = []
    growth, seconds = _peak_growth(lambda: messages.append(refusal(path)))
    record_property("megabytes", growth)
    assert messages[0] != "LOADED"
    assert not messages[0].startswith("ANOTHER CLASS")
    assert str(path) in messages[0]
    assert seconds < MOST_SECONDS
    assert growth < MOST_MEGABYTES


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("duplicate key", "a key stands twice"),
        ("duplicate key inside", "a key stands twice"),
        ("duplicate tensor", "a key stands twice"),
        ("negative offsets", "no valid state .*w|no valid state .*[Oo]ffset|invalid value"),
        ("overlap", "no valid state .*[Oo]ffset"),
        ("hole", "no valid state .*[Oo]ffset"),
        ("bytes after the tensors", "no valid state .*[Mm]etadata|no valid state .*[Bb]uffer"),
        ("header of 1 GB", "its header claims 1073741824 bytes"),
        ("absent tensor", "no valid state .*'b'"),
        ("unknown kind", "unknown kind 'object'"),
        ("unknown type", "OBJ"),
    ],
)
def test_row50_the_field_is_named(name, message, tmp_path):
    path = write(tmp_path / "bomb.ckpt", **BOMBS[name])
    with pytest.raises(CheckpointError, match=message):
        load_state(path)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    "change",
    [
        put("params", "num_hidden_units", value=10**9),
        put("params", "num_hidden_units", value=(1 << 24) - 1),
        put("params", "output_dimension", value=(1 << 24) - 1),
        put("params", "model_architecture", value="offset999-model"),
        put("params", "model_architecture", value="attention-offset10-model"),
        put("fitted", "n_features_in_", value=(1 << 24) - 1),
    ],
    ids=["10**9 units", "2**24 units", "2**24 dimensions", "999 bins", "attention", "neurons"],
)
def test_row50_bombs_of_numbers(saved, change, tmp_path):
    path = changed(saved, tmp_path, change)
    messages = []
    growth, seconds = _peak_growth(lambda: messages.append(refusal(path)))
    again = [_peak_growth(lambda: refusal(path))[1] for _ in range(2)]  # cores may be shared
    assert str(path) in messages[0]
    assert messages[0] != "LOADED"
    assert not messages[0].startswith("ANOTHER CLASS")
    assert min(seconds, *again) < MOST_SECONDS
    assert growth < MOST_MEGABYTES


def test_row50_what_cannot_be_read_is_not_written(tmp_path):
    path = tmp_path / "long.ckpt"
    with pytest.raises(CheckpointError, match=r"must not exceed 2097152 bytes"):
        save_state(path, {"list": list(range(10**6))})
    assert not path.exists()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_row50_any_body_is_refused_or_whole(saved, data, tmp_path_factory):
    """Bytes of the body are changed under a valid checksum, so that the parsers see them."""
    body = bytearray(saved[1][PREFIX.size :])
    header = 8 + struct.unpack_from("<Q", body)[0]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, header - 1))
        body[place] = data.draw(
            st.one_of(st.sampled_from(b'0123456789{}[]",:-.eE '), st.integers(0, 255))
        )
    path = write(tmp_path_factory.getbasetemp() / "fuzz.ckpt", body=bytes(body))
    message = refusal(path)
    assert not message.startswith("ANOTHER CLASS"), message
    if message == "LOADED":
        assert np.isfinite(CEBRA.load(path).transform(NEURAL)).all()
    else:
        assert str(path) in message
