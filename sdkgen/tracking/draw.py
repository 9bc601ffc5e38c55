"""Drawing tracked faces onto a frame."""

from __future__ import annotations

import colorsys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sdkgen.detection.preprocess import Bytes
from sdkgen.tracking.tracker import TrackedFace, TrackedFrame

_GOLDEN_ANGLE = 0.381966


def annotate(image: Bytes, frame: TrackedFrame) -> Bytes:
    """Return a copy of an RGB frame (H, W, 3) with each face's landmarks, crop and track number drawn on it."""
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture, "RGBA")
    size = max(picture.size)
    for face in frame.faces:
        _draw(draw, face, picture.size, max(1.0, size / 600))
    state = "detector ran" if frame.detector_ran else "detector asleep"
    draw.text((size / 60, size / 60), state, (255, 255, 255, 220), ImageFont.load_default(size / 36))
    return np.array(picture)


def _draw(draw: ImageDraw.ImageDraw, face: TrackedFace, size: tuple[int, int], dot: float) -> None:
    red, green, blue = colorsys.hsv_to_rgb(face.track * _GOLDEN_ANGLE % 1, 0.6, 1.0)
    colour = (round(255 * red), round(255 * green), round(255 * blue), 255)
    for x, y in face.landmarks[:, :2] * size:
        draw.ellipse((x - dot, y - dot, x + dot, y + dot), colour)
    angle = np.radians(face.roi.rotation_degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    half = np.array(face.roi.size) / 2
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * half @ turn + face.roi.center
    draw.line([(float(x), float(y)) for x, y in corners], colour, max(1, round(dot)))
    label = f"{face.track} {face.presence:.2f}"
    draw.text((float(corners[0][0]), float(corners[0][1])), label, colour, ImageFont.load_default(14 * dot))
