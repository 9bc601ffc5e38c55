"""What the runner needs to time a face tracker's frames: a frame with a face, and the two models' description.

The numbers come from models/*.toml; devices/runner/pipeline.c reads them and holds none of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from sdkgen import cache, resources
from sdkgen.bench.plan import Backend, Cell, Frames, Pipeline
from sdkgen.detection.types import Sampling
from sdkgen.files import sha256_json, sha256_path
from sdkgen.spec.model import InputSpec, ModelSpec, RoiSpec

WIDTH, HEIGHT = 1280, 720
"""The size of the camera's frame, in pixels."""


def cells(
    detector: ModelSpec,
    landmarker: ModelSpec,
    files: tuple[Path, Path],
    backend: Backend,
    threads: int,
    *,
    fp32: bool,
    sampling: Sampling = "area",
) -> list[Cell]:
    """Return the cells of a tracker: each of the two models alone, then its frames. ``files`` are their artifacts."""
    folder = _inputs(detector, landmarker, sampling)
    suffix = "" if sampling == "area" else f", {sampling} sampling"
    models = [
        Cell.of(spec.name, path, backend, threads, fp32=fp32)
        for spec, path in zip((detector, landmarker), files, strict=True)
    ]
    both = sha256_json([model.sha256 for model in models])
    frames = [
        Cell(
            f"track-{which} {detector.name}{suffix}",
            files[0],
            backend,
            threads,
            models[0].precision,
            both,
            Pipeline(which, files[1], folder / "description", folder / "frame.rgb"),
        )
        for which in get_args(Frames)
    ]
    return [*models, *frames]


def frame() -> NDArray[np.uint8]:
    """Return the camera's frame, (HEIGHT, WIDTH, 3) RGB: a photograph of a face as high as the frame, on grey."""
    from PIL import Image

    with Image.open(resources.photograph()) as image:
        face = image.convert("RGB").resize((HEIGHT, HEIGHT), Image.Resampling.BICUBIC)
    made = np.full((HEIGHT, WIDTH, 3), 128, dtype=np.uint8)
    left = (WIDTH - HEIGHT) // 2
    made[:, left : left + HEIGHT] = np.asarray(face)
    return made


def describe(detector: ModelSpec, landmarker: ModelSpec, sampling: Sampling = "area") -> str:
    """Return what the runner has to know of the two models: a name a line, and its numbers."""
    found, points = detector.detector, landmarker.landmarker
    lines = [
        ("frame", WIDTH, HEIGHT),
        ("points", int(sampling == "point")),
        ("detector", *_input(detector.input)),
        ("landmarker", *_input(landmarker.input)),
        ("keypoints", len(found.keypoints)),
        ("landmarks", points.count),
        ("box_scale", found.box_scale),
        ("score_clip", found.score_clip),
        ("minimum_score", found.minimum_score),
        ("blending_iou", found.blending_iou),
        ("minimum_presence", points.minimum_presence),
        ("association_iou", points.association_iou),
        ("extra_candidates", points.extra_candidates),
        ("detection_roi", *_rule(points.detection_roi)),
        ("landmark_roi", *_rule(points.landmark_roi)),
        *(
            ("grid", detector.input.width // grid.stride, detector.input.height // grid.stride, grid.per_cell)
            for grid in found.grids
        ),
    ]
    return "".join(" ".join(map(str, line)) + "\n" for line in lines)


def _inputs(detector: ModelSpec, landmarker: ModelSpec, sampling: Sampling) -> Path:
    """Return the folder that holds ``description`` and ``frame.rgb``, made on first use."""
    text = describe(detector, landmarker, sampling)
    photograph = sha256_path(resources.photograph())

    def make(target: Path) -> None:
        (target / "description").write_text(text)
        (target / "frame.rgb").write_bytes(frame().tobytes())

    return cache.make("pipelines", sha256_json([text, photograph, WIDTH, HEIGHT]), make)


def _input(spec: InputSpec) -> tuple[int, int, float, float]:
    return spec.width, spec.height, spec.minimum, spec.maximum


def _rule(rule: RoiSpec) -> tuple[int, int, float]:
    return rule.from_point, rule.to_point, rule.scale
