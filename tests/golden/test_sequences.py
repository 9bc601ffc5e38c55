"""The committed sequences: the tracker replays them, a faulty one does not, and the models still say the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdkgen.detection.types import Roi
from sdkgen.spec.model import RoiSpec
from sdkgen.tracking import association, landmarks, smoothing, tracker
from tests.golden import sequences
from tests.golden.generate import FOLDER, SEQUENCES
from tests.golden.sequences import Recorded

NAMES = [case.name for case in sequences.CASES]
CLOSE = 1e-4
"""What coordinates may differ by, relative to the image; regions relative to it too, angles in degrees."""


def _committed(name: str) -> Recorded:
    return sequences.read(FOLDER / SEQUENCES / f"{name}.json")


def _agree(found: Recorded, known: Recorded) -> None:
    """Hold one recording to another: the same runs, states, tracks and losses, and coordinates that are close."""
    assert len(found.record["frames"]) == len(known.record["frames"])
    for index, (one, other) in enumerate(zip(found.record["frames"], known.record["frames"], strict=True)):
        _agree_frame(one, other, f"{known.record['case']} frame {index}")
    np.testing.assert_allclose(found.landmarks, known.landmarks, rtol=0, atol=CLOSE)


def _agree_frame(found: dict[str, Any], known: dict[str, Any], at: str) -> None:
    plain = ("seconds", "width", "height", "lost", "detector_ran")
    assert [found[name] for name in plain] == [known[name] for name in plain], at
    size = max(known["width"], known["height"])
    assert [call["row"] for call in found["calls"]] == [call["row"] for call in known["calls"]], at
    for one, other in zip(found["calls"], known["calls"], strict=True):
        _agree_roi(one["roi"], other["roi"], size, at)
    assert len(found["faces"]) == len(known["faces"]), at
    for one, other in zip(found["faces"], known["faces"], strict=True):
        assert [one[n] for n in ("track", "age", "state", "row")] == [
            other[n] for n in ("track", "age", "state", "row")
        ]
        for name in ("score", "presence", "box", "keypoints"):
            np.testing.assert_allclose(one[name], other[name], rtol=0, atol=CLOSE, err_msg=f"{at} {name}")
        _agree_angle(one["roll_degrees"], other["roll_degrees"], at)
        _agree_roi(one["roi"], other["roi"], size, at)


def _agree_roi(found: dict[str, Any], known: dict[str, Any], size: int, at: str) -> None:
    for name in ("center", "size"):
        np.testing.assert_allclose(found[name], known[name], rtol=0, atol=CLOSE * size, err_msg=f"{at} roi {name}")
    _agree_angle(found["rotation_degrees"], known["rotation_degrees"], at)


def _agree_angle(found: float, known: float, at: str) -> None:
    assert abs((found - known + 180) % 360 - 180) <= 0.01, at


@pytest.mark.parametrize("name", NAMES)
def test_the_tracker_replays_a_sequence(name: str) -> None:
    known = _committed(name)
    found = sequences.replay(known)
    _agree(found, known)
    assert len(found.calls) == len(known.calls)


def _scaled(factor: float) -> Callable[..., Roi]:
    real = landmarks.landmark_roi

    def roi(points: landmarks.Points, rule: RoiSpec) -> Roi:
        return real(points, rule.model_copy(update={"scale": rule.scale * factor}))

    return roi


FAULTS: dict[str, tuple[str, Any, str, Any]] = {
    "a wrong scale of the next region": ("steady", tracker, "landmark_roi", _scaled(1.001)),
    "a region that is not turned": (
        "scale-and-rotate",
        tracker,
        "landmark_roi",
        lambda points, rule, real=landmarks.landmark_roi: replace(real(points, rule), rotation_degrees=0.0),
    ),
    "an angle turned the other way": (
        "mirrored",
        landmarks,
        "math",
        type("Turned", (), {**vars(math), "sin": staticmethod(lambda angle: -math.sin(angle))}),
    ),
    "regions outside that are looked at": ("roi-outside", landmarks, "reaches", lambda *_: True),
    "two tracks on one face": ("hidden", association, "similarity", lambda *_: 0.0),
    "a new track on a face that has one": ("hidden", tracker, "similarity", lambda *_: 0.0),
    "a face that stays with the first who has it": ("hidden", association, "distance", lambda *_: 0.0),
    "one track for all faces": ("three-faces-two-wanted", tracker, "similarity", lambda *_: 1.0),
    "a filter that lags": ("smoothed", smoothing, "_share", lambda cutoff, _: 0.5 * np.ones_like(cutoff)),
    "infinite landmarks that pass": (
        "nan-landmarks",
        landmarks,
        "np",
        type("Lax", (), {**vars(np), "isfinite": staticmethod(lambda values: np.ones_like(values, bool))}),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_tracker_does_not_replay_it(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, module, attribute, wrong = FAULTS[fault]
    known = _committed(name)
    monkeypatch.setattr(module, attribute, wrong)
    with pytest.raises((AssertionError, IndexError, StopIteration)):
        _agree(sequences.replay(known), known)


def test_the_cases_hold_what_they_are_named_for() -> None:
    """Without this a case could quietly become one in which nothing happens."""
    frames = {name: _committed(name).record["frames"] for name in NAMES}
    lost = {name: [track for one in these for track in one["lost"]] for name, these in frames.items()}
    for name in ("steady", "scale-and-rotate", "mirrored"):
        assert not lost[name]
        assert [one["detector_ran"] for one in frames[name]] == [True] + [False] * (len(frames[name]) - 1)
    assert not frames["enter-and-leave"][0]["faces"]
    assert not frames["enter-and-leave"][-1]["faces"]
    assert lost["enter-and-leave"] == [1]
    assert lost["crossing"]
    assert lost["hidden"] == [1]
    assert [face["track"] for face in frames["hidden"][-1]["faces"]] == [2, 3]
    assert lost["occluded"] == [1]
    assert lost["size-change"] == [1, 2]
    assert lost["nan-landmarks"] == [1, 2, 3]
    assert lost["roi-outside"] == [1, 2]
    assert [len(one["calls"]) for one in frames["roi-outside"] if one["lost"]] == [0, 0]
    assert lost["three-faces-two-wanted"]
    assert [len(one["faces"]) for one in frames["decoys"]] == [0, 1, 1, 1, 1, 1]
    assert [len(one["calls"]) for one in frames["decoys"]] == [3, 2, 1, 1, 1, 1]
    assert [len(one["faces"]) for one in frames["decoys-two-wanted"]] == [0, 1, 1, 1, 1, 1]
    assert [len(one["calls"]) for one in frames["decoys-two-wanted"]][:2] == [4, 4]
    assert max(len(one["detections"] or ()) for one in frames["three-faces-two-wanted"]) == 3
    assert np.isnan(_committed("nan-landmarks").calls).any(axis=1).sum() == 2


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("case", sequences.CASES, ids=NAMES)
def test_the_released_models_still_say_the_same(case: sequences.SequenceCase) -> None:
    known = _committed(case.name)
    found = sequences.record(case, sequences.backends())
    _agree(found, known)
    np.testing.assert_allclose(found.calls, known.calls, rtol=0, atol=0.01)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for name in NAMES:
        sequences.write(tmp_path, _committed(name))
        for file in tmp_path.iterdir():
            assert file.read_bytes() == (FOLDER / SEQUENCES / file.name).read_bytes()
