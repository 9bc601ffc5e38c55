"""Recordings and devices for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sdkgen.bench.devices.identity import Identity
from sdkgen.bench.plan import Cell
from sdkgen.bench.samples import Recording, parse

HEADER = {
    "type": "header",
    "schema": 1,
    "runner": "1",
    "abi": "x86_64",
    "pid": 1,
    "started_unix": 1,
    "clock": "CLOCK_MONOTONIC",
    "resolution_ns": 1,
    "backend": "cpu",
    "precision": "fp16",
    "threads": 1,
    "runs": 3,
    "warmup_seconds": 2,
    "drift": 0.02,
    "paced": 0,
}


def lines(times_ms: Sequence[float], *, settled: bool = True, full: bool = True, end: bool = True) -> bytes:
    """Return what the runner writes for these times."""
    made: list[dict[str, object]] = [
        {**HEADER, "runs": len(times_ms)},
        {"type": "init", "load_ns": 1_000_000, "cold_ns": 8_000_000, "warm_ns": 2_000_000},
        {
            "type": "placement",
            "backend": "cpu",
            "accelerator": "CPU",
            "ops": 90,
            "delegated": 90 if full else 40,
            "full": full,
        },
        {"type": "first", "run_ns": 5_000_000, "total_ns": 6_000_000},
        {"type": "warmup", "runs": 100, "seconds": 2.1, "drift": 0.01, "settled": settled},
    ]
    for i, time in enumerate(times_ms):
        total = round(time * 1e6)
        made.append({"type": "sample", "i": i, "at_ns": i * 10_000_000, "run_ns": total - 1000, "total_ns": total})
    if end:
        made.append({"type": "end", "runs": len(times_ms), "peak_kib": 20_480})
    return b"".join(json.dumps(line).encode() + b"\n" for line in made)


def recording(times_ms: Sequence[float], *, settled: bool = True, full: bool = True) -> Recording:
    """Return a complete recording with these times."""
    return parse(lines(times_ms, settled=settled, full=full))


def identity(serial: str = "a", *, emulated: bool = False, model: str = "Phone 1", soc: str = "SoC") -> Identity:
    """Return a device."""
    return Identity(
        serial_hash=serial * 16, emulated=emulated, manufacturer="Maker", model=model, soc=soc, abi="x86_64"
    )


def cell(backend: str = "cpu", model: str = "blazeface-front", sha256: str = "5" * 64) -> Cell:
    """Return a cell whose artifact is never read."""
    return Cell(model, Path("model.tflite"), "gpu" if backend == "gpu" else "cpu", 1, "fp16", sha256)
