"""From stored sessions to a latency report: one row a device, model, backend and way of measuring.

Only complete sessions enter a figure. Failed and lost ones are counted and named beside it. Figures with a different
provenance (measured, emulated, published) never meet in one row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict

from sdkgen.bench.devices.health import Health, hot
from sdkgen.bench.report.comparison import Comparison, compare_to_baselines
from sdkgen.bench.report.paired import device_name
from sdkgen.bench.results import statistics
from sdkgen.bench.results.packing import Provenance
from sdkgen.bench.results.series import completions, totals
from sdkgen.bench.results.store import Store, StoredRun, StoredSession
from sdkgen.errors import UsageError, nearest
from sdkgen.spec.registry import load_model, model_names

Verdict: TypeAlias = Literal[
    "throttled",
    "hot",
    "unstable",
    "not settled",
    "partly on CPU",
    "few sessions",
    "incomplete",
    "summary only",
    "untrained",
]

THROTTLED_CLOCK = 0.85
"""A CPU clock below this share of what it was before the session means that the device throttled."""

_MS = 1e6


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CellReport(_Record):
    """The figures of one cell on one device; times in milliseconds. None where there is nothing to tell."""

    device: str
    device_model: str | None
    serial_hash: str
    soc: str | None
    abi: str | None
    gpu: str | None
    os: str | None
    provenance: Provenance
    model: str
    artifact_sha256: str
    backend: str
    threads: int
    precision: str
    runner: str
    paced: float | None
    transports: tuple[str, ...]
    sessions: int
    failed: int
    samples: int
    median: float | None
    low: float | None
    high: float | None
    p95: float | None
    completion: float | None
    """Median of dispatch to completion; ``median`` is the whole: write the input, run, read the output."""
    cold_init: float | None
    warm_init: float | None
    first: float | None
    slowest_first: float | None
    memory_mib: float | None
    ops: int | None
    delegated: int | None
    verdicts: tuple[Verdict, ...]
    session_medians: tuple[float, ...]
    reference_medians: tuple[float | None, ...] = ()
    """Of the reference workload in the same sessions; None where a session did not time it."""
    errors: tuple[str, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """What makes this the same cell in another report."""
        paced = f"{self.paced:g}" if self.paced else ""
        threads = str(self.threads)
        return (
            self.serial_hash,
            self.provenance,
            self.model,
            self.backend,
            threads,
            self.precision,
            self.runner,
            paced,
        )

    @property
    def to_reference(self) -> tuple[float, ...] | None:
        """The session medians relative to the reference workload's; None unless every session timed it."""
        pairs = list(zip(self.session_medians, self.reference_medians, strict=False))
        if not pairs or len(pairs) < len(self.session_medians) or not all(theirs for _, theirs in pairs):
            return None
        return tuple(mine / theirs for mine, theirs in pairs if theirs)

    @property
    def way(self) -> str:
        """The backend, the CPU's threads, and the pace if one was kept."""
        threads = f" × {self.threads}" if self.backend != "gpu" and self.threads else ""
        return f"{self.backend}{threads}{f', {self.paced:g}/s' if self.paced else ''}"

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.model} on {self.way}, {self.precision}, {self.runner} of {self.device} ({self.provenance})"


class Report(_Record):
    """The cells of some runs; ``schema_version`` counts changes of this format."""

    schema_version: Literal[1, 2] = 2
    runs: tuple[str, ...]
    started: str
    versions: dict[str, str]
    cells: tuple[CellReport, ...]
    comparisons: tuple[Comparison, ...] = ()


def told_apart(cells: Sequence[CellReport], *same: str) -> list[str]:
    """Return for each cell what tells it from others whose fields ``same`` are alike: ", fp32"; empty if none are."""
    kinds = [[getattr(cell, field) for field in same] for cell in cells]
    ways = [(f"{cell.paced:g}/s" if cell.paced else "unpaced", cell.precision, cell.runner) for cell in cells]
    told = []
    for cell, kind, way in zip(cells, kinds, ways, strict=True):
        alike = [(one, other) for one, of, other in zip(cells, kinds, ways, strict=True) if of == kind]
        parts = [part for i, part in enumerate(way) if any(other[i] != part for _, other in alike)]
        if any(other == way and one.artifact_sha256 != cell.artifact_sha256 for one, other in alike):
            parts.append(cell.artifact_sha256[:8])
        told.append("".join(f", {part}" for part in parts))
    return told


def choose_runs(store: Store, text: str) -> list[StoredRun]:
    """Return the runs that ``text`` means: "latest", "all", or a run's id or the beginning of one.

    Raises ``UsageError`` if there is none such.
    """
    runs = store.runs()
    if not runs:
        raise UsageError(
            "the store holds no runs",
            context=store.place,
            hint="Measure something first: sdkgen bench.",
            reference="no-runs",
        )
    if text == "all":
        return runs
    if text == "latest":
        return runs[-1:]
    found = [run for run in runs if run.id.startswith(text)]
    if len(found) != 1:
        problem = "unknown run" if not found else "more than one run begins with"
        raise UsageError(
            f"{problem} {text!r}", hint=nearest(text, [run.id for run in runs[-8:]]), reference="unknown-run"
        )
    return found


def build_report(store: Store, run_ids: Sequence[str]) -> Report:
    """Return the report of some runs, cells in the order in which they were first measured."""
    runs = [run for run in store.runs() if run.id in run_ids]
    cells: dict[tuple[object, ...], list[StoredSession]] = {}
    found = store.sessions(run_ids)
    for session in found:
        one = session
        key = (one.identity.serial_hash, one.provenance, one.model, one.artifact_sha256, one.backend, one.threads)
        cells.setdefault((*key, one.precision, one.runner, one.paced), []).append(session)
    return Report(
        runs=tuple(run.id for run in runs),
        started=runs[0].started if runs else "",
        versions=runs[-1].versions if runs else {},
        cells=tuple(_cell(sessions) for sessions in cells.values()),
        comparisons=compare_to_baselines(runs, found),
    )


