"""The benchmark beside `cebra` measures what it says; how fast anything is plays no part."""

import importlib.util
import io
import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks.speed import __main__ as program
from benchmarks.speed import limits, machine, quality, rat, report, stats
from benchmarks.speed.data import LABELS, Session, sessions
from benchmarks.speed.libraries import CEBRA, LIBRARIES, OURS
from benchmarks.speed.pair import Options, WorkerFailed, ask_once, measure
from benchmarks.speed.rows import CURVE_NAMES, CURVES, ROWS, Row, points_of, select, tiny
from benchmarks.speed.worker import Gate, Meter, _End, _spent
from tests.reference.infonce import infonce

EVERY = (*ROWS, *CURVES)
BY_NAME = {row.name: row for row in EVERY}
has_cebra = importlib.util.find_spec("cebra") is not None


def quick(*libraries):
    return Options(repeats=2, threads=1, libraries=libraries, tiny=True, limit_s=120)


def test_names_are_unique_and_found():
    assert len(BY_NAME) == len(EVERY)
    assert [row.name for row in select(["10"])] == ["10", "10-32768"]
    assert {curve for row in select(["curves"]) for curve in row.on} == set(CURVE_NAMES)
    assert [row.on["batch"] for row in points_of("batch")] == [512 * 2**k for k in range(7)]
    assert {"2", "5"} <= {row.name for row in select(["length"])}
    assert [row.name for row in select([], "cuda")] == ["1", "2", "5", "10", "11"]
    with pytest.raises(ValueError, match="rows, curves, length, batch, neurons, sessions, 1"):
        select(["99"])


@pytest.mark.parametrize("labels", LABELS)
def test_both_libraries_get_the_same_recording(labels):
    row = Row(name="", work="", num_bins=(50, 60), num_neurons=(3, 4), labels=labels)
    first, second = sessions(row, held_out=5), sessions(row, held_out=5)
    assert [one.neural.shape for one in first] == [(55, 3), (65, 4)]
    for one, other in zip(first, second, strict=True):
        assert one.neural.dtype == np.float32
        assert len(one.labels) == len(other.labels)
        for a, b in zip((one.neural, *one.labels), (other.neural, *other.labels), strict=True):
            assert len(a) == len(one.neural)
            np.testing.assert_array_equal(a, b)


def test_movie_labels_repeat():
    _, (label,) = LABELS["movie"](9_000, np.random.default_rng(0))
    assert label.shape == (9_000, 768)
    assert len(np.unique(label[:, :4], axis=0)) == 900


def test_ratio_is_that_of_the_medians():
    found = stats.ratio([10.0, 30.0, 20.0], [2.0, 1.0, 100.0])
    assert found["median"] == 10
    assert found["low"] <= 10 <= found["high"]
    assert found["of_means"] == pytest.approx(60 / 103)


def test_a_training_stands_still_between_requests(monkeypatch):
    asked = "\n".join(json.dumps({"run": n}) for n in (3, 6))
    monkeypatch.setattr("sys.stdin", io.StringIO(asked))
    answers = io.StringIO()
    gate = Gate(Meter(answers, cuda=False), {"ready": True})

    def train():
        for step in range(0, 100, 2):  # a library that looks every second step
            gate(step, None)

    with pytest.raises(_End):
        train()
    said = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert said[0] == {"ready": True}
    assert [one["steps"] for one in said[1:]] == [4, 6]  # whole looks, and none is lost
    assert all(one["seconds"] > 0 and one["peak_bytes"] > 0 for one in said[1:])


