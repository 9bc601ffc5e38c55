from __future__ import annotations

import struct

import numpy as np
import pytest

from sdkgen.backends.litert import LiteRtBackend
from sdkgen.render.selftest import golden_image, landmarks, selftest
from sdkgen.spec.registry import load_model
from sdkgen.weights import fetch


@pytest.mark.parametrize("model", ["blazeface-front", "blazeface-back", "blazeface-full-range"])
def test_the_released_model_passes_the_selftest(model: str) -> None:
    spec = load_model(model)
    content = selftest(spec)
    magic, version, width, height, rows = struct.unpack_from("<4s4I", content)
    assert (magic, version, width, height, rows) == (b"SDKG", 1, spec.input.width, spec.input.height, 16)
    pixels = np.frombuffer(content, np.uint8, width * height * 3, 20).reshape(height, width, 3)
    assert np.array_equal(pixels, golden_image(spec))
    table = np.frombuffer(content, np.dtype([("anchor", "<u4"), ("row", "<f4", 17)]), rows, 20 + pixels.size)
    path = fetch.path_of(spec)
    assert path is not None
    image = pixels.astype(np.float32)[None] * spec.input.scale + spec.input.minimum
    outputs = LiteRtBackend(path, spec).run(image.astype(np.float32))
    assert table["row"][:, 16].max() > 0.5
    for anchor, row in table:
        assert np.abs(outputs["boxes"][0, anchor] - row[:16]).max() < 0.02 * width
        assert abs(outputs["scores"][0, anchor, 0] - row[16]) < 0.5


def test_the_released_landmark_model_passes_its_selftest() -> None:
    spec = load_model("face-landmark")
    content = landmarks(spec)
    magic, version, width, height, count = struct.unpack_from("<4s4I", content)
    assert (magic, version, width, height, count) == (b"SDKL", 1, spec.input.width, spec.input.height, 468)
    pixels = np.frombuffer(content, np.uint8, width * height * 3, 20).reshape(1, height, width, 3)
    numbers = np.frombuffer(content, "<f4", offset=20 + pixels.size)
    assert numbers.size == 1 + 3 * count
    path = fetch.path_of(spec)
    assert path is not None
    image = pixels.astype(np.float32) * spec.input.scale + spec.input.minimum
    outputs = LiteRtBackend(path, spec).run(image.astype(np.float32))
    assert numbers[0] > 5  # the crop is what the tracker would take: the model is sure of it
    assert abs(outputs["presence"].item() - numbers[0]) < 0.5
    assert np.abs(outputs["landmarks"].ravel() - numbers[1:]).max() < 0.02 * width
