"""What ML Drift takes and computes otherwise than the CPU: found by asking LiteRT 2.3.0, not written in its source.

Each was seen over WebGPU with the whole graph on the GPU, in float32; ``tests/convert/lint`` holds a file for each.
"""

from __future__ import annotations

from sdkgen.convert.lint.checks import Check, Refusal, bhwc, operand, refuse
from sdkgen.tflite.graph import Operation

_RULE = "other-value"
_RANK = 4
_SIGN_BIT = 5


def find_other_value(operation: Operation) -> str:
    """Return why an operation that is taken comes out with another value than on the CPU; empty if it does not."""
    if (check := _CHECKS.get(operation.kind)) is None:
        return ""
    try:
        check(operation)
    except Refusal as refusal:
        return str(refusal)
    return ""


def _convolution(operation: Operation) -> None:
    source, weights = operand(operation, 0), operand(operation, 1)
    if weights.constant and source.shape[-1] != weights.shape[-1]:
        refuse(_RULE, f"a grouped convolution ({source.shape[-1]} channels, {weights.shape[-1]} a group)")


def _fully_connected(operation: Operation) -> None:
    source, weights = operand(operation, 0), operand(operation, 1)
    if not weights.constant:
        refuse(_RULE, "the weights are computed")
    if bhwc(source.shape)[3] != weights.shape[-1]:
        refuse(_RULE, f"it flattens its input: weights {weights.shape[-1]} wide for {bhwc(source.shape)[3]} channels")


def _pad(operation: Operation) -> None:
    source, paddings = operand(operation, 0), operand(operation, 1).integers()
    if source.rank != _RANK:
        refuse(_RULE, f"it pads a tensor of {source.rank} axes")
    if any(paddings[:2]):
        refuse(_RULE, "it pads the batch")
    if source.type in ("int32", "bool"):
        refuse(_RULE, f"it pads {source.type}")


def _cumsum(operation: Operation) -> None:
    if operation.option("exclusive") or operation.option("reverse"):
        refuse(_RULE, "its sum is exclusive or runs backwards")


def _softmax(operation: Operation) -> None:
    if operand(operation, 0).rank == 1:
        refuse(_RULE, "its input is a vector")


def _argmax(operation: Operation) -> None:
    if operand(operation, 0).type == "bool":
        refuse(_RULE, "it searches truth values")


def _shift(operation: Operation) -> None:
    if operand(operation, 0).constant:
        refuse(_RULE, "what is shifted is a constant")


def _transposed_convolution(operation: Operation) -> None:
    if 0 < operation.option("fusedActivationFunction") < _SIGN_BIT:
        refuse(_RULE, "its fused activation is left out")


_CHECKS: dict[str, Check] = {
    "ARG_MAX": _argmax,
    "CONV_2D": _convolution,
    "CUMSUM": _cumsum,
    "FULLY_CONNECTED": _fully_connected,
    "MIRROR_PAD": _pad,
    "PAD": _pad,
    "PADV2": _pad,
    "RIGHT_SHIFT": _shift,
    "SOFTMAX": _softmax,
    "STABLEHLO_SHIFT_LEFT": _shift,
    "TRANSPOSE_CONV": _transposed_convolution,
}
