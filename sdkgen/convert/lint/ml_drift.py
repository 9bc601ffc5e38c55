"""What ML Drift, the GPU accelerator of LiteRT 2, takes.

Source: the ``IsSupported`` of each parser and ``GetOpsToReplaceWithOptions`` in LiteRT's
ml_drift_delegate/tflite/model_builder.cc, with operation_parser.cc, in the path that the accelerators take by default
(``use_ir_model`` is off). docs/lint.md names the version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sdkgen.convert.lint import common
from sdkgen.convert.lint.checks import (
    Check,
    Doubt,
    Refusal,
    activation,
    axis,
    bhwc,
    count,
    integers,
    is_broadcastable,
    is_linear,
    numbers,
    operand,
    refuse,
    text,
    value,
    values,
)
from sdkgen.convert.lint.graph import Operation, Tensor

NAME = "ML Drift"
SOURCE = "ml_drift_delegate/tflite/model_builder.cc"
WITNESS = "2.3.0"
"""The version of LiteRT whose accelerator the tests ask; where it and the source differ, its answer counts."""

_LARGEST_RANK = 4
_WITH_BATCH = 4


@dataclass(frozen=True)
class Kernel:
    """How the delegate checks an operation: the highest version, its own checks, and whether the common ones apply."""

    parser: str
    check: Check
    version: int | None = None
    common: bool = True
    enhanced_broadcast: bool = False


def judge(operation: Operation) -> str:
    """Return the delegate's parser for the operation, in ``SOURCE``.

    Raises ``Refusal`` if the delegate refuses the operation, ``Doubt`` if the file alone does not tell.
    """
    if operation.kind == "DENSIFY":
        refuse("sparse-weights", "the weights are stored sparse, and unpacking them (DENSIFY) has no kernel")
    kernel = KERNELS.get(operation.name) or KERNELS.get(operation.kind)
    if kernel is None or (operation.kind in ("CUSTOM", "STABLEHLO_COMPOSITE") and operation.name not in KERNELS):
        if operation.kind.startswith("operator "):
            raise Doubt(f"the schema of the installed LiteRT does not know {operation.kind}")
        refuse("no-kernel", f"{operation.name} has no kernel for the GPU")
    if kernel.version is not None and operation.version > kernel.version:
        message = f"{operation.name} is taken up to version {kernel.version}, this is version {operation.version}"
        refuse("operation-version", message)
    if kernel.common:
        common.check(operation, enhanced_broadcast=kernel.enhanced_broadcast)
    kernel.check(operation)
    _check_tensors(operation)
    return kernel.parser


def _check_tensors(operation: Operation) -> None:
    takes, makes = _types(operation)
    makes |= _TYPES_SET_AT_LOAD if operation.kind in ("DEQUANTIZE", "ONE_HOT") else set()
    for tensors, allowed in ((operation.present, takes), (operation.outputs, makes)):
        for tensor in tensors:
            if tensor.rank > _LARGEST_RANK:
                refuse("tensor-rank", f"a tensor has {tensor.rank} axes")
            if not tensor.constant and tensor.type not in allowed:
                refuse("tensor-type", f"a tensor is {tensor.type}")
    if operation.kind in _NOT_IN_HALF and any(tensor.type == "float16" for tensor in operation.computed):
        refuse("tensor-type", "a computed tensor is float16, which the runtime cannot prepare")


def _types(operation: Operation) -> tuple[set[str], set[str]]:
    """Return which types computed operands and results may have."""
    kind = operation.kind
    takes = {"float32", "float16", "bool", "int2", "int4", "int8", "uint8"}
    makes = {"float32", "float16", "int8", "uint8"}
    if kind == "ARG_MAX":
        takes, makes = takes | _SIGNED, {"int32"}
    if kind in ("REDUCE_ALL", "REDUCE_ANY"):
        takes = makes = {"bool"}
    if kind in ("EMBEDDING_LOOKUP", "ONE_HOT", "DYNAMIC_UPDATE_SLICE"):
        takes |= {"int32"}
    if kind in _COMPARISONS:
        takes |= _SIGNED | _UNSIGNED
        makes |= {"bool"}
    if kind in _LOGICAL:
        takes = makes = {"bool", *_SIGNED}
    if kind == "TOPK_V2":
        makes |= {"int32"}
    if kind in _IN_BFLOAT16:
        takes, makes = takes | {"bfloat16"}, makes | {"bfloat16"}
    if kind in _IN_INTEGERS:
        takes, makes = takes | _SIGNED, makes | _SIGNED
    if kind in _IN_ANY_TYPE:
        every = _SIGNED | _UNSIGNED | {"bool", "bfloat16"}
        takes, makes = takes | every, makes | every
    return takes, makes


_TYPES_SET_AT_LOAD = {"int16", "int32", "int64", "uint32", "bool", "float64", "bfloat16"}
"""What a file may say of results whose type the runtime sets itself when it prepares the graph."""

_NOT_IN_HALF = frozenset(
    "ABS BATCH_MATMUL CEIL DEPTH_TO_SPACE FLOOR_DIV FLOOR_MOD LOG MEAN POW QUANTIZE REDUCE_MAX REDUCE_MIN REDUCE_PROD "
    "RSQRT SPLIT SQRT SQUARE SUM".split()
)
"""Operations that LiteRT's own kernels lack in float16: it prepares the graph on them before it delegates."""

