"""Operations that move numbers: PAD, RESHAPE, slices, CONCATENATION, resizing, DEPTH_TO_SPACE and its inverse."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (torch's own customary name)
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from sdkgen.network.imported.arithmetic import check_axis
from sdkgen.network.imported.builder import FROM_PLANES, TO_PLANES, Builder, Unsupported, Value, parameter
from sdkgen.tflite.constants import LARGEST
from sdkgen.tflite.graph import DamagedError, Operation

_LARGEST_MATRIX = 1 << 22
"""The most elements of a matrix that resizes: from 2,048 pixels to as many."""


def pad(builder: Builder, operation: Operation) -> None:
    """Add PAD, or PADV2 with its value."""
    x, edges = builder.operand(operation), builder.integers(operation, 1)
    if len(edges) != 2 * x.rank or min(edges, default=0) < 0 or max(edges, default=0) > LARGEST:
        raise DamagedError(f"operation {operation.index} pads {x.shape} by {edges}")
    value = float(builder.constant(operation, 2).reshape(-1)[0]) if operation.kind == "PADV2" else 0.0
    pairs: list[list[int]] = [[] for _ in x.shape]
    for axis in range(x.rank):
        pairs[x.axis(axis)] = edges[2 * axis : 2 * axis + 2]
    while pairs and not any(pairs[0]):
        del pairs[0]
    # torch lists the edges from the last axis to the first.
    node = builder.call(F.pad, x.node, [n for pair in reversed(pairs) for n in pair], value=value) if pairs else x.node
    shape = [side + sum(edges[2 * axis : 2 * axis + 2]) for axis, side in enumerate(x.shape)]
    builder.give(operation, node, shape, planes=x.planes)


def reshape(builder: Builder, operation: Operation) -> None:
    """Add RESHAPE."""
    x = builder.operand(operation)
    shape = _wanted_shape(builder, operation, math.prod(x.shape))
    if math.prod(shape) != math.prod(x.shape):
        raise DamagedError(f"operation {operation.index} cannot reshape {x.shape} to {shape}")
    # One pixel, or one channel, is in both orders the same.
    same = x.planes and (x.shape[1] * x.shape[2] == 1 or x.shape[3] == 1)
    node = x.node if same else builder.to_rows(x)
    builder.give(operation, builder.call(torch.reshape, node, shape), shape)


def _wanted_shape(builder: Builder, operation: Operation, size: int) -> tuple[int, ...]:
    """Return the shape that the operand says, or where there is none the options; one side may be left open."""
    if builder.has(operation, 1):
        shape = builder.integers(operation, 1)
    else:
        stored = operation.option("newShape")
        shape = [int(n) for n in stored] if stored is not None and np.size(stored) else []
    known = math.prod(n for n in shape if n != -1)
    if shape.count(-1) == 1 and known > 0:
        shape[shape.index(-1)] = size // known
    if min(shape, default=1) < 1 or max(shape, default=1) > LARGEST:
        raise DamagedError(f"operation {operation.index} reshapes to {shape}")
    return tuple(shape)


def transpose(builder: Builder, operation: Operation) -> None:
    """Add TRANSPOSE."""
    x, order = builder.operand(operation), tuple(builder.integers(operation, 1))
    if sorted(order) != list(range(x.rank)):
        raise DamagedError(f"operation {operation.index} permutes {x.shape} by {order}")
    shape = [x.shape[axis] for axis in order]
    if x.planes and order == TO_PLANES:
        builder.give(operation, x.node, shape)
    elif not x.planes and order == FROM_PLANES:
        builder.give(operation, x.node, shape, planes=True)
    else:
        builder.give(operation, builder.call(torch.permute, builder.to_rows(x), order), shape)


def concatenation(builder: Builder, operation: Operation) -> None:
    """Add CONCATENATION."""
    parts = [builder.operand(operation, slot) for slot in range(len(operation.inputs))]
    if not parts or len({part.rank for part in parts}) > 1:
        raise DamagedError(f"operation {operation.index} joins {[part.shape for part in parts]}")
    axis = check_axis(operation, int(operation.option("axis")), parts[0].rank)
    rests = {(*part.shape[:axis], *part.shape[axis + 1 :]) for part in parts}
    if len(rests) > 1:
        raise DamagedError(f"operation {operation.index} joins {[part.shape for part in parts]} along axis {axis}")
    planes = any(part.planes for part in parts)
    nodes = [builder.to_planes(part) if planes else part.node for part in parts]
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    place = Value(nodes[0], parts[0].shape, planes).axis(axis)
    builder.give(operation, builder.call(torch.cat, nodes, place), shape, planes=planes)


def strided_slice(builder: Builder, operation: Operation) -> None:
    """Add STRIDED_SLICE with positive strides."""
    x = builder.operand(operation)
    begins, ends, strides = (builder.integers(operation, slot) for slot in (1, 2, 3))
    if operation.option("ellipsisMask") or operation.option("newAxisMask"):
        raise Unsupported("with an ellipsis or new axes")
    if len({len(begins), len(ends), len(strides)}) > 1 or len(begins) > x.rank or 0 in strides:
        raise DamagedError(f"operation {operation.index} cuts {x.shape} by {begins}, {ends}, {strides}")
    if min(strides, default=1) < 0:
        raise Unsupported("with a negative stride")
    masks = [int(operation.option(f"{name}Mask")) for name in ("begin", "end", "shrinkAxis")]
    ranges: list[range] = []
    dropped: list[int] = []
    for axis, side in enumerate(x.shape):
        if axis >= len(begins):
            ranges.append(range(side))
            continue
        first, last = (_clamp(n, side) for n in (begins[axis], ends[axis]))
        first = 0 if masks[0] >> axis & 1 else first
        last = side if masks[1] >> axis & 1 else last
        if masks[2] >> axis & 1:
            first = begins[axis] + side if begins[axis] < 0 else begins[axis]
            if not 0 <= first < side:
                raise DamagedError(f"operation {operation.index} takes place {first} of {side}")
            last = first + 1
            dropped.append(axis)
        ranges.append(range(first, last, strides[axis]))
    _cut(builder, operation, x, ranges, dropped)


def slice_(builder: Builder, operation: Operation) -> None:
    """Add SLICE."""
    x, begins, sizes = builder.operand(operation), builder.integers(operation, 1), builder.integers(operation, 2)
    if not len(begins) == len(sizes) == x.rank:
        raise DamagedError(f"operation {operation.index} cuts {x.shape} by {begins}, {sizes}")
    ranges = []
    for side, first, size in zip(x.shape, begins, sizes, strict=True):
        last = side if size == -1 else first + size
        if not 0 <= first <= last <= side:
            raise DamagedError(f"operation {operation.index} cuts {x.shape} by {begins}, {sizes}")
        ranges.append(range(first, last))
    _cut(builder, operation, x, ranges, [])


def _cut(builder: Builder, operation: Operation, x: Value, ranges: Sequence[range], dropped: list[int]) -> None:
    """Give what lies in the ranges, one an axis, without the axes that are dropped."""
    planes = x.planes and not dropped
    node = x.node if planes or not x.planes else builder.to_rows(x)
    cuts: list[slice] = [slice(None)] * x.rank
    for axis, part in enumerate(ranges):
        whole = part == range(x.shape[axis])
        cuts[x.axis(axis) if planes else axis] = (
            slice(None) if whole else slice(part.start, part.stop, part.step if part.step > 1 else None)
        )
    if any(cut != slice(None) for cut in cuts):
        node = builder.call(operator.getitem, node, tuple(cuts))
    shape = [len(part) for axis, part in enumerate(ranges) if axis not in dropped]
    if dropped:
        node = builder.call(torch.reshape, node, tuple(shape))
    builder.give(operation, node, shape, planes=planes)


def _clamp(number: int, side: int) -> int:
    return min(max(number + side if number < 0 else number, 0), side)


def split(builder: Builder, operation: Operation) -> None:
    """Add SPLIT into equal parts."""
    (axis, *_), x = builder.integers(operation, 0) or [0], builder.operand(operation, 1)
    axis, count = check_axis(operation, axis, x.rank), len(operation.outputs)
    if not count or x.shape[axis] % count or int(operation.option("numSplits")) != count:
        raise DamagedError(f"operation {operation.index} splits {x.shape} into {count} along axis {axis}")
    shape = list(x.shape)
    shape[axis] //= count
    parts = builder.call(torch.split, x.node, shape[axis], x.axis(axis))
    for slot in range(count):
        builder.give(operation, builder.call(operator.getitem, parts, slot), shape, planes=x.planes, slot=slot)


def resize_bilinear(builder: Builder, operation: Operation) -> None:
    """Add RESIZE_BILINEAR in any of TensorFlow's three ways to place the pixels."""
    x, size, corners, centres = _resized(builder, operation)
    if corners and centres:
        raise Unsupported("that aligns corners and centres")
    node = builder.to_planes(x)
    if corners or centres:
        node = builder.call(F.interpolate, node, size, mode="bilinear", align_corners=corners)
    elif size != x.shape[1:3]:
        matrices = [_interpolation(side, wanted) for side, wanted in zip(x.shape[1:3], size, strict=True)]
        node = builder.layer(operation, Interpolate(*matrices), node)
    builder.give(operation, node, (x.shape[0], *size, x.shape[3]), planes=True)


