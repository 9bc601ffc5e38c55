from __future__ import annotations

import numpy as np
import pytest

from sdkgen.detection.draw import annotate
from sdkgen.detection.types import Detection

FACE = Detection(0.87, (0.25, 0.25, 0.5, 0.5), np.linspace(0.3, 0.7, 12, dtype=np.float32).reshape(6, 2))


@pytest.mark.parametrize(("height", "width"), [(200, 300), (2400, 3000)])
def test_draws_inside_and_around_the_box_only(height: int, width: int) -> None:
    image = np.full((height, width, 3), 100, np.uint8)
    drawn = annotate(image, [FACE])
    assert drawn.shape == image.shape
    assert (image == 100).all()
    changed = (drawn != 100).any(axis=2)
    assert changed[height // 2, width // 4 : width // 4 + 3].any()  # the left line
    assert not changed[:, : width // 4 - 1].any()
    assert not changed[int(height * 0.76) :].any()
    assert not changed[: int(height * 0.05)].any()


def test_lines_grow_with_the_image() -> None:
    def line(size: int) -> int:
        drawn = annotate(np.zeros((size, size, 3), np.uint8), [FACE])
        return int((drawn[int(size * 0.6), : size // 2, 1] > 100).sum())

    assert line(2000) >= 3 * line(400)


def test_no_faces_no_change() -> None:
    image = np.random.default_rng(0).integers(0, 256, (31, 47, 3), dtype=np.uint8)
    np.testing.assert_array_equal(annotate(image, []), image)


@pytest.mark.parametrize(
    "box",
    [(-0.5, -0.5, 2.0, 2.0), (0.9, 0.9, 0.5, 0.5), (0.5, 0.0, 0.0, 0.0), (0.5, 0.5, 0.001, 0.4), (5.0, 5.0, 1.0, 1.0)],
)
def test_boxes_beyond_the_image_or_without_area(box: tuple[float, float, float, float]) -> None:
    drawn = annotate(np.zeros((40, 60, 3), np.uint8), [Detection(0.5, box, FACE.keypoints)])
    assert drawn.shape == (40, 60, 3)
