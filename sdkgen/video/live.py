"""Frames as they come: whoever is slower than the source sees the newest frame, never an old one.

So do the SDKs' live streams: a frame that arrives while another is being worked on waits alone, and the next one to
arrive takes its place. Frames that never got their turn are counted as dropped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import TracebackType

from sdkgen.video.reader import Frame, Video


class Live:
    """The frames of a video at the pace of the clock (a file's, by its own times). Use as a context manager."""

    def __init__(self, video: Video) -> None:
        self.video = video
        self.dropped = 0
        self._newest: Frame | None = None
        self._error: BaseException | None = None
        self._ended = False
        self._stopping = threading.Event()
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="sdkgen-video", daemon=True)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time it is asked for one, and wait where there is none yet.

        Raises what reading raises.
        """
        self._thread.start()
        while True:
            with self._change:
                self._change.wait_for(lambda: self._newest is not None or self._ended)
                frame, self._newest = self._newest, None
            if frame is None:
                break
            yield frame
        if self._error is not None:
            raise self._error

    def _read(self) -> None:
        begun = time.monotonic()
        try:
            for frame in self.video:
                # A camera has its own pace.
                early = 0.0 if self.video.camera else frame.seconds - (time.monotonic() - begun)
                if self._stopping.wait(max(early, 0.0)):
                    break
                with self._change:
                    self.dropped += self._newest is not None
                    self._newest = frame
                    self._change.notify()
        except BaseException as error:
            self._error = error
        finally:
            with self._change:
                self._ended = True
                self._change.notify()

    def __enter__(self) -> Live:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Stop reading; the video itself is closed by whoever opened it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
