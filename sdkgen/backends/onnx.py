"""ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sdkgen.detection.types import Array, RawOutputs
from sdkgen.errors import BackendError, MissingExtraError


class OnnxBackend:
    """Runs a .onnx file made by ``convert/onnx.py``: input (1, 3, H, W)."""

    name = "onnx"

    def __init__(self, path: Path) -> None:
        """Load ``path``. Raises ``BackendError`` if ONNX Runtime refuses the file."""
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            message = f"ONNX Runtime refuses the file: {error}"
            raise BackendError(message, context=str(path), hint="Build it again.") from error
        (self._input,) = self._session.get_inputs()
        self._dtype = np.float16 if self._input.type == "tensor(float16)" else np.float32
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, image: Array) -> RawOutputs:
        """Return the outputs for one input; see ``Backend.run``."""
        feed = np.ascontiguousarray(image.transpose(0, 3, 1, 2), dtype=self._dtype)
        results = self._session.run(None, {self._input.name: feed})
        return {n: np.asarray(r, dtype=np.float32) for n, r in zip(self._outputs, results, strict=True)}

    def close(self) -> None:
        """Release the session."""
        del self._session
