"""The landmark model on one crop: from a region of the image to points in the image, and to the next region."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sdkgen.backends.base import Backend
from sdkgen.detection.layout import split
from sdkgen.detection.preprocess import Bytes, cropped
from sdkgen.detection.roi import region
from sdkgen.detection.types import Roi, Sampling
from sdkgen.spec.model import LandmarkSpec, ModelSpec, RoiSpec

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Landmarks:
    """The points of one face.

    ``points`` (count, 3): x and y in pixels of the upright image, z in the same unit, smaller is nearer, relative to
    the head's centre. ``presence`` is the probability that the crop held a face.
    """

    points: Points
    presence: float


def find_landmarks(
    image: Bytes, roi: Roi, backend: Backend, spec: ModelSpec, sampling: Sampling = "area"
) -> Landmarks | None:
    """Return the landmarks of the face in ``roi`` of an upright RGB image (H, W, 3); None where no face is there.

    None too where the region lies wholly outside the image, and where the model gives anything but finite numbers.
    """
    if not reaches(roi, image.shape[1], image.shape[0]):
        return None
    outputs = split(backend.run(cropped(image, roi, spec.input, sampling)), spec)
    logit = float(outputs["presence"].reshape(-1)[0])
    raw = outputs["landmarks"].reshape(-1, 3).astype(np.float64)
    if math.isnan(logit) or not np.isfinite(raw).all():
        return None
    presence = 1.0 / (1.0 + math.exp(-min(max(logit, -100.0), 100.0)))
    if presence <= spec.landmarker.minimum_presence:
        return None
    return Landmarks(to_image(raw, roi, spec), presence)


def to_image(raw: Points, roi: Roi, spec: ModelSpec) -> Points:
    """Return the model's points (count, 3), in input pixels, in pixels of the image that ``roi`` is a region of."""
    across, down = roi.size[0] / spec.input.width, roi.size[1] / spec.input.height
    angle = math.radians(roi.rotation_degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[across * cos, across * sin, 0], [-down * sin, down * cos, 0], [0, 0, across]])
    middle = np.array([spec.input.width / 2, spec.input.height / 2, 0])
    points: Points = (raw - middle) @ turn
    points += (*roi.center, 0)
    return points


def landmark_roi(points: Points, rule: RoiSpec) -> Roi:
    """Return the square around the points (count, 3), in pixels, turned, placed and scaled by ``rule``."""
    (x, y, _), (to_x, to_y, _) = points[rule.from_point].tolist(), points[rule.to_point].tolist()
    return region(bounds(points), (x, y), (to_x - x, to_y - y), rule)


def roll_degrees(points: Points, rule: RoiSpec) -> float:
    """Return the clockwise angle of the line between the two of the points (count, 3) that are to be level."""
    (from_x, from_y, _), (to_x, to_y, _) = points[rule.from_point].tolist(), points[rule.to_point].tolist()
    return math.degrees(math.atan2(to_y - from_y, to_x - from_x))


def bounds(points: Points) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the points' upright box, in pixels."""
    # A column at a time is several times as fast as along an axis.
    x, y = points[:, 0], points[:, 1]
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def keypoints(points: Points, spec: LandmarkSpec) -> Points:
    """Return the detector's keypoints (K, 2), in pixels, found among the landmarks."""
    found: Points = _shares(spec) @ points[:, :2]
    return found


@cache
def _shares(spec: LandmarkSpec) -> Points:
    """Return how much of each landmark goes into each keypoint (K, count)."""
    shares = np.zeros((len(spec.keypoints), spec.count))
    for row, keypoint in zip(shares, spec.keypoints, strict=True):
        row[list(keypoint.landmarks)] = 1 / len(keypoint.landmarks)
    return shares


def reaches(roi: Roi, width: int, height: int) -> bool:
    """Tell whether a region has an area, and any of its upright box lies within a ``width`` × ``height`` image."""
    left, top, right, bottom = upright_box(roi)
    finite = math.isfinite(right - left) and math.isfinite(bottom - top)
    return finite and right > max(left, 0.0) and bottom > max(top, 0.0) and left < width and top < height


def upright_box(roi: Roi) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the smallest upright box around a region, in pixels."""
    angle = math.radians(roi.rotation_degrees)
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    half_width = (roi.size[0] * cos + roi.size[1] * sin) / 2
    half_height = (roi.size[0] * sin + roi.size[1] * cos) / 2
    (x, y) = roi.center
    return x - half_width, y - half_height, x + half_width, y + half_height


def similarity(first: Roi, second: Roi) -> float:
    """Return the intersection over union of two regions, both taken upright: what association goes by."""
    one, two = (_level_box(roi) for roi in (first, second))
    width = min(one[2], two[2]) - max(one[0], two[0])
    height = min(one[3], two[3]) - max(one[1], two[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, two)]
    return common / (sum(areas) - common)


def _level_box(roi: Roi) -> tuple[float, float, float, float]:
    (x, y), (width, height) = roi.center, roi.size
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2
