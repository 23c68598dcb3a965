"""What is measured: a row is one piece of work, done by both libraries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["CURVES", "CURVE_NAMES", "ROWS", "Row", "points_of", "select", "tiny"]

RAT = (10_178,)  # bins of achilles
NEURONS = (120,)
CURVE_NAMES = ("length", "batch", "neurons", "sessions")
FLOAT_BYTES = 4

# `cebra` keeps several matrices of all bins by batch: 9.1 GB were seen at 10^6 bins, batch 512.
CEBRA_GB_PER_BIN = 9.1e-6


@dataclass(frozen=True, kw_only=True)
class Row:
    """One piece of work.

    Args:
        name: What `ROW=` names; `ROW=8` also names `8-mixed`.
        work: What is done, in words.
        kind: `"train"` counts steps; `"transform"`, `"consistency"`, `"fit"`, `"jacobian"` count
            calls; `"import"` and `"rat"` have files of their own.
        num_bins: Time bins of each session.
        num_neurons: Neurons of each session.
        model: Architecture.
        labels: A row of `data.LABELS`.
        conditional: How positives are drawn; `None` is what suits the labels.
        hybrid: Behaviour and time together.
        batch_size: Of each session; `None` takes every bin.
        goal: Ratio of the medians to reach, `None` where there is none.
        gpu_goal: The same on a GPU; 0 measures there without a goal, `None` not at all.
        expected_ms: What `cebra` took per step on a quiet machine, for comparison only.
        granule: Our steps between two looks at the clock. Many, since indices are drawn ahead.
        quality_steps: Steps after which held-out losses are compared; 0 for no comparison.
        seconds: Length of a block at least, where a step does not take longer.
        best_batch: Let `cebra` transform with the batch size that is fastest for it.
        cebra_gb: Memory that `cebra` will need; it is left out where there is less.
        on: The curves that the row is a point of, and where on each.
    """

    name: str
    work: str
    kind: str = "train"
    num_bins: tuple[int, ...] = RAT
    num_neurons: tuple[int, ...] = NEURONS
    model: str = "offset10-model"
    labels: str = "track"
    conditional: str | None = "time_delta"
    hybrid: bool = False
    batch_size: int | None = 512
    goal: float | None = None
    gpu_goal: float | None = None
    expected_ms: float | None = None
    granule: int = 64
    quality_steps: int = 300
    seconds: float = 2.0
    best_batch: bool = False
    cebra_gb: float = 0.0
    on: Mapping[str, int] = field(default_factory=dict)

    @property
    def input_bytes(self) -> int:
        """Size of the activity as float32."""
        sizes = zip(self.num_bins, self.num_neurons, strict=True)
        return FLOAT_BYTES * sum(bins * neurons for bins, neurons in sizes)

    @property
    def gpu(self) -> bool:
        """Whether it is one of the rows for a GPU."""
        return self.gpu_goal is not None


def _time(**own: Any) -> dict[str, Any]:
    return {"labels": "none", "conditional": "time", **own}


def _fixed(row: Row, **own: Any) -> Row:
    """Returns a row of something that is not trained."""
    return replace(row, quality_steps=0, seconds=1.0, **own)


_FOUR = {"num_bins": (10_178, 6_577, 18_000, 18_000), "num_neurons": (120, 48, 400, 300)}
_LARGE = {"granule": 8, "quality_steps": 20}  # `cebra` takes seconds a step
_RAT_SIZE = "10,178 x 120"

ROWS: tuple[Row, ...] = (
    Row(
        name="1",
        work=f"offset10, time, {_RAT_SIZE}",
        **_time(goal=2.5, gpu_goal=8.0, expected_ms=20),
    ),
    Row(
        name="2",
        work=f"offset10, time_delta with 3 label columns, {_RAT_SIZE}",
        goal=6,
        gpu_goal=8.0,
        expected_ms=58,
        on={"length": RAT[0], "batch": 512, "neurons": NEURONS[0], "sessions": 1},
    ),
    Row(
        name="3",
        work=f"offset1, time_delta with 3 label columns, {_RAT_SIZE}",
        model="offset1-model",
        goal=12,
        expected_ms=34,
    ),
    Row(
        name="4",
        work="offset10, time_delta with 2 label columns, 115,800 x 65 (macaque-like)",
        num_bins=(115_800,),
        num_neurons=(65,),
        labels="reach",
        goal=50,
        expected_ms=690,
        quality_steps=60,
    ),
    Row(
        name="5",
        work="offset10, time_delta with 3 label columns, 1,000,000 x 120",
        num_bins=(1_000_000,),
        goal=400,
        gpu_goal=0.0,
        expected_ms=9_755,
        quality_steps=10,
        cebra_gb=1e6 * CEBRA_GB_PER_BIN,
        on={"length": 1_000_000},
    ),
    Row(
        name="6",
        work="offset1, 9,000 x 800, 768-column labels with 900 distinct values (movie features)",
        model="offset1-model",
        num_bins=(9_000,),
        num_neurons=(800,),
        labels="movie",
        goal=8,
        expected_ms=48,
    ),
    Row(
        name="7",
        work=f"offset36, time, {_RAT_SIZE}",
        model="offset36-model",
        quality_steps=100,
        **_time(goal=6, expected_ms=151),
    ),
    Row(
        name="8-discrete",
        work=f"offset10, discrete (8 classes), {_RAT_SIZE}",
        labels="classes",
        conditional=None,
        goal=2.5,
        expected_ms=20,
    ),
    Row(
        name="8-mixed",
        work=f"offset10, mixed (position and 2 classes), {_RAT_SIZE}",
        labels="mixed",
        conditional=None,
        goal=6,
        expected_ms=58,
    ),
    Row(
        name="8-hybrid",
        work=f"offset10, hybrid with 3 label columns, {_RAT_SIZE}",
        hybrid=True,
        goal=6,
        expected_ms=72,
    ),
    Row(
        name="9",
        work=f"full batch, offset10, time_delta, {_RAT_SIZE}",
        batch_size=None,
        goal=12,
        expected_ms=2_370,
        **_LARGE,
    ),
    Row(
        name="10",
        work=f"batch 8,192, offset10, time_delta, {_RAT_SIZE}",
        batch_size=8_192,
        goal=10,
        gpu_goal=0.0,
        expected_ms=1_463,
        on={"batch": 8_192},
        **_LARGE,
    ),
    Row(
        name="10-32768",
        work=f"batch 32,768, offset10, time_delta, {_RAT_SIZE}",
        batch_size=32_768,
        granule=4,
        quality_steps=0,
        on={"batch": 32_768},
    ),
    Row(
        name="11",
        work="four sessions: 10,178 x 120, 6,577 x 48, 18,000 x 400, 18,000 x 300; "
        "batch 512 of each, offset10, time_delta",
        goal=6,
        gpu_goal=0.0,
        expected_ms=287,
        granule=32,
        quality_steps=100,
        **_FOUR,
    ),
    *(
        _fixed(
            Row(name=f"12-{name}", work=f"transform of 1,000,000 x 120, offset10; cebra {how}"),
            kind="transform",
            num_bins=(1_000_000,),
            best_batch=name == "best",
            goal=goal,
            expected_ms=ms,
        )
        for name, how, goal, ms in (
            ("default", "by default", 3, 1_700),
            ("best", "with its best batch size", 1, 700),
        )
    ),
    *(
        _fixed(Row(name=f"13-{kind}", work=work, goal=5), kind=kind, **sizes)
        for kind, work, sizes in (
            ("consistency", "consistency of 4 recordings, 10,000 bins each, 3-D",
             {"num_bins": (10_000,) * 4, "num_neurons": (3,) * 4}),
            ("fit", "goodness of fit, 500 batches of 512, 10,000 x 120", {"num_bins": (10_000,)}),
            ("jacobian", "Jacobian attribution, all maps and inverses, 10,000 x 120",
             {"num_bins": (10_000,)}),
        )
    ),
    Row(
        name="14-behavior",
        work="time to quality on achilles (decoding of held-out time), with labels",
        kind="rat",
        goal=10,
        expected_ms=290_000,
    ),
    Row(
        name="14-time",
        work="time to quality on achilles (decoding of held-out time), by time alone",
        kind="rat",
        **_time(goal=10),
    ),
    Row(
        name="15", work="import, beyond torch and scikit-learn", kind="import", goal=2,
        expected_ms=430,
    ),
)  # fmt: skip


def _point(curve: str, x: int, **own: Any) -> Row:
    """Returns one point of a curve: row 2 with one number changed."""
    work = f"offset10, time_delta with 3 label columns; {curve} {x:,}"
    own = {"quality_steps": 0, **own}
    return Row(name=f"{curve}-{x}", work=work, on={curve: x}, **own)


CURVES: tuple[Row, ...] = (
    *(
        _point("length", x, num_bins=(x,), cebra_gb=x * CEBRA_GB_PER_BIN)
        for x in (30_000, 100_000, 300_000, 3_000_000, 10_000_000)
    ),
    *(
        _point("batch", x, batch_size=x, granule=64 if x < 4_096 else 8)
        for x in (1_024, 2_048, 4_096, 16_384)
    ),
    *(_point("neurons", x, num_neurons=(x,)) for x in (30, 300, 1_000, 3_000)),
    *(
        _point("sessions", x, num_bins=RAT * x, num_neurons=NEURONS * x, granule=16)
        for x in (2, 4, 8, 16)
    ),
)
"""Cost against one number at a time; rows that are points of a curve stand in `ROWS`."""


def points_of(curve: str) -> list[Row]:
    """Returns the points of a curve, in order."""
    return sorted((row for row in (*ROWS, *CURVES) if curve in row.on), key=lambda r: r.on[curve])


def select(names: Sequence[str], device: str = "cpu") -> list[Row]:
    """Returns the rows of some names; all for no name.

    Args:
        names: Of rows or their beginning (`8` for `8-mixed`), of a curve, `rows` or `curves`.
        device: On a GPU only the rows for one are taken, unless named.

    Raises:
        ValueError: If a name is none of them.
    """
    every = (*ROWS, *CURVES)
    if not names:
        return [row for row in every if device == "cpu" or row.gpu]
    chosen: list[Row] = []
    for name in names:
        found = list(_named(name, every))
        if not found:
            own = (part for row in every for part in (row.name.partition("-")[0], row.name))
            known = ", ".join(dict.fromkeys(("rows", "curves", *CURVE_NAMES, *own)))
            raise ValueError(f"ROW must be one of {known}; got {name!r}.")
        chosen += [row for row in found if row not in chosen]
    return chosen


def _named(name: str, rows: Iterable[Row]) -> Iterable[Row]:
    group = {"rows": ROWS, "curves": CURVES}.get(name, ())
    for row in rows:
        if row in group or name in (row.name, *row.on) or row.name.startswith(f"{name}-"):
            yield row


def tiny(row: Row) -> Row:
    """Returns the same work on almost nothing, to see that everything runs."""
    return replace(
        row,
        num_bins=tuple(400 + 50 * place for place, _ in enumerate(row.num_bins)),
        num_neurons=tuple(8 + place for place, _ in enumerate(row.num_neurons)),
        batch_size=None if row.batch_size is None else 32,
        granule=4,
        quality_steps=min(row.quality_steps, 5),
        seconds=0.02,
        cebra_gb=0.0,
    )
