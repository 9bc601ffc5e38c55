"""Measurements that took turns on one device: what pairs up was measured under the same conditions.

A ratio is that of two session medians of one turn, so that what slows the whole device down cancels out; its interval
is a bootstrap over the turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sdkgen.bench.results import statistics
from sdkgen.bench.results.series import totals
from sdkgen.bench.results.store import StoredSession


class Place(NamedTuple):
    """Where something was measured: a device by the hash of its serial, and a backend."""

    serial_hash: str
    device: str
    backend: str


class Measured(NamedTuple):
    """A session's median in milliseconds; ``turn`` says which sessions were measured one after the other."""

    label: str
    place: Place
    turn: tuple[int, int]
    median: float


def device_name(session: StoredSession) -> str:
    """Return how to call a device: maker and model, and a few letters that tell it from its twins."""
    identity = session.identity
    words = [word for word in (identity.manufacturer, identity.model or identity.soc) if word]
    return f"{' '.join(words) or 'device'} #{identity.serial_hash[:4]}"


def place_of(session: StoredSession) -> Place:
    """Return where a session was."""
    return Place(session.identity.serial_hash, device_name(session), session.backend)


def is_whole(session: StoredSession) -> bool:
    """Tell whether the backend took all of the model."""
    return session.record.placement is None or session.record.placement.full


def read_sessions(
    sessions: Iterable[StoredSession], round_number: int = 0, label: Callable[[str], str] = str
) -> list[Measured]:
    """Return what the complete sessions of a round measured; ``label`` names what a row's name stands for."""
    return [
        Measured(label(one.model), place_of(one), (round_number, one.number), float(np.median(totals(one.series))))
        for one in sessions
        if one.status == "complete" and len(one.series)
    ]


@dataclass
class Medians:
    """Session medians by label, place and turn."""

    _medians: dict[tuple[str, Place], dict[tuple[int, int], float]] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """Everything that has figures, in the order of the first measurement."""
        return list(dict.fromkeys(label for label, _ in self._medians))

    def places(self, label: str) -> list[Place]:
        """Return where ``label`` was measured, in the order of the first measurement."""
        return [place for one, place in self._medians if one == label]

    def add(self, found: Iterable[Measured]) -> None:
        """Take sessions."""
        for one in found:
            self._medians.setdefault((one.label, one.place), {})[one.turn] = one.median

    def turns(self, label: str, place: Place) -> set[tuple[int, int]]:
        """Return the turns in which ``label`` was measured."""
        return set(self._medians.get((label, place), {}))

    def median(self, label: str, place: Place) -> float:
        """Return the median of the session medians, in milliseconds."""
        return float(np.median(list(self._medians[label, place].values())))

    def ratios(self, label: str, other: str, place: Place) -> dict[tuple[int, int], float]:
        """Return how long ``label`` takes relative to ``other`` in each turn that they share."""
        mine, theirs = (self._medians.get((one, place), {}) for one in (label, other))
        return {turn: mine[turn] / theirs[turn] for turn in sorted(mine.keys() & theirs.keys())}

    def ratio(
        self, label: str, other: str, place: Place, *, only: int | None = None
    ) -> tuple[statistics.Interval, int] | None:
        """Return the paired ratio and of how many turns it is; None if the two share none.

        Where both are in the round ``only``, its turns alone count.
        """
        shared = self.ratios(label, other, place)
        chosen = [ratio for turn, ratio in shared.items() if turn[0] == only] or list(shared.values())
        return (statistics.paired_ratio(chosen), len(chosen)) if chosen else None
