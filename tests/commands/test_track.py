from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.main import get_command

import sdkgen.video
from sdkgen.commands.track import track
from tests.conftest import Run
from tests.tracking.sequences import Bytes, Placed, frame, path


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


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file name is text")
@pytest.mark.parametrize("command", [["track"], ["detect", "--backend", "litert"]])
def test_a_hostile_file_name_is_ascii_in_json(run: Run, images: list[Path], command: list[str]) -> None:
    hostile = images[0].rename(images[0].with_name(os.fsdecode("\u202e\x9b\x7f".encode() + b"\xff.png")))
    done = run(*command, hostile, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "\x7f" not in done.stdout
    assert [record["image"] for record in json.loads(done.stdout)] == [str(hostile)]


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


def _video(file: Path, frames: Sequence[Bytes], times: Sequence[int] | None = None) -> Path:
    """Write whole pictures at 25 a second, or at these times in milliseconds: MJPEG in Matroska, else MPEG-2."""
    av = pytest.importorskip("av")
    with av.open(str(file), "w") as container:
        height, width = frames[0].shape[:2]
        stream = container.add_stream("mjpeg" if file.suffix == ".mkv" else "mpeg2video", rate=25)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuvj420p" if file.suffix == ".mkv" else "yuv420p"
        stream.codec_context.gop_size = 1
        packets = [
            packet
            for pixels in frames
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24"))
        ]
        packets += stream.encode(None)
        for index, packet in enumerate(packets):
            if times is not None:
                packet.pts = packet.dts = round(times[index] / 1000 / packet.time_base)
            container.mux(packet)
    return file


def _moving(count: int) -> list[Bytes]:
    return [frame([one]) for one in path(count, Placed(180, 160), Placed(240, 200, 180, 10))]


def test_a_video_that_ends_in_mid_frame(run: Run, tmp_path: Path) -> None:
    whole = _video(tmp_path / "whole.mkv", _moving(12)).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: int(len(whole) * 0.6)])
    drawn = tmp_path / "drawn.mp4"
    done = run("track", tmp_path / "cut.mkv", "--json", "--draw", drawn)
    assert done.returncode == 0, done.stderr
    records = json.loads(done.stdout)
    assert 0 < len(records) < 12
    assert [record["frame"] for record in records] == list(range(len(records)))
    # What there is of the last picture may be of any worth; the face was in those before.
    assert all(record["faces"] for record in records[:-1])
    assert drawn.stat().st_size > 0


def test_times_that_repeat_or_go_back(run: Run, tmp_path: Path) -> None:
    times = [0, 40, 80, 80, 120, 160]
    done = run("track", _video(tmp_path / "v.mkv", _moving(6), times), "--json")
    assert done.returncode == 0, done.stderr
    records = json.loads(done.stdout)
    assert [record["frame"] for record in records] == list(range(6))
    seconds = [record["seconds"] for record in records]
    assert seconds[:3] == [0.0, 0.04, 0.08]
    assert sorted(set(seconds)) == seconds
    assert [record.get("times_broken_at") for record in records] == [None] * 3 + [3] + [None] * 2
    assert "the time of frame 3 does not come after the one before" in done.stderr
    assert [record["detector_ran"] for record in records] == [True] + [False] * 5


def test_a_video_that_changes_size_and_orientation(run: Run, tmp_path: Path) -> None:
    wide = _video(tmp_path / "wide.ts", _moving(4), range(0, 160, 40))
    tall = [frame([Placed(180, 240)], size=(360, 480))] * 4
    (tmp_path / "both.ts").write_bytes(
        wide.read_bytes() + _video(tmp_path / "tall.ts", tall, range(1000, 1160, 40)).read_bytes()
    )
    drawn = tmp_path / "drawn.mp4"
    done = run("track", tmp_path / "both.ts", "--json", "--draw", drawn)
    assert done.returncode == 0, done.stderr
    records = json.loads(done.stdout)
    sizes = [(record["width"], record["height"]) for record in records]
    assert set(sizes) == {(480, 360), (360, 480)}
    change = sizes.index((360, 480))
    assert records[change - 1]["faces"][0]["track"] == 1
    assert (records[change]["lost"], records[change]["detector_ran"]) == ([1], True)
    assert records[change]["faces"][0]["track"] == 2
    assert drawn.stat().st_size > 0


