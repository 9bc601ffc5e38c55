from __future__ import annotations

import numpy as np
import pytest

from sdkgen.detection.layout import JOINED, join
from sdkgen.detection.types import Array
from sdkgen.errors import BackendError
from sdkgen.parity.tensors import compare_tensors
from sdkgen.spec.registry import load_model

FRONT = load_model("blazeface-front")
LANDMARK = load_model("face-landmark")


def outputs(seed: int = 0) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    return {o.name: random.normal(0, 8, o.shape).astype(np.float32) for o in FRONT.outputs}


def test_equal_outputs_do_not_differ() -> None:
    assert [(d.name, d.maximum, d.mean) for d in compare_tensors(outputs(), outputs(), FRONT)] == [
        ("boxes", 0, 0),
        ("scores", 0, 0),
    ]


def test_finds_the_worst_anchor() -> None:
    expected, found = outputs(), outputs()
    found["boxes"][0, 123, 7] += 2
    boxes, scores = compare_tensors(found, expected, FRONT)
    assert boxes.row == 123
    assert boxes.maximum == pytest.approx(2, rel=1e-4)
    assert boxes.mean == pytest.approx(2 / expected["boxes"].size, rel=1e-4)
    assert (boxes.low, boxes.high) == (expected["boxes"].min(), expected["boxes"].max())
    assert scores.maximum == 0


def test_joined_outputs_are_compared_with_either_layout_part_by_part() -> None:
    expected, found = outputs(), outputs()
    found["scores"][0, 700] += 1
    joined = {JOINED: join(found, FRONT)}
    for reference in (expected, {JOINED: join(expected, FRONT)}):
        boxes, scores = compare_tensors(joined, reference, FRONT)
        assert (boxes.name, boxes.maximum) == ("boxes", 0)
        assert (scores.name, scores.row) == ("scores", 700)
        assert scores.maximum == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_immensely_far(value: float) -> None:
    found = outputs()
    found["scores"][0, 5] = value
    scores = compare_tensors(found, outputs(), FRONT)[1]
    assert scores.row == 5
    assert scores.maximum == pytest.approx(1e6 * (scores.high - scores.low))


def test_landmarks_are_rows_of_three() -> None:
    expected = {o.name: np.arange(np.prod(o.shape), dtype=np.float32).reshape(o.shape) for o in LANDMARK.outputs}
    found = {name: values.copy() for name, values in expected.items()}
    found["landmarks"][0, 3 * 100 + 1] += 1
    landmarks, presence = compare_tensors(found, expected, LANDMARK)
    assert (landmarks.name, landmarks.row) == ("landmarks", 100)
    assert presence.maximum == 0


def test_missing_outputs_are_refused() -> None:
    with pytest.raises(BackendError, match="scores"):
        compare_tensors({"boxes": outputs()["boxes"]}, outputs(), FRONT)
    with pytest.raises(BackendError, match="presence"):
        both = {output.name: np.zeros(output.shape, np.float32) for output in LANDMARK.outputs}
        compare_tensors({"landmarks": both["landmarks"]}, both, LANDMARK)
