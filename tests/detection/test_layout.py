from __future__ import annotations

import numpy as np
import pytest

from sdkgen.detection.layout import JOINED, join, joined_shape, split
from sdkgen.detection.types import RawOutputs
from sdkgen.errors import BackendError
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.registry import load_model

FRONT, LANDMARK = load_model("blazeface-front"), load_model("face-landmark")


def outputs_of(spec: ModelSpec) -> RawOutputs:
    random = np.random.default_rng(0)
    return {o.name: random.normal(0, 8, o.shape).astype(np.float32) for o in spec.outputs}


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("blazeface-front", (1, 896, 17)),
        ("blazeface-back", (1, 896, 17)),
        ("blazeface-full-range", (1, 2304, 17)),
        ("face-landmark", (1, 1405)),
    ],
)
def test_layouts_hold_the_same_numbers(name: str, shape: tuple[int, ...]) -> None:
    spec = load_model(name)
    standard = outputs_of(spec)
    joined = join(standard, spec)
    assert joined.shape == joined_shape(spec) == shape
    np.testing.assert_array_equal(join({JOINED: joined}, spec), joined)
    back = split({JOINED: joined}, spec)
    assert list(back) == list(standard)
    assert all(np.array_equal(back[key], standard[key]) for key in standard)


def test_a_row_is_an_anchors_box_numbers_then_its_score() -> None:
    standard = outputs_of(FRONT)
    row = join(standard, FRONT)[0, 700]
    np.testing.assert_array_equal(row[:16], standard["boxes"][0, 700])
    assert row[16] == standard["scores"][0, 700, 0]


def test_presence_comes_after_the_landmarks() -> None:
    standard = outputs_of(LANDMARK)
    assert join(standard, LANDMARK)[0, -1] == standard["presence"][0, 0]


def test_outputs_of_another_model_are_refused() -> None:
    with pytest.raises(BackendError, match="'scores' is missing"):
        join({"boxes": outputs_of(FRONT)["boxes"]}, FRONT)
    with pytest.raises(BackendError, match=r"'predictions' is of shape \(1, 896, 16\), but blazeface-front has"):
        split({JOINED: np.zeros((1, 896, 16), np.float32)}, FRONT)
