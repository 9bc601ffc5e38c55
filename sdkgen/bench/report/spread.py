"""By how much a figure differs from run to run on a device, estimated from the runs that the store holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from sdkgen.bench.report.model import CellReport, build_report
from sdkgen.bench.results.statistics import RunSpread, location
from sdkgen.bench.results.store import Store

ENOUGH_FREEDOM = 5
"""Runs of one artifact, less one, over all artifacts: with fewer an estimate of their spread says little."""
LATEST_RUNS = 40
"""Older runs are left out: a phone is not what it was a year ago."""
ASSUMED = RunSpread(0.05)
"""Where the store does not say: 5 %, of which the phone's temperature, clocks and other work are the causes."""


def estimate_spread(artifacts: Iterable[Sequence[Sequence[float]]]) -> RunSpread:
    """Return the spread of runs; the logarithms of their sessions' figures come by artifact, then by run."""
    squares, freedom, within = 0.0, 0, []
    for runs in artifacts:
        if len(runs) > 1:
            centres = np.asarray([location(logs) for logs in runs])
            squares += float(np.sum(np.square(centres - centres.mean())))
            freedom += len(centres) - 1
            within += [float(np.var(logs, ddof=1)) / len(logs) for logs in runs if len(logs) > 1]
    if freedom < ENOUGH_FREEDOM:
        return ASSUMED
    beyond = squares / freedom - (float(np.mean(within)) if within else 0.0)
    return RunSpread(float(np.sqrt(max(0.0, beyond))), freedom)


class Spreads:
    """The spreads of cells over the latest runs of a store; without a store they are all ``ASSUMED``."""

    def __init__(self, store: Store | None) -> None:
        self._store = store

    def of(self, cell: CellReport, *, to_reference: bool) -> RunSpread:
        """Return the spread of a cell's figure, or of its ratio to the reference workload.

        It is estimated from runs that measured one artifact several times, each artifact by itself, and is what their
        figures differ by beyond what their sessions account for. ``ASSUMED`` where there are too few.
        """
        return estimate_spread(self._figures(cell, to_reference=to_reference).values())

    def _figures(self, cell: CellReport, *, to_reference: bool) -> dict[str, list[Sequence[float]]]:
        """Return the logarithms of the sessions' figures, run by run, by artifact."""
        found: dict[str, list[Sequence[float]]] = {}
        for other in self._cells:
            values = other.to_reference if to_reference else other.session_medians
            if other.key == cell.key and values:
                found.setdefault(other.artifact_sha256, []).append(np.log(values).tolist())
        return found

    @cached_property
    def _cells(self) -> list[CellReport]:
        if self._store is None:
            return []
        runs = self._store.runs()[-LATEST_RUNS:]
        return [cell for run in runs for cell in build_report(self._store, [run.id]).cells]
