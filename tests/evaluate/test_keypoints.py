from __future__ import annotations

import numpy as np
import pytest

from sdkgen.evaluate.keypoints import KeypointErrors, errors, pairs
from sdkgen.evaluate.types import Face


def test_errors_are_shares_of_the_labelled_distance_of_the_eyes() -> None:
    labels = np.array([[0, 0], [10, 0], [5, 5], [np.nan, np.nan]])
    found = np.array([[3, 4], [10, 0], [5, 7], [1, 1]])
    assert errors(found, labels)[:3].tolist() == pytest.approx([0.5, 0, 0.2])
    assert np.isnan(errors(found, labels)[3])


@pytest.mark.parametrize("eyes", [[[np.nan, np.nan], [1, 1]], [[1, 1], [1, 1]]])
def test_without_two_eyes_there_is_no_measure(eyes: list[list[float]]) -> None:
    assert np.isnan(errors(np.zeros((2, 2)), np.array(eyes))).all()


def test_each_face_is_paired_once_with_the_best_detection() -> None:
    faces = [Face((0, 0, 10, 10)), Face((100, 0, 10, 10))]
    boxes = [(101, 0, 10, 10), (0, 1, 10, 10), (0, 0, 10, 10), (50, 50, 5, 5)]
    assert pairs(boxes, faces) == [(0, 1), (1, 0)]
    assert pairs(boxes, []) == []


def test_the_summary_leaves_out_what_is_unknown() -> None:
    totals = KeypointErrors(("left", "right", "never"))
    assert totals.summary() is None
    totals.add([0.1, 0.3, None])
    totals.add([0.2, None, None])
    found = totals.summary()
    assert found is not None
    assert found["keypoints"] == 3
    assert found["median"] == pytest.approx(0.2)
    assert found["median_by_keypoint"] == {"left": pytest.approx(0.15), "right": pytest.approx(0.3), "never": None}
