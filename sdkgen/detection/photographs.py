"""Faces in photographs, one after the other, and the annotated copies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdkgen.backends.base import Backend
from sdkgen.detection.draw import annotate
from sdkgen.detection.pipeline import detect
from sdkgen.detection.types import Detection, Options
from sdkgen.errors import OutputError
from sdkgen.images import read_image, write_png
from sdkgen.spec.model import ModelSpec


def detect_in_file(
    image: Path, target: Path | None, runtime: Backend, spec: ModelSpec, options: Options
) -> dict[str, Any]:
    """Return what there is to say of an image, and write its annotated copy to ``target``.

    Raises ``ImageError`` where the image cannot be read, ``OutputError`` where the copy cannot be written.
    """
    pixels = read_image(image)
    height, width = pixels.shape[:2]
    faces = detect(pixels, runtime, spec, options)
    if target is not None:
        write_png(target, annotate(pixels, faces))
    drawn = {"drawn": str(target)} if target is not None else {}
    return {"width": width, "height": height, "detections": describe(faces, spec, width / height), **drawn}


def describe(faces: Sequence[Detection], spec: ModelSpec, aspect: float) -> list[dict[str, Any]]:
    """Return faces as JSON has them; ``aspect`` is the image's width in heights."""
    names = spec.detector.keypoints
    return [
        {
            "score": face.score,
            "box": dict(zip(("x", "y", "width", "height"), face.box, strict=True)),
            "keypoints": [
                {"name": name, "x": x, "y": y} for name, (x, y) in zip(names, face.keypoints.tolist(), strict=True)
            ],
            "roll_degrees": face.roll_degrees(aspect),
        }
        for face in faces
    ]


def name_targets(images: Sequence[Path], folder: Path | None) -> list[Path | None]:
    """Return where each annotated copy goes: a name of its own, and never that of an input.

    Raises ``OutputError`` where ``folder`` is a file.
    """
    if folder is None:
        return [None] * len(images)
    if folder.exists() and not folder.is_dir():
        raise OutputError(
            "annotated images go to a folder, and this is a file", context=str(folder), hint="Name a folder."
        )
    taken = {image.resolve() for image in images}
    targets: list[Path | None] = []
    counts: dict[str, int] = {}
    for image in images:
        stem = "stdin" if str(image) == "-" else image.stem
        count = counts.get(stem, 0) + 1
        while (target := folder / (f"{stem}.png" if count == 1 else f"{stem}-{count}.png")).resolve() in taken:
            count += 1
        counts[stem] = count
        taken.add(target.resolve())
        targets.append(target)
    return targets
