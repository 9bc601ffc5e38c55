"""Reading photographs: any JPEG, PNG or WebP becomes upright 8-bit RGB, or a clear error."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sdkgen.errors import ImageError
from sdkgen.files import whole_file

FORMATS = ("JPEG", "PNG", "WEBP")
MAXIMUM_PIXELS = 150_000_000
"""Beyond every phone's full resolution but one; a file that claims more is more likely an attack than a photograph."""

BACKGROUND = (255, 255, 255)
"""What transparent pixels lie on, as on a page."""

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(path: Path, *, as_stored: bool = False) -> NDArray[np.uint8]:
    """Return the image at ``path`` as RGB (H, W, 3), turned upright as its EXIF orientation says.

    With ``as_stored`` it is not turned: the labels of data sets refer to the pixels as they are stored.
    Grey, palette and CMYK images are converted; 16 bits a channel are scaled to 8; transparent pixels are laid on
    white; of an animation the first frame is taken. Colour profiles are not applied. Raises ``ImageError`` if the file
    is missing, unreadable, truncated, of another format, or larger than ``MAXIMUM_PIXELS``.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise ImageError(f"the image {what}", context=str(path), hint="Name an image file.")
    try:
        # A decoder's warnings (odd metadata, many pixels) concern nobody: either an image comes out or an error.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                _check_size(image, path)
                image.load()
                orientation = 1 if as_stored else _orientation(image)
                return np.asarray(_upright(_rgb(image), orientation), dtype=np.uint8)
    except ImageError:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        hint = f"Formats that can be read: {', '.join(FORMATS)}, at most {MAXIMUM_PIXELS:,} pixels."
        raise ImageError("this is no image that can be read", context=str(path), hint=hint) from error
    except PermissionError as error:
        raise ImageError("the image may not be read", context=str(path), hint="Check its permissions.") from error
    except Exception as error:  # a decoder given damaged bytes raises almost anything
        hint = "The file is truncated or damaged: get it again."
        raise ImageError(f"the image cannot be decoded: {error}", context=str(path), hint=hint) from error


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write RGB (H, W, 3) as a PNG that appears whole or not at all. Raises ``OutputError``."""
    with whole_file(path) as work:
        Image.fromarray(pixels).save(work, format="PNG", optimize=True)


def _check_size(image: Image.Image, path: Path) -> None:
    pixels = image.width * image.height
    if pixels > MAXIMUM_PIXELS:
        message = f"the image has {image.width} × {image.height} pixels, more than {MAXIMUM_PIXELS:,}"
        raise ImageError(message, context=str(path), hint="Scale it down first.")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey
        wide = np.asarray(image).astype(np.float64)
        return Image.fromarray((wide / 257).round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        solid = Image.new("RGBA", image.size, (*BACKGROUND, 255))
        solid.alpha_composite(image.convert("RGBA"))
        return solid.convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # damaged metadata; the pixels are sound
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _UPRIGHT.get(orientation)
    return image if turn is None else image.transpose(turn)
