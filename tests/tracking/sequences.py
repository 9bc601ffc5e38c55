"""Moving pictures with known answers: photographs of a face moved, scaled, turned and mirrored along known paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from tests.photographs import astronaut

FACE = (100, 10, 350, 260)
"""The part of the photograph with the whole head: left, top, right, bottom."""
SIZE = (480, 360)
RATE = 30.0

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Placed:
    """A head in a frame: its centre and side in pixels, turned clockwise, mirrored or not."""

    x: float
    y: float
    side: float = 200.0
    degrees: float = 0.0
    mirrored: bool = False


def frame(placed: Sequence[Placed], size: tuple[int, int] = SIZE) -> Bytes:
    """Return an RGB frame (H, W, 3): heads pasted in order onto grey, so that later ones cover earlier ones."""
    canvas = Image.new("RGB", size, (96, 104, 112))
    head = Image.fromarray(astronaut()).crop(FACE)
    for one in placed:
        picture = head.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if one.mirrored else head
        # One affine transform from the frame back into the picture keeps positions exact to a fraction of a pixel.
        angle, scale = np.radians(one.degrees), head.width / one.side
        cos, sin, half = np.cos(angle) * scale, np.sin(angle) * scale, head.width / 2
        back = (cos, sin, half - cos * one.x - sin * one.y, -sin, cos, half + sin * one.x - cos * one.y)
        layer = picture.transform(size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR)
        mask = Image.new("L", head.size, 255).transform(size, Image.Transform.AFFINE, back)
        canvas.paste(layer, mask=mask)
    return np.asarray(canvas)


def blocked() -> Bytes:
    """Return a frame (720, 1280, 3): a drawn face that the detector prefers to the blurred photograph beside it."""
    drawing = Image.new("RGB", (256, 256), (138, 5, 24))
    pen = ImageDraw.Draw(drawing)
    pen.ellipse((48, 38, 208, 218), fill=(254, 118, 146))
    for place in ((81, 111, 99, 129), (157, 111, 175, 129), (107, 156, 149, 174)):
        pen.ellipse(place, fill=(11, 41, 52))
    canvas = Image.new("RGB", (1280, 720), (96, 104, 112))
    canvas.paste(drawing.resize((640, 640)), (600, 0))
    head = Image.fromarray(astronaut()).crop(FACE).resize((340, 340))
    canvas.paste(head.filter(ImageFilter.GaussianBlur(2)), (150, 250))
    return np.asarray(canvas)


def path(count: int, start: Placed, end: Placed) -> Iterator[Placed]:
    """Yield ``count`` placements in equal steps from ``start`` to ``end``."""
    for index in range(count):
        t = index / max(count - 1, 1)
        x, y, side, degrees = (
            (1 - t) * getattr(start, name) + t * getattr(end, name) for name in ("x", "y", "side", "degrees")
        )
        yield Placed(x, y, side, degrees, start.mirrored)
