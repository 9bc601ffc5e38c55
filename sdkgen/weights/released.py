"""Reading a released .tflite flatbuffer through its published schema classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdkgen.errors import MissingExtraError, WeightsError
from sdkgen.weights import fetch

_IDENTIFIER = b"TFL3"
_PARAMETRIC = {"CONV_2D", "DEPTHWISE_CONV_2D", "PRELU"}


@dataclass(frozen=True)
class Layer:
    """An operation with trained constants: ``kind`` is its TFLite name, ``constants`` float32 in TFLite's layout."""

    kind: str
    constants: tuple[NDArray[np.float32], ...]


@dataclass(frozen=True)
class ReleasedGraph:
    """What a released file holds: its operations and its layers in order, its inputs and outputs with their shapes."""

    operations: tuple[str, ...]
    layers: tuple[Layer, ...]
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]


def read(path: Path) -> ReleasedGraph:
    """Return the graph in the file at ``path``; constants behind DEQUANTIZE are given as float32.

    Raises ``WeightsError`` if the file is no .tflite or is truncated.
    """
    data = fetch.read(path)
    if data[4:8] != _IDENTIFIER:
        raise _damaged(path, "it is not a .tflite file (the identifier TFL3 is missing)")
    schema = _schema()
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
        return _graph(model, schema)
    except (IndexError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise _damaged(path, f"it is truncated or damaged ({type(error).__name__})") from error
    except Exception as error:
        # flatbuffers raises struct.error and its own kinds when an offset points outside the buffer.
        raise _damaged(path, f"it is truncated or damaged ({type(error).__name__})") from error


def _damaged(path: Path, why: str) -> WeightsError:
    return WeightsError(
        f"the weights cannot be read: {why}",
        context=str(path),
        hint="Fetch the file again: sdkgen weights fetch --force",
        reference="damaged-weights",
    )


def _schema() -> Any:
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise MissingExtraError("ai-edge-litert") from error
    return schema_py_generated


def _graph(model: Any, schema: Any) -> ReleasedGraph:
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    graph = model.subgraphs[0]
    constants: dict[int, NDArray[np.float32]] = {}
    for index, tensor in enumerate(graph.tensors):
        if (array := _constant(model.buffers[tensor.buffer].data, tensor, schema)) is not None:
            constants[index] = array
    operations: list[str] = []
    layers: list[Layer] = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if name == "DEQUANTIZE" and operator.inputs[0] in constants:
            constants[operator.outputs[0]] = constants[operator.inputs[0]]
            continue
        operations.append(name)
        if name in _PARAMETRIC:
            layers.append(Layer(name, tuple(constants[i] for i in operator.inputs[1:])))
    return ReleasedGraph(tuple(operations), tuple(layers), _named(graph, graph.inputs), _named(graph, graph.outputs))


def _constant(data: Any, tensor: Any, schema: Any) -> NDArray[np.float32] | None:
    """Return a float constant's values as float32, or None for anything else."""
    types = {schema.TensorType.FLOAT16: np.float16, schema.TensorType.FLOAT32: np.float32}
    if data is None or tensor.type not in types or tensor.sparsity is not None:
        return None
    return np.frombuffer(data.tobytes(), types[tensor.type]).astype(np.float32).reshape(tensor.shape)


def _named(graph: Any, indices: Any) -> dict[str, tuple[int, ...]]:
    tensors = (graph.tensors[i] for i in indices)
    return {t.name.decode(): tuple(int(n) for n in t.shape) for t in tensors}
