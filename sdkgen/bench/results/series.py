"""The samples of a session as one value: three 64-bit numbers a sample, little-endian, in nanoseconds.

In the order of ``sdkgen.bench.samples.Sample``: when it began, dispatch to completion (-1 where that was not timed),
and the whole. Millions of samples are read in a second this way; as a row each they would take a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Series: TypeAlias = NDArray[np.int64]
"""(samples, 3)."""

_UNTIMED = -1
_MS = 1e6


def pack(samples: Iterable[Sequence[int | None]]) -> bytes:
    """Return samples (start, run or None, whole) as bytes."""
    rows = [(at, _UNTIMED if run is None else run, total) for at, run, total in samples]
    return np.asarray(rows, dtype="<i8").tobytes()


def unpack(data: bytes) -> Series:
    """Return what ``pack`` made of samples; raises ``ValueError`` for bytes that are none."""
    return np.frombuffer(data, dtype="<i8").reshape(-1, 3)


def totals(series: Series) -> NDArray[np.float64]:
    """Return write to read-back of each sample, in milliseconds."""
    times: NDArray[np.float64] = series[:, 2] / _MS
    return times


def completions(series: Series) -> NDArray[np.float64]:
    """Return dispatch to completion of each sample of which that was timed, in milliseconds."""
    times: NDArray[np.float64] = series[series[:, 1] != _UNTIMED, 1] / _MS
    return times


def untimed_as_none(number: int) -> int | None:
    """Return a sample's dispatch to completion as ``Sample`` has it."""
    return None if number == _UNTIMED else number
