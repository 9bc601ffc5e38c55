"""Writing annotated frames as a video."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from sdkgen.detection.preprocess import Bytes
from sdkgen.errors import MissingExtraError, OutputError, SdkgenError, UsageError
from sdkgen.files import unwritable, whole_file

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
_CODECS = ("libx264", "libopenh264")
_TICKS = 90_000


class VideoWriter:
    """An H.264 file that appears whole or not at all: without a frame, not at all. Use as a context manager.

    The video has the size of the first frame, cut to even sides as the codec asks; a frame of another size is scaled to
    fit, with black beside it.
    """

    def __init__(self, target: Path, rate: float, sources: Sequence[str] = ()) -> None:
        """Prepare to write ``target``, about ``rate`` frames a second, made from ``sources``.

        Raises ``UsageError`` for an unknown suffix, and where it would replace one of ``sources``; ``OutputError``
        where nothing encodes.
        """
        if target.suffix.lower() not in FORMATS:
            known = ", ".join(FORMATS)
            raise UsageError(f"cannot write a video as {target.name}", hint=f"Give a file that ends in {known}.")
        if target.is_dir():
            raise OutputError("the drawn video would replace a folder", context=str(target), hint="Name a file.")
        if any(_same(target, source) for source in sources):
            hint = "Give --draw another file."
            raise UsageError("the drawn video would replace what it is made from", context=str(target), hint=hint)
        try:
            import av
        except ImportError as error:
            raise MissingExtraError("av", "video") from error
        codec = next((name for name in _CODECS if name in av.codecs_available), None)
        if codec is None:
            raise OutputError(
                "this PyAV's FFmpeg has no encoder for H.264",
                context=str(target),
                hint="Install PyAV's own wheel, which has: pip install --force-reinstall --only-binary av av",
            )
        self._av, self._codec = av, codec
        self._target = target
        self._rate = Fraction(rate).limit_denominator(1001)
        self._stack = ExitStack()
        self._stream: Any = None
        self._container: Any = None
        self._tick = -1
        self._failed = False

    def __enter__(self) -> VideoWriter:
        return self

    def write(self, pixels: Bytes, seconds: float) -> None:
        """Append an RGB frame (H, W, 3) shown from ``seconds`` on; a time that does not advance is moved on a tick.

        Raises ``OutputError`` where the file cannot be written.
        """
        if self._stream is None:
            self._stream = self._opened(pixels)
        size = (self._stream.width, self._stream.height)
        if (pixels.shape[1] // 2 * 2, pixels.shape[0] // 2 * 2) != size:
            pixels = np.asarray(ImageOps.pad(Image.fromarray(pixels), size))
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[: size[1], : size[0]]), format="rgb24")
        self._tick = max(self._tick + 1, round(seconds * _TICKS))
        frame.pts, frame.time_base = self._tick, Fraction(1, _TICKS)
        self._mux(frame)

    def _mux(self, frame: Any) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except (self._av.FFmpegError, OSError) as error:
            self._failed = True
            cause = OSError(getattr(error, "errno", None), getattr(error, "strerror", None) or str(error))
            raise unwritable(self._target, cause) from error

    def _opened(self, pixels: Bytes) -> Any:
        work = self._stack.enter_context(whole_file(self._target))
        self._container = self._av.open(str(work), "w", format=FORMATS[self._target.suffix.lower()])
        self._stack.callback(self._container.close)
        stream = self._container.add_stream(self._codec, rate=self._rate)
        stream.width, stream.height = pixels.shape[1] // 2 * 2, pixels.shape[0] // 2 * 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        return stream

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file, with what came before where the block raised an error with a known cause."""
        if error is not None and (self._failed or not isinstance(error, SdkgenError)):
            self._stack.__exit__(kind, error, trace)
            return
        try:
            if self._stream is not None:
                self._mux(None)
        except OutputError as failure:
            self._stack.__exit__(OutputError, failure, failure.__traceback__)
            raise
        self._stack.close()


def _same(target: Path, source: str) -> bool:
    try:
        return target.samefile(source)
    except OSError:
        return False  # One of them is no file, such as a camera, or a target that is yet to be.
