"""What tracking costs beside the landmark model alone, and how much steadier it is than detecting every frame.

    python -m benchmarks.track speed [--frames N] [--language python|swift|kotlin]
    python -m benchmarks.track jitter [--sequences N] [--frames N]

``speed`` follows a face through 1280 × 720 frames with LiteRT on one processor, frame by frame in turn with the
landmark model alone on an input that is ready, outputs read back: with the Python reference, or with the crop, the
decoding and the tracker of an SDK, which is then built and compiled first, from each kind of pixels that it takes. The
frame is written anew, as by a camera, before the one as before the other: both find the same in the caches.
``jitter`` moves photographed faces by fractions of pixels along known paths, undoes the motion, and says how far the
six keypoints move from frame to frame, and how far they stray from their mean: root of the mean square, as a share of
the distance between the eyes. The interval is a bootstrap's over sequences.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import ai_edge_litert
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from benchmarks.composites import KEYPOINTS, Placement, portraits
from benchmarks.kotlin import run as kotlin
from benchmarks.swift import run as swift
from sdkgen.backends.base import Backend
from sdkgen.backends.litert import LiteRtBackend
from sdkgen.convert import convert
from sdkgen.detection.pipeline import detect
from sdkgen.detection.preprocess import Bytes, cropped
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.registry import LANDMARKER, load_model
from sdkgen.tracking.smoothing import Smoothing
from sdkgen.tracking.tracker import FaceTracker

TARGET = 1.15
REPLICAS = 2000
RATE = 30.0
SIZE = (640, 480)
LARGE = (1280, 720)
BACKGROUNDS = ("coffee", "brick", "chelsea", "gravel", "rocket")

Floats = NDArray[np.float64]
Model = tuple[ModelSpec, Backend]
Result = TypeVar("Result")


def open_model(name: str) -> Model:
    """Return a model's spec, and its default artifact under LiteRT."""
    spec = load_model(name)
    return spec, LiteRtBackend(convert(spec, "tflite").path, spec)


def _sequence(seed: int, frames: int, size: tuple[int, int]) -> Iterator[tuple[Bytes, Placement]]:
    """Yield frames in which a hand trembles and a face slowly moves, turns and comes nearer, and where the face is."""
    random = np.random.default_rng([7, seed])
    scene = Image.fromarray(getattr(data, BACKGROUNDS[seed % len(BACKGROUNDS)])()).convert("RGB").resize(size)
    side = float(random.uniform(0.22, 0.42)) * min(size)
    start = tuple(float(random.uniform(1.2 * side, extent - 1.2 * side)) for extent in size)
    placement = Placement(
        portrait=portraits()[seed % len(portraits())],
        center=(start[0], start[1]),
        side=side,
        degrees=float(random.uniform(-20, 20)),
        mirrored=bool(random.integers(2)),
        gain=float(random.uniform(0.75, 1.1)),
    )
    drift, turn, growth = random.normal(0, 0.01 * side, 2), random.normal(0, 0.4), random.normal(0, 0.003)
    for index in range(frames):
        x, y = np.asarray(start) + index * drift + random.normal(0, 0.4, 2)
        now = replace(
            placement,
            center=(float(x), float(y)),
            side=side * (1 + growth * index),
            degrees=placement.degrees + turn * index + float(random.normal(0, 0.1)),
        )
        picture = scene.copy()
        now.paste(picture)
        yield np.asarray(picture), now


def speed(frames: int, language: str) -> None:
    """Time a steady sequence, and print the ratio to the landmark model alone and where the rest goes."""
    machine = f"{platform.machine()}, {os.cpu_count()} processors, LiteRT on one of them"
    print(f"{machine}, {LARGE[0]} × {LARGE[1]}, {frames} frames")
    if language == "python":
        _print_speed("Python, RGB", python(frames))
        return
    library = Path(ai_edge_litert.__file__).parent / "libLiteRt.so"
    model = convert(load_model(LANDMARKER), "tflite").path
    with tempfile.TemporaryDirectory() as folder:
        sequence = record(Path(folder))
        follow = {"swift": swift.follow, "kotlin": kotlin.follow}[language]
        for pixels, times in follow(sequence, frames, library, model):
            _print_speed(f"{language.capitalize()}, {pixels}", times)


