"""From candidates to faces: the paper's tie resolution (blending), and plain non-maximum suppression beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sdkgen.detection.decode import Candidates
from sdkgen.detection.types import Detection


def resolve(
    candidates: Candidates, iou: float, *, maximum_faces: int | None = None, hard: bool = False
) -> list[Detection]:
    """Return one detection a face, best first, at most ``maximum_faces``.

    Takes the best candidate that is left, and with it all whose overlap with it is strictly above ``iou``. Blending
    (Bazarevsky et al. 2019, section 3.3) makes the face the mean of their corners and keypoints weighted by score,
    with the best one's score; ``hard`` keeps the best one alone. A best candidate without area overlaps nothing and
    takes only itself, so the loop always ends.
    """
    faces: list[Detection] = []
    points = candidates.keypoints
    numbers = np.concatenate([candidates.corners, points.reshape(len(points), 2 * points.shape[1])], axis=1)
    left = np.arange(len(candidates))
    while len(left) and (maximum_faces is None or len(faces) < maximum_faces):
        taken = overlap(candidates.corners[left[0]], candidates.corners[left]) > iou
        taken[0] = True
        members = left[:1] if hard else left[taken]
        faces.append(_mean(candidates.scores[members], numbers[members]))
        left = left[~taken]
    return faces


def overlap(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of a box (4,) with each of ``others`` (n, 4); 0 where there is no union."""
    left, top, right, bottom = others.T
    width = np.minimum(box[2], right) - np.maximum(box[0], left)
    height = np.minimum(box[3], bottom) - np.maximum(box[1], top)
    common = np.maximum(width, 0) * np.maximum(height, 0)
    union = (box[2] - box[0]) * (box[3] - box[1]) + (right - left) * (bottom - top) - common
    share: NDArray[np.float64] = np.zeros_like(common)
    np.divide(common, union, out=share, where=union > 0)
    return share


def _mean(scores: NDArray[np.float64], numbers: NDArray[np.float64]) -> Detection:
    """Return the mean of rows of corners and keypoints, weighted by ``scores``, with the first one's score."""
    left, top, right, bottom, *points = (scores / scores.sum()) @ numbers
    return Detection(
        score=float(scores[0]),
        box=(float(left), float(top), float(right - left), float(bottom - top)),
        keypoints=np.array(points, dtype=np.float32).reshape(-1, 2),
    )
