"""Regions of interest: what part of an image a model sees, and how its coordinates get back."""

from __future__ import annotations

import math

import numpy as np

from sdkgen.detection.types import Detection, Roi
from sdkgen.spec.model import InputSpec, RoiSpec


def letterbox(width: int, height: int, to: InputSpec) -> Roi:
    """Return the centred region that holds all of a ``width`` × ``height`` image and has the input's aspect ratio.

    A model whose images are stretched instead sees the image and nothing else.
    """
    if to.fit == "stretch":
        return Roi((width / 2, height / 2), (width, height))
    pixels_a_cell = max(width / to.width, height / to.height)
    return Roi((width / 2, height / 2), (to.width * pixels_a_cell, to.height * pixels_a_cell))


def project(detection: Detection, roi: Roi, width: int, height: int) -> Detection:
    """Return ``detection``, relative to an upright ``roi``, relative to the ``width`` × ``height`` image instead."""
    size = np.asarray(roi.size)
    origin = np.asarray(roi.center) - size / 2
    image = np.array([width, height], dtype=np.float64)
    corner = (np.asarray(detection.box[:2]) * size + origin) / image
    extent = np.asarray(detection.box[2:]) * size / image
    keypoints = (detection.keypoints.astype(np.float64) * size + origin) / image
    box = (float(corner[0]), float(corner[1]), float(extent[0]), float(extent[1]))
    return Detection(detection.score, box, keypoints.astype(np.float32))


def detection_roi(detection: Detection, width: int, height: int, rule: RoiSpec) -> Roi:
    """Return the square around a detection for the next model, in pixels: turned, placed and scaled by ``rule``."""
    x, y, box_width, box_height = detection.box
    first, second = (detection.keypoints[point] for point in (rule.from_point, rule.to_point))
    line = float(second[0] - first[0]) * width, float(second[1] - first[1]) * height
    box = (x * width, y * height, (x + box_width) * width, (y + box_height) * height)
    return region(box, (float(first[0]) * width, float(first[1]) * height), line, rule)


def region(
    box: tuple[float, float, float, float], first: tuple[float, float], line: tuple[float, float], rule: RoiSpec
) -> Roi:
    """Return the square region that ``rule`` makes of an upright box (left, top, right, bottom) and a line, in pixels.

    ``first`` is the point where the line begins; see ``RoiSpec``.
    """
    left, top, right, bottom = box
    angle = math.atan2(line[1], line[0]) - math.radians(rule.target_degrees)
    angle = math.remainder(angle, 2 * math.pi)
    if rule.around == "box":
        center, side = ((left + right) / 2, (top + bottom) / 2), rule.scale * max(right - left, bottom - top)
    else:
        center, side = first, rule.scale * 2 * math.hypot(*line)
    if rule.shift_x or rule.shift_y:
        along, across = rule.shift_x * side, rule.shift_y * side
        cos, sin = math.cos(angle), math.sin(angle)
        center = center[0] + along * cos - across * sin, center[1] + along * sin + across * cos
    return Roi(center, (side, side), math.degrees(angle))
