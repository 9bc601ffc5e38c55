from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdkgen.evaluate.coco import Coco
from sdkgen.evaluate.text import LabelError

NAMES = ("right_eye", "left_eye", "nose_tip", "mouth_center", "right_ear_tragion", "left_ear_tragion")


def _labels(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        # Annotations before images, as JSON allows.
        "annotations": [
            {"id": 1, "image_id": 8, "category_id": 1, "bbox": [1, 2, 30, 40], "iscrowd": 0},
            {
                "id": 2,
                "image_id": 7,
                "category_id": 1,
                "bbox": [5.5, 6, 7, 8],
                "keypoints": [1, 2, 2, 3, 4, 0, 5, 6, 1],
                "iscrowd": 0,
            },
            {"id": 3, "image_id": 8, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1},
        ],
        "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b/ü.jpg"}, {"id": 9, "file_name": "c.jpg"}],
        "categories": [{"id": 1, "name": "face", "keypoints": ["left_eye", "right_eye", "nose"]}],
    }
    return whole | changes


def _write(path: Path, value: Any, encoding: str = "utf-8") -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding=encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_reads_images_in_order_with_their_faces(tmp_path: Path, encoding: str) -> None:
    labels = Coco(_write(tmp_path / "l.json", _labels(), encoding), tmp_path, NAMES)
    first, second, third = list(labels)
    assert labels.count == 3
    assert (first.name, second.name, third.name) == ("a.jpg", "b/ü.jpg", "c.jpg")
    (face,) = first.faces or ()
    assert face.box == (5.5, 6.0, 7.0, 8.0)
    points = np.asarray(face.keypoints)
    # The model's order is right eye, left eye, nose tip; the file's right eye is not visible (v = 0).
    assert points[1:3].tolist() == [[1, 2], [5, 6]]
    assert np.isnan(points[[0, 3, 4, 5]]).all()
    assert [(other.ignored, other.crowd) for other in second.faces or ()] == [(False, False), (True, True)]
    assert third.faces == ()


def test_faulty_labels_are_counted_and_left_out(tmp_path: Path) -> None:
    bad: list[dict[str, Any]] = [
        {"image_id": 99, "category_id": 1, "bbox": [1, 2, 3, 4]},
        {"image_id": 7, "category_id": 1, "bbox": [1, 2, 0, 4]},
        {"image_id": 7, "category_id": 1, "bbox": [1, 2, -3, 4]},
        {"image_id": 7, "category_id": 1, "bbox": [1, 2, 3]},
        {"image_id": 7, "category_id": 1, "bbox": ["x", 2, 3, 4]},
        {"image_id": 7, "category_id": 1},
    ]
    labels = Coco(_write(tmp_path / "l.json", _labels(annotations=bad)), tmp_path, NAMES)
    assert labels.faults.counts == {"label of an unknown image": 1, "box without area": 2, "unreadable box": 3}
    assert all(picture.faces == () for picture in labels)


def test_of_several_categories_face_is_taken(tmp_path: Path) -> None:
    categories = [{"id": 2, "name": "car"}, {"id": 1, "name": "Face"}]
    labels = Coco(_write(tmp_path / "l.json", _labels(categories=categories)), tmp_path, NAMES)
    assert sum(len(picture.faces or ()) for picture in labels) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "JSON"),
        ("[1, 2]", "no category"),
        (json.dumps(_labels())[:-60], "JSON"),
        (json.dumps(_labels(categories=[{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}])), "cat, dog"),
        (json.dumps(_labels(images=[])), "no images"),
        (json.dumps(_labels(images=[{"id": 1}])), "lacks id or file_name"),
        (json.dumps(_labels(images=[3])), "not an object"),
    ],
)
def test_what_is_not_coco_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "l.json").write_text(text)
    with pytest.raises(LabelError, match=message):
        Coco(tmp_path / "l.json", tmp_path, NAMES)
