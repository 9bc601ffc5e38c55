from __future__ import annotations

from pathlib import Path

import pytest

from sdkgen.evaluate.text import LabelError
from sdkgen.evaluate.wider import WiderFace

# As published: an image without faces has a count of 0 and yet a line of zeros.
PUBLISHED = """0--Parade/0_Parade_marchingband_1_849.jpg
1
449 330 122 149 0 0 0 0 0 0
0--Parade/0_Parade_Parade_0_452.jpg
0
0 0 0 0 0 0 0 0 0 0
0--Parade/0_Parade_marchingband_1_799.jpg
3
78 221 7 8 2 0 0 0 0 0
78 238 14 17 2 0 0 1 0 0
113 212 0 15 2 0 0 0 0 0
"""


def _write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def test_reads_the_published_form(tmp_path: Path) -> None:
    labels = WiderFace(_write(tmp_path / "wider_face_val_bbx_gt.txt", PUBLISHED), tmp_path / "images")
    pictures = list(labels)
    assert labels.count == len(pictures) == 3
    assert pictures[0].path == tmp_path / "images" / "0--Parade/0_Parade_marchingband_1_849.jpg"
    assert [face.box for face in pictures[0].faces or ()] == [(449, 330, 122, 149)]
    assert pictures[1].faces == ()
    assert [face.ignored for face in pictures[2].faces or ()] == [False, True]
    assert labels.faults.counts == {"box without area": 1}
    assert labels.faults.examples["box without area"][0].startswith("wider_face_val_bbx_gt.txt:11")


def test_an_image_without_faces_may_lack_the_line_of_zeros(tmp_path: Path) -> None:
    text = "a.jpg\n0\nb.jpg\n1\n1 2 3 4 0 0 0 0 0 0\n"
    pictures = list(WiderFace(_write(tmp_path / "labels.txt", text), tmp_path))
    assert [(picture.name, len(picture.faces or ())) for picture in pictures] == [("a.jpg", 0), ("b.jpg", 1)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(tmp_path: Path, encoding: str) -> None:
    labels = WiderFace(_write(tmp_path / "labels.txt", PUBLISHED.replace("849", "ä"), encoding), tmp_path)
    assert next(iter(labels)).name.endswith("_ä.jpg")
    assert labels.count == 3


def test_windows_line_ends_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(PUBLISHED.replace("\n", "\r\n").encode())
    assert len(list(WiderFace(path, tmp_path))) == 3


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a.jpg\n1\n1 2 3\n", 3),
        ("a.jpg\none\n", 2),
        ("a.jpg\n2\n1 2 3 4 0 0 0 0 0 0\nb.jpg\n0\n", 4),
        ("a.jpg\n1\n1 2 x 4 0 0 0 0 0 0\n", 3),
    ],
)
def test_a_broken_structure_is_an_error_that_cites_the_line(tmp_path: Path, text: str, line: int) -> None:
    labels = WiderFace(_write(tmp_path / "labels.txt", text), tmp_path)
    with pytest.raises(LabelError) as caught:
        list(labels)
    assert caught.value.context.endswith(f"labels.txt:{line}")


def test_a_file_cut_short_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="expected 10 numbers"):
        list(WiderFace(_write(tmp_path / "labels.txt", "a.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n"), tmp_path))


def test_another_encoding_is_an_error_that_says_how_to_convert(tmp_path: Path) -> None:
    path = _write(tmp_path / "labels.txt", PUBLISHED.replace("849", "ä"), "latin-1")
    with pytest.raises(LabelError) as caught:
        list(WiderFace(path, tmp_path))
    assert "iconv" in caught.value.hint