def _pictures() -> list[Bytes]:
    return [np.ascontiguousarray(picture) for picture, _ in _sequence(1, 30, LARGE)]


def record(folder: Path) -> Path:
    """Write the sequence as the pixels that phones' cameras give, and the face that the detector finds first."""
    pictures, (spec, detector) = _pictures(), open_model("blazeface-front")
    face = detect(pictures[0], detector, spec)[0]
    about = {"score": face.score, "box": list(face.box), "keypoints": face.keypoints.tolist()}
    text = {"width": LARGE[0], "height": LARGE[1], "count": len(pictures), "face": about}
    (folder / "sequence.json").write_text(json.dumps(text))
    with (folder / "rgba.raw").open("wb") as rgba, (folder / "bgra.raw").open("wb") as bgra:
        for picture in pictures:
            opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
            rgba.write(np.concatenate([picture, opaque], axis=2).tobytes())
            bgra.write(np.concatenate([picture[..., ::-1], opaque], axis=2).tobytes())
    with (folder / "nv12.raw").open("wb") as planes:
        for picture in pictures:
            # Pillow's YCbCr is BT.601 in full range.
            yuv = np.asarray(Image.fromarray(picture).convert("YCbCr"))
            planes.write(yuv[..., 0].tobytes())
            planes.write(np.ascontiguousarray(yuv[::2, ::2, 1:]).tobytes())
    return folder


def python(frames: int) -> dict[str, list[float]]:
    """Return seconds, by frame: ``alone``, ``following``, and of that ``warp``; and of 50 frames with ``detector``."""
    detector, (spec, landmarker) = open_model("blazeface-front"), open_model(LANDMARKER)
    tracker = FaceTracker(detector, (spec, landmarker))
    pictures = _pictures()
    # To and fro, so that the sequence goes on without a jump.
    order = [*range(len(pictures)), *reversed(range(1, len(pictures) - 1))]
    picture = np.empty_like(pictures[0])
    times: dict[str, list[float]] = {"alone": [], "following": [], "warp": []}
    for count in range(frames + 60):
        written = pictures[order[count % len(order)]]
        np.copyto(picture, written)
        took, tracked = _timed(partial(tracker.update, picture, count / RATE))
        if len(tracked.faces) != 1 or tracked.detector_ran != (count == 0):
            raise SystemExit("the face was lost: this sequence is not steady")
        warped, ready = _timed(partial(cropped, picture, tracked.faces[0].roi, spec.input))
        np.copyto(picture, written)
        model, _ = _timed(partial(landmarker.run, ready))
        if count >= 60:  # until then processor and caches warm up
            for name, seconds in (("alone", model), ("following", took), ("warp", warped)):
                times[name].append(seconds)
    anew = [_timed(lambda: FaceTracker(detector, (spec, landmarker)).update(pictures[0], 0.0))[0] for _ in range(50)]
    return {**times, "detector": anew}


