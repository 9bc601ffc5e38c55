"""What the legacy delegate takes: the GPU delegate of TensorFlow Lite and LiteRT 1, over OpenCL or OpenGL.

Source: the ``IsSupported`` and ``Parse`` of each parser and ``GetOpsToReplace`` in LiteRT's
tflite/delegates/gpu/common/model_builder.cc. What ``IsSupported`` lets through and ``Parse`` refuses makes the delegate
fail for the whole graph. docs/lint.md names the version.
"""

from __future__ import annotations

from functools import partial

from sdkgen.convert.lint import common
from sdkgen.convert.lint.checks import (
    activation,
    axis,
    bhwc,
    count,
    integers,
    is_linear,
    numbers,
    operand,
    refuse,
    text,
)
from sdkgen.convert.lint.ml_drift import Kernel
from sdkgen.tflite.graph import Operation, Tensor

NAME = "legacy delegate"
SOURCE = "tflite/delegates/gpu/common/model_builder.cc"

_LARGEST_RANK = 4
COMPARISONS = frozenset("GREATER GREATER_EQUAL LESS LESS_EQUAL EQUAL NOT_EQUAL".split())


def judge(operation: Operation, consumers: dict[int, list[Operation]], producers: dict[int, Operation]) -> str:
    """Return the delegate's parser for the operation, in ``SOURCE``; tensors' neighbours are known by their indices.

    Raises ``Refusal`` if the delegate refuses the operation.
    """
    kernel = KERNELS.get(operation.name)
    if kernel is None:
        refuse("no-kernel", f"{operation.name} has no kernel for the GPU")
    if kernel.version is not None and operation.version > kernel.version:
        message = f"{operation.name} is taken up to version {kernel.version}, this is version {operation.version}"
        refuse("operation-version", message)
    if operation.kind in COMPARISONS:
        _feeds_a_cast_or_a_choice(operation, consumers)
    elif operation.kind == "CAST" and operand(operation, 0).type == "bool":
        _casts_a_comparison(operation, consumers, producers)
    elif kernel.common:
        common.check(operation)
    kernel.check(operation)
    _check_tensors(operation)
    return kernel.parser


def _feeds_a_cast_or_a_choice(operation: Operation, consumers: dict[int, list[Operation]]) -> None:
    following = consumers.get(operation.outputs[0].index, [])
    fits = len(following) == 1 and following[0].kind in ("CAST", "SELECT", "SELECT_V2")
    if not fits or following[0].outputs[0].type not in ("float16", "float32"):
        refuse("comparison", "a comparison has to feed one CAST to float or one SELECT of floats, and nothing else")


def _casts_a_comparison(
    operation: Operation, consumers: dict[int, list[Operation]], producers: dict[int, Operation]
) -> None:
    source, result = operand(operation, 0), operation.outputs[0]
    if result.type not in ("float16", "float32"):
        common.check(operation)
        return
    maker = producers.get(source.index)
    if maker is None or len(consumers.get(source.index, [])) != 1 or len(consumers.get(result.index, [])) != 1:
        refuse("comparison", "a CAST from bool has to follow a comparison alone, and to feed one operation")


def _check_tensors(operation: Operation) -> None:
    takes = {"float32", "float16", "int8", "uint8"}
    makes = set(takes)
    if operation.kind in COMPARISONS:
        makes |= {"bool"}
    if operation.kind == "CAST":
        takes, makes = takes | {"bool", "int32"}, makes | {"bool", "int32"}
    if operation.kind in ("ONE_HOT", "GATHER"):
        takes |= {"int32"}
    if operation.kind in ("SELECT", "SELECT_V2"):
        takes |= {"bool"}
    if operation.kind == "LOGICAL_AND":
        takes, makes = takes | {"bool"}, makes | {"bool"}
    for tensors, allowed in ((operation.present, takes), (operation.outputs, makes)):
        for tensor in tensors:
            if tensor.rank > _LARGEST_RANK:
                refuse("tensor-rank", f"a tensor has {tensor.rank} axes")
            if tensor.constant:
                continue
            if not tensor.rank:
                refuse("tensor-rank", "a tensor has no axis")
            if tensor.type not in allowed:
                refuse("tensor-type", f"a tensor is {tensor.type}")
            if tensor.type in ("int8", "uint8") and tensor.scales > 1:
                refuse("quantization", f"a computed tensor has {tensor.scales} scales instead of one")


