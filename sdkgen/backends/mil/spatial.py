"""MIL's operations on (N, C, H, W): convolution, pooling, resampling. The names of arguments are MIL's own."""

from __future__ import annotations

from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sdkgen.detection.types import Array
from sdkgen.errors import BackendError

Ints: TypeAlias = NDArray[np.int32]
Number: TypeAlias = NDArray[np.float32]

_Pads: TypeAlias = tuple[tuple[int, int], tuple[int, int]]


def conv(
    x: Array,
    weight: Array,
    strides: Ints,
    pad_type: str,
    pad: Ints,
    dilations: Ints,
    groups: Ints,
    bias: Array | None = None,
) -> Array:
    """Convolve (N, C, H, W) with a weight (O, C / groups, kh, kw)."""
    outputs, _, *kernel = weight.shape
    stride = (int(strides[0]), int(strides[1]))
    dilation = (int(dilations[0]), int(dilations[1]))
    span = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    x = _padded(x, _pads(x, span, stride, pad_type, pad), 0.0)
    count = int(groups)
    if count == x.shape[1] == outputs:
        y = _depthwise(x, weight, stride, dilation)
    elif kernel == [1, 1] and count == 1:
        y = _pointwise(x[:, :, :: stride[0], :: stride[1]], weight)
    else:
        parts = zip(np.split(x, count, 1), np.split(weight, count, 0), strict=True)
        y = np.concatenate([_general(part, w, span, stride, dilation) for part, w in parts], 1)
    return y if bias is None else y + bias[:, None, None]


def max_pool(
    x: Array, kernel_sizes: Ints, strides: Ints, pad_type: str, pad: Ints, ceil_mode: NDArray[np.bool_]
) -> Array:
    """Return each window's maximum; padding never is one."""
    taps = _taps(x, kernel_sizes, strides, pad_type, pad, ceil_mode, -np.inf)
    y = taps[0].copy()
    for tap in taps[1:]:
        np.maximum(y, tap, out=y)
    return y


def avg_pool(
    x: Array,
    kernel_sizes: Ints,
    strides: Ints,
    pad_type: str,
    pad: Ints,
    exclude_padding_from_average: NDArray[np.bool_],
    ceil_mode: NDArray[np.bool_],
) -> Array:
    """Return each window's mean, over the whole window or over what of it is not padding."""
    total = _sum(_taps(x, kernel_sizes, strides, pad_type, pad, ceil_mode, 0.0))
    if not exclude_padding_from_average:
        return np.asarray(total / np.float32(np.prod(kernel_sizes)), np.float32)
    ones = np.ones((1, 1, *x.shape[2:]), np.float32)
    return np.asarray(total / _sum(_taps(ones, kernel_sizes, strides, pad_type, pad, ceil_mode, 0.0)), np.float32)


def upsample_bilinear(
    x: Array,
    scale_factor_height: Number,
    scale_factor_width: Number,
    align_corners: NDArray[np.bool_],
    half_pixel_centers: NDArray[np.bool_] | None = None,
) -> Array:
    """Enlarge height and width; unless told otherwise, pixels have their centres at half units if corners are free."""
    half = not align_corners if half_pixel_centers is None else bool(half_pixel_centers)
    mode = "STRICT_ALIGN_CORNERS" if align_corners else "UNALIGN_CORNERS" if half else "DEFAULT"
    height, width = (int(n * f) for n, f in zip(x.shape[2:], (scale_factor_height, scale_factor_width), strict=True))
    return resize_bilinear(x, np.array(height), np.array(width), mode)


def resize_bilinear(
    x: Array, target_size_height: Ints, target_size_width: Ints, sampling_mode: str = "DEFAULT"
) -> Array:
    """Resample height and width; ``sampling_mode`` says where the samples lie."""
    rows = _interpolation(x.shape[2], int(target_size_height), sampling_mode)
    columns = _interpolation(x.shape[3], int(target_size_width), sampling_mode)
    return np.asarray(rows @ x @ columns.T, np.float32)


def _pointwise(x: Array, weight: Array) -> Array:
    n, channels, height, width = x.shape
    y = weight.reshape(-1, channels) @ x.reshape(n, channels, height * width)
    return np.asarray(y.reshape(n, -1, height, width), np.float32)


