from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdkgen.detection.photographs import name_targets
from tests.conftest import Run
from tests.photographs import astronaut, group, rocket

KEYPOINTS = ["right_eye", "left_eye", "nose_tip", "mouth_center", "right_ear_tragion", "left_ear_tragion"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, pixels in (("astronaut.png", astronaut()), ("group.jpg", group()), ("rocket.webp", rocket())):
        Image.fromarray(pixels).save(tmp_path / name)
    return tmp_path


def detections(stdout: str) -> list[list[dict[str, Any]]]:
    return [entry["detections"] for entry in json.loads(stdout)]


@pytest.mark.network
def test_json_describes_every_image(run: Run, photos: Path) -> None:
    names = ["astronaut.png", "rocket.webp"]
    # What MediaPipe itself finds is found with its own sampling.
    done = run("detect", *names, "--json", "--draw", "out", "--sampling", "point", cwd=photos)
    assert done.returncode == 0, done.stderr
    found, empty = json.loads(done.stdout)
    assert (found["image"], found["width"], found["height"]) == ("astronaut.png", 512, 512)
    assert (found["model"], found["backend"]) == ("blazeface-front", "torch")
    (face,) = found["detections"]
    box = [face["box"][key] for key in ("x", "y", "width", "height")]
    assert [face["score"], *box] == pytest.approx([0.9217, 0.34681, 0.16186, 0.18622, 0.18622], abs=0.003)
    assert [point["name"] for point in face["keypoints"]] == KEYPOINTS
    assert face["roll_degrees"] == pytest.approx(5.4, abs=0.2)
    assert empty["detections"] == []
    drawn = np.asarray(Image.open(photos / "out" / "astronaut.png"))
    assert drawn.shape == astronaut().shape
    assert (drawn != astronaut()).any()
    np.testing.assert_array_equal(np.asarray(Image.open(photos / "out" / "rocket.png")).shape, rocket().shape)


@pytest.mark.network
def test_unreadable_among_others_is_reported_and_the_rest_done(run: Run, photos: Path) -> None:
    (photos / "cut.jpg").write_bytes((photos / "group.jpg").read_bytes()[:5000])
    done = run("detect", "cut.jpg", "astronaut.png", "none.png", "--json", cwd=photos)
    assert done.returncode == 1
    cut, whole, missing = json.loads(done.stdout)
    assert cut["error"]["reference"] == missing["error"]["reference"] == "bad-image"
    assert len(whole["detections"]) == 1
    assert "at: cut.jpg" in done.stderr
    assert "2 of 3 images could not be read" in done.stderr


@pytest.mark.network
def test_options_reach_the_pipeline(run: Run, photos: Path) -> None:
    table = run("detect", "group.jpg", "--model", "blazeface-back", "--min-score", "0.9", cwd=photos)
    assert table.returncode == 0, table.stderr
    assert [line.split()[-1][-1] for line in table.stdout.splitlines()[1:]] == ["°"] * 3
    (blended,), (hard,) = (
        detections(run("detect", "astronaut.png", "--nms", nms, "--json", cwd=photos).stdout)[0]
        for nms in ("blend", "hard")
    )
    assert blended["score"] == hard["score"]
    assert blended["box"] != hard["box"]


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["litert", "onnx", "coreml"])
def test_artifacts_agree_with_the_network(run: Run, photos: Path, backend: str) -> None:
    done = run("detect", "astronaut.png", "--backend", backend, "--json", cwd=photos)
    assert done.returncode == 0, done.stderr
    ((face,),) = detections(done.stdout)
    box = [face["box"][key] for key in ("x", "y", "width", "height")]
    assert [face["score"], *box] == pytest.approx([0.9217, 0.34681, 0.16186, 0.18622, 0.18622], abs=0.003)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["x.png", "--model", "blazeface-frnt"], 2, "Did you mean blazeface-front?"),
        (["x.png", "--model", "face-landmark"], 2, "face-landmark"),
        (["x.png", "--model", "mobilenetv2-ssd"], 1, "untrained"),
        (["x.png", "--min-score", "1.5"], 2, "--min-score"),
        ([], 2, "give images"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Run, tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    done = run("detect", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_annotated_copies_clash_with_nothing(tmp_path: Path) -> None:
    images = [tmp_path / "a.png", tmp_path / "sub" / "a.jpg", tmp_path / "a-2.webp"]
    names = [target.name for target in name_targets(images, tmp_path) if target is not None]
    assert names == ["a-2.png", "a-3.png", "a-2-2.png"]
    assert name_targets(images, None) == [None, None, None]


def test_an_interrupted_video_ends_with_what_was_done_whole(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    video, drawn = tmp_path / "long.mkv", tmp_path / "drawn.mp4"
    with av.open(str(video), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p"
        for _ in range(6000):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((128, 128, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    command = [sys.executable, "-m", "sdkgen", "detect", "--video", str(video), "--draw", str(drawn), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while len(list(tmp_path.iterdir())) == 1 and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    said, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    found = json.loads(said)
    assert 0 < len(found["frames"]) < 6000
    assert f"Interrupted; {len(found['frames'])} frames are done" in err
    with av.open(str(drawn)) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(found["frames"])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["drawn.mp4", "long.mkv"]
