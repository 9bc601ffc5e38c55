"""The whole way: an image through a backend to faces."""

from __future__ import annotations

from sdkgen.backends.base import Backend
from sdkgen.detection.blend import resolve
from sdkgen.detection.decode import Candidates, decode
from sdkgen.detection.preprocess import Bytes, letterboxed
from sdkgen.detection.roi import letterbox, project
from sdkgen.detection.types import Detection, Options, RawOutputs
from sdkgen.spec.model import ModelSpec


def detect(image: Bytes, backend: Backend, spec: ModelSpec, options: Options | None = None) -> list[Detection]:
    """Return the faces in an upright RGB image (H, W, 3), best first, relative to the image.

    ``options`` None takes the model's own thresholds, and averages over areas.
    """
    height, width = image.shape[:2]
    chosen = options or Options.of(spec.detector)
    return faces(backend.run(letterboxed(image, spec.input, chosen.sampling)), spec, width, height, chosen)


def faces(
    outputs: RawOutputs, spec: ModelSpec, width: int, height: int, options: Options | None = None
) -> list[Detection]:
    """Return the faces in the raw outputs (either layout) for a letterboxed ``width`` × ``height`` image."""
    chosen = options or Options.of(spec.detector)
    return resolved(decode(outputs, spec, chosen.minimum_score), spec, width, height, chosen)


def resolved(candidates: Candidates, spec: ModelSpec, width: int, height: int, options: Options) -> list[Detection]:
    """Return the faces in the candidates of a letterboxed ``width`` × ``height`` image; their scores are as decoded."""
    found = resolve(candidates, options.blending_iou, maximum_faces=options.maximum_faces, hard=options.hard)
    roi = letterbox(width, height, spec.input)
    return [project(face, roi, width, height) for face in found]
