"""ML Drift's checks of convolutions, matrices, normalisation and quantisation; see ``ml_drift``."""

from __future__ import annotations

from sdkgen.convert.lint.checks import (
    IMAGE_RANK,
    Doubt,
    activation,
    bhwc,
    check_constant_input,
    check_first,
    is_linear,
    numbers,
    operand,
    refuse,
    text,
    value,
    values,
)
from sdkgen.tflite.graph import Operation, Tensor


def check_matmul(operation: Operation) -> None:
    """Check BATCH_MATMUL: two computed operands, or one and stored weights."""
    check_first(operation)
    if len(operation.computed) == 1:
        numbers(operation, 1, "the weights", (2, 3, 4))
    elif len(operation.computed) == 2:
        values(operation, 1)
    else:
        refuse("constant-input", "both operands are constants")


def check_convolution(operation: Operation) -> None:
    """Check CONV_2D."""
    values(operation, 0, results=True)
    if operand(operation, 0).constant:
        refuse("constant-input", "its input is a constant")
    weights = operand(operation, 1)
    if len(operation.computed) == 2:
        value(weights)
    elif weights.constant:
        check_weights(operation)
    check_bias(operation)
    activation(operation)


def check_bias(operation: Operation) -> None:
    """Check that a bias is stored: the source lets a computed one through, and the compiler ends the process."""
    if len(operation.inputs) > 2 and (tensor := operation.inputs[2]) and not tensor.constant:
        refuse("computed-weights", "the bias is computed")


def check_weights(operation: Operation) -> None:
    """Check weights of four axes in the second operand."""
    tensor = numbers(operation, 1, "the weights", (4,))
    if tensor.type in ("int8", "uint8", "int4") and not tensor.scales:
        refuse("quantization", f"the weights are {tensor.type} and have no scale")


def check_depthwise(operation: Operation) -> None:
    """Check DEPTHWISE_CONV_2D."""
    values(operation, 0, results=True)
    if len(operation.computed) == 2:
        values(operation, 1)
    else:
        check_weights(operation)
    check_bias(operation)
    activation(operation)


def check_dequantize(operation: Operation) -> None:
    """Check DEQUANTIZE: of stored weights, or of a computed tensor with one scale."""
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


def check_embedding(operation: Operation) -> None:
    """Check EMBEDDING_LOOKUP."""
    table = operand(operation, 1)
    check_constant_input(operation)
    if not table.constant:
        refuse("computed-weights", "the table is computed")
    if operation.outputs[0].type not in ("float32", "float16"):
        raise Doubt(f"its result is {operation.outputs[0].type}, which the runtime has been seen to crash on")
    if table.type != "float32" and not table.scales:
        refuse("quantization", f"the table is {table.type} and has no scale")
    if table.type != "float32":
        check_quantized_matrix(table)
    check_first(operation)


def check_quantized_matrix(tensor: Tensor) -> None:
    """Check packed weights: signed, with scales, of two axes or with height and width 1."""
    if not tensor.scales:
        refuse("quantization", f"the weights are {tensor.type} and have no scale")
    if tensor.type not in ("int8", "int4", "int2"):
        refuse("weights-type", f"the weights are stored as {tensor.type}")
    if tensor.rank not in (2, 4) or (tensor.rank == IMAGE_RANK and tensor.shape[1:3] != (1, 1)):
        refuse("weights-shape", f"the weights are stored with the shape {text(tensor.shape)}")


def check_fully_connected(operation: Operation) -> None:
    """Check FULLY_CONNECTED."""
    values(operation, 0, results=True)
    weights = operand(operation, 1)
    if weights.scales and not weights.blockwise:
        check_quantized_matrix(weights)
    elif not weights.blockwise:
        value(weights)
    check_bias(operation)
    activation(operation)


_LSTM_GATES = ((2, 6, 10, 13, 21), (1, 5, 9, 12, 20), (3, 7, None, 14, 22), (4, 8, 11, 15, 23))
"""Slots of the forget, input, cell and output gates: weights of input, of state and of cell, bias, normalisation."""

