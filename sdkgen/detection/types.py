"""What backends produce and what users get: raw outputs, detections."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sdkgen.spec.model import DetectionSpec

Array: TypeAlias = NDArray[np.float32]
Bytes: TypeAlias = NDArray[np.uint8]

Sampling: TypeAlias = Literal["area", "point"]
"""How an image becomes a smaller input: ``point`` is MediaPipe's bilinear sampling of four texels a pixel, ``area``
averages all texels where there are more than 1.5 a pixel along an axis, and is ``point`` elsewhere."""

RawOutputs: TypeAlias = Mapping[str, Array]
"""A model's outputs by name, in either layout; see ``detection.layout``."""


@dataclass(frozen=True)
class Detection:
    """One face.

    ``box`` is x, y of the upper left corner, width and height; ``keypoints`` (K, 2) x and y in the order of the
    model's keypoint names. All are relative to the image (0 to 1, but a face may reach beyond the edges).
    """

    score: float
    box: tuple[float, float, float, float]
    keypoints: Array

    def roll_degrees(self, aspect: float) -> float:
        """Return the clockwise angle of the line from right to left eye; ``aspect`` is the image's width / height."""
        (right_x, right_y), (left_x, left_y) = self.keypoints[0], self.keypoints[1]
        return math.degrees(math.atan2(float(left_y - right_y), float(left_x - right_x) * aspect))


@dataclass(frozen=True)
class Options:
    """What the caller decides: the lowest score, which overlap makes two boxes one face, how many faces, the sampling.

    ``hard`` chooses plain non-maximum suppression instead of blending; ``maximum_faces`` None keeps them all.
    """

    minimum_score: float
    blending_iou: float
    maximum_faces: int | None = None
    hard: bool = False
    sampling: Sampling = "area"

    @classmethod
    def of(cls, detection: DetectionSpec, **chosen: Any) -> Options:
        """Return the model's own options, with those of ``chosen`` that are not None in their place."""
        own: dict[str, Any] = {"minimum_score": detection.minimum_score, "blending_iou": detection.blending_iou}
        return cls(**(own | {name: value for name, value in chosen.items() if value is not None}))


@dataclass(frozen=True)
class Roi:
    """A rectangle of an upright image, in pixels, turned clockwise about its centre by ``rotation_degrees``."""

    center: tuple[float, float]
    size: tuple[float, float]
    rotation_degrees: float = 0.0
