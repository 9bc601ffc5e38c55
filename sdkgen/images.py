"""Reading photographs: any of a phone's or a camera's formats becomes upright 8-bit sRGB, or a clear error."""

from __future__ import annotations

import io
import re
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from sdkgen.errors import ImageError, MissingExtraError
from sdkgen.files import whole_file

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF")
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .avif .tif .tiff .bmp .gif .heic .heif .hif".split()
)  # fmt: skip
"""What names of image files end in, small letters."""

MAXIMUM_PIXELS = 150_000_000
"""Beyond every phone's full resolution but one; a file that claims more is more likely an attack than a photograph."""
MAXIMUM_BYTES = 1 << 30
"""What is read from standard input at most."""
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit does not say which size a file has; ours does.

BACKGROUND = (255, 255, 255)
"""What transparent pixels lie on, as on a page."""

_STANDARD_INPUT = ("-", "/dev/stdin")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_ROWS = 1024
"""How many rows of a large picture are scaled at once."""

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


def is_image(source: str | Path) -> bool:
    """Tell whether a source is an image, by its name; "-" and a folder's images are."""
    return str(source) in _STANDARD_INPUT or Path(source).suffix.lower() in SUFFIXES or Path(source).is_dir()


def expand(sources: Iterable[str | Path]) -> list[Path]:
    """Return the image files that ``sources`` name, in order: of a folder its images, sorted by name.

    Raises ``ImageError`` for a URL, and for a folder without an image.
    """
    paths: list[Path] = []
    for given in sources:
        _refuse_url(given)
        source = Path(given)
        if not source.is_dir():
            paths.append(source)
            continue
        inside = sorted(p for p in source.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
        if not inside:
            raise ImageError(
                "there is no image in the folder", context=str(source), hint="Name images or their folder."
            )
        paths += inside
    return paths


def read_image(path: Path, *, as_stored: bool = False) -> NDArray[np.uint8]:
    """Return an image as RGB (H, W, 3), turned upright as its EXIF orientation says; the path "-" is standard input.

    With ``as_stored`` it is not turned: the labels of data sets refer to the pixels as they are stored.
    Grey, palette and CMYK images are converted; 16 bits a channel are scaled to 8; transparent pixels are laid on
    white; of an animation the first frame is taken. Colours of another RGB profile than sRGB (Display P3, Adobe RGB)
    are converted to it. HEIC needs the extra ``heif``. Raises ``ImageError`` if the file is missing, unreadable,
    truncated, of another format, or larger than ``MAXIMUM_PIXELS``; ``MissingExtraError`` for HEIC without the extra.
    """
    _refuse_url(path)
    source: Path | io.BytesIO = path
    if str(path) in _STANDARD_INPUT:
        source = io.BytesIO(sys.stdin.buffer.read(MAXIMUM_BYTES))
    elif not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise ImageError(f"the image {what}", context=str(path), hint="Name an image file.")
    try:
        formats = (*FORMATS, "HEIF") if _open_heif(source) else FORMATS
        # A decoder's warnings (odd metadata, many pixels) concern nobody: either an image comes out or an error.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(source, formats=formats) as image:
                _check_size(image, path)
                image.load()
                orientation = 1 if as_stored else _orientation(image)
                profile = image.info.get("icc_profile")
                return np.asarray(_upright(_to_srgb(_rgb(image), profile), orientation), dtype=np.uint8)
    except (ImageError, MissingExtraError):
        raise
    except UnidentifiedImageError as error:
        hint = (
            f"Formats that can be read: {', '.join(FORMATS)}, HEIC; videos are given with --video, or to sdkgen track."
        )
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


def _refuse_url(source: str | Path) -> None:
    if re.match(r"^[a-z][a-z0-9+.-]*:/", str(source), re.IGNORECASE):
        raise ImageError(
            "URLs are not fetched", context=str(source), hint="Download the file, or pipe it: … | sdkgen detect -"
        )


def _open_heif(source: Path | io.BytesIO) -> bool:
    """Tell whether ``source`` is HEIF, with Pillow made able to read it. Raises ``MissingExtraError``."""
    if isinstance(source, io.BytesIO):
        head = source.getbuffer()[:16].tobytes()
    else:
        with source.open("rb") as file:
            head = file.read(16)
    if head[4:8] != b"ftyp" or head[8:12] not in _HEIF_BRANDS:
        return False
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtraError("pillow-heif", "heif") from error
    pillow_heif.register_heif_opener()
    return True


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the image with the colours of an RGB ``profile`` as sRGB has them; a damaged profile is ignored."""
    if not profile:
        return image
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        about = given.profile
        if about.xcolor_space.strip() != "RGB" or "srgb" in (about.profile_description or "").lower():
            return image
        converted = ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return converted or image


def _check_size(image: Image.Image, path: Path) -> None:
    pixels = image.width * image.height
    if pixels > MAXIMUM_PIXELS:
        message = f"the image has {image.width} × {image.height} pixels, more than {MAXIMUM_PIXELS:,}"
        raise ImageError(message, context=str(path), hint="Scale it down first.")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey
        small = Image.new("L", image.size)
        for top in range(0, image.height, _ROWS):
            strip = image.crop((0, top, image.width, min(top + _ROWS, image.height)))
            scaled = (np.asarray(strip).astype(np.float64) / 257).round().clip(0, 255).astype(np.uint8)
            small.paste(Image.fromarray(scaled), (0, top))
        return small.convert("RGB")
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
