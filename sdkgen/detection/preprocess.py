"""From pixels to a model's input: rotate, mirror, letterbox or crop, scale, in one bilinear sampling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sdkgen.detection.roi import letterbox
from sdkgen.detection.types import Array, Roi
from sdkgen.spec.model import InputSpec

Rotation: TypeAlias = Literal[0, 90, 180, 270]
Bytes: TypeAlias = NDArray[np.uint8]


def upright(pixels: Bytes, rotation: Rotation = 0, mirrored: bool = False) -> Bytes:
    """Return ``pixels`` (H, W, C) turned clockwise by ``rotation`` degrees, then flipped left-right if ``mirrored``."""
    turned = np.rot90(pixels, -rotation // 90)
    return turned[:, ::-1] if mirrored else turned


def letterboxed(image: Bytes, to: InputSpec) -> Array:
    """Return the model's input (1, height, width, 3) for all of an upright RGB image (H, W, 3), bars black."""
    height, width = image.shape[:2]
    return _scaled(_sample(image, letterbox(width, height, to), to, outside=(0, 0, 0)), to)


def cropped(image: Bytes, roi: Roi, to: InputSpec) -> Array:
    """Return the model's input (1, height, width, 3) for the part ``roi`` of an upright RGB image, edges replicated."""
    return _scaled(_sample(image, roi, to, outside=None), to)


def letterboxed_yuv(image: Bytes, to: InputSpec, *, full_range: bool) -> Array:
    """Return the model's input for all of an upright image (H, W, 3) of Y, U and V bytes (BT.601), bars black.

    Video range has Y in 16–235 and U and V in 16–240. The three are interpolated as they are, then converted, then
    clamped to a byte's range.
    """
    height, width = image.shape[:2]
    black = 0 if full_range else 16
    sampled = _sample(image, letterbox(width, height, to), to, outside=(black, 128, 128))
    return _scaled(rgb_from_yuv(sampled, full_range=full_range), to)


def cropped_yuv(image: Bytes, roi: Roi, to: InputSpec, *, full_range: bool) -> Array:
    """Return the model's input for the part ``roi`` of an upright image (H, W, 3) of Y, U and V bytes (BT.601).

    Edges are replicated; interpolated, converted and clamped as in ``letterboxed_yuv``.
    """
    return _scaled(rgb_from_yuv(_sample(image, roi, to, outside=None), full_range=full_range), to)


def rgb_from_yuv(yuv: NDArray[np.float64], *, full_range: bool) -> NDArray[np.float64]:
    """Return R, G and B, 0 to 255, of Y, U and V on the byte scale (last axis), by ITU-R BT.601."""
    y, u, v = yuv[..., 0], yuv[..., 1] - 128, yuv[..., 2] - 128
    if not full_range:
        y, u, v = (y - 16) * (255 / 219), u * (255 / 224), v * (255 / 224)
    rgb = np.stack([y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u], axis=-1)
    return np.clip(rgb, 0, 255)


def _scaled(values: NDArray[np.float64], to: InputSpec) -> Array:
    return (values * to.scale + to.minimum).astype(np.float32)[None]


def _sample(image: Bytes, roi: Roi, to: InputSpec, outside: Sequence[float] | None) -> NDArray[np.float64]:
    """Return (height, width, 3) values of ``image`` at the input's pixels laid over ``roi``.

    Corner to corner: the input's pixel 0 lies on the region's edge, without a half-pixel shift, and texels have
    integer positions. Beyond the image texels are ``outside``, or the nearest edge's where that is None.
    """
    across = (np.arange(to.width) / to.width - 0.5) * roi.size[0]
    down = (np.arange(to.height) / to.height - 0.5)[:, None] * roi.size[1]
    if not roi.rotation_degrees:
        return _sample_level(image, roi.center[0] + across, roi.center[1] + down[:, 0], outside)
    angle = math.radians(roi.rotation_degrees)
    x = roi.center[0] + across * math.cos(angle) - down * math.sin(angle)
    y = roi.center[1] + across * math.sin(angle) + down * math.cos(angle)
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right_share, bottom_share = (x - left)[..., None], (y - top)[..., None]
    upper = (
        _texels(image, left, top, outside) * (1 - right_share) + _texels(image, left + 1, top, outside) * right_share
    )
    lower = (
        _texels(image, left, top + 1, outside) * (1 - right_share)
        + _texels(image, left + 1, top + 1, outside) * right_share
    )
    return upper * (1 - bottom_share) + lower * bottom_share


def _sample_level(
    image: Bytes, x: NDArray[np.float64], y: NDArray[np.float64], outside: Sequence[float] | None
) -> NDArray[np.float64]:
    """Return (len(y), len(x), 3) values where a region is not turned: the same numbers as in general, but sooner.

    Columns and rows are looked up apart, and sums are made in place.
    """
    (left, right), beside, right_share = _neighbours(x, image.shape[1])
    (top, bottom), above, bottom_share = _neighbours(y, image.shape[0])

    def mixed(row: NDArray[np.int64], row_outside: NDArray[np.bool_]) -> NDArray[np.float64]:
        band = image[row]
        sides: list[NDArray[np.float64]] = []
        for column, column_outside in zip((left, right), beside, strict=True):
            side = band.take(column, axis=1).astype(np.float64)
            if outside is not None and column_outside.any():
                side[:, column_outside] = outside
            if outside is not None and row_outside.any():
                side[row_outside] = outside
            sides.append(side)
        sides[0] *= 1 - right_share[None, :, None]
        sides[1] *= right_share[None, :, None]
        sides[0] += sides[1]
        return sides[0]

    upper = mixed(top, above[0])
    upper *= 1 - bottom_share[:, None, None]
    lower = mixed(bottom, above[1])
    lower *= bottom_share[:, None, None]
    upper += lower
    return upper


def _neighbours(
    at: NDArray[np.float64], extent: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float64]]:
    """Return the two nearest texels on an axis (2, n), which lie outside (2, n), and the second's share (n,)."""
    first = np.floor(at).astype(np.int64)
    both = np.stack([first, first + 1])
    return np.clip(both, 0, extent - 1), (both < 0) | (both >= extent), at - first


def _texels(
    image: Bytes, x: NDArray[np.int64], y: NDArray[np.int64], outside: Sequence[float] | None
) -> NDArray[np.float64]:
    height, width = image.shape[:2]
    found = image[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)].astype(np.float64)
    if outside is not None:
        found[(x < 0) | (x >= width) | (y < 0) | (y >= height)] = outside
    return found