def test_an_image_that_cannot_be_read_ends_the_list(run: Run, images: list[Path]) -> None:
    images[2].write_bytes(images[2].read_bytes()[:300])
    done = run("track", *images, "--json")
    assert done.returncode == 1
    assert [record["image"] for record in json.loads(done.stdout)] == [str(image) for image in images[:2]]
    assert images[2].name in done.stderr


def test_no_more_faces_than_asked_for(run: Run, tmp_path: Path) -> None:
    both = Image.fromarray(frame([Placed(110, 150, 180), Placed(350, 200, 180)]))
    both.save(tmp_path / "both.png")
    for most in (1, 2, 5):
        (record,) = json.loads(run("track", tmp_path / "both.png", "--json", "--max-faces", most).stdout)
        assert len(record["faces"]) == min(most, 2)


def _interrupted(folder: Path, *more: object) -> tuple[int, str, str]:
    """Track a video far longer than the test, interrupt when the first records come, and return code and streams."""
    video = _video(folder / "long.mkv", [_moving(2)[0]] * 3000)
    command = [sys.executable, "-m", "sdkgen", "track", str(video), "--json", *map(str, more)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    assert process.stdout is not None
    first = process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    said, err = process.communicate(timeout=60)
    return process.returncode, (first + said).decode(), err.decode()


def test_an_interrupted_video_ends_with_what_was_done_whole(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    drawn = tmp_path / "drawn.mp4"
    code, said, err = _interrupted(tmp_path, "--draw", drawn)
    assert code == 130, err
    records = json.loads(said)
    assert [record["frame"] for record in records] == list(range(len(records)))
    assert 0 < len(records) < 3000
    assert f"Interrupted; {len(records)} frames are done" in err
    assert "Traceback" not in err
    with av.open(str(drawn)) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(records)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["drawn.mp4", "long.mkv"]


def test_a_video_is_not_drawn_over_itself(run: Run, tmp_path: Path) -> None:
    video = _video(tmp_path / "v.mkv", _moving(2))
    whole = video.read_bytes()
    done = run("track", video.name, "--draw", video.name, cwd=tmp_path)
    assert (done.returncode, "would replace what it is made from" in done.stderr) == (2, True), done.stderr
    assert video.read_bytes() == whole


class _Camera(sdkgen.video.Video):
    """A camera that shows one picture for ever, at which somebody presses Ctrl-C after a while."""

    times_broken_at = None

    def __init__(self, source: str) -> None:
        self.source, self.camera, self.rate, self.fault = source, True, 30.0, None
        self.picture = _moving(2)[0]

    def __iter__(self) -> Iterator[sdkgen.video.Frame]:
        for index in range(1_000_000):
            if index == 40:
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.02)
            yield sdkgen.video.Frame(index, index / 30, self.picture)

    def __exit__(self, *_: object) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize("as_json", [True, False])
def test_a_camera_is_ended_by_an_interrupt_and_all_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    monkeypatch.setattr(sdkgen.video, "Video", _Camera)
    drawn = tmp_path / "drawn.mp4"
    app = typer.Typer()
    app.command()(track)
    options = ["0", "--draw", str(drawn), *(["--json"] if as_json else [])]
    get_command(app).main(options, standalone_mode=False)
    said = capsys.readouterr()
    if as_json:
        records = json.loads(said.out)
        assert records[0]["faces"]
        numbers = [record["frame"] for record in records]
        assert numbers == sorted(set(numbers))
    else:
        assert "1 tracks, the detector ran in 1" in said.out
    assert "Interrupted" not in said.err
    assert drawn.stat().st_size > 0
