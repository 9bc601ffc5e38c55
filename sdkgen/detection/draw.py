"""Drawing faces onto a photograph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sdkgen.detection.types import Detection

_BOX = (38, 230, 140, 255)
_LABEL_TEXT = (8, 40, 24, 255)
_POINTS = ((90, 200, 255, 255), (90, 200, 255, 255), (255, 210, 70, 255), (255, 110, 140, 255)) + (
    (240, 240, 240, 255),
) * 2
_OUTLINE = (16, 24, 32, 255)
_SMOOTHED_PIXELS = 4_000_000
"""Up to this size the drawing is made at twice the size and scaled down, which smooths its edges."""


def annotate(image: NDArray[np.uint8], faces: Sequence[Detection]) -> NDArray[np.uint8]:
    """Return a copy of an RGB image (H, W, 3) with each face's box, keypoints and score drawn on it.

    Lines and letters grow with the image, so that they are as visible in a large one as in a small one.
    """
    height, width = image.shape[:2]
    factor = 2 if width * height <= _SMOOTHED_PIXELS else 1
    layer = Image.new("RGBA", (width * factor, height * factor))
    pen = max(2.0, max(width, height) / 240) * factor
    draw = ImageDraw.Draw(layer)
    for face in reversed(faces):  # the best on top
        _draw_face(draw, face, layer.size, pen)
    if factor > 1:
        layer = layer.resize((width, height), Image.Resampling.BOX)
    return np.array(Image.alpha_composite(Image.fromarray(image).convert("RGBA"), layer).convert("RGB"))


def _draw_face(draw: ImageDraw.ImageDraw, face: Detection, size: tuple[int, int], pen: float) -> None:
    left, top = face.box[0] * size[0], face.box[1] * size[1]
    right, bottom = left + face.box[2] * size[0], top + face.box[3] * size[1]
    stroke = round(pen)
    radius = min(3 * pen, (right - left) / 4, (bottom - top) / 4)
    draw.rounded_rectangle((left, top, right, bottom), radius, outline=_BOX, width=stroke)
    # A dot never grows beyond what keeps small faces recognisable.
    dot = max(1.5, min(1.6 * pen, (right - left) / 24))
    for (x, y), colour in zip(face.keypoints, _POINTS, strict=False):
        cx, cy = float(x) * size[0], float(y) * size[1]
        draw.ellipse((cx - dot, cy - dot, cx + dot, cy + dot), colour, _OUTLINE, max(1, round(dot / 4)))
    _draw_label(draw, f"{face.score:.2f}", (left, top), pen)


def _draw_label(draw: ImageDraw.ImageDraw, text: str, corner: tuple[float, float], pen: float) -> None:
    """Write ``text`` on a plate above ``corner``, or below it at the image's upper edge."""
    font = ImageFont.load_default(size=max(9.0, 6 * pen))
    x0, y0, x1, y1 = draw.textbbox((0, 0), text, font)
    pad = pen
    plate = (x1 - x0 + 2 * pad, y1 - y0 + 2 * pad)
    left = max(0.0, corner[0])
    top = corner[1] - plate[1] - pad if corner[1] > plate[1] + pad else max(0.0, corner[1]) + 2 * pad
    draw.rounded_rectangle((left, top, left + plate[0], top + plate[1]), pad, fill=_BOX)
    draw.text((left + pad - x0, top + pad - y0), text, _LABEL_TEXT, font)
