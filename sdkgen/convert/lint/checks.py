"""What a delegate's check says: ``Refusal`` is raised by the first rule that an operation breaks, as the delegates do.

Here are the questions that many operations share; ``common`` holds what both delegates ask of each operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NoReturn, TypeAlias

from sdkgen.tflite.graph import Operation, Tensor

Check: TypeAlias = Callable[[Operation], None]

ACTIVATIONS = ("none", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
"""Fused activations by their number in the schema; SIGN_BIT has no kernel on a GPU."""

IMAGE_RANK = 4
"""The axes of an image, (N, H, W, C): the most that many kernels of ML Drift take."""

_SIGN_BIT = ACTIVATIONS.index("SIGN_BIT")
_LARGEST_RANK = 5


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    """The delegate refuses the operation by ``rule``, for the reason in the message."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


class Doubt(Exception):  # noqa: N818 - an answer, not an error
    """Whether the delegate takes the operation cannot be told from the file."""


def refuse(rule: str, message: str) -> NoReturn:
    """Raise the refusal."""
    raise Refusal(rule, message)


def operand(operation: Operation, slot: int) -> Tensor:
    """Return the operand in ``slot``, which must be there."""
    tensor = operation.inputs[slot] if slot < len(operation.inputs) else None
    return tensor or refuse("operand-count", f"operand {slot} is left out")


def count(
    operation: Operation, *, computed: int | None = None, constant: int | None = None, results: int | None = None
) -> None:
    """Check how many operands are computed, how many stored, and how many results there are."""
    for expected, found, what in (
        (computed, len(operation.computed), "operands that are computed"),
        (constant, len(operation.inputs) - len(operation.computed), "operands that are constants"),
        (results, len(operation.outputs), "results"),
    ):
        if expected is not None and found != expected:
            refuse("operand-count", f"it has {found} {what}, not {expected}")


def one_or_two_operands(operation: Operation) -> None:
    """Check that there is one result of two operands, one of which may be stored."""
    kinds = len(operation.computed), len(operation.inputs) - len(operation.computed)
    if kinds not in ((2, 0), (1, 1)) or len(operation.outputs) != 1:
        refuse("operand-count", f"it has {kinds[0]} computed and {kinds[1]} constant operands")


def activation(operation: Operation) -> None:
    """Check that a GPU has the fused activation."""
    number = operation.option("fusedActivationFunction")
    if not 0 <= number < _SIGN_BIT:
        name = ACTIVATIONS[number] if number == _SIGN_BIT else number
        refuse("activation", f"the fused activation {name} has no kernel")


def positive(operation: Operation, *names: str) -> None:
    """Check that strides, dilations or windows are positive."""
    if wrong := {name: operation.option(name) for name in names if operation.option(name) <= 0}:
        refuse("strides", "; ".join(f"{name} is {value}" for name, value in wrong.items()))


def value(tensor: Tensor) -> None:
    """Check that a tensor can be a value on the GPU: its rank, and one scale for all of it if it is quantised."""
    if tensor.rank > _LARGEST_RANK:
        refuse("tensor-rank", f"a tensor has {tensor.rank} axes")
    if tensor.type in ("int8", "uint8") and tensor.scales > 1 and not tensor.blockwise:
        refuse("quantization", f"a tensor that is no weight has {tensor.scales} scales instead of one")


def values(operation: Operation, *slots: int, results: bool = False) -> None:
    """Check operands, and with ``results`` all results."""
    for slot in slots:
        value(operand(operation, slot))
    if results:
        for tensor in operation.outputs:
            value(tensor)


def integers(operation: Operation, slot: int, rule: str, what: str) -> list[int]:
    """Return the 32-bit integers stored in an operand of one axis (or whose other axes are 1)."""
    tensor = operand(operation, slot)
    if not tensor.constant:
        refuse(rule, f"{what} are computed")
    if tensor.sparse:
        refuse("sparse-weights", f"{what} are stored sparse")
    if tensor.type == "float16" or len(tensor.data) != 4 * tensor.size:
        refuse(rule, f"{what} are stored as {tensor.type}, not as 32-bit integers")
    if not is_linear(tensor.shape):
        refuse(rule, f"{what} are stored with the shape {text(tensor.shape)}, not along one axis")
    return tensor.integers()


def numbers(operation: Operation, slot: int, what: str, ranks: Iterable[int]) -> Tensor:
    """Return an operand that is stored as numbers which the delegate can turn into floats."""
    tensor = operand(operation, slot)
    if not tensor.constant:
        refuse("computed-weights", f"{what} are computed")
    if tensor.sparse:
        refuse("sparse-weights", f"{what} are stored sparse")
    if tensor.type not in ("float32", "float16", "int4", "int8", "uint8", "int32"):
        refuse("weights-type", f"{what} are stored as {tensor.type}")
    if tensor.rank not in tuple(ranks):
        refuse("weights-shape", f"{what} are stored with the shape {text(tensor.shape)}")
    return tensor


def axis(tensor: Tensor, index: int) -> int:
    """Return the axis ``index``, which may count from the end."""
    index += tensor.rank if index < 0 else 0
    if not 0 <= index < tensor.rank:
        refuse("axes", f"axis {index} of a tensor with {tensor.rank} axes")
    if tensor.rank >= _LARGEST_RANK:
        refuse("tensor-rank", f"a tensor has {tensor.rank} axes")
    return index


def constant_axes(operation: Operation, slot: int = 1) -> None:
    """Check that the axes are stored, as 32-bit integers."""
    tensor = operand(operation, slot)
    if not tensor.constant:
        refuse("axes", "the axes are computed")
    if tensor.type != "int32":
        refuse("axes", f"the axes are stored as {tensor.type}, not as 32-bit integers")


def is_linear(shape: tuple[int, ...]) -> bool:
    """Whether all axes but the last are 1."""
    return len(shape) > 0 and all(side == 1 for side in shape[:-1])


def is_broadcastable(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Whether the shapes agree from the last axis on, or one side is 1."""
    return all(a in (b, 1) or b == 1 for a, b in zip(reversed(first), reversed(second), strict=False))


def bhwc(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return a shape as the delegates see it: batch, height, width, channels; what is missing is 1."""
    b, h, w, c = (
        ((1, 1, 1, 1), (*shape, 1, 1, 1), (*shape[:1], 1, 1, *shape[1:]), (*shape[:1], 1, *shape[1:]))[len(shape)]
        if len(shape) < 4
        else shape[:4]
    )
    return b, h, w, c


def text(shape: tuple[int, ...]) -> str:
    """Return a shape as people write it."""
    return " × ".join(map(str, shape)) or "a scalar's"


def check_first(operation: Operation) -> None:
    """Check that the first operand and the results can be values."""
    values(operation, 0, results=True)


def check_first_two(operation: Operation) -> None:
    """Check that the first two operands and the results can be values."""
    values(operation, 0, 1, results=True)


def check_constant_input(operation: Operation, slot: int = 0) -> None:
    """Check that the operand is computed: the source lets a constant through, and the compiler ends the process."""
    if operand(operation, slot).constant:
        refuse("constant-input", "its input is a constant")
