"""Times the Swift package's own code beside the Python reference and a plain port: all that is not a model.

    python -m benchmarks.swift.run

Builds the package for blazeface-front for release, off a Mac (see tests/swift/harness.py), runs it on the golden
vectors, and prints a table of processor time. A plain port is what one writes first: a sigmoid for every anchor, arrays
of boxes, a sort, and non-maximum suppression that compares every pair.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np

from sdkgen.detection.pipeline import faces
from sdkgen.detection.preprocess import cropped, letterboxed
from sdkgen.detection.types import Roi, Sampling
from sdkgen.spec.registry import load_model
from tests.swift.harness import CHECKOUT, NAME, Swift, assemble, render, work_folder

GOLDEN = CHECKOUT / "tests" / "golden"
MODEL = "blazeface-front"
SCRATCH = ".build-benchmark"
RELEASE = f"{SCRATCH}/release"
PIXELS = ("bgra", "nv12")
"""What Swift's crop is timed on in ``follow``."""
SCENES = {"no face": "no-face", "one face": "astronaut", "50 overlapping boxes": "overlaps"}


def median_us(call: Callable[[], Any], seconds: float = 1.0) -> float:
    """Return the median processor time of a call in microseconds, over about ``seconds``."""
    call()
    times = []
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        before = time.thread_time()
        call()
        times.append(time.thread_time() - before)
    return statistics.median(times) * 1e6


def reference() -> dict[str, float]:
    """Return the medians of the Python reference, by the names of the Swift measurements."""
    spec = load_model(MODEL)
    found: dict[str, float] = {}
    for scene, file in SCENES.items():
        rows = np.fromfile(GOLDEN / MODEL / f"{file}.predictions.f32", "<f4").reshape(1, spec.anchor_count, -1)
        outputs = {"predictions": rows}
        found[f"decode and blend, {scene}"] = median_us(lambda: faces(outputs, spec, 1280, 720))  # noqa: B023
    image = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    for sampling in get_args(Sampling):
        found[f"{sampling} 1280 × 720 BGRA"] = median_us(lambda: letterboxed(image, spec.input, sampling))  # noqa: B023
    landmarks = load_model("face-landmark")
    region = Roi((640, 360), (480, 480), 20)
    for sampling in get_args(Sampling):
        name = f"crop by {sampling} 1280 × 720 BGRA"
        found[name] = median_us(lambda: cropped(image, region, landmarks.input, sampling))  # noqa: B023
    return found


def swift() -> list[dict[str, Any]]:
    """Return what the Swift benchmark measured, built for release."""
    products = ("Benchmark", "TrackingBenchmark")
    tool_chain, folder = _built(*products)
    lines: list[str] = []
    for product in products:
        lines += tool_chain.run([f"{RELEASE}/{product}", str(GOLDEN)], folder, binds=[GOLDEN]).stdout.splitlines()
    return [json.loads(line) for line in lines]


def follow(sequence: Path, frames: int, library: Path, model: Path) -> Iterator[tuple[str, dict[str, list[float]]]]:
    """Yield kinds of pixels, and the seconds that each frame took of the landmark model alone and in following a face.

    ``sequence`` is a folder with ``sequence.json`` and the frames, in a file for each of ``PIXELS``; ``library`` is
    libLiteRt.so and ``model`` the landmark model's .tflite file. LiteRT has one thread. ``alone`` is the model on an
    input that is ready, ``following`` all that is done with a frame, and ``warp`` its crop. 60 frames before do not
    count. Raises ``subprocess.CalledProcessError`` if the face is lost.
    """
    tool_chain, folder = _built("FollowBenchmark")
    sequence, library, model = sequence.resolve(), library.resolve(), model.resolve()
    for pixels in PIXELS:
        command = [f"{RELEASE}/FollowBenchmark", str(sequence), str(frames), str(library), str(model), pixels]
        done = tool_chain.run(command, folder, binds=[sequence, library.parent, model.parent])
        yield pixels, json.loads(done.stdout)


def _built(*products: str) -> tuple[Swift, Path]:
    """Return the tool chain, and the folder in which it built programs for release."""
    tool_chain = Swift.find()
    with tempfile.TemporaryDirectory() as work:
        folder = assemble(render(MODEL, "standard", Path(work) / NAME, pipeline="track"), work_folder("track"))
    for product in products:
        command = ["swift", "build", "--scratch-path", SCRATCH, "--configuration", "release", "--product", product]
        tool_chain.run(command, folder, env={"HARNESS_BENCHMARK": "1"})
    return tool_chain, folder


def main() -> None:
    """Print the table."""
    measured, python = swift(), reference()
    print("| | Swift, median | p90 | allocations | ÷ copy of its bytes | ÷ plain port | Python reference |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    medians = {row["name"]: row["median_us"] for row in measured}
    for row in measured:
        beside = f"{python[row['name']]:.0f} µs" if row["name"] in python else ""
        times = f"{row['median_us']:.1f} µs | {row['p90_us']:.1f} µs"
        _, _, what = row["name"].partition(" ")
        what = what.removesuffix(", turned and mirrored")
        ratios = [
            f"{row['median_us'] / medians[other]:.2f}" if other in medians and other != row["name"] else ""
            for other in (f"copy {what}", f"plain area {what}")
        ]
        print(f"| {row['name']} | {times} | {row['allocations']:.0f} | {ratios[0]} | {ratios[1]} | {beside} |")


if __name__ == "__main__":
    main()
