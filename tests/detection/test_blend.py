from __future__ import annotations

import numpy as np
import pytest

from sdkgen.detection.blend import overlap, resolve
from sdkgen.detection.decode import Candidates


def candidates(*rows: tuple[float, tuple[float, float, float, float]]) -> Candidates:
    """Make candidates of (score, corners); the one keypoint is the upper left corner."""
    corners = np.array([box for _, box in rows], dtype=np.float64).reshape(-1, 4)
    return Candidates(
        np.array([s for s, _ in rows], dtype=np.float64), corners, corners[:, None, :2], np.arange(len(rows))
    )


def test_blends_by_score_and_keeps_the_top_score() -> None:
    (face,) = resolve(candidates((0.9, (0, 0, 1, 1)), (0.6, (0.3, 0, 1.3, 1))), 0.3)
    assert face.score == 0.9
    assert face.box == pytest.approx((0.12, 0, 1, 1))
    np.testing.assert_allclose(face.keypoints, [[0.12, 0]], atol=1e-7)


def test_hard_keeps_the_top_box() -> None:
    (face,) = resolve(candidates((0.9, (0, 0, 1, 1)), (0.6, (0.3, 0, 1.3, 1))), 0.3, hard=True)
    assert face.box == pytest.approx((0, 0, 1, 1))


def test_overlap_equal_to_the_limit_stays_apart() -> None:
    halves = candidates((0.9, (0, 0, 1, 1)), (0.8, (0, 0, 1, 0.5)))
    assert len(resolve(halves, 0.5)) == 2
    assert len(resolve(halves, 0.499)) == 1


def test_overlap_is_with_the_original_top_box() -> None:
    # The third overlaps the second, and would overlap the blend of the first two, but not the first.
    faces = resolve(candidates((0.9, (0, 0, 1, 1)), (0.8, (0.4, 0, 1.4, 1)), (0.7, (0.6, 0, 1.6, 1))), 0.3)
    assert [face.score for face in faces] == [0.9, 0.7]


def test_box_without_area_takes_only_itself() -> None:
    faces = resolve(
        candidates((0.9, (0.5, 0.5, 0.5, 0.5)), (0.8, (0.4, 0.4, 0.6, 0.6)), (0.7, (0.4, 0.4, 0.6, 0.6))), 0.3
    )
    assert [face.score for face in faces] == [0.9, 0.8]
    assert faces[0].box == pytest.approx((0.5, 0.5, 0, 0))


def test_maximum_faces_keeps_the_best() -> None:
    three = candidates(*((0.9 - i / 10, (2.0 * i, 0.0, 2.0 * i + 1, 1.0)) for i in range(3)))
    assert [face.score for face in resolve(three, 0.3, maximum_faces=2)] == [0.9, 0.8]
    assert resolve(three, 0.3, maximum_faces=0) == []


def test_no_candidates_no_faces() -> None:
    assert resolve(candidates(), 0.3) == []


def test_overlap_of_touching_and_empty_boxes_is_zero() -> None:
    others = np.array([[1.0, 0, 2, 1], [0.5, 0.5, 0.5, 0.5], [0, 0, 1, 1]])
    np.testing.assert_allclose(overlap(np.array([0.0, 0, 1, 1]), others), [0, 0, 1])
    np.testing.assert_allclose(overlap(np.zeros(4), np.zeros((1, 4))), [0])