_SIGNED = {"int8", "int16", "int32"}
_UNSIGNED = {"uint8", "uint16", "uint32"}
_COMPARISONS = frozenset("GREATER GREATER_EQUAL LESS LESS_EQUAL EQUAL NOT_EQUAL".split())
_LOGICAL = frozenset("LOGICAL_AND LOGICAL_OR LOGICAL_NOT BITWISE_XOR".split())
_IN_BFLOAT16 = frozenset(
    "ABS ADD ATAN2 STABLEHLO_CBRT CEIL STABLEHLO_CLAMP CONV_2D COS DIV EXP FLOOR GATHER LOG LOGISTIC MAXIMUM MINIMUM "
    "MUL NEG POW ROUND RSQRT SIGN SIN SQRT SUB TANH".split()
)
_IN_INTEGERS = frozenset(
    "ABS ADD ATAN2 COS DIV FLOOR_DIV FLOOR_MOD MAXIMUM MINIMUM MUL NEG REDUCE_MAX REDUCE_MIN REDUCE_PROD RIGHT_SHIFT "
    "SIGN SIN STABLEHLO_CLAMP SUB SUM STABLEHLO_REMAINDER TILE STABLEHLO_SHIFT_LEFT".split()
)
_IN_ANY_TYPE = frozenset(
    "STABLEHLO_BROADCAST_IN_DIM BITCAST CAST CONCATENATION DYNAMIC_UPDATE_SLICE GATHER PACK PAD PADV2 RESHAPE "
    "REVERSE_V2 SELECT SELECT_V2 SLICE STRIDED_SLICE TRANSPOSE".split()
)


def _first(operation: Operation) -> None:
    values(operation, 0, results=True)


def _first_two(operation: Operation) -> None:
    values(operation, 0, 1, results=True)


def _argmax(operation: Operation) -> None:
    count(operation, computed=1, constant=1, results=1)
    _first(operation)
    dimension = operand(operation, 1)
    if dimension.size != 1:
        refuse("axes", "there is not one axis")
    if dimension.type == "float16" or len(dimension.data) != 4:
        refuse("axes", f"the axis is stored as {dimension.type}, not as 32-bit integer")
    axis(operand(operation, 0), dimension.integers()[0])


def _matmul(operation: Operation) -> None:
    _first(operation)
    if len(operation.computed) == 1:
        numbers(operation, 1, "the weights", (2, 3, 4))
    elif len(operation.computed) == 2:
        values(operation, 1)
    else:
        refuse("constant-input", "both operands are constants")


