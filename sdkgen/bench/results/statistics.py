"""Figures from raw samples: the median of session medians with a bootstrap interval over sessions, and pooled p95.

Phones vary little within a session and much between sessions, so a session counts as one observation. Nothing is
trimmed. The bootstrap is seeded: the same samples give the same interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 4000
SEED = 20190711
UNSTABLE_SPREAD = 0.10
"""Sessions whose medians differ by more than this share of their median are called unstable."""
FEWEST_SESSIONS = 3
"""With fewer sessions there is no interval: resampling one or two observations says nothing about the spread."""
SURE_SESSIONS = 5
"""With fewer sessions the interval is their range, which holds the true median less often than ``CONFIDENCE`` says: in
1 - 2 ** (1 - n) of all cases, which is 75 % with three, 87.5 % with four and 93.75 % with five."""


@dataclass(frozen=True)
class Interval:
    """A figure, and its 95 % interval where there were sessions enough for one."""

    value: float
    low: float | None = None
    high: float | None = None


def median_of_medians(sessions: Sequence[Sequence[float]]) -> Interval:
    """Return the median of the sessions' medians with its bootstrap interval; each session needs a sample."""
    return interval_of(session_medians(sessions))


def session_medians(sessions: Sequence[Sequence[float]]) -> list[float]:
    """Return each session's median."""
    return [float(np.median(np.asarray(session))) for session in sessions]


def interval_of(medians: Sequence[float]) -> Interval:
    """Return the median of ``medians`` with its bootstrap interval."""
    values = np.asarray(medians, dtype=np.float64)
    if len(values) < FEWEST_SESSIONS:
        return Interval(float(np.median(values)))
    low, high = _percentiles(_resampled(values, SEED))
    return Interval(float(np.median(values)), low, high)


def ratio_of(current: Sequence[float], baseline: Sequence[float]) -> Interval:
    """Return current / baseline of the medians of session medians, with an interval if both have sessions enough."""
    above, below = np.asarray(current, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    value = float(np.median(above) / np.median(below))
    if min(len(above), len(below)) < FEWEST_SESSIONS:
        return Interval(value)
    low, high = _percentiles(_resampled(above, SEED) / _resampled(below, SEED + 1))
    return Interval(value, low, high)


def percentile(sessions: Sequence[Sequence[float]], share: float) -> float:
    """Return a percentile of all samples of all sessions together; ``share`` from 0 to 1."""
    return float(np.quantile(np.concatenate([np.asarray(session, dtype=np.float64) for session in sessions]), share))


def spread(medians: Sequence[float]) -> float:
    """Return the range of the session medians as a share of their median."""
    values = np.asarray(medians, dtype=np.float64)
    return float((values.max() - values.min()) / np.median(values))


def _resampled(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return the medians of ``RESAMPLES`` samples drawn with replacement, each as large as ``values``."""
    chosen = np.random.default_rng(seed).integers(0, len(values), size=(RESAMPLES, len(values)))
    medians: NDArray[np.float64] = np.median(values[chosen], axis=1)
    return medians


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
