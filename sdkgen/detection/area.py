"""Averaging over the area that each pixel of a model's input covers, with integers: noise and fine texture stay out.

A letterbox that takes four texels a pixel leaves most of a large frame unread, so that each pixel carries the noise of
a few texels. Here every texel counts with the part of it that lies in a pixel's area. Areas lie around the positions
that ``point`` sampling looks at, so that both see the image at the same place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdkgen.detection.types import Bytes, Roi

LEAST, MOST = 1.5, 256
"""Texels a pixel along an axis: from above the first averages are taken, up to the second sums fit 16 bits."""

_BITS = 7

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Areas:
    """Along one axis, for each pixel: where its area begins and ends, in texels of 2 to the power of ``bits`` parts.

    ``ends`` (n, 2) lie within the image; ``inside`` (n,) tells which pixels show it: those whose middle lies in it.
    """

    ends: Ints
    inside: NDArray[np.bool_]
    bits: int

    @property
    def extents(self) -> Ints:
        """How many parts of texels each area has (n,), 1 where it has none."""
        found: Ints = np.maximum(self.ends[:, 1] - self.ends[:, 0], 1)
        return found


def is_averaged(longest: int, cells: int) -> bool:
    """Tell whether ``longest`` texels that become ``cells`` pixels are reduced so much that averages are taken."""
    return LEAST * cells < longest <= MOST * cells


def areas(extent: int, count: int, longest: int, cells: int) -> Areas:
    """Return the areas of an axis of ``extent`` texels around the middle of ``count`` pixels, ``longest / cells`` wide.

    Corner to corner, as in ``preprocess``: pixel i lies around texel i · longest / cells of the letterbox. All is
    worked out with integers, and sums of bytes times their parts fit 16 bits.
    """
    bits = max(b for b in range(_BITS + 1) if b == 0 or longest << b <= MOST * cells)
    # In units of 1 / (2 · cells) texels.
    middle = cells * (extent + 1) + longest * (2 * np.arange(count, dtype=np.int64) - count)
    edges = np.append(middle - longest, middle[-1] + longest)
    rounded = np.clip(((edges << bits) + cells) // (2 * cells), 0, extent << bits)
    inside = (middle >= 0) & (middle < 2 * cells * extent)
    return Areas(np.stack([rounded[:-1], rounded[1:]], axis=-1), inside, bits)


def average(image: Bytes, rows: Areas, columns: Areas) -> NDArray[np.float64]:
    """Return the means (rows, columns, C) of an image (H, W, C); those of pixels that do not show it are 0."""
    height, width, channels = image.shape
    # Exact: sums of bytes stay below 2¹⁶, and a float32 holds integers up to 2²⁴.
    below = _sum(image.reshape(height, -1), rows, np.float32)
    beside = np.ascontiguousarray(below.reshape(-1, width, channels).swapaxes(0, 1), np.float64)
    sums = _sum(beside.reshape(width, -1), columns, np.float64).reshape(-1, len(below), channels)
    sums /= columns.extents[:, None, None] * rows.extents[:, None]
    return sums.swapaxes(0, 1)


def _sum(texels: NDArray[Any], axis: Areas, kind: type[np.floating[Any]]) -> NDArray[Any]:
    """Return sums (n, m) of ``texels`` (extent, m) over each area, in its parts; 0 outside."""
    sums = np.zeros((len(axis.ends), texels.shape[1]), kind)
    one = 1 << axis.bits
    for index in np.flatnonzero(axis.inside):
        begin, end = axis.ends[index].tolist()
        first, last = begin >> axis.bits, (end - 1) >> axis.bits
        parts = np.full(last - first + 1, one, kind)
        parts[0] -= begin - (first << axis.bits)
        parts[-1] -= ((last + 1) << axis.bits) - end
        sums[index] = parts @ texels[first : last + 1].astype(kind)
    return sums


def reduction(roi: Roi, width: int, height: int) -> int:
    """Return the side in texels of the blocks that ``reduce`` averages for an input of that size; 1 for none."""
    texels = min(roi.size[0] / width, roi.size[1] / height)
    return min(int(texels + 0.5), MOST) if texels > LEAST else 1


def reduce(image: Bytes, roi: Roi, block: int) -> tuple[Bytes, Roi]:
    """Return the means of blocks of ``block`` × ``block`` texels, rounded to bytes, and a region among them.

    Blocks begin at the image's upper left corner; those at its other edges may be smaller. Only those that the region
    needs are made.
    """
    half = math.hypot(*roi.size) / 2 + 2 * block
    spans = []
    for middle, extent in zip(roi.center, image.shape[1::-1], strict=True):
        last = (extent - 1) // block
        spans.append([int(min(max((middle + side) / block, 0), last)) for side in (-half, half)])
    (left, right), (top, bottom) = spans
    part = image[top * block : (bottom + 1) * block, left * block : (right + 1) * block]
    sums = np.add.reduceat(part, np.arange(0, part.shape[0], block), axis=0, dtype=np.int64)
    sums = np.add.reduceat(sums, np.arange(0, part.shape[1], block), axis=1)
    heights, widths = (
        np.minimum(block, extent - np.arange(0, extent, block, dtype=np.int64)) for extent in part.shape[:2]
    )
    counts = (heights[:, None] * widths)[..., None]
    means = ((2 * sums + counts) // (2 * counts)).astype(np.uint8)
    x, y = ((middle - (block - 1) / 2) / block for middle in roi.center)
    size = (roi.size[0] / block, roi.size[1] / block)
    return means, Roi((x - left, y - top), size, roi.rotation_degrees)
