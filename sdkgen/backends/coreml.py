"""Core ML: the real runtime on a Mac, elsewhere an evaluator of the saved package."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from sdkgen.artifact import TensorRecord
from sdkgen.backends.mil.evaluator import Arithmetic, Evaluator
from sdkgen.backends.mil.package import read
from sdkgen.detection.types import Array, RawOutputs
from sdkgen.errors import BackendError, MissingExtraError
from sdkgen.spec.model import ModelSpec

ComputeUnits: TypeAlias = Literal["ALL", "CPU_AND_GPU", "CPU_AND_NE", "CPU_ONLY"]
Runtime: TypeAlias = Literal["native", "evaluator"]


class _Runner(Protocol):
    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]: ...


class CoreMlBackend:
    """Runs an .mlpackage made by ``convert/coreml``, with image or array input, in either output layout."""

    name = "coreml"

    def __init__(
        self,
        path: Path,
        spec: ModelSpec,
        *,
        arithmetic: Arithmetic = "fp16",
        runtime: Runtime | None = None,
        compute_units: ComputeUnits = "ALL",
    ) -> None:
        """Load ``path`` for Core ML on a Mac, for the evaluator elsewhere, or for the one that ``runtime`` names.

        ``arithmetic`` concerns the evaluator, ``compute_units`` the real runtime, which picks its arithmetic itself.

        Raises ``BackendError`` if the package is damaged, was made for another model, or cannot run here.
        """
        program = read(path)
        (self._input,) = program.inputs
        expected = (1, 3, spec.input.height, spec.input.width)
        if self._input.shape != expected:
            raise BackendError(
                f"the package takes an input of shape {self._input.shape}, {spec.name} one of {expected}",
                context=str(path),
                hint="Give the package that was built for this model.",
                reference="bad-artifact",
            )
        self._spec = spec.input
        self.runtime: Runtime = runtime or ("native" if sys.platform == "darwin" else "evaluator")
        self._runner: _Runner = (
            Evaluator(program, arithmetic)
            if self.runtime == "evaluator"
            else _CoreMl(path, self._input, tuple(o.name for o in program.outputs), compute_units)
        )

    def run(self, image: Array) -> RawOutputs:
        """Return the outputs for one input; see ``Backend.run``.

        A package with image input is given the pixel values that ``image`` stands for: the evaluator takes them as
        they are, Core ML as whole bytes.
        """
        planes = np.ascontiguousarray(image.transpose(0, 3, 1, 2), np.float32)
        if self._input.dtype == "image":
            planes = (planes - np.float32(self._spec.minimum)) / np.float32(self._spec.scale)
        return self._runner.run({self._input.name: planes})

    def close(self) -> None:
        """Release the model."""
        del self._runner


class _CoreMl:
    """Apple's runtime through coremltools, which only has it on a Mac."""

    def __init__(self, path: Path, source: TensorRecord, outputs: tuple[str, ...], compute_units: ComputeUnits) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import coremltools as ct
        except ImportError as error:
            raise MissingExtraError("coremltools") from error
        self._source = source
        self._outputs = outputs
        try:
            self._model = ct.models.MLModel(str(path), compute_units=ct.ComputeUnit[compute_units])
        except Exception as error:  # coremltools passes on whatever the runtime throws
            raise BackendError(f"Core ML refuses the package: {error}", context=str(path)) from error

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        try:
            results = self._model.predict({name: self._fed(planes) for name, planes in inputs.items()})
        except Exception as error:  # as above
            raise BackendError(
                f"Core ML cannot run the package: {error}",
                hint="Core ML runs on macOS 13 and later only; the evaluator runs anywhere.",
            ) from error
        return {name: np.asarray(results[name], np.float32) for name in self._outputs}

    def _fed(self, planes: Array) -> Any:
        """Return what ``predict`` wants: a PIL image for an image input, otherwise the array."""
        if self._source.dtype != "image":
            return planes
        from PIL import Image

        pixels = np.rint(planes[0].transpose(1, 2, 0)).clip(0, 255).astype(np.uint8)
        return Image.fromarray(pixels, "RGB")
