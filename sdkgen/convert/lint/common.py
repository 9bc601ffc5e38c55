"""What both delegates ask of an operation: ``CheckGpuDelegateCompatibility`` in LiteRT's gpu_compatibility.cc."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from sdkgen.convert.lint.checks import (
    IMAGE_RANK,
    Check,
    Doubt,
    activation,
    constant_axes,
    count,
    is_broadcastable,
    one_or_two_operands,
    operand,
    positive,
    refuse,
    text,
)
from sdkgen.tflite.graph import Operation

_REFLECT = 0
_FLOATS = ("float16", "float32")
_SIZES = {"float64": 8, "int64": 8, "uint64": 8, "complex64": 8, "float32": 4, "int32": 4, "uint32": 4,
          "float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2, "int8": 1, "uint8": 1, "bool": 1}  # fmt: skip


def check(operation: Operation, *, enhanced_broadcast: bool = False) -> None:
    """Raise ``Refusal`` if neither delegate takes such an operation."""
    name = operation.name if operation.kind == "CUSTOM" else operation.kind
    if name in ("ADD", "MUL"):
        _add_or_multiply(operation, enhanced=enhanced_broadcast)
    elif (rule := _CHECKS.get(name)) is None:
        refuse("no-kernel", f"{operation.name} has no kernel for the GPU")
    else:
        rule(operation)


def _pass(operation: Operation) -> None:
    pass


def _add_or_multiply(operation: Operation, *, enhanced: bool) -> None:
    if len(operation.inputs) != 2:
        refuse("operand-count", f"it has {len(operation.inputs)} operands, not 2")
    first, second = operand(operation, 0).shape, operand(operation, 1).shape
    longer, shorter = sorted((first, second), key=len, reverse=True)
    if len(shorter) > 1 and len(longer) != len(shorter):
        simple = len(longer) == IMAGE_RANK and (
            (len(shorter) == 3 and longer[0] == 1)
            or (longer[0] == 1 and shorter == (1, 1))
            or (len(shorter) == 2 and shorter == (longer[0], longer[3]))
        )
        if not (is_broadcastable(longer, shorter) if enhanced else simple):
            refuse("operand-shapes", f"operands of {text(first)} and {text(second)} cannot be combined")
    if operation.kind == "MUL":
        activation(operation)


def _pool(operation: Operation) -> None:
    count(operation, computed=1, results=2 if operation.kind == "CUSTOM" else 1)
    if operation.kind == "CUSTOM":
        return  # its options are a C structure, which the file holds as it lay in memory
    positive(operation, "filterHeight", "filterWidth", "strideH", "strideW")
    activation(operation)


def _convolution_operands(operation: Operation) -> None:
    if not 1 <= len(operation.computed) <= 2:
        refuse("operand-count", f"{len(operation.computed)} operands are computed, not 1 or 2")
    count(operation, results=1)
    operand(operation, 1)


def _convolution(operation: Operation) -> None:
    _convolution_operands(operation)
    positive(operation, "strideH", "strideW", "dilationHFactor", "dilationWFactor")
    activation(operation)


def _depthwise(operation: Operation) -> None:
    _convolution(operation)
    source, weights, result = operand(operation, 0), operand(operation, 1), operation.outputs[0]
    for what, tensor in (("the input", source), ("the weights", weights), ("the result", result)):
        if tensor.rank != IMAGE_RANK:
            refuse("convolution-shapes", f"{what} has {tensor.rank} axes, not four")
    if source.shape[0] != result.shape[0]:
        refuse("convolution-shapes", "the batch changes")
    channels = source.shape[3] * operation.option("depthMultiplier")
    if not weights.shape[3] == result.shape[3] == channels:
        refuse("convolution-shapes", "channels, depth multiplier and weights contradict each other")
    if len(operation.inputs) > 2 and (bias := operation.inputs[2]) and bias.size != result.shape[3]:
        refuse("convolution-shapes", "there is not one bias a channel")


def _transposed_convolution(operation: Operation) -> None:
    if operation.kind == "CUSTOM":
        operand(operation, 1)
        return
    _convolution_operands(operation)
    positive(operation, "strideH", "strideW")


def _cumsum(operation: Operation) -> None:
    _operands(operation, 2)
    source, axis = operand(operation, 0), operand(operation, 1)
    if source.type not in _FLOATS or operation.outputs[0].type != source.type:
        refuse("tensor-type", f"it sums {source.type}, and the GPU floats alone")
    if not axis.constant or axis.type != "int32":
        refuse("axes", "the axis is no constant of 32 bits")


def _operands(operation: Operation, inputs: int, results: int = 1) -> None:
    if (len(operation.inputs), len(operation.outputs)) != (inputs, results):
        refuse("operand-count", f"it has {len(operation.inputs)} operands and {len(operation.outputs)} results")


def _one_hot(operation: Operation) -> None:
    _operands(operation, 4)
    indices, on, off = operand(operation, 0), operand(operation, 2), operand(operation, 3)
    if indices.type != "int32" or {on.type, off.type} != {"float32"}:
        refuse("one-hot", "indices must be 32-bit integers, the on and off values floats")
    axis = operation.option("axis")
    if axis != -1 and (not indices.shape or axis != indices.shape[-1]):
        refuse("one-hot", f"it spreads along axis {axis}, not along the last")
    inner = indices.shape[1 if indices.rank >= IMAGE_RANK else 0 : -1]
    if any(side != 1 for side in inner):
        refuse("one-hot", f"the indices have the shape {text(indices.shape)}: only batch and channels may exceed 1")
    if not (on.constant and off.constant) or max(on.rank, off.rank) > 1 or max(on.size, off.size) > 1:
        refuse("one-hot", "the on and off values are no constant scalars")


def select(operation: Operation) -> None:
    """Check what is chosen from: one number, or as many as the result has."""
    _operands(operation, 3)
    condition, result = operand(operation, 0), operation.outputs[0]
    if condition.type not in ("bool", *_FLOATS):
        refuse("select-operands", f"the condition is {condition.type}")
    for slot in (1, 2):
        tensor = operand(operation, slot)
        if tensor.rank and tensor.shape != result.shape and (tensor.rank > 1 or tensor.shape[0] > 1):
            refuse("select-operands", f"a choice of {text(tensor.shape)} for a result of {text(result.shape)}")


def _select(operation: Operation) -> None:
    select(operation)
    condition, result = operand(operation, 0), operation.outputs[0]
    offset = result.rank - condition.rank
    if condition.rank and (
        offset < 0 or any(a not in (b, 1) for a, b in zip(condition.shape, result.shape[offset:], strict=True))
    ):
        refuse("select-operands", f"a condition of {text(condition.shape)} for a result of {text(result.shape)}")
    if any(not operand(operation, slot).constant and operand(operation, slot).rank == 2 for slot in (1, 2)):
        refuse("select-operands", "a computed choice of two axes")


def _resampler(operation: Operation) -> None:
    count(operation, computed=2, results=1)
    source, warp = operand(operation, 0).shape, operand(operation, 1).shape
    if len(source) != IMAGE_RANK or len(warp) != IMAGE_RANK or source[0] != warp[0] or warp[3] < 2:
        refuse("operand-shapes", f"it warps {text(source)} by {text(warp)}")


def _bitcast(operation: Operation) -> None:
    count(operation, computed=1, results=1)
    source, result = operand(operation, 0), operation.outputs[0]
    sizes = [_SIZES.get(tensor.type) for tensor in (source, result)]
    if None in sizes:
        refuse("tensor-type", f"it casts {source.type} to {result.type}")
    before, after = (int(size or 0) for size in sizes)
    shapes = {0: (source.shape, result.shape)}
    expected: tuple[int, ...] | None = source.shape
    if before > after:
        expected = (*source.shape, before // after)
    elif before < after:
        expected = source.shape[:-1] if source.shape and source.shape[-1] * before == after else None
    if expected != result.shape:
        refuse("operand-shapes", f"casting {text(shapes[0][0])} to {text(shapes[0][1])} does not fit the types")


def _cast(operation: Operation) -> None:
    count(operation, computed=1, results=1)
    before, after = operand(operation, 0).type, operation.outputs[0].type
    bool_and_float = "bool" in (before, after) and (before in _FLOATS or after in _FLOATS)
    if not bool_and_float and not {before, after} <= {"float32", "int32"}:
        refuse("cast-type", f"it casts {before} to {after}, and the delegate float, int32 and bool only")


def _block(operation: Operation) -> None:
    count(operation, computed=1, results=1)
    if (size := operation.option("blockSize")) <= 1:
        refuse("block-size", f"the block size is {size}")


def _dequantize(operation: Operation) -> None:
    _operands(operation, 1)
    if operand(operation, 0).type == "int16":
        refuse("dequantize-int16", "it unpacks 16-bit integers")


def _embedding(operation: Operation) -> None:
    _operands(operation, 2)
    indices, table, result = operand(operation, 0), operand(operation, 1), operation.outputs[0]
    if indices.rank != 1:
        refuse("lookup", f"the indices have {indices.rank} axes, not one")
    if table.rank < 2 or table.rank != result.rank or table.shape[1:] != result.shape[1:]:
        refuse("lookup", f"a table of {text(table.shape)} for a result of {text(result.shape)}")
    if table.type not in ("int8", "int4", "int2", "float32"):
        refuse("weights-type", f"the table is {table.type}")


def _update_slice(operation: Operation) -> None:
    _operands(operation, 3)
    target, update, start = (operand(operation, slot) for slot in range(3))
    if target.type != update.type or target.rank != update.rank:
        refuse("update-slice", "what is updated and what it is updated with differ in type or number of axes")
    if start.rank != 1 or start.type != "int32":
        refuse("update-slice", f"the start is {start.type} with {start.rank} axes")


def _fully_connected(operation: Operation) -> None:
    if operation.option("weightsFormat") != 0:
        refuse("weights-format", "the weights are shuffled")
    if len(operation.computed) > 2:
        refuse("operand-count", f"{len(operation.computed)} operands are computed, 2 at most can be")
    if operand(operation, 0).constant:
        refuse("constant-input", "its input is a constant")
    if operation.option("keepNumDims") and operand(operation, 0).rank != operation.outputs[0].rank:
        refuse("operand-shapes", "keep_num_dims is set, and input and result differ in their number of axes")


def _gather(operation: Operation) -> None:
    one_or_two_operands(operation)
    indices = operand(operation, 1)
    if indices.rank != 1 or indices.type != "int32":
        refuse("gather-indices", f"the indices are {indices.type} with {indices.rank} axes")


def _lstm(operation: Operation) -> None:
    tanh, sigmoid_of_the_runtime = 4, 6
    if operation.option("kernelType") == 0:
        if len(operation.inputs) not in (20, 24):
            refuse("operand-count", f"it has {len(operation.inputs)} operands, not 20 or 24")
        count(operation, results=1)
        if operation.option("fusedActivationFunction") not in (tanh, sigmoid_of_the_runtime):
            refuse("lstm", "its activation is neither tanh nor sigmoid")
        return
    if (operand(operation, 1).constant or operand(operation, 4).constant) and operand(
        operation, 0
    ) in operation.computed:
        raise Doubt("its first state is a constant: the source refuses that, and the runtime has been seen to take it")
    count(operation, computed=3, constant=2, results=4)
    depth = operation.outputs[3].shape
    if depth and depth[-1] % 4:
        refuse("lstm", f"{depth[-1]} activations, which is no multiple of 4")
    if operation.option("fusedActivationFunction") != tanh:
        refuse("lstm", "its activation is not tanh")
    if operation.option("cellClip") or operation.option("projClip"):
        refuse("lstm", "it clips its state")


def _reduce(operation: Operation) -> None:
    count(operation, computed=1, constant=1, results=1)
    constant_axes(operation)


def _slice(operation: Operation) -> None:
    if len(operation.inputs) < 3:
        refuse("operand-count", f"it has {len(operation.inputs)} operands, not 3")
    _slice_rank(operation)


def _slice_rank(operation: Operation) -> None:
    if (rank := operand(operation, 0).rank) not in (3, IMAGE_RANK):
        refuse("slice-rank", f"the input has {rank} axes, neither three nor four")


def slice_masks(operation: Operation) -> None:
    """Check that a slice keeps all axes, and has begins, ends and strides."""
    if masks := [name for name in ("ellipsisMask", "newAxisMask", "shrinkAxisMask") if operation.option(name)]:
        refuse("slice-masks", f"the slice adds or drops axes ({', '.join(masks)})")
    if len(operation.inputs) < 4:
        refuse("operand-count", f"it has {len(operation.inputs)} operands, not 4")


def _strided_slice(operation: Operation) -> None:
    slice_masks(operation)
    _slice_rank(operation)


def _softmax(operation: Operation) -> None:
    if (beta := operation.option("beta")) != 1:
        refuse("softmax-beta", f"beta is {beta:g}")


def _resize(operation: Operation) -> None:
    count(operation, computed=1, results=1)
    both = operation.option("alignCorners") and operation.option("halfPixelCenters")
    if operation.kind == "RESIZE_BILINEAR" and both:
        refuse("resize-corners", "align_corners and half_pixel_centers exclude each other")


def _pad(operation: Operation) -> None:
    if operation.kind == "MIRROR_PAD" and operation.option("mode") != _REFLECT:
        refuse("mirror-mode", "it mirrors the edge too (SYMMETRIC)")
    count(operation, computed=1, results=1)
    if (shape := operand(operation, 1).shape) not in ((3, 2), (4, 2)):
        refuse("paddings", f"the paddings are of {text(shape)} numbers, not 3 × 2 or 4 × 2")


def _with_activation(operation: Operation) -> None:
    one_or_two_operands(operation)
    if operation.kind in ("DIV", "SUB"):
        activation(operation)


def _broadcast(operation: Operation) -> None:
    count(operation, computed=1, constant=1, results=1)
    source, indices = operand(operation, 0), operand(operation, 1)
    if indices.rank != 1 or indices.type != "int32" or indices.shape != (source.rank,):
        refuse("axes", "there is not one 32-bit axis for each of the operand's")


def _cube_root(operation: Operation) -> None:
    count(operation, computed=1, constant=0, results=1)
    kind = operand(operation, 0).type
    if kind not in ("bfloat16", *_FLOATS) or operation.outputs[0].type != kind:
        refuse("tensor-type", f"it takes the root of {kind}")


def _clamp(operation: Operation) -> None:
    count(operation, computed=3, constant=0, results=1)
    low, source, high = (operand(operation, slot) for slot in range(3))
    if not low.type == source.type == high.type:
        refuse("tensor-type", "the limits are of another type than the values")
    if (low.shape != source.shape and low.size != 1) or (high.shape != source.shape and low.size != 1):
        refuse("operand-shapes", "the limits have another shape than the values")


def _each(names: str, rule: Check) -> Iterator[tuple[str, Check]]:
    return ((name, rule) for name in names.split())


_CHECKS: dict[str, Check] = dict(
    pair
    for pairs in (
        _each("PACK PRELU RELU RELU6 RELU_N1_TO_1 LEAKY_RELU SPLIT SPLIT_V CONCATENATION", _pass),
        _each("ADD_N BATCH_MATMUL", partial(_operands, inputs=2)),
        _each("AVERAGE_POOL_2D MAX_POOL_2D MaxPoolingWithArgmax2D", _pool),
        _each("CONV_2D", _convolution),
        _each("DEPTHWISE_CONV_2D", _depthwise),
        _each("TRANSPOSE_CONV Convolution2DTransposeBias", _transposed_convolution),
        _each("MaxUnpooling2D", partial(count, computed=2, results=1)),
        _each("Resampler", _resampler),
        _each("BITCAST", _bitcast),
        _each("CAST", _cast),
        _each("CUMSUM", _cumsum),
        _each("DENSIFY", partial(count, computed=0, results=1)),
        _each("DEPTH_TO_SPACE SPACE_TO_DEPTH", _block),
        _each("DEQUANTIZE", _dequantize),
        _each("EMBEDDING_LOOKUP", _embedding),
        _each("DYNAMIC_UPDATE_SLICE", _update_slice),
        _each("FULLY_CONNECTED", _fully_connected),
        _each("GATHER", _gather),
        _each("LSTM", _lstm),
        _each("HARD_SWISH QUANTIZE RESHAPE TILE TRANSPOSE", partial(count, computed=1, results=1)),
        _each("TOPK_V2", partial(count, computed=1, results=2)),
        _each("MEAN SUM REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD REVERSE_V2", _reduce),
        _each("ONE_HOT", _one_hot),
        _each("SELECT SELECT_V2", _select),
        _each("SLICE", _slice),
        _each("STRIDED_SLICE", _strided_slice),
        _each("SOFTMAX", _softmax),
        _each("RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR", _resize),
        _each("PAD PADV2 MIRROR_PAD", _pad),
        _each(
            "ABS CEIL COS ELU EXP FLOOR GELU LOG LOGICAL_NOT LOGISTIC NEG ROUND RSQRT SIGN SIN SQRT SQUARE TANH",
            partial(count, computed=1, constant=0, results=1),
        ),
        _each(
            "ATAN2 DIV EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL LOGICAL_AND LOGICAL_OR LESS LESS_EQUAL MAXIMUM "
            "MINIMUM NOT_EQUAL POW RIGHT_SHIFT STABLEHLO_REMAINDER STABLEHLO_SHIFT_LEFT SQUARED_DIFFERENCE SUB",
            _with_activation,
        ),
        _each("STABLEHLO_BROADCAST_IN_DIM", _broadcast),
        _each("STABLEHLO_CBRT", _cube_root),
        _each("STABLEHLO_CLAMP", _clamp),
    )
    for pair in pairs
)
