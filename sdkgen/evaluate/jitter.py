"""Jitter: how much predictions move when an image is shifted slightly and the shift is undone.

For each face of the image and each shifted copy in which it is found again, every keypoint's distance between the
two predictions is taken as a share of the face's inter-ocular distance. Jitter is the root of the mean square. The
interval is a bootstrap over pictures (over shifted views, if there are too few pictures for that).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdkgen.detection.preprocess import Bytes
from sdkgen.detection.types import Detection
from sdkgen.evaluate.keypoints import eye_distance, pairs, pixels
from sdkgen.evaluate.types import Face
from sdkgen.files import sha256_bytes

MODES = ("blend", "hard")
REPLICAS = 2000
CONFIDENCE = 0.95
_FEWEST_PICTURES = 10

Shift = tuple[int, int]


def shifts(name: str, count: int, share: float, width: int, height: int) -> list[Shift]:
    """Return ``count`` shifts in whole pixels, up to ``share`` of the longer side; they depend on ``name`` alone.

    Empty if the image is too small for any.
    """
    most = int(share * max(width, height))
    if most < 1:
        return []
    draw = np.random.default_rng(int(sha256_bytes(name.encode())[:16], 16))
    found: list[Shift] = []
    while len(found) < count:
        x, y = (int(value) for value in draw.integers(-most, most + 1, 2))
        if x or y:
            found.append((x, y))
    return found


def shifted(image: Bytes, by: Shift) -> Bytes:
    """Return a copy of ``image`` moved right and down by whole pixels, black where it has left."""
    moved = np.zeros_like(image)
    height, width = image.shape[:2]
    x, y = by
    if abs(x) < width and abs(y) < height:
        moved[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)] = image[
            max(-y, 0) : height - max(y, 0), max(-x, 0) : width - max(x, 0)
        ]
    return moved


def squares(
    before: Sequence[Detection], after: Sequence[Detection], by: Shift, width: int, height: int
) -> tuple[float, int]:
    """Return the sum of squared shares for the faces found again in the copy shifted ``by``, and how many summands."""
    boxes = [pixels(face, width, height) for face in before]
    again = [
        ((x - by[0], y - by[1], w, h), points - by)
        for (x, y, w, h), points in (pixels(f, width, height) for f in after)
    ]
    total, count = 0.0, 0
    for row, at in pairs([box for box, _ in again], [Face(box) for box, _ in boxes]):
        points = boxes[at][1]
        if (distance := eye_distance(points)) > 0:
            total += float(((again[row][1] - points) ** 2).sum()) / distance**2
            count += len(points)
    return total, count


class Jitter:
    """Both modes side by side: sums so far, and those of the bootstrap's replicas, in memory that does not grow."""

    def __init__(self, seed: int = 0) -> None:
        self.pictures = 0
        self.views = 0
        self.lost = 0
        self._sums = np.zeros(4)
        self._by_picture = Replicas(seed, 4)
        self._by_view = Replicas(seed + 1, 4)

    def add(self, views: Sequence[Sequence[float]]) -> None:
        """Add a picture's views, each: sum and count with blending, sum and count without, faces not found again."""
        rows = np.asarray(views, np.float64).reshape(-1, 5)
        self.views += len(rows)
        self.lost += int(rows[:, 4].sum())
        if not rows[:, 1].any():
            return
        self.pictures += 1
        self._sums += rows[:, :4].sum(axis=0)
        self._by_picture.add(rows[:, :4].sum(axis=0))
        for row in rows:
            self._by_view.add(row[:4])

    def summary(self) -> dict[str, Any] | None:
        """Return jitter with and without blending, the reduction, and their intervals; None if nothing was seen."""
        if not (self._sums[1] and self._sums[3]):
            return None
        few = self.pictures < _FEWEST_PICTURES
        replicas = (self._by_view if few else self._by_picture).sums
        replicas = replicas[(replicas[:, 1] > 0) & (replicas[:, 3] > 0)]
        blend, hard = (rms(self._sums, at, at + 1) for at in (0, 2))
        blends, hards = (rms(replicas, at, at + 1) for at in (0, 2))
        return {
            "pictures": self.pictures,
            "views": self.views,
            "faces_lost": self.lost,
            "confidence": CONFIDENCE,
            "resampled": "views" if few else "pictures",
            "blend": estimate(blend, blends),
            "hard": estimate(hard, hards),
            "reduction": estimate(1 - blend / hard, 1 - blends / hards) if hard > 0 else None,
        }


class Replicas:
    """Sums over resampled data: each datum enters each replica as often as a Poisson variable of mean 1 says."""

    def __init__(self, seed: int, columns: int) -> None:
        self._draw = np.random.default_rng(seed)
        self.sums: NDArray[np.float64] = np.zeros((REPLICAS, columns))

    def add(self, datum: NDArray[np.float64]) -> None:
        """Add a row of sums."""
        self.sums += self._draw.poisson(1.0, REPLICAS)[:, None] * datum


def rms(sums: NDArray[np.float64], at: int, count: int) -> NDArray[np.float64]:
    """Return the root of the mean square, of the sum in column ``at`` and the count in column ``count``."""
    result: NDArray[np.float64] = np.sqrt(sums[..., at] / sums[..., count])
    return result


def estimate(value: NDArray[np.float64], replicas: NDArray[np.float64]) -> dict[str, float]:
    """Return a value with the interval that its replicas say."""
    low, high = np.quantile(replicas, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return {"value": round(float(value), 6), "low": round(float(low), 6), "high": round(float(high), 6)}
