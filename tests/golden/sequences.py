"""Golden sequences: what the tracker must make of what the two models said, frame by frame.

Photographs are moved, scaled, turned and mirrored along known paths and given to the tracker with the released models.
Recorded are the detections, every run of the landmark model, and the faces; whoever replays a sequence needs neither
pixels nor models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.crossings import compose
from sdkgen.backends.base import Backend
from sdkgen.backends.litert import LiteRtBackend
from sdkgen.detection import pipeline, preprocess
from sdkgen.detection.types import Array, Detection, Options, RawOutputs, Roi, Sampling
from sdkgen.spec.model import InputSpec, ModelSpec
from sdkgen.spec.registry import load_model
from sdkgen.tracking import landmarks, tracker
from sdkgen.tracking.smoothing import Smoothing
from sdkgen.tracking.tracker import FaceTracker, TrackedFace
from sdkgen.weights.fetch import fetch
from tests.tracking.sequences import RATE, Bytes, Placed, frame, path

DETECTOR, LANDMARKER = load_model("blazeface-front"), load_model("face-landmark")
POINTS = LANDMARKER.landmarker.count
Spoil = Callable[[Array], None]
"""Changes a run's row in place: the landmarks, then the presence logit."""


@dataclass(frozen=True)
class SequenceCase:
    """Frames with their times, and what the tracker is told. ``spoiled``: what befalls which run of the model;
    ``decoys``: what the detector takes for faces besides, and above, those that are there."""

    name: str
    frames: Callable[[], Iterator[Bytes]]
    maximum_faces: int = 1
    smoothing: Smoothing | None = None
    seconds: Callable[[int], float] = lambda index: index / RATE
    spoiled: Mapping[int, Spoil] = field(default_factory=dict)
    decoys: tuple[Detection, ...] = ()


@dataclass(frozen=True)
class Recorded:
    """The JSON of a sequence, the rows of its runs (n, 1405), and the rows of its faces' landmarks (m, 1404)."""

    record: dict[str, Any]
    calls: Array
    landmarks: Array


def _moved(count: int, start: Placed, end: Placed) -> Callable[[], Iterator[Bytes]]:
    return lambda: (frame([one]) for one in path(count, start, end))


def _crossing() -> Iterator[Bytes]:
    """One head passes behind another."""
    for one in path(16, Placed(100, 180, 160), Placed(400, 180, 160)):
        yield frame([one, Placed(250, 180, 160, mirrored=True)])


def _hidden() -> Iterator[Bytes]:
    """One person passes behind another; the hidden one's landmarks slide onto the other's face."""
    return (picture for picture, _ in islice(compose("pass", 4), 14, 38))


def _occluded(covered: Sequence[int], count: int) -> Iterator[Bytes]:
    """Something opaque passes before a head in the frames ``covered``."""
    for index, one in enumerate(path(count, Placed(230, 180), Placed(250, 185))):
        picture = frame([one]).copy()
        if index in covered:
            picture[60:300, 120:360] = (40, 60, 50)
        yield picture


def _enter_and_leave() -> Iterator[Bytes]:
    outside, inside = Placed(-40, 180), Placed(110, 180)
    yield from (frame([one]) for one in path(11, outside, inside))
    yield from (frame([one]) for one in path(11, inside, outside))


def _size_change() -> Iterator[Bytes]:
    yield from (frame([one]) for one in path(3, Placed(240, 180), Placed(250, 180)))
    yield from (frame([one], size=(360, 480)) for one in path(3, Placed(180, 240), Placed(180, 250)))
    yield from (frame([one], size=(640, 480)) for one in path(2, Placed(320, 240), Placed(330, 240)))


def _three_faces() -> Iterator[Bytes]:
    """Three heads for two tracks; one of the two that are followed vanishes, and the third is taken instead."""
    left, middle, right = Placed(90, 110, 150), Placed(240, 250, 170, mirrored=True), Placed(390, 110, 150, 8)
    for index in range(9):
        yield frame([left, middle, right] if index < 4 else [left, right])


def _nan_point(row: Array) -> None:
    row[3 * 200 + 1] = np.nan


def _nan_presence(row: Array) -> None:
    row[-1] = np.nan


def _infinite_point(row: Array) -> None:
    row[3 * 7] = -np.inf


def _infinite_presence(row: Array) -> None:
    row[-1] = np.inf


def _far_away(row: Array) -> None:
    row[0:-1:3] -= 2000


def _all_in_one(row: Array) -> None:
    row[:-1] = np.tile(row[:3], POINTS)


def _decoy(score: float, x: float, y: float) -> Detection:
    """Return what the detector might take for a face, 0.1 of the image wide around a place where there is none."""
    points = np.array(
        [(x + dx, y + dy) for dx, dy in [(-0.02, -0.02), (0.02, -0.02), (0, 0), (0, 0.02)] + [(0.05, 0)] * 2]
    )
    return Detection(score, (x - 0.05, y - 0.05, 0.1, 0.1), points.astype(np.float32))


