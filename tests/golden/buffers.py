"""Packing a photograph into the pixel buffers that cameras deliver."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdkgen.detection.pixels import Plane
from tests.golden.cases import PreprocessCase
from tests.photographs import Bytes, astronaut

_FILL = 0xA5
"""What padding holds: a sampler that reads it is wrong by a visible amount."""


def planes(case: PreprocessCase) -> list[Plane]:
    """Return the planes of the buffer that holds the astronaut's face, cut to the case's size, or the pattern."""
    if case.pattern:
        return _patterns(case)
    photo = Image.fromarray(astronaut()).resize(
        (case.width, case.height), Image.Resampling.BICUBIC, (100, 20, 400, 300)
    )
    rgb = np.asarray(photo)
    if case.format in ("rgba", "bgra"):
        colours = rgb if case.format == "rgba" else rgb[..., ::-1]
        alpha = np.full((*rgb.shape[:2], 1), 0x7F, np.uint8)  # ignored, whatever it says
        packed = np.concatenate([colours, alpha], axis=-1)
        return [_plane(packed.reshape(case.height, -1), case.padding, 4)]
    luma, *chroma = _yuv(rgb, case.full_range)
    halves = [_halved(plane) for plane in chroma]
    if case.format == "nv12":
        interleaved = np.stack(halves, axis=-1).reshape(halves[0].shape[0], -1)
        return [_plane(luma, case.padding, 1), _plane(interleaved, case.padding, 2)]
    spread = [_spread(half, case.chroma_step) for half in halves]
    return [_plane(luma, case.padding, 1), *(_plane(half, case.padding + 1, case.chroma_step) for half in spread)]


def pattern(count: int, row_stride: int, plane: int) -> bytes:
    """Return ``count`` bytes of a plane: ramps along both axes that begin anew, with noise on them.

    So simple that every language makes the same, which spares the repository large files.
    """
    row, column = (part.astype(np.uint32) for part in np.divmod(np.arange(count), row_stride))
    ramp = (row * np.uint32(5) + column * np.uint32(2) + np.uint32(64 * plane)) >> np.uint32(2) & np.uint32(0x7F)
    noise = (row << np.uint32(16) ^ column) * np.uint32(2654435761) >> np.uint32(25)
    made: bytes = (ramp + noise).astype(np.uint8).tobytes()
    return made


def _patterns(case: PreprocessCase) -> list[Plane]:
    rows, columns = (case.height + 1) // 2, (case.width + 1) // 2
    luma = (case.height, case.width, 1, 1, case.padding)
    # Rows and samples of each plane, bytes from one sample to the next, bytes of one, and bytes after a row.
    layouts = {
        "rgba": [(case.height, case.width, 4, 4, case.padding)],
        "bgra": [(case.height, case.width, 4, 4, case.padding)],
        "nv12": [luma, (rows, columns, 2, 2, case.padding)],
        "i420": [luma, *2 * [(rows, columns, case.chroma_step, 1, case.padding + 1)]],
    }[case.format]
    made = []
    for index, (height, width, step, sample, padding) in enumerate(layouts):
        last = (width - 1) * step + sample
        stride = last + padding
        made.append(Plane(pattern((height - 1) * stride + last, stride, index), stride, step))
    return made


def _plane(rows: Bytes, padding: int, pixel_stride: int) -> Plane:
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=_FILL)
    # As Android does: the last row ends with its last sample.
    data = padded.tobytes()[: padded.size - padding]
    return Plane(data, padded.shape[1], pixel_stride)


def _spread(samples: Bytes, step: int) -> Bytes:
    """Put ``step - 1`` bytes of filling between neighbours, none after the last."""
    spread = np.full((samples.shape[0], (samples.shape[1] - 1) * step + 1), _FILL, np.uint8)
    spread[:, ::step] = samples
    return spread


def _halved(plane: Bytes) -> Bytes:
    """Return the mean of each 2 × 2 block; odd edges are repeated."""
    even = np.pad(plane, ((0, plane.shape[0] % 2), (0, plane.shape[1] % 2)), mode="edge").astype(np.float64)
    blocks = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2)
    means: NDArray[np.float64] = blocks.mean(axis=(1, 3))
    return means.round().astype(np.uint8)


def _yuv(rgb: Bytes, full_range: bool) -> list[Bytes]:
    """Return Y, U and V (BT.601)."""
    red, green, blue = (rgb[..., channel].astype(np.float64) for channel in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma: list[NDArray[np.float64]] = [(blue - luma) / 1.772, (red - luma) / 1.402]
    if full_range:
        parts = [luma, *(part + 128 for part in chroma)]
    else:
        parts = [luma * 219 / 255 + 16, *(part * 224 / 255 + 128 for part in chroma)]
    return [part.round().clip(0, 255).astype(np.uint8) for part in parts]
