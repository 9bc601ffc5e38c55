"""Ctrl-C and SIGTERM between frames: work on a frame is never cut in two, so that what it makes can be ended whole."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from itertools import islice
from types import FrameType, TracebackType
from typing import TypeVar

T = TypeVar("T")


class Interruption:
    """Lets Ctrl-C or SIGTERM end a loop over frames. Use as a context manager, in the process's main thread.

    A first Ctrl-C while a frame is worked on takes effect when the next one is asked for; while a frame is waited for,
    at once. A second one while a frame is worked on raises ``KeyboardInterrupt`` there. ``asked`` tells whether there
    was one, ``exit_code`` what the process then ends with. SIGTERM does the same.
    """

    def __init__(self) -> None:
        self.asked = False
        self.exit_code = 130
        self._waiting = False

    def until(self, frames: Iterable[T]) -> Iterator[T]:
        """Yield from ``frames`` until they end, or Ctrl-C."""
        source = iter(frames)
        while True:
            try:
                self._waiting = True
                found = [] if self.asked else list(islice(source, 1))
                self._waiting = False
            except KeyboardInterrupt:
                found = []
            if not found:
                self._waiting = False
                return
            yield found[0]

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        again, self.asked = self.asked, True
        self.exit_code = 128 + number
        if again or self._waiting:
            signal.default_int_handler(number, frame)

    def __enter__(self) -> Interruption:
        self._before = {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Give both back their meaning."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
