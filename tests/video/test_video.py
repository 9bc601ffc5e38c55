"""Videos are made here with FFmpeg's own encoders, cut, turned, and read back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sdkgen.video.detect
from sdkgen.detection.types import Array, Options, RawOutputs
from sdkgen.errors import ImageError, OutputError, UsageError
from sdkgen.spec.registry import load_model
from sdkgen.video import Live, Video, VideoWriter
from sdkgen.video.detect import VideoDetection

av = pytest.importorskip("av")

SIZE = (96, 64)
FRONT = load_model("blazeface-front")


def _picture(index: int) -> Any:
    """Return a frame that tells its number by its brightness, and its upright corner by a white patch."""
    pixels = np.full((SIZE[1], SIZE[0], 3), 20 + 8 * (index % 29), np.uint8)
    pixels[:16, :24] = 255
    return pixels


def _write(path: Path, frames: int = 20, *, codec: str = "mpeg4", rate: int = 25, gop: int = 1) -> Path:
    """Write a video with its index in front, if it has one; with a ``gop`` of 1 each picture stands for itself."""
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = (*SIZE, "yuv420p")
        stream.codec_context.gop_size = gop
        for index in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_picture(index), format="rgb24")))
        container.mux(stream.encode(None))
    return path


class _Blind:
    """A backend that sees no face."""

    name = "blind"

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def run(self, _: Array) -> RawOutputs:
        time.sleep(self.seconds)
        return {"boxes": np.zeros((1, 896, 16), np.float32), "scores": np.full((1, 896, 1), -50, np.float32)}

    def close(self) -> None:
        pass


def test_every_frame_of_a_file_in_order(tmp_path: Path) -> None:
    with Video(str(_write(tmp_path / "v.mp4"))) as video:
        frames = list(video)
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.seconds for frame in frames] == pytest.approx([index / 25 for index in range(20)], abs=1e-6)
    assert [int(frame.pixels[40, 60, 0]) for frame in frames] == pytest.approx([20 + 8 * i for i in range(20)], abs=4)
    assert (video.announced, video.fault, video.camera) == (20, None, False)


@pytest.mark.parametrize("share", [0.35, 0.5, 0.8])
def test_a_file_that_ends_in_mid_frame_gives_the_frames_before(tmp_path: Path, share: float) -> None:
    whole = _write(tmp_path / "v.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: int(len(whole) * share)])
    with Video(str(tmp_path / "cut.mkv")) as video:
        frames = list(video)
    assert 0 < len(frames) < 20
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert frames[0].pixels.shape == (SIZE[1], SIZE[0], 3)


def test_a_file_whose_header_promises_more_says_so(tmp_path: Path) -> None:
    whole = _write(tmp_path / "v.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: int(len(whole) * 0.8)])
    with Video(str(tmp_path / "cut.avi")) as video:
        count = len(list(video))
    assert 0 < count < 20
    assert video.fault is not None
    assert f"after {count}" in video.fault


def _trimmed(path: Path, start: int, frames: int) -> bytes:
    """Return an MP4 of 25 frames a second whose edit list shows so many ``frames`` from ``start`` on."""
    data = bytearray(path.read_bytes())
    scale = int.from_bytes(data[(at := data.index(b"mdhd") + 16) : at + 4])
    edit = data.index(b"elst") + 12
    data[edit : edit + 4] = (frames * 1000 // 25).to_bytes(4)
    data[edit + 4 : edit + 8] = (start * scale // 25).to_bytes(4)
    return bytes(data)


@pytest.mark.parametrize("gop", [1, 5])
@pytest.mark.parametrize(("start", "count"), [(3, 17), (12, 8), (0, 8), (7, 6)])
def test_a_whole_file_that_was_trimmed_does_not_end_early(tmp_path: Path, gop: int, start: int, count: int) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(_trimmed(_write(path, gop=gop), start, count))
    with Video(str(path)) as video:
        frames = list(video)
    shown = [20 + 8 * (start + index) for index in range(count)]
    assert [int(frame.pixels[40, 60, 0]) for frame in frames] == pytest.approx(shown, abs=4)
    assert (video.announced, video.fault) == (count, None)


@pytest.mark.parametrize("trim", [False, True])
@pytest.mark.parametrize("lost", [0, 1, 8])
def test_a_file_that_was_cut_says_so_trimmed_or_not(tmp_path: Path, lost: int, *, trim: bool) -> None:
    """Cut by its last byte, by its last picture, by many."""
    path = tmp_path / "v.mp4"
    whole = _write(path).read_bytes()
    with av.open(str(path)) as container:
        sizes = [packet.size for packet in container.demux(video=0) if packet.size]
    if trim:
        whole = _trimmed(path, 6, 14)
    path.write_bytes(whole[: -sum(sizes[-lost:]) if lost else -1])
    with Video(str(path)) as video:
        assert list(video)
    promised = 14 if trim else 20
    assert video.fault == f"after {promised - max(lost, 1)} of {promised} frames"


def _shown_by(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Rewrite an MP4 with another display matrix: x goes to the first two numbers, y to the others."""
    data = path.read_bytes()
    zero, last = bytes(4), (1 << 30).to_bytes(4)

    def box(a: int, b: int, c: int, d: int) -> bytes:
        w, x, y, z = ((number << 16).to_bytes(4, signed=True) for number in (a, b, c, d))
        return w + x + zero + y + z + zero * 3 + last

    at = data.index(box(1, 0, 0, 1), data.index(b"tkhd"))
    path.write_bytes(data[:at] + box(*matrix) + data[at + 36 :])
    return path


