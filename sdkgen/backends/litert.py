"""LiteRT's interpreter on the CPU: with XNNPACK as an app runs it, or with the plain reference kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sdkgen import console
from sdkgen.detection.types import Array, RawOutputs
from sdkgen.errors import BackendError, MissingExtraError
from sdkgen.spec.model import ModelSpec


class LiteRtBackend:
    """Runs a .tflite file; a released file's outputs are given the names of the model's spec."""

    name = "litert"

    def __init__(self, path: Path, spec: ModelSpec, *, threads: int = 1, delegates: bool = True) -> None:
        """Load ``path``; without ``delegates`` the built-in kernels compute in float32 what the file says.

        Raises ``BackendError`` if LiteRT refuses the file.
        """
        try:
            from ai_edge_litert.interpreter import Interpreter, OpResolverType
        except ImportError as error:
            raise MissingExtraError("ai-edge-litert") from error
        resolver = OpResolverType.AUTO if delegates else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            with console.unheard():  # "Created TensorFlow Lite XNNPACK delegate for CPU."
                self._interpreter = Interpreter(str(path), num_threads=threads, experimental_op_resolver_type=resolver)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BackendError(
                f"LiteRT refuses the file: {error}", context=str(path), hint="Build it again."
            ) from error
        released = {output.released: output for output in spec.outputs}
        (entry,) = self._interpreter.get_input_details()
        self._input = entry["index"]
        self._takes_bytes = entry["dtype"] == np.uint8
        self._spec = spec.input
        self._outputs = [
            (released[d["name"]].name, d["index"], released[d["name"]].shape)
            if d["name"] in released
            else (d["name"], d["index"], tuple(int(n) for n in d["shape"]))
            for d in self._interpreter.get_output_details()
        ]

    def run(self, image: Array) -> RawOutputs:
        """Return the outputs for one input; see ``Backend.run``."""
        fed = self._spec.to_bytes(image) if self._takes_bytes else np.ascontiguousarray(image, dtype=np.float32)
        self._interpreter.set_tensor(self._input, fed)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index).reshape(shape) for name, index, shape in self._outputs}

    def close(self) -> None:
        """Release the interpreter."""
        del self._interpreter
