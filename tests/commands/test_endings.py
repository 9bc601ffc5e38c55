"""However ``detect`` and ``track`` end: what was computed is printed, what is drawn is whole, the cause is named."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

from sdkgen import records
from sdkgen.commands import detect, track
from sdkgen.convert import convert
from sdkgen.spec.registry import LANDMARKER, load_model
from tests.tracking.sequences import Placed, frame

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform != "linux", reason="/dev/full and file size limits are Linux's"),
]
FULL = Path("/dev/full")
COUNTED = (200, 900)
"""After how many images or frames objects are counted."""
DETECT = ["detect", "--backend", "litert"]


_RUNNING: list[subprocess.Popen[bytes]] = []


def _start(*arguments: object, cwd: Path, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sdkgen", *map(str, arguments)]
    options.setdefault("stdout", subprocess.PIPE)
    _RUNNING.append(subprocess.Popen(command, stderr=subprocess.PIPE, cwd=cwd, bufsize=0, **options))
    return _RUNNING[-1]


@pytest.fixture(autouse=True)
def end_processes() -> Iterator[None]:
    """End what a failed test leaves running."""
    yield
    while _RUNNING:
        with _RUNNING.pop() as process:
            process.kill()


def _end(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    said, err = process.communicate(timeout=120)
    text = err.decode()
    assert "Traceback" not in text
    return process.returncode, (said or b"").decode(), text


def _limit_files_to(size: int) -> Callable[[], None]:
    """Return what makes writing a file longer than ``size`` fail, as on a disk that is full."""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.fixture(scope="module", autouse=True)
def artifacts() -> None:
    """Convert both models before files are limited."""
    for name in ("blazeface-front", LANDMARKER):
        convert(load_model(name), "tflite")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("image") / "face.png"
    Image.fromarray(frame([Placed(240, 180)])).save(file)
    return file


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that takes far longer than a test."""
    return make_video(tmp_path_factory.mktemp("video") / "long.mkv", 3000)


def make_video(file: Path, count: int) -> Path:
    """Write ``count`` noisy pictures of a face, 240 × 180 pixels; there are eight, each compressed once."""
    av = pytest.importorskip("av")
    picture = frame([Placed(240, 180)])[::2, ::2].astype(np.float64)
    noise = np.random.default_rng(0).normal(0, 15, (8, *picture.shape))
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 240, 180, "yuvj420p"
        packets = []
        for one in (picture + noise).clip(0, 255).astype(np.uint8):
            packets += stream.encode(av.VideoFrame.from_ndarray(one, format="rgb24"))
        packets += stream.encode(None)
        base = packets[0].time_base
        for index in range(count):
            packet = av.Packet(bytes(packets[index % len(packets)]))
            packet.stream, packet.time_base = stream, base
            packet.pts = packet.dts = round(index / 25 / base)
            container.mux(packet)
    return file


