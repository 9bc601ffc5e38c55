"""Write the golden vectors: ``python -m tests.golden.generate [FOLDER]``, or ``nox -s golden``.

Raw outputs are those of the released networks under LiteRT on the CPU, without delegates.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from sdkgen.backends.litert import LiteRtBackend
from sdkgen.detection import pixels, preprocess, roi
from sdkgen.detection.layout import JOINED, join
from sdkgen.detection.pipeline import faces
from sdkgen.detection.types import Array, Detection, Roi
from sdkgen.files import whole_folder
from sdkgen.spec.model import InputSpec, ModelSpec
from sdkgen.spec.registry import load_model
from sdkgen.weights.fetch import fetch
from tests.golden import sequences
from tests.golden.buffers import planes
from tests.golden.cases import PREPROCESS, WARP, PostprocessCase, PreprocessCase, Run, WarpCase, postprocess_cases

FOLDER = Path(__file__).parent
MODELS = ("blazeface-front", "blazeface-back", "blazeface-full-range")
SEQUENCES = "sequences"
WARP_ROWS = (0, 1, 37, 80, 95, 96, 150, 191)
"""The rows of the landmark model's input that a warp case keeps."""
PATTERN_ROWS = (0, 1, 27, 28, 29, 50, 64, 99, 100, 127)
"""The rows of the detector's input that a case with a pattern keeps."""


def main(folder: Path = FOLDER) -> None:
    """Replace the vectors of every model below ``folder``: all of them once they are written, or none."""
    with ExitStack() as stack:
        made = {name: stack.enter_context(whole_folder(folder / name)) for name in (*MODELS, SEQUENCES)}
        for name in MODELS:
            spec = load_model(name)
            for case in postprocess_cases(spec, released(spec)):
                _write_postprocess(made[name], spec, case)
        for buffer in PREPROCESS:
            _write_preprocess(made[MODELS[0]], load_model(MODELS[0]), buffer)
        models = sequences.backends()
        for sequence in sequences.CASES:
            sequences.write(made[SEQUENCES], sequences.record(sequence, models))
        for warp in WARP:
            _write_warp(made[SEQUENCES], warp)


def released(spec: ModelSpec) -> Run:
    """Return what gives the released network's raw outputs for a photograph."""
    backend = LiteRtBackend(fetch(spec), spec, delegates=False)
    return lambda photo: backend.run(preprocess.letterboxed(photo, spec.input))


def _write_postprocess(target: Path, spec: ModelSpec, case: PostprocessCase) -> None:
    found = faces(case.outputs, spec, case.width, case.height, case.options)
    rows = _write_floats(target / f"{case.source}.{JOINED}.f32", join(case.outputs, spec))
    options = {
        "minimum_score": case.options.minimum_score,
        "blending_iou": case.options.blending_iou,
        "maximum_faces": case.options.maximum_faces,
    }
    _write_case(
        target / f"{case.name}.json",
        {
            "kind": "postprocess",
            "model": spec.name,
            "case": case.name,
            "options": options,
            "outputs": {JOINED: rows},
            "image": {"width": case.width, "height": case.height},
            "faces": [_face(face, case.width, case.height) for face in found],
        },
    )


def _face(face: Detection, width: int, height: int) -> dict[str, Any]:
    landmarks = load_model("face-landmark").landmarks
    assert landmarks is not None
    region = roi.detection_roi(face, width, height, landmarks.detection_roi)
    return {
        "score": face.score,
        "box": face.box,
        "keypoints": face.keypoints.tolist(),
        "roll_degrees": face.roll_degrees(width / height),
        "roi": _roi(region),
    }


def _write_preprocess(target: Path, spec: ModelSpec, case: PreprocessCase) -> None:
    buffer = planes(case)
    made = model_input(case, buffer, spec.input)
    kept = {"rows": PATTERN_ROWS} if case.pattern else {}
    _write_case(
        target / f"{case.name}.json",
        {
            "kind": "preprocess",
            "model": spec.name,
            "case": case.name,
            **_write_buffer(target, case, buffer),
            **kept,
            "input": _write_floats(target / f"{case.name}.f32", made[0, PATTERN_ROWS, :, :] if kept else made),
        },
    )


def _write_warp(target: Path, case: WarpCase) -> None:
    buffer, name = planes(case.buffer), case.buffer.name
    made = warped(case, buffer, sequences.LANDMARKER.input)[0, WARP_ROWS, :, :]
    _write_case(
        target / f"{name}.json",
        {
            "kind": "warp",
            "model": sequences.LANDMARKER.name,
            "case": name,
            **_write_buffer(target, case.buffer, buffer),
            "roi": _roi(case.roi),
            "rows": WARP_ROWS,
            "input": _write_floats(target / f"{name}.f32", made),
        },
    )


def _write_buffer(target: Path, case: PreprocessCase, buffer: list[pixels.Plane]) -> dict[str, Any]:
    written = []
    for index, plane in enumerate(buffer):
        content: dict[str, Any] = {"pattern": index, "bytes": len(plane.data)}
        if not case.pattern:
            content = {"file": f"{case.name}.{index}.u8"}
            (target / content["file"]).write_bytes(plane.data)
        written.append({**content, "row_stride": plane.row_stride, "pixel_stride": plane.pixel_stride})
    return {
        "pixels": {
            "format": case.format,
            "width": case.width,
            "height": case.height,
            "range": "full" if case.full_range else "video",
            "matrix": case.matrix,
            "planes": written,
        },
        "sampling": case.sampling,
        "rotation": case.rotation,
        "mirrored": case.mirrored,
    }


def _roi(region: Roi) -> dict[str, Any]:
    return {"center": region.center, "size": region.size, "rotation_degrees": region.rotation_degrees}


def model_input(case: PreprocessCase, buffer: list[pixels.Plane], to: InputSpec) -> Array:
    """Return what the reference makes of a pixel buffer."""
    if case.format in ("rgba", "bgra"):
        rgb = pixels.rgb(case.format, buffer, case.height, case.width)
        return preprocess.letterboxed(preprocess.upright(rgb, case.rotation, case.mirrored), to, case.sampling)
    yuv = preprocess.upright(pixels.yuv(case.format, buffer, case.height, case.width), case.rotation, case.mirrored)
    return preprocess.letterboxed_yuv(yuv, to, case.colours, case.sampling)


def warped(case: WarpCase, buffer: list[pixels.Plane], to: InputSpec) -> Array:
    """Return what the reference makes of a region of a pixel buffer's upright image."""
    about = case.buffer
    if about.format in ("rgba", "bgra"):
        rgb = pixels.rgb(about.format, buffer, about.height, about.width)
        return preprocess.cropped(preprocess.upright(rgb, about.rotation, about.mirrored), case.roi, to, about.sampling)
    yuv = preprocess.upright(
        pixels.yuv(about.format, buffer, about.height, about.width), about.rotation, about.mirrored
    )
    return preprocess.cropped_yuv(yuv, case.roi, to, about.colours, about.sampling)


def _write_floats(path: Path, values: Array) -> dict[str, Any]:
    path.write_bytes(np.ascontiguousarray(values, "<f4").tobytes())
    return {"file": path.name, "shape": values.shape}


def _write_case(path: Path, case: dict[str, Any]) -> None:
    path.write_text(json.dumps(case, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
