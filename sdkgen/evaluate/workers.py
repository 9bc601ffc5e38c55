"""Measuring pictures side by side. In processes, because threads of Python wait for one another half of the time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from types import TracebackType

from sdkgen.evaluate.measure import Measurer, Record
from sdkgen.evaluate.types import Picture

PICTURES_A_WORKER = 64
"""Fewer are done before another process has started."""

_open_measurer: Callable[[], Measurer]
"""Of a worker process."""


def count_workers(pictures: int) -> int:
    """Return how many processes pay for so many pictures here."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, 1 + pictures // PICTURES_A_WORKER)


class Workers:
    """So many processes with a measurer each; one worker is this process itself."""

    def __init__(self, open_measurer: Callable[[], Measurer], count: int) -> None:
        """Start the workers; for more than one ``open_measurer`` is pickled."""
        self._by = (
            open_measurer()
            if count == 1
            else ProcessPoolExecutor(count, get_context("spawn"), _start, (open_measurer,))
        )

    def measure(self, picture: Picture, *, jitter: bool) -> Future[Record]:
        """Return the record of ``picture`` to come; see ``Measurer``."""
        if isinstance(self._by, ProcessPoolExecutor):
            with _interrupts_waiting():  # submitting starts processes, which inherit this
                return self._by.submit(_measure, picture, jitter)
        done: Future[Record] = Future()
        done.set_result(self._by(picture, jitter=jitter))
        return done

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End the processes, after the pictures that they are at."""
        if isinstance(self._by, ProcessPoolExecutor):
            self._by.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_waiting() -> Iterator[None]:
    """Let Ctrl-C wait until the end of the block, where the platform can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(open_measurer: Callable[[], Measurer]) -> None:
    global _open_measurer  # a process of a pool has no other place
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asked decides what Ctrl-C ends
    _open_measurer = cache(open_measurer)


def _measure(picture: Picture, jitter: bool) -> Record:
    # Opened here and not at the start, so that an error reaches the one who asked.
    return _open_measurer()(picture, jitter=jitter)
