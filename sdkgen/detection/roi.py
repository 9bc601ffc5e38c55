"""Regions of interest: what part of an image a model sees, and how its coordinates get back."""

from __future__ import annotations

import numpy as np

from sdkgen.detection.types import Detection, Roi
from sdkgen.spec.model import InputSpec, RoiSpec


def letterbox(width: int, height: int, to: InputSpec) -> Roi:
    """Return the centred region that holds all of a ``width`` × ``height`` image and has the input's aspect ratio."""
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
    """Return the square around a face for the next model, in pixels: turned so that two of its keypoints are level.

    Its side is ``rule.scale`` times the box's longer side; its centre is the box's.
    """
    x, y, box_width, box_height = detection.box
    step = detection.keypoints[rule.to_point] - detection.keypoints[rule.from_point]
    side = rule.scale * max(box_width * width, box_height * height)
    return Roi(
        center=((x + box_width / 2) * width, (y + box_height / 2) * height),
        size=(side, side),
        rotation_degrees=float(np.degrees(np.arctan2(float(step[1]) * height, float(step[0]) * width))),
    )
