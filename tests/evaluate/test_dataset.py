from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from sdkgen.errors import UsageError
from sdkgen.evaluate.dataset import Format, open_dataset

WIDER = "0--Parade/a.jpg\n1\n1 2 3 4 0 0 0 0 0 0\n"


def _image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


def test_finds_wider_face_as_its_archives_unpack(tmp_path: Path) -> None:
    labels = tmp_path / "wider_face_split" / "wider_face_val_bbx_gt.txt"
    labels.parent.mkdir()
    labels.write_text(WIDER)
    _image(tmp_path / "WIDER_val/images/0--Parade/a.jpg")
    for data in (tmp_path, labels):
        found = open_dataset(data, None, None, ())
        assert found.format == "wider"
        assert next(iter(found)).path.is_file()


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("l.csv", "image,x,y,width,height\na.jpg,1,2,3,4\n", "csv"),
        ("l.json", json.dumps({"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 1}]}), "coco"),
        ("l.txt", WIDER, "wider"),
    ],
)
def test_a_folder_with_one_file_of_labels(tmp_path: Path, name: str, text: str, form: str) -> None:
    (tmp_path / name).write_text(text)
    _image(tmp_path / "images" / "a.jpg")
    (tmp_path / "README.txt").write_text("Not labels.")
    found = open_dataset(tmp_path, None, None, ())
    assert (found.format, found.source.name, found.count) == (form, name, 1)
    assert next(iter(found)).path.parent.is_relative_to(tmp_path / "images")


def test_a_folder_of_images_has_no_labels(tmp_path: Path) -> None:
    for name in ("b/2.png", "a.jpg", "c.gif"):
        _image(tmp_path / name)
    pictures = list(open_dataset(tmp_path, None, None, ()))
    assert [picture.name for picture in pictures] == ["a.jpg", "b/2.png"]
    assert all(picture.faces is None for picture in pictures)


def test_the_given_folder_of_images_is_used(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text(WIDER)
    found = open_dataset(tmp_path / "l.txt", "wider", tmp_path / "elsewhere", ())
    assert next(iter(found)).path == tmp_path / "elsewhere" / "0--Parade" / "a.jpg"


@pytest.mark.parametrize(
    ("files", "form", "message"),
    [
        ([], None, "neither labels nor images"),
        (["a.csv", "b.json"], None, "several files of labels"),
        ([], "coco", "no coco labels"),
        (None, None, "no such file"),
    ],
)
def test_what_cannot_be_told_is_an_error(
    tmp_path: Path, files: list[str] | None, form: Format | None, message: str
) -> None:
    for name in files or ():
        (tmp_path / name).write_text("{}")
    with pytest.raises(UsageError, match=message):
        open_dataset(tmp_path if files is not None else tmp_path / "nowhere", form, None, ())


def test_a_file_of_unknown_kind_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "labels.xml").write_text("<xml/>")
    with pytest.raises(UsageError, match=r"format of labels\.xml"):
        open_dataset(tmp_path / "labels.xml", None, None, ())
