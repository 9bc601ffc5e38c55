"""What the artifacts are compared on: seeded noise, and photographs in thirteen variations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from sdkgen import resources
from sdkgen.detection.preprocess import cropped, letterboxed
from sdkgen.detection.types import Array, Roi
from sdkgen.errors import ImageError
from sdkgen.images import read_image
from sdkgen.spec.model import InputSpec

Bytes = NDArray[np.uint8]
Locate = Callable[[Bytes], Sequence[Roi]]

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_GREY = (104, 112, 120)


@dataclass(frozen=True)
class Input:
    """One input of a model; ``width`` and ``height`` are those of the image it shows, 0 for noise."""

    name: str
    values: Array
    width: int = 0
    height: int = 0


def round_to_bytes(inputs: Sequence[Input], to: InputSpec) -> list[Input]:
    """Return the inputs as a model that takes bytes can be given them."""
    return [replace(source, values=to.from_bytes(to.to_bytes(source.values))) for source in inputs]


def random_inputs(to: InputSpec, seed: int = 0) -> list[Input]:
    """Return noise in the model's range: every value on its own, and patches of an eighth of the input's size."""
    random = np.random.default_rng(seed)
    shape = (to.height, to.width, 3)
    fine = random.uniform(to.minimum, to.maximum, shape)
    patches = random.uniform(to.minimum, to.maximum, (8, 8, 3))
    coarse = patches.repeat(to.height // 8, axis=0).repeat(to.width // 8, axis=1)
    coarse = np.resize(coarse, shape)
    return [
        Input("noise", fine.astype(np.float32)[None]),
        Input("coloured patches", coarse.astype(np.float32)[None]),
    ]


def photo_inputs(photos: dict[str, Bytes], to: InputSpec, locate: Locate | None = None) -> Iterator[Input]:
    """Yield the variations of each photograph, letterboxed, or cropped to what ``locate`` finds in them."""
    for title, photo in photos.items():
        for how, varied in variations(photo):
            height, width = varied.shape[:2]
            if locate is None:
                yield Input(f"{title}, {how}", letterboxed(varied, to), width, height)
                continue
            for index, roi in enumerate(locate(varied), 1):
                number = f", face {index}" if index > 1 else ""
                yield Input(f"{title}, {how}{number}", cropped(varied, roi, to), to.width, to.height)


def photographs(folder: Path | None = None) -> dict[str, Bytes]:
    """Return the photograph that ships with sdkgen, and those in ``folder``, by name.

    Raises ``ImageError`` if one cannot be read, or the folder has none.
    """
    photos = {"astronaut": read_image(resources.photograph())}
    if folder is not None:
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES) if folder.is_dir() else []
        if not files:
            hint = "Name a folder with JPEG, PNG or WebP files."
            raise ImageError("there are no images in the folder", context=str(folder), hint=hint)
        photos |= {file.name: read_image(file) for file in files}
    return photos


def variations(photo: Bytes, seed: int = 0) -> Iterator[tuple[str, Bytes]]:
    """Yield ``photo`` as it is and changed in each way that a camera changes what it sees."""
    image = Image.fromarray(photo)
    width, height = image.size
    yield "as it is", photo
    yield "shifted left", _moved(image, -0.07, 0.0)
    yield "shifted down by a third of a pixel of the input", _moved(image, 0.0026, 0.0026)
    yield "at half size", _scaled(image, 0.5)
    yield "at 1.3 times the size", _scaled(image, 1.3)
    yield "turned 12° clockwise", _turned(image, 12)
    yield "turned 20° counterclockwise", _turned(image, -20)
    yield "mirrored", np.ascontiguousarray(photo[:, ::-1])
    yield "dark", np.asarray(ImageEnhance.Brightness(image).enhance(0.45))
    yield "bright", np.asarray(ImageEnhance.Brightness(image).enhance(1.5))
    noise = np.random.default_rng(seed).normal(0, 12, photo.shape)
    yield "with noise", (photo + noise).round().clip(0, 255).astype(np.uint8)
    yield "in a wide frame", _framed(image, (width * 16 // 9, height))
    yield "in a tall frame", _framed(image, (width, height * 16 // 9))


def _moved(image: Image.Image, right: float, down: float) -> Bytes:
    shift = (1, 0, -right * image.width, 0, 1, -down * image.height)
    return _affine(image, shift)


def _scaled(image: Image.Image, factor: float) -> Bytes:
    x, y, step = image.width / 2, image.height / 2, 1 / factor
    return _affine(image, (step, 0, x - x * step, 0, step, y - y * step))


def _affine(image: Image.Image, matrix: tuple[float, float, float, float, float, float]) -> Bytes:
    moved = image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor=_GREY)
    return np.asarray(moved)


def _turned(image: Image.Image, degrees: float) -> Bytes:
    return np.asarray(image.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=_GREY))


def _framed(image: Image.Image, size: tuple[int, int]) -> Bytes:
    frame = Image.new("RGB", size, _GREY)
    frame.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return np.asarray(frame)
