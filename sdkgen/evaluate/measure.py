"""What is measured on one picture: a record small enough to keep, from which all figures are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdkgen.backends.base import Backend
from sdkgen.detection.decode import Candidates, decode
from sdkgen.detection.pipeline import resolved
from sdkgen.detection.preprocess import Bytes, letterboxed
from sdkgen.detection.types import Detection, Options, Sampling
from sdkgen.errors import ImageError
from sdkgen.evaluate import noise
from sdkgen.evaluate.jitter import MODES, shifted, shifts, squares
from sdkgen.evaluate.keypoints import errors, eye_distance, pairs, pixels
from sdkgen.evaluate.precision import MAXIMUM_DETECTIONS, Box
from sdkgen.evaluate.settings import Settings
from sdkgen.evaluate.types import Face, Picture
from sdkgen.images import read_image
from sdkgen.spec.model import ModelSpec

Record = dict[str, Any]
"""``fault`` and ``detail`` for an image that cannot be read; else

size: width and height; found: [score, x, y, width, height] of each detection for the precision curve, in pixels;
errors: each labelled face's keypoint errors, null where unknown; views: see ``Jitter.add``; noise: see
``noise.measure``; against: see ``_against``.
"""


@dataclass
class Measurer:
    """Measures pictures with one backend, and against another where ``reference`` is given; not shared by threads."""

    spec: ModelSpec
    backend: Backend
    settings: Settings
    reference: Backend | None = None

    def __call__(self, picture: Picture, *, jitter: bool) -> Record:
        """Return the record of ``picture``; an image that cannot be read makes one that says why."""
        try:
            image = read_image(picture.path, as_stored=True)
        except ImageError as error:
            kind = "unreadable image" if picture.path.is_file() else "missing image"
            return {"fault": kind, "detail": error.message}
        height, width = image.shape[:2]
        candidates = self._candidates(self.backend, image)
        shipped = self._faces(candidates, image, self.settings.nms)
        record: Record = {"size": [width, height]}
        if picture.faces is not None:
            record["found"] = _rows(
                self._faces(candidates, image, self.settings.nms, self.settings.minimum_score), image
            )
            record["shipped"] = _rows(shipped, image)
            judged = [face for face in picture.faces if not face.ignored and self._large(face.box, width, height)]
            record["errors"] = _errors(shipped, judged, width, height)
        if jitter:
            scaled = _scale(image, self.settings.width)
            if self.settings.views:
                again = candidates if scaled is image else self._candidates(self.backend, scaled)
                record["views"] = self._views(picture.name, scaled, again)
            if self.settings.noise:
                chosen = self.settings
                record["noise"] = noise.measure(picture.name, scaled, chosen.noise, chosen.noise_copies, self._find)
        if self.reference is not None:
            truth = self._faces(self._candidates(self.reference, image), image, self.settings.nms)
            record["against"] = _against(shipped, truth, width, height)
        return record

    def _candidates(self, backend: Backend, image: Bytes, sampling: Sampling | None = None) -> Candidates:
        """Return those that any figure is made of: the model's own threshold, or that of the precision curve."""
        lowest = min(self.spec.detector.minimum_score, self.settings.minimum_score)
        return decode(
            backend.run(letterboxed(image, self.spec.input, sampling or self.settings.sampling)), self.spec, lowest
        )

    def _faces(self, candidates: Candidates, image: Bytes, nms: str, score: float | None = None) -> list[Detection]:
        chosen = Options.of(
            self.spec.detector, minimum_score=score, maximum_faces=MAXIMUM_DETECTIONS, hard=nms == "hard"
        )
        return resolved(candidates.above(chosen.minimum_score), self.spec, image.shape[1], image.shape[0], chosen)

    def _large(self, box: Box, width: int, height: int) -> bool:
        """Tell whether a box on an image of that size is as large as the settings ask for."""
        return box[2] * box[3] >= self.settings.minimum_area * width * height

    def _by_mode(self, candidates: Candidates, image: Bytes) -> dict[str, list[Detection]]:
        """Return the large faces among candidates, as each of the ways to resolve ties gives them."""
        return {
            mode: [face for face in self._faces(candidates, image, mode) if self._large(face.box, 1, 1)]
            for mode in MODES
        }

    def _find(self, image: Bytes, sampling: Sampling) -> dict[str, list[Detection]]:
        return self._by_mode(self._candidates(self.backend, image, sampling), image)

    def _views(self, name: str, image: Bytes, candidates: Candidates) -> list[list[float]]:
        height, width = image.shape[:2]
        before = self._by_mode(candidates, image)
        if not before["blend"]:
            return []
        views = []
        for by in shifts(name, self.settings.views, self.settings.shift, width, height):
            moved = shifted(image, by)
            again = self._candidates(self.backend, moved)
            row: list[float] = []
            for mode in MODES:
                row += squares(before[mode], self._faces(again, moved, mode), by, width, height)
            expected = len(before["blend"]) * len(self.spec.detector.keypoints)
            views.append([*row, (expected - row[1]) / len(self.spec.detector.keypoints)])
        return views


def _scale(image: Bytes, width: int | None) -> Bytes:
    """Return ``image`` scaled to ``width`` pixels, its proportions kept; None leaves it as it is."""
    if width is None or width == image.shape[1]:
        return image
    from PIL import Image

    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def _rows(faces: Sequence[Detection], image: Bytes) -> list[list[float]]:
    """Return score and box in pixels of each face."""
    return [[face.score, *pixels(face, image.shape[1], image.shape[0])[0]] for face in faces]


def _errors(found: list[Detection], faces: Sequence[Face], width: int, height: int) -> list[list[float | None]]:
    """Return the keypoint errors of each labelled face that was found."""
    boxes, points = _split(found, width, height)
    rows = []
    for row, at in pairs(boxes, faces):
        if (labels := faces[at].keypoints) is not None:
            values = errors(points[row], labels)
            if np.isfinite(values).any():
                rows.append([float(value) if np.isfinite(value) else None for value in values])
    return rows


def _against(found: list[Detection], truth: list[Detection], width: int, height: int) -> Record:
    """Return how many faces the reference has, how many were found, and the distances of all their keypoints."""
    boxes, points = _split(found, width, height)
    true_boxes, true_points = _split(truth, width, height)
    matched = pairs(boxes, [Face(box) for box in true_boxes])
    differences = [
        float(value)
        for row, at in matched
        if eye_distance(true_points[at]) > 0
        for value in errors(points[row], true_points[at])
    ]
    return {"faces": len(truth), "found": len(found), "matched": len(matched), "differences": differences}


def _split(found: list[Detection], width: int, height: int) -> tuple[list[Any], list[Any]]:
    both = [pixels(face, width, height) for face in found]
    return [box for box, _ in both], [points for _, points in both]
