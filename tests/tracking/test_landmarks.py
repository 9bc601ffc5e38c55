from __future__ import annotations

import math

import numpy as np
import pytest

from sdkgen.detection.preprocess import cropped
from sdkgen.detection.types import Array, RawOutputs, Roi
from sdkgen.spec.registry import load_model
from sdkgen.tracking.landmarks import (
    Points,
    find_landmarks,
    keypoints,
    landmark_roi,
    reaches,
    similarity,
    to_image,
    upright_box,
)

SPEC = load_model("face-landmark")
RULE = SPEC.landmarker
POINTS = np.random.default_rng(0).uniform(40, 150, (RULE.count, 3))
IMAGE = np.full((60, 80, 3), 128, np.uint8)
INSIDE = Roi((40, 30), (40, 40), 10)


class Says:
    """A landmark model that says what it is told to."""

    name = "says"

    def __init__(self, points: Points, logit: float) -> None:
        self.outputs = {
            "landmarks": points.astype(np.float32).reshape(1, -1),
            "presence": np.array([[logit]], np.float32),
        }
        self.runs = 0

    def run(self, image: Array) -> RawOutputs:
        assert image.shape == (1, 192, 192, 3)
        self.runs += 1
        return self.outputs

    def close(self) -> None: ...


def test_points_of_the_crop_are_found_where_the_crop_took_them_from() -> None:
    """A white texel, put where the sampler looks, comes back from the place in the crop where it is seen."""
    roi = Roi((150, 110), (96, 96), 27)
    image = np.zeros((240, 320, 3), np.uint8)
    image[125:128, 130:133] = 255
    seen = cropped(image, roi, SPEC.input)[0, ..., 0].astype(np.float64)
    rows, columns = np.mgrid[:192, :192]
    raw = np.array([[(columns * seen).sum() / seen.sum(), (rows * seen).sum() / seen.sum(), 19.2]])
    x, y, z = to_image(raw, roi, SPEC)[0].tolist()
    assert (x, y) == pytest.approx((131, 126), abs=0.05)
    assert z == pytest.approx(19.2 * 96 / 192)


def test_the_next_region_is_a_square_turned_level() -> None:
    points = np.zeros((RULE.count, 3))
    points[:, :2] = (100, 50)
    points[RULE.landmark_roi.from_point] = (80, 40, 5)
    points[RULE.landmark_roi.to_point] = (120, 60, -5)
    roi = landmark_roi(points, RULE.landmark_roi)
    assert roi.center == pytest.approx((100, 50))
    assert roi.size == pytest.approx((60, 60))
    assert roi.rotation_degrees == pytest.approx(math.degrees(math.atan2(20, 40)))


def test_keypoints_are_means_of_landmarks() -> None:
    found = keypoints(POINTS, RULE)
    assert [one.name for one in RULE.keypoints] == list(load_model("blazeface-front").detector.keypoints)
    for at, one in zip(found, RULE.keypoints, strict=True):
        np.testing.assert_allclose(at, POINTS[list(one.landmarks), :2].mean(axis=0))


@pytest.mark.parametrize("logit", [-5.0, 0.0, -math.inf, math.nan])
def test_no_presence_is_no_face(logit: float) -> None:
    assert find_landmarks(IMAGE, INSIDE, Says(POINTS, logit), SPEC) is None


@pytest.mark.parametrize(("logit", "presence"), [(1.0, 1 / (1 + math.exp(-1))), (1e30, 1.0), (math.inf, 1.0)])
def test_presence_is_a_probability(logit: float, presence: float) -> None:
    found = find_landmarks(IMAGE, INSIDE, Says(POINTS, logit), SPEC)
    assert found is not None
    assert found.presence == pytest.approx(presence)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_number_that_is_not_finite_is_no_face(bad: float, axis: int) -> None:
    points = POINTS.copy()
    points[311, axis] = bad
    assert find_landmarks(IMAGE, INSIDE, Says(points, 9.0), SPEC) is None


@pytest.mark.parametrize(
    ("roi", "expected"),
    [
        (INSIDE, True),
        (Roi((-19, 30), (40, 40)), True),
        (Roi((-20, 30), (40, 40)), False),
        (Roi((-20, 30), (40, 40), 45), True),  # its corner reaches in
        (Roi((100, 30), (40, 40)), False),
        (Roi((40, 80), (40, 40)), False),
        (Roi((40, -1000), (40, 40), 30), False),
        (Roi((40, 30), (0, 0)), False),
        (Roi((40, 30), (-5, -5)), False),
        (Roi((math.nan, 30), (40, 40)), False),
        (Roi((40, 30), (math.nan, 40)), False),
        (Roi((40, 30), (40, 40), math.nan), False),
        (Roi((40, 30), (math.inf, math.inf)), False),
    ],
)
def test_a_region_that_reaches_no_texel_is_not_looked_at(roi: Roi, expected: bool) -> None:
    model = Says(POINTS, 9.0)
    assert reaches(roi, 80, 60) == expected
    assert (find_landmarks(IMAGE, roi, model, SPEC) is not None) == expected
    assert model.runs == expected


def test_upright_box_of_a_turned_region() -> None:
    half = 20 * math.sqrt(2)
    assert upright_box(Roi((10, 20), (40, 40), 45)) == pytest.approx((10 - half, 20 - half, 10 + half, 20 + half))
    assert upright_box(Roi((10, 20), (40, 20), 90)) == pytest.approx((0, 0, 20, 40))


def test_similarity_takes_regions_upright() -> None:
    assert similarity(Roi((0, 0), (2, 2)), Roi((1, 0), (2, 2), 77)) == pytest.approx(1 / 3)
    assert similarity(Roi((0, 0), (2, 2)), Roi((2, 0), (2, 2))) == 0
    assert similarity(Roi((0, 0), (2, 2)), Roi((0, 0), (2, 2))) == 1