def _broadcast(operation: Operation) -> None:
    source, result = operand(operation, 0), operation.outputs[0]
    if not 0 < source.rank < _LARGEST_RANK + 1 or not 0 < result.rank < _LARGEST_RANK + 1:
        refuse("tensor-rank", "an operand has no axis or more than four")
    places = integers(operation, 1, "axes", "the axes")
    if len(set(places)) != len(places) or any(not 0 <= place < result.rank for place in places):
        refuse("axes", "the axes are not distinct axes of the result")
    if any(side not in (1, result.shape[place]) for side, place in zip(source.shape, places, strict=False)):
        refuse("operand-shapes", f"{text(source.shape)} does not broadcast to {text(result.shape)}")


def _cast(operation: Operation) -> None:
    count(operation, computed=1, constant=0, results=1)
    _first(operation)


def _clamp(operation: Operation) -> None:
    values(operation, 0, 1, 2, results=True)


def _concatenate(operation: Operation) -> None:
    for slot in range(len(operation.inputs)):
        values(operation, slot)
    shapes = [bhwc(tensor.shape) for tensor in operation.present]
    pairs = [(shapes[0], other) for other in shapes[1:]]
    # The delegate guesses the axis from the shapes: it gives up where two of them differ on every axis but channels.
    differ = [any(a[i] != b[i] and a[j] != b[j] and a[k] != b[k] for a, b in pairs) for i, j, k in _OTHERS]
    if all(differ):
        refuse("concatenation-axis", "the operands differ on more axes than one")
    if operation.option("fusedActivationFunction"):
        refuse("activation", "the runtime does not prepare a CONCATENATION with an activation")


_OTHERS = ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2))
"""The axes beside batch, height, width and channels."""


def _convolution(operation: Operation) -> None:
    values(operation, 0, results=True)
    if operand(operation, 0).constant:
        refuse("constant-input", "its input is a constant")
    weights = operand(operation, 1)
    if len(operation.computed) == 2:
        value(weights)
    elif weights.constant:
        _weights(operation)
    _bias(operation)
    activation(operation)


def _bias(operation: Operation) -> None:
    # The source lets a computed bias through, and the compiler ends the process over it.
    if len(operation.inputs) > 2 and (tensor := operation.inputs[2]) and not tensor.constant:
        refuse("computed-weights", "the bias is computed")


def _constant_input(operation: Operation, slot: int = 0) -> None:
    # The source lets it through, and the compiler ends the process over it.
    if operand(operation, slot).constant:
        refuse("constant-input", "its input is a constant")


def _cumsum(operation: Operation) -> None:
    _constant_input(operation)
    _first(operation)


def _weights(operation: Operation) -> None:
    tensor = numbers(operation, 1, "the weights", (4,))
    if tensor.type in ("int8", "uint8", "int4") and not tensor.scales:
        refuse("quantization", f"the weights are {tensor.type} and have no scale")


def _depthwise(operation: Operation) -> None:
    values(operation, 0, results=True)
    if len(operation.computed) == 2:
        values(operation, 1)
    else:
        _weights(operation)
    _bias(operation)
    activation(operation)


def _dequantize(operation: Operation) -> None:
    source = operand(operation, 0)
    if not operation.computed:
        numbers(operation, 0, "the weights", (2, 3, 4))
        return
    if not source.scales and source.type == "float16":
        refuse("sparse-weights", "what it unpacks is no constant: it is computed, or unpacked from sparse weights")
    if not source.scales:
        refuse("quantization", "what it unpacks is computed and has no scale")
    if source.scales > 1:
        refuse("quantization", f"what it unpacks is computed and has {source.scales} scales instead of one")
    value(source)


def _update_slice(operation: Operation) -> None:
    values(operation, 0, 1, 2, results=True)
    _constant_input(operation, 0)
    _constant_input(operation, 1)
    target, update, start = (operand(operation, slot) for slot in range(3))
    if start.constant:
        refuse("update-slice", "the start is a constant")
    if any(not 0 < tensor.rank <= _LARGEST_RANK for tensor in (target, update, start, *operation.outputs)):
        refuse("tensor-rank", "an operand has no axis or more than four")
    if any(a > b for a, b in zip(update.shape, target.shape, strict=True)):
        refuse("update-slice", "the update is larger than what it updates")


def _unary(operation: Operation) -> None:
    count(operation, computed=1, constant=0, results=1)
    _first(operation)


