"""Keypoint error as a share of the inter-ocular distance."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdkgen.detection.types import Detection
from sdkgen.evaluate.precision import Box, overlaps
from sdkgen.evaluate.types import Face

SAME_FACE = 0.5
"""The least overlap (IoU) of a detection with the face that it is compared with."""

Floats = NDArray[np.float64]


def pixels(face: Detection, width: int, height: int) -> tuple[Box, Floats]:
    """Return the box and the keypoints (K, 2) of a detection in pixels of a ``width`` × ``height`` image."""
    x, y, across, down = face.box
    return (x * width, y * height, across * width, down * height), face.keypoints.astype(np.float64) * [width, height]


def eye_distance(points: Floats) -> float:
    """Return the distance between the first two keypoints, the eyes, in the points' unit."""
    return float(np.hypot(*(points[1] - points[0])))


def pairs(boxes: Sequence[Box], faces: Sequence[Face]) -> list[tuple[int, int]]:
    """Pair detections, best first, each with the free face that it overlaps most, at least ``SAME_FACE``."""
    shares = overlaps(boxes, faces)
    found = []
    for row in range(len(boxes)):
        best = int(np.argmax(shares[row])) if len(faces) else 0
        if len(faces) and shares[row, best] >= SAME_FACE:
            found.append((row, best))
            shares[:, best] = -1
    return found


def errors(points: Floats, labels: Floats) -> Floats:
    """Return each keypoint's distance (K,) to its label over the labelled distance of the eyes; NaN where unknown."""
    distance = eye_distance(labels)
    if not distance > 0:
        return np.full(len(labels), np.nan)
    result: Floats = np.hypot(*(points - labels).T) / distance
    return result


class KeypointErrors:
    """Errors so far: four bytes a keypoint."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._values: dict[str, array[float]] = {name: array("f") for name in names}

    def add(self, values: Sequence[float | None]) -> None:
        """Add one face's errors, None for a keypoint without a label."""
        for name, value in zip(self._names, values, strict=True):
            if value is not None:
                self._values[name].append(value)

    def summary(self) -> dict[str, Any] | None:
        """Return median, mean and 95th percentile over all keypoints, and each one's median; None without any."""
        filled = [np.frombuffer(values, np.float32) for values in self._values.values() if values]
        if not filled:
            return None
        everything = np.concatenate(filled)
        medians = {name: _rounded(np.median(values)) if values else None for name, values in self._values.items()}
        return {
            "keypoints": len(everything),
            "median": _rounded(np.median(everything)),
            "mean": _rounded(everything.mean(dtype=np.float64)),
            "p95": _rounded(np.percentile(everything, 95)),
            "maximum": _rounded(everything.max()),
            "median_by_keypoint": medians,
        }


def _rounded(value: Any) -> float:
    return round(float(value), 6)
