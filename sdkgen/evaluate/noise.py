"""Noise jitter: how much predictions move on an image that stays, but for the noise of its pixels.

Gaussian noise is added to copies of the image. For each face that point sampling with blending finds in the image
itself, and that both samplings find again with and without blending in a copy, each keypoint's variance over the copies
is taken as a share of the squared distance of the eyes. Noise jitter is the root of the mean. All four ways see the
same noise, and the same faces count, so that they can be compared. The interval is a bootstrap over pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from sdkgen.detection.preprocess import Bytes
from sdkgen.detection.types import Detection, Sampling
from sdkgen.evaluate.jitter import CONFIDENCE, MODES, Replicas, estimate, rms
from sdkgen.evaluate.keypoints import eye_distance, pairs, pixels
from sdkgen.evaluate.types import Face
from sdkgen.files import sha256_bytes

WAYS: tuple[tuple[Sampling, str], ...] = tuple(product(get_args(Sampling), MODES))
"""Sampling and how ties are resolved, in the order in which a record has them."""

Find = Callable[[Bytes, Sampling], dict[str, list[Detection]]]
"""Returns the faces in an image with each of ``MODES``."""


def measure(name: str, image: Bytes, sigmas: Sequence[float], copies: int, find: Find) -> dict[str, Any] | None:
    """Return what one image adds: see ``NoiseJitter.add``; None where it has no face. The noise depends on ``name``."""
    height, width = image.shape[:2]
    clean = {sampling: find(image, sampling) for sampling in get_args(Sampling)}
    faces = [pixels(face, width, height) for face in clean["point"]["blend"]]
    boxes = [Face(box) for box, _ in faces]
    eyes = [eye_distance(points) for _, points in faces]
    if not any(eye > 0 for eye in eyes):
        return None
    seen: dict[float, list[list[NDArray[np.float64]]]] = {sigma: [[] for _ in faces] for sigma in sigmas}
    draw = np.random.default_rng(int(sha256_bytes(f"noise {name}".encode())[:16], 16))
    for _ in range(copies):
        grain = draw.standard_normal(image.shape, np.float32)
        for sigma in sigmas:
            noisy = np.rint(image + sigma * grain).clip(0, 255).astype(np.uint8)
            again = {sampling: find(noisy, sampling) for sampling in get_args(Sampling)}
            ways = [_places(again[sampling][mode], boxes, width, height) for sampling, mode in WAYS]
            for at in set.intersection(*(set(places) for places in ways)):
                seen[sigma][at].append(np.stack([places[at] for places in ways]))
    scores = _scores(clean, boxes, width, height)
    return {"faces": len(faces), "scores": scores, "sums": {str(s): _sums(seen[s], eyes) for s in sigmas}}


def _places(
    found: Sequence[Detection], faces: Sequence[Face], width: int, height: int
) -> dict[int, NDArray[np.float64]]:
    """Return the keypoints (K, 2) of each of the faces that was found again, in pixels."""
    both = [pixels(face, width, height) for face in found]
    return {at: both[row][1] for row, at in pairs([box for box, _ in both], faces)}


def _sums(seen: Sequence[Sequence[NDArray[np.float64]]], eyes: Sequence[float]) -> list[float]:
    """Return each way's sum of squared shares, how many summands each sum has, and how many copies of faces."""
    sums, count, copies = np.zeros(len(WAYS)), 0, 0
    for places, eye in zip(seen, eyes, strict=True):
        if len(places) < 2 or eye <= 0:
            continue
        points = np.stack(places)  # (copies, ways, keypoints, 2)
        sums += ((points - points.mean(axis=0)) ** 2).sum(axis=(0, 2, 3)) / eye**2
        count += (len(points) - 1) * points.shape[2]
        copies += len(points)
    return [*sums.tolist(), count, copies]


def _scores(
    clean: dict[Sampling, dict[str, list[Detection]]], faces: Sequence[Face], width: int, height: int
) -> list[list[float]]:
    """Return each face's scores with the samplings in their order, 0 where it is not found."""
    rows = np.zeros((len(faces), len(clean)))
    for column, found in enumerate(clean.values()):
        boxes = [pixels(face, width, height)[0] for face in found["blend"]]
        for row, at in pairs(boxes, faces):
            rows[at, column] = found["blend"][row].score
    return [[round(score, 6) for score in row] for row in rows.tolist()]


class NoiseJitter:
    """Sums over pictures, and those of the bootstrap's replicas, for each strength of noise."""

    def __init__(self, sigmas: Sequence[float], copies: int) -> None:
        self._copies = copies
        self._sums = {str(sigma): np.zeros(len(WAYS) + 2) for sigma in sigmas}
        self._replicas = {str(sigma): Replicas(2, len(WAYS) + 2) for sigma in sigmas}
        self._scores: list[list[float]] = []
        self._pictures = 0

    def add(self, record: dict[str, Any] | None) -> None:
        """Add what ``measure`` returned for a picture."""
        if record is None:
            return
        self._pictures += 1
        self._scores += record["scores"]
        for sigma, row in record["sums"].items():
            self._sums[sigma] += row
            self._replicas[sigma].add(np.asarray(row))

    def summary(self) -> dict[str, Any] | None:
        """Return noise jitter in all four ways with intervals, and mean scores; None if there was no face."""
        if not self._pictures:
            return None
        scores = np.asarray(self._scores)
        found = scores.min(axis=1) > 0
        return {
            "pictures": self._pictures,
            "faces": len(scores),
            "copies": self._copies,
            "confidence": CONFIDENCE,
            "found_by_area": int((scores[:, get_args(Sampling).index("area")] > 0).sum()),
            "scores": {
                sampling: round(float(scores[found, column].mean()), 6) if found.any() else None
                for column, sampling in enumerate(get_args(Sampling))
            },
            "by_sigma": {sigma: made for sigma in self._sums if (made := self._of(sigma)) is not None},
        }

    def _of(self, sigma: str) -> dict[str, Any] | None:
        sums, replicas = self._sums[sigma], self._replicas[sigma].sums
        if not sums[len(WAYS)]:
            return None
        replicas = replicas[replicas[:, len(WAYS)] > 0]
        values = {way: rms(sums, at, len(WAYS)) for at, way in enumerate(WAYS)}
        spread = {way: rms(replicas, at, len(WAYS)) for at, way in enumerate(WAYS)}

        def ratio(one: tuple[Sampling, str], other: tuple[Sampling, str]) -> dict[str, float] | None:
            still = spread[other] == 0  # replicas of pictures that do not move at all
            if not values[other] > 0 or still.all():
                return None
            return estimate(values[one] / values[other], spread[one][~still] / spread[other][~still])

        found: dict[str, Any] = {"copies_of_faces": int(sums[len(WAYS) + 1])}
        for sampling, mode in WAYS:
            found.setdefault(sampling, {})[mode] = estimate(values[sampling, mode], spread[sampling, mode])
        return found | {
            "area_to_point": ratio(("area", "blend"), ("point", "blend")),
            "area_to_plain": ratio(("area", "blend"), ("point", "hard")),
        }
