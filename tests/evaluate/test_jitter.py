from __future__ import annotations

import numpy as np
import pytest

from sdkgen.detection.types import Detection
from sdkgen.evaluate.jitter import Jitter, shifted, shifts, squares

SIZE = (200, 100)


def _face(x: float, y: float, score: float = 0.9) -> Detection:
    """Return a face whose eyes are 20 pixels apart, with its upper left corner at pixel x, y."""
    points = np.array([[x + 10, y + 10], [x + 30, y + 10], [x + 20, y + 20], [x + 20, y + 30]]) / SIZE
    return Detection(score, (x / SIZE[0], y / SIZE[1], 40 / SIZE[0], 40 / SIZE[1]), points.astype(np.float32))


def test_shifts_depend_on_the_name_alone_and_never_stand_still() -> None:
    first = shifts("a.jpg", 50, 0.02, 640, 480)
    assert first == shifts("a.jpg", 50, 0.02, 640, 480)
    assert first != shifts("b.jpg", 50, 0.02, 640, 480)
    assert all(0 < max(abs(x), abs(y)) <= 12 for x, y in first)


def test_an_image_of_one_pixel_has_no_shifts() -> None:
    assert shifts("a.jpg", 8, 0.02, 1, 1) == []


@pytest.mark.parametrize("by", [(3, 2), (-3, 2), (3, -2), (-3, -2), (0, 5), (500, 0)])
def test_shifting_moves_the_content_and_leaves_black(by: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(1, 256, (20, 30, 3), dtype=np.uint8)
    moved = shifted(image, by)
    for y in range(20):
        for x in range(30):
            source = (y - by[1], x - by[0])
            inside = 0 <= source[0] < 20 and 0 <= source[1] < 30
            assert np.array_equal(moved[y, x], image[source] if inside else (0, 0, 0))


def test_a_prediction_that_moves_with_the_image_has_no_jitter() -> None:
    total, count = squares([_face(50, 30)], [_face(54, 28)], (4, -2), *SIZE)
    assert total == pytest.approx(0, abs=1e-8)
    assert count == 4


def test_a_prediction_that_stays_behind_jitters_by_the_shift() -> None:
    total, count = squares([_face(50, 30)], [_face(50, 30)], (4, 3), *SIZE)
    # Five pixels are a quarter of the distance of the eyes.
    assert np.sqrt(total / count) == pytest.approx(0.25, rel=1e-5)


def test_a_lost_face_adds_nothing() -> None:
    assert squares([_face(50, 30)], [], (4, 3), *SIZE) == (0.0, 0)
    assert squares([_face(50, 30)], [_face(120, 30)], (4, 3), *SIZE) == (0.0, 0)


def test_the_summary_is_the_root_of_the_mean_square_with_an_interval_around_it() -> None:
    draw = np.random.default_rng(1)
    jitter = Jitter()
    for _ in range(200):
        noise = draw.normal(0, 1, (5, 2))
        jitter.add([[float((0.05 * a) ** 2), 1, float((0.10 * b) ** 2), 1, 0] for a, b in noise])
    found = jitter.summary()
    assert found is not None
    assert found["blend"]["value"] == pytest.approx(0.05, rel=0.1)
    assert found["hard"]["value"] == pytest.approx(0.10, rel=0.1)
    assert found["blend"]["low"] < found["blend"]["value"] < found["blend"]["high"]
    assert found["reduction"]["low"] < 0.5 < found["reduction"]["high"]
    # The standard error of a root mean square of n normal values is its value over √(2 n).
    expected = 0.05 / np.sqrt(2 * 1000) * 1.96 * 2
    assert found["blend"]["high"] - found["blend"]["low"] == pytest.approx(expected, rel=0.25)
    assert (found["views"], found["pictures"], found["resampled"]) == (1000, 200, "pictures")


def test_few_pictures_are_resampled_by_view() -> None:
    jitter = Jitter()
    jitter.add([[0.01, 6, 0.02, 6, 0], [0.02, 6, 0.02, 6, 1]])
    found = jitter.summary()
    assert found is not None
    assert (found["resampled"], found["faces_lost"]) == ("views", 1)


def test_nothing_seen_is_no_figure() -> None:
    jitter = Jitter()
    jitter.add([])
    jitter.add([[0, 0, 0, 0, 1]])
    assert jitter.summary() is None
