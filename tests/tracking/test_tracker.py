from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.crossings import compose, match
from sdkgen.backends.base import Backend
from sdkgen.backends.litert import LiteRtBackend
from sdkgen.detection.pipeline import detect
from sdkgen.detection.types import Array, RawOutputs, Roi
from sdkgen.errors import UsageError
from sdkgen.spec.registry import load_model
from sdkgen.tracking.refusals import Refusals
from sdkgen.tracking.smoothing import Smoothing
from sdkgen.tracking.tracker import FaceTracker, TrackedFrame
from sdkgen.weights import fetch
from tests.tracking.sequences import RATE, Bytes, Placed, blocked, frame, path

FRONT, LANDMARK = load_model("blazeface-front"), load_model("face-landmark")


@dataclass
class Counting:
    """A backend that counts its runs, and may be told to say something else."""

    inner: Backend
    runs: int = 0
    spoil: str = ""
    name = "counting"

    def run(self, image: Array) -> RawOutputs:
        self.runs += 1
        outputs = dict(self.inner.run(image))
        if self.spoil in outputs:
            outputs[self.spoil] = np.full_like(outputs[self.spoil], np.nan)
        return outputs

    def close(self) -> None:
        self.inner.close()


def _backend(model: str) -> Counting:
    spec = load_model(model)
    path_of = fetch.path_of(spec)
    assert path_of is not None
    return Counting(LiteRtBackend(path_of, spec))


@pytest.fixture(scope="module")
def detector() -> Counting:
    return _backend("blazeface-front")


@pytest.fixture(scope="module")
def landmarker() -> Counting:
    return _backend("face-landmark")


@pytest.fixture
def tracker(detector: Counting, landmarker: Counting) -> FaceTracker:
    landmarker.spoil = ""
    return FaceTracker((FRONT, detector), (LANDMARK, landmarker))


def _follow(tracker: FaceTracker, frames: Iterable[Bytes], start: int = 0) -> list[TrackedFrame]:
    return [tracker.update(image, (start + index) / RATE) for index, image in enumerate(frames)]


def test_the_detector_sleeps_while_a_face_stays(tracker: FaceTracker, detector: Counting, landmarker: Counting) -> None:
    detector.runs = landmarker.runs = 0
    frames = _follow(tracker, (frame([one]) for one in path(30, Placed(180, 160), Placed(300, 200, 170, 25))))
    assert [f.detector_ran for f in frames] == [True] + [False] * 29
    assert (detector.runs, landmarker.runs) == (1, 30)
    assert [[face.track for face in f.faces] for f in frames] == [[1]] * 30
    assert [f.faces[0].age for f in frames] == list(range(1, 31))
    assert [f.faces[0].state for f in frames] == ["detected"] + ["tracked"] * 29


def test_the_detector_runs_in_few_frames_of_a_trembling_hand_s_picture(tracker: FaceTracker) -> None:
    draw = np.random.default_rng(5)
    shaken = (Placed(*draw.normal((240, 180), 4), *draw.normal((200, 0), 3)) for _ in range(60))
    frames = _follow(tracker, (frame([one]) for one in shaken))
    assert all(len(f.faces) == 1 for f in frames)
    assert sum(f.detector_ran for f in frames) <= 0.1 * len(frames)
    assert (tracker.frames, tracker.detector_runs) == (60, sum(f.detector_ran for f in frames))


def test_the_face_is_where_it_was_put(tracker: FaceTracker) -> None:
    """Landmarks on a moved, scaled and turned face are those of the still one, moved, scaled and turned."""
    still = Placed(240, 180)
    (*_, reference) = _follow(tracker, [frame([still])] * 3)
    width, height = 480, 360
    points = reference.faces[0].landmarks[:, :2] * (width, height) - (still.x, still.y)
    moved = list(path(20, still, Placed(290, 150, 150, 20)))
    frames = _follow(tracker, (frame([one]) for one in moved), start=3)
    angle, scale = np.radians(20), 150 / 200
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    expected = scale * points @ turn + (290, 150)
    found = frames[-1].faces[0].landmarks[:, :2] * (width, height)
    eyes = np.linalg.norm(found[33] - found[263])
    assert np.linalg.norm(found - expected, axis=1).mean() < 0.03 * eyes
    assert frames[-1].faces[0].roll_degrees - reference.faces[0].roll_degrees == pytest.approx(20, abs=1.5)


def test_a_lost_face_is_told_and_the_detector_runs_again(tracker: FaceTracker) -> None:
    here, empty = frame([Placed(240, 180)]), frame([])
    frames = _follow(tracker, [here, here, empty, empty, here, here])
    assert [len(f.faces) for f in frames] == [1, 1, 0, 0, 1, 1]
    assert [f.lost for f in frames] == [(), (), (1,), (), (), ()]
    assert [f.detector_ran for f in frames] == [True, False, False, True, True, False]
    assert [f.faces[0].track for f in frames[4:]] == [2, 2]
    assert frames[4].faces[0].state == "detected"


def test_several_faces_keep_their_numbers(detector: Counting, landmarker: Counting) -> None:
    tracker = FaceTracker((FRONT, detector), (LANDMARK, landmarker), maximum_faces=2)
    left = path(15, Placed(110, 150, 180), Placed(130, 200, 180))
    right = path(15, Placed(350, 200, 180, mirrored=True), Placed(370, 160, 180, mirrored=True))
    frames = _follow(tracker, (frame([a, b]) for a, b in zip(left, right, strict=True)))
    assert all(len(f.faces) == 2 for f in frames)
    for f in frames:
        place = {face.track: face.box[0] + face.box[2] / 2 for face in f.faces}
        assert (place[1] < 0.5) == (next(x.box[0] for x in frames[0].faces if x.track == 1) < 0.4)
        assert set(place) == {1, 2}
    assert sum(f.detector_ran for f in frames) == 1


