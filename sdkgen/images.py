"""Reading photographs: what phones and browsers give becomes upright 8-bit sRGB, or a clear error."""

from __future__ import annotations

import io
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from sdkgen.errors import ImageError, MissingExtraError, SdkgenError
from sdkgen.files import whole_file

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "BMP", "GIF")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".heif", ".tif", ".tiff", ".bmp", ".gif")
"""What a folder's images end in, and what is an image rather than a video."""

MAXIMUM_PIXELS = 150_000_000
"""Beyond every phone's full resolution but one; a file that claims more is more likely an attack than a photograph."""

BACKGROUND = (255, 255, 255)
"""What transparent pixels lie on, as on a page."""

STANDARD_INPUT = ("-", "/dev/stdin")

_ORIENTATION_TAG = 0x0112
_ROWS = 256
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/", re.ASCII)
_UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    2: np.fliplr,
    3: lambda pixels: pixels[::-1, ::-1],
    4: np.flipud,
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


def is_image(source: str) -> bool:
    """Tell whether ``source`` names an image, a folder of images or standard input, rather than a video."""
    return source in STANDARD_INPUT or Path(source).suffix.lower() in SUFFIXES or Path(source).is_dir()


def find_images(sources: Sequence[Path]) -> list[Path]:
    """Return ``sources`` with each folder replaced by the images in it, sorted by name.

    Raises ``ImageError`` for a folder without images.
    """
    found: list[Path] = []
    for source in sources:
        if not source.is_dir():
            found.append(source)
            continue
        inside = sorted(file for file in source.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
        if not inside:
            hint = f"Images end in {', '.join(SUFFIXES)}; folders below it are not searched."
            raise ImageError("there is no image in the folder", context=str(source), hint=hint)
        found += inside
    return found


def refuse_url(source: str) -> None:
    """Raise ``ImageError`` if ``source`` is a URL: nothing is fetched from the network."""
    if _URL.match(source):
        raise ImageError(
            "a URL cannot be read",
            context=re.sub(":/+", "://", source, count=1),
            hint="Download it, and name the file.",
        )


def read_image(path: Path, *, as_stored: bool = False) -> NDArray[np.uint8]:
    """Return the image at ``path``, or on standard input (``-``), as upright RGB (H, W, 3) in sRGB.

    Upright as its EXIF orientation or its HEIF transforms say. With ``as_stored`` neither its EXIF orientation nor its
    colour profile is applied: the labels of data sets refer to the pixels as they are stored. Grey, palette and CMYK
    images are converted; 16 bits a channel are scaled to 8; transparent pixels are laid on white; of several frames
    the first is taken. Raises ``ImageError`` if the file is missing, unreadable, truncated, of another format, or
    larger than ``MAXIMUM_PIXELS``; ``MissingExtraError`` where HEIC needs a package that is not there.
    """
    refuse_url(str(path))
    try:
        # A decoder's warnings (odd metadata, many pixels) concern nobody: either an image comes out or an error.
        with warnings.catch_warnings(), _open(path) as stream:
            warnings.simplefilter("ignore")
            pixels, orientation = _decode(stream, path, as_stored)
        return _upright(pixels, orientation)
    except SdkgenError:
        raise
    except UnidentifiedImageError as error:
        hint = f"Formats that can be read: {', '.join(FORMATS)}."
        raise ImageError("this is no image that can be read", context=str(path), hint=hint) from error
    except PermissionError as error:
        raise ImageError("the image may not be read", context=str(path), hint="Check its permissions.") from error
    except Exception as error:  # a decoder given damaged bytes raises almost anything
        hint = "The file is truncated or damaged: get it again."
        raise ImageError(f"the image cannot be decoded: {error}", context=str(path), hint=hint) from error


def _decode(stream: BinaryIO, path: Path, as_stored: bool) -> tuple[NDArray[np.uint8], int]:
    """Return an image's pixels (H, W, 3) as they are stored, and its EXIF orientation."""
    with _unlimited(), Image.open(stream, formats=_formats(stream)) as image:
        _check_size(image, path)
        image.load()
        orientation = 1 if as_stored else _orientation(image)
        return _rgb(image if as_stored else _in_srgb(image)), orientation


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write RGB (H, W, 3) as a PNG that appears whole or not at all. Raises ``OutputError``."""
    with whole_file(path) as work:
        Image.fromarray(pixels).save(work, format="PNG", optimize=True)


def _check_size(image: Image.Image, path: Path) -> None:
    pixels = image.width * image.height
    if pixels > MAXIMUM_PIXELS:
        message = f"the image has {image.width} × {image.height} pixels, more than {MAXIMUM_PIXELS:,}"
        raise ImageError(message, context=str(path), hint="Scale it down first.")


def _open(path: Path) -> BinaryIO:
    """Return the file as a stream that can be searched, a pipe's content too."""
    if str(path) in STANDARD_INPUT:
        return io.BytesIO(sys.stdin.buffer.read())
    if path.is_fifo():
        return io.BytesIO(path.read_bytes())
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise ImageError(f"the image {what}", context=str(path), hint="Name an image file.")
    return path.open("rb")


def _formats(stream: BinaryIO) -> tuple[str, ...]:
    """Return the formats that Pillow is to try. Raises ``MissingExtraError`` without the package that reads HEIF."""
    head = stream.read(12)
    stream.seek(0)
    if head[4:8] != b"ftyp" or head[8:12] in (b"avif", b"avis"):
        return tuple(name for name in FORMATS if name != "HEIF")
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtraError("pillow-heif", "heic") from error
    pillow_heif.register_heif_opener()
    return ("HEIF",)


@contextmanager
def _unlimited() -> Iterator[None]:
    """Keep Pillow from refusing an image by its size before ours can say how large it is."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _in_srgb(image: Image.Image) -> Image.Image:
    """Return an RGB image converted from its own colour profile, such as Display P3; others as they are."""
    data = image.info.get("icc_profile")
    if not data or image.mode not in ("RGB", "RGBA"):
        return image
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        if profile.profile.xcolor_space.strip() != "RGB" or "sRGB" in ImageCms.getProfileDescription(profile):
            return image
        ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), inPlace=True)
    except (ImageCms.PyCMSError, OSError, ValueError):  # damaged profile; the pixels are sound
        pass
    return image


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    """Return an image as RGB (H, W, 3), a few rows at a time: other copies of the whole would fill the memory."""
    made = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _ROWS):
        bottom = min(top + _ROWS, image.height)
        made[top:bottom] = _convert(image.crop((0, top, image.width, bottom)))
    return made


def _convert(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I"):  # 16-bit grey
        wide = np.asarray(image).astype(np.int64).clip(0, 65535)
        return ((wide + 128) // 257).astype(np.uint8)[..., None]
    if image.has_transparency_data:
        solid = Image.new("RGBA", image.size, (*BACKGROUND, 255))
        solid.alpha_composite(image.convert("RGBA"))
        image = solid
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"), dtype=np.uint8)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # damaged metadata; the pixels are sound
        return 1


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    turn = _UPRIGHT.get(orientation)
    return pixels if turn is None else np.ascontiguousarray(turn(pixels))
