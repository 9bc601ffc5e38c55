"""Hand-made .tflite files: one operation each, for every operation that ML Drift has a kernel for, and what breaks it.

``taken`` makes the file that ML Drift should take; ``broken`` derives others from it, one change at a time, so that
every rule is asked of every operation that it could concern. Rules and runtime have to say alike what becomes of them.
"""

from __future__ import annotations

import copy
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

from sdkgen.tflite import flatbuffer
from tests.convert.tiny import Tiny

IMAGE = (1, 4, 4, 8)
_SEED = 11


@dataclass(frozen=True)
class Case:
    """A file with one operation: ``change`` says what was done to the one that is taken."""

    operation: str
    change: str
    data: bytes

    def __str__(self) -> str:
        return f"{self.operation}-{self.change}".replace(" ", "-")


Maker = Callable[[Tiny], None]


def taken(name: str) -> Case:
    """Return the file whose operation ML Drift takes."""
    return Case(name, "taken", flatbuffer.write(_make(name).model))


def _make(name: str) -> Tiny:
    tiny = Tiny()
    (MAKERS | CRASHING)[name](tiny)
    operator = tiny.graph.operators[0]
    model = tiny.model
    inputs = [
        i
        for i in flatbuffer.present(operator.inputs)
        if not model.buffers[tiny.graph.tensors[i].buffer].data is not None
    ]
    tiny.between(list(dict.fromkeys(inputs)), [int(i) for i in operator.outputs])
    for number, tensor in enumerate(tiny.graph.tensors):
        tensor.name = f"t{number}".encode()
    return tiny


def broken(name: str) -> Iterator[Case]:
    """Yield files that differ from the one that is taken by one change each."""
    for change, apply in _changes(name):
        tiny = _make(name)
        apply(tiny)
        yield Case(name, change, flatbuffer.write(tiny.model))


def _changes(name: str) -> Iterator[tuple[str, Maker]]:
    tiny = _make(name)
    operator = tiny.graph.operators[0]
    present = flatbuffer.present(operator.inputs)
    stored = [i for i in present if tiny.model.buffers[tiny.graph.tensors[i].buffer].data is not None]
    computed = [i for i in dict.fromkeys(present) if i not in stored]
    for version in (2, 3, 4, 5, 6, 7, 8, 9, 10, 15):
        yield f"version {version}", partial(_set_version, version=version)
    for kind in ("FLOAT16", "INT8", "UINT8", "INT16", "INT32", "INT64", "BOOL", "FLOAT64", "UINT32", "BFLOAT16"):
        yield f"all {kind.lower()}", partial(_retype, indices=computed, kind=kind)
    for slot, index in enumerate(present):
        if index in stored:
            yield f"operand {slot} computed", partial(_compute, index=index)
        else:
            yield f"operand {slot} stored", partial(_store, index=index)
    if len(present) > 1 and name not in _AS_MANY_AS_GIVEN:
        yield "operands one less", _drop
        yield "operands the same", _repeat
    yield "one axis more", partial(_prepend, indices=computed)
    yield "scales of channels", partial(_quantize, indices=computed, scales=8)
    yield "one scale", partial(_quantize, indices=computed, scales=1)
    options = operator.builtinOptions or operator.builtinOptions2
    for field, values in OPTIONS.items():
        if hasattr(options, field):
            for value in values:
                yield f"{field} {value}", partial(_set_option, field=field, value=value)
    yield from SPECIAL.get(name, {}).items()


def _set_version(tiny: Tiny, version: int) -> None:
    tiny.model.operatorCodes[0].version = version


def _set_option(tiny: Tiny, field: str, value: Any) -> None:
    operator = tiny.graph.operators[0]
    setattr(operator.builtinOptions or operator.builtinOptions2, field, value)


_AS_MANY_AS_GIVEN = frozenset(("CONCATENATION", "PACK", "SELECT", "SELECT_V2"))
"""Operations whose result would no longer fit if an operand were another."""