def _print_speed(title: str, times: dict[str, list[float]]) -> None:
    alone, following, warp = (np.array(times[name]) * 1e3 for name in ("alone", "following", "warp"))
    rows = {
        "landmark model alone": alone,
        "tracking, a frame": following,
        "of it the warp": warp,
        "of it all else": following - alone - warp,
    }
    if "detector" in times:
        rows["a frame with detector"] = np.array(times["detector"]) * 1e3
    for name, each in rows.items():
        print(f"  {name:22s} median {np.median(each):6.3f} ms, 10th percentile {np.quantile(each, 0.1):6.3f} ms")
    ratios, draw = following / alone, np.random.default_rng(0)
    low, high = np.quantile([np.median(draw.choice(ratios, len(ratios))) for _ in range(REPLICAS)], [0.025, 0.975])
    ratio = f"{np.median(ratios):.3f} ({low:.3f} to {high:.3f})"
    print(f"{title}: tracking / landmark model alone: {ratio}, target {TARGET}")


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def jitter(sequences: int, frames: int) -> None:
    """Measure how much keypoints move, detected and tracked, and print a table."""
    detector, landmarker = open_model("blazeface-front"), open_model(LANDMARKER)
    ways = ("detector with blending", "tracked", "tracked and smoothed")
    sums = np.zeros((len(ways), sequences, 2, 2))  # way, sequence, from frame to frame | about the mean, sum | count
    runs = missed = 0
    for sequence in range(sequences):
        trackers = [FaceTracker(detector, landmarker, smoothing=smoothing) for smoothing in (None, Smoothing())]
        found: list[list[Floats]] = [[] for _ in ways]
        eyes = 1.0
        for index, (picture, placement) in enumerate(_sequence(sequence, frames, SIZE)):
            detections = detect(picture, detector[1], detector[0])
            updates = [tracker.update(picture, index / RATE).faces for tracker in trackers]
            if not (detections and all(updates)):
                missed += 1
                continue
            seen = (detections[0].keypoints.astype(np.float64), *(faces[0].keypoints for faces in updates))
            for kept, points in zip(found, seen, strict=True):
                kept.append(_undone(points * SIZE, placement))
            portrait = placement.portrait.keypoints
            eyes = math.dist(portrait[0], portrait[1])
        runs += trackers[0].detector_runs
        for way, kept in enumerate(found):
            still = np.array(kept) / eyes
            for measure, differences in enumerate((np.diff(still, axis=0), still - still.mean(axis=0))):
                sums[way, sequence, measure] = (differences**2).sum(), differences[..., 0].size
    print(f"{sequences} sequences of {frames} frames, {missed} frames left out because one way saw no face; ", end="")
    print(f"with tracking the detector ran in {runs} of {sequences * frames}; keypoints: {', '.join(KEYPOINTS)}")
    print(f"{'':24s} {'from frame to frame':>30s} {'about the mean':>30s} {'less than detected':>30s}")
    for way, name in enumerate(ways):
        cells = [_estimate(sums[way, :, measure], _rms) for measure in (0, 1)]
        pair = np.concatenate([sums[way, :, 0], sums[0, :, 0]], axis=1)
        cells.append(_estimate(pair, lambda both: 1 - _rms(both[:2]) / _rms(both[2:])) if way else "")
        print(f"{name:24s} {cells[0]:>30s} {cells[1]:>30s} {cells[2]:>30s}")


def _undone(points: Floats, placement: Placement) -> Floats:
    """Return points (n, 2) of a frame in pixels of the portrait that was put there."""
    matrix = placement.matrix()
    return np.linalg.solve(matrix[:, :2], (points - matrix[:, 2]).T).T.astype(np.float64)


def _rms(sums: Floats) -> float:
    return math.sqrt(sums[0] / sums[1])


def _estimate(rows: Floats, statistic: Callable[[Floats], float]) -> str:
    """Return the statistic of the rows' sum, and its interval, as text."""
    draw = np.random.default_rng(0)
    replicas = [statistic(rows[draw.integers(len(rows), size=len(rows))].sum(axis=0)) for _ in range(REPLICAS)]
    low, high = np.quantile(replicas, [0.025, 0.975])
    return f"{statistic(rows.sum(axis=0)):.2%} ({low:.2%} to {high:.2%})"


def _main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="what")
    timing = commands.add_parser("speed", help="what tracking costs")
    timing.add_argument("--frames", type=int, default=2000)
    timing.add_argument("--language", choices=("python", "swift", "kotlin"), default="python")
    steadiness = commands.add_parser("jitter", help="how steady keypoints are")
    steadiness.add_argument("--sequences", type=int, default=40)
    steadiness.add_argument("--frames", type=int, default=30)
    chosen = parser.parse_args(arguments)
    if chosen.what == "speed":
        speed(chosen.frames, chosen.language)
    else:
        jitter(chosen.sequences, chosen.frames)


if __name__ == "__main__":
    _main()