@pytest.mark.parametrize(
    ("matrix", "show"),
    [
        ((1, 0, 0, 1), lambda p: p),
        ((-1, 0, 0, 1), np.fliplr),
        ((1, 0, 0, -1), np.flipud),
        ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
        ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),
        ((0, -1, 1, 0), np.rot90),
        ((0, 1, 1, 0), lambda p: p.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda p: np.rot90(p, 2).swapaxes(0, 1)),
    ],
)
def test_frames_are_turned_and_mirrored_as_the_file_says(
    tmp_path: Path, matrix: tuple[int, int, int, int], show: Callable[[Any], Any]
) -> None:
    path = _write(tmp_path / "v.mp4", 2)
    with Video(str(path)) as video:
        stored = next(iter(video)).pixels
    with Video(str(_shown_by(path, matrix))) as video:
        np.testing.assert_array_equal(next(iter(video)).pixels, show(stored))


@pytest.mark.parametrize(
    ("aspect", "size"), [(2, (192, 64)), (Fraction(1, 2), (96, 128)), (1, SIZE), (Fraction(200, 1), SIZE)]
)
def test_pixels_become_square(tmp_path: Path, aspect: Fraction, size: tuple[int, int]) -> None:
    with av.open(str(tmp_path / "v.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = (*SIZE, "yuv420p")
        stream.codec_context.sample_aspect_ratio = aspect
        container.mux(stream.encode(av.VideoFrame.from_ndarray(_picture(0), format="rgb24")))
        container.mux(stream.encode(None))
    with Video(str(tmp_path / "v.mp4")) as video:
        (frame,) = video
    assert frame.pixels.shape[:2] == size[::-1]
    assert frame.pixels[size[1] // 8, size[0] // 8, 0] > 200
    assert frame.pixels[-size[1] // 8, -size[0] // 8, 0] < 60


def _with_b_frames(path: Path, *, broken: bool = False) -> Path:
    """Write 30 frames of H.264 with B-frames; ``broken`` presents each when it is decoded."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"bf": "2", "b-adapt": "0", "g": "12"})
        stream.width, stream.height, stream.pix_fmt = (*SIZE, "yuv420p")
        packets = []
        for index in range(30):
            packets += stream.encode(av.VideoFrame.from_ndarray(_picture(index % 29), format="rgb24"))
        packets += stream.encode(None)
        first = packets[0].dts
        for packet in packets:
            if broken:
                packet.pts = packet.dts = packet.dts - first
            container.mux(packet)
    return path


@pytest.mark.skipif("libx264" not in av.codecs_available, reason="no encoder with B-frames")
@pytest.mark.parametrize("kind", ["avi", "mp4", "ts"])
def test_all_frames_are_kept_where_their_times_do_not_go_on(tmp_path: Path, kind: str) -> None:
    path, count = _with_b_frames(tmp_path / f"v.{kind}", broken=kind == "mp4"), 30
    if kind == "ts":
        path.write_bytes(path.read_bytes() * 2)
        count = 60
    with Video(str(path)) as video:
        frames = list(video)
    assert len(frames) == count
    seconds = [frame.seconds for frame in frames]
    assert all(early < late for early, late in pairwise(seconds))
    assert seconds[-1] == pytest.approx((count - 1) / 30, abs=0.1)
    assert video.times_broken_at is not None
    assert video.fault is None
    shades = [int(frame.pixels[40, 60, 0]) for frame in frames[:28]]
    assert shades == sorted(shades)


def _variable(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = (*SIZE, "yuv420p")
        for index in range(15):
            frame = av.VideoFrame.from_ndarray(_picture(index), format="rgb24")
            frame.pts, frame.time_base = 2 * index, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_whole_avi_with_a_variable_rate_does_not_end_early(tmp_path: Path) -> None:
    path = _variable(tmp_path / "v.avi")
    with Video(str(path)) as video:
        assert [round(frame.seconds * 30) for frame in video] == list(range(0, 30, 2))
        assert (video.announced, video.fault, video.times_broken_at) == (29, None, None)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 4 // 5])
    with Video(str(path)) as video:
        assert 0 < len(list(video)) < 15
        assert video.fault is not None


@pytest.mark.parametrize("content", [b"", b"no video", b"\x00" * 5000])
def test_what_is_no_video_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(ImageError, match="cannot be read"):
        Video(str(tmp_path / "v.mp4"))


def test_a_missing_file_and_a_missing_camera_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        Video(str(tmp_path / "v.mp4"))
    with pytest.raises(ImageError, match="camera 97"):
        Video("97")


def test_sound_alone_is_an_error(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "s.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(ImageError, match="no video"):
        Video(str(tmp_path / "s.wav"))


def test_live_gives_the_newest_frame_and_counts_the_others(tmp_path: Path) -> None:
    with Video(str(_write(tmp_path / "v.mp4", 30, rate=100))) as video, Live(video) as live:
        seen = []
        for frame in live:
            seen.append(frame.index)
            time.sleep(0.08)
    assert seen == sorted(set(seen))
    assert len(seen) < 15
    assert len(seen) + live.dropped == 30
    assert seen[-1] == 29


def test_live_passes_errors_on(tmp_path: Path) -> None:
    path = _write(tmp_path / "v.avi")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"movi") + 12])
    with Video(str(path)) as video, Live(video) as live, pytest.raises(ImageError, match="no frame"):
        list(live)


def test_a_device_that_never_ends_can_be_left() -> None:
    source = f"testsrc=size={SIZE[0]}x{SIZE[1]}:rate=50"
    with Video(source, device_format="lavfi") as video, Live(video) as live:
        frames = [frame for frame, _ in zip(live, range(3), strict=False)]
    assert [frame.pixels.shape for frame in frames] == [(SIZE[1], SIZE[0], 3)] * 3


def test_drawing_keeps_frames_times_and_odd_sizes(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "o.mp4", 25) as writer:
        for seconds in (0.0, 0.04, 0.04, 0.12):
            writer.write(np.zeros((65, 97, 3), np.uint8), seconds)
        writer.write(np.zeros((30, 40, 3), np.uint8), 0.16)
    with Video(str(tmp_path / "o.mp4")) as video:
        frames = list(video)
    assert [frame.pixels.shape for frame in frames] == [(64, 96, 3)] * 5
    assert [frame.seconds for frame in frames] == pytest.approx([0, 0.04, 0.04, 0.12, 0.16], abs=1e-3)


def test_a_frame_of_another_size_is_drawn_whole_and_not_stretched(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "o.mp4", 25) as writer:
        writer.write(np.zeros((96, 96, 3), np.uint8), 0)
        writer.write(np.full((48, 96, 3), 255, np.uint8), 0.04)
    with Video(str(tmp_path / "o.mp4")) as video:
        shade = list(video)[1].pixels[:, 48, 0]
    assert shade[:16].max() < 40
    assert shade[-16:].max() < 40
    assert shade[32:64].min() > 215


def test_a_drawing_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), VideoWriter(tmp_path / "o.mp4", 25) as writer:
        writer.write(np.zeros((64, 96, 3), np.uint8), 0)
        raise ValueError("stop")
    assert list(tmp_path.iterdir()) == []


def test_a_drawing_without_a_frame_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "o.mp4").write_bytes(b"an older one")
    with VideoWriter(tmp_path / "o.mp4", 25), VideoWriter(tmp_path / "p.mp4", 25):
        pass
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("o.mp4", b"an older one")]


@pytest.mark.parametrize("link", [None, Path.symlink_to, Path.hardlink_to])
def test_a_drawing_never_replaces_its_source(
    tmp_path: Path, link: Callable[[Path, Path], None] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = _write(tmp_path / "v.mp4"), tmp_path / "v.mp4"
    whole = source.read_bytes()
    if link is not None:
        target = tmp_path / "link.mp4"
        link(target, source)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="would replace what it is made from"):
        VideoWriter(target, 25, ["other.png", "v.mp4"])
    found = VideoDetection("v.mp4", _Blind(), FRONT, Options.of(FRONT.detector), realtime=False, draw=target)
    with pytest.raises(UsageError, match="would replace what it is made from"):
        list(found)
    assert source.read_bytes() == whole


def test_without_an_encoder_a_drawing_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", {"mpeg4", "h264"})
    with pytest.raises(OutputError, match=r"no encoder for H\.264.* pip install"):
        VideoWriter(tmp_path / "o.mp4", 25)


def test_a_drawing_that_has_no_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"), VideoWriter(tmp_path / "file" / "o.mp4", 25) as writer:
        writer.write(np.zeros((64, 96, 3), np.uint8), 0)


def test_an_unknown_kind_of_drawing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"o\.gif"):
        VideoWriter(tmp_path / "o.gif", 25)


def test_detection_draws_what_it_was_left_at(tmp_path: Path) -> None:
    source = str(_write(tmp_path / "v.mp4"))
    found = VideoDetection(source, _Blind(), FRONT, Options.of(FRONT.detector), realtime=False, draw=tmp_path / "o.mp4")
    pairs = iter(found)
    assert [next(pairs)[0].index for _ in range(4)] == [0, 1, 2, 3]
    pairs.close()
    with Video(str(tmp_path / "o.mp4")) as video:
        assert len(list(video)) == 4


class _Camera(Video):
    """A file in the place of a camera."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.camera = True


@pytest.mark.parametrize("kind", [Video, _Camera])
def test_detection_ends_with_the_frame_it_was_interrupted_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Video]
) -> None:
    monkeypatch.setattr(sdkgen.video.detect, "Video", kind)
    source, drawn = str(_write(tmp_path / "v.mp4", 2000)), tmp_path / "o.mp4"
    found = VideoDetection(source, _Blind(), FRONT, Options.of(FRONT.detector), realtime=False, draw=drawn)
    count = 0
    for _ in found:
        count += 1
        if count == 3:
            os.kill(os.getpid(), signal.SIGINT)
    assert count == 3
    assert found.interrupted is (kind is Video)
    with Video(str(drawn)) as video:
        assert len(list(video)) == 3


def test_detection_at_the_file_s_own_pace_drops_frames(tmp_path: Path) -> None:
    source = str(_write(tmp_path / "v.mp4", 25, rate=100))
    found = VideoDetection(source, _Blind(0.05), FRONT, Options.of(FRONT.detector), realtime=True, draw=None)
    frames = [frame.index for frame, _ in found]
    assert len(frames) + found.dropped == 25
    assert found.dropped > 5
