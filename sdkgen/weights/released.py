"""The layers of a .tflite file in their order, their constants in float32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdkgen.errors import ConvertError, WeightsError
from sdkgen.tflite import graph
from sdkgen.tflite.constants import values
from sdkgen.tflite.graph import DamagedError, Graph, Operation, Tensor
from sdkgen.weights import fetch

_PARAMETRIC = {"CONV_2D", "DEPTHWISE_CONV_2D", "PRELU"}
_UNPACKING = {"DEQUANTIZE", "DENSIFY"}


@dataclass(frozen=True)
class Layer:
    """An operation with trained constants: ``kind`` is its TFLite name, ``constants`` float32 in TFLite's layout."""

    kind: str
    constants: tuple[NDArray[np.float32], ...]


@dataclass(frozen=True)
class ReleasedGraph:
    """What a file holds: its operations and its layers in order, its inputs and outputs with their shapes."""

    operations: tuple[str, ...]
    layers: tuple[Layer, ...]
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]


def read(path: Path) -> ReleasedGraph:
    """Return the graph in the file at ``path``: constants in half, in int8 with scales or without zeros as float32.

    Raises ``WeightsError`` if the file is no .tflite or is truncated.
    """
    fetch.read(path)
    try:
        graphs = graph.read(path)
        if not graphs:
            raise DamagedError("it holds no graph")
        return _describe(graphs[0])
    except ConvertError as error:
        raise _damaged(path, error.message.removeprefix("cannot read the model: ")) from error
    except DamagedError as error:
        raise _damaged(path, f"it contradicts itself: {error}") from error


def _damaged(path: Path, why: str) -> WeightsError:
    return WeightsError(
        f"the weights cannot be read: {why}",
        context=str(path),
        hint="Fetch the file again: sdkgen weights fetch --force",
        reference="damaged-weights",
    )


def _describe(whole: Graph) -> ReleasedGraph:
    # What unpacks a constant is no operation: its result is the constant.
    sources: dict[int, Tensor] = {}
    operations: list[str] = []
    layers: list[Layer] = []
    for operation in whole.operations:
        source = operation.inputs[0] if operation.inputs else None
        packed = sources.get(source.index, source) if source else None
        if operation.kind in _UNPACKING and packed and packed.constant:
            sources.update({output.index: packed for output in operation.outputs})
            continue
        operations.append(operation.kind)
        if operation.kind in _PARAMETRIC:
            layers.append(Layer(operation.kind, tuple(_constants(operation, sources))))
    inputs, outputs = ({(t := whole.tensors[i]).name: t.shape for i in ends} for ends in (whole.inputs, whole.outputs))
    return ReleasedGraph(tuple(operations), tuple(layers), inputs, outputs)


def _constants(operation: Operation, sources: dict[int, Tensor]) -> Iterator[NDArray[np.float32]]:
    for operand in operation.inputs[1:]:
        tensor = sources.get(operand.index, operand) if operand else None
        if tensor is None or not tensor.constant:
            raise DamagedError(f"operation {operation.index} has weights that are computed")
        yield values(tensor).astype(np.float32).reshape(operand.shape if operand else ())
