"""A frame as a player shows it: turned, mirrored and stretched as the file says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sdkgen.detection.preprocess import Bytes

if TYPE_CHECKING:
    from fractions import Fraction

    from av import VideoFrame


def upright_pixels(frame: VideoFrame, aspect: Fraction | None) -> Bytes:
    """Return the frame as RGB (H, W, 3) of square pixels, turned and mirrored as its display matrix says.

    ``aspect`` is the width of a stored pixel by its height. The longer side of a pixel is resampled, so that nothing of
    the picture is lost. A display matrix that turns by anything but quarter turns counts as the nearest of the eight.
    """
    width, height = frame.width, frame.height
    if aspect and aspect > 0 and aspect != 1:
        width, height = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    pixels = cast("Bytes", frame.to_ndarray(format="rgb24", width=width, height=height))
    return np.ascontiguousarray(_placed(pixels, *_axes(frame)))


def _axes(frame: VideoFrame) -> tuple[float, float, float, float]:
    """Return a, b, c, d of the display matrix: a stored pixel at (x, y) is shown at (a·x + c·y, b·x + d·y).

    The matrix is that of ISO/IEC 14496-12, 8.3.2: nine 32-bit integers, row by row, a and b in the first.
    """
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return 1.0, 0.0, 0.0, 1.0
    (a, b, _), (c, d, _), _ = np.frombuffer(memoryview(data), np.int32)[:9].reshape(3, 3).astype(float)
    return a, b, c, d


def _placed(pixels: Bytes, a: float, b: float, c: float, d: float) -> Bytes:
    if abs(a) + abs(d) >= abs(b) + abs(c):
        across, down = a, d
    else:
        pixels = pixels.swapaxes(0, 1)
        across, down = c, b
    return pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
