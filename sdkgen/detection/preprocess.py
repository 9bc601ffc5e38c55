"""From pixels to a model's input: rotate, mirror, letterbox or crop, convert colours, scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sdkgen.detection import area
from sdkgen.detection.pixels import Colours
from sdkgen.detection.roi import letterbox
from sdkgen.detection.types import Array, Roi, Sampling
from sdkgen.detection.types import Bytes as Bytes
from sdkgen.spec.model import InputSpec

Rotation: TypeAlias = Literal[0, 90, 180, 270]

_FAR = 1e7
"""Pixels: beyond any image all is edge, and so far out float32 would overflow."""


def upright(pixels: Bytes, rotation: Rotation = 0, mirrored: bool = False) -> Bytes:
    """Return ``pixels`` (H, W, C) turned clockwise by ``rotation`` degrees, then flipped left-right if ``mirrored``."""
    turned = np.rot90(pixels, -rotation // 90)
    return turned[:, ::-1] if mirrored else turned


def letterboxed(image: Bytes, to: InputSpec, sampling: Sampling = "point") -> Array:
    """Return the model's input (1, height, width, 3) for all of an upright RGB image (H, W, 3), bars black."""
    return _scaled(_fitted(image, to, sampling, outside=(0, 0, 0)), to)


def cropped(image: Bytes, roi: Roi, to: InputSpec, sampling: Sampling = "point") -> Array:
    """Return the model's input (1, height, width, 3) for the part ``roi`` of an upright RGB image, edges replicated."""
    made = np.empty((1, to.height, to.width, 3), np.float32)
    for channel, plane in enumerate(_laid(*_reduced(image, roi, to, sampling), to)):
        np.multiply(plane, np.float32(to.scale), out=made[0, :, :, channel])
    if to.minimum:
        made += np.float32(to.minimum)
    return made


def letterboxed_yuv(image: Bytes, to: InputSpec, colours: Colours, sampling: Sampling = "point") -> Array:
    """Return the model's input for all of an upright image (H, W, 3) of Y, U and V bytes, bars black.

    The three are sampled as they are, then converted, then clamped to a byte's range.
    """
    sampled = _fitted(image, to, sampling, outside=(colours.black, 128, 128))
    return _scaled(rgb_from_yuv(sampled, colours), to)


def cropped_yuv(image: Bytes, roi: Roi, to: InputSpec, colours: Colours, sampling: Sampling = "point") -> Array:
    """Return the model's input for the part ``roi`` of an upright image (H, W, 3) of Y, U and V bytes.

    Edges are replicated; sampled, converted and clamped as in ``letterboxed_yuv``.
    """
    yuv = np.stack(list(_laid(*_reduced(image, roi, to, sampling), to)), axis=-1).astype(np.float64)
    return _scaled(rgb_from_yuv(yuv, colours), to)


def rgb_from_yuv(yuv: NDArray[np.float64], colours: Colours) -> NDArray[np.float64]:
    """Return R, G and B, 0 to 255, of Y, U and V on the byte scale (last axis)."""
    y, u, v = yuv[..., 0] - colours.black, yuv[..., 1] - 128, yuv[..., 2] - 128
    if not colours.full_range:
        y, u, v = y * (255 / 219), u * (255 / 224), v * (255 / 224)
    factors = colours.factors
    rgb = np.stack(
        [y + factors.red_v * v, y - factors.green_u * u - factors.green_v * v, y + factors.blue_u * u], axis=-1
    )
    return np.clip(rgb, 0, 255)


def _fitted(image: Bytes, to: InputSpec, sampling: Sampling, outside: Sequence[float]) -> NDArray[np.float64]:
    """Return (height, width, 3) values of all of ``image`` at the pixels of a letterbox; bars are ``outside``."""
    height, width = image.shape[:2]
    longest, cells = (width, to.width) if width * to.height >= height * to.width else (height, to.height)
    if sampling == "point" or not area.is_averaged(longest, cells):
        return _laid_level(image, letterbox(width, height, to), to, outside)
    rows = area.areas(height, to.height, longest, cells)
    columns = area.areas(width, to.width, longest, cells)
    means = area.average(image, rows, columns)
    means[~rows.inside] = outside
    means[:, ~columns.inside] = outside
    return means


def _reduced(image: Bytes, roi: Roi, to: InputSpec, sampling: Sampling) -> tuple[Bytes, Roi]:
    """Return an image and a region of it to be sampled bilinearly: averages of blocks, where the region is reduced."""
    block = area.reduction(roi, to.width, to.height) if sampling == "area" else 1
    return (image, roi) if block == 1 else area.reduce(image, roi, block)


