"""Operations on each element, and means: ADD, SUB, MUL, activations, PRELU, SOFTMAX, MEAN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (torch's own customary name)
from torch import Tensor, fx, nn

from sdkgen.network.imported.builder import TO_PLANES, Builder, Unsupported, Value, parameter
from sdkgen.tflite.graph import DamagedError, Operation

_IMAGE = len(TO_PLANES)


def _binary(function: Callable[..., Any]) -> Callable[[Builder, Operation], None]:
    def build(builder: Builder, operation: Operation) -> None:
        sides = [_side(builder, operation, slot) for slot in (0, 1)]
        shapes = [side.shape if isinstance(side, Value) else side for side in sides]
        try:
            shape = tuple(np.broadcast_shapes(*shapes))
        except ValueError as error:
            raise DamagedError(f"operation {operation.index} cannot combine {shapes[0]} with {shapes[1]}") from error
        computed = [side for side in sides if isinstance(side, Value)]
        planes = len(shape) == _IMAGE and any(side.planes for side in computed)
        nodes = [_arranged(builder, operation, slot, side, planes) for slot, side in enumerate(sides)]
        builder.give(operation, builder.call(function, *nodes), shape, planes=planes)

    return build


def _side(builder: Builder, operation: Operation, slot: int) -> Value | tuple[int, ...]:
    """Return a computed operand, or the shape of a constant one."""
    if builder.is_constant(operation, slot):
        return builder.constant(operation, slot).shape
    return builder.operand(operation, slot)


def _arranged(
    builder: Builder, operation: Operation, slot: int, side: Value | tuple[int, ...], planes: bool
) -> fx.Node | float:
    """Return an operand in the order of axes that the result has; a constant of one element is a number."""
    if not isinstance(side, Value):
        numbers = builder.constant(operation, slot)
        if numbers.size == 1 and numbers.ndim == 0:
            return float(numbers)
        if planes:
            numbers = numbers.reshape((1,) * (_IMAGE - numbers.ndim) + numbers.shape).transpose(TO_PLANES)
        return builder.parameter(operation, slot, numbers)
    if not planes:
        return builder.to_rows(side)
    if side.rank < _IMAGE:
        shape = (1,) * (_IMAGE - side.rank) + side.shape
        side = Value(builder.call(torch.reshape, side.node, shape), shape)
    return builder.to_planes(side)


def _unary(function: Callable[..., Any]) -> Callable[[Builder, Operation], None]:
    def build(builder: Builder, operation: Operation) -> None:
        x = builder.operand(operation)
        builder.give(operation, builder.call(function, x.node), x.shape, planes=x.planes)

    return build


def prelu(builder: Builder, operation: Operation) -> None:
    """Add PRELU: alpha is one number a channel, or an array that is broadcast."""
    x, alpha = builder.operand(operation), builder.constant(operation, 1)
    _check_broadcast(operation, x, alpha.shape)
    channels = x.shape[-1] if x.rank else 1
    if x.planes and alpha.size == channels and alpha.shape[-1:] == (channels,):
        with torch.device("meta"):
            layer = nn.PReLU(channels)
        layer.weight = parameter(alpha.reshape(-1))
        node = builder.layer(operation, layer, x.node)
    else:
        if x.planes:
            alpha = alpha.reshape((1,) * (_IMAGE - alpha.ndim) + alpha.shape).transpose(TO_PLANES)
        node = builder.call(leak, x.node, builder.parameter(operation, 1, alpha))
    builder.give(operation, node, x.shape, planes=x.planes)


def leak(x: Tensor, alpha: Tensor) -> Tensor:
    """Return x where it is positive, alpha × x elsewhere; ``alpha`` is broadcast."""
    return F.relu(x) + alpha * torch.clamp(x, max=0.0)


def softmax(builder: Builder, operation: Operation) -> None:
    """Add SOFTMAX over the last axis."""
    x = builder.operand(operation)
    if not x.rank:
        raise DamagedError(f"operation {operation.index} has no axis to sum over")
    beta = float(operation.option("beta"))
    node = x.node if beta == 1.0 else builder.call(torch.mul, x.node, beta)
    builder.give(operation, builder.call(torch.softmax, node, x.axis(x.rank - 1)), x.shape, planes=x.planes)


def mean(builder: Builder, operation: Operation) -> None:
    """Add MEAN over given axes."""
    x, keep = builder.operand(operation), bool(operation.option("keepDims"))
    axes = sorted({check_axis(operation, axis, x.rank) for axis in builder.integers(operation, 1)})
    if not axes:
        raise Unsupported("over no axis")
    shape = [1 if axis in axes else side for axis, side in enumerate(x.shape) if keep or axis not in axes]
    # Without height and width both orders of axes are the same.
    in_order = keep or axes == [1, 2] or not x.planes
    node = x.node if in_order else builder.to_rows(x)
    places = [x.axis(axis) for axis in axes] if in_order else axes
    node = builder.call(torch.mean, node, places, keep)
    builder.give(operation, node, shape, planes=x.planes and keep)


def check_axis(operation: Operation, axis: int, rank: int) -> int:
    """Return an axis counted from the first.

    Raises ``DamagedError`` if there is no such axis.
    """
    if not -rank <= axis < rank:
        raise DamagedError(f"operation {operation.index} names axis {axis} of {rank}")
    return axis % rank


def _check_broadcast(operation: Operation, x: Value, shape: tuple[int, ...]) -> None:
    try:
        fits = np.broadcast_shapes(x.shape, shape) == x.shape
    except ValueError:
        fits = False
    if not fits:
        raise DamagedError(f"operation {operation.index} cannot combine {x.shape} with {shape}")


OPERATIONS: dict[str, Callable[[Builder, Operation], None]] = {
    "ADD": _binary(torch.add),
    "SUB": _binary(torch.sub),
    "MUL": _binary(torch.mul),
    "RELU": _unary(F.relu),
    "RELU6": _unary(F.relu6),
    "HARD_SWISH": _unary(F.hardswish),
    "LOGISTIC": _unary(torch.sigmoid),
    "TANH": _unary(torch.tanh),
    "PRELU": prelu,
    "SOFTMAX": softmax,
    "MEAN": mean,
}
