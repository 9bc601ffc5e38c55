"""Comparing what comes out in the end: faces, or the landmarks of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sdkgen.detection.blend import overlap
from sdkgen.detection.layout import split
from sdkgen.detection.pipeline import faces
from sdkgen.detection.types import Detection, Options, RawOutputs
from sdkgen.parity.inputs import Input
from sdkgen.parity.tensors import COORDINATES
from sdkgen.spec.model import ModelSpec


@dataclass(frozen=True)
class FaceDifference:
    """How far a face is from the reference's: overlap of boxes, farthest keypoint as a share of the inter-ocular
    distance, difference of scores. A face that only one of the two has overlaps nothing and has ``keypoint`` None.
    """

    iou: float
    keypoint: float | None
    score: float


def found_faces(outputs: RawOutputs, spec: ModelSpec, source: Input, options: Options | None = None) -> list[Detection]:
    """Return the faces in a model's outputs for a photograph, best first; of the landmark model at most one.

    A landmark face has all points as its keypoints, and the box around them.
    """
    if spec.landmarks is None:
        return faces(outputs, spec, source.width, source.height, options)
    points, presence = split(outputs, spec).values()
    score = float(1 / (1 + np.exp(-presence.reshape(-1)[0].astype(np.float64))))
    if score < spec.landmarks.minimum_presence:
        return []
    size = np.array([spec.input.width, spec.input.height])
    relative = (points.reshape(-1, COORDINATES)[:, :2] / size).astype(np.float32)
    (left, top), (right, bottom) = relative.min(axis=0).tolist(), relative.max(axis=0).tolist()
    return [Detection(score, (left, top, right - left, bottom - top), relative)]


def readings(outputs: RawOutputs, spec: ModelSpec, source: Input, slack: float) -> list[list[Detection]]:
    """Return the faces in a model's outputs, and what they would be with limits moved by up to ``slack``.

    Whether a box joins a blend turns on two limits, its score and its overlap. Where one lies within ``slack`` of
    such a limit, the last bit of the arithmetic decides, and either reading is right.
    """
    if spec.detection is None:
        return [found_faces(outputs, spec, source)]
    own = spec.detection
    moves = sorted(product((0.0, -slack, slack), repeat=2), key=lambda move: move != (0.0, 0.0))
    return [
        found_faces(outputs, spec, source, Options(own.minimum_score + score, own.blending_iou + iou))
        for score, iou in moves
    ]


def compare_faces(
    found: Sequence[Sequence[Detection]],
    expected: Sequence[Detection],
    spec: ModelSpec,
    source: Input,
    slack: float,
) -> list[FaceDifference]:
    """Return one difference a face of ``expected``, and one for each face beyond those.

    ``found`` holds one or more ``readings``, the plain one first; each face is compared with the nearest in any. A
    face that one side lacks is let pass if its score is within ``slack`` of the threshold.
    """
    detector, landmarker = spec.detection, spec.landmarks
    threshold = detector.minimum_score if detector else landmarker.minimum_presence if landmarker else 0.0
    eyes = (landmarker.landmark_roi.from_point, landmarker.landmark_roi.to_point) if landmarker else (0, 1)
    everything = [face for reading in found for face in reading]
    left = list(found[0])
    differences = []
    for face in expected:
        near = _nearest(face, everything)
        if near is None:
            differences += _alone(face, threshold, slack)
            continue
        distance = _distance(near, face, eyes, (source.width, source.height))
        iou = float(_overlaps(face, [near])[0])
        differences.append(FaceDifference(iou, distance, abs(near.score - face.score)))
        if (same := _nearest(face, left)) is not None:
            left.remove(same)
    return differences + [d for face in left for d in _alone(face, threshold, slack)]


def _nearest(face: Detection, others: Sequence[Detection]) -> Detection | None:
    """Return the one of ``others`` that overlaps ``face`` most, if any does."""
    shares = _overlaps(face, others)
    return others[int(shares.argmax())] if len(shares) and shares.max() > 0 else None


def _overlaps(face: Detection, others: Sequence[Detection]) -> NDArray[np.float64]:
    return overlap(_corners(face), np.array([_corners(other) for other in others]).reshape(-1, 4))


def _alone(face: Detection, threshold: float, slack: float) -> list[FaceDifference]:
    return [] if face.score - threshold <= slack else [FaceDifference(0.0, None, face.score)]


def _distance(face: Detection, reference: Detection, eyes: tuple[int, int], size: tuple[int, int]) -> float:
    expected = reference.keypoints * np.array(size)
    apart = float(np.linalg.norm(expected[eyes[1]] - expected[eyes[0]]))
    farthest = float(np.linalg.norm(face.keypoints * np.array(size) - expected, axis=1).max())
    return farthest / apart if apart > 0 else farthest


def _corners(face: Detection) -> NDArray[np.float64]:
    x, y, width, height = face.box
    return np.array([x, y, x + width, y + height])
