"""One library at work: a process that reads requests from standard input, a line of JSON each.

The first line says what to prepare, and is answered when it is. Each `{"run": n}` is answered with
the seconds that n steps (or calls) took and the most memory so far, `{"profile": n}` also with
what they were spent on, `{"count": n}` with what they did and how fast this machine is at that;
`{"end": true}` ends the process. Between two requests it waits and takes no time of the processor.

A training is one long `fit`. It stands still inside the callback that both libraries have, and
goes on when it is asked for more steps, so what is measured is the loop as users run it.
"""

import json
import os
import sys
import time
from typing import Any, TextIO

__all__ = ["main"]

_TOP = 15
_MATRIX = ("gemm", "conv", "cutlass", "xmma", "cudnn", "cublas", "matmul")


class _End(BaseException):
    """Nothing more is asked for; no library catches it."""


class Meter:
    """Answers requests, and takes the time between two of them.

    Args:
        answers: Where answers go.
        cuda: Whether to wait for the GPU before looking at the clock.
    """

    def __init__(self, answers: TextIO, cuda: bool) -> None:
        self.answers, self.cuda = answers, cuda
        self._profiler: Any = None
        self._counter: Any = None
        self._start = (0.0, 0.0)

    def say(self, **answer: Any) -> None:
        """Sends one answer."""
        print(json.dumps(answer), file=self.answers, flush=True)

    def wait(self) -> int:
        """Returns how many steps are asked for, and starts the clock."""
        line = sys.stdin.readline()
        request = json.loads(line) if line else {"end": True}
        if "end" in request:
            raise _End
        if "profile" in request:
            self._profiler = _profiler(self.cuda)
            self._profiler.__enter__()
        if "count" in request:
            from .limits import Counter

            self._counter = Counter()
            self._counter.__enter__()
        self._start = self._clocks()
        return int(next(iter(request.values())))

    def done(self, steps: int) -> None:
        """Stops the clock after some steps and sends what it shows."""
        ends = self._clocks()
        seconds, cpu = (end - start for end, start in zip(ends, self._start, strict=True))
        answer: dict[str, Any] = {"seconds": seconds, "cpu_seconds": cpu, "steps": steps}
        if self._profiler is not None:
            self._profiler.__exit__(None, None, None)
            answer |= _spent(self._profiler, steps)
            self._profiler = None
        if self._counter is not None:
            from .limits import rates

            self._counter.__exit__(None, None, None)
            answer |= {"count": self._counter.per_step(steps), "rates": rates()}
            self._counter = None
        self.say(**answer, **_memory(self.cuda))

    def _clocks(self) -> tuple[float, float]:
        if self.cuda:
            import torch

            torch.cuda.synchronize()
        return time.perf_counter(), time.process_time()


class Gate:
    """The callback in which a training stands still between two requests.

    Args:
        meter: Takes the time.
        ready: What to say at the first call, when the training runs.
    """

    def __init__(self, meter: Meter, ready: dict[str, Any]) -> None:
        self.meter, self.ready = meter, ready
        self._start: int | None = None
        self._stop = 0

    def __call__(self, step: int, solver: object) -> None:
        """Goes on at once, or when the next request has come."""
        if self._start is None:
            self.meter.say(**self.ready)
        elif step < self._stop:
            return
        else:
            self.meter.done(step - self._start)
        self._stop = step + self.meter.wait()
        self._start = step


def main() -> None:
    """Prepares the work and does it as often as asked."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    request = json.loads(sys.stdin.readline())
    sys.path[:0] = request.get("path", [])
    if "rat" in request:
        from .rat import train_once

        print(json.dumps(train_once(**request["rat"])), file=answers, flush=True)
    elif "quality" in request:
        from .quality import embed_once

        print(json.dumps(embed_once(**request["quality"])), file=answers, flush=True)
    else:
        _measure(answers, **request["measure"])


def _measure(answers: TextIO, library: str, row: dict[str, Any], device: str) -> None:
    __import__(library)
    import torch

    from . import libraries, memory
    from .data import sessions
    from .rows import Row

    if library == libraries.CEBRA:  # lazy; what users call must be there before memory counts
        __import__("cebra.integrations.sklearn.cebra")
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    cuda = device.startswith("cuda")
    libraries.warm_up(device)
    if not cuda:
        memory.limit_memory()
    piece = Row(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()})
    about: dict[str, Any] = {
        "version": libraries.version(library),
        "torch": torch.__version__,
        "numpy": sys.modules["numpy"].__version__,
        "python": sys.version.split()[0],
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "import_bytes": memory.resident_bytes(),
    }
    data = sessions(piece)
    memory.restart_peak()
    about["data_bytes"] = memory.resident_bytes()
    meter = Meter(answers, cuda)
    try:
        if piece.kind == "train":
            granule = piece.granule if library == libraries.OURS else 1
            model = libraries.estimator(library, piece, device)
            gate = Gate(meter, about)
            libraries.fit(model, data, callback=gate, callback_frequency=granule)
        else:
            work, more = libraries.KINDS[piece.kind](library, piece, device, data)
            meter.say(**about, **more)
            while True:
                steps = meter.wait()
                for _ in range(steps):
                    work()
                meter.done(steps)
    except _End:
        return


def _memory(cuda: bool) -> dict[str, int | None]:
    import torch

    from . import memory

    gpu = torch.cuda.max_memory_allocated() if cuda else None
    return {"peak_bytes": memory.peak_bytes(), "gpu_peak_bytes": gpu}


def _profiler(cuda: bool) -> Any:
    from torch.profiler import ProfilerActivity, profile

    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    return profile(activities=kinds)


def _spent(profiler: Any, steps: int) -> dict[str, Any]:
    """Returns the operations that took most, in ms per step, and the kernels of a GPU in all."""
    kernels = _kernels(profiler)
    own = kernels or {
        one.key: one.self_cpu_time_total for one in profiler.key_averages() if one.count
    }
    ms = {name: us / 1_000 / steps for name, us in own.items()}
    top = sorted(ms, key=lambda name: -ms[name])[:_TOP]
    answer: dict[str, Any] = {"top_ms": {name[:120]: ms[name] for name in top}}
    if kernels:
        matrix = [name for name in ms if any(word in name.lower() for word in _MATRIX)]
        answer["kernel_ms"] = sum(ms.values())
        answer["matrix_kernel_ms"] = sum(ms[name] for name in matrix)
    return answer


def _kernels(profiler: Any) -> dict[str, float]:
    """Returns microseconds of each kernel that ran on a GPU; copies and mere names left out."""
    found: dict[str, float] = {}
    for event in profiler.events():
        on_gpu = "CUDA" in str(event.device_type) and not event.is_user_annotation
        if on_gpu and not event.name.startswith(("Memcpy", "Memset", "Optimizer.")):
            found[event.name] = found.get(event.name, 0.0) + event.time_range.elapsed_us()
    return found


if __name__ == "__main__":
    main()