_LSTM_INPUT_WEIGHTS, _LSTM_CELL_TO_FORGET, _LSTM_STATES = 1, 10, (18, 19)


def check_lstm(operation: Operation) -> None:
    """Check LSTM: the basic kernel, or the full one with layer normalisation."""
    if operation.option("kernelType") != 0:
        numbers(operation, 2, "the weights", (2,))
        values(operation, 0, 1, 4, results=True)
        for tensor in operation.computed:
            if tensor.rank > 2:
                refuse("lstm", f"its input or state has {tensor.rank} axes")
            if tensor.type in ("int8", "uint8") and not tensor.scales:
                refuse("quantization", f"its input or state is {tensor.type} and has no scale")
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


def check_prelu(operation: Operation) -> None:
    """Check PRELU: alpha is stored, one number a channel or an element."""
    check_first(operation)
    check_constant_input(operation)
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


def check_pool(operation: Operation) -> None:
    """Check pooling."""
    check_first(operation)
    if operation.kind != "CUSTOM":
        activation(operation)


def check_quantize(operation: Operation) -> None:
    """Check QUANTIZE."""
    check_first(operation)
    if not operation.outputs[0].scales:
        refuse("quantization", "its result has no scale")


def check_transposed_convolution(operation: Operation, source: int) -> None:
    """Check TRANSPOSE_CONV and its custom form; ``source`` is the slot of the input."""
    values(operation, source, results=True)
    if operation.kind == "CUSTOM":
        check_constant_input(operation)
        check_bias(operation)
    if len(operation.computed) == 2 and operation.kind != "CUSTOM":
        values(operation, 1)
    else:
        check_weights(operation)


def check_norm(operation: Operation, *, groups: bool = False) -> None:
    """Check a composite that normalises: scale and bias are one number a channel."""
    source = operand(operation, 0)
    if source.rank > IMAGE_RANK:
        refuse("tensor-rank", f"the input has {source.rank} axes")
    for tensor in operation.present[1:]:
        if tensor.rank != 1 or tensor.shape[0] != source.shape[-1]:
            refuse("norm", "scale or bias is not one number a channel")
    needed = ("num_groups", "epsilon") if groups else ("epsilon",)
    if missing := [name for name in needed if operation.attributes.get(name) is None]:
        refuse("norm", f"the attribute {missing[0]} is missing")
    if groups and operation.attributes.get("channel_axis") not in (None, source.rank - 1):
        refuse("norm", "the channels are not the last axis")


def check_group_or_layer_norm(operation: Operation) -> None:
    """Check odml.group_norm, which stands for layer normalisation too."""
    given = operation.attributes
    groups = given["sub_type"] == 0 if "sub_type" in given else "_TENSOR_V1_reduction_axes" in given
    check_norm(operation, groups=groups)


def check_rms_norm(operation: Operation) -> None:
    """Check odml.rms_norm."""
    check_first(operation)
    if len(operation.inputs) > 1:
        scale = numbers(operation, 1, "the scale", range(1, 5))
        if not is_linear(scale.shape) or scale.shape[-1] != bhwc(operand(operation, 0).shape)[3]:
            refuse("norm", "the scale is not one number a channel")


def check_attention(operation: Operation) -> None:
    """Check odml.scaled_dot_product_attention."""
    if len(operation.inputs) not in (3, 4):
        refuse("operand-count", f"it has {len(operation.inputs)} operands, not 3 or 4")
    q, k, v = (bhwc(operand(operation, slot).shape) for slot in range(3))
    if not q[3] == k[3] == v[3] or k != v:
        refuse("operand-shapes", "queries, keys and values differ in their channels, or keys and values in shape")
    if len(operation.inputs) == 4 and bhwc(operand(operation, 3).shape)[3] != k[1]:
        refuse("operand-shapes", "the mask does not cover the keys")