def test_kernels_of_a_gpu_are_summed_and_named():
    def event(name, us, device="DeviceType.CUDA", label=False):
        span = SimpleNamespace(elapsed_us=lambda: us)
        own = {"name": name, "time_range": span, "device_type": device}
        return SimpleNamespace(**own, is_user_annotation=label)

    events = [
        event("sm90_xmma_gemm_f32", 4_000),
        event("elementwise", 1_000),
        event("elementwise", 1_000),
        event("Memcpy HtoD", 9_000),
        event("Optimizer.step#Adam.step", 9_000, label=True),
        event("aten::mm", 9_000, "DeviceType.CPU"),
    ]
    found = _spent(SimpleNamespace(events=lambda: events), steps=2)
    assert (found["kernel_ms"], found["matrix_kernel_ms"]) == (3, 2)
    assert list(found["top_ms"]) == ["sm90_xmma_gemm_f32", "elementwise"]


def test_the_judge_takes_the_published_loss():
    rng = np.random.default_rng(0)
    row = Row(name="", work="", labels="none", conditional="time")
    points = rng.normal(size=(30, 3))
    part = Session(np.zeros((30, 1), np.float32), ())
    found = quality.held_out_loss(row, [part], [points], num_batches=1, batch=6, seed=3)
    draws = np.random.default_rng(3)
    negative = draws.integers(30, size=6)
    draws.integers(1)  # the session of the positives
    reference = draws.integers(20, size=6)
    others = [points[n] for n in negative]
    terms = [infonce(points[r], points[r + 10], others, 1.0, "cosine") for r in reference]
    assert found == pytest.approx(np.mean(terms))


@pytest.mark.parametrize("row", ["2", "6", "8-discrete", "8-mixed", "8-hybrid", "11"])
def test_the_judge_prefers_embeddings_of_the_label(row):
    row = tiny(BY_NAME[row])
    parts = sessions(row)
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(len(one.neural), 8)) for one in parts]
    mixing = [rng.normal(size=(one.labels[0].reshape(len(one.neural), -1).shape[1], 8))
              for one in parts[:1]] * len(parts)  # fmt: skip
    told = []
    for one, mix in zip(parts, mixing, strict=True):
        label = one.labels[0].reshape(len(one.neural), -1).astype(float)
        told.append((label - label.mean(0)) @ mix + 1e-3)
    chance = math.log(64 * len(parts)) * (2 if row.hybrid else 1)
    bad, good = (quality.held_out_loss(row, parts, x, 4, 64) for x in (noise, told))
    assert good < chance
    assert good < bad


def test_verdict_compares_with_the_range_of_the_other():
    theirs = [1.0, 1.2, 1.4]
    assert quality.verdict([1.1, 1.3], theirs) == "within"
    assert quality.verdict([0.9, 0.8], theirs) == "below"
    assert quality.verdict([1.5, 1.5], theirs) == "above"


def test_time_to_quality_needs_the_quality():
    def run(seconds, *cm):
        curve = [{"seconds": seconds * (k + 1) / len(cm), "cm": x} for k, x in enumerate(cm)]
        return {"seconds": seconds, "curve": curve}

    found = rat.summarise({CEBRA: [run(100, 30, 8)], OURS: [run(10, 20, 7, 7)]})
    assert found["reached"]
    assert found["ratio"] == 10
    assert found["first_seconds"] == pytest.approx({CEBRA: 100, OURS: 10 * 2 / 3})
    found = rat.summarise({CEBRA: [run(100, 30, 8)], OURS: [run(1, 20, 9)]})
    assert not found["reached"]
    assert found["first_seconds"] == {CEBRA: 100, OURS: None}


def test_the_lowest_error_on_the_way_is_told():
    def run(*cm):
        curve = [{"seconds": float(k), "cm": x} for k, x in enumerate(cm)]
        return {"seconds": 9.0, "curve": curve}

    found = rat.summarise({CEBRA: [run(9, 5, 7), run(9, 7, 7)]})
    assert found["ends"][CEBRA]["lowest"] == {"seconds": 1, "cm": 6}
    assert found["first_seconds"] == {CEBRA: 1}


