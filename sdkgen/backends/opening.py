"""Opening an artifact on a runtime by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sdkgen.artifact import Format
from sdkgen.backends.base import Backend
from sdkgen.spec.model import ModelSpec

RUNTIMES: dict[str, Format] = {
    "litert": "tflite",
    "litert-gpu": "tflite",
    "onnx": "onnx",
    "coreml": "coreml",
    "coreai": "coreai",
}
"""The runtimes that run an artifact on the host, and the format each takes. torch runs the network itself."""


def open_artifact(runtime: str, path: Path, spec: ModelSpec, /, **options: Any) -> Backend:
    """Return the artifact at ``path`` loaded on one of ``RUNTIMES``; ``options`` are that backend's own.

    Raises ``BackendError`` if the runtime refuses it or is missing here, ``MissingExtraError`` if its package is.
    """
    if runtime == "litert":
        from sdkgen.backends.litert import LiteRtBackend

        return LiteRtBackend(path, spec, **options)
    if runtime == "litert-gpu":
        from sdkgen.backends.litert_gpu import LiteRtGpuBackend

        return LiteRtGpuBackend(path, spec, **options)
    if runtime == "onnx":
        from sdkgen.backends.onnx import OnnxBackend

        return OnnxBackend(path, **options)
    if runtime == "coreai":
        from sdkgen.backends.coreai import CoreAiBackend

        return CoreAiBackend(path, spec, **options)
    from sdkgen.backends.coreml import CoreMlBackend

    return CoreMlBackend(path, spec, **options)
