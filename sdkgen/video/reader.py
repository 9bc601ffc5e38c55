"""Reading frames, upright and in RGB, through FFmpeg."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sdkgen.detection.preprocess import Bytes
from sdkgen.errors import ImageError, MissingExtraError
from sdkgen.images import refuse_url
from sdkgen.video.clock import Clock
from sdkgen.video.upright import upright

if TYPE_CHECKING:
    from av import VideoFrame

_CAMERAS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}:none")}


@dataclass(frozen=True)
class Frame:
    """A frame: its number in the source, its time from the source's beginning, and its RGB pixels (H, W, 3)."""

    index: int
    seconds: float
    pixels: Bytes


class Video:
    """The frames of a file, or of a camera by its index ("0"), in order. Use as a context manager.

    ``camera`` tells which of the two it is, ``rate`` the frames a second, ``announced`` how many frames a file's
    header promises to show (0 where it does not say). After the last frame, ``fault`` says why the source ended early,
    if it did: a file that was cut off gives the frames before the cut. ``times_broken_at`` is the index of the first
    frame whose time stamp does not go on; all frames are given all the same, with times that do (see ``Clock``).
    """

    def __init__(self, source: str, *, device_format: str | None = None) -> None:
        """Open ``source``; ``device_format`` names an FFmpeg input device instead of a file's own format.

        Raises ``ImageError`` if there is no such file or camera, or no video in it.
        """
        try:
            import av
        except ImportError as error:
            raise MissingExtraError("av", "video") from error
        if device_format is None:
            refuse_url(source)
        # FFmpeg's own remarks go nowhere: what matters comes back as an error or as ``fault``.
        av.logging.set_level(None)
        self._av = av
        self.source = source
        self.camera = source.isdecimal() and not Path(source).exists()
        self.fault: str | None = None
        name, form = _camera(source, av) if self.camera else (source, device_format)
        try:
            self._container: Any = av.open(name, format=form)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._unreadable(error) from error
        if not self._container.streams.video:
            self._container.close()
            raise ImageError("there is no video in the file", context=source, hint="Name a video file or a camera.")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self.rate = float(self._stream.average_rate or self._stream.guessed_rate or 30)
        self.announced = int(self._stream.frames or 0)
        if self.announced and "mp4" in self._container.format.name.split(","):
            # An MP4 that was trimmed holds more than its edit list shows; its index, there from the start, knows.
            self.announced = sum(not entry.is_discard for entry in self._stream.index_entries)
        # An AVI counts the frames that it leaves out to hold a variable rate: its decoding times are such numbers.
        self._counts_by_time = self._container.format.name == "avi"
        self._whole = 0
        self._clock = Clock(1 / self.rate)

    @property
    def times_broken_at(self) -> int | None:
        """The index of the first frame whose time stamp did not go on; None while all did."""
        return self._clock.broken_at

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame once; raises ``ImageError`` if there is not one that can be decoded."""
        index = 0
        frames = self._decoded()
        while True:
            try:
                frame: VideoFrame | None = next(frames, None)
                pixels = None if frame is None else upright(frame, self._stream.sample_aspect_ratio)
            except (self._av.FFmpegError, OSError, ValueError) as error:
                self.fault = f"after {index} frames: {_message(error)}"
                break
            if frame is None or pixels is None:
                break
            decoded = None if frame.dts is None or not frame.time_base else float(frame.dts * frame.time_base)
            yield Frame(index, self._clock.tell(frame.time, decoded), pixels)
            index += 1
        if not index:
            raise ImageError(
                f"the video has no frame that can be decoded{f': {self.fault}' if self.fault else ''}",
                context=self.source,
                hint="The file is damaged or empty: get it again.",
            )
        if self.fault is None and self._whole < self.announced:
            self.fault = f"after {self._whole} of {self.announced} frames"

    def _decoded(self) -> Iterator[VideoFrame]:
        """Yield every frame that is to be shown, counting those whose data is there to the last byte."""
        for packet in self._container.demux(self._stream):
            if packet.size > 0 and not (packet.is_corrupt or packet.is_discard):
                counted = self._whole if not self._counts_by_time or packet.dts is None else packet.dts
                self._whole = max(self._whole, counted) + 1
            yield from packet.decode()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Close the source."""
        self._container.close()

    def _unreadable(self, error: Exception) -> ImageError:
        if self.camera:
            hint = "Connect it, allow this program to use it, and close others that do; the first camera is 0."
            return ImageError(f"camera {self.source} cannot be opened: {_message(error)}", hint=hint)
        if isinstance(error, FileNotFoundError):
            return ImageError("the video does not exist", context=self.source, hint="Name a video file or a camera.")
        hint = "The file is no video, or was cut off before its index (an MP4 has it at the end): get it again."
        return ImageError(f"the video cannot be read: {_message(error)}", context=self.source, hint=hint)


def _camera(index: str, av: Any) -> tuple[str, str]:
    """Return FFmpeg's name for a camera, and the input device that has it."""
    if sys.platform == "win32":
        found = [device for device in av.enumerate_input_devices("dshow") if "video" in device.media_types]
        if int(index) >= len(found):
            raise ImageError(f"there is no camera {index}", hint=f"Cameras that are known here: {len(found)}.")
        return f"video={found[int(index)].name}", "dshow"
    form, name = _CAMERAS.get(sys.platform, _CAMERAS["linux"])
    return name.format(index), form


def _message(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
