"""Average precision, held to pycocotools on the same detections."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import numpy as np
import pytest

from sdkgen.evaluate.precision import THRESHOLDS, AveragePrecision, Box
from sdkgen.evaluate.types import Face

SIZE = 400
Scene = tuple[list[Face], list[float], list[Box]]


def _scenes(seed: int, count: int = 60) -> list[Scene]:
    """Return pictures with faces, crowds and ignored ones, and detections that hit, miss, double and tie."""
    draw = np.random.default_rng(seed)
    scenes: list[Scene] = []
    for _ in range(count):
        faces = []
        for _ in range(int(draw.integers(0, 6))):
            x, y = draw.uniform(0, 300, 2)
            crowd = bool(draw.random() < 0.1)
            faces.append(Face((x, y, *draw.uniform(10, 180, 2)), ignored=crowd, crowd=crowd))
        scores: list[float] = []
        boxes: list[Box] = []
        for face in faces:
            for _ in range(int(draw.integers(0, 3))):
                x, y, w, h = np.asarray(face.box) + draw.normal(0, 0.08, 4) * face.box[2]
                boxes.append((x, y, max(w, 1.0), max(h, 1.0)))
                scores.append(float(draw.integers(1, 40)) / 40)
        for _ in range(int(draw.integers(0, 4))):
            x, y = draw.uniform(0, 300, 2)
            boxes.append((x, y, *draw.uniform(10, 120, 2)))
            scores.append(float(draw.integers(1, 40)) / 40)
        scenes.append((faces, scores, boxes))
    return scenes


def _coco(scenes: list[Scene], smallest: float) -> list[float]:
    """Return pycocotools' average precision at each threshold."""
    coco_module = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for index, (faces, scores, boxes) in enumerate(scenes, 1):
        for face in faces:
            entry = {"id": len(annotations) + 1, "image_id": index, "category_id": 1, "bbox": list(face.box)}
            annotations.append(entry | {"area": face.box[2] * face.box[3], "iscrowd": int(face.crowd)})
        for score, box in zip(scores, boxes, strict=True):
            results.append({"image_id": index, "category_id": 1, "bbox": list(box), "score": score})
    truth = coco_module.COCO()
    images = [{"id": index, "width": SIZE, "height": SIZE} for index in range(1, len(scenes) + 1)]
    truth.dataset = {
        "info": {},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "face"}],
    }
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        truth.createIndex()
        judge = cocoeval.COCOeval(truth, truth.loadRes(results), "bbox")
        judge.params.areaRng = [[smallest * SIZE**2, 1e10]]
        judge.params.areaRngLbl = ["all"]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][:, :, 0, 0, -1]
    return [float(row.mean()) for row in precision]


@pytest.mark.parametrize("smallest", [0.0, 0.05])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_pycocotools(seed: int, smallest: float) -> None:
    scenes = _scenes(seed)
    mine = AveragePrecision(smallest)
    for faces, scores, boxes in scenes:
        mine.add(scores, boxes, faces, SIZE * SIZE)
    expected = _coco(scenes, smallest)
    assert [mine.at(threshold) for threshold in THRESHOLDS] == pytest.approx(expected, abs=1e-12)
    assert mine.mean() == pytest.approx(np.mean(expected), abs=1e-12)


def test_perfect_detections_have_precision_one() -> None:
    mine = AveragePrecision()
    mine.add([0.9, 0.8], [(0, 0, 10, 10), (50, 50, 20, 20)], [Face((0, 0, 10, 10)), Face((50, 50, 20, 20))], 1e4)
    assert mine.mean() == 1.0
    assert mine.operating_point(0.85) == (1.0, 0.5)
    assert mine.operating_point(0.95) == (0.0, 0.0)


def test_small_faces_count_neither_way() -> None:
    mine = AveragePrecision(smallest=0.2)
    mine.add([0.9, 0.8], [(0, 0, 50, 50), (70, 70, 10, 10)], [Face((0, 0, 50, 50)), Face((70, 70, 11, 11))], 1e4)
    assert (mine.faces, mine.ignored, mine.mean()) == (1, 1, 1.0)


def test_without_faces_there_is_no_figure() -> None:
    mine = AveragePrecision()
    mine.add([0.9], [(0, 0, 50, 50)], [], 1e4)
    assert (mine.at(0.5), mine.mean(), mine.operating_point(0.5)) == (None, None, None)


def test_without_detections_precision_is_zero() -> None:
    mine = AveragePrecision()
    mine.add([], [], [Face((0, 0, 50, 50))], 1e4)
    assert (mine.at(0.5), mine.mean()) == (0.0, 0.0)