def test_products_bytes_and_calls_are_counted():
    a, b = torch.zeros(3, 4), torch.zeros(4, 5)
    with limits.Counter() as counter:
        out = a @ b  # 2 * 3 * 4 * 5 operations
        torch.nn.functional.gelu(out.T)  # the view costs nothing; 15 numbers in, 15 out
        torch.zeros(100, 7).index_select(0, torch.tensor([1, 2]))
    made = 100 * 7 * 4 + 2 * 8  # zeros and the indices
    found = counter.per_step(2)
    assert found["products"] == 3 * 4 * 5
    assert 2 * found["bytes"] == pytest.approx(2 * 15 * 4 + made + 2 * 2 * 7 * 4 + 2 * 8, abs=64)
    assert found["calls"] >= 2


def test_products_of_a_training_are_those_of_its_layers():
    layers = ((8, 32), (32, 32), (32, 32), (32, 3))
    model = torch.nn.Sequential(*(torch.nn.Conv1d(a, b, 1) for a, b in layers))
    windows = 96
    with limits.Counter() as counter:
        model(torch.zeros(windows, 8, 1)).sum().backward()
    forward = sum(2 * windows * a * b for a, b in layers)
    first = 2 * windows * 8 * 32  # whose gradient to the activity nobody needs
    assert counter.per_step(1)["products"] == 3 * forward - first


def test_counts_and_rates_make_times():
    count = {"products": 4e9, "bytes": 1e9, "calls": 10.0}
    rate = {"products": 2e9, "bytes": 1e9, "calls": 1e3}
    assert limits.floor_ms(count, rate) == {"products": 2_000, "bytes": 1_000, "calls": 10}


def test_a_row_that_is_skipped_does_not_hide_what_was_measured(tmp_path):
    (tmp_path / "results").mkdir()
    file = tmp_path / "results" / "2.json"
    file.write_text(json.dumps(made_up(BY_NAME["2"])))
    text = report.write_report(tmp_path / "results", tmp_path).read_text()
    about = {**machine.describe(Options()), "tiny": False}
    file.write_text(json.dumps({"machine": about, "skipped": "needs a file"}))
    assert report.write_report(tmp_path / "results", tmp_path).read_text() == text


def test_rows_of_the_rat_say_what_they_need(tmp_path):
    found = rat.compare(BY_NAME["14-time"], Options(data_root=tmp_path))
    assert "needs achilles.npz" in found["skipped"]


def test_a_worker_that_fails_says_why():
    request = {"measure": {"library": "no_such_library", "row": {}, "device": "cpu"}}
    with pytest.raises(WorkerFailed, match="No module named 'no_such_library'"):
        ask_once(OURS, request, quick(OURS))


def test_another_state_of_our_package_can_be_measured(tmp_path):
    (tmp_path / "cebra_ethan").mkdir()
    (tmp_path / "cebra_ethan" / "__init__.py").write_text("raise ImportError('this one')")
    request = {"measure": {"library": OURS, "row": {}, "device": "cpu"}}
    with pytest.raises(WorkerFailed, match="this one"):
        ask_once(OURS, request, replace(quick(OURS), ours=tmp_path))


def test_our_library_is_measured():
    found = measure(tiny(BY_NAME["2"]), replace(quick(OURS), count=True))["libraries"][OURS]
    assert "failed" not in found
    assert all(found["count"][name] > 0 for name in ("products", "bytes", "calls"))
    assert set(found["rates"]) == {"cache", "memory"}
    assert [block["steps"] for block in found["blocks"]] == [found["block_steps"]] * 2
    assert found["block_steps"] % found["granule"] == 0
    assert found["threads"] == 1
    assert found["ms"]["median"] > 0
    assert found["peak_bytes"] > 0


@pytest.mark.slow
@pytest.mark.skipif(not has_cebra, reason="needs cebra 0.6.1, as `make bench` sets it up")
def test_both_libraries_are_measured_in_turn():
    found = measure(tiny(BY_NAME["2"]), quick(*LIBRARIES))
    assert set(found["libraries"]) == {OURS, CEBRA}
    assert found["ratio"]["low"] <= found["ratio"]["median"] <= found["ratio"]["high"]


