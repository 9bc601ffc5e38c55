"""ML Drift's checks of operations that gather, slice, reduce and move; see ``ml_drift``."""

from __future__ import annotations

from sdkgen.convert.lint import common
from sdkgen.convert.lint.checks import (
    IMAGE_RANK,
    Doubt,
    Refusal,
    axis,
    bhwc,
    check_constant_input,
    check_first,
    check_first_two,
    count,
    integers,
    numbers,
    operand,
    refuse,
    text,
    value,
    values,
)
from sdkgen.tflite.graph import Operation


def check_argmax(operation: Operation) -> None:
    """Check ARG_MAX: one stored axis."""
    count(operation, computed=1, constant=1, results=1)
    check_first(operation)
    dimension = operand(operation, 1)
    if dimension.size != 1:
        refuse("axes", "there is not one axis")
    if dimension.type == "float16" or len(dimension.data) != 4:
        refuse("axes", f"the axis is stored as {dimension.type}, not as 32-bit integer")
    axis(operand(operation, 0), dimension.integers()[0])


def check_broadcast(operation: Operation) -> None:
    """Check STABLEHLO_BROADCAST_IN_DIM."""
    source, result = operand(operation, 0), operation.outputs[0]
    if not 0 < source.rank < IMAGE_RANK + 1 or not 0 < result.rank < IMAGE_RANK + 1:
        refuse("tensor-rank", "an operand has no axis or more than four")
    places = integers(operation, 1, "axes", "the axes")
    if len(set(places)) != len(places) or any(not 0 <= place < result.rank for place in places):
        refuse("axes", "the axes are not distinct axes of the result")
    if any(side not in (1, result.shape[place]) for side, place in zip(source.shape, places, strict=False)):
        refuse("operand-shapes", f"{text(source.shape)} does not broadcast to {text(result.shape)}")


def check_concatenate(operation: Operation) -> None:
    """Check CONCATENATION: the axis shows in the shapes."""
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


def check_cumsum(operation: Operation) -> None:
    """Check CUMSUM."""
    check_constant_input(operation)
    check_first(operation)


def check_update_slice(operation: Operation) -> None:
    """Check DYNAMIC_UPDATE_SLICE."""
    values(operation, 0, 1, 2, results=True)
    check_constant_input(operation, 0)
    check_constant_input(operation, 1)
    target, update, start = (operand(operation, slot) for slot in range(3))
    if start.constant:
        refuse("update-slice", "the start is a constant")
    if any(not 0 < tensor.rank <= IMAGE_RANK for tensor in (target, update, start, *operation.outputs)):
        refuse("tensor-rank", "an operand has no axis or more than four")
    if any(a > b for a, b in zip(update.shape, target.shape, strict=True)):
        refuse("update-slice", "the update is larger than what it updates")


def check_gather(operation: Operation) -> None:
    """Check GATHER."""
    check_first_two(operation)
    if operand(operation, 0).type != operation.outputs[0].type:
        refuse("tensor-type", "input and result are of different types")


def check_one_hot(operation: Operation) -> None:
    """Check ONE_HOT."""
    if len(operation.inputs) < 4:
        refuse("operand-count", f"it has {len(operation.inputs)} operands, not 4")
    count(operation, results=1)
    check_constant_input(operation)
    if not all(operand(operation, slot).constant for slot in (2, 3)):
        refuse("one-hot", "the on or off value is computed")
    indices, wanted = operand(operation, 0), operation.option("axis")
    if operation.options is not None and wanted != -1 and (not indices.rank or wanted != indices.shape[-1]):
        refuse("one-hot", f"it spreads along axis {wanted}, not along the last")
    if indices.rank >= IMAGE_RANK and indices.shape[3] != 1:
        refuse("one-hot", f"the indices have {indices.shape[3]} channels")
    value(indices)


def check_pack(operation: Operation) -> None:
    """Check PACK."""
    if len(operation.inputs) == 1:
        check_first(operation)
        return
    for slot in range(len(operation.inputs)):
        check_value_or_constant(operation, slot)
    axis(operation.outputs[0], operation.option("axis"))
    value(operation.outputs[0])


