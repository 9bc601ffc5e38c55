"""Times that go on, whatever a file's time stamps do."""

from __future__ import annotations

import math


class Clock:
    """The times of frames that come in the order in which they are shown, in seconds from the first.

    A frame goes by its presentation time. Where that does not go on although the frame comes later, as in an AVI with
    B-frames or an MP4 whose presentation times are its decoding times, the decoding times take over; where neither
    goes on, as in transport streams one behind the other, the frame follows by one frame's length, and all later ones
    are shifted by as much. ``broken_at`` is the index of the first such frame.
    """

    def __init__(self, step: float) -> None:
        """``step`` is one frame's length in seconds."""
        self.broken_at: int | None = None
        self._step = step
        self._index = -1
        self._last = -math.inf
        self._last_decoded = -math.inf
        self._shift = 0.0
        self._by_decoding = False

    def tell(self, shown: float | None, decoded: float | None) -> float:
        """Return the time of the next frame from its two time stamps in seconds, None where there is none."""
        self._index += 1
        decoding_goes_on = decoded is not None and decoded > self._last_decoded
        stamp = decoded if self._by_decoding else shown
        if self._index == 0:
            self._shift = -(stamp or 0.0)
        seconds = self._last + self._step if stamp is None else stamp + self._shift
        if self._index == 0:
            seconds = 0.0
        elif not seconds > self._last:
            seconds = self._last + self._step
            if self.broken_at is None:
                self.broken_at = self._index
            if not self._by_decoding and decoding_goes_on:
                self._by_decoding, stamp = True, decoded
            self._shift = seconds - (stamp or 0.0)
        if decoded is not None:
            self._last_decoded = decoded
        self._last = seconds
        return seconds