def _cell(sessions: Sequence[StoredSession]) -> CellReport:
    last = sessions[-1]
    good = [session for session in sessions if session.status == "complete"]
    raw = [totals(session.series) for session in good if len(session.series)]
    runs = [completions(session.series) for session in good]
    medians = statistics.session_medians(raw) if raw else _summary_medians(good)
    whole = statistics.interval_of(medians) if medians else statistics.Interval(0.0)
    timed = [times for times in runs if len(times)]
    placements = [one.record.placement for one in good if one.record.placement is not None]
    identity = last.identity
    return CellReport(
        device=device_name(last),
        device_model=identity.model,
        serial_hash=identity.serial_hash,
        soc=identity.soc,
        abi=identity.abi,
        gpu=identity.gpu,
        os=identity.os,
        provenance=last.provenance,
        model=last.model,
        artifact_sha256=last.artifact_sha256,
        backend=last.backend,
        threads=last.threads,
        precision=last.precision,
        runner=last.runner,
        paced=last.paced,
        transports=tuple(sorted({session.transport for session in sessions})),
        sessions=len(good),
        failed=len(sessions) - len(good),
        samples=sum(len(session) for session in raw),
        median=whole.value if medians else None,
        low=whole.low,
        high=whole.high,
        p95=statistics.percentile(raw, 0.95) if raw else None,
        completion=float(np.median(statistics.session_medians(timed))) if timed else None,
        cold_init=_median([one.record.init.cold_ns if one.record.init else None for one in good]),
        warm_init=_median([one.record.init.warm_ns if one.record.init else None for one in good]),
        first=_median([one.record.first.total_ns if one.record.first else None for one in good]),
        slowest_first=max((o.record.first.total_ns / _MS for o in good if o.record.first), default=None),
        memory_mib=_memory(good),
        ops=_known([placement.ops for placement in placements]),
        delegated=_known([placement.delegated for placement in placements]),
        verdicts=tuple(_verdicts(sessions, good, medians, bool(raw))),
        session_medians=tuple(medians),
        reference_medians=tuple(_reference(session) for session in good if len(session.series)),
        errors=tuple(dict.fromkeys(_said(session) for session in sessions if session.error)),
    )


def _reference(session: StoredSession) -> float | None:
    timed = session.record.reference
    return timed.median_ns / _MS if timed is not None and timed.median_ns > 0 else None


def _verdicts(
    sessions: Sequence[StoredSession], good: Sequence[StoredSession], medians: Sequence[float], raw: bool
) -> list[Verdict]:
    found: list[Verdict] = []
    if any(_throttled(session) for session in good):
        found.append("throttled")
    if any(session.health_before and hot(session.health_before) for session in good):
        found.append("hot")
    if len(medians) > 1 and statistics.spread(medians) > statistics.UNSTABLE_SPREAD:
        found.append("unstable")
    if any(session.record.warmup and not session.record.warmup.settled for session in good):
        found.append("not settled")
    if any(session.record.placement and not session.record.placement.full for session in good):
        found.append("partly on CPU")
    if good and len(good) < statistics.FEWEST_SESSIONS:
        found.append("few sessions")
    if len(good) < len(sessions):
        found.append("incomplete")
    if good and not raw:
        found.append("summary only")
    if not all(load_model(name).trained for name in _models_of(sessions[0])):
        found.append("untrained")
    return found


def _models_of(session: StoredSession) -> list[str]:
    """Return the known models that a row's name tells of: one of its own, or those of a pipeline or an SDK."""
    return [word for word in re.split(r"[ ,]+", session.model) if word in model_names()]


def _throttled(session: StoredSession) -> bool:
    later = (session.health_during, session.health_after)
    return any(throttled(session.health_before, one) for one in later)


def throttled(before: Health | None, after: Health | None) -> bool:
    """Return whether a device grew too warm after ``before``: its own word, or clocks that fell."""
    if before is None or after is None:
        return False
    if (after.thermal_status or 0) > max(before.thermal_status or 0, 0):
        return True
    earlier, later = before.cpu_maximum_clocks or (), after.cpu_maximum_clocks or ()
    pairs = [(a, b) for a, b in zip(earlier, later, strict=False) if a and b]
    return any(b < THROTTLED_CLOCK * a for a, b in pairs)


def _summary_medians(good: Sequence[StoredSession]) -> list[float]:
    """Return the medians, or where there are none the means, that a tool without raw samples gave."""
    summaries = [session.record.summary for session in good if session.record.summary is not None]
    return [(one.median_ns if one.median_ns is not None else one.mean_ns) / _MS for one in summaries]


def _memory(good: Sequence[StoredSession]) -> float | None:
    peaks = [one.record.end.peak_kib for one in good if one.record.end and one.record.end.peak_kib >= 0]
    return max(peaks) / 1024 if peaks else None


def _median(times: Sequence[int | None]) -> float | None:
    known = [time for time in times if time is not None]
    return float(np.median(known)) / _MS if known else None


def _known(counts: Sequence[int]) -> int | None:
    return counts[-1] if counts and counts[-1] >= 0 else None


def _said(session: StoredSession) -> str:
    error = session.error or {}
    return f"{error.get('reference', 'error')}: {error.get('message', '')}"