def _binary(operation: Operation) -> None:
    for tensor in operation.outputs:
        value(tensor)
    if len(operation.computed) == 2 and len(operation.inputs) == 2:
        first, second = operand(operation, 0), operand(operation, 1)
        if first.index == second.index:
            if operation.kind not in ("MUL", "ADD", "ADD_N"):
                refuse("same-operand", "both operands are the same tensor")
        elif first.rank != second.rank:
            if not is_broadcastable(first.shape, second.shape):
                refuse("operand-shapes", f"{text(first.shape)} and {text(second.shape)} cannot be combined")
            if not all(0 < tensor.rank <= _LARGEST_RANK for tensor in (first, second, *operation.outputs)):
                refuse("tensor-rank", "an operand to be broadcast has no axis or more than four")
        values(operation, 0, 1)
    else:
        count(operation, computed=1, constant=1, results=1)
        _constant_operand(operation.constants[0])
    if operation.kind in ("ADD", "MUL", "SUB", "DIV"):
        activation(operation)


def _constant_operand(tensor: Tensor) -> None:
    if tensor.sparse:
        refuse("sparse-weights", "the constant operand is stored sparse")
    quantized = tensor.type in ("int8", "uint8", "int4") and tensor.scales > 0 and not tensor.blockwise
    if tensor.size == 1:
        if tensor.type not in ("float32", "float16", "int32") and not quantized:
            refuse("weights-type", f"the constant operand is a single {tensor.type}")
    elif (tensor.type in ("float32", "float16") or quantized) and tensor.rank > _LARGEST_RANK:
        refuse("tensor-rank", f"the constant operand has {tensor.rank} axes")


def _embedding(operation: Operation) -> None:
    table = operand(operation, 1)
    _constant_input(operation)
    if not table.constant:
        refuse("computed-weights", "the table is computed")
    if operation.outputs[0].type not in ("float32", "float16"):
        raise Doubt(f"its result is {operation.outputs[0].type}, which the runtime has been seen to crash on")
    if table.type != "float32" and not table.scales:
        refuse("quantization", f"the table is {table.type} and has no scale")
    if table.type != "float32":
        _quantized_matrix(table)
    _first(operation)


def _quantized_matrix(tensor: Tensor) -> None:
    if not tensor.scales:
        refuse("quantization", f"the weights are {tensor.type} and have no scale")
    if tensor.type not in ("int8", "int4", "int2"):
        refuse("weights-type", f"the weights are stored as {tensor.type}")
    if tensor.rank not in (2, 4) or (tensor.rank == _WITH_BATCH and tensor.shape[1:3] != (1, 1)):
        refuse("weights-shape", f"the weights are stored with the shape {text(tensor.shape)}")


def _fully_connected(operation: Operation) -> None:
    values(operation, 0, results=True)
    weights = operand(operation, 1)
    if weights.scales and not weights.blockwise:
        _quantized_matrix(weights)
    elif not weights.blockwise:
        value(weights)
    _bias(operation)
    activation(operation)


def _gather(operation: Operation) -> None:
    _first_two(operation)
    if operand(operation, 0).type != operation.outputs[0].type:
        refuse("tensor-type", "input and result are of different types")


_LSTM_GATES = ((2, 6, 10, 13, 21), (1, 5, 9, 12, 20), (3, 7, None, 14, 22), (4, 8, 11, 15, 23))
"""Slots of the forget, input, cell and output gates: weights of input, of state and of cell, bias, normalisation."""

_LSTM_INPUT_WEIGHTS, _LSTM_CELL_TO_FORGET, _LSTM_STATES = 1, 10, (18, 19)


def _lstm(operation: Operation) -> None:
    if operation.option("kernelType") != 0:
        numbers(operation, 2, "the weights", (2,))
        values(operation, 0, 1, 4, results=True)
        return
    values(operation, *_LSTM_STATES, results=True)

    def has(slot: int) -> bool:
        return slot < len(operation.inputs) and operation.inputs[slot] is not None

    for number, (source, state, cell, bias, norm) in enumerate(_LSTM_GATES):
        if number == 1 and not has(_LSTM_INPUT_WEIGHTS):
            continue
        for slot in (source, state):
            if operand(operation, slot).type != "int8" or operand(operation, slot).scales != 1:
                numbers(operation, slot, "the weights", (2,))
        if cell is not None and has(_LSTM_CELL_TO_FORGET):
            numbers(operation, cell, "the weights of the cell", range(1, 6))
        if not has(norm):
            refuse("lstm", "it does not normalise its gates: the delegate takes LSTMs with layer normalisation alone")
        for slot in (norm, bias):
            numbers(operation, slot, "biases and normalisation", range(1, 6))