def _pass(operation: Operation) -> None:
    pass


def _unary(operation: Operation) -> None:
    count(operation, computed=1, constant=0, results=1)


def _binary(operation: Operation) -> None:
    if len(operation.computed) == 2 and len(operation.inputs) == 2:
        first, second = operand(operation, 0), operand(operation, 1)
        if first.index == second.index and operation.kind not in ("MUL", "ADD", "ADD_N"):
            refuse("same-operand", "both operands are the same tensor")
        if operation.kind == "MUL" and first.index != second.index:
            _covers(first, second)
    else:
        count(operation, computed=1, constant=1, results=1)
        _constant_operand(operation)
    if operation.kind in ("ADD", "MUL", "SUB", "DIV"):
        activation(operation)


def _covers(first: Tensor, second: Tensor) -> None:
    if first.rank != second.rank:
        return
    larger = [a >= b for a, b in zip(first.shape, second.shape, strict=True)]
    smaller = [a <= b for a, b in zip(first.shape, second.shape, strict=True)]
    if not all(larger) and not all(smaller):
        message = f"neither operand is as large as the other on every axis: {text(first.shape)} and "
        refuse("operand-shapes", message + text(second.shape))


def _constant_operand(operation: Operation) -> None:
    slot = next(i for i, tensor in enumerate(operation.inputs) if tensor is not None and tensor.constant)
    tensor = operand(operation, slot)
    if tensor.size == 1 or is_linear(tensor.shape):
        numbers(operation, slot, "the constant operand", range(7))
        return
    numbers(operation, slot, "the constant operand", (2, 3, 4))
    if tensor.rank == _LARGEST_RANK and tensor.shape[0] != 1:
        refuse("batch", f"the constant operand has a batch of {tensor.shape[0]}")


def _matmul(operation: Operation) -> None:
    if len(operation.computed) == 1:
        numbers(operation, 1, "the weights", (2,))
    elif len(operation.computed) != 2:
        refuse("constant-input", "both operands are constants")


def _concatenate(operation: Operation) -> None:
    for slot, tensor in enumerate(operation.inputs):
        if tensor is not None and tensor.constant:
            numbers(operation, slot, "a constant operand", range(5))
    shapes = [bhwc(tensor.shape) for tensor in operation.present]
    pairs = [(shapes[0], other) for other in shapes[1:]]
    others = ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2))
    if all(any(a[i] != b[i] and a[j] != b[j] and a[k] != b[k] for a, b in pairs) for i, j, k in others):
        refuse("concatenation-axis", "the operands differ on more axes than one")
    activation(operation)


def _convolution(operation: Operation) -> None:
    if len(operation.computed) == 1:
        numbers(operation, 1, "the weights", (4,))
    elif operand(operation, 0).rank == operand(operation, 1).rank == _LARGEST_RANK:
        if operand(operation, 0).shape[3] != operand(operation, 1).shape[3]:
            refuse("convolution-shapes", "the weights are computed, and the convolution is grouped")
    else:
        refuse("convolution-shapes", "input or weights have not four axes")


def _depthwise(operation: Operation) -> None:
    if len(operation.computed) == 1:
        numbers(operation, 1, "the weights", (4,))


def _quantized(operation: Operation) -> None:
    if operation.kind == "DEQUANTIZE" and operand(operation, 0).constant:
        numbers(operation, 0, "the weights", range(1, 5))
    elif operation.kind == "QUANTIZE" and operation.outputs[0].scales != 1:
        refuse("quantization", f"its result has {operation.outputs[0].scales} scales instead of one")