_DECOYS = tuple(_decoy(0.99 - 0.01 * n, *at) for n, at in enumerate([(0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)]))
_STILL = Placed(240, 180)
CASES = (
    SequenceCase("steady", _moved(12, Placed(180, 160), Placed(200, 170, 195, 5))),
    SequenceCase("scale-and-rotate", _moved(14, Placed(240, 180, 220, -10), Placed(260, 190, 130, 40))),
    SequenceCase("mirrored", _moved(8, Placed(200, 170, mirrored=True), Placed(260, 190, 180, -20, mirrored=True))),
    SequenceCase("enter-and-leave", _enter_and_leave),
    SequenceCase("crossing", _crossing, maximum_faces=2),
    SequenceCase("hidden", _hidden, maximum_faces=2),
    SequenceCase("occluded", lambda: _occluded((4, 5, 6), 10)),
    SequenceCase("size-change", _size_change),
    SequenceCase(
        "nan-landmarks",
        _moved(10, _STILL, _STILL),
        spoiled={2: _nan_point, 5: _nan_presence, 7: _infinite_point, 9: _infinite_presence},
    ),
    SequenceCase("roi-outside", _moved(8, _STILL, _STILL), spoiled={1: _far_away, 4: _all_in_one}),
    SequenceCase("three-faces-two-wanted", _three_faces, maximum_faces=2),
    SequenceCase("decoys", _moved(6, _STILL, Placed(250, 180)), decoys=_DECOYS),
    SequenceCase("decoys-two-wanted", _moved(6, _STILL, Placed(250, 180)), maximum_faces=2, decoys=_DECOYS),
    SequenceCase(
        "smoothed",
        lambda: _occluded((7,), 14),
        smoothing=Smoothing(minimum_cutoff=0.8, beta=12.0, derivative_cutoff=1.5),
        seconds=lambda index: (index + 0.4 * (index % 3)) / RATE,
    ),
)


@dataclass
class _Spoiling:
    """The landmark model, some of whose runs come out changed; ``rows`` has them all."""

    inner: Backend
    spoiled: Mapping[int, Spoil]
    rows: list[Array] = field(default_factory=list)
    name = "spoiling"

    def run(self, image: Array) -> RawOutputs:
        outputs = self.inner.run(image)
        row = np.concatenate([outputs["landmarks"].ravel(), outputs["presence"].ravel()])
        spoil = self.spoiled.get(len(self.rows))
        if spoil is not None:
            spoil(row)
        self.rows.append(row)
        return _outputs(row)

    def close(self) -> None:
        self.inner.close()


@dataclass
class _Repeating:
    """A model that says what it once said."""

    rows: Iterator[Array]
    name = "repeating"

    def run(self, image: Array) -> RawOutputs:  # noqa: ARG002
        return _outputs(next(self.rows))

    def close(self) -> None: ...


def _outputs(row: Array) -> RawOutputs:
    return {"landmarks": row[None, :-1], "presence": row[None, -1:]}


def backends() -> tuple[Backend, Backend]:
    """Return the released detector and landmark model under LiteRT on the CPU, without delegates."""
    detector, landmarker = (LiteRtBackend(fetch(spec), spec, delegates=False) for spec in (DETECTOR, LANDMARKER))
    return detector, landmarker


