"""From raw outputs to candidates: boxes with a score, relative to the model's input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdkgen.detection.anchors import anchors
from sdkgen.detection.layout import join
from sdkgen.detection.types import RawOutputs
from sdkgen.spec.model import BOX_NUMBERS, ModelSpec


@dataclass(frozen=True)
class Candidates:
    """Boxes that passed the threshold, best first.

    ``scores`` (n,), ``corners`` (n, 4) left, top, right, bottom, ``keypoints`` (n, K, 2) x and y; float64, relative
    to the model's input. ``anchor`` (n,) is where each came from.
    """

    scores: NDArray[np.float64]
    corners: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    anchor: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, minimum_score: float) -> Candidates:
        """Return those whose score is ``minimum_score`` or higher: what ``decode`` had given for it."""
        count = int(np.count_nonzero(self.scores >= np.float32(minimum_score)))
        return Candidates(self.scores[:count], self.corners[:count], self.keypoints[:count], self.anchor[:count])


def decode(outputs: RawOutputs, spec: ModelSpec, minimum_score: float) -> Candidates:
    """Return the candidates in ``outputs`` (either layout), sorted by score, ties by anchor.

    The score is the sigmoid of the clipped logit. Dropped are: a score below ``minimum_score``; NaN or infinity in
    any box number; a NaN logit (infinite ones are clipped); negative width or height. Raises ``BackendError`` if the
    outputs are not those of the model.
    """
    (rows,) = join(outputs, spec).astype(np.float64)
    numbers, logits = rows[:, :-1], rows[:, -1]
    clip = spec.detector.score_clip
    # The score is a float32, as in the apps: scores that agree in float32 are ties everywhere.
    scores = (1.0 / (1.0 + np.exp(-np.clip(logits, -clip, clip)))).astype(np.float32).astype(np.float64)
    usable = np.isfinite(numbers).all(axis=1) & (numbers[:, 2:BOX_NUMBERS] >= 0).all(axis=1)
    kept = np.flatnonzero(usable & (scores >= np.float32(minimum_score)))
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    numbers = numbers[kept] / spec.detector.box_scale
    centres = anchors(spec)[kept].astype(np.float64)
    centre, half = numbers[:, :2] + centres, numbers[:, 2:BOX_NUMBERS] / 2
    points = numbers[:, BOX_NUMBERS:].reshape(len(kept), len(spec.detector.keypoints), 2)
    corners = np.concatenate([centre - half, centre + half], axis=1)
    return Candidates(scores[kept], corners, points + centres[:, None], kept)