def _frames(file: Path) -> int:
    av = pytest.importorskip("av")
    with av.open(str(file)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_images_end_with_those_that_are_done(
    tmp_path: Path, image: Path, number: signal.Signals, code: int, form: str
) -> None:
    process = _start(*DETECT, *[image] * 2000, form, cwd=tmp_path)
    assert process.stdout is not None
    first = process.stdout.read(100)
    process.send_signal(number)
    returned, said, err = _end(process)
    text = first.decode() + said
    records = json.loads(text) if form == "--json" else [json.loads(line) for line in text.splitlines()]
    assert returned == code, err
    assert 0 < len(records) < 2000
    assert all(len(record["detections"]) == 1 for record in records)
    assert f"Interrupted; {len(records)} of 2000 images are done" in err


@pytest.mark.parametrize("command", [["track"], [*DETECT, "--video"]])
def test_a_video_ends_whole_when_the_process_is_to_end(tmp_path: Path, video: Path, command: list[str]) -> None:
    drawn = tmp_path / "drawn.mp4"
    process = _start(*command, video, "--jsonl", "--draw", drawn, cwd=tmp_path)
    assert process.stdout is not None
    first = process.stdout.read(100)
    process.send_signal(signal.SIGTERM)
    returned, said, err = _end(process)
    records = [json.loads(line) for line in (first.decode() + said).splitlines()]
    assert returned == 143, err
    assert [record["frame"] for record in records] == list(range(len(records)))
    assert f"Interrupted; {len(records)} frames are done" in err
    assert _frames(drawn) == len(records)
    assert list(tmp_path.iterdir()) == [drawn]


@pytest.mark.parametrize("form", ["--json", "--jsonl", None])
@pytest.mark.parametrize("command", [DETECT, ["track"]])
def test_standard_output_on_a_full_disk(tmp_path: Path, image: Path, command: list[str], form: str | None) -> None:
    with FULL.open("w") as full:
        process = _start(*command, image, *([form] if form else []), cwd=tmp_path, stdout=full)
        code, _, err = _end(process)
    assert code == 1
    assert "[bad-standard-output] standard output cannot be written: No space left on device" in err


@pytest.mark.parametrize("command", [["track"], [*DETECT, "--video"]])
def test_a_reader_that_goes_away(tmp_path: Path, video: Path, command: list[str]) -> None:
    """As with ``| head``: it ends at once and says why, and what was drawn is whole."""
    drawn = tmp_path / "drawn.mp4"
    process = _start(*command, video, "--jsonl", "--draw", drawn, cwd=tmp_path)
    assert process.stdout is not None
    process.stdout.read(100)
    process.stdout.close()
    code, _, err = _end(process)
    assert code == 1
    assert "[bad-standard-output] standard output cannot be written: Broken pipe" in err
    assert _frames(drawn) > 0
    assert list(tmp_path.iterdir()) == [drawn]


def test_a_drawing_that_cannot_be_written_among_many(tmp_path: Path, image: Path) -> None:
    taken = tmp_path / "out" / "face-3.png"
    taken.mkdir(parents=True)
    code, said, err = _end(_start(*DETECT, *[image] * 6, "--json", "--draw", "out", cwd=tmp_path))
    assert code == 1
    records = json.loads(said)
    assert [record["drawn"] for record in records] == ["out/face.png", "out/face-2.png"]
    assert "at: " + str(taken) in err.replace("\n", "")
    assert {file.name for file in taken.parent.iterdir()} == {"face.png", "face-2.png", "face-3.png"}


def test_drawings_on_a_full_disk(tmp_path: Path, image: Path) -> None:
    small = tmp_path / "small.png"
    Image.new("RGB", (16, 16)).save(small)
    arguments = (*DETECT, small, image, small, "--jsonl", "--draw", "out")
    code, said, err = _end(_start(*arguments, cwd=tmp_path, preexec_fn=_limit_files_to(20_000)))
    assert code == 1
    assert [json.loads(line)["drawn"] for line in said.splitlines()] == ["out/small.png"]
    assert "[bad-output] cannot write: File too large" in err
    assert str(tmp_path / "out" / "face.png") in err
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["small.png"]


@pytest.mark.parametrize("command", [["track"], [*DETECT, "--video"]])
def test_a_drawn_video_on_a_full_disk(tmp_path: Path, video: Path, command: list[str]) -> None:
    drawn = tmp_path / "drawn.mp4"
    drawn.write_bytes(b"old")
    arguments = (*command, video, "--json", "--draw", drawn)
    code, said, err = _end(_start(*arguments, cwd=tmp_path, preexec_fn=_limit_files_to(20_000)))
    assert (code, bool(said)) == (1, True), err
    found = json.loads(said)
    assert 0 < len(found["frames"] if isinstance(found, dict) else found) < 3000
    assert "cannot write: File too large" in err
    assert str(drawn) in err
    assert drawn.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [drawn]


@pytest.mark.parametrize("command", [["track"], [*DETECT, "--video"]])
def test_a_folder_is_no_drawn_video_and_a_file_no_folder_of_drawings(
    tmp_path: Path, image: Path, video: Path, command: list[str]
) -> None:
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    code, said, err = _end(_start(*command, video, "--jsonl", "--draw", folder, cwd=tmp_path))
    assert (code, said) == (1, "")
    assert str(folder) in err
    if command[0] == "detect":
        code, said, err = _end(_start(*DETECT, image, "--jsonl", "--draw", image, cwd=tmp_path))
        assert (code, said) == (1, "")
        assert str(image) in err


@pytest.mark.slow
@pytest.mark.parametrize("command", ["track", "detect --video", "detect"])
def test_nothing_is_kept_of_what_is_done(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Less than an object a frame or image is kept; a record has over fifty, and with landmarks two thousand.

    Objects are counted, and not the process's memory: that swings by what decoders and the allocator hold back.
    """
    small = tmp_path / "small.png"
    Image.fromarray(frame([Placed(240, 180)])[::2, ::2]).save(small)
    arguments: dict[str, list[Any]] = {
        "track": ["track", video],
        "detect --video": [*DETECT, "--video", video, "--frames", COUNTED[1]],
        "detect": [*DETECT, *[small] * COUNTED[1]],
    }
    objects: list[int] = []
    lines = count(1)

    def write(_: str) -> None:
        if (line := next(lines)) in COUNTED:
            gc.collect()
            objects.append(sys.getallocatedblocks())
            if line == COUNTED[1]:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(records, "_write", write)
    app = typer.Typer()
    detect.register(app)
    track.register(app)
    app([*map(str, arguments[command]), "--jsonl"], standalone_mode=False)
    assert objects[1] - objects[0] < COUNTED[1] - COUNTED[0]