def _fully_connected(operation: Operation) -> None:
    if len(operation.computed) == 1:
        weights = numbers(operation, 1, "the weights", (2,))
        if bhwc(operand(operation, 0).shape)[3] != weights.shape[1]:
            refuse("weights-shape", "the weights are not as wide as the input has channels")
    activation(operation)


def _prelu(operation: Operation) -> None:
    source = bhwc(operand(operation, 0).shape)
    alpha = numbers(operation, 1, "alpha", range(1, 5))
    if is_linear(alpha.shape):
        if alpha.shape[-1] != source[3]:
            refuse("prelu-alpha", f"alpha has {alpha.shape[-1]} numbers for {source[3]} channels")
    elif alpha.rank < 3 or alpha.shape[-3:] != source[1:] or (alpha.rank == 4 and alpha.shape[0] != 1):
        refuse("prelu-alpha", f"alpha has the shape {text(alpha.shape)}: neither one number a channel nor an element")


def _pad(operation: Operation) -> None:
    paddings = operand(operation, 1)
    if not paddings.constant or len(paddings.data) != 4 * paddings.size:
        refuse("paddings", "the paddings are no constants of 32 bits")


def _reduce(operation: Operation) -> None:
    for index in operand(operation, 1).integers():
        axis(operand(operation, 0), index)


def _slice(operation: Operation) -> None:
    source, result = operand(operation, 0), operation.outputs[0]
    starts = integers(operation, 1, "slice-range", "the begins")
    sizes = integers(operation, 2, "slice-range", "the sizes")
    if len(starts) != len(sizes) or (len(starts) != source.rank and (source.rank, len(starts)) != (4, 3)):
        refuse("slice-range", f"{len(starts)} begins and {len(sizes)} sizes for {source.rank} axes")
    offset = source.rank - len(starts)
    sides = list(source.shape)
    for place, (start, size) in enumerate(zip(starts, sizes, strict=True), offset):
        sides[place] = source.shape[place] - start if size == -1 else size
    if tuple(sides) != result.shape:
        refuse("slice-range", f"it cuts {text(tuple(sides))}, and its result is {text(result.shape)}")


def _strided_slice(operation: Operation) -> None:
    source = operand(operation, 0)
    begins = integers(operation, 1, "slice-range", "the begins")
    integers(operation, 2, "slice-range", "the ends")
    strides = integers(operation, 3, "slice-range", "the strides")
    if len(begins) not in (source.rank, source.rank - 1):
        refuse("slice-range", f"{len(begins)} begins for {source.rank} axes")
    if any(stride <= 0 for stride in strides):
        refuse("negative-stride", f"the strides are {text(tuple(strides))}")


def _split(operation: Operation, source: int, places: int) -> None:
    if operation.option("numSplits") == 1:
        return
    where = operand(operation, places)
    if not where.constant:
        refuse("axes", "the axis is computed")
    axis(operand(operation, source), (where.integers() or [0])[0])


def _transpose(operation: Operation) -> None:
    if not 2 <= len(places := integers(operation, 1, "permutation", "the permutation")) <= _LARGEST_RANK:
        refuse("permutation", f"it permutes {len(places)} axes")


def _unpack(operation: Operation) -> None:
    if operation.option("num") != 1:
        axis(operand(operation, 0), operation.option("axis"))


def _pack(operation: Operation) -> None:
    if len(operation.inputs) > 1:
        axis(operation.outputs[0], operation.option("axis"))


