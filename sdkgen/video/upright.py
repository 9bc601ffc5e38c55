"""From a decoded frame to the picture that a player shows: its display matrix and its sample aspect ratio."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from sdkgen.detection.preprocess import Bytes

if TYPE_CHECKING:
    from av import VideoFrame

_WIDEST = 8
"""Beyond it a sample aspect ratio is damage: formats in use stay below 3."""


def upright(frame: VideoFrame, sample_aspect: Fraction | None) -> Bytes:
    """Return the RGB pixels (H, W, 3) of ``frame`` as they are to be shown, square, turned and mirrored.

    Pixels that are not square are stretched along their shorter side, so that none is lost.
    """
    width, height = _shown_size(frame.width, frame.height, sample_aspect)
    pixels = np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height), np.uint8)
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    return pixels if matrix is None else turn(pixels, np.frombuffer(bytes(matrix), np.int32))


def turn(pixels: Bytes, matrix: np.ndarray[tuple[int], np.dtype[np.int32]]) -> Bytes:
    """Return ``pixels`` (H, W, 3) turned by the nearest of the eight orientations to a display matrix (9).

    The matrix is that of ISO/IEC 14496-12 in FFmpeg's order: x goes to (a, b), y to (c, d) with a, b, _, c, d first.
    """
    a, b, c, d = (float(matrix[at]) for at in (0, 1, 3, 4))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        across, down = a, d
    else:
        pixels, across, down = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


def _shown_size(width: int, height: int, sample_aspect: Fraction | None) -> tuple[int, int]:
    aspect = sample_aspect or Fraction(1)
    if not Fraction(1, _WIDEST) <= aspect <= _WIDEST:
        return width, height
    return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))
