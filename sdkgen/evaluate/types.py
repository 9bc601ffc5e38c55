"""What data sets hold, and how what is wrong with them is collected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Face:
    """One labelled face, in pixels of the stored image (before any EXIF orientation).

    ``box`` is x, y of the upper left corner, width and height. ``keypoints`` (K, 2) are in the order of the model's
    keypoint names, NaN where the labels do not say. An ``ignored`` face is neither asked for nor held against the
    detector; a ``crowd`` region is ignored too, and may be matched any number of times.
    """

    box: tuple[float, float, float, float]
    keypoints: Points | None = None
    ignored: bool = False
    crowd: bool = False


@dataclass(frozen=True)
class Picture:
    """One image of a data set: its name there, its file, and its faces; None where nothing is labelled."""

    name: str
    path: Path
    faces: tuple[Face, ...] | None


@dataclass
class Faults:
    """Labels and images that could not be used: all are counted, the first ones of each kind are kept."""

    keep: int = 10
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, where: str, detail: str = "") -> None:
        """Count a fault of ``kind`` at ``where``."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        kept = self.examples.setdefault(kind, [])
        if len(kept) < self.keep:
            kept.append(f"{where}: {detail}" if detail else where)


class DataSet(Protocol):
    """Pictures in a fixed order, read as they are asked for; can be iterated again."""

    format: str
    source: Path
    count: int
    faults: Faults

    def __iter__(self) -> Iterator[Picture]:
        """Yield every picture once."""
        ...
