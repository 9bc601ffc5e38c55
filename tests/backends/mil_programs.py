"""Small ML Programs, written operation by operation and saved as packages, for tests of the evaluator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sdkgen.backends.mil.evaluator import Arithmetic, Evaluator
from sdkgen.backends.mil.package import read
from sdkgen.convert.coreml.tools import coremltools, quiet
from sdkgen.detection.types import Array

Body = Callable[[Any, Any], Any]
"""Takes coremltools' builder and the input's value, returns the output's value."""


def save(folder: Path, shape: tuple[int, ...], body: Body, *, half: bool = False) -> Path:
    """Save a program of one input "x" and return the package; no pass but the obligatory ones changes ``body``."""
    ct = coremltools()
    from coremltools.converters.mil.mil import Builder as mb  # noqa: N813

    @mb.program(input_specs=[mb.TensorSpec(shape=shape)], opset_version=ct.target.iOS16)  # type: ignore[untyped-decorator]
    def program(x: Any) -> Any:
        return body(mb, x)

    passes = ct.PassPipeline.EMPTY
    if half:
        passes.append_pass("common::add_fp16_cast")
    with quiet():
        model = ct.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS16,
            compute_precision=ct.precision.FLOAT16 if half else ct.precision.FLOAT32,
            pass_pipeline=passes,
            skip_model_load=True,
        )
        path = folder / "program.mlpackage"
        model.save(str(path))
    return path


def evaluate(path: Path, x: Array, arithmetic: Arithmetic = "fp32") -> list[Array]:
    """Return the outputs of the package at ``path`` for the input ``x``."""
    return list(Evaluator(read(path), arithmetic).run({"x": x}).values())


def noise(*shape: int) -> Array:
    """Return numbers that depend on ``shape`` alone."""
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)
