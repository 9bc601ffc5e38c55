"""Figures from raw samples: the median of session medians with a bootstrap interval over sessions, and pooled p95.

Phones vary little within a session and much between sessions, so a session counts as one observation. Nothing is
trimmed. The bootstrap is seeded: the same samples give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Times: TypeAlias = Sequence[float] | NDArray[np.float64]

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

_MOST_IN_PAIRS = 40
"""Of more values a median and fewer resamples are sharp enough; the means of all pairs would fill the memory."""


@dataclass(frozen=True)
class Interval:
    """A figure, and its 95 % interval where there were sessions enough for one."""

    value: float
    low: float | None = None
    high: float | None = None


def session_medians(sessions: Sequence[Times]) -> list[float]:
    """Return each session's median."""
    if len({len(session) for session in sessions}) == 1:
        medians: list[float] = np.median(np.asarray(sessions, dtype=np.float64), axis=1).tolist()
        return medians
    return [float(np.median(np.asarray(session))) for session in sessions]


def interval_of(medians: Sequence[float]) -> Interval:
    """Return the median of ``medians`` with its bootstrap interval."""
    values = np.asarray(medians, dtype=np.float64)
    if len(values) < FEWEST_SESSIONS:
        return Interval(float(np.median(values)))
    low, high = _percentiles(_resampled(values, SEED))
    return Interval(float(np.median(values)), low, high)


def paired_ratio(ratios: Sequence[float]) -> Interval:
    """Return the ratio that paired measurements show, with its bootstrap interval over the pairs.

    The estimate is Hodges and Lehmann's, the median of the means of all pairs of ratios: as little moved by an outlier
    as a median needs, and nearly as sharp as a mean. Means and medians are of logarithms, so that swapping the two
    sides gives the inverse. The interval is widened by sqrt(n / (n - 1)), by which a bootstrap of n observations is too
    narrow.
    """
    logs = np.log(np.asarray(ratios, dtype=np.float64))
    value = math.exp(location(logs))
    if len(logs) < FEWEST_SESSIONS:
        return Interval(value)
    return _interval_of_logs(value, _located(logs, SEED), len(logs))


@dataclass(frozen=True)
class RunSpread:
    """By how much a figure differs from run to run: a standard deviation of its logarithm.

    ``freedom`` is that of the estimate; None for one that is assumed.
    """

    deviation: float
    freedom: int | None = None


def ratio_between_runs(current: Sequence[float], baseline: Sequence[float], spread: RunSpread) -> Interval:
    """Return current / baseline of two runs' sessions, with an interval that holds sessions' and runs' variation.

    The sessions' part is a bootstrap; to each of its ratios the difference of two runs is added, drawn from a normal
    distribution, or from Student's where the spread was estimated.
    """
    above, below = (np.log(np.asarray(values, dtype=np.float64)) for values in (current, baseline))
    value = math.exp(location(above) - location(below))
    count = min(len(above), len(below))
    if count < FEWEST_SESSIONS:
        return Interval(value)
    random = np.random.default_rng(SEED + 2)
    logs = random.choice(_located(above, SEED), RESAMPLES) - random.choice(_located(below, SEED + 1), RESAMPLES)
    size = (RESAMPLES,)
    drawn = random.standard_normal(size) if spread.freedom is None else random.standard_t(spread.freedom, size)
    logs = logs + math.sqrt(2) * spread.deviation * drawn
    return _interval_of_logs(value, logs, count)


def percentile(sessions: Sequence[Times], share: float) -> float:
    """Return a percentile of all samples of all sessions together; ``share`` from 0 to 1."""
    return float(np.quantile(np.concatenate([np.asarray(session, dtype=np.float64) for session in sessions]), share))


def spread(medians: Sequence[float]) -> float:
    """Return the range of the session medians as a share of their median."""
    values = np.asarray(medians, dtype=np.float64)
    return float((values.max() - values.min()) / np.median(values))


def _resampled(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return the medians of ``RESAMPLES`` samples drawn with replacement, each as large as ``values``."""
    medians: NDArray[np.float64] = np.median(values[_draw(len(values), seed)], axis=1)
    return medians


def location(values: Times) -> float:
    """Return Hodges and Lehmann's estimate of where ``values`` lie."""
    return float(_location(np.asarray(values, dtype=np.float64)[None])[0])


def _location(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Hodges and Lehmann's estimate of each row; the median where there are too many values for all pairs."""
    count = values.shape[1]
    if count > _MOST_IN_PAIRS:
        middle: NDArray[np.float64] = np.median(values, axis=1)
        return middle
    left, right = np.triu_indices(count)
    means: NDArray[np.float64] = np.median((values[:, left] + values[:, right]) / 2, axis=1)
    return means


def _located(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return ``_location`` of samples drawn with replacement, each as large as ``values``."""
    return _location(values[_draw(len(values), seed)])


def _interval_of_logs(value: float, logs: NDArray[np.float64], count: int) -> Interval:
    normal = NormalDist()
    widened = normal.inv_cdf((1 - CONFIDENCE) / 2) * math.sqrt(count / (count - 1))
    low, high = np.exp(_percentiles(logs, normal.cdf(widened)))
    return Interval(value, float(low), float(high))


def _draw(count: int, seed: int) -> NDArray[np.int64]:
    resamples = RESAMPLES if count <= _MOST_IN_PAIRS else RESAMPLES // 4
    return np.random.default_rng(seed).integers(0, count, size=(resamples, count))


def _percentiles(values: NDArray[np.float64], tail: float = (1 - CONFIDENCE) / 2) -> tuple[float, float]:
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
