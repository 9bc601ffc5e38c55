"""The whole way: an image through a backend to faces."""

from __future__ import annotations

from sdkgen.backends.base import Backend
from sdkgen.detection.blend import resolve
from sdkgen.detection.decode import decode
from sdkgen.detection.preprocess import Bytes, letterboxed
from sdkgen.detection.roi import letterbox, project
from sdkgen.detection.types import Detection, Options, RawOutputs
from sdkgen.spec.model import ModelSpec


def detect(image: Bytes, backend: Backend, spec: ModelSpec, options: Options | None = None) -> list[Detection]:
    """Return the faces in an upright RGB image (H, W, 3), best first, relative to the image.

    ``options`` None takes the model's own thresholds.
    """
    height, width = image.shape[:2]
    return faces(backend.run(letterboxed(image, spec.input)), spec, width, height, options)


def faces(
    outputs: RawOutputs, spec: ModelSpec, width: int, height: int, options: Options | None = None
) -> list[Detection]:
    """Return the faces in the raw outputs (either layout) for a letterboxed ``width`` × ``height`` image."""
    chosen = options or Options.of(spec.detector)
    candidates = decode(outputs, spec, chosen.minimum_score)
    found = resolve(candidates, chosen.blending_iou, maximum_faces=chosen.maximum_faces, hard=chosen.hard)
    roi = letterbox(width, height, spec.input)
    return [project(face, roi, width, height) for face in found]
