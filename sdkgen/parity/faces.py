"""Comparing what comes out in the end: faces, or the landmarks of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sdkgen.detection.blend import overlap
from sdkgen.detection.pipeline import faces
from sdkgen.detection.types import Detection, RawOutputs
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


def found_faces(outputs: RawOutputs, spec: ModelSpec, source: Input) -> list[Detection]:
    """Return the faces in a model's outputs for a photograph, best first; of the landmark model at most one.

    A landmark face has all points as its keypoints, and the box around them.
    """
    if spec.landmarks is None:
        return faces(outputs, spec, source.width, source.height)
    points, presence = (outputs[output.name] for output in spec.outputs)
    score = float(1 / (1 + np.exp(-presence.reshape(-1)[0].astype(np.float64))))
    if score < spec.landmarks.minimum_presence:
        return []
    size = np.array([spec.input.width, spec.input.height])
    relative = (points.reshape(-1, COORDINATES)[:, :2] / size).astype(np.float32)
    (left, top), (right, bottom) = relative.min(axis=0).tolist(), relative.max(axis=0).tolist()
    return [Detection(score, (left, top, right - left, bottom - top), relative)]


def compare_faces(
    found: Sequence[Detection], reference: Sequence[Detection], spec: ModelSpec, source: Input, slack: float
) -> list[FaceDifference]:
    """Return one difference a face of the reference, and one for each face it does not have.

    A face that one side lacks is let pass if its score is within ``slack`` of the threshold.
    """
    detector, landmarker = spec.detection, spec.landmarks
    threshold = detector.minimum_score if detector else landmarker.minimum_presence if landmarker else 0.0
    eyes = (landmarker.landmark_roi.from_point, landmarker.landmark_roi.to_point) if landmarker else (0, 1)
    left = list(found)
    differences = []
    for face in reference:
        shares = overlap(_corners(face), np.array([_corners(other) for other in left]).reshape(-1, 4))
        best = int(shares.argmax()) if len(left) else -1
        if best < 0 or shares[best] <= 0:
            differences += _alone(face, threshold, slack)
            continue
        other = left.pop(best)
        distance = _distance(other, face, eyes, (source.width, source.height))
        differences.append(FaceDifference(float(shares[best]), distance, abs(other.score - face.score)))
    return differences + [d for face in left for d in _alone(face, threshold, slack)]


def _alone(face: Detection, threshold: float, slack: float) -> list[FaceDifference]:
    return [] if face.score - threshold <= slack else [FaceDifference(0.0, None, face.score)]


def _distance(face: Detection, reference: Detection, eyes: tuple[int, int], size: tuple[int, int]) -> float:
    expected = reference.keypoints * np.array(size)
    apart = float(np.linalg.norm(expected[eyes[1]] - expected[eyes[0]]))
    farthest = float(np.linalg.norm(face.keypoints * np.array(size) - expected, axis=1).max())
    return farthest / apart if apart > 0 else farthest


def _corners(face: Detection) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    x, y, width, height = face.box
    return np.array([x, y, x + width, y + height])
