"""Weights files as users might have them: the released one with some of its numbers changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdkgen.spec.registry import load_model
from sdkgen.tflite import flatbuffer
from sdkgen.weights import fetch

Change = Callable[[list[list[NDArray[np.float32]]]], None]
"""Changes in place the constants of a file's layers: of each a kernel and a bias, in the order of the operations."""

_PARAMETRIC = {"CONV_2D", "DEPTHWISE_CONV_2D", "PRELU"}


def write_changed(path: Path, change: Change, model_name: str = "blazeface-front") -> Path:
    """Write the released weights to ``path`` in float32, after ``change``, and return it."""
    released = fetch.path_of(load_model(model_name))
    assert released is not None
    model = flatbuffer.read(released)
    (graph,) = model.subgraphs
    values: dict[int, NDArray[np.float32]] = {}
    for operator in list(flatbuffer.constant_dequantizes(model, graph)):
        (source,), (unpacked,) = operator.inputs, operator.outputs
        stored = flatbuffer.constant(model, graph, source)
        assert stored is not None
        values[int(unpacked)] = stored.astype(np.float32)
        graph.operators = [other for other in graph.operators if other is not operator]
    layers = [
        [values[int(index)] for index in operator.inputs[1:]]
        for operator in graph.operators
        if flatbuffer.operation(model, operator) in _PARAMETRIC
    ]
    change(layers)
    for index, array in values.items():
        _store(model, graph.tensors[index], array)
    path.write_bytes(flatbuffer.write(model))
    return path


def _store(model: Any, tensor: Any, values: NDArray[np.float32]) -> None:
    buffer = flatbuffer.schema().BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    tensor.buffer = len(model.buffers)
    model.buffers.append(buffer)


def put_nan(layers: list[list[NDArray[np.float32]]]) -> None:
    """Make one number of the first kernel NaN."""
    layers[0][0][3, 2, 1, 0] = np.nan


def put_infinity(layers: list[list[NDArray[np.float32]]]) -> None:
    """Make one bias of the third layer infinite."""
    layers[2][1][5] = -np.inf


def enlarge_kernel(layers: list[list[NDArray[np.float32]]]) -> None:
    """Multiply one kernel by a million: beyond half."""
    layers[4][0][:] *= 1e6


def enlarge_and_shrink(factor: float) -> Change:
    """Multiply a depthwise convolution and divide the pointwise one behind it: the network computes the same."""

    def change(layers: list[list[NDArray[np.float32]]]) -> None:
        for values in layers[3]:
            values *= factor
        layers[4][0][:] /= factor

    return change


def enlarge_first_layer(layers: list[list[NDArray[np.float32]]]) -> None:
    """Multiply the first layer by 20,000: its numbers fit into half, what it computes does not."""
    for values in layers[0]:
        values *= 20_000


def shrink_bias(layers: list[list[NDArray[np.float32]]]) -> None:
    """Make one layer's bias so small that half keeps two of its bits."""
    layers[6][1][:] *= 1e-7 / np.abs(layers[6][1]).max()
