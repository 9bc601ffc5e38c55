from __future__ import annotations

import numpy as np
import pytest

from sdkgen.backends.litert import LiteRtBackend
from sdkgen.backends.torch_backend import TorchBackend
from sdkgen.detection.pipeline import detect
from sdkgen.detection.types import Options
from sdkgen.network import load
from sdkgen.spec.registry import load_model
from sdkgen.weights.fetch import fetch
from tests.photographs import astronaut, group, rocket, turned

pytestmark = pytest.mark.network

# What MediaPipe 0.10.21's own Python face detection finds in the same photograph: score, then x, y, width, height.
MEDIAPIPE = {
    "blazeface-front": ((0.9217, 0.34681, 0.16186, 0.18622, 0.18622), 0.003),
    "blazeface-full-range-sparse": ((0.9121, 0.33918, 0.13238, 0.20299, 0.20298), 0.003),
    # MediaPipe has the sparse weights; the dense checkpoint differs.
    "blazeface-full-range": ((0.9121, 0.33918, 0.13238, 0.20299, 0.20298), 0.03),
}


def backend(model: str) -> LiteRtBackend:
    spec = load_model(model)
    return LiteRtBackend(fetch(spec), spec, delegates=False)


@pytest.mark.parametrize("model", MEDIAPIPE)
def test_agrees_with_mediapipe_on_a_photograph(model: str) -> None:
    expected, tolerance = MEDIAPIPE[model]
    spec = load_model(model)
    (face,) = detect(astronaut(), backend(model), spec, Options.of(spec.detector, sampling="point"))
    assert (face.score, *face.box) == pytest.approx(expected, abs=tolerance)


def test_mediapipes_full_range_weights_agree_with_it_when_they_are_made_dense() -> None:
    expected, tolerance = MEDIAPIPE["blazeface-full-range-sparse"]
    spec = load_model("blazeface-full-range-sparse")
    (face,) = detect(astronaut(), TorchBackend(load(spec), spec), spec)
    assert (face.score, *face.box) == pytest.approx(expected, abs=tolerance)


def test_front_agrees_to_four_digits() -> None:
    spec = load_model("blazeface-front")
    (face,) = detect(astronaut(), backend(spec.name), spec, Options.of(spec.detector, sampling="point"))
    assert (face.score, *face.box) == pytest.approx(MEDIAPIPE["blazeface-front"][0], abs=1e-4)


def test_finds_all_of_a_group_best_first() -> None:
    spec = load_model("blazeface-back")
    faces = detect(group(), backend("blazeface-back"), spec)
    assert len(faces) == 5
    assert [f.score for f in faces] == sorted((f.score for f in faces), reverse=True)
    (best,) = detect(group(), backend("blazeface-back"), spec, Options.of(spec.detector, maximum_faces=1))
    assert best.box == faces[0].box


def test_roll_follows_the_head() -> None:
    spec = load_model("blazeface-front")
    level, tilted = (detect(image, backend(spec.name), spec)[0].roll_degrees(1) for image in (astronaut(), turned(15)))
    assert tilted - level == pytest.approx(15, abs=4)


def test_no_face_is_an_empty_list() -> None:
    assert detect(rocket(), backend("blazeface-front"), load_model("blazeface-front")) == []


def test_options_take_the_models_own_numbers_unless_told() -> None:
    detection = load_model("blazeface-back").detector
    assert Options.of(detection, minimum_score=None) == Options(detection.minimum_score, detection.blending_iou)
    assert Options.of(detection, minimum_score=0.9, hard=True).minimum_score == 0.9


def test_a_single_pixel_is_an_image_too() -> None:
    spec = load_model("blazeface-front")
    assert detect(np.zeros((1, 1, 3), np.uint8), backend(spec.name), spec) == []
