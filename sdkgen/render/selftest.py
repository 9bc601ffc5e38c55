"""The golden input that ships with every SDK, and what the network makes of it.

At its first start on a device an SDK runs the golden input and compares: a GPU driver that computes wrongly is found
before a user sees wrong faces. The file is little-endian: the letters "SDKG", then version, width, height and the
number of rows as 32-bit unsigned integers, then width × height × 3 RGB bytes, then per row an anchor's index (32-bit
unsigned) and its 16 box numbers and score logit (float32), as torch computes them in float32.

The landmark model has a file of its own, on a crop of the same face: the letters "SDKL", then version, width, height
and the number of landmarks, the RGB bytes, the presence logit (float32), then x, y and z of every landmark in input
pixels (float32).

Of a model whose weights are compressed, the numbers are what the compressed weights give in float32.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdkgen import cache, resources
from sdkgen.artifact import tool_versions
from sdkgen.backends.base import Backend
from sdkgen.backends.coreml import CoreMlBackend
from sdkgen.backends.torch_backend import TorchBackend
from sdkgen.detection.layout import join, split
from sdkgen.detection.preprocess import cropped
from sdkgen.detection.types import Array, RawOutputs, Roi
from sdkgen.errors import WeightsError
from sdkgen.files import sha256_json, sha256_path, source_digest
from sdkgen.spec.model import ModelSpec
from sdkgen.tracking.landmarks import landmark_roi, to_image

NAME = "selftest.bin"
LANDMARKS_NAME = "landmarks-selftest.bin"
VERSION = 1
ROWS = 16
"""How many anchors are compared: those with the highest scores."""

LOGIT_LIMIT = 0.5
"""How far a logit may be from the golden one. The SDKs use the same two limits; a test holds them to these."""
COORDINATE_LIMIT = 0.02
"""How far a box number or a landmark's coordinate may be off, as a share of the input's longer side."""

_SOURCES = ("backends", "detection", "network", "render/selftest.py", "tracking", "weights")


@dataclass(frozen=True)
class Deviation:
    """The largest difference of a logit, and of a coordinate as a share of the input's side; infinite for NaN."""

    logit: float
    coordinate: float

    @property
    def passes(self) -> bool:
        """Whether an SDK would use the model."""
        return self.logit <= LOGIT_LIMIT and self.coordinate <= COORDINATE_LIMIT


@dataclass(frozen=True)
class Golden:
    """What a file holds: ``pixels`` (height, width, 3), and ``values`` (n, 17) at the anchors ``rows`` of the output.

    Of the landmark model there is one row of 1405, in the order of the joined output.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.uint32]
    values: Array

    def image(self, spec: ModelSpec) -> Array:
        """Return the picture as the model's input, (1, height, width, 3)."""
        return spec.input.from_bytes(self.pixels)[None]

    def compare(self, outputs: RawOutputs, spec: ModelSpec) -> Deviation:
        """Return how far ``outputs`` (either layout) are from the golden ones, as an SDK measures it.

        Raises ``BackendError`` if they are not those of the model.
        """
        found = join(outputs, spec).reshape(-1, self.values.shape[1])[self.rows]
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.nan_to_num(np.abs(found - self.values), nan=np.inf, posinf=np.inf).max(axis=0)
        return Deviation(float(off[-1]), float(off[:-1].max()) / max(spec.input.width, spec.input.height))


def read(content: bytes) -> Golden:
    """Return what is in the content of selftest.bin or landmarks-selftest.bin."""
    magic, _, width, height, rows = struct.unpack_from("<4s4I", content)
    start = struct.calcsize("<4s4I")
    pixels = np.frombuffer(content, np.uint8, width * height * 3, start).reshape(height, width, 3)
    numbers = np.frombuffer(content, "<f4", offset=start + pixels.size)
    if magic == b"SDKL":
        return Golden(pixels, np.zeros(1, np.uint32), np.roll(numbers, -1)[None])
    table = numbers.reshape(rows, -1)
    return Golden(pixels, table[:, 0].view(np.uint32), table[:, 1:])


def golden_image(spec: ModelSpec) -> NDArray[np.uint8]:
    """Return the golden input, (height, width, 3) RGB bytes: a photograph of one face, at the model's size."""
    from PIL import Image

    with Image.open(resources.photograph()) as image:
        small = image.convert("RGB").resize((spec.input.width, spec.input.height), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.uint8)