def _one_hot(operation: Operation) -> None:
    if len(operation.inputs) < 4:
        refuse("operand-count", f"it has {len(operation.inputs)} operands, not 4")
    count(operation, results=1)
    _constant_input(operation)
    if not all(operand(operation, slot).constant for slot in (2, 3)):
        refuse("one-hot", "the on or off value is computed")
    indices, wanted = operand(operation, 0), operation.option("axis")
    if operation.options is not None and wanted != -1 and (not indices.rank or wanted != indices.shape[-1]):
        refuse("one-hot", f"it spreads along axis {wanted}, not along the last")
    if indices.rank >= _WITH_BATCH and indices.shape[3] != 1:
        refuse("one-hot", f"the indices have {indices.shape[3]} channels")
    value(indices)


def _pack(operation: Operation) -> None:
    if len(operation.inputs) == 1:
        _first(operation)
        return
    for slot in range(len(operation.inputs)):
        _value_or_constant(operation, slot)
    axis(operation.outputs[0], operation.option("axis"))
    value(operation.outputs[0])


def _value_or_constant(operation: Operation, slot: int) -> None:
    try:
        values(operation, slot)
    except Refusal:
        tensor = operand(operation, slot)
        if not tensor.constant or tensor.type not in ("float32", "bool", "int32"):
            raise


def _prelu(operation: Operation) -> None:
    _first(operation)
    _constant_input(operation)
    if operand(operation, 0).type in ("int8", "uint8") and not operand(operation, 0).scales:
        refuse("quantization", "its input is packed and has no scale")
    source = bhwc(operand(operation, 0).shape)
    alpha = operand(operation, 1)
    if not alpha.constant:
        refuse("prelu-alpha", "alpha is computed")
    numbers(operation, 1, "alpha", range(1, 5))
    per_channel = is_linear(alpha.shape) and alpha.shape[-1] == source[3]
    per_element = not is_linear(alpha.shape) and (1, *source[1:]) == (1, *alpha.shape[-3:])
    if not per_channel and (not per_element or alpha.rank < 3 or (alpha.rank == 4 and alpha.shape[0] != 1)):
        refuse("prelu-alpha", f"alpha has the shape {text(alpha.shape)}: neither one number a channel nor an element")


def _pad(operation: Operation) -> None:
    _first(operation)
    paddings = operand(operation, 1)
    if not paddings.constant:
        refuse("paddings", "the paddings are computed")
    if len(paddings.data) != 4 * paddings.size:
        refuse("paddings", f"the paddings are stored as {paddings.type}, not as 32-bit integers")
    if operation.kind == "PADV2" and len(operation.inputs) == 3:
        filler = numbers(operation, 2, "the value to pad with", range(5))
        if filler.size != 1:
            refuse("paddings", "what it pads with is no scalar")


def _pool(operation: Operation) -> None:
    _first(operation)
    if operation.kind != "CUSTOM":
        activation(operation)


def _reduce(operation: Operation) -> None:
    _first(operation)
    for index in operand(operation, 1).integers():
        axis(operand(operation, 0), index)


def _quantize(operation: Operation) -> None:
    _first(operation)
    if not operation.outputs[0].scales:
        refuse("quantization", "its result has no scale")


def _select(operation: Operation) -> None:
    common.select(operation)
    for slot in range(3):
        _value_or_constant(operation, slot)
    for tensor in operation.outputs:
        value(tensor)
    if operand(operation, 0).type != "bool":
        raise Doubt("the condition is no bool: the source takes floats, and the runtime has been seen to refuse them")


