from __future__ import annotations

import numpy as np
import pytest

from sdkgen.detection.layout import JOINED, join
from sdkgen.detection.types import Array, Detection
from sdkgen.parity.faces import compare_faces, found_faces, readings
from sdkgen.parity.inputs import Input
from sdkgen.spec.registry import load_model

FRONT = load_model("blazeface-front")
LANDMARK = load_model("face-landmark")
SOURCE = Input("photo", np.zeros((1, 128, 128, 3), np.float32), 200, 100)


def face(x: float = 0.2, score: float = 0.9, moved: float = 0.0) -> Detection:
    keypoints = np.array([[x, 0.2], [x + 0.1, 0.2], [x + 0.05, 0.3]], np.float32)
    keypoints[2, 0] += moved
    return Detection(score, (x, 0.1, 0.2, 0.4), keypoints)


def test_differences_of_one_face() -> None:
    # The eyes are 20 pixels apart, the third keypoint is 2 pixels off.
    (difference,) = compare_faces([[face(moved=0.01, score=0.88)]], [face()], FRONT, SOURCE, 0.01)
    assert difference.iou == pytest.approx(1)
    assert difference.keypoint == pytest.approx(0.1, rel=1e-4)
    assert difference.score == pytest.approx(0.02)
    (shifted,) = compare_faces([[face(0.25)]], [face(0.2)], FRONT, SOURCE, 0.01)
    assert shifted.iou == pytest.approx(0.6)


def test_faces_are_matched_by_overlap_whatever_their_order() -> None:
    pair = [face(0.1), face(0.6)]
    assert all(d.iou == pytest.approx(1) for d in compare_faces([pair[::-1]], pair, FRONT, SOURCE, 0.01))


@pytest.mark.parametrize(("found", "expected"), [([], [face()]), ([face()], []), ([face(0.1)], [face(0.6)])])
def test_a_face_that_one_side_lacks_counts(found: list[Detection], expected: list[Detection]) -> None:
    differences = compare_faces([found], expected, FRONT, SOURCE, 0.01)
    assert len(differences) == max(1, len(found) + len(expected))
    assert all(d.keypoint is None and d.iou == 0 for d in differences)


def test_a_face_at_the_threshold_may_be_lacking() -> None:
    assert compare_faces([[]], [face(score=0.505)], FRONT, SOURCE, 0.01) == []
    assert len(compare_faces([[]], [face(score=0.515)], FRONT, SOURCE, 0.01)) == 1


def test_a_face_is_compared_with_the_nearest_reading() -> None:
    (difference,) = compare_faces([[face(0.25)], [face(0.2)]], [face(0.2)], FRONT, SOURCE, 0.01)
    assert difference.iou == pytest.approx(1)


def test_a_second_face_in_the_same_place_counts() -> None:
    differences = compare_faces([[face(0.2), face(0.3)]], [face(0.2)], FRONT, SOURCE, 0.01)
    assert [d.keypoint is None for d in differences] == [False, True]


def test_readings_let_a_box_at_the_threshold_join_or_not() -> None:
    boxes = np.full((1, 896, 16), 1, np.float32)
    boxes[0, :, 2:4] = 32
    scores = np.full((1, 896, 1), -9, np.float32)
    scores[0, 0], scores[0, 1] = 3, 0.001  # the second lies just above the threshold of 0.5
    boxes[0, 1, 0] += 8
    outputs = {"boxes": boxes, "scores": scores}
    plain, *others = readings(outputs, FRONT, SOURCE, 0.01)
    assert plain[0].box == found_faces(outputs, FRONT, SOURCE)[0].box
    assert len({round(reading[0].box[0], 6) for reading in [plain, *others]}) == 2
    assert len({round(r[0].box[0], 6) for r in readings(outputs, FRONT, SOURCE, 1e-5)}) == 1


def landmarks(presence: float) -> dict[str, Array]:
    points = np.random.default_rng(0).uniform(20, 170, (468, 3)).astype(np.float32)
    return {"landmarks": points.reshape(1, -1), "presence": np.full((1, 1), presence, np.float32)}


def test_landmarks_are_a_face_if_present() -> None:
    source = Input("crop", np.zeros((1, 192, 192, 3), np.float32), 192, 192)
    assert found_faces(landmarks(-1.0), LANDMARK, source) == []
    (found,) = found_faces({JOINED: join(landmarks(3.0), LANDMARK)}, LANDMARK, source)
    assert found.keypoints.shape == (468, 2)
    assert found.score == pytest.approx(1 / (1 + np.exp(-3)))
    x, y, width, height = found.box
    assert (found.keypoints >= [x - 1e-6, y - 1e-6]).all()
    assert (found.keypoints <= [x + width + 1e-6, y + height + 1e-6]).all()
    moved = landmarks(3.0)
    moved["landmarks"][0, 0] += 1
    (difference,) = compare_faces([found_faces(moved, LANDMARK, source)], [found], LANDMARK, source, 0.01)
    apart = np.linalg.norm((found.keypoints[263] - found.keypoints[33]) * 192)
    assert difference.keypoint == pytest.approx(1 / apart, rel=1e-3)
