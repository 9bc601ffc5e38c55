from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Run
from tests.tracking.sequences import Placed, frame, path


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    files = []
    for index, one in enumerate(path(4, Placed(180, 160), Placed(240, 200, 170, 20))):
        files.append(tmp_path / f"{index}.png")
        Image.fromarray(frame([one])).save(files[-1])
    return files


def test_records_of_images(run: Run, images: list[Path]) -> None:
    done = run("track", *images, "--json")
    assert done.returncode == 0, done.stderr
    records = json.loads(done.stdout)
    assert [record["image"] for record in records] == [str(image) for image in images]
    assert [record["detector_ran"] for record in records] == [True, False, False, False]
    assert {(record["width"], record["height"]) for record in records} == {(480, 360)}
    for record in records:
        (face,) = record["faces"]
        assert face["track"] == 1
        assert len(face["landmarks"]) == 468
        assert all(len(point) == 3 for point in face["landmarks"])
        assert [point["name"] for point in face["keypoints"]][:2] == ["right_eye", "left_eye"]
        assert face["presence"] > 0.9
    turned = records[-1]["faces"][0]["roll_degrees"] - records[0]["faces"][0]["roll_degrees"]
    assert turned == pytest.approx(20, abs=6)


def test_table(run: Run, images: list[Path]) -> None:
    done = run("track", *images)
    assert "4 frames, 1 tracks, the detector ran in 1" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["missing.png"], "does not exist", 1),
        (["a.mp4", "b.mp4"], "one video or camera, or images only", 2),
        (["x.png", "--model", "face-landmark"], "does not detect faces", 2),
        (["x.png", "--model", "mobilenetv2-ssd"], "mobilenetv2-ssd", 1),
    ],
)
def test_bad_input(run: Run, tmp_path: Path, arguments: list[str], said: str, code: int) -> None:
    done = run("track", *arguments, cwd=tmp_path)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
