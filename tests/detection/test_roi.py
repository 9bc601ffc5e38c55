from __future__ import annotations

import numpy as np
import pytest

from sdkgen.detection.roi import detection_roi, letterbox, project
from sdkgen.detection.types import Detection, Roi
from sdkgen.spec.model import InputSpec, RoiSpec
from sdkgen.spec.registry import load_model

FRONT = load_model("blazeface-front").input
RULE = RoiSpec(from_point=0, to_point=1, scale=1.5)


def face(*points: tuple[float, float]) -> Detection:
    return Detection(0.9, (0.25, 0.25, 0.5, 0.25), np.array(points, np.float32))


@pytest.mark.parametrize(("width", "height", "side"), [(640, 480, 640), (480, 640, 640), (1, 1, 1)])
def test_letterbox_holds_all_of_the_image(width: int, height: int, side: int) -> None:
    assert letterbox(width, height, FRONT) == Roi((width / 2, height / 2), (side, side))


def test_letterbox_has_the_inputs_aspect_ratio() -> None:
    wide = InputSpec(name="image", width=200, height=100, minimum=-1.0, maximum=1.0, fit="letterbox")
    assert letterbox(100, 100, wide).size == (200, 100)


def test_projects_out_of_the_letterbox() -> None:
    there = project(face((0.5, 0.5), (0.0, 0.125)), letterbox(640, 480, FRONT), 640, 480)
    assert there.box == pytest.approx((0.25, 1 / 6, 0.5, 1 / 3))
    np.testing.assert_allclose(there.keypoints, [[0.5, 0.5], [0.0, 0.0]], atol=1e-7)


def test_square_about_the_face_turned_with_the_eyes() -> None:
    # In pixels the left eye is 100 right of and 100 below the right eye: 45° clockwise.
    region = detection_roi(face((0.25, 0.25), (0.5, 0.75)), 400, 200, RULE)
    assert region.center == pytest.approx((200, 75))
    assert region.size == pytest.approx((300, 300))
    assert region.rotation_degrees == pytest.approx(45)


def test_roll_is_measured_in_pixels() -> None:
    assert face((0.25, 0.25), (0.5, 0.75)).roll_degrees(2.0) == pytest.approx(45)
    assert face((0.5, 0.5), (0.25, 0.5)).roll_degrees(1.0) == pytest.approx(180)