def test_two_tracks_never_hold_one_face(detector: Counting, landmarker: Counting) -> None:
    """One head passes behind another: while it is hidden there is one track, and afterwards two again."""
    tracker = FaceTracker((FRONT, detector), (LANDMARK, landmarker), maximum_faces=2)
    behind = path(40, Placed(110, 180, 160), Placed(400, 180, 160))
    frames = _follow(tracker, (frame([one, Placed(250, 180, 160, mirrored=True)]) for one in behind))
    for f in frames:
        centres = [face.box[0] + face.box[2] / 2 for face in f.faces]
        assert len(centres) < 2 or abs(centres[0] - centres[1]) * 480 > 15
    assert len(frames[0].faces) == len(frames[-1].faces) == 2
    assert any(f.lost for f in frames)
    tracks = [face.track for f in frames for face in f.faces]
    assert max(tracks) >= 3


def test_a_number_stays_with_its_person(detector: Counting, landmarker: Counting) -> None:
    """People pass each other: the hidden one's number is lost, not the number of the one in front."""
    owners: dict[int, int] = {}
    tracker = FaceTracker((FRONT, detector), (LANDMARK, landmarker), maximum_faces=2)
    for index, (picture, people) in enumerate(compose("pass", 4)):
        for number, person in match(tracker.update(picture, index / RATE).faces, people).items():
            assert owners.setdefault(number, person) == person, f"frame {index}"
    assert sorted(owners) == [1, 2, 3]


def test_more_faces_than_asked_for(detector: Counting, landmarker: Counting) -> None:
    tracker = FaceTracker((FRONT, detector), (LANDMARK, landmarker), maximum_faces=1)
    both = frame([Placed(110, 150, 180), Placed(350, 200, 180)])
    assert [len(f.faces) for f in _follow(tracker, [both] * 3)] == [1, 1, 1]


@pytest.mark.parametrize("wanted", [1, 2])
def test_what_only_looks_like_a_face_does_not_block_one(detector: Counting, landmarker: Counting, wanted: int) -> None:
    image = blocked()
    false, true = detect(image, detector, FRONT)
    assert false.box[0] > 0.5 > true.box[0]
    tracker = FaceTracker((FRONT, detector), (LANDMARK, landmarker), maximum_faces=wanted)
    landmarker.runs = 0
    for found in _follow(tracker, [image] * 3):
        (face,) = found.faces
        assert face.box[0] < 0.5
    assert landmarker.runs == {1: 2 + 1 + 1, 2: 3 * 2}[wanted]


def test_a_place_that_was_refused_waits_behind_the_others() -> None:
    places = [Roi((100.0 * n, 50.0), (40.0, 40.0), 0.0) for n in range(5)]
    refusals = Refusals(0.5)
    assert refusals.order(places) == [0, 1, 2, 3, 4]
    refusals.update(places[:2], places[2:])
    assert refusals.order(places) == [2, 3, 4, 0, 1]
    refusals.update(places[2:4], [places[4], *places[:2]])
    assert refusals.order(places) == [4, 0, 1, 2, 3]
    refusals.update([], [places[3]])
    assert refusals.order(places) == [0, 1, 2, 4, 3]
    refusals.clear()
    assert refusals.order(places) == [0, 1, 2, 3, 4]


def test_a_frame_of_another_size_begins_anew(tracker: FaceTracker) -> None:
    first = _follow(tracker, [frame([Placed(240, 180)])] * 2)
    (turned,) = _follow(tracker, [frame([Placed(180, 240)], size=(360, 480))], start=2)
    assert first[-1].faces[0].track == 1
    assert (turned.lost, turned.detector_ran, turned.faces[0].track) == ((1,), True, 2)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_time_must_go_on(tracker: FaceTracker, seconds: float) -> None:
    tracker.update(frame([]), 0.0)
    with pytest.raises(UsageError, match="does not come after"):
        tracker.update(frame([]), seconds)


@pytest.mark.parametrize("output", ["landmarks", "presence"])
def test_nan_from_the_model_is_a_lost_face(tracker: FaceTracker, landmarker: Counting, output: str) -> None:
    here = frame([Placed(240, 180)])
    _follow(tracker, [here])
    landmarker.spoil = output
    (spoiled,) = _follow(tracker, [here], start=1)
    landmarker.spoil = ""
    assert (spoiled.faces, spoiled.lost) == ((), (1,))


def test_a_face_that_leaves_the_image(tracker: FaceTracker) -> None:
    frames = _follow(tracker, (frame([one]) for one in path(25, Placed(300, 180), Placed(720, 180))))
    assert frames[0].faces
    assert not frames[-1].faces
    assert next(track for f in frames for track in f.lost) == 1


def test_smoothing_steadies_a_resting_face(detector: Counting, landmarker: Counting) -> None:
    noise = np.random.default_rng(0)
    still = frame([Placed(240, 180)]).astype(np.float64)
    frames = [np.clip(still + noise.normal(0, 12, still.shape), 0, 255).astype(np.uint8) for _ in range(20)]
    spreads = []
    for smoothing in (None, Smoothing()):
        tracker = FaceTracker((FRONT, detector), (LANDMARK, landmarker), smoothing=smoothing)
        faces = [f.faces[0].landmarks for f in _follow(tracker, frames)][5:]
        spreads.append(np.std(faces, axis=0).mean())
    assert spreads[1] < 0.7 * spreads[0]