class Interpolate(nn.Module):
    """Resizes by two matrices: TensorFlow's first way, which places pixel i of n at i × (old side / n)."""

    def __init__(self, rows: NDArray[np.float32], columns: NDArray[np.float32]) -> None:
        super().__init__()
        self.rows, self.columns = parameter(rows), parameter(columns.T)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, rows, columns)."""
        return torch.matmul(torch.matmul(self.rows, x), self.columns)


def _interpolation(side: int, wanted: int) -> NDArray[np.float32]:
    """Return the matrix (wanted, side) of each old pixel's share in each new one."""
    if side * wanted > _LARGEST_MATRIX:
        raise DamagedError(f"a side of {side} pixels is resized to {wanted}")
    at = np.arange(wanted, dtype=np.float32) * np.float32(side / wanted)
    low = np.minimum(np.floor(at).astype(int), side - 1)
    matrix = np.zeros((wanted, side), np.float32)
    rows = np.arange(wanted)
    matrix[rows, low] += 1 - (at - low)
    matrix[rows, np.minimum(low + 1, side - 1)] += at - low
    return matrix


def resize_nearest_neighbor(builder: Builder, operation: Operation) -> None:
    """Add RESIZE_NEAREST_NEIGHBOR."""
    x, size, corners, centres = _resized(builder, operation)
    node = builder.to_planes(x)
    if corners:
        for place, (side, wanted) in enumerate(zip(x.shape[1:3], size, strict=True)):
            scale = (side - 1) / (wanted - 1) if wanted > 1 else side / wanted
            at = np.arange(wanted) * scale + (0.5 * scale if centres else 0.0)
            index = np.clip(np.floor(at + 0.5).astype(np.int64), 0, side - 1)
            node = builder.call(torch.index_select, node, 2 + place, builder.buffer(operation, "hw"[place], index))
    else:
        node = builder.call(F.interpolate, node, size, mode="nearest-exact" if centres else "nearest")
    builder.give(operation, node, (x.shape[0], *size, x.shape[3]), planes=True)


