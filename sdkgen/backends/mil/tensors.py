"""MIL's other operations: element by element, moving data, and unpacking constants. Argument names are MIL's own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdkgen.backends.mil.spatial import Ints, Number
from sdkgen.detection.types import Array
from sdkgen.errors import BackendError

_PAD_MODES: dict[str, Any] = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}
_CASTS = {"fp16": np.float32, "fp32": np.float32, "int32": np.int32, "int16": np.int16, "bool": np.bool_}


def add(x: Array, y: Array) -> Array:
    """Return x + y."""
    return x + y


def sub(x: Array, y: Array) -> Array:
    """Return x − y."""
    return x - y


def mul(x: Array, y: Array) -> Array:
    """Return x × y."""
    return x * y


def relu(x: Array) -> Array:
    """Return x where it is positive, else 0."""
    return np.maximum(x, np.float32(0))


def relu6(x: Array) -> Array:
    """Return x held between 0 and 6."""
    return np.clip(x, np.float32(0), np.float32(6))


def leaky_relu(x: Array, alpha: Number) -> Array:
    """Return x where it is positive, else x × alpha."""
    return np.where(x > 0, x, x * alpha)


def prelu(x: Array, alpha: Array) -> Array:
    """Return x where it is positive, else x × its channel's alpha."""
    return np.where(x > 0, x, x * alpha.reshape(-1, *(1,) * (x.ndim - 2)))


def clip(x: Array, alpha: Number, beta: Number) -> Array:
    """Return x held between alpha and beta."""
    return np.clip(x, alpha, beta)


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + e^−x)."""
    return np.asarray(np.reciprocal(1 + np.exp(-np.clip(x, -80, 80))), np.float32)


def pad(x: Array, pad: Ints, mode: str = "constant", constant_val: Number | None = None) -> Array:
    """Pad the last axes; ``pad`` has two numbers an axis."""
    if mode not in _PAD_MODES:
        raise BackendError(f"the evaluator does not know padding of mode {mode!r}", reference="unknown-operation")
    widths = [(0, 0)] * (x.ndim - len(pad) // 2) + [(int(a), int(b)) for a, b in pad.reshape(-1, 2)]
    if mode != "constant":
        return np.pad(x, widths, _PAD_MODES[mode])
    value = 0.0 if constant_val is None else float(constant_val)
    y = np.full([a + n + b for (a, b), n in zip(widths, x.shape, strict=True)], value, x.dtype)
    y[tuple(slice(a, a + n) for (a, _), n in zip(widths, x.shape, strict=True))] = x
    return y


def concat(values: tuple[Array, ...], axis: Ints, interleave: NDArray[np.bool_] | None = None) -> Array:
    """Join along ``axis``."""
    if interleave is not None and interleave:
        raise BackendError("the evaluator does not know concat with interleave", reference="unknown-operation")
    return np.concatenate(values, int(axis))


def split(x: Array, axis: Ints, split_sizes: Ints | None = None, num_splits: Ints | None = None) -> tuple[Array, ...]:
    """Cut along ``axis`` into parts of ``split_sizes``, or into ``num_splits`` equal ones."""
    if split_sizes is None:
        return tuple(np.split(x, int(np.asarray(num_splits)), int(axis)))
    return tuple(np.split(x, np.cumsum(split_sizes)[:-1], int(axis)))


def reshape(x: Array, shape: Ints) -> Array:
    """Give another shape; 0 keeps the axis, −1 takes what is left."""
    return x.reshape([x.shape[i] if n == 0 else int(n) for i, n in enumerate(shape)])


def transpose(x: Array, perm: Ints) -> Array:
    """Reorder the axes."""
    return x.transpose([int(n) for n in perm])


def squeeze(x: Array, axes: Ints | None = None) -> Array:
    """Drop axes of length one."""
    return np.squeeze(x, None if axes is None else tuple(int(n) for n in axes))


def expand_dims(x: Array, axes: Ints) -> Array:
    """Insert axes of length one."""
    return np.expand_dims(x, tuple(int(n) for n in axes))


def cast(x: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Change the type; the evaluator itself rounds what the program declares as float16."""
    if dtype not in _CASTS:
        raise BackendError(f"the evaluator does not know a cast to {dtype!r}", reference="unknown-operation")
    return x.astype(_CASTS[dtype])


def constexpr_affine_dequantize(
    quantized_data: NDArray[Any], zero_point: NDArray[Any], scale: Array, axis: Ints
) -> Array:
    """Return scale × (quantized_data − zero_point); both are numbers, or one a slice along ``axis``."""
    shape = [1] * quantized_data.ndim
    shape[int(axis)] = -1
    offset, factor = (v.reshape(shape) if v.ndim else v for v in (zero_point.astype(np.float32), scale))
    return np.asarray((quantized_data.astype(np.float32) - offset) * factor, np.float32)


def constexpr_lut_to_dense(indices: NDArray[np.uint8], lut: Array, shape: NDArray[np.uint32]) -> Array:
    """Look up every element in a table; indices are packed from the least significant bit on."""
    bits = len(lut).bit_length() - 1
    count = int(np.prod(shape, dtype=np.int64))
    digits = np.unpackbits(indices, count=count * bits, bitorder="little").reshape(count, bits)
    index = digits @ (1 << np.arange(bits))
    return lut[index].reshape([int(n) for n in shape])


def constexpr_cast(source_val: NDArray[Any], output_dtype: str) -> NDArray[Any]:
    """Change a constant's type."""
    return cast(source_val, output_dtype)
