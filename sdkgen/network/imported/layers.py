"""Layers with a window or with weights: convolutions, pooling, FULLY_CONNECTED, with TensorFlow's padding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (torch's own customary name)
from numpy.typing import NDArray
from torch import fx, nn

from sdkgen.network.imported.builder import Builder, Unsupported, Value, parameter
from sdkgen.tflite.constants import LARGEST
from sdkgen.tflite.graph import DamagedError, Operation

_SAME, _VALID = 0, 1
_LOWEST = float(np.finfo(np.float32).min)
"""What maxima are taken of outside the image: TFLite's own, and unlike minus infinity a number that files can hold."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """How a window of ``kernel`` moves over an image: height first, as everywhere in this module."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    out: Pair
    before: Pair
    after: Pair

    @property
    def is_even(self) -> bool:
        """Whether as much is padded before as after."""
        return self.before == self.after

    def pad(self, builder: Builder, node: fx.Node, value: float = 0.0) -> fx.Node:
        """Return the padded image."""
        if not any((*self.before, *self.after)):
            return node
        edges = [self.before[1], self.after[1], self.before[0], self.after[0]]
        return builder.call(F.pad, node, edges, value=value)


def window(operation: Operation, shape: tuple[int, ...], kernel: Pair, dilation: Pair = (1, 1)) -> Window:
    """Return the window over an image (N, H, W, C) as the operation's options have it."""
    stride = int(operation.option("strideH")), int(operation.option("strideW"))
    padding = int(operation.option("padding"))
    if len(shape) != 4 or min(*stride, *kernel, *dilation) < 1 or padding not in (_SAME, _VALID):
        raise DamagedError(f"operation {operation.index} moves {kernel} by {stride} over {shape}")
    out, before, after = [], [], []
    for side, step, size, apart in zip(shape[1:3], stride, kernel, dilation, strict=True):
        extent = (size - 1) * apart + 1
        places = -(-side // step) if padding == _SAME else (side - extent) // step + 1
        total = max((places - 1) * step + extent - side, 0) if padding == _SAME else 0
        out.append(places)
        before.append(total // 2)
        after.append(total - total // 2)
    if min(out) < 1 or max(before + after) > LARGEST:
        raise DamagedError(f"the window of operation {operation.index} does not fit into {shape}")
    pairs = [cast("Pair", tuple(part)) for part in (out, before, after)]
    return Window(kernel, stride, dilation, *pairs)


def conv_2d(builder: Builder, operation: Operation) -> None:
    """Add CONV_2D; its weights are (outputs, kh, kw, inputs), where fewer inputs than the image has are groups."""
    x, weights = builder.operand(operation), builder.constant(operation, 1)
    if weights.ndim != 4 or x.rank != 4 or not weights.size or x.shape[3] % weights.shape[3]:
        raise DamagedError(f"the weights of operation {operation.index} are {weights.shape} for {x.shape}")
    groups = x.shape[3] // weights.shape[3]
    if weights.shape[0] % groups:
        raise DamagedError(f"operation {operation.index} has {weights.shape[0]} outputs in {groups} groups")
    _convolve(builder, operation, x, weights.transpose(0, 3, 1, 2), groups)


def depthwise_conv_2d(builder: Builder, operation: Operation) -> None:
    """Add DEPTHWISE_CONV_2D; its weights are (1, kh, kw, channels × multiplier)."""
    x, weights = builder.operand(operation), builder.constant(operation, 1)
    if weights.ndim != 4 or x.rank != 4 or not weights.size or weights.shape[0] != 1 or weights.shape[3] % x.shape[3]:
        raise DamagedError(f"the weights of operation {operation.index} are {weights.shape} for {x.shape}")
    _convolve(builder, operation, x, weights.transpose(3, 0, 1, 2), x.shape[3])


def _convolve(builder: Builder, operation: Operation, x: Value, weights: NDArray[Any], groups: int) -> None:
    """Add a convolution with weights (outputs, inputs of a group, kh, kw)."""
    outputs, inputs, *kernel = weights.shape
    # Where the file has no options, the runtime takes a dilation of one.
    dilation = [int(operation.option(f"dilation{side}Factor") or 1) for side in "HW"]
    moved = window(operation, x.shape, cast("Pair", tuple(kernel)), cast("Pair", tuple(dilation)))
    bias = _bias(builder, operation, 2, outputs)
    with torch.device("meta"):
        layer = nn.Conv2d(
            inputs * groups,
            outputs,
            moved.kernel,
            moved.stride,
            padding=moved.before if moved.is_even else 0,
            dilation=moved.dilation,
            groups=groups,
            bias=bias is not None,
        )
    layer.weight = parameter(weights)
    if bias is not None:
        layer.bias = parameter(bias)
    node = builder.to_planes(x)
    node = node if moved.is_even else moved.pad(builder, node)
    builder.give(operation, builder.layer(operation, layer, node), (x.shape[0], *moved.out, outputs), planes=True)


def transpose_conv(builder: Builder, operation: Operation) -> None:
    """Add TRANSPOSE_CONV, a convolution's gradient: operands are shape, weights (outputs, kh, kw, inputs), image."""
    shape, weights, x = builder.integers(operation, 0), builder.constant(operation, 1), builder.operand(operation, 2)
    if len(shape) != 4 or weights.ndim != 4 or x.rank != 4 or weights.shape[3] != x.shape[3]:
        raise DamagedError(f"the weights of operation {operation.index} are {weights.shape} for {x.shape}")
    outputs, *kernel, inputs = weights.shape
    stride = [int(operation.option(f"stride{side}")) for side in "HW"]
    if min(*stride, *kernel, *shape) < 1 or max(shape) > LARGEST or [shape[0], shape[3]] != [x.shape[0], outputs]:
        raise DamagedError(f"operation {operation.index} makes {shape} of {x.shape}")
    bias = _bias(builder, operation, 3, outputs)
    with torch.device("meta"):
        layer = nn.ConvTranspose2d(inputs, outputs, (kernel[0], kernel[1]), (stride[0], stride[1]), bias=False)
    layer.weight = parameter(weights.transpose(3, 0, 1, 2))
    node = builder.layer(operation, layer, builder.to_planes(x))
    edges: list[int] = []
    for place in (1, 0):
        whole = (x.shape[1 + place] - 1) * stride[place] + kernel[place]
        cut = whole - shape[1 + place]
        before = max(cut, 0) // 2 if int(operation.option("padding")) == _SAME else 0
        edges += [-before, before - cut]
    if any(edges):
        node = builder.call(F.pad, node, edges)
    if bias is not None:
        node = builder.call(torch.add, node, builder.parameter(operation, 3, bias.reshape(1, -1, 1, 1)))
    builder.give(operation, node, shape, planes=True)


def fully_connected(builder: Builder, operation: Operation) -> None:
    """Add FULLY_CONNECTED; its weights are (outputs, inputs), and the operand is cut into rows of inputs."""
    x, weights = builder.operand(operation), builder.constant(operation, 1)
    if int(operation.option("weightsFormat")):
        raise Unsupported("with shuffled weights")
    if weights.ndim != 2 or not weights.size or np.prod(x.shape, dtype=int) % weights.shape[1]:
        raise DamagedError(f"the weights of operation {operation.index} are {weights.shape} for {x.shape}")
    outputs, inputs = weights.shape
    shape: tuple[int, ...] = (int(np.prod(x.shape, dtype=int)) // inputs, outputs)
    node = builder.to_rows(x)
    if bool(operation.option("keepNumDims")):
        if x.shape[-1:] != (inputs,):
            raise DamagedError(f"operation {operation.index} keeps the axes of {x.shape}, whose last has not {inputs}")
        shape = (*x.shape[:-1], outputs)
    elif x.rank != 2 or x.shape[1] != inputs:
        node = builder.call(torch.reshape, node, (shape[0], inputs))
    bias = _bias(builder, operation, 2, outputs)
    with torch.device("meta"):
        layer = nn.Linear(inputs, outputs, bias=bias is not None)
    layer.weight = parameter(weights)
    if bias is not None:
        layer.bias = parameter(bias)
    builder.give(operation, builder.layer(operation, layer, node), shape)


def _bias(builder: Builder, operation: Operation, slot: int, outputs: int) -> NDArray[np.float32] | None:
    if not builder.has(operation, slot):
        return None
    bias = builder.constant(operation, slot)
    if bias.size != outputs:
        raise DamagedError(f"operation {operation.index} has {bias.size} biases for {outputs} outputs")
    return bias.reshape(-1)


def max_pool_2d(builder: Builder, operation: Operation) -> None:
    """Add MAX_POOL_2D."""
    x, moved = _pooled(builder, operation)
    node = moved.pad(builder, builder.to_planes(x), _LOWEST)
    node = builder.call(F.max_pool2d, node, moved.kernel, moved.stride)
    builder.give(operation, node, (x.shape[0], *moved.out, x.shape[3]), planes=True)


def average_pool_2d(builder: Builder, operation: Operation) -> None:
    """Add AVERAGE_POOL_2D: the mean of what lies inside the image."""
    x, moved = _pooled(builder, operation)
    node = builder.call(F.avg_pool2d, moved.pad(builder, builder.to_planes(x)), moved.kernel, moved.stride)
    if any((*moved.before, *moved.after)):
        rows, columns = (_counts(moved, place, x.shape[1 + place]) for place in (0, 1))
        share = np.float32(moved.kernel[0] * moved.kernel[1]) / np.outer(rows, columns).astype(np.float32)
        node = builder.call(torch.mul, node, builder.buffer(operation, "share", share[None, None]))
    builder.give(operation, node, (x.shape[0], *moved.out, x.shape[3]), planes=True)


def _pooled(builder: Builder, operation: Operation) -> tuple[Value, Window]:
    x = builder.operand(operation)
    kernel = int(operation.option("filterHeight")), int(operation.option("filterWidth"))
    return x, window(operation, x.shape, kernel)


def _counts(moved: Window, place: int, side: int) -> NDArray[np.int64]:
    """Return how many pixels of the image lie in the window at each of its places."""
    starts = np.arange(moved.out[place]) * moved.stride[place] - moved.before[place]
    return np.minimum(starts + moved.kernel[place], side) - np.maximum(starts, 0)


OPERATIONS: dict[str, Callable[[Builder, Operation], None]] = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "TRANSPOSE_CONV": transpose_conv,
    "FULLY_CONNECTED": fully_connected,
    "MAX_POOL_2D": max_pool_2d,
    "AVERAGE_POOL_2D": average_pool_2d,
}
