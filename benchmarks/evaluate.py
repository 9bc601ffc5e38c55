"""How many photographs a second ``sdkgen eval`` does, and where the time goes.

    python -m benchmarks.evaluate [--images N] [--jobs N] [--model MODEL] [--views N]

Composes labelled JPEGs of 640 × 480 pixels, evaluates them with LiteRT on the CPU, and prints images a second for the
whole of it, decoding included. Then the parts are timed one after another on one thread: decoding, letterbox, network,
decoding of the outputs and blending, and matching. Processor time is printed beside time on the clock, because on a
machine that others use too only the former can be compared.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import composites
from sdkgen.backends.litert import LiteRtBackend
from sdkgen.convert import convert
from sdkgen.detection.pipeline import faces
from sdkgen.detection.preprocess import letterboxed
from sdkgen.detection.types import Options
from sdkgen.evaluate import evaluation
from sdkgen.evaluate.dataset import open_dataset
from sdkgen.evaluate.journal import Journal
from sdkgen.evaluate.keypoints import pixels
from sdkgen.evaluate.measure import Measurer
from sdkgen.evaluate.precision import AveragePrecision
from sdkgen.evaluate.settings import Settings
from sdkgen.images import read_image
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.registry import load_model

TARGET = 150
"""Images a second on two cores that the evaluation is meant to reach."""


def _main() -> None:
    parser = argparse.ArgumentParser(description="Time sdkgen eval.")
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--model", default="blazeface-front")
    parser.add_argument("--views", type=int, default=0, help="shifted copies for jitter, which cost as many more runs")
    chosen = parser.parse_args()
    spec = load_model(chosen.model)
    artifact = convert(spec, "tflite")
    settings = Settings(views=chosen.views)
    with tempfile.TemporaryDirectory() as name:
        labels = composites.write(Path(name), chosen.images)
        data = open_dataset(labels, None, None, spec.detector.keypoints)
        opened = partial(_opened, spec, artifact.path, settings)
        begun = _processor_seconds()
        with Journal(f"benchmark-{os.getpid()}") as journal:
            report = evaluation.evaluate(data, spec, settings, journal, opened, workers=chosen.jobs)
        processor = (_processor_seconds() - begun) / chosen.images * 1e3
        rate = report["timing"]["images_per_second"]
        print(f"{platform.machine()}, {os.cpu_count()} processors, {chosen.jobs} processes, {spec.name}")
        print(f"{rate:.0f} images a second by the clock (target: {TARGET} on two cores)")
        print(f"{processor:.2f} ms of processor time an image, the sum of all processes, their start included")
        _parts(opened(), [picture for picture, _ in zip(data, range(200), strict=False)])


def _opened(spec: ModelSpec, path: Path, settings: Settings) -> Measurer:
    return Measurer(spec, LiteRtBackend(path, spec), settings)


def _processor_seconds() -> float:
    return sum(os.times()[:4])


def _parts(measurer: Measurer, pictures: list[Any]) -> None:
    spec = measurer.spec
    low = Options.of(spec.detector, minimum_score=measurer.settings.minimum_score)
    files = [picture.path for picture in pictures]
    images = _timed("decode JPEG", lambda: (read_image(path, as_stored=True) for path in files))
    inputs = _timed("letterbox", lambda: (letterboxed(image, spec.input) for image in images))
    outputs = _timed("network", lambda: (measurer.backend.run(one) for one in inputs))
    _timed("faces, own threshold", lambda: (faces(one, spec, 640, 480) for one in outputs))
    found = _timed("faces, low threshold", lambda: (faces(one, spec, 640, 480, low) for one in outputs))
    total = AveragePrecision()

    def match() -> Iterator[None]:
        for picture, some in zip(pictures, found, strict=True):
            boxes = [pixels(face, 640, 480)[0] for face in some]
            total.add([face.score for face in some], boxes, picture.faces, 640 * 480)
            yield

    _timed("matching", match)


def _timed(name: str, work: Callable[[], Iterator[Any]]) -> list[Any]:
    clock, processor = time.perf_counter(), time.process_time()
    results = list(work())
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    each = 1e3 / len(results)
    print(f"  {name:22s} {processor * each:6.2f} ms of processor time, {clock * each:6.2f} ms by the clock")
    return results


if __name__ == "__main__":
    _main()