OPTIONS: dict[str, tuple[Any, ...]] = {
    "fusedActivationFunction": (0, 1, 2, 3, 4, 5),
    "beta": (2.0,), "blockSize": (1,), "strideH": (0,), "dilationHFactor": (0,), "filterHeight": (0,),
    "shrinkAxisMask": (1,), "newAxisMask": (1,), "ellipsisMask": (1,), "beginMask": (1,), "endMask": (3,),
    "alignCorners": (True,), "halfPixelCenters": (True,), "mode": (0, 1), "keepDims": (False,), "axis": (0, 1, -1),
    "adjX": (True,), "adjY": (True,), "weightsFormat": (1,), "keepNumDims": (True,), "depthMultiplier": (2,),
    "exclusive": (True,), "reverse": (True,), "approximate": (True,), "batchDims": (1,),
}  # fmt: skip


def _retype(tiny: Tiny, indices: list[int], kind: str) -> None:
    for index in {*indices, *(int(i) for i in tiny.graph.operators[0].outputs)}:
        tensor = tiny.graph.tensors[index]
        if tensor.type == tiny.schema.TensorType.FLOAT32:
            tensor.type = getattr(tiny.schema.TensorType, kind)


def _quantize(tiny: Tiny, indices: list[int], scales: int) -> None:
    for index in {*indices, *(int(i) for i in tiny.graph.operators[0].outputs)}:
        tensor = tiny.graph.tensors[index]
        if tensor.type == tiny.schema.TensorType.FLOAT32:
            tensor.type = tiny.schema.TensorType.INT8
            tensor.quantization = tiny.schema.QuantizationParametersT()
            tensor.quantization.scale = np.full(scales, 0.05, np.float32)
            tensor.quantization.zeroPoint = np.zeros(scales, np.int64)
            tensor.quantization.quantizedDimension = max(len(tensor.shape) - 1, 0)


def _compute(tiny: Tiny, index: int) -> None:
    tiny.graph.tensors[index].buffer = 0
    tiny.graph.inputs = np.array([*tiny.graph.inputs, index], np.int32)


def _store(tiny: Tiny, index: int) -> None:
    tensor = tiny.graph.tensors[index]
    kind = np.dtype(flatbuffer.type_name(tensor))
    buffer = tiny.schema.BufferT()
    buffer.data = np.frombuffer(np.ones(flatbuffer.shape(tensor), kind).tobytes(), np.uint8)
    tensor.buffer = len(tiny.model.buffers)
    tiny.model.buffers.append(buffer)
    tiny.graph.inputs = np.array([i for i in tiny.graph.inputs if i != index], np.int32)


def _drop(tiny: Tiny) -> None:
    operator = tiny.graph.operators[0]
    gone = int(operator.inputs[-1])
    operator.inputs = operator.inputs[:-1]
    tiny.graph.inputs = np.array([i for i in tiny.graph.inputs if i != gone or i in operator.inputs], np.int32)


def _repeat(tiny: Tiny) -> None:
    operator = tiny.graph.operators[0]
    first = int(operator.inputs[0])
    operator.inputs = np.full_like(operator.inputs, first)
    tiny.graph.inputs = np.array([i for i in tiny.graph.inputs if i == first], np.int32)


def _prepend(tiny: Tiny, indices: list[int]) -> None:
    for index in {*indices, *(int(i) for i in tiny.graph.operators[0].outputs)}:
        tensor = tiny.graph.tensors[index]
        tensor.shape = np.array([1, *flatbuffer.shape(tensor)], np.int32)