def _scaled(values: NDArray[np.float64], to: InputSpec) -> Array:
    return (values * to.scale + to.minimum).astype(np.float32)[None]


def _laid(image: Bytes, roi: Roi, to: InputSpec) -> Iterator[Array]:
    """Yield planes (height, width) of ``image``, 0 to 255, at the input's pixels laid over a turned ``roi``.

    Corner to corner: the input's pixel 0 lies on the region's edge, without a half-pixel shift, and texels have
    integer positions. Beyond the image the nearest edge's texels stand in. Done in float32 and a plane at a time, which
    is much the fastest way: within 0.05 of what exact arithmetic gives, 0.1 for images of more than 2000 pixels.
    """
    if not image.flags.c_contiguous:
        image, roi = _patch(image, roi)
    rows, columns = image.shape[:2]
    x, y = _positions(roi, to)
    # Just before the last texel there is a next one to mix with; its share is then all but 1.
    np.clip(x, 0, np.nextafter(np.float32(columns - 1), np.float32(0)), out=x)
    np.clip(y, 0, np.nextafter(np.float32(rows - 1), np.float32(0)), out=y)
    left, top = np.floor(x), np.floor(y)
    x -= left
    y -= top
    at = top.astype(np.int32)
    at *= columns
    at += left.astype(np.int32)
    at *= 3
    first = at.astype(np.intp)
    samples = image.reshape(-1)
    right, below = 3 * (columns > 1), 3 * columns * (rows > 1)
    for channel in range(3):
        corners = (
            samples[channel + step :].take(first, mode="clip").astype(np.float32)
            for step in (0, right, below, below + right)
        )
        upper = _mixed(next(corners), next(corners), x)
        yield _mixed(upper, _mixed(next(corners), next(corners), x), y)


def _positions(roi: Roi, to: InputSpec) -> tuple[Array, Array]:
    """Return x and y (height, width) of the input's pixels in the image, in its pixels."""
    (center_x, center_y), (width, height) = (
        (min(max(v, -_FAR), _FAR) for v in pair) for pair in (roi.center, roi.size)
    )
    across = (np.arange(to.width) / to.width - 0.5) * width
    down = (np.arange(to.height) / to.height - 0.5)[:, None] * height
    angle = math.radians(roi.rotation_degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    x = (center_x + across * cos).astype(np.float32) - (down * sin).astype(np.float32)
    y = (across * sin).astype(np.float32) + (center_y + down * cos).astype(np.float32)
    return x, y


def _mixed(first: Array, second: Array, share: Array) -> Array:
    """Return what lies between ``first`` and ``second``, ``share`` of the way; overwrites both."""
    second -= first
    second *= share
    first += second
    return first


def _patch(image: Bytes, roi: Roi) -> tuple[Bytes, Roi]:
    """Return a copy of the part of ``image`` that a region needs, and the region in that copy."""
    half = math.hypot(*roi.size) / 2 + 2
    left, top = (int(min(max(c - half, 0), n - 1)) for c, n in zip(roi.center, image.shape[1::-1], strict=True))
    right, bottom = (int(min(max(c + half, 1), n)) for c, n in zip(roi.center, image.shape[1::-1], strict=True))
    patch = np.ascontiguousarray(image[top : max(bottom, top + 1), left : max(right, left + 1)])
    return patch, replace(roi, center=(roi.center[0] - left, roi.center[1] - top))


def _laid_level(image: Bytes, roi: Roi, to: InputSpec, outside: Sequence[float]) -> NDArray[np.float64]:
    """Return (height, width, 3) values of ``image`` at the input's pixels laid over a ``roi`` that is not turned.

    Positions are those of ``_laid``; beyond the image texels are ``outside``. Columns and rows are looked up apart,
    and sums are made in place.
    """
    x = roi.center[0] + (np.arange(to.width) / to.width - 0.5) * roi.size[0]
    y = roi.center[1] + (np.arange(to.height) / to.height - 0.5) * roi.size[1]
    (left, right), beside, right_share = _neighbours(x, image.shape[1])
    (top, bottom), above, bottom_share = _neighbours(y, image.shape[0])

    def mixed(row: NDArray[np.int64], row_outside: NDArray[np.bool_]) -> NDArray[np.float64]:
        band = image[row]
        sides: list[NDArray[np.float64]] = []
        for column, column_outside in zip((left, right), beside, strict=True):
            side = band.take(column, axis=1).astype(np.float64)
            if column_outside.any():
                side[:, column_outside] = outside
            if row_outside.any():
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
