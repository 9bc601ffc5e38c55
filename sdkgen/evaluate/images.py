"""Reading images of unknown size and soundness."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from sdkgen.detection.preprocess import Bytes
from sdkgen.errors import ImageError

LARGEST = 100_000_000
"""Pixels that are decoded at most: 300 MB of RGB."""


def read(path: Path) -> Bytes:
    """Return an image's RGB pixels (H, W, 3) as stored: EXIF orientation is left alone, because labels do so too.

    Raises ``ImageError`` for what is no image, is damaged or truncated, or has more than ``LARGEST`` pixels.
    """
    try:
        with warnings.catch_warnings():
            # The limit here is lower than the one that Pillow warns of.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path)
        with image:
            if image.width * image.height > LARGEST:
                raise Image.DecompressionBombError(f"{image.width} × {image.height} pixels, at most {LARGEST:,}")
            return np.asarray(image.convert("RGB"))
    except FileNotFoundError as error:
        raise _bad("there is no such image", path, "missing-image") from error
    except Image.DecompressionBombError as error:
        raise _bad(f"the image is too large: {error}", path, "large-image") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise _bad(f"not a readable image: {error}", path, "bad-image") from error


def _bad(message: str, path: Path, reference: str) -> ImageError:
    return ImageError(message, context=str(path), hint="Correct the labels or the file.", reference=reference)