def record(case: SequenceCase, models: tuple[Backend, Backend]) -> Recorded:
    """Run the tracker over a case with the models themselves."""
    landmarker = _Spoiling(models[1], case.spoiled)
    # Replays see no pixels; what the models said was recorded with point sampling.
    options = Options.of(DETECTOR.detector, sampling="point")
    following = FaceTracker((DETECTOR, models[0]), (LANDMARKER, landmarker), case.maximum_faces, options)
    following.smoothing = case.smoothing
    seen: list[list[Detection]] = []
    rois: list[Roi] = []

    def detect(image: Bytes, backend: Backend, spec: ModelSpec, options: Options | None = None) -> list[Detection]:
        seen.append([*case.decoys, *pipeline.detect(image, backend, spec, options)])
        return seen[-1]

    def cropped(image: Bytes, roi: Roi, to: InputSpec, sampling: Sampling) -> Array:
        rois.append(roi)
        return preprocess.cropped(image, roi, to, sampling)

    frames: list[dict[str, Any]] = []
    expected: list[Array] = []
    with patch.object(tracker, "detect", detect), patch.object(landmarks, "cropped", cropped):
        for index, image in enumerate(case.frames()):
            seen.clear()
            rois.clear()
            before = len(landmarker.rows)
            seconds = case.seconds(index)
            result = following.update(image, seconds)
            rows = range(len(expected), len(expected) + len(result.faces))
            expected += [face.landmarks.astype(np.float32).ravel() for face in result.faces]
            frames.append(
                {
                    "seconds": seconds,
                    "width": image.shape[1],
                    "height": image.shape[0],
                    "detections": [_detection(one) for one in seen[0]] if seen else None,
                    "calls": [{"roi": _roi(roi), "row": before + n} for n, roi in enumerate(rois)],
                    "faces": [_face(face, row) for face, row in zip(result.faces, rows, strict=True)],
                    "lost": list(result.lost),
                    "detector_ran": result.detector_ran,
                }
            )
    about = {
        "kind": "sequence",
        "case": case.name,
        "detector": DETECTOR.name,
        "maximum_faces": case.maximum_faces,
        "smoothing": None if case.smoothing is None else asdict(case.smoothing),
        "calls": {"file": f"{case.name}.calls.f32", "shape": [len(landmarker.rows), 3 * POINTS + 1]},
        "landmarks": {"file": f"{case.name}.landmarks.f32", "shape": [len(expected), 3 * POINTS]},
        "frames": frames,
    }
    return Recorded(about, np.stack(landmarker.rows), np.stack(expected))


def replay(known: Recorded) -> Recorded:
    """Run the tracker over what the models said in a recording, and return what it makes of it.

    Raises ``StopIteration`` or ``IndexError`` where it asks for more than was recorded.
    """
    about = known.record
    smoothing = None if about["smoothing"] is None else Smoothing(**about["smoothing"])
    rows = iter(known.calls)
    following = FaceTracker((DETECTOR, _Repeating(rows)), (LANDMARKER, _Repeating(rows)), about["maximum_faces"])
    following.smoothing = smoothing
    frames: list[dict[str, Any]] = []
    expected: list[Array] = []
    used = 0
    for given in about["frames"]:
        rois: list[Roi] = []
        with ExitStack() as stack:
            found = [_read_detection(one) for one in given["detections"] or ()]
            stack.enter_context(patch.object(tracker, "detect", lambda *_, found=found: found))
            keep = stack.enter_context(patch.object(landmarks, "cropped"))
            keep.side_effect = lambda _, roi, *__, rois=rois: rois.append(roi)
            image = np.zeros((given["height"], given["width"], 3), np.uint8)
            result = following.update(image, given["seconds"])
        faces = range(len(expected), len(expected) + len(result.faces))
        expected += [face.landmarks.astype(np.float32).ravel() for face in result.faces]
        frames.append(
            {
                **{name: given[name] for name in ("seconds", "width", "height", "detections")},
                "calls": [{"roi": _roi(roi), "row": used + n} for n, roi in enumerate(rois)],
                "faces": [_face(face, row) for face, row in zip(result.faces, faces, strict=True)],
                "lost": list(result.lost),
                "detector_ran": result.detector_ran,
            }
        )
        used += len(rois)
    return Recorded({**about, "frames": frames}, known.calls[:used], np.stack(expected))


def write(folder: Path, recorded: Recorded) -> None:
    """Write a recording to ``folder``."""
    about = recorded.record
    for rows, entry in ((recorded.calls, about["calls"]), (recorded.landmarks, about["landmarks"])):
        (folder / entry["file"]).write_bytes(rows.astype("<f4").tobytes())
    (folder / f"{about['case']}.json").write_text(json.dumps(about, indent=1, allow_nan=False) + "\n")


def read(path: Path) -> Recorded:
    """Read a recording."""
    about = json.loads(path.read_text())
    calls, points = (
        np.fromfile(path.parent / about[name]["file"], "<f4").reshape(about[name]["shape"])
        for name in ("calls", "landmarks")
    )
    return Recorded(about, calls.astype(np.float32), points.astype(np.float32))


def _detection(one: Detection) -> dict[str, Any]:
    return {"score": one.score, "box": list(one.box), "keypoints": one.keypoints.tolist()}


def _read_detection(one: dict[str, Any]) -> Detection:
    x, y, width, height = one["box"]
    return Detection(one["score"], (x, y, width, height), np.array(one["keypoints"], np.float32))


def _roi(roi: Roi) -> dict[str, Any]:
    return {"center": list(roi.center), "size": list(roi.size), "rotation_degrees": roi.rotation_degrees}


def _face(face: TrackedFace, row: int) -> dict[str, Any]:
    return {
        "track": face.track,
        "age": face.age,
        "state": face.state,
        "score": face.score,
        "presence": face.presence,
        "box": list(face.box),
        "keypoints": face.keypoints.tolist(),
        "roll_degrees": face.roll_degrees,
        "roi": _roi(face.roi),
        "row": row,
    }