def _slice(operation: Operation) -> None:
    if len(operation.inputs) < 3:
        refuse("operand-count", f"it has {len(operation.inputs)} operands, not 3")
    _first(operation)
    source, result = operand(operation, 0), operation.outputs[0]
    if source.constant:
        refuse("constant-input", "its input is a constant")
    starts = integers(operation, 1, "slice-range", "the begins")
    sizes = integers(operation, 2, "slice-range", "the sizes")
    if len(starts) != len(sizes):
        refuse("slice-range", f"{len(starts)} begins and {len(sizes)} sizes")
    if not 0 < source.rank <= _LARGEST_RANK:
        refuse("slice-rank", f"the input has {source.rank} axes")
    if len(starts) != source.rank and (source.rank, len(starts)) != (4, 3):
        refuse("slice-range", f"{len(starts)} begins for {source.rank} axes")
    offset = source.rank - len(starts)
    sides = list(source.shape)
    for place, (start, size) in enumerate(zip(starts, sizes, strict=True), offset):
        end = start + (source.shape[place] - start if size == -1 else size)
        sides[place] = (end + source.shape[place] if end < 0 else end) - start
    if tuple(sides) != result.shape:
        refuse("slice-range", f"it cuts {text(tuple(sides))}, and its result is {text(result.shape)}")


