"""Rows 45 to 47: no save loses a checkpoint, and damage is noticed."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cebra_ethan import CEBRA
from cebra_ethan.errors import CheckpointError
from tests.reliability.checkpoints import PREFIX, refusal

pytestmark = pytest.mark.usefixtures("without_type_checks")

HEADER_LENGTH = range(8 * 48, 8 * 56)


def _crash(*arguments):
    script = Path(__file__).parent / "crash.py"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=250,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks its children")
def test_row45_kill_nine_while_saving(tmp_path, record_property):
    number = 200
    found = _crash("kill", tmp_path, number)
    for name, value in found.items():
        record_property(name, value)
    assert found["lost"] == 0
    assert found["old"] + found["new"] == number
    assert found["left_after_sweep"] == 0
    assert found["inside"] >= 10, "invalid: too few kills landed inside the write"
    assert found["old"] >= 10, "invalid: nearly every save had ended"
    assert found["new"] >= 10, "invalid: nearly no save had ended"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX limits")
def test_row46_disk_full(tmp_path):
    found = _crash("full", tmp_path)
    place = f"OSError: [Errno 27] File too large: '{tmp_path / 'last.ckpt'}'"
    assert found["messages"] == [place] * len(found["messages"])
    assert found["kept"] == len(found["messages"])
    assert found["temporary"] == 0
    assert found["after"] == 2


def test_row47_two_thousand_flipped_bits(saved, tmp_path, record_property):
    """Bits of every part: magic, length, hash, header, metadata, each tensor."""
    _, content = saved
    path, draw = tmp_path / "flipped.ckpt", np.random.default_rng(0)
    header = struct.unpack_from("<Q", content, PREFIX.size)[0]
    tensors = PREFIX.size + 8 + header
    parts = [(0, 8), (8, 16), (16, 48), (48, 56), (56, tensors), (tensors, len(content))]
    bits = [int(b) for first, last in parts for b in draw.integers(8 * first, 8 * last, 200)]
    bits += draw.integers(0, 8 * len(content), 2000 - len(bits)).tolist()
    refused = 0
    for bit in bits:
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        message = refusal(path)
        assert str(path) in message
        words = {bit < 64: "begins with", bit in range(64, 128): "truncated"}
        assert words.get(True, "checksum") in message or bit in HEADER_LENGTH, (bit, message)
        refused += 1
    record_property("refused", refused)
    assert refused == 2000


@pytest.mark.parametrize("part", range(64))
def test_row47_truncated(saved, part, tmp_path):
    _, content = saved
    path = tmp_path / "short.ckpt"
    path.write_bytes(content[: len(content) * part // 64])
    with pytest.raises(CheckpointError, match="truncated" if part else "an empty file") as caught:
        CEBRA.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("length", [*range(1, 50), -1, 1])
def test_row47_truncated_in_the_prefix_or_too_long(saved, length, tmp_path):
    _, content = saved
    path = tmp_path / "other.ckpt"
    path.write_bytes(content[:length] if length > 0 else content + b"x")
    with pytest.raises(CheckpointError, match=r"truncated|begins with") as caught:
        CEBRA.load(path)
    assert str(path) in str(caught.value)
