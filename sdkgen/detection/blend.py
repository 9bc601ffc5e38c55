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
    left = np.arange(len(candidates))
    while len(left) and (maximum_faces is None or len(faces) < maximum_faces):
        taken = overlap(candidates.corners[left[0]], candidates.corners[left]) > iou
        taken[0] = True
        members = left[:1] if hard else left[taken]
        faces.append(_mean(candidates, members))
        left = left[~taken]
    return faces


def overlap(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of a box (4,) with each of ``others`` (n, 4); 0 where there is no union."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    common = np.clip(high - low, 0, None).prod(axis=1)
    union = np.prod(box[2:] - box[:2]) + (others[:, 2:] - others[:, :2]).prod(axis=1) - common
    share: NDArray[np.float64] = np.zeros_like(common)
    np.divide(common, union, out=share, where=union > 0)
    return share


def _mean(candidates: Candidates, members: NDArray[np.int64]) -> Detection:
    weights = candidates.scores[members]
    weights = weights / weights.sum()
    left, top, right, bottom = weights @ candidates.corners[members]
    points = candidates.keypoints[members]
    keypoints = (weights @ points.reshape(len(points), -1)).reshape(points.shape[1:])
    return Detection(
        score=float(candidates.scores[members[0]]),
        box=(float(left), float(top), float(right - left), float(bottom - top)),
        keypoints=keypoints.astype(np.float32),
    )
