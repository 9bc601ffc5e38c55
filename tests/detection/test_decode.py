from __future__ import annotations

import numpy as np
import pytest

from sdkgen.detection.anchors import anchors
from sdkgen.detection.decode import decode
from sdkgen.detection.types import RawOutputs
from sdkgen.errors import BackendError, UsageError
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.registry import detectors, load_model

FRONT = load_model("blazeface-front")


def outputs_of(spec: ModelSpec, seed: int = 0) -> RawOutputs:
    random = np.random.default_rng(seed)
    return {o.name: random.normal(0, 8, o.shape).astype(np.float32) for o in spec.outputs}


def test_anchors_are_cell_centres_in_memory_order() -> None:
    made = anchors(FRONT)
    assert made.shape == (896, 2)
    np.testing.assert_allclose(made[:2], [[1 / 32, 1 / 32]] * 2)
    np.testing.assert_allclose(made[2], [3 / 32, 1 / 32])
    np.testing.assert_allclose(made[32], [1 / 32, 3 / 32])
    np.testing.assert_allclose(made[512:518], [[1 / 16, 1 / 16]] * 6)
    np.testing.assert_allclose(made[-1], [15 / 16, 15 / 16])


def test_full_range_has_one_anchor_a_cell() -> None:
    np.testing.assert_allclose(anchors(load_model("blazeface-full-range"))[49], [1.5 / 48, 1.5 / 48])


def test_decodes_relative_to_the_anchor() -> None:
    boxes = np.zeros((1, 896, 16), np.float32)
    scores = np.full((1, 896, 1), -9, np.float32)
    boxes[0, 40, :6] = [12.8, -6.4, 32, 64, 16, -16]
    scores[0, 40] = 2
    found = decode({"boxes": boxes, "scores": scores}, FRONT, 0.5)
    x, y = anchors(FRONT)[40]
    assert found.anchor.tolist() == [40]
    assert found.scores[0] == pytest.approx(1 / (1 + np.exp(-2.0)))
    np.testing.assert_allclose(found.corners[0], [x + 0.1 - 0.125, y - 0.05 - 0.25, x + 0.1 + 0.125, y - 0.05 + 0.25])
    np.testing.assert_allclose(found.keypoints[0, 0], [x + 0.125, y - 0.125])


def test_sorts_by_score_then_anchor() -> None:
    outputs = outputs_of(FRONT)
    outputs["scores"][0, :, 0] = -9
    outputs["boxes"][:] = 1
    for anchor, logit in ((800, 1.0), (7, 1.0), (90, 3.0)):
        outputs["scores"][0, anchor] = logit
    assert decode(outputs, FRONT, 0.5).anchor.tolist() == [90, 7, 800]


def test_those_above_a_score_are_those_decoded_with_it() -> None:
    spec = load_model("blazeface-front")
    random = np.random.default_rng(3)
    outputs = {
        "boxes": random.normal(0, 20, (1, spec.anchor_count, 16)).astype(np.float32),
        "scores": random.normal(0, 2, (1, spec.anchor_count, 1)).astype(np.float32),
    }
    few, many = decode(outputs, spec, 0.6), decode(outputs, spec, 0.1)
    assert 0 < len(few) < len(many)
    for name in ("scores", "corners", "keypoints", "anchor"):
        assert np.array_equal(getattr(many.above(0.6), name), getattr(few, name))


def test_huge_logits_do_not_overflow() -> None:
    outputs = outputs_of(FRONT)
    outputs["boxes"][:] = 1
    outputs["scores"][:] = -1e30
    outputs["scores"][0, 3] = 1e30
    found = decode(outputs, FRONT, 0.5)
    assert found.scores.tolist() == [1.0]


def test_wrong_outputs_are_named() -> None:
    boxes, scores = np.zeros((1, 896, 16), np.float32), np.zeros((1, 896), np.float32)
    with pytest.raises(BackendError, match=r"'scores' is of shape \(1, 896\)"):
        decode({"boxes": boxes, "scores": scores}, FRONT, 0.5)
    with pytest.raises(BackendError, match="'scores' is missing"):
        decode({"boxes": boxes}, FRONT, 0.5)


def test_a_model_of_another_task_is_refused() -> None:
    assert "face-landmark" not in detectors()
    with pytest.raises(UsageError):
        anchors(load_model("face-landmark"))
