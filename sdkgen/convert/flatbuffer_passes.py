"""Passes over a .tflite model (``ModelT``), for any graph: half-precision weights, names, and nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from sdkgen.errors import ConvertError
from sdkgen.tflite import flatbuffer

_SLOTS = {
    "CONV_2D": ("", "weights", "bias"),
    "DEPTHWISE_CONV_2D": ("", "weights", "bias"),
    "FULLY_CONNECTED": ("", "weights", "bias"),
    "PRELU": ("", "alpha"),
    "PAD": ("", "paddings"),
    "RESHAPE": ("", "shape"),
    "RESIZE_BILINEAR": ("", "size"),
}


def store_in_half(model: Any) -> None:
    """Store every float32 constant in float16, each behind a DEQUANTIZE, as the released files do.

    Every one, also where half saves nothing: LiteRT before 2.2 and LiteRT.js keep a convolution whose weights are in
    half and whose bias is not out of XNNPACK's partition, which costs two to four times the time.

    Raises ``ConvertError`` if a weight is outside the range of float16.
    """
    classes = flatbuffer.schema()
    for graph in model.subgraphs:
        operators: list[Any] = []
        halved: set[int] = set()
        for operator in graph.operators:
            for index in flatbuffer.present(operator.inputs):
                values = None if index in halved else flatbuffer.constant(model, graph, index)
                if values is None or values.dtype != np.float32:
                    continue
                with np.errstate(over="ignore"):
                    half = values.astype(np.float16)
                if not np.isfinite(half).all():
                    raise ConvertError(
                        "a weight does not fit into float16",
                        context=str(graph.tensors[index].name),
                        hint="Use --precision fp32.",
                    )
                halved.add(index)
                operators.append(_dequantize(model, graph, index, half.tobytes(), classes))
            operators.append(operator)
        graph.operators = operators


def _dequantize(model: Any, graph: Any, index: int, data: bytes, classes: Any) -> Any:
    """Return the operator that computes tensor ``index``, hitherto a constant, from ``data`` in half."""
    computed = graph.tensors[index]
    stored = classes.TensorT()
    stored.shape, stored.type, stored.name = computed.shape, classes.TensorType.FLOAT16, b""
    stored.buffer, computed.buffer = len(model.buffers), 0
    buffer = classes.BufferT()
    buffer.data = np.frombuffer(data, np.uint8)
    model.buffers.append(buffer)
    graph.tensors.append(stored)
    operator = classes.OperatorT()
    operator.opcodeIndex = _opcode(model, classes.BuiltinOperator.DEQUANTIZE, 3, classes)
    operator.inputs = np.array([len(graph.tensors) - 1], np.int32)
    operator.outputs = np.array([index], np.int32)
    return operator


def _opcode(model: Any, number: int, version: int, classes: Any) -> int:
    for index, code in enumerate(model.operatorCodes):
        if (code.builtinCode, code.version) == (number, version):
            return index
    code = classes.OperatorCodeT()
    code.builtinCode, code.version = number, version
    code.deprecatedBuiltinCode = min(number, 127)
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def take_bytes(model: Any, scale: float, minimum: float) -> None:
    """Make the only input of a float model uint8, brought to byte × ``scale`` + ``minimum`` by CAST, MUL and ADD.

    The two numbers stay float32: half would move every value of the input, and no convolution reads them.
    """
    classes = flatbuffer.schema()
    (graph,) = model.subgraphs
    (source,) = graph.inputs
    made: list[Any] = []

    def image(kind: int) -> int:
        tensor = classes.TensorT()
        tensor.shape, tensor.type, tensor.name, tensor.buffer = graph.tensors[source].shape, kind, b"", 0
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def constant(number: float) -> int:
        index = image(classes.TensorType.FLOAT32)
        buffer = classes.BufferT()
        buffer.data = np.frombuffer(np.float32(number).tobytes(), np.uint8)
        graph.tensors[index].shape, graph.tensors[index].buffer = np.array([], np.int32), len(model.buffers)
        model.buffers.append(buffer)
        return index

    def operate(name: str, inputs: list[int], output: int) -> None:
        operator = classes.OperatorT()
        operator.opcodeIndex = _opcode(model, getattr(classes.BuiltinOperator, name), 1, classes)
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        operator.builtinOptionsType = getattr(classes.BuiltinOptions, f"{name.capitalize()}Options")
        operator.builtinOptions = getattr(classes, f"{name.capitalize()}OptionsT")()
        made.append(operator)

    given = image(classes.TensorType.UINT8)
    steps = [("CAST", None), ("MUL", scale), *([("ADD", minimum)] if minimum else [])]
    last = given
    for index, (name, number) in enumerate(steps):
        output = source if index == len(steps) - 1 else image(classes.TensorType.FLOAT32)
        operands = [last] if number is None else [last, constant(number)]
        operate(name, operands, output)
        last = output
    graph.inputs = np.array([given], np.int32)
    graph.operators = [*made, *graph.operators]


def flatten_alphas(model: Any) -> None:
    """Give PRELU's alpha, where it is one number a channel, one axis: the form that every GPU delegate takes."""
    for graph in model.subgraphs:
        for operator in graph.operators:
            if flatbuffer.operation(model, operator) != "PRELU":
                continue
            alpha = graph.tensors[operator.inputs[1]]
            *leading, channels = flatbuffer.shape(alpha) or (1,)
            if all(side == 1 for side in leading):
                alpha.shape = np.array([channels], np.int32)


