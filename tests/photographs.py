"""Photographs that ship inside scikit-image's wheel, and scenes with several faces made of them."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]


@cache
def astronaut() -> Bytes:
    """Return Eileen Collins (512 × 512, NASA, public domain): one face."""
    from skimage import data

    return _read_only(data.astronaut())


@cache
def rocket() -> Bytes:
    """Return a rocket launch (640 × 427, SpaceX, public domain): no face."""
    from skimage import data

    return _read_only(data.rocket())


@cache
def turned(degrees: float) -> Bytes:
    """Return the astronaut turned clockwise about her face, edges grey."""
    picture = Image.fromarray(astronaut()).rotate(
        -degrees, Image.Resampling.BILINEAR, center=(225, 130), fillcolor=(90, 90, 90)
    )
    return _read_only(np.asarray(picture))


@cache
def group() -> Bytes:
    """Return a 960 × 540 scene of five faces: the astronaut larger, smaller, mirrored, darker and turned."""
    scene = Image.fromarray(np.full((540, 960, 3), (104, 112, 120), dtype=np.uint8))
    for degrees, box, mirrored, gain in (
        (0, (20, 40, 300, 320), False, 1.0),
        (0, (330, 10, 610, 290), True, 1.0),
        (18, (640, 60, 920, 340), False, 0.9),
        (0, (170, 320, 390, 540), False, 0.55),
        (-12, (520, 320, 740, 540), True, 1.15),
    ):
        portrait = Image.fromarray(turned(degrees)).crop((115, 20, 335, 240))
        if mirrored:
            portrait = portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        portrait = portrait.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BICUBIC)
        scene.paste(portrait.point([min(255, round(value * gain)) for value in range(256)] * 3), box)
    return _read_only(np.asarray(scene))


def _read_only(pixels: Bytes) -> Bytes:
    pixels = np.ascontiguousarray(pixels[..., :3])
    pixels.flags.writeable = False
    return pixels
