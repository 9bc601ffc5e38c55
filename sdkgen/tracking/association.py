"""Which track a face belongs to: where landmarks are expected, and the assignment of least total distance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sdkgen.detection.types import Roi
from sdkgen.tracking.landmarks import Landmarks, Points, bounds, similarity

Costs = Sequence[Sequence[float]]

_FARTHEST = 1e6


@dataclass(frozen=True)
class Sighting:
    """What the landmark model found in ``crop``; ``roi`` is the next frame's crop."""

    landmarks: Landmarks
    crop: Roi
    roi: Roi


@dataclass
class Motion:
    """A track's landmarks (count, 3), in pixels, at ``seconds``, and their speed in pixels a second."""

    points: Points
    seconds: float
    speed: Points | float = 0.0

    def expect(self, seconds: float) -> Points:
        """Return where the landmarks will be if they move on as they did."""
        points: Points = self.points + (seconds - self.seconds) * self.speed
        return points

    def update(self, points: Points, seconds: float) -> None:
        """Take the landmarks of the next frame; half of the speed is that of before, so that it trembles less."""
        self.speed = (self.speed + (points - self.points) / (seconds - self.seconds)) / 2
        self.points, self.seconds = points, seconds


def associate(sightings: Sequence[Sighting], motions: Sequence[Motion], seconds: float, iou: float) -> list[int | None]:
    """Return which of the sightings is each track's face; None where the track's face is not among them.

    Sightings whose regions overlap by more than ``iou`` are one face, seen in two crops: the one nearest to a track's
    expectation stands for it. There are at most as many sightings as tracks, and each of those left gets one.
    """
    if len(motions) == 1:
        return [0] if sightings else [None]
    expected = [motion.expect(seconds) for motion in motions]
    costs = [[distance(points, one.landmarks.points) for points in expected] for one in sightings]
    kept: list[int] = []
    for index in sorted(range(len(sightings)), key=lambda index: min(costs[index])):
        if all(similarity(sightings[index].roi, sightings[other].roi) <= iou for other in kept):
            kept.append(index)
    kept.sort()
    owners = assign([costs[index] for index in kept])
    found: list[int | None] = [None] * len(motions)
    for index, owner in zip(kept, owners, strict=True):
        found[owner] = index
    return found


def distance(expected: Points, found: Points) -> float:
    """Return the mean distance of landmarks (count, 3) in the image's plane, in units of the found face's size."""
    left, top, right, bottom = bounds(found)
    apart = float(np.hypot(expected[:, 0] - found[:, 0], expected[:, 1] - found[:, 1]).mean())
    cost = apart / max(right - left, bottom - top, 1e-6)
    return cost if cost < _FARTHEST else _FARTHEST  # what is no number, too


def assign(costs: Costs) -> list[int]:
    """Return a column for each row, none twice, so that the costs add up to the least; no more rows than columns.

    The Hungarian method with prices on rows and columns, a shortest augmenting path a row: H. W. Kuhn, Naval Research
    Logistics Quarterly 2, 1955; R. Jonker, A. Volgenant, Computing 38, 1987. It takes rows² × columns steps.
    """
    rows, columns = len(costs), len(costs[0]) if costs else 0
    # Row and column 0 are not of the table: a path begins in column 0, and a column of row 0 is free.
    row_price, column_price, row_of = [0.0] * (rows + 1), [0.0] * (columns + 1), [0] * (columns + 1)
    for row in range(1, rows + 1):
        row_of[0], column = row, 0
        slack, came_from, visited = [math.inf] * (columns + 1), [0] * (columns + 1), [False] * (columns + 1)
        while row_of[column]:
            visited[column] = True
            here, nearest = row_of[column], 0
            for to in range(1, columns + 1):
                if visited[to]:
                    continue
                price = costs[here - 1][to - 1] - row_price[here] - column_price[to]
                if price < slack[to]:
                    slack[to], came_from[to] = price, column
                if not nearest or slack[to] < slack[nearest]:
                    nearest = to
            step = slack[nearest]
            for to in range(columns + 1):
                if visited[to]:
                    row_price[row_of[to]] += step
                    column_price[to] -= step
                else:
                    slack[to] -= step
            column = nearest
        while column:
            row_of[column] = row_of[came_from[column]]
            column = came_from[column]
    return [row_of.index(row, 1) - 1 for row in range(1, rows + 1)]