def _numbers(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(_SEED).normal(size=shape).astype(np.float32)


def _ints(*values: Any) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.array(values[0] if len(values) == 1 else values, np.int32)


def _unary(name: str, kind: str = "FLOAT32", **options: Any) -> Maker:
    def make(tiny: Tiny) -> None:
        tiny.operation(name, [tiny.tensor(IMAGE, kind)], [tiny.tensor(IMAGE, kind)], **options)

    return make


def _binary(name: str, kind: str = "FLOAT32", result: str = "", **options: Any) -> Maker:
    def make(tiny: Tiny) -> None:
        operands = [tiny.tensor(IMAGE, kind), tiny.tensor(IMAGE, kind)]
        tiny.operation(name, operands, [tiny.tensor(IMAGE, result or kind)], **options)

    return make


def _reduce(name: str, kind: str = "FLOAT32") -> Maker:
    def make(tiny: Tiny) -> None:
        result = tiny.tensor((1, 1, 1, 8), kind)
        tiny.operation(name, [tiny.tensor(IMAGE, kind), tiny.constant(_ints(1, 2))], [result], keepDims=True)

    return make


def _one(name: str, operands: Callable[[Tiny], list[int]], *results: tuple[int, ...], **options: Any) -> Maker:
    kind = options.pop("kind", "FLOAT32")

    def make(tiny: Tiny) -> None:
        inputs = operands(tiny)
        tiny.operation(name, inputs, [tiny.tensor(shape, kind) for shape in results], **options)

    return make


def _image(tiny: Tiny, *more: Any, shape: tuple[int, ...] = IMAGE) -> list[int]:
    return [tiny.tensor(shape), *(tiny.constant(np.asarray(value)) for value in more)]


def _split(tiny: Tiny) -> list[int]:
    return [tiny.constant(np.array(3, np.int32)), tiny.tensor(IMAGE)]


def _transposed(tiny: Tiny) -> list[int]:
    shape, weights = tiny.constant(_ints(1, 8, 8, 4)), tiny.constant(_numbers(4, 2, 2, 8))
    return [shape, weights, tiny.tensor(IMAGE)]


def _select(tiny: Tiny) -> list[int]:
    return [tiny.tensor(IMAGE, "BOOL"), tiny.tensor(IMAGE), tiny.tensor(IMAGE)]


def _one_hot(tiny: Tiny) -> list[int]:
    depth = tiny.constant(np.array(8, np.int32))
    on, off = tiny.constant(np.array(1, np.float32)), tiny.constant(np.array(0, np.float32))
    return [tiny.tensor((1,), "INT32"), depth, on, off]


def _update(tiny: Tiny) -> list[int]:
    return [tiny.tensor(IMAGE), tiny.tensor((1, 2, 2, 8)), tiny.tensor((4,), "INT32")]


def _clamp(tiny: Tiny) -> list[int]:
    return [tiny.tensor(IMAGE), tiny.tensor(IMAGE), tiny.tensor(IMAGE)]


def _argmax(tiny: Tiny) -> None:
    source, axis = tiny.tensor(IMAGE), tiny.constant(np.array([3], np.int32))
    tiny.operation(
        "ARG_MAX", [source, axis], [tiny.tensor((1, 4, 4), "INT32")], outputType=tiny.schema.TensorType.INT32
    )


def _quantized(tiny: Tiny, name: str) -> None:
    source, result = (IMAGE, "INT8"), (IMAGE, "FLOAT32")
    if name == "QUANTIZE":
        source, result = result, source
    indices = tiny.tensor(*source), tiny.tensor(*result)
    packed = tiny.graph.tensors[indices[name == "QUANTIZE"]]
    packed.quantization = tiny.schema.QuantizationParametersT()
    packed.quantization.scale, packed.quantization.zeroPoint = np.array([0.05], np.float32), np.array([0], np.int64)
    tiny.operation(name, [indices[0]], [indices[1]], version=2 if name == "DEQUANTIZE" else 1)


def _top_k(tiny: Tiny) -> None:
    source, k = tiny.tensor((1, 8)), tiny.constant(np.array(2, np.int32))
    tiny.operation("TOPK_V2", [source, k], [tiny.tensor((1, 2)), tiny.tensor((1, 2), "INT32")])


def _cast(tiny: Tiny) -> None:
    tiny.operation("CAST", [tiny.tensor(IMAGE, "INT32")], [tiny.tensor(IMAGE)])


def _lookup(tiny: Tiny) -> list[int]:
    return [tiny.tensor((3,), "INT32"), tiny.constant(_numbers(6, 8))]


def _gather(tiny: Tiny) -> list[int]:
    return [tiny.tensor(IMAGE), tiny.constant(_ints(0, 2))]


def _custom(
    name: str, operands: Callable[[Tiny], list[int]], *results: tuple[tuple[int, ...], str], options: bytes = b""
) -> Maker:
    def make(tiny: Tiny) -> None:
        made = [tiny.tensor(shape, kind) for shape, kind in results]
        operator = tiny.operation("CUSTOM", operands(tiny), made)
        tiny.model.operatorCodes[0].customCode = name.encode()
        operator.customOptions = np.frombuffer(options, np.uint8)

    return make


def _composite(name: str, operands: Callable[[Tiny], list[int]], **attributes: Any) -> Maker:
    """Make an operation that stands for a second subgraph, here a product of its first operand with itself."""

    def make(tiny: Tiny) -> None:
        inputs = operands(tiny)
        shapes = [flatbuffer.shape(tiny.graph.tensors[i]) for i in inputs]
        operator = tiny.operation("STABLEHLO_COMPOSITE", inputs, [tiny.tensor(shapes[0])])
        options = tiny.schema.StableHLOCompositeOptionsT()
        options.name, options.decompositionSubgraphIndex = name.encode(), 1
        options.compositeAttributes = np.frombuffer(flexbuffers.Dumps(attributes), np.uint8)
        operator.builtinOptions2 = options
        operator.builtinOptions2Type = tiny.schema.BuiltinOptions2.StableHLOCompositeOptions
        body = Tiny()
        body.model, body.graph = tiny.model, tiny.schema.SubGraphT()
        body.graph.tensors, body.graph.operators, body.graph.name = [], [], b"body"
        sources, result = [body.tensor(shape) for shape in shapes], body.tensor(shapes[0])
        body.operation("MUL", [sources[0], sources[0]], [result])
        body.between(sources, [result])
        tiny.model.subgraphs.append(body.graph)

    return make


def _lstm(tiny: Tiny) -> None:
    source, activations, state = tiny.tensor((1, 8)), tiny.tensor((1, 4)), tiny.tensor((1, 4))
    operands = [source, activations, tiny.constant(_numbers(16, 12)), tiny.constant(_numbers(16)), state]
    results = [tiny.tensor((1, size)) for size in (4, 4, 12, 16)]
    tiny.operation("LSTM", operands, results, version=2, fusedActivationFunction=4, kernelType=1)


def _norm(tiny: Tiny) -> list[int]:
    return _image(tiny, _numbers(8), _numbers(8))


_POOL_2 = struct.pack("<10i", 1, 2, 2, 2, 2, 0, 0, 0, 0, 0)
"""TfLitePoolParams, as MediaPipe's operations hold it: padding, strides, filter, activation, computed padding."""

_TRANSPOSE_CONV_2 = struct.pack("<4i", 1, 2, 2, 0)
"""TfLiteTransposeConvParams: padding, strides, activation."""

CRASHING: dict[str, Maker] = {
    "odml.group_norm": _composite("odml.group_norm", _norm, epsilon=1e-5, num_groups=2, sub_type=0, channel_axis=3),
    "odml.rms_norm": _composite("odml.rms_norm", lambda t: _image(t, _numbers(8)), epsilon=1e-5),
    "odml.scaled_dot_product_attention": _composite(
        "odml.scaled_dot_product_attention", lambda t: [t.tensor((1, 4, 2, 8)) for _ in range(3)], scale=0.35
    ),
}
"""Composites that have a kernel, and on which LiteRT's accelerator has been seen to end its process."""

_UNARY = (
    "ABS CEIL COS ELU EXP FLOOR GELU HARD_SWISH LEAKY_RELU LOG LOGISTIC NEG RELU RELU6 RELU_N1_TO_1 ROUND RSQRT SIGN "
    "SIN SQRT SQUARE TANH STABLEHLO_CBRT"
)
_BINARY = "ADD ATAN2 DIV FLOOR_DIV FLOOR_MOD MAXIMUM MINIMUM MUL POW SQUARED_DIFFERENCE SUB STABLEHLO_REMAINDER ADD_N"
_COMPARE = "EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL"

MAKERS: dict[str, Maker] = {
    **{name: _unary(name) for name in _UNARY.split()},
    **{name: _binary(name) for name in _BINARY.split()},
    **{name: _binary(name, result="BOOL") for name in _COMPARE.split()},
    **{name: _binary(name, "BOOL") for name in ("LOGICAL_AND", "LOGICAL_OR")},
    **{name: _binary(name, "INT32") for name in ("RIGHT_SHIFT", "BITWISE_XOR", "STABLEHLO_SHIFT_LEFT")},
    **{name: _reduce(name) for name in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")},
    **{name: _reduce(name, "BOOL") for name in ("REDUCE_ALL", "REDUCE_ANY")},
    "LOGICAL_NOT": _unary("LOGICAL_NOT", "BOOL"),
    "RELU_0_TO_1": _unary("RELU_0_TO_1"),
    "ARG_MAX": _argmax,
    "AVERAGE_POOL_2D": _one(
        "AVERAGE_POOL_2D", _image, (1, 2, 2, 8), strideH=2, strideW=2, filterHeight=2, filterWidth=2
    ),
    "MAX_POOL_2D": _one("MAX_POOL_2D", _image, (1, 2, 2, 8), strideH=2, strideW=2, filterHeight=2, filterWidth=2),
    "BATCH_MATMUL": _one("BATCH_MATMUL", lambda t: [t.tensor((1, 4, 8)), t.tensor((1, 8, 6))], (1, 4, 6)),
    "BITCAST": _one("BITCAST", _image, IMAGE, kind="INT32"),
    "CAST": _cast,
    "CONCATENATION": _one("CONCATENATION", lambda t: [t.tensor(IMAGE), t.tensor(IMAGE)], (1, 4, 4, 16), axis=3),
    "CONV_2D": _one(
        "CONV_2D", lambda t: _image(t, _numbers(6, 3, 3, 8), _numbers(6)), (1, 4, 4, 6), strideH=1, strideW=1
    ),
    "Convolution2DTransposeBias": _custom(
        "Convolution2DTransposeBias",
        lambda t: _image(t, _numbers(4, 2, 2, 8), _numbers(4)),
        ((1, 8, 8, 4), "FLOAT32"),
        options=_TRANSPOSE_CONV_2,
    ),
    "MaxPoolingWithArgmax2D": _custom(
        "MaxPoolingWithArgmax2D", _image, ((1, 2, 2, 8), "FLOAT32"), ((1, 2, 2, 8), "FLOAT32"), options=_POOL_2
    ),
    "MaxUnpooling2D": _custom(
        "MaxUnpooling2D",
        lambda t: [t.tensor((1, 2, 2, 8)), t.tensor((1, 2, 2, 8))],
        (IMAGE, "FLOAT32"),
        options=_POOL_2,
    ),
    "Resampler": _custom("Resampler", lambda t: [t.tensor(IMAGE), t.tensor((1, 4, 4, 2))], (IMAGE, "FLOAT32")),
    "custom_call.PixelShuffle": _custom(
        "custom_call.PixelShuffle",
        _image,
        ((1, 8, 8, 2), "FLOAT32"),
        options=bytes(flexbuffers.Dumps({"upscale_factor": 2})),
    ),
    "LSTM": _lstm,
    "CUMSUM": _one("CUMSUM", lambda t: _image(t, np.array(3, np.int32)), IMAGE),
    "DEPTHWISE_CONV_2D": _one(
        "DEPTHWISE_CONV_2D",
        lambda t: _image(t, _numbers(1, 3, 3, 8), _numbers(8)),
        IMAGE,
        strideH=1,
        strideW=1,
        depthMultiplier=1,
    ),
    "DEPTH_TO_SPACE": _one("DEPTH_TO_SPACE", _image, (1, 8, 8, 2), blockSize=2),
    "SPACE_TO_DEPTH": _one("SPACE_TO_DEPTH", _image, (1, 2, 2, 32), blockSize=2),
    "DEQUANTIZE": lambda tiny: _quantized(tiny, "DEQUANTIZE"),
    "QUANTIZE": lambda tiny: _quantized(tiny, "QUANTIZE"),
    "DYNAMIC_UPDATE_SLICE": _one("DYNAMIC_UPDATE_SLICE", _update, IMAGE),
    "EMBEDDING_LOOKUP": _one("EMBEDDING_LOOKUP", _lookup, (3, 8)),
    "FULLY_CONNECTED": _one("FULLY_CONNECTED", lambda t: _image(t, _numbers(6, 8), _numbers(6), shape=(2, 8)), (2, 6)),
    "GATHER": _one("GATHER", _gather, (1, 2, 4, 8), axis=1),
    "MIRROR_PAD": _one("MIRROR_PAD", lambda t: _image(t, _ints([[0, 0], [1, 1], [1, 1], [0, 0]])), (1, 6, 6, 8)),
    "PAD": _one("PAD", lambda t: _image(t, _ints([[0, 0], [1, 1], [1, 1], [0, 0]])), (1, 6, 6, 8)),
    "PADV2": _one(
        "PADV2",
        lambda t: _image(t, _ints([[0, 0], [1, 1], [1, 1], [0, 0]]), np.array([2], np.float32)),
        (1, 6, 6, 8),
    ),
    "ONE_HOT": _one("ONE_HOT", _one_hot, (1, 8), axis=-1),
    "PACK": _one("PACK", lambda t: [t.tensor((4, 8)), t.tensor((4, 8))], (2, 4, 8), axis=0, valuesCount=2),
    "UNPACK": _one("UNPACK", lambda t: [t.tensor((1, 2, 4, 8))], (1, 4, 8), (1, 4, 8), axis=1, num=2),
    "PRELU": _one("PRELU", lambda t: _image(t, _numbers(1, 1, 8)), IMAGE),
    "RESHAPE": _one("RESHAPE", lambda t: _image(t, _ints(1, 128)), (1, 128), newShape=_ints(1, 128)),
    "RESIZE_BILINEAR": _one("RESIZE_BILINEAR", lambda t: _image(t, _ints(8, 8)), (1, 8, 8, 8)),
    "RESIZE_NEAREST_NEIGHBOR": _one("RESIZE_NEAREST_NEIGHBOR", lambda t: _image(t, _ints(8, 8)), (1, 8, 8, 8)),
    "REVERSE_V2": _one("REVERSE_V2", lambda t: _image(t, np.array([1], np.int32)), IMAGE),
    "SELECT": _one("SELECT", _select, IMAGE),
    "SELECT_V2": _one("SELECT_V2", _select, IMAGE),
    "SLICE": _one("SLICE", lambda t: _image(t, _ints(0, 1, 1, 0), _ints(1, 2, 2, 8)), (1, 2, 2, 8)),
    "STRIDED_SLICE": _one(
        "STRIDED_SLICE",
        lambda t: _image(t, _ints(0, 0, 0, 0), _ints(1, 4, 4, 8), _ints(1, 2, 2, 1)),
        (1, 2, 2, 8),
    ),
    "SOFTMAX": _unary("SOFTMAX", beta=1.0),
    "SPLIT": _one("SPLIT", _split, (1, 4, 4, 4), (1, 4, 4, 4), numSplits=2),
    "SPLIT_V": _one(
        "SPLIT_V",
        lambda t: _image(t, _ints(3, 5), np.array(3, np.int32)),
        (1, 4, 4, 3),
        (1, 4, 4, 5),
        numSplits=2,
    ),
    "STABLEHLO_CLAMP": _one("STABLEHLO_CLAMP", _clamp, IMAGE),
    "TILE": _one("TILE", lambda t: _image(t, _ints(1, 2, 1, 1)), (1, 8, 4, 8)),
    "TOPK_V2": _top_k,
    "TRANSPOSE": _one("TRANSPOSE", lambda t: _image(t, _ints(0, 3, 1, 2)), (1, 8, 4, 4)),
    "TRANSPOSE_CONV": _one("TRANSPOSE_CONV", _transposed, (1, 8, 8, 4), strideH=2, strideW=2),
}
"""For each operation of the table what makes a file of it."""


def _constant_value(slot: int, value: Any) -> Maker:
    def apply(tiny: Tiny) -> None:
        index = int(tiny.graph.operators[0].inputs[slot])
        array = np.asarray(value)
        tensor = tiny.graph.tensors[index]
        tensor.shape = np.array(array.shape, np.int32)
        buffer = copy.copy(tiny.model.buffers[tensor.buffer])
        buffer.data = np.frombuffer(array.tobytes(), np.uint8)
        tiny.model.buffers[tensor.buffer] = buffer

    return apply


def _shapes(*shapes: tuple[int, ...] | None) -> Maker:
    """Give operands, then results, other shapes."""

    def apply(tiny: Tiny) -> None:
        operator = tiny.graph.operators[0]
        for index, shape in zip([*operator.inputs, *operator.outputs], shapes, strict=False):
            if shape is not None:
                tiny.graph.tensors[int(index)].shape = np.array(shape, np.int32)

    return apply


def _both(*changes: Maker) -> Maker:
    def apply(tiny: Tiny) -> None:
        for change in changes:
            change(tiny)

    return apply


_BROADCASTS: dict[str, Maker] = {
    "of a vector": _shapes(IMAGE, (8,), IMAGE),
    "of a scalar": _shapes(IMAGE, (), IMAGE),
    "of b and c": _shapes(IMAGE, (1, 8), IMAGE),
    "of one and one": _shapes(IMAGE, (1, 1), IMAGE),
    "of three axes": _shapes(IMAGE, (4, 4, 8), IMAGE),
    "of both": _shapes((1, 4, 1, 8), (1, 1, 4, 8), IMAGE),
    "of one row": _shapes(IMAGE, (1, 1, 4, 8), IMAGE),
    "of two vectors": _shapes((8,), (8,), (8,)),
    "of a batch": _shapes((3, 4, 4, 8), (1, 4, 4, 8), (3, 4, 4, 8)),
}
SPECIAL: dict[str, dict[str, Maker]] = {
    **dict.fromkeys(("ADD", "MUL", "SUB", "DIV", "MAXIMUM", "SQUARED_DIFFERENCE", "GREATER", "POW"), _BROADCASTS),
    "CONV_2D": {
        "grouped": _both(_constant_value(1, _numbers(6, 3, 3, 4)), _shapes()),
        "of a batch": _shapes((2, 4, 4, 8), None, None, (2, 4, 4, 6)),
    },
    "DEPTHWISE_CONV_2D": {"of a batch": _shapes((2, 4, 4, 8), None, None, (2, 4, 4, 8))},
    "PAD": {
        "of a batch": _both(
            _constant_value(1, _ints([[0, 1], [1, 1], [1, 1], [0, 0]])), _shapes(None, None, (2, 6, 6, 8))
        ),
        "before a batch": _both(
            _constant_value(1, _ints([[1, 0], [1, 1], [1, 1], [0, 0]])), _shapes(None, None, (2, 6, 6, 8))
        ),
        "of channels": _both(
            _constant_value(1, _ints([[0, 0], [0, 0], [0, 0], [0, 8]])), _shapes(None, None, (1, 4, 4, 16))
        ),
        "of three axes": _both(
            _constant_value(1, _ints([[0, 0], [1, 1], [0, 0]])), _shapes((4, 4, 8), None, (4, 6, 8))
        ),
        "of two axes": _both(_constant_value(1, _ints([[0, 0], [1, 1]])), _shapes((4, 8), None, (4, 10))),
    },
    "MIRROR_PAD": {
        "of three axes": _both(
            _constant_value(1, _ints([[0, 0], [1, 1], [0, 0]])), _shapes((4, 4, 8), None, (4, 6, 8))
        ),
    },
    "SLICE": {
        "of two axes": _both(
            _constant_value(1, _ints(0, 2)), _constant_value(2, _ints(2, 4)), _shapes((4, 8), None, None, (2, 4))
        ),
        "of one axis": _both(
            _constant_value(1, _ints([1])), _constant_value(2, _ints([4])), _shapes((8,), None, None, (4,))
        ),
        "to the end": _constant_value(2, _ints(1, 2, 2, -1)),
        "in long integers": lambda tiny: _long(tiny, 1, 2),
    },
    "STRIDED_SLICE": {
        "backwards": _both(
            _constant_value(3, _ints(1, -2, 2, 1)),
            _constant_value(1, _ints(0, 3, 0, 0)),
            _constant_value(2, _ints(1, -5, 4, 8)),
        ),
        "of two axes": _both(
            _constant_value(1, _ints(0, 2)),
            _constant_value(2, _ints(4, 8)),
            _constant_value(3, _ints(1, 1)),
            _shapes((4, 8), None, None, None, (4, 6)),
        ),
        "of one axis": _both(
            _constant_value(1, _ints([2])),
            _constant_value(2, _ints([8])),
            _constant_value(3, _ints([1])),
            _shapes((8,), None, None, None, (6,)),
        ),
        "from the end": _constant_value(2, _ints(1, 0, 4, 8)),
    },
    "TRANSPOSE": {
        "of three axes": _both(_constant_value(1, _ints(0, 2, 1)), _shapes((4, 4, 8), None, (4, 8, 4))),
        "of two axes": _both(_constant_value(1, _ints(1, 0)), _shapes((4, 8), None, (8, 4))),
        "of one axis": _both(_constant_value(1, _ints([0])), _shapes((8,), None, (8,))),
        "of five axes": _both(
            _constant_value(1, _ints(0, 2, 1, 3, 4)), _shapes((1, 2, 2, 4, 8), None, (1, 2, 2, 4, 8))
        ),
    },
    "PRELU": {
        "of elements": _constant_value(1, _numbers(4, 4, 8)),
        "of rows": _constant_value(1, _numbers(4, 1, 8)),
        "of a vector": _constant_value(1, _numbers(8)),
        "of one number": _constant_value(1, _numbers(1)),
    },
    "SELECT_V2": {
        "of a broadcast condition": _shapes((1, 4, 4, 1), None, None, None),
        "of two axes": _shapes((4, 8), (4, 8), (4, 8), (4, 8)),
        "of a row": _shapes(IMAGE, (1, 1, 1, 8), IMAGE, IMAGE),
    },
    "MEAN": {
        "of channels": _both(_constant_value(1, _ints([3])), _shapes(None, None, (1, 4, 4, 1))),
        "from the end": _both(_constant_value(1, _ints([-1])), _shapes(None, None, (1, 4, 4, 1))),
        "of a vector": _both(_constant_value(1, _ints([0])), _shapes((8,), None, (1,))),
    },
    "CONCATENATION": {"of another axis": _shapes(IMAGE, (1, 2, 4, 8), (1, 6, 4, 8))},
    "FULLY_CONNECTED": {
        "of an image": _shapes(IMAGE, None, None, (16, 6)),
        "flattened": _both(_constant_value(1, _numbers(6, 128)), _shapes(IMAGE, None, None, (1, 6))),
    },
    "RESIZE_BILINEAR": {
        "by corners and centers": _both(
            partial(_set_option, field="alignCorners", value=True),
            partial(_set_option, field="halfPixelCenters", value=True),
        )
    },
    "SOFTMAX": {"of a vector": _shapes((8,), (8,)), "of rows": _shapes((4, 8), (4, 8))},
    "BATCH_MATMUL": {
        "of constants": lambda tiny: _replace(tiny, 1, tiny.constant(_numbers(8, 6))),
        "of a batch": _shapes((3, 4, 8), (3, 8, 6), (3, 4, 6)),
        "of four axes": _shapes((2, 3, 4, 8), (2, 3, 8, 6), (2, 3, 4, 6)),
    },
    "ARG_MAX": {"of height": _both(_constant_value(1, np.array([1], np.int32)), _shapes(None, None, (1, 4, 8)))},
    "GATHER": {"of two axes of indices": lambda tiny: _replace(tiny, 1, tiny.constant(_ints([[0, 2]])))},
    "CAST": {
        "to bytes": lambda tiny: _kinds(tiny, "FLOAT32", "UINT8"),
        "from bytes": lambda tiny: _kinds(tiny, "UINT8", "FLOAT32"),
        "from bool": lambda tiny: _kinds(tiny, "BOOL", "FLOAT32"),
        "to long integers": lambda tiny: _kinds(tiny, "FLOAT32", "INT64"),
        "to half": lambda tiny: _kinds(tiny, "FLOAT32", "FLOAT16"),
    },
}


def _replace(tiny: Tiny, slot: int, index: int) -> None:
    gone = int(tiny.graph.operators[0].inputs[slot])
    tiny.graph.operators[0].inputs[slot] = index
    tiny.graph.inputs = np.array([i for i in tiny.graph.inputs if i != gone], np.int32)


def _kinds(tiny: Tiny, *kinds: str) -> None:
    operator = tiny.graph.operators[0]
    for index, kind in zip([*operator.inputs, *operator.outputs], kinds, strict=True):
        tiny.graph.tensors[int(index)].type = getattr(tiny.schema.TensorType, kind)


def _long(tiny: Tiny, *slots: int) -> None:
    for slot in slots:
        tensor = tiny.graph.tensors[int(tiny.graph.operators[0].inputs[slot])]
        buffer = tiny.model.buffers[tensor.buffer]
        buffer.data = np.frombuffer(np.frombuffer(buffer.data.tobytes(), np.int32).astype(np.int64).tobytes(), np.uint8)
        tensor.type = tiny.schema.TensorType.INT64