def _depthwise(x: Array, weight: Array, stride: tuple[int, int], dilation: tuple[int, int]) -> Array:
    """Sum shifted copies; at stride 1 whole padded planes are shifted, as memory is fastest read in one run."""
    kernel = weight.shape[2:]
    height, width = (n - (k - 1) * d for n, k, d in zip(x.shape[2:], kernel, dilation, strict=True))
    if stride == (1, 1):
        return _shifted_planes(x, weight, height, width, dilation)
    y: Array | None = None
    for i, j in product(*map(range, kernel)):
        top, left = i * dilation[0], j * dilation[1]
        tap = x[:, :, top : top + height : stride[0], left : left + width : stride[1]] * weight[:, 0, i, j, None, None]
        y = tap if y is None else np.add(y, tap, out=y)
    return np.asarray(y, np.float32)


def _shifted_planes(x: Array, weight: Array, height: int, width: int, dilation: tuple[int, int]) -> Array:
    full = x.shape[3]
    flat = x.reshape(*x.shape[:2], -1)
    length = (height - 1) * full + width
    total = np.zeros((*x.shape[:2], height * full), np.float32)
    scratch = np.empty((*x.shape[:2], length), np.float32)
    for i, j in product(*map(range, weight.shape[2:])):
        start = i * dilation[0] * full + j * dilation[1]
        np.multiply(flat[..., start : start + length], weight[:, :, i, j], out=scratch)
        total[..., :length] += scratch
    return total.reshape(*x.shape[:2], height, full)[..., :width]


def _general(
    x: Array, weight: Array, span: tuple[int, ...], stride: tuple[int, int], dilation: tuple[int, int]
) -> Array:
    """Multiply the windows, laid out as a matrix, with the weights."""
    windows = sliding_window_view(x, span, axis=(2, 3))[
        :, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]
    ]
    n, _, height, width = windows.shape[:4]
    columns = windows.transpose(0, 1, 4, 5, 2, 3).reshape(n, -1, height * width)
    y = weight.reshape(len(weight), -1) @ columns
    return np.asarray(y.reshape(n, -1, height, width), np.float32)


def _taps(
    x: Array, kernel_sizes: Ints, strides: Ints, pad_type: str, pad: Ints, ceil_mode: NDArray[np.bool_], fill: float
) -> list[Array]:
    """Return, for each place in the window, what all windows have there."""
    if ceil_mode:
        raise BackendError("the evaluator does not know pooling with ceil_mode", reference="unknown-operation")
    kernel = tuple(int(k) for k in kernel_sizes)
    stride = (int(strides[0]), int(strides[1]))
    x = _padded(x, _pads(x, kernel, stride, pad_type, pad), fill)
    height, width = (n - k + 1 for n, k in zip(x.shape[2:], kernel, strict=True))
    return [x[:, :, i : i + height : stride[0], j : j + width : stride[1]] for i, j in product(*map(range, kernel))]


def _sum(parts: list[Array]) -> Array:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def _pads(x: Array, span: tuple[int, ...], stride: tuple[int, int], pad_type: str, pad: Ints) -> _Pads:
    """Return what is added before and after height and width."""
    if pad_type == "valid":
        return ((0, 0), (0, 0))
    if pad_type == "custom":
        top, bottom, left, right = (int(n) for n in pad)
        return ((top, bottom), (left, right))
    if pad_type not in ("same", "same_lower"):
        raise BackendError(f"the evaluator does not know the pad_type {pad_type!r}", reference="unknown-operation")
    sides = []
    for n, k, s in zip(x.shape[2:], span, stride, strict=True):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        less = total // 2
        sides.append((total - less, less) if pad_type == "same_lower" else (less, total - less))
    return (sides[0], sides[1])


def _padded(x: Array, pads: _Pads, fill: float) -> Array:
    if not any(map(any, pads)):
        return x
    (top, bottom), (left, right) = pads
    n, channels, height, width = x.shape
    y = np.full((n, channels, top + height + bottom, left + width + right), fill, np.float32)
    y[:, :, top : top + height, left : left + width] = x
    return y


def _interpolation(source: int, target: int, mode: str) -> Array:
    """Return the matrix (target, source) of linear interpolation along one axis."""
    index = np.arange(target, dtype=np.float64)
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        at = index * ((source - 1) / (target - 1)) if target > 1 else index
    elif mode == "UNALIGN_CORNERS":
        at = (index + 0.5) * (source / target) - 0.5
    elif mode == "DEFAULT":
        at = index * (source / target)
    else:
        raise BackendError(f"the evaluator does not know the sampling mode {mode!r}", reference="unknown-operation")
    at = at.clip(0, source - 1)
    low = np.minimum(at.astype(int), max(source - 2, 0))
    matrix = np.zeros((target, source), np.float32)
    rows = np.arange(target)
    matrix[rows, low] = 1 - (at - low)
    matrix[rows, np.minimum(low + 1, source - 1)] += (at - low).astype(np.float32)
    return matrix
