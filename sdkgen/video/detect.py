"""Faces in every frame of a video, or in the newest frame of a camera."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sdkgen.backends.base import Backend
from sdkgen.detection.draw import annotate
from sdkgen.detection.pipeline import detect
from sdkgen.detection.types import Detection, Options
from sdkgen.spec.model import ModelSpec
from sdkgen.video.interrupt import Interruption
from sdkgen.video.live import Live
from sdkgen.video.reader import Frame, Video
from sdkgen.video.writer import VideoWriter


class VideoDetection:
    """Detects faces in a video, frame by frame, as it is iterated in the process's main thread.

    A file gives every frame unless ``realtime`` asks for its own pace; a camera always gives the newest one. Afterwards
    ``dropped``, ``fault`` and ``times_broken_at`` tell the rest (see ``Video``), and ``interrupted`` whether Ctrl-C
    ended what has an end of its own.
    """

    def __init__(
        self, source: str, backend: Backend, spec: ModelSpec, options: Options, *, realtime: bool, draw: Path | None
    ) -> None:
        self._source = source
        self._backend = backend
        self._spec = spec
        self._options = options
        self._realtime = realtime
        self._draw = draw
        self.dropped = 0
        self.fault: str | None = None
        self.times_broken_at: int | None = None
        self.interrupted = False
        self.exit_code = 0

    def describe_end(self) -> dict[str, Any]:
        """Return what there is to say once the frames have ended, as JSON has it."""
        return {"dropped": self.dropped, "ended_early": self.fault, "times_broken_at": self.times_broken_at}

    def warnings(self) -> Iterator[str]:
        """Yield what a user should know of the video, once the frames have ended."""
        if self.fault is not None:
            yield f"the video ends early, {self.fault}"
        if self.times_broken_at is not None:
            yield f"the time of frame {self.times_broken_at} does not come after the one before; it is made to"

    def __iter__(self) -> Generator[tuple[Frame, Sequence[Detection]]]:
        """Yield each frame with its faces, best first, until the end or Ctrl-C.

        Raises ``ImageError`` where there is no video, ``OutputError`` where the drawn one cannot be written,
        ``UsageError`` where it would replace the other.
        """
        with ExitStack() as stack:
            video = stack.enter_context(Video(self._source))
            live = stack.enter_context(Live(video)) if video.camera or self._realtime else None
            interruption = stack.enter_context(Interruption())
            writer = stack.enter_context(VideoWriter(self._draw, video.rate, [self._source])) if self._draw else None
            try:
                for frame in interruption.until(live or video):
                    faces = detect(frame.pixels, self._backend, self._spec, self._options)
                    if writer is not None:
                        writer.write(annotate(frame.pixels, faces), frame.seconds)
                    yield frame, faces
            except GeneratorExit:
                pass  # Whoever stops early keeps what has been drawn.
            finally:
                self.dropped = live.dropped if live else 0
                self.fault = video.fault
                self.times_broken_at = video.times_broken_at
                self.interrupted = interruption.asked and not video.camera
                self.exit_code = interruption.exit_code