def made_up(row):
    """A result with round numbers, for the report only."""
    blocks = [{"seconds": 1.0, "cpu_seconds": 1.0, "steps": 1}]
    one = {"blocks": blocks, "import_bytes": 0, "peak_bytes": 2 * row.input_bytes, "device": "cpu"}
    libraries = {
        OURS: {**one, "ms": stats.summary([10.0, 12.0]), "profile": {"top_ms": {"mm": 1.0}}},
        CEBRA: {**one, "ms": stats.summary([100.0, 120.0]), "failed": "out of | memory"},
    }
    ratio = {**stats.ratio([100.0, 120.0], [10.0, 12.0]), "cpu": 9.0}
    about = {**machine.describe(Options()), "tiny": False}
    return {"machine": about, "libraries": libraries, "ratio": ratio}


def test_report_holds_every_row_and_keeps_what_was_written_below(tmp_path):
    results, docs = tmp_path / "results", tmp_path / "docs"
    results.mkdir()
    page = report.write_report(results, docs)
    assert page.read_text().count("*not measured*") >= len(EVERY)
    page.write_text(page.read_text() + "Written by hand.\n")
    for name in ("2", "10", "length-30000", "5"):
        (results / f"{name}.json").write_text(json.dumps(made_up(BY_NAME[name])))
    given = {"losses": {OURS: [1.0], CEBRA: [1.0, 1.1]}, "steps": 5, "chance": 6.2, "failed": {}}
    judged = {
        "quality": {**given, "verdict": "within"},
        "machine": {**machine.describe(Options())},
    }
    (results / "quality-2.json").write_text(json.dumps(judged))
    curve = [{"seconds": 1.0, "cm": 8.0}, {"seconds": 2.0, "cm": 7.0}]
    runs = {name: [{"seconds": 2.0, "curve": curve}] for name in LIBRARIES}
    rats = {"runs": runs, "settings": rat.arms("behavior"), **rat.summarise(runs)}
    (results / "14-behavior.json").write_text(
        json.dumps({"machine": machine.describe(Options()), **rats})
    )
    counted = made_up(BY_NAME["8-mixed"])
    for one in counted["libraries"].values():
        one["count"] = {"products": 4e9, "bytes": 2e6, "calls": 1_500.0}
        one["rates"] = {"cache": {"products": 1e12, "bytes": 1e9, "calls": 1e6}}
    (results / "limits-8-mixed.json").write_text(json.dumps(counted))
    failed = made_up(BY_NAME["3"])  # no counts: what cannot be told is left out
    (results / "limits-3.json").write_text(json.dumps(failed))
    text = report.write_report(results, docs).read_text()
    assert "| 8-mixed | 4, 4 | 2, 2 | 1,500, 1,500 |" in text
    assert "| 4 + 2 + 1.5 = 7.5 |" in text
    assert text.endswith(f"{report.END}\nWritten by hand.\n")
    assert all(f"| {row.name} |" in text for row in ROWS)
    assert "| ≥ 6 | yes |" in text
    assert "out of / memory" in text
    assert "| within |" in text
    for figure in ("bench-ratios.png", "bench-length.png", "bench-14-behavior.png"):
        assert (docs / "images" / figure).stat().st_size > 0
        assert f"(images/{figure})" in text
    for file in results.iterdir():
        file.unlink()
    assert report.write_report(results, docs).read_text() == text  # from what was published


def test_command_line_says_which_rows_there_are(capsys):
    assert program.main(["--row", "nothing"]) == 1
    assert "ROW must be" in capsys.readouterr().err
    assert program.main(["--quality", "--row", "12"]) == 1
    assert "no row that was named is a training" in capsys.readouterr().err
    assert program.main(["--limits", "--device", "cuda"]) == 1
    assert "counts calls on a processor; got --device cuda" in capsys.readouterr().err