def _kernels() -> dict[str, Kernel]:
    unary = "ABS COS ELU EXP FLOOR GELU LOG LOGISTIC NEG RSQRT SIGN SIN SQRT SQUARE TANH"
    binary = (
        "ADD ADD_N DIV EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND MAXIMUM MINIMUM MUL "
        "NOT_EQUAL POW SQUARED_DIFFERENCE SUB"
    )
    table = (
        (unary, "ElementwiseOperationParser", _unary, 2),
        (binary, "ElementwiseOperationParser", _binary, 2),
        ("MUL", "ElementwiseOperationParser", _binary, 3),
        ("AVERAGE_POOL_2D MAX_POOL_2D MaxPoolingWithArgmax2D", "Pooling2DOperationParser", _pass, 2),
        ("BATCH_MATMUL", "BatchedMatMulOperationParser", _matmul, None),
        ("CAST", "CastOperationParser", _pass, None),
        ("CONCATENATION", "ConcatenationOperationParser", _concatenate, 2),
        ("CONV_2D", "Conv2DOperationParser", _convolution, 6),
        ("CUMSUM", "CumsumOperationParser", _pass, 1),
        ("DENSIFY", "DensifyOperationParser", _pass, 1),
        ("DEPTHWISE_CONV_2D", "DepthwiseConvolutionOperationParser", _depthwise, 6),
        ("DEPTH_TO_SPACE", "DepthToSpaceOperationParser", _pass, None),
        ("DEQUANTIZE", "DequantizeOperationParser", _quantized, 3),
        ("FULLY_CONNECTED", "FullyConnectedOperationParser", _fully_connected, 9),
        ("GATHER", "GatherOperationParser", _pass, 1),
        ("HARD_SWISH", "HardSwishOperationParser", _pass, None),
        ("LSTM", "LSTMOperationParser", _pass, 4),
        ("MEAN", "MeanOperationParser", _reduce, None),
        ("ONE_HOT", "OneHotOperationParser", _pass, 1),
        ("PACK", "PackOperationParser", _pack, None),
        ("PAD PADV2 MIRROR_PAD", "PadOperationParser", _pad, 2),
        ("PRELU", "PReLUOperationParser", _prelu, 1),
        ("QUANTIZE", "QuantizeOperationParser", _quantized, 2),
        ("REDUCE_MAX REDUCE_MIN REDUCE_PROD SUM", "ReduceOperationParser", _reduce, None),
        ("RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 LEAKY_RELU", "ReLUOperationParser", _pass, 2),
        ("RESHAPE", "ReshapeOperationParser", _pass, 1),
        ("RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR", "Resize2DOperationParser", _pass, 3),
        ("Resampler", "ResamplerOperationParser", _pass, None),
        ("SELECT SELECT_V2", "SelectV2OperationParser", _pass, 1),
        ("SLICE", "SliceOperationParser", _slice, 2),
        ("SOFTMAX", "SoftmaxOperationParser", _pass, 2),
        ("SPACE_TO_DEPTH", "SpaceToDepthOperationParser", _pass, 2),
        ("SPLIT", "SplitOperationParser", partial(_split, source=1, places=0), None),
        ("SPLIT_V", "SplitVOperationParser", partial(_split, source=0, places=2), None),
        ("STRIDED_SLICE", "StridedSliceOperationParser", _strided_slice, 4),
        ("TILE", "TileOperationParser", _pass, None),
        ("TRANSPOSE", "TransposeOperationParser", _transpose, 4),
        ("TRANSPOSE_CONV", "TransposeConvBuiltinOperationParser", _pass, 3),
        ("Convolution2DTransposeBias", "TransposeConvCustomOperationParser", _pass, None),
        ("UNPACK", "UnpackOperationParser", _unpack, None),
        ("MaxUnpooling2D", "Unpooling2DOperationParser", _pass, None),
    )
    # These ask CheckGpuDelegateCompatibility nothing; the rest does.
    alone = {"PRELU", "UNPACK", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "LEAKY_RELU"}
    return {
        name: Kernel(parser, check, version, common=name not in alone)
        for names, parser, check, version in table
        for name in names.split()
    }


KERNELS = _kernels()
"""Operations that the legacy delegate has parsers for, by their name in the schema or that of a custom operation."""
