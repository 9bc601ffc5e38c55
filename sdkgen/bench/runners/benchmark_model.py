"""TFLite's official ``benchmark_model``: how to call it, and reading what it prints.

It keeps no samples of its own: its figures over all runs are stored as a summary and never mixed with raw samples. On
OpenCL its times include upload and read-back.
"""

from __future__ import annotations

import re

from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.samples import End, First, Header, Init, Placement, Recording, Summary, Warmup, garbage

_NUMBER = r"([0-9.]+(?:e[+-]?[0-9]+)?)"
_INITIALISED = re.compile(rf"^INFO: Initialized session in {_NUMBER}ms\.$", re.MULTILINE)
_STATISTICS = re.compile(r"^INFO: (count=\d+ .*)$", re.MULTILINE)
_TIMINGS = re.compile(
    rf"^INFO: Inference timings in us: Init: {_NUMBER}, First inference: {_NUMBER}, "
    rf"Warmup \(avg\): {_NUMBER}, Inference \(avg\): {_NUMBER}$",
    re.MULTILINE,
)
_MEMORY = re.compile(rf"overall={_NUMBER}")
_ALL = re.compile(r"will be completely executed by the delegate")
_PART = re.compile(r"will be partially executed by the delegate w/ (\d+) delegate kernels")
_NEEDED = ("count", "first", "min", "max", "avg", "std")


def arguments(cell: Cell, settings: Settings, model: str) -> list[str]:
    """Return the options of ``benchmark_model`` for a cell; ``model`` is the model's path on the device."""
    chosen = [
        f"--graph={model}",
        f"--num_threads={cell.threads}",
        f"--num_runs={settings.runs}",
        "--min_secs=0.001",
        f"--max_secs={settings.limit_seconds}",
        "--warmup_runs=1",
        f"--warmup_min_secs={settings.warmup_seconds:g}",
        "--report_peak_memory_footprint=true",
    ]
    if settings.paced:
        chosen.append(f"--run_frequency={settings.paced:g}")
    if cell.backend == "gpu":
        chosen += ["--use_gpu=true", f"--gpu_precision_loss_allowed={str(cell.precision == 'fp16').lower()}"]
    return chosen


def parse(text: str, cell: Cell, settings: Settings) -> Recording:
    """Return what the tool printed as a recording.

    Raises ``DeviceError`` with the reference "runner-garbage" if a line that every version prints is missing, comes
    twice, or holds no number.
    """
    initialised = _one(_INITIALISED, text, "Initialized session in …ms.")
    timings = _one(_TIMINGS, text, "Inference timings in us: …")
    statistics = [_statistics(match.group(1)) for match in _STATISTICS.finditer(text)]
    if len(statistics) != 2:
        raise garbage(f"{len(statistics)} lines of statistics where warm-up and run give two")
    warmup, run = statistics
    memory = _MEMORY.search(text)
    full, part = _ALL.search(text) is not None, _PART.search(text)
    on_gpu = cell.backend == "gpu"
    return Recording(
        header=Header(
            runner="benchmark_model",
            abi="",
            pid=0,
            started_unix=0,
            clock="",
            resolution_ns=0,
            backend=cell.backend,
            precision=cell.precision,
            threads=cell.threads,
            runs=int(run["count"]),
            warmup_seconds=settings.warmup_seconds,
            drift=0.0,
            paced=float(settings.paced or 0),
        ),
        init=Init(load_ns=None, cold_ns=round(float(initialised.group(1)) * 1e6), warm_ns=None),
        placement=Placement(
            backend=cell.backend,
            accelerator="delegate" if full or part else "",
            ops=-1,
            delegated=-1,
            full=full if on_gpu else True,
        ),
        first=First(run_ns=None, total_ns=_ns(timings.group(2))),
        warmup=Warmup(
            runs=int(warmup["count"]), seconds=warmup["count"] * warmup["avg"] / 1e6, drift=0.0, settled=True
        ),
        summary=Summary(
            runs=int(run["count"]),
            mean_ns=round(run["avg"] * 1e3),
            deviation_ns=round(run["std"] * 1e3),
            minimum_ns=round(run["min"] * 1e3),
            maximum_ns=round(run["max"] * 1e3),
            median_ns=round(run["median"] * 1e3) if "median" in run else None,
            p95_ns=round(run["p95"] * 1e3) if "p95" in run else None,
        ),
        end=End(runs=int(run["count"]), peak_kib=round(float(memory.group(1)) * 1024) if memory else -1),
    )


def _one(pattern: re.Pattern[str], text: str, what: str) -> re.Match[str]:
    found = list(pattern.finditer(text))
    if len(found) != 1:
        raise garbage(f"{len(found)} lines {what!r} where one was expected")
    return found[0]


def _statistics(line: str) -> dict[str, float]:
    try:
        values = {name: float(value) for name, value in (part.split("=", 1) for part in line.split())}
    except ValueError as error:
        raise garbage(f"no statistics: {line[:80]!r}") from error
    if missing := [name for name in _NEEDED if name not in values]:
        raise garbage(f"statistics without {', '.join(missing)}: {line[:80]!r}")
    return values


def _ns(microseconds: str) -> int:
    return round(float(microseconds) * 1e3)
