"""What the page draws of a cell's samples: histograms of all of them, and so many over time as a screen can show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sdkgen.bench.report.model import CellReport
from sdkgen.bench.results.series import Series, completions, totals
from sdkgen.bench.results.store import StoredSession
from sdkgen.bench.runs.bench import temperature

MOST_POINTS = 60_000
"""Samples that a page draws over time, shared evenly by its cells."""
POINTS_A_CELL = (300, 3000)
"""The fewest and the most of a cell."""
FEWEST_A_SESSION = 3
TOLD_APART = 12
"""So many sessions of a cell have a colour and a switch of their own; more are one colour scale."""
BINS = 48
CLIPPED_AT = 0.99
"""The histogram ends at this quantile; what lies beyond is counted."""

Times = NDArray[np.float64]


def draw_cell(cell: CellReport, sessions: Sequence[StoredSession], cells: int) -> dict[str, object]:
    """Return what the page needs of one of its so many ``cells``: JSON values, times in milliseconds."""
    fewest, most = POINTS_A_CELL
    budget = max(fewest, min(most, MOST_POINTS // max(1, cells)))
    share = max(FEWEST_A_SESSION, budget // max(1, len(sessions)))
    chosen = [_choose(one.series, share) for one in sessions]
    return {
        "sessions": [
            {"started": one.started[11:19], "heat": _heat(one), "samples": _points(one.series[kept])}
            for one, kept in zip(sessions, chosen, strict=True)
        ],
        "drawn": sum(len(kept) for kept in chosen),
        "count": sum(len(one.series) for one in sessions),
        "whole": _histogram([totals(one.series) for one in sessions], cell.median),
        "run": _histogram([completions(one.series) for one in sessions], cell.completion),
    }


def _choose(series: Series, share: int) -> NDArray[np.int64]:
    """Return which samples to draw: all, or evenly spaced ones and the slowest."""
    if len(series) <= share:
        return np.arange(len(series))
    spaced = np.linspace(0, len(series) - 1, share - 1).astype(np.int64)
    return np.unique(np.append(spaced, np.argmax(series[:, 2])))


def _points(series: Series) -> list[tuple[float, float, float | None]]:
    """Return per sample: milliseconds since the first, write to read-back, and the run alone."""
    return [
        (round(at / 1e6, 1), _short(total / 1e6), None if run < 0 else _short(run / 1e6))
        for at, run, total in series.tolist()
    ]


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def _histogram(sessions: Sequence[Times], median: float | None) -> dict[str, object] | None:
    """Return counts by bin, session by session where these are few; the median is the table's."""
    known = [times for times in sessions if len(times)]
    if not known:
        return None
    times = np.concatenate(known)
    low, high, p95 = (float(value) for value in np.quantile(times, [0.0, CLIPPED_AT, 0.95]))
    bins = max(8, min(BINS, round(np.sqrt(len(times)) * 1.5)))
    edges = np.linspace(low, high if high > low else low * 1.01 + 1e-6, bins + 1)
    apart = known if len(sessions) <= TOLD_APART and len(known) == len(sessions) else [times]
    return {
        "low": _short(edges[0]),
        "high": _short(edges[-1]),
        "counts": [np.histogram(one, edges)[0].tolist() for one in apart],
        "beyond": int((times > edges[-1]).sum()),
        "highest": _short(float(times.max())),
        "median": None if median is None else _short(median),
        "p95": _short(p95),
    }


def _heat(session: StoredSession) -> str:
    before = temperature(session.health_before) if session.health_before else None
    after = temperature(session.health_after) if session.health_after else None
    return f", {before:.0f} → {after:.0f} °C" if before is not None and after is not None else ""
