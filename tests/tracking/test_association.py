from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest

from sdkgen.detection.types import Roi
from sdkgen.tracking.association import Motion, Sighting, assign, associate, distance
from sdkgen.tracking.landmarks import Landmarks, Points, landmark_roi
from tests.golden.sequences import LANDMARKER

RULE = LANDMARKER.landmarker
IOU = RULE.association_iou
CROP = Roi((0.0, 0.0), (1.0, 1.0), 0.0)


def _face(x: float, y: float, size: float = 100.0, seed: int = 0) -> Points:
    """Return landmarks spread over a square of ``size`` about a point."""
    points = np.random.default_rng(seed).uniform(-0.5, 0.5, (RULE.count, 3)) * size
    points += (x, y, 0)
    return points


def _sightings(*faces: Points) -> list[Sighting]:
    return [Sighting(Landmarks(face, 1.0), CROP, landmark_roi(face, RULE.landmark_roi)) for face in faces]


def _still(*faces: Points) -> list[Motion]:
    return [Motion(face, 0.0) for face in faces]


@pytest.mark.parametrize("seed", range(40))
def test_the_assignment_is_the_cheapest_there_is(seed: int) -> None:
    draw = np.random.default_rng(seed)
    columns = int(draw.integers(1, 7))
    rows = int(draw.integers(0, columns + 1))
    # Whole numbers make ties, and 1e6 is what stands for no number.
    costs = [[float(value) for value in row] for row in draw.choice([0, 1, 2, 3, 7, 1e6], (rows, columns))]

    def total(owners: Sequence[int]) -> float:
        return sum(costs[row][column] for row, column in enumerate(owners))

    found = assign(costs)
    assert len(set(found)) == len(found) == rows
    assert total(found) == min((total(owners) for owners in permutations(range(columns), rows)), default=0.0)


def test_faces_stay_with_the_tracks_that_are_near() -> None:
    left, right = _face(100, 100), _face(400, 100)
    assert associate(_sightings(left + 5, right - 5), _still(left, right), 1.0, IOU) == [0, 1]
    assert associate(_sightings(right - 5), _still(left, right), 1.0, IOU) == [None, 0]
    assert associate([], _still(left, right), 1.0, IOU) == [None, None]


@pytest.mark.parametrize("first", [True, False])
def test_of_two_tracks_on_one_face_the_one_that_was_there_keeps_it(first: bool) -> None:
    there, elsewhere = _face(300, 100), _face(240, 100)
    tracks, sightings = [there, elsewhere], [there + 1, there + 4]
    if not first:
        tracks.reverse()
        sightings.reverse()
    assert associate(_sightings(*sightings), _still(*tracks), 1.0, IOU) == ([0, None] if first else [None, 1])


def test_a_track_that_moves_is_told_by_its_motion() -> None:
    """Both are as far from the face as each other; one was on its way there."""
    moving, resting = Motion(_face(200, 100), 0.0), Motion(_face(300, 100), 0.0)
    for step in (1, 2, 3, 4):
        moving.update(_face(200 + 10 * step, 100), float(step))
        resting.update(_face(300, 100), float(step))
    found = _face(270, 100)
    assert associate(_sightings(found), [moving, resting], 7.0, IOU) == [0, None]


def test_two_faces_that_change_places_between_frames_are_told_by_their_size_and_shape() -> None:
    small, large = _face(200, 100, 60, seed=1), _face(240, 100, 160, seed=2)
    found = _sightings(_face(200, 100, 160, seed=2), _face(240, 100, 60, seed=1))
    assert associate(found, _still(small, large), 1.0, IOU) == [1, 0]


def test_numbers_beyond_all_measure_are_far_and_no_more() -> None:
    point = np.zeros((RULE.count, 3))
    assert distance(_face(0, 0), point) == 1e6
    assert distance(np.full_like(point, math.nan), _face(0, 0)) == 1e6
    found = associate(_sightings(point, point + 1e30), _still(point, _face(0, 0)), 1.0, IOU)
    assert sorted(found, key=str) == [0, 1]


def test_the_expected_place_is_where_the_speed_leads() -> None:
    motion = Motion(_face(100, 100), 0.0)
    np.testing.assert_array_equal(motion.expect(5.0), motion.points)
    for step in range(1, 40):
        motion.update(_face(100 + 3 * step, 100), step / 10)
    np.testing.assert_allclose(motion.expect(4.1), _face(100 + 3 * 41, 100), atol=1e-6)
