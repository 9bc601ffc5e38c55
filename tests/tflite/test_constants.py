from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdkgen.tflite import graph
from sdkgen.tflite.constants import values
from sdkgen.tflite.graph import DamagedError
from tests.convert.tiny import Tiny


def _read(tmp_path: Path, tiny: Tiny) -> graph.Tensor:
    x = tiny.tensor((1, 4))
    tiny.operation("RELU", [x], [y := tiny.tensor((1, 4))])
    tiny.between([x], [y])
    (whole,) = graph.read(tiny.write(tmp_path / "m.tflite"))
    return whole.tensors[0]


def _stored(kind: str, shape: tuple[int, ...], data: bytes) -> Tiny:
    tiny = Tiny()
    index = tiny.constant(np.frombuffer(data, np.uint8))
    tensor = tiny.graph.tensors[index]
    tensor.type, tensor.shape = getattr(tiny.schema.TensorType, kind), np.array(shape, np.int32)
    return tiny


def _scaled(tiny: Tiny, scale: list[float], zeros: list[int], axis: int = 0) -> Tiny:
    quantization = tiny.schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = np.array(scale, np.float32), np.array(zeros, np.int64)
    quantization.quantizedDimension = axis
    tiny.graph.tensors[0].quantization = quantization
    return tiny


def test_half_becomes_float32(tmp_path: Path) -> None:
    stored = np.array([1.5, -2.25, 65504], np.float16)
    found = values(_read(tmp_path, _stored("FLOAT16", (3,), stored.tobytes())))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, stored.astype(np.float32))


def test_bfloat16_becomes_float32(tmp_path: Path) -> None:
    stored = (np.array([1.0, -3.5], np.float32).view(np.uint32) >> 16).astype(np.uint16)
    found = values(_read(tmp_path, _stored("BFLOAT16", (2,), stored.tobytes())))
    np.testing.assert_array_equal(found, [1.0, -3.5])


@pytest.mark.parametrize(
    ("scale", "zeros", "axis", "expected"),
    [
        ([0.5], [0], 0, [[0.5, -1.0], [1.5, -64.0]]),
        ([0.5], [2], 0, [[-0.5, -2.0], [0.5, -65.0]]),
        ([0.5, 2.0], [0, 0], 0, [[0.5, -1.0], [6.0, -256.0]]),
        ([0.5, 2.0], [0, 1], 1, [[0.5, -6.0], [1.5, -258.0]]),
        ([0.5, 2.0], [], 1, [[0.5, -4.0], [1.5, -256.0]]),
    ],
)
def test_bytes_with_scales(
    tmp_path: Path, scale: list[float], zeros: list[int], axis: int, expected: list[list[float]]
) -> None:
    stored = np.array([[1, -2], [3, -128]], np.int8)
    tensor = _read(tmp_path, _scaled(_stored("INT8", (2, 2), stored.tobytes()), scale, zeros, axis))
    np.testing.assert_array_equal(values(tensor), np.array(expected, np.float32))


def test_four_bits_with_a_scale(tmp_path: Path) -> None:
    tensor = _read(tmp_path, _scaled(_stored("INT4", (3,), bytes([0xF1, 0x08])), [2.0], [0]))
    np.testing.assert_array_equal(values(tensor), [2.0, -2.0, -16.0])


@pytest.mark.parametrize(
    "tiny",
    [
        _stored("FLOAT32", (3,), bytes(8)),
        _stored("FLOAT32", (1 << 14, 1 << 14), bytes(8)),
        _stored("STRING", (8,), bytes(8)),
        _scaled(_stored("INT8", (2, 2), bytes(4)), [1.0, 2.0, 3.0], [0, 0, 0]),
        _scaled(_stored("INT8", (2, 2), bytes(4)), [1.0, 2.0], [0, 0], axis=5),
        _scaled(_stored("INT8", (2, 2), bytes(4)), [1.0, 2.0], [0, 0, 0], axis=1),
    ],
)
def test_what_contradicts_itself_is_damaged(tmp_path: Path, tiny: Tiny) -> None:
    with pytest.raises(DamagedError):
        values(_read(tmp_path, tiny))


