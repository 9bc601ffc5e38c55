"""The tracker: the detector sleeps while as many faces as asked for stay in sight."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sdkgen.backends.base import Backend
from sdkgen.detection.pipeline import detect
from sdkgen.detection.preprocess import Bytes
from sdkgen.detection.roi import detection_roi
from sdkgen.detection.types import Options, Roi
from sdkgen.errors import UsageError
from sdkgen.spec.model import ModelSpec
from sdkgen.tracking.association import Motion, Sighting, associate
from sdkgen.tracking.landmarks import bounds, find_landmarks, keypoints, landmark_roi, roll_degrees, similarity
from sdkgen.tracking.refusals import Refusals
from sdkgen.tracking.smoothing import OneEuro, Smoothing

State: TypeAlias = Literal["detected", "tracked"]


@dataclass(frozen=True)
class TrackedFace:
    """A face in one frame; coordinates are relative to the upright image, as in ``Detection``.

    ``track`` stays the same while the face stays in sight, and is never given twice; where faces hide each other it can
    pass to another person's. ``age`` counts the frames since it appeared. ``score`` is the detector's when it first
    found the face, ``presence`` the landmark model's now. ``landmarks`` (count, 3): x, y, and z in the unit of x.
    ``roi`` is the crop of this frame, in pixels.
    """

    track: int
    age: int
    state: State
    score: float
    presence: float
    box: tuple[float, float, float, float]
    keypoints: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    roi: Roi
    roll_degrees: float


@dataclass(frozen=True)
class TrackedFrame:
    """What one frame held: faces by track, the tracks lost in it, and whether the detector ran."""

    faces: tuple[TrackedFace, ...]
    lost: tuple[int, ...]
    detector_ran: bool


@dataclass
class _Track:
    number: int
    score: float
    roi: Roi
    age: int = 0
    motion: Motion | None = None
    filter: OneEuro | None = None


@dataclass
class FaceTracker:
    """Follows up to ``maximum_faces`` faces through the frames of one video.

    A detected face that the landmark model refuses makes room for the next best in the same frame; no more than the
    spec's ``extra_candidates`` are tried beyond the free places. The next frame tries what was refused last of all.

    ``detector`` and ``landmarker`` are the two models' specs and loaded backends.
    """

    detector: tuple[ModelSpec, Backend]
    landmarker: tuple[ModelSpec, Backend]
    maximum_faces: int = 1
    options: Options | None = None
    smoothing: Smoothing | None = None
    frames: int = 0
    detector_runs: int = 0
    _tracks: list[_Track] = field(default_factory=list)
    _next: int = 1
    _options: Options = field(init=False)
    _refusals: Refusals = field(init=False)
    _size: tuple[int, int] = (0, 0)
    _seconds: float = -np.inf

    def __post_init__(self) -> None:
        self._options = self.options or Options.of(self.detector[0].detector)

    def update(self, image: Bytes, seconds: float) -> TrackedFrame:
        """Return the faces in the next frame, an upright RGB image (H, W, 3) taken at ``seconds``.

        A frame of another size begins anew: all tracks are lost, and the detector runs. Raises ``UsageError`` if time
        does not go on.
        """
        if not seconds > self._seconds:
            raise UsageError(
                f"the frame at {seconds:.6f} s does not come after the one at {self._seconds:.6f} s",
                hint="Give frames in the order in which they were taken, each with its own time.",
                reference="timestamp-order",
            )
        self._seconds = seconds
        height, width = image.shape[:2]
        lost = [] if self._size in ((0, 0), (width, height)) else [track.number for track in self._tracks]
        if self._size != (width, height):
            self._tracks, self._refusals = [], Refusals(self.landmarker[0].landmarker.association_iou)
        self._size = (width, height)
        self.frames += 1
        free = self.maximum_faces - len(self._tracks)
        candidates = self._detect(image) if free > 0 else []
        followed = self._follow(image)
        lost += [track.number for track, sighting in followed if sighting is None]
        kept = [(track, sighting) for track, sighting in followed if sighting is not None]
        refused, tried = self._begin(candidates, free, image, kept)
        if free > 0:
            self._refusals.update(refused, [track.roi for track in candidates[tried:]])
        self._tracks = [track for track, _ in kept]
        return TrackedFrame(tuple(self._face(track, sighting) for track, sighting in kept), tuple(lost), free > 0)

    def _detect(self, image: Bytes) -> list[_Track]:
        """Return new tracks for detected faces that no track follows already, in the order to try them."""
        self.detector_runs += 1
        spec, backend = self.detector
        rule = self.landmarker[0].landmarker
        height, width = image.shape[:2]
        fresh: list[_Track] = []
        for found in detect(image, backend, spec, self._options):
            roi = detection_roi(found, width, height, rule.detection_roi)
            if all(similarity(roi, other.roi) <= rule.association_iou for other in (*self._tracks, *fresh)):
                fresh.append(_Track(0, found.score, roi))
        return [fresh[index] for index in self._refusals.order([track.roi for track in fresh])]

    def _follow(self, image: Bytes) -> list[tuple[_Track, Sighting | None]]:
        """Run the landmark model on each track's crop, and return each track's face; None where it is not there."""
        seen = [sighting for track in self._tracks if (sighting := self._look(track.roi, image)) is not None]
        motions = [track.motion for track in self._tracks if track.motion is not None]
        found = associate(seen, motions, self._seconds, self.landmarker[0].landmarker.association_iou)
        return [
            (track, None if index is None else seen[index]) for track, index in zip(self._tracks, found, strict=True)
        ]

    def _begin(
        self, candidates: list[_Track], free: int, image: Bytes, kept: list[tuple[_Track, Sighting]]
    ) -> tuple[list[Roi], int]:
        """Try candidates until the free places are taken, with a bound, and add to ``kept`` those that are faces.

        Return the regions of the others, and how many were tried.
        """
        rule = self.landmarker[0].landmarker
        refused: list[Roi] = []
        tried = 0
        for track in candidates[: max(free, 0) + rule.extra_candidates]:
            if tried - len(refused) == free:
                break
            tried += 1
            sighting = self._look(track.roi, image)
            taken = sighting and any(similarity(sighting.roi, other.roi) > rule.association_iou for _, other in kept)
            if sighting is None or taken:
                refused.append(track.roi)
            else:
                track.number, self._next = self._next, self._next + 1
                kept.append((track, sighting))
        return refused, tried

    def _look(self, crop: Roi, image: Bytes) -> Sighting | None:
        """Run the landmark model on a region of the image."""
        spec, backend = self.landmarker
        found = find_landmarks(image, crop, backend, spec, self._options.sampling)
        if found is None:
            return None
        return Sighting(found, crop, landmark_roi(found.points, spec.landmarker.landmark_roi))

    def _face(self, track: _Track, sighting: Sighting) -> TrackedFace:
        """Carry the track on to its face in this frame, and return that."""
        points = sighting.landmarks.points
        track.age += 1
        track.roi = sighting.roi
        if track.motion is None:
            track.motion = Motion(points, self._seconds)
        else:
            track.motion.update(points, self._seconds)
        if self.smoothing is not None:
            track.filter = track.filter or OneEuro(self.smoothing)
            left, top, right, bottom = bounds(points)
            points = track.filter.smooth(points, max(right - left, bottom - top), self._seconds)
        width, height = self._size
        image = np.array([width, height, width], dtype=np.float64)
        left, top, right, bottom = bounds(points)
        rule = self.landmarker[0].landmarker
        return TrackedFace(
            track=track.number,
            age=track.age,
            state="detected" if track.age == 1 else "tracked",
            score=track.score,
            presence=sighting.landmarks.presence,
            box=(left / width, top / height, (right - left) / width, (bottom - top) / height),
            keypoints=keypoints(points, rule) / image[:2],
            landmarks=points / image,
            roi=sighting.crop,
            roll_degrees=roll_degrees(points, rule.landmark_roi),
        )
