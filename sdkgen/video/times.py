"""Times that rise: files have frames whose times repeat, go back or are missing, although their order is right."""

from __future__ import annotations

JUMP_SECONDS = 1.0
"""A time that goes back by more than this is a new beginning (files that were joined), not a disorder."""


class RisingTimes:
    """Gives each frame a time after the last one's, counted from the first frame's.

    A time that does not come after the last one is replaced by the last plus a frame's length. Times that are out of
    order among their neighbours (B-frames in AVI, or written with pts = dts) are caught up with. After a jump back all
    that follow are shifted, so that they go on from there.
    """

    def __init__(self, step: float) -> None:
        self._step = step
        self._offset: float | None = None
        self._last: float | None = None
        self.corrected = 0

    def next(self, time: float | None) -> float:
        """Return the time of the next frame, in seconds, whose own is ``time`` (None if it has none)."""
        if time is not None and self._offset is None:
            self._offset = -time - (0.0 if self._last is None else -self._last - self._step)
        seconds = None if time is None or self._offset is None else float(time + self._offset)
        if self._last is None:
            self._last = 0.0 if seconds is None else seconds
        elif seconds is not None and seconds > self._last:
            self._last = seconds
        else:
            self.corrected += 1
            if seconds is not None and self._offset is not None and self._last - seconds > JUMP_SECONDS:
                self._offset += self._last + self._step - seconds
            self._last += self._step
        return self._last