def _sparse(
    whole: np.ndarray[Any, np.dtype[np.float32]], order: list[int], blocks: dict[int, int], compressed: set[int]
) -> Tiny:
    """Return a file with ``whole`` stored without zeros: levels in ``order``, those in ``compressed`` as runs."""
    rank = whole.ndim
    outer = [n // blocks.get(axis, 1) for axis, n in enumerate(whole.shape)]
    cut = whole.reshape([n for axis in range(rank) for n in (outer[axis], blocks.get(axis, 1))])
    blocked = sorted(blocks)
    axes = [*(2 * axis for axis in range(rank)), *(2 * axis + 1 for axis in blocked)]
    idle = [2 * axis + 1 for axis in range(rank) if axis not in blocks]
    spread = cut.transpose([*(axes[level] for level in order), *idle]).reshape(
        [cut.shape[axes[level]] for level in order]
    )
    rows: list[tuple[int, ...]] = [()]
    tiny = Tiny()
    metadata = []
    for level, side in enumerate(spread.shape):
        entry = tiny.schema.DimensionMetadataT()
        if level in compressed:
            kept = [[i for i in range(side) if np.any(spread[(*row, i)])] for row in rows]
            entry.format = 1
            entry.arraySegmentsType = entry.arrayIndicesType = tiny.schema.SparseIndexVector.Uint16Vector
            entry.arraySegments, entry.arrayIndices = (tiny.schema.Uint16VectorT() for _ in range(2))
            entry.arraySegments.values = np.cumsum([0, *map(len, kept)]).astype(np.uint16)
            entry.arrayIndices.values = np.array([i for part in kept for i in part], np.uint16)
            rows = [(*row, i) for row, part in zip(rows, kept, strict=True) for i in part]
        else:
            entry.format, entry.denseSize = 0, side
            rows = [(*row, i) for row in rows for i in range(side)]
        metadata.append(entry)
    index = tiny.constant(np.array([spread[row] for row in rows], np.float32))
    tensor = tiny.graph.tensors[index]
    tensor.shape, tensor.sparsity = np.array(whole.shape, np.int32), tiny.schema.SparsityParametersT()
    tensor.sparsity.traversalOrder, tensor.sparsity.dimMetadata = np.array(order, np.int32), metadata
    tensor.sparsity.blockMap = np.array(blocked, np.int32) if blocked else None
    return tiny


@pytest.mark.parametrize(
    ("shape", "order", "blocks", "compressed"),
    [
        ((4, 6), [0, 1], {}, {1}),
        ((4, 6), [1, 0], {}, {1}),
        ((4, 6), [0, 1], {}, {0, 1}),
        ((8, 6), [0, 1, 2], {0: 4}, {1}),
        ((8, 6), [0, 1, 2, 3], {0: 4, 1: 2}, {1}),
        ((3, 2, 2, 8), [0, 1, 2, 3, 4], {3: 4}, {3}),
        ((3, 1, 1, 8), [0, 1, 2, 3], {}, {3}),
    ],
)
def test_zeros_are_filled_in(
    tmp_path: Path, shape: tuple[int, ...], order: list[int], blocks: dict[int, int], compressed: set[int]
) -> None:
    numbers = np.random.default_rng(2)
    whole = (numbers.normal(size=shape) * (numbers.random(shape) < 0.3)).astype(np.float32)
    tensor = _read(tmp_path, _sparse(whole, order, blocks, compressed))
    assert tensor.sparse
    np.testing.assert_array_equal(values(tensor), whole)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.sparsity.dimMetadata.pop(),
        lambda t: setattr(t.sparsity, "traversalOrder", np.array([0, 0], np.int32)),
        lambda t: setattr(t.sparsity, "blockMap", np.array([7], np.int32)),
        lambda t: t.sparsity.dimMetadata[1].arrayIndices.values.fill(9),
        lambda t: t.sparsity.dimMetadata[1].arraySegments.values.fill(60_000),
        lambda t: setattr(t.sparsity.dimMetadata[0], "denseSize", 1 << 30),
        lambda t: setattr(t.sparsity.dimMetadata[0], "denseSize", 3),
        lambda t: setattr(t, "shape", np.array([4, 3], np.int32)),
    ],
)
def test_sparse_constants_that_contradict_themselves(tmp_path: Path, change: Any) -> None:
    tiny = _sparse(np.eye(4, 6, dtype=np.float32), [0, 1], {}, {1})
    change(tiny.graph.tensors[0])
    with pytest.raises(DamagedError):
        values(_read(tmp_path, tiny))