def rename(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Name the only graph's inputs and outputs, in its tensors and in its one signature, and shorten all other names.

    A computed tensor is called after its operation and a running number (``conv_2d_3``), a constant after its reader
    (``conv_2d_3/bias``); what is stored in half has no name, its unpacked form has.

    Raises ``ConvertError`` if the graph has another number of inputs or outputs.
    """
    (graph,) = model.subgraphs
    for kind, names, indices in (("inputs", inputs, graph.inputs), ("outputs", outputs, graph.outputs)):
        if len(names) != len(indices):
            raise ConvertError(f"the converted graph has {len(indices)} {kind}, not {len(names)}")
    labels: dict[int, str] = {}
    count: Counter[str] = Counter()
    unpacked = {id(operator) for operator in flatbuffer.constant_dequantizes(model, graph)}
    for operator in graph.operators:
        if id(operator) in unpacked:
            labels[int(operator.inputs[0])] = ""
            continue
        name = flatbuffer.operation(model, operator)
        label = f"{name.lower()}_{count[name]}"
        slots = _SLOTS.get(name, ())
        for slot, index in enumerate(operator.inputs):
            labels.setdefault(int(index), f"{label}/{slots[slot] if slot < len(slots) else slot}")
        for index in operator.outputs:
            labels.setdefault(int(index), label)
        count[name] += 1
    labels |= dict(zip(map(int, graph.inputs), inputs, strict=True))
    labels |= dict(zip(map(int, graph.outputs), outputs, strict=True))
    for index, tensor in enumerate(graph.tensors):
        tensor.name = labels.get(index, "").encode()
    _sign(model, graph, inputs, outputs)


def _sign(model: Any, graph: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Give the model one signature with these names."""
    classes = flatbuffer.schema()

    def entries(names: Sequence[str], indices: Any) -> list[Any]:
        made = []
        for name, index in zip(names, indices, strict=True):
            entry = classes.TensorMapT()
            entry.name, entry.tensorIndex = name.encode(), int(index)
            made.append(entry)
        return made

    signature = classes.SignatureDefT()
    signature.signatureKey = b"serving_default"
    signature.inputs, signature.outputs = entries(inputs, graph.inputs), entries(outputs, graph.outputs)
    model.signatureDefs = [signature]


def compact(model: Any, description: str) -> None:
    """Drop what no operation reads: unused tensors, doubled buffers, empty tables, and the converter's notes.

    ``description`` replaces the converter's own.
    """
    classes = flatbuffer.schema()
    model.description = description.encode()
    model.metadata, model.metadataBuffer = [], None
    buffers, places = [classes.BufferT()], {b"": 0}

    def place(index: int) -> int:
        data = model.buffers[index].data
        key = b"" if data is None else np.asarray(data, np.uint8).tobytes()
        if key not in places:
            places[key] = len(buffers)
            buffers.append(model.buffers[index])
        return places[key]

    for graph in model.subgraphs:
        _drop_unused(model, graph)
        for tensor in graph.tensors:
            tensor.buffer = place(tensor.buffer)
            if tensor.quantization is not None and tensor.quantization.scale is None:
                tensor.quantization = None
    model.buffers = buffers


def _drop_unused(model: Any, graph: Any) -> None:
    """Keep the tensors that are read, written or handed out, in the order of ``_longest_lived_first``."""
    order = {index: place for place, index in enumerate(_longest_lived_first(model, graph))}

    def moved(indices: Any) -> Any:
        return np.array([order[int(i)] if i >= 0 else -1 for i in indices], np.int32)

    graph.tensors = [graph.tensors[index] for index in order]
    graph.inputs, graph.outputs = moved(graph.inputs), moved(graph.outputs)
    for operator in graph.operators:
        operator.inputs, operator.outputs = moved(operator.inputs), moved(operator.outputs)


def _longest_lived_first(model: Any, graph: Any) -> list[int]:
    """Return the tensors in use: those first that the most operations lie between, of equals the last first.

    XNNPACK's memory planner places tensors of one size in the order of the file. Up to LiteRT 2.2 it never uses the
    free memory below the lowest tensor that is alive (mended in google/XNNPACK#10801). In the order of execution each
    block therefore lies above the one before, and what a cache could hold is spread over ten times as much memory. With
    the tensors that outlive others at the bottom, where the others need not go, no more is taken than is alive at once.
    """
    steps, unpacked = [flatbuffer.present(graph.inputs)], []
    folded = {id(operator) for operator in flatbuffer.constant_dequantizes(model, graph)}
    for operator in graph.operators:
        unpacked += [*flatbuffer.present(operator.inputs), *flatbuffer.present(operator.outputs)]
        if id(operator) not in folded:
            steps.append(unpacked)
            unpacked = []
    steps.append(flatbuffer.present(graph.outputs))
    uses: dict[int, list[int]] = {}
    for step, indices in enumerate(steps):
        for index in indices:
            uses.setdefault(index, []).append(step)
    return sorted(uses, key=lambda index: (uses[index][0] - uses[index][-1], -uses[index][0]))


def attach(model: Any, name: str, data: bytes) -> None:
    """Add a metadata entry, replacing one of the same name."""
    classes = flatbuffer.schema()
    entry, buffer = classes.MetadataT(), classes.BufferT()
    entry.name, entry.buffer = name.encode(), len(model.buffers)
    buffer.data = np.frombuffer(data, np.uint8)
    model.buffers.append(buffer)
    model.metadata = [old for old in model.metadata or [] if old.name != entry.name] + [entry]
