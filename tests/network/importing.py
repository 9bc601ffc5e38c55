"""A .tflite file in LiteRT's own kernels, and imported into torch: the same inputs, output by output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sdkgen import console
from sdkgen.network.imported import ImportedGraph

Numbers = NDArray[np.float32]


def open_reference(path: Path) -> Any:
    """Return LiteRT's interpreter of the file without delegates."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with console.unheard():
        resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = Interpreter(str(path), experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
    return interpreter


def run_reference(interpreter: Any, inputs: list[Numbers]) -> list[Numbers]:
    """Return what LiteRT computes."""
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def run_imported(graph: ImportedGraph, inputs: list[Numbers], *, double: bool = False) -> list[Numbers]:
    """Return what the torch module computes, in float32 or, as a measure of that, in float64."""
    module = graph.module.double() if double else graph.module
    tensors = [torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2) if x.ndim == 4 else x)) for x in inputs]
    with torch.inference_mode():
        results = [y.numpy().copy() for y in module(*(t.double() for t in tensors) if double else tensors)]
    graph.module.float()
    return results


def difference(found: Numbers, expected: Numbers) -> float:
    """Return the largest difference as a share of the range of ``expected``; one number's is itself, or 1 if less."""
    assert found.shape == expected.shape
    wide = expected.astype(np.float64)
    spread = max(float(np.abs(wide).max()), 1.0) if wide.size == 1 else max(float(wide.max() - wide.min()), 1e-3)
    return float(np.abs(found - wide).max()) / spread