def check_value_or_constant(operation: Operation, slot: int) -> None:
    """Check that an operand can be a value, or a constant that the delegate stores."""
    try:
        values(operation, slot)
    except Refusal:
        tensor = operand(operation, slot)
        if not tensor.constant or tensor.type not in ("float32", "bool", "int32"):
            raise


def check_pad(operation: Operation) -> None:
    """Check PAD, PADV2 and MIRROR_PAD: paddings and filler are stored."""
    check_first(operation)
    paddings = operand(operation, 1)
    if not paddings.constant:
        refuse("paddings", "the paddings are computed")
    if len(paddings.data) != 4 * paddings.size:
        refuse("paddings", f"the paddings are stored as {paddings.type}, not as 32-bit integers")
    if operation.kind == "PADV2" and len(operation.inputs) == 3:
        filler = numbers(operation, 2, "the value to pad with", range(5))
        if filler.size != 1:
            refuse("paddings", "what it pads with is no scalar")


def check_reduce(operation: Operation) -> None:
    """Check reductions and REVERSE_V2: the stored axes are the tensor's."""
    check_first(operation)
    for index in operand(operation, 1).integers():
        axis(operand(operation, 0), index)


def check_select(operation: Operation) -> None:
    """Check SELECT."""
    common.select(operation)
    for slot in range(3):
        check_value_or_constant(operation, slot)
    for tensor in operation.outputs:
        value(tensor)
    if operand(operation, 0).type != "bool":
        raise Doubt("the condition is no bool: the source takes floats, and the runtime has been seen to refuse them")


def check_slice(operation: Operation) -> None:
    """Check SLICE: begins and sizes are stored and fit the result."""
    if len(operation.inputs) < 3:
        refuse("operand-count", f"it has {len(operation.inputs)} operands, not 3")
    check_first(operation)
    source, result = operand(operation, 0), operation.outputs[0]
    if source.constant:
        refuse("constant-input", "its input is a constant")
    starts = integers(operation, 1, "slice-range", "the begins")
    sizes = integers(operation, 2, "slice-range", "the sizes")
    if len(starts) != len(sizes):
        refuse("slice-range", f"{len(starts)} begins and {len(sizes)} sizes")
    if not 0 < source.rank <= IMAGE_RANK:
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


def check_strided_slice(operation: Operation) -> None:
    """Check STRIDED_SLICE: begins, ends and strides are stored, run forward and fit the result."""
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
    check_first(operation)


def check_split(operation: Operation, source: int, places: int) -> None:
    """Check SPLIT and SPLIT_V; ``source`` and ``places`` are the slots of input and axis."""
    if operation.option("numSplits") == 1:
        values(operation, 0, results=True)
        return
    if operation.kind == "SPLIT_V":
        count(operation, computed=1, constant=2)
    values(operation, source, results=True)
    check_constant_input(operation, source)
    where = operand(operation, places)
    if not where.constant:
        refuse("axes", "the axis is computed")
    axis(operand(operation, source), (where.integers() or [0])[0])


def check_top_k(operation: Operation) -> None:
    """Check TOPK_V2: k is stored."""
    check_first(operation)
    if not operand(operation, 1).constant or operand(operation, 1).size != 1:
        refuse("top-k", "k is no constant scalar")
    count(operation, results=2)


def check_transpose(operation: Operation) -> None:
    """Check TRANSPOSE by a stored permutation."""
    check_first(operation)
    if not 2 <= len(places := integers(operation, 1, "permutation", "the permutation")) <= IMAGE_RANK:
        refuse("permutation", f"it permutes {len(places)} axes")


def check_unpack(operation: Operation) -> None:
    """Check UNPACK."""
    values(operation, 0, results=True)
    check_constant_input(operation)
    if operation.option("num") != 1:
        axis(operand(operation, 0), operation.option("axis"))