def _resized(builder: Builder, operation: Operation) -> tuple[Value, tuple[int, int], bool, bool]:
    x, size = builder.operand(operation), builder.integers(operation, 1)
    if x.rank != 4 or len(size) != 2 or min(size) < 1 or max(size) > LARGEST:
        raise DamagedError(f"operation {operation.index} resizes {x.shape} to {size}")
    return x, (size[0], size[1]), bool(operation.option("alignCorners")), bool(operation.option("halfPixelCenters"))


def depth_to_space(builder: Builder, operation: Operation) -> None:
    """Add DEPTH_TO_SPACE."""
    x, block = _blocks(builder, operation)
    if x.shape[3] % block**2:
        raise DamagedError(f"operation {operation.index} cuts {x.shape[3]} channels into blocks of {block} × {block}")
    (n, h, w, c) = x.shape
    shape = (n, h * block, w * block, c // block**2)
    builder.give(operation, _move(builder, x, (n * h, w, block, c // block), shape), shape)


def space_to_depth(builder: Builder, operation: Operation) -> None:
    """Add SPACE_TO_DEPTH."""
    x, block = _blocks(builder, operation)
    if x.shape[1] % block or x.shape[2] % block:
        raise DamagedError(f"operation {operation.index} cuts {x.shape} into blocks of {block} × {block}")
    (n, h, w, c) = x.shape
    shape = (n, h // block, w // block, c * block**2)
    builder.give(operation, _move(builder, x, (n * h // block, block, w // block, c * block), shape), shape)


def _move(builder: Builder, x: Value, cut: tuple[int, ...], shape: tuple[int, ...]) -> fx.Node:
    """Reshape to four axes, exchange the middle two, and reshape: four axes are what every GPU transposes."""
    cut_up = builder.call(torch.reshape, builder.to_rows(x), cut)
    return builder.call(torch.reshape, builder.call(torch.permute, cut_up, (0, 2, 1, 3)), shape)


def _blocks(builder: Builder, operation: Operation) -> tuple[Value, int]:
    x, block = builder.operand(operation), int(operation.option("blockSize"))
    if x.rank != 4 or not 1 <= block <= 1 << 12:
        raise DamagedError(f"operation {operation.index} has blocks of {block} in {x.shape}")
    return x, block


def unpack(_builder: Builder, _operation: Operation) -> None:
    """Refuse DEQUANTIZE and DENSIFY of what is computed; of constants they are folded."""
    raise Unsupported("of a tensor that is computed")


OPERATIONS: dict[str, Callable[[Builder, Operation], None]] = {
    "DEQUANTIZE": unpack,
    "DENSIFY": unpack,
    "PAD": pad,
    "PADV2": pad,
    "RESHAPE": reshape,
    "TRANSPOSE": transpose,
    "CONCATENATION": concatenation,
    "STRIDED_SLICE": strided_slice,
    "SLICE": slice_,
    "SPLIT": split,
    "RESIZE_BILINEAR": resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest_neighbor,
    "DEPTH_TO_SPACE": depth_to_space,
    "SPACE_TO_DEPTH": space_to_depth,
}
