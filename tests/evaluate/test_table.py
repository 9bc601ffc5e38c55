from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sdkgen.evaluate.table import Table
from sdkgen.evaluate.text import LabelError

NAMES = ("right_eye", "left_eye", "nose_tip", "mouth_center", "right_ear_tragion", "left_ear_tragion")


def _table(folder: Path, text: str, encoding: str = "utf-8") -> Table:
    (folder / "l.csv").write_text(text, encoding=encoding)
    return Table(folder / "l.csv", folder, NAMES)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_rows_of_an_image_need_not_be_together(tmp_path: Path, separator: str, encoding: str) -> None:
    text = "image,x,y,w,h,ignore\nb.jpg,1,2,3,4,0\na.jpg,5,6,7,8,1\nb.jpg,9,10,11,12,\nc.jpg,,,,,\n"
    labels = _table(tmp_path, text.replace(",", separator), encoding)
    first, second, third = labels
    assert labels.count == 3
    assert [face.box for face in first.faces or ()] == [(1, 2, 3, 4), (9, 10, 11, 12)]
    assert [face.ignored for face in second.faces or ()] == [True]
    assert third.faces == ()


def test_keypoints_are_columns_in_any_order(tmp_path: Path) -> None:
    text = "left_eye_x,left_eye_y,filename,x,y,width,height,nose_x,nose_y\n10,11,a.jpg,1,2,3,4,,\n"
    (picture,) = _table(tmp_path, text)
    assert picture.faces is not None
    points = picture.faces[0].keypoints
    assert points is not None
    assert points[1].tolist() == [10, 11]
    assert np.isnan(points[[0, 2, 3, 4, 5]]).all()


def test_faulty_rows_are_counted_and_their_images_kept(tmp_path: Path) -> None:
    text = (
        "image,x,y,width,height\na.jpg,1,2,3\nb.jpg,1,2,0,4\nc.jpg,1,2,x,4\nd.jpg,1,2,nan,4\n,1,2,3,4\ne.jpg,1,2,-3,4\n"
    )
    labels = _table(tmp_path, text)
    assert labels.faults.counts == {"wrong columns": 2, "box without area": 3, "unreadable number": 1}
    assert labels.faults.examples["wrong columns"][0].startswith("l.csv:2")
    assert [picture.name for picture in labels] == ["b.jpg", "c.jpg", "d.jpg", "e.jpg"]


@pytest.mark.parametrize("text", ["", "a.jpg,1,2,3,4\n", "image,x,y,width\n", "image x y width height\n"])
def test_a_header_without_the_columns_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(LabelError, match="column"):
        _table(tmp_path, text)


@pytest.mark.slow
def test_a_million_lines_fit_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    with path.open("w") as stream:
        stream.write("image,x,y,width,height\n")
        # An image's rows are as far apart as can be, so that grouping them in memory would need them all.
        stream.writelines(
            f"{index % 250_000:06d}.jpg,{index % 640},{index % 480},40,50\n" for index in range(1_000_000)
        )
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom sdkgen.evaluate.table import Table\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "labels = Table(Path(sys.argv[1]), Path('.'), ())\n"
        "faces = sum(len(picture.faces) for picture in labels)\n"
        "print(labels.count, faces, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    count, faces, kibibytes = (int(word) for word in done.stdout.split())
    assert (count, faces) == (250_000, 1_000_000)
    assert kibibytes < 100 * 1024
