"""Average precision by COCO's protocol, accumulated picture by picture.

Detections of a picture are taken best first, at most ``MAXIMUM_DETECTIONS``; each takes the unmatched face with the
highest overlap that reaches the threshold. Faces marked as ignored, or below the smallest area asked for, count
neither as found nor as missed, and neither do detections matched to them nor unmatched detections below that area.
Precision is made non-increasing from the right and averaged at 101 recalls.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sdkgen.evaluate.types import Face

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
MAXIMUM_DETECTIONS = 100
_RECALLS = np.linspace(0, 1, 101)

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]


@dataclass
class AveragePrecision:
    """Matches so far: 12 bytes a detection, whatever the number of pictures.

    ``smallest`` is the smallest area of a face, as a share of the picture's. Boxes are x, y, width and height in
    pixels.
    """

    smallest: float = 0.0
    faces: int = 0
    ignored: int = 0
    _scores: array[float] = field(default_factory=lambda: array("d"))
    _matched: array[int] = field(default_factory=lambda: array("H"))
    _void: array[int] = field(default_factory=lambda: array("H"))

    def add(self, scores: Sequence[float], boxes: Sequence[Box], faces: Sequence[Face], area: float) -> None:
        """Match one picture's detections to its faces; ``area`` is the picture's, in pixels."""
        least = self.smallest * area
        skipped = [face.ignored or face.box[2] * face.box[3] < least for face in faces]
        self.ignored += sum(skipped)
        self.faces += len(faces) - sum(skipped)
        order = np.argsort(-np.asarray(scores), kind="stable")[:MAXIMUM_DETECTIONS]
        shares = overlaps([boxes[at] for at in order], faces)
        # Faces that count come first: an ignored one is taken only where no other can be.
        ranked = sorted(range(len(faces)), key=skipped.__getitem__)
        taken: list[set[int]] = [set() for _ in THRESHOLDS]
        for row, at in enumerate(order):
            small = boxes[at][2] * boxes[at][3] < least
            near = [g for g in ranked if shares[row, g] >= THRESHOLDS[0]]
            matched = void = 0
            for bit, threshold in enumerate(THRESHOLDS):
                best = _best(near, shares[row], threshold, taken[bit], faces, skipped)
                if best is not None:
                    taken[bit].add(best)
                    matched |= 1 << bit
                if small if best is None else skipped[best]:
                    void |= 1 << bit
            self._scores.append(scores[at])
            self._matched.append(matched)
            self._void.append(void)

    @property
    def detections(self) -> int:
        """How many detections were matched or failed to be."""
        return len(self._scores)

    def at(self, threshold: float) -> float | None:
        """Return the average precision at one of ``THRESHOLDS``; None if there are no faces to find."""
        if not self.faces:
            return None
        hits, misses, _ = self._counts(threshold)
        recall = hits / self.faces
        precision = hits / np.maximum(hits + misses, np.finfo(np.float64).tiny)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, _RECALLS, side="left")
        return float(np.append(envelope, 0.0)[at].mean())

    def mean(self) -> float | None:
        """Return the mean over all ``THRESHOLDS``; None if there are no faces to find."""
        values = [self.at(threshold) for threshold in THRESHOLDS]
        return None if values[0] is None else float(np.mean([value for value in values if value is not None]))

    def operating_point(self, minimum_score: float, threshold: float = THRESHOLDS[0]) -> tuple[float, float] | None:
        """Return precision and recall of the detections with at least ``minimum_score``; None without faces."""
        if not self.faces:
            return None
        hits, misses, scores = self._counts(threshold)
        last = int(np.searchsorted(-scores, -minimum_score, side="right")) - 1
        if last < 0:
            return 0.0, 0.0
        return float(hits[last] / max(hits[last] + misses[last], 1)), float(hits[last] / self.faces)

    def _counts(self, threshold: float) -> tuple[Floats, Floats, Floats]:
        """Return the running counts of hits and false alarms, best detection first, and the scores."""
        bit = np.uint16(1 << THRESHOLDS.index(threshold))
        scores = np.frombuffer(self._scores, np.float64) if self._scores else np.empty(0)
        order = np.argsort(-scores, kind="stable")
        matched, void = (
            (np.frombuffer(bits, np.uint16)[order] & bit) > 0 if bits else np.empty(0, bool)
            for bits in (self._matched, self._void)
        )
        hits = np.cumsum(matched & ~void, dtype=np.float64)
        misses = np.cumsum(~matched & ~void, dtype=np.float64)
        return hits, misses, scores[order]


def overlaps(boxes: Sequence[Box], faces: Sequence[Face]) -> Floats:
    """Return intersection over union (detections, faces); for a crowd region over the detection's area instead."""
    if not boxes or not faces:
        return np.zeros((len(boxes), len(faces)))
    found = np.asarray(boxes, np.float64)[:, None]
    labels = np.array([face.box for face in faces], np.float64)[None]
    extent = np.minimum(found[..., :2] + found[..., 2:], labels[..., :2] + labels[..., 2:])
    common = np.clip(extent - np.maximum(found[..., :2], labels[..., :2]), 0, None).prod(-1)
    own, whole = found[..., 2:].prod(-1), labels[..., 2:].prod(-1)
    crowd = np.array([face.crowd for face in faces])
    union = np.where(crowd, own, own + whole - common)
    shares: Floats = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return shares


def _best(
    near: Sequence[int], shares: Floats, threshold: float, taken: set[int], faces: Sequence[Face], skipped: list[bool]
) -> int | None:
    best: int | None = None
    least = threshold
    for g in near:
        if g in taken and not faces[g].crowd:
            continue
        if best is not None and not skipped[best] and skipped[g]:
            break
        if shares[g] >= least:
            best, least = g, float(shares[g])
    return best
