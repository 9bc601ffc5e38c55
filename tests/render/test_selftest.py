from __future__ import annotations

import re
import struct

import numpy as np
import pytest

from sdkgen import resources
from sdkgen.backends.litert import LiteRtBackend
from sdkgen.render.selftest import COORDINATE_LIMIT, LOGIT_LIMIT, golden_image, landmarks, read, selftest
from sdkgen.spec.registry import load_model
from sdkgen.weights import fetch


@pytest.mark.parametrize("model", ["blazeface-front", "blazeface-back", "blazeface-full-range"])
def test_the_released_model_passes_the_selftest(model: str) -> None:
    spec = load_model(model)
    content = selftest(spec)
    assert struct.unpack_from("<4s4I", content) == (b"SDKG", 1, spec.input.width, spec.input.height, 16)
    golden = read(content)
    assert np.array_equal(golden.pixels, golden_image(spec))
    assert golden.values.shape == (16, 17)
    assert golden.values[:, 16].max() > 0.5
    path = fetch.path_of(spec)
    assert path is not None
    deviation = golden.compare(LiteRtBackend(path, spec).run(golden.image(spec)), spec)
    assert deviation.logit < 0.01
    assert deviation.coordinate < 1e-4


def test_the_released_landmark_model_passes_its_selftest() -> None:
    spec = load_model("face-landmark")
    content = landmarks(spec)
    assert struct.unpack_from("<4s4I", content) == (b"SDKL", 1, spec.input.width, spec.input.height, 468)
    (presence,) = struct.unpack_from("<f", content, 20 + 3 * spec.input.width * spec.input.height)
    assert presence > 5  # the crop is what the tracker would take: the model is sure of it
    golden = read(content)
    assert golden.values.shape == (1, 1405)
    assert golden.values[0, -1] == np.float32(presence)
    path = fetch.path_of(spec)
    assert path is not None
    deviation = golden.compare(LiteRtBackend(path, spec).run(golden.image(spec)), spec)
    assert deviation.logit < 0.01
    assert deviation.coordinate < 1e-4


def test_the_sdks_use_the_same_limits() -> None:
    templates = resources.path("templates")

    def found(tree: str, file: str, pattern: str) -> list[float]:
        (path,) = (templates / tree).rglob(file)
        return [float(number) for number in re.findall(pattern, path.read_text())]

    both = [LOGIT_LIMIT, COORDINATE_LIMIT]
    assert found("swift/bundle", "GoldenInput.swift", r"Difference <= ([0-9.]+)") == both
    assert found("kotlin/bundle", "SelfTest.kt.j2", r"_TOLERANCE: Float = ([0-9.]+)f") == both
    assert found("kotlin/track", "LandmarkSelfTest.kt.j2", r"_TOLERANCE: Float = ([0-9.]+)f") == both
