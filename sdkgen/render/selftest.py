"""The golden input that ships with every SDK, and what the network makes of it.

At its first start on a device an SDK runs the golden input and compares: a GPU driver that computes wrongly is found
before a user sees wrong faces. The file is little-endian: the letters "SDKG", then version, width, height and the
number of rows as 32-bit unsigned integers, then width × height × 3 RGB bytes, then per row an anchor's index (32-bit
unsigned) and its 16 box numbers and score logit (float32), as torch computes them in float32.

The landmark model has a file of its own, on a crop of the same face: the letters "SDKL", then version, width, height
and the number of landmarks, the RGB bytes, the presence logit (float32), then x, y and z of every landmark in input
pixels (float32).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdkgen import cache, resources
from sdkgen.backends.torch_backend import TorchBackend
from sdkgen.detection.preprocess import cropped
from sdkgen.detection.types import Roi
from sdkgen.files import sha256_json, sha256_path
from sdkgen.spec.model import ModelSpec
from sdkgen.tracking.landmarks import landmark_roi, to_image

NAME = "selftest.bin"
LANDMARKS_NAME = "landmarks-selftest.bin"
VERSION = 1
ROWS = 16
"""How many anchors are compared: those with the highest scores."""


def golden_image(spec: ModelSpec) -> NDArray[np.uint8]:
    """Return the golden input, (height, width, 3) RGB bytes: a photograph of one face, at the model's size."""
    from PIL import Image

    with Image.open(resources.photograph()) as image:
        small = image.convert("RGB").resize((spec.input.width, spec.input.height), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.uint8)


def golden_crop(spec: ModelSpec, torch: TorchBackend) -> NDArray[np.uint8]:
    """Return the landmark model's golden input, (height, width, 3) RGB bytes: the face as the tracker would crop it."""
    from PIL import Image

    with Image.open(resources.photograph()) as image:
        photograph = np.asarray(image.convert("RGB"))
    height, width = photograph.shape[:2]
    whole = Roi((width / 2, height / 2), (width, height))
    raw = torch.run(cropped(photograph, whole, spec.input))["landmarks"].reshape(-1, 3).astype(np.float64)
    roi = landmark_roi(to_image(raw, whole, spec), spec.landmarker.landmark_roi)
    return spec.input.to_bytes(cropped(photograph, roi, spec.input)[0])


def selftest(spec: ModelSpec, weights: Path | None = None, *, trust: bool = False) -> bytes:
    """Return the content of selftest.bin for a detector, from the cache where it has been made before."""
    return _cached(NAME, _compute, spec, weights, trust=trust)


def landmarks(spec: ModelSpec) -> bytes:
    """Return the content of landmarks-selftest.bin, from the cache where it has been made before."""
    return _cached(LANDMARKS_NAME, _compute_landmarks, spec)


def _cached(
    name: str,
    compute: Callable[[ModelSpec, TorchBackend], bytes],
    spec: ModelSpec,
    weights: Path | None = None,
    *,
    trust: bool = False,
) -> bytes:
    given = sha256_path(weights) if weights is not None else spec.weights.sha256
    photograph = sha256_path(resources.photograph())
    key = sha256_json([VERSION, ROWS, spec.model_dump(mode="json"), given, trust, photograph])

    def fill(folder: Path) -> None:
        from sdkgen.network import load

        (folder / name).write_bytes(compute(spec, TorchBackend(load(spec, weights, trust=trust), spec)))

    return (cache.make("selftests", key, fill) / name).read_bytes()


def _compute(spec: ModelSpec, torch: TorchBackend) -> bytes:
    pixels = golden_image(spec)
    outputs = torch.run(spec.input.from_bytes(pixels)[None])
    rows = np.concatenate([outputs["boxes"][0], outputs["scores"][0]], axis=1)
    best = np.argsort(-rows[:, -1], kind="stable")[:ROWS]
    body = b"".join(struct.pack("<I", index) + rows[index].astype("<f4").tobytes() for index in best)
    return _head(b"SDKG", spec, len(best)) + pixels.tobytes() + body


def _compute_landmarks(spec: ModelSpec, torch: TorchBackend) -> bytes:
    pixels = golden_crop(spec, torch)
    outputs = torch.run(spec.input.from_bytes(pixels)[None])
    numbers = np.concatenate([outputs["presence"].ravel(), outputs["landmarks"].ravel()]).astype("<f4")
    return _head(b"SDKL", spec, spec.landmarker.count) + pixels.tobytes() + numbers.tobytes()


def _head(magic: bytes, spec: ModelSpec, rows: int) -> bytes:
    return magic + struct.pack("<4I", VERSION, spec.input.width, spec.input.height, rows)
