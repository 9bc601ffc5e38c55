"""Measures cells on iPhones, and turns what coremltools returns into the records that every runner leaves."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from sdkgen.bench.devices import iphone
from sdkgen.bench.devices.select import IPHONE
from sdkgen.bench.plan import DRIFT, Cell, Settings, turns
from sdkgen.bench.results.keeper import Keeper
from sdkgen.bench.results.packing import pack_session
from sdkgen.bench.results.store import Store
from sdkgen.bench.runs.bench import Problem
from sdkgen.bench.samples import End, First, Header, Init, Placement, Recording, Warmup, back_to_back
from sdkgen.bench.sessions.session import Outcome
from sdkgen.errors import SdkgenError, UsageError

Measure: TypeAlias = Callable[[iphone.IPhone, Cell, Settings], iphone.Timings]

RUNNER = "coremltools"
WARMUP_RUNS = 20
"""coremltools warms up by the number of runs, not by time."""


def select(serials: Sequence[str]) -> list[iphone.IPhone]:
    """Return the iPhones to measure models on; raises ``UsageError`` if that cannot be, or not beside others."""
    if list(serials) != [IPHONE]:
        raise UsageError("iPhones are measured in a run of their own", hint="Give --device iphone alone.")
    return iphone.connected_iphones()


def measurer(team: str) -> Measure:
    """Return the way to measure on a phone, with the app signed by the Apple development ``team``."""

    def measure(phone: iphone.IPhone, cell: Cell, settings: Settings) -> iphone.Timings:
        model = Path(cell.artifact)
        return iphone.measure(phone, model, cell.backend, team=team, warmup=WARMUP_RUNS, runs=settings.runs)

    return measure


def run(
    phones: Sequence[iphone.IPhone], cells: Sequence[Cell], settings: Settings, store: Store, measure: Measure
) -> tuple[str, list[Problem]]:
    """Measure every cell on every phone, one after the other, and return the run's id and what went wrong.

    Every session is stored as soon as it is over. A phone on which a session fails is left.
    """
    run_id = store.begin_run(settings)
    keeper = Keeper(store, run_id)
    problems: list[Problem] = []
    for phone in phones:
        name = phone.identity.device or phone.identity.model or "iphone"
        for number, cell in turns(cells, settings.passes):
            outcome, seconds = _session(phone, cell, settings, measure)
            keeper.add(
                pack_session(
                    run_id,
                    number,
                    identity=phone.identity,
                    transport="coreml",
                    runner=RUNNER,
                    cell=cell,
                    settings=settings,
                    outcome=outcome,
                    host_seconds=seconds,
                )
            )
            if outcome.error is not None:
                problems.append(Problem(name, cell.name, outcome.error))
                break
    keeper.close()
    return run_id, problems


def recording(timings: iphone.Timings, cell: Cell) -> Recording:
    """Return the timings as a recording. Times of a prediction hold everything: input, run and output."""
    runs = [round(time * 1e6) for time in timings.runs]
    counted = sum(timings.operations.values())
    there = timings.operations.get(cell.backend, 0)
    warm = timings.warmup
    half = len(warm) // 2
    drift = abs(statistics.median(warm[half:]) / statistics.median(warm[:half]) - 1) if half else 1.0
    return Recording(
        header=Header(
            runner=RUNNER,
            abi="arm64",
            pid=0,
            started_unix=int(time.time()),
            clock="",
            resolution_ns=0,
            backend=cell.backend,
            precision=cell.precision,
            threads=cell.threads,
            runs=len(runs),
            warmup_seconds=sum(warm) / 1e3,
            drift=drift,
            paced=0.0,
        ),
        init=Init(
            load_ns=None,
            cold_ns=round(timings.loads[0] * 1e6) if timings.loads else None,
            warm_ns=round(statistics.median(timings.loads[1:]) * 1e6) if len(timings.loads) > 1 else None,
        ),
        placement=Placement(
            backend=cell.backend, accelerator="Core ML", ops=counted, delegated=there, full=0 < counted == there
        ),
        first=First(run_ns=None, total_ns=round(timings.first * 1e6)),
        warmup=Warmup(runs=len(warm), seconds=sum(warm) / 1e3, drift=drift, settled=drift < DRIFT),
        samples=back_to_back(runs),
        end=End(runs=len(runs), peak_kib=-1),
    )


def _session(phone: iphone.IPhone, cell: Cell, settings: Settings, measure: Measure) -> tuple[Outcome, float]:
    began = time.monotonic()
    try:
        timings = measure(phone, cell, settings)
    except SdkgenError as error:
        return Outcome("failed", Recording(), error), time.monotonic() - began
    seconds = time.monotonic() - began
    return Outcome("complete", recording(timings, cell), device_seconds=seconds), seconds