def _strided_slice(operation: Operation) -> None:
    common.slice_masks(operation)
    source, result = operand(operation, 0), operation.outputs[0]
    begins = integers(operation, 1, "slice-range", "the begins")
    if len(begins) not in (source.rank, source.rank - 1):
        refuse("slice-range", f"{len(begins)} begins for {source.rank} axes")
    ends, strides = (
        integers(operation, slot, "slice-range", what) for slot, what in ((2, "the ends"), (3, "the strides"))
    )
    if any(stride == 0 for stride in strides) or any(stride < 0 for stride in strides):
        refuse("negative-stride", f"the strides are {text(tuple(strides))}")
    offset = source.rank - len(begins)
    sides = list(source.shape)
    # The masks count axes of the input, also where the begins leave out the batch.
    for place, (begin, end, stride) in enumerate(zip(begins, ends, strides, strict=False), offset):
        side = source.shape[place]
        first = 0 if operation.option("beginMask") >> place & 1 else begin + side * (begin < 0)
        last = side if operation.option("endMask") >> place & 1 else end + side * (end < 0)
        sides[place] = -((first - last) // stride)
    if tuple(sides) != result.shape:
        refuse("slice-range", f"it cuts {text(tuple(sides))}, and its result is {text(result.shape)}")
    _first(operation)


def _split(operation: Operation, source: int, places: int) -> None:
    if operation.option("numSplits") == 1:
        values(operation, 0, results=True)
        return
    if operation.kind == "SPLIT_V":
        count(operation, computed=1, constant=2)
    values(operation, source, results=True)
    _constant_input(operation, source)
    where = operand(operation, places)
    if not where.constant:
        refuse("axes", "the axis is computed")
    axis(operand(operation, source), (where.integers() or [0])[0])


def _top_k(operation: Operation) -> None:
    _first(operation)
    if not operand(operation, 1).constant or operand(operation, 1).size != 1:
        refuse("top-k", "k is no constant scalar")
    count(operation, results=2)


def _transposed_convolution(operation: Operation, source: int) -> None:
    values(operation, source, results=True)
    if len(operation.computed) == 2 and operation.kind != "CUSTOM":
        values(operation, 1)
    else:
        _weights(operation)


def _transpose(operation: Operation) -> None:
    _first(operation)
    if not 2 <= len(places := integers(operation, 1, "permutation", "the permutation")) <= _LARGEST_RANK:
        refuse("permutation", f"it permutes {len(places)} axes")


def _unpack(operation: Operation) -> None:
    values(operation, 0, results=True)
    _constant_input(operation)
    if operation.option("num") != 1:
        axis(operand(operation, 0), operation.option("axis"))


def _norm(operation: Operation, *, groups: bool = False) -> None:
    source = operand(operation, 0)
    if source.rank > _LARGEST_RANK:
        refuse("tensor-rank", f"the input has {source.rank} axes")
    for tensor in operation.present[1:]:
        if tensor.rank != 1 or tensor.shape[0] != source.shape[-1]:
            refuse("norm", "scale or bias is not one number a channel")
    needed = ("num_groups", "epsilon") if groups else ("epsilon",)
    if missing := [name for name in needed if operation.attributes.get(name) is None]:
        refuse("norm", f"the attribute {missing[0]} is missing")
    if groups and operation.attributes.get("channel_axis") not in (None, source.rank - 1):
        refuse("norm", "the channels are not the last axis")


def _group_or_layer_norm(operation: Operation) -> None:
    given = operation.attributes
    groups = given["sub_type"] == 0 if "sub_type" in given else "_TENSOR_V1_reduction_axes" in given
    _norm(operation, groups=groups)


def _rms_norm(operation: Operation) -> None:
    _first(operation)
    if len(operation.inputs) > 1:
        scale = numbers(operation, 1, "the scale", range(1, 5))
        if not is_linear(scale.shape) or scale.shape[-1] != bhwc(operand(operation, 0).shape)[3]:
            refuse("norm", "the scale is not one number a channel")


def _attention(operation: Operation) -> None:
    if len(operation.inputs) not in (3, 4):
        refuse("operand-count", f"it has {len(operation.inputs)} operands, not 3 or 4")
    q, k, v = (bhwc(operand(operation, slot).shape) for slot in range(3))
    if not q[3] == k[3] == v[3] or k != v:
        refuse("operand-shapes", "queries, keys and values differ in their channels, or keys and values in shape")
    if len(operation.inputs) == 4 and bhwc(operand(operation, 3).shape)[3] != k[1]:
        refuse("operand-shapes", "the mask does not cover the keys")


def _own_parser(operation: Operation) -> None:
    raise Doubt(f"LiteRT has a kernel for {operation.name}, whose conditions are not known here")


def _kernels() -> dict[str, Kernel]:
    unary = "ABS CEIL COS ELU EXP FLOOR GELU LOG LOGICAL_NOT LOGISTIC NEG ROUND RSQRT SIGN SIN SQRT SQUARE TANH"
    binary = (
        "ADD ADD_N ATAN2 BITWISE_XOR DIV EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND "
        "LOGICAL_OR MAXIMUM MINIMUM MUL NOT_EQUAL POW RIGHT_SHIFT STABLEHLO_SHIFT_LEFT SQUARED_DIFFERENCE SUB"
    )
    versions = {"ABS": 5, "FLOOR_DIV": 3, "MAXIMUM": 4, "MINIMUM": 4, "MUL": 8, "ADD": 6, "ADD_N": 6, "GELU": 3}
    kernels = {
        name: Kernel("ElementwiseOperationParser", check, versions.get(name, 2), enhanced_broadcast=True)
        for names, check in ((unary, _unary), (binary, _binary))
        for name in names.split()
    }

    def add(
        names: str, parser: str, check: Callable[[Operation], None], version: int | None = None, **more: bool
    ) -> None:
        kernels.update((name, Kernel(parser, check, version, **more)) for name in names.split())

    add("ARG_MAX", "ArgMaxOperationParser", _argmax, common=False)
    add("BATCH_MATMUL", "BatchedMatMulOperationParser", _matmul)
    add("BITCAST", "BitcastOperationParser", _first)
    add("STABLEHLO_BROADCAST_IN_DIM", "BroadcastInDimOperationParser", _broadcast)
    add("CAST", "CastOperationParser", _cast, common=False)
    add("STABLEHLO_CBRT", "CbrtOperationParser", _first)
    add("STABLEHLO_CLAMP", "ClampOperationsParser", _clamp)
    add("CONCATENATION", "ConcatenationOperationParser", _concatenate, 6)
    add("CONV_2D", "Conv2DOperationParser", _convolution, 6)
    add("CUMSUM", "CumsumOperationParser", _cumsum, 1)
    add("DEPTHWISE_CONV_2D", "DepthwiseConvolutionOperationParser", _depthwise, 6)
    add("DEPTH_TO_SPACE", "DepthToSpaceOperationParser", _first)
    add("DEQUANTIZE", "DequantizeOperationParser", _dequantize, 3)
    add("DYNAMIC_UPDATE_SLICE", "DynamicUpdateSliceOperationParser", _update_slice)
    add("EMBEDDING_LOOKUP", "EmbeddingLookupOperationParser", _embedding)
    add("FULLY_CONNECTED", "FullyConnectedOperationParser", _fully_connected, 14)
    add("GATHER", "GatherOperationParser", _gather)
    add("HARD_SWISH", "HardSwishOperationParser", _first)
    add("LSTM", "LSTMOperationParser", _lstm, 4)
    add("ONE_HOT", "OneHotOperationParser", _one_hot, 1, common=False)
    add("PACK", "PackOperationParser", _pack)
    add("PRELU", "PReLUOperationParser", _prelu, 1, common=False)
    add("PAD PADV2 MIRROR_PAD", "PadOperationParser", _pad, 5)
    add("AVERAGE_POOL_2D MAX_POOL_2D MaxPoolingWithArgmax2D", "Pooling2DOperationParser", _pool, 2)
    add("MEAN SUM REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD", "ReduceOperationParser", _reduce)
    add("QUANTIZE", "QuantizeOperationParser", _quantize, 2)
    add("RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 LEAKY_RELU", "ReLUOperationParser", _unary, 2)
    add("STABLEHLO_REMAINDER", "RemainderOperationParser", _first_two)
    add("Resampler", "ResamplerOperationParser", _first_two)
    add("RESHAPE", "ReshapeOperationParser", _first, 1)
    add("RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR", "Resize2DOperationParser", _first, 3)
    add("REVERSE_V2", "ReverseOperationParser", _reduce)
    add("SELECT SELECT_V2", "SelectV2OperationParser", _select, 1, common=False)
    add("SLICE", "SliceOperationParser", _slice, 8, common=False)
    add("SOFTMAX", "SoftmaxOperationParser", _unary, 4)
    add("SPACE_TO_DEPTH", "SpaceToDepthOperationParser", _unary, 2)
    add("SPLIT", "SplitOperationParser", partial(_split, source=1, places=0))
    add("SPLIT_V", "SplitVOperationParser", partial(_split, source=0, places=2))
    add("STRIDED_SLICE", "StridedSliceOperationParser", _strided_slice, 2, common=False)
    add("TILE", "TileOperationParser", _first)
    add("TOPK_V2", "TopKOperationParser", _top_k, 1)
    add("TRANSPOSE", "TransposeOperationParser", _transpose, 9)
    add("TRANSPOSE_CONV", "TransposeConvBuiltinOperationParser", partial(_transposed_convolution, source=2), 3)
    add("Convolution2DTransposeBias", "TransposeConvCustomOperationParser", partial(_transposed_convolution, source=0))
    add("UNPACK", "UnpackOperationParser", _unpack, common=False)
    add("MaxUnpooling2D", "Unpooling2DOperationParser", _first_two)
    add("custom_call.PixelShuffle", "PixelShuffleParser", _first, common=False)
    add("odml.group_norm", "CompositeGroupNormParser, CompositeLayerNormParser", _group_or_layer_norm, common=False)
    add("odml.rms_norm", "CompositeRmsNormParser", _rms_norm, common=False)
    add("odml.scaled_dot_product_attention", "CompositeSdpaParser", _attention, common=False)
    add(
        "AlignmentPointsToTransformMatrix KeepIfMax2D Landmarks2TransformMatrix Landmarks2TransformMatrixV2 "
        "RoIToTransformMatrix TransformLandmarks TransformTensor TransformTensorBilinear moe odml.cache_update "
        "odml.qkv_norm_rope odml.rope odml.runtime_bmm odml.sdpa_transposed odml.short_conv_step odml.swiglu "
        "custom_call.GroupNorm "
        "custom_call.LayerNorm custom_call.RmsNorm custom_call.absolute_positional_embedding "
        "custom_call.rotary_positional_embedding",
        "CustomOperationParserFactory",
        _own_parser,
        common=False,
    )
    return kernels


KERNELS = _kernels()
"""Operations that ML Drift has parsers for, by their name in the schema, or that of a custom operation or composite."""
