"""The values of a .tflite file's constants: in half, in 8 or 4 bits with scales, or without their zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdkgen.tflite import flatbuffer
from sdkgen.tflite.flatbuffer import DAMAGE
from sdkgen.tflite.graph import DamagedError, Tensor

LARGEST = 1 << 26
"""The most elements that a constant may have once its zeros are filled in: 256 MB in float32."""

_DENSE, _CSR = 0, 1
_PACKED = {"int4", "uint4", "int2"}


def values(tensor: Tensor) -> NDArray[Any]:
    """Return the value of a constant: float32 where it has scales or is a float, else its own integers.

    A float64 stays one. Raises ``DamagedError`` where data, shape and scales contradict each other, or the type has no
    numbers.
    """
    if tensor.size > LARGEST:
        raise DamagedError(f"constant {tensor.name!r} would have {tensor.size:,} elements")
    try:
        return _values(tensor)
    except DAMAGE as error:  # scales and sparsity are read only here
        raise DamagedError(f"constant {tensor.name!r} is damaged ({type(error).__name__})") from error


def _values(tensor: Tensor) -> NDArray[Any]:
    stored = _stored(tensor)
    if tensor.sparse:
        stored = _fill_zeros(tensor, stored)
    elif stored.size != tensor.size:
        raise DamagedError(f"constant {tensor.name!r} has {stored.size:,} elements, not {tensor.size:,}")
    stored = stored.reshape(tensor.shape)
    if tensor.scales:
        return _dequantize(tensor, stored)
    return stored.astype(np.float32) if stored.dtype == np.float16 else stored


def _stored(tensor: Tensor) -> NDArray[Any]:
    """Return the numbers in the file, one axis."""
    data = np.frombuffer(tensor.data, np.uint8)
    if tensor.type in _PACKED:
        return _unpack(data, tensor)
    if tensor.type == "bfloat16":
        whole = data[: data.size // 2 * 2].view("<u2").astype(np.uint32) << 16
        return whole.view(np.float32)
    try:
        kind = np.dtype(tensor.type).newbyteorder("<")
    except TypeError as error:
        raise DamagedError(f"constant {tensor.name!r} is of type {tensor.type}") from error
    return data[: data.size // kind.itemsize * kind.itemsize].view(kind)


def _unpack(data: NDArray[np.uint8], tensor: Tensor) -> NDArray[Any]:
    """Return numbers of less than a byte, of which the first lies in the lowest bits."""
    bits = 2 if tensor.type == "int2" else 4
    parts = np.stack([data >> shift & (1 << bits) - 1 for shift in range(0, 8, bits)], -1).reshape(-1)
    numbers = parts[: tensor.size].astype(np.int8)
    return numbers if tensor.type == "uint4" else numbers - ((numbers >> bits - 1) << bits)


def _dequantize(tensor: Tensor, stored: NDArray[Any]) -> NDArray[np.float32]:
    """Return (number − zero point) × scale, with one scale, or one for each place on an axis."""
    table = tensor.table.Quantization()
    scales, zeros = (np.asarray(part).reshape(-1) for part in (table.ScaleAsNumpy(), table.ZeroPointAsNumpy()))
    axis = int(table.QuantizedDimension())
    if tensor.blockwise or scales.size != tensor.scales:
        raise DamagedError(f"the scales of constant {tensor.name!r} are not one for each place on an axis")
    zeros = np.zeros(1) if table.ZeroPointLength() == 0 else zeros
    if scales.size > 1:
        if not 0 <= axis < tensor.rank or scales.size != tensor.shape[axis]:
            raise DamagedError(f"constant {tensor.name!r} has {scales.size} scales for the shape {tensor.shape}")
        along = [-1 if place == axis else 1 for place in range(tensor.rank)]
        scales = scales.reshape(along)
        zeros = zeros.reshape(along) if zeros.size == scales.size else zeros
    if zeros.size not in (1, scales.size):
        raise DamagedError(f"constant {tensor.name!r} has {zeros.size} zero points for {scales.size} scales")
    with np.errstate(over="ignore", invalid="ignore"):
        found = (stored.astype(np.float64) - zeros) * scales.astype(np.float64)
        return np.asarray(found.astype(np.float32).reshape(tensor.shape))


def _fill_zeros(tensor: Tensor, stored: NDArray[Any]) -> NDArray[Any]:
    """Return a sparse constant with its zeros, one axis.

    The file lists axes in the order in which the numbers were traversed, then the axes inside of blocks. A dense axis
    has all its places; of a compressed one, segments say which run of indices belongs to each place before it.
    """
    order, blocked, levels = _sparsity(tensor)
    rank = tensor.rank
    inner = [levels[order.index(rank + i)][1] for i in range(len(blocked))]
    # What each level has is numbers, or is told by the segments of a later level: both are as long as the file's data.
    most = max(stored.size, *(segments.size for _, _, segments, _ in levels))
    places = np.zeros(1, np.int64)
    coordinates: list[NDArray[np.int64]] = []
    for kind, side, segments, indices in levels:
        if kind == _DENSE:
            _check(tensor, places.size * side <= most)
            rows = np.repeat(np.arange(places.size), side)
            at = np.tile(np.arange(side), places.size)
            places = places[rows] * side + at
        else:
            _check(tensor, segments.size > 0 and int(places.max(initial=-1)) + 1 < segments.size)
            _check(tensor, bool((np.diff(segments) >= 0).all()) and segments[0] >= 0 and segments[-1] <= indices.size)
            starts, counts = segments[places], segments[places + 1] - segments[places]
            _check(tensor, int(counts.sum()) <= most)
            rows = np.repeat(np.arange(places.size), counts)
            first = np.repeat(starts - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
            places = np.arange(rows.size) + first
            at = indices[places]
        coordinates = [*(coordinate[rows] for coordinate in coordinates), at]
    by_axis = [coordinates[order.index(axis)] for axis in range(len(order))]
    for block, axis in enumerate(blocked):
        by_axis[axis] = by_axis[axis] * inner[block] + by_axis[rank + block]
    _check(tensor, places.size == stored.size)
    inside = all(((at >= 0) & (at < side)).all() for at, side in zip(by_axis[:rank], tensor.shape, strict=True))
    _check(tensor, inside)
    whole = np.zeros(tensor.shape, stored.dtype)
    whole[tuple(by_axis[:rank])] = stored[places]
    return whole.reshape(-1)


Level = tuple[int, int, NDArray[np.int64], NDArray[np.int64]]
"""An axis in the order of traversal: its kind, its side if it is dense, its segments and indices if it is not."""


def _sparsity(tensor: Tensor) -> tuple[list[int], list[int], list[Level]]:
    """Return the order of traversal, the axes that are cut into blocks, and the levels."""
    table = tensor.table.Sparsity()
    order = np.asarray(table.TraversalOrderAsNumpy()).reshape(-1).tolist() if table.TraversalOrderLength() else []
    blocked = np.asarray(table.BlockMapAsNumpy()).reshape(-1).tolist() if table.BlockMapLength() else []
    axes = tensor.rank + len(blocked)
    _check(tensor, sorted(order) == list(range(axes)) and table.DimMetadataLength() == axes)
    _check(tensor, len(set(blocked)) == len(blocked) and all(0 <= axis < tensor.rank for axis in blocked))
    levels: list[Level] = []
    for i in range(axes):
        entry = table.DimMetadata(i)
        side, kind = int(entry.DenseSize()), int(entry.Format())
        _check(tensor, kind in (_DENSE, _CSR) and (kind == _CSR or 0 <= side <= LARGEST))
        segments, indices = (
            (_numbers(tensor, entry, "ArraySegments"), _numbers(tensor, entry, "ArrayIndices"))
            if kind == _CSR
            else (np.zeros(0, np.int64), np.zeros(0, np.int64))
        )
        levels.append((kind, side, segments, indices))
    return order, blocked, levels


def _numbers(tensor: Tensor, entry: Any, name: str) -> NDArray[np.int64]:
    """Return a vector that the schema stores in the smallest integers that hold it."""
    kind = flatbuffer.names("SparseIndexVector").get(getattr(entry, f"{name}Type")())
    table = getattr(entry, name)()
    _check(tensor, kind not in (None, "NONE") and table is not None)
    vector = getattr(flatbuffer.schema(), str(kind))()
    vector.Init(table.Bytes, table.Pos)
    found = vector.ValuesAsNumpy()
    return np.zeros(0, np.int64) if isinstance(found, int) else found.astype(np.int64)


def _check(tensor: Tensor, holds: bool) -> None:
    if not holds:
        raise DamagedError(f"the sparse constant {tensor.name!r} contradicts itself")
