"""Places where the detector sees a face and the landmark model does not: they wait behind the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sdkgen.detection.types import Roi
from sdkgen.tracking.landmarks import similarity


@dataclass
class Refusals:
    """The regions that the landmark model refused, the one refused longest ago first.

    Two regions whose intersection over union is above ``association_iou`` are one place.
    """

    association_iou: float
    _places: list[Roi] = field(default_factory=list)

    def order(self, candidates: Sequence[Roi]) -> list[int]:
        """Return the candidates' indices in the order to try them: never refused, as they come; then longest ago."""
        return sorted(range(len(candidates)), key=lambda index: self._rank(candidates[index]))

    def update(self, refused: Sequence[Roi], untried: Sequence[Roi]) -> None:
        """Remember ``refused``, and of the older places those where a candidate went untried in this frame."""
        waiting = [place for place in self._places if any(self._is_one(place, roi) for roi in untried)]
        self._places = [*waiting, *refused]

    def clear(self) -> None:
        """Forget all: the frames now show something else."""
        self._places = []

    def _rank(self, roi: Roi) -> int:
        return max((rank for rank, place in enumerate(self._places) if self._is_one(place, roi)), default=-1)

    def _is_one(self, one: Roi, other: Roi) -> bool:
        return similarity(one, other) > self.association_iou
