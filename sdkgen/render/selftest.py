"""The golden input that ships with every SDK, and what the network makes of it.

At its first start on a device an SDK runs the golden input and compares: a GPU driver that computes wrongly is found
before a user sees wrong faces. The file is little-endian: the letters "SDKG", then version, width, height and the
number of rows as 32-bit unsigned integers, then width × height × 3 RGB bytes, then per row an anchor's index (32-bit
unsigned) and its 16 box numbers and score logit (float32), as torch computes them in float32.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdkgen import cache, resources
from sdkgen.backends.torch_backend import TorchBackend
from sdkgen.detection.types import Array
from sdkgen.files import sha256_json, sha256_path
from sdkgen.spec.model import ModelSpec

NAME = "selftest.bin"
VERSION = 1
ROWS = 16
"""How many anchors are compared: those with the highest scores."""

_PHOTOGRAPH = "selftest.png"


def golden_image(spec: ModelSpec) -> NDArray[np.uint8]:
    """Return the golden input, (height, width, 3) RGB bytes: a photograph of one face, at the model's size."""
    from PIL import Image

    with Image.open(resources.path("models") / _PHOTOGRAPH) as image:
        small = image.convert("RGB").resize((spec.input.width, spec.input.height), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.uint8)


def selftest(spec: ModelSpec, weights: Path | None = None, *, trust: bool = False) -> bytes:
    """Return the content of selftest.bin for a detector, from the cache where it has been made before."""
    given = sha256_path(weights) if weights is not None else spec.weights.sha256
    photograph = sha256_path(resources.path("models") / _PHOTOGRAPH)
    key = sha256_json([VERSION, ROWS, spec.model_dump(mode="json"), given, trust, photograph])

    def fill(folder: Path) -> None:
        (folder / NAME).write_bytes(_compute(spec, weights, trust=trust))

    return (cache.make("selftests", key, fill) / NAME).read_bytes()


def _compute(spec: ModelSpec, weights: Path | None, *, trust: bool) -> bytes:
    from sdkgen.network import load

    pixels = golden_image(spec)
    image: Array = (pixels.astype(np.float32) * np.float32(spec.input.scale) + np.float32(spec.input.minimum))[None]
    outputs = TorchBackend(load(spec, weights, trust=trust), spec).run(image)
    rows = np.concatenate([outputs["boxes"][0], outputs["scores"][0]], axis=1)
    best = np.argsort(-rows[:, -1], kind="stable")[:ROWS]
    head = b"SDKG" + struct.pack("<4I", VERSION, spec.input.width, spec.input.height, len(best))
    body = b"".join(struct.pack("<I", index) + rows[index].astype("<f4").tobytes() for index in best)
    return head + pixels.tobytes() + body