def golden_crop(spec: ModelSpec, backend: Backend) -> NDArray[np.uint8]:
    """Return the landmark model's golden input, (height, width, 3) RGB bytes: the face as the tracker would crop it."""
    from PIL import Image

    with Image.open(resources.photograph()) as image:
        photograph = np.asarray(image.convert("RGB"))
    height, width = photograph.shape[:2]
    whole = Roi((width / 2, height / 2), (width, height))
    seen = split(backend.run(cropped(photograph, whole, spec.input)), spec)
    raw = seen["landmarks"].reshape(-1, 3).astype(np.float64)
    roi = landmark_roi(to_image(raw, whole, spec), spec.landmarker.landmark_roi)
    return spec.input.to_bytes(cropped(photograph, roi, spec.input)[0])


def selftest(
    spec: ModelSpec, weights: Path | None = None, compressed: Path | None = None, *, trust: bool = False
) -> bytes:
    """Return the content of selftest.bin for a detector, from the cache where it has been made before.

    ``weights`` and ``trust`` are as in ``network.load``; ``compressed`` is a Core ML package that gives the numbers.

    Raises ``WeightsError`` if they are not finite.
    """
    return _cached(NAME, _compute, spec, weights, compressed, trust=trust)


def landmarks(spec: ModelSpec, compressed: Path | None = None) -> bytes:
    """Return the content of landmarks-selftest.bin; see ``selftest``."""
    return _cached(LANDMARKS_NAME, _compute_landmarks, spec, None, compressed)


def _cached(
    name: str,
    compute: Callable[[ModelSpec, Backend], bytes],
    spec: ModelSpec,
    weights: Path | None,
    compressed: Path | None,
    *,
    trust: bool = False,
) -> bytes:
    given = sha256_path(weights) if weights is not None else spec.weights.sha256
    package = sha256_path(compressed) if compressed is not None else None
    inputs = [spec.model_dump(mode="json"), given, trust, package, sha256_path(resources.photograph())]
    tools = tool_versions("numpy", "pillow", "torch")
    key = sha256_json([VERSION, ROWS, inputs, tools, source_digest(*_SOURCES)])

    def fill(folder: Path) -> None:
        from sdkgen.network import load

        backend: Backend
        if compressed is not None:
            backend = CoreMlBackend(compressed, spec, arithmetic="fp32", runtime="evaluator")
        else:
            backend = TorchBackend(load(spec, weights, trust=trust), spec)
        (folder / name).write_bytes(compute(spec, backend))

    return (cache.make("selftests", key, fill) / name).read_bytes()


def _compute(spec: ModelSpec, backend: Backend) -> bytes:
    pixels = golden_image(spec)
    (rows,) = _run(spec, backend, pixels)
    best = np.argsort(-rows[:, -1], kind="stable")[:ROWS]
    body = b"".join(struct.pack("<I", index) + rows[index].astype("<f4").tobytes() for index in best)
    return _head(b"SDKG", spec, len(best)) + pixels.tobytes() + body


def _compute_landmarks(spec: ModelSpec, backend: Backend) -> bytes:
    pixels = golden_crop(spec, backend)
    numbers = np.roll(_run(spec, backend, pixels).ravel(), 1).astype("<f4")  # presence comes first in the file
    return _head(b"SDKL", spec, spec.landmarker.count) + pixels.tobytes() + numbers.tobytes()


def _run(spec: ModelSpec, backend: Backend, pixels: NDArray[np.uint8]) -> Array:
    """Return the joined output. Raises ``WeightsError`` if a number of it is not finite."""
    output = join(backend.run(spec.input.from_bytes(pixels)[None]), spec)
    if not np.isfinite(output).all():
        raise WeightsError(
            f"{spec.name} gives NaN or infinity for a photograph of a face, also in float32",
            hint="The weights overflow: train or export them again.",
            reference="outputs-not-finite",
        )
    return output


def _head(magic: bytes, spec: ModelSpec, rows: int) -> bytes:
    return magic + struct.pack("<4I", VERSION, spec.input.width, spec.input.height, rows)
