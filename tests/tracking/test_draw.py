from __future__ import annotations

import numpy as np

from sdkgen.detection.types import Roi
from sdkgen.tracking.draw import annotate
from sdkgen.tracking.tracker import TrackedFace, TrackedFrame


def _face(track: int, x: float) -> TrackedFace:
    landmarks = np.array([[x, 0.5, 0.0], [x + 0.1, 0.5, 0.0]])
    roi = Roi((x * 400, 150), (80, 80), 30)
    return TrackedFace(track, 1, "detected", 0.9, 0.9, (x, 0.4, 0.1, 0.2), landmarks[:, :2], landmarks, roi, 30)


def test_landmarks_and_crop_are_drawn_in_a_copy() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    drawn = annotate(image, TrackedFrame((_face(1, 0.3), _face(2, 0.7)), (), True))
    assert not image.any()
    assert drawn.shape == image.shape
    for x in (0.3, 0.4, 0.7, 0.8):
        assert drawn[150, round(x * 400)].any()
    corner = np.array([-40, -40]) @ np.array([[np.cos(0.5236), np.sin(0.5236)], [-np.sin(0.5236), np.cos(0.5236)]])
    x, y = (corner + np.array([120, 150])).round().astype(int)
    assert drawn[y - 1 : y + 2, x - 1 : x + 2].any()
    assert (drawn[150, 120] != drawn[150, 280]).any()  # a colour a track


def test_faces_beyond_the_edge_are_drawn_as_far_as_they_are_in() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    assert annotate(image, TrackedFrame((_face(3, -0.05), _face(4, 5.0)), (1,), False)).any()
