"""LiteRT's interpreter on the CPU: with XNNPACK as an app runs it, or with the plain reference kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sdkgen import console
from sdkgen.detection.layout import standardize
from sdkgen.detection.types import Array, RawOutputs
from sdkgen.errors import BackendError, MissingExtraError
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.outputs import arrange


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
        (entry,) = self._interpreter.get_input_details()
        self._input = entry["index"]
        self._takes_bytes = entry["dtype"] == np.uint8
        self._spec = spec.input
        self._model = spec
        self._outputs = [
            (d["name"], d["index"], tuple(int(n) for n in d["shape"])) for d in self._interpreter.get_output_details()
        ]
        sources = {source for output in spec.outputs for source in output.sources}
        is_released = sources <= {name for name, _, _ in self._outputs}
        self._parts = arrange([(name, shape) for name, _, shape in self._outputs], spec) if is_released else None

    def run(self, image: Array) -> RawOutputs:
        """Return the outputs for one input; see ``Backend.run``."""
        fed = self._spec.to_bytes(image) if self._takes_bytes else np.ascontiguousarray(image, dtype=np.float32)
        self._interpreter.set_tensor(self._input, fed)
        self._interpreter.invoke()
        found = [self._interpreter.get_tensor(index) for _, index, _ in self._outputs]
        if self._parts is not None:
            return standardize(found, self._parts, self._model)
        return {name: array.reshape(shape) for (name, _, shape), array in zip(self._outputs, found, strict=True)}

    def close(self) -> None:
        """Release the interpreter."""
        del self._interpreter
