"""Ctrl-C, sent to this process while frames are worked on and while they are waited for."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from sdkgen.video import Interruption


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_frame_that_is_worked_on_is_the_last_one() -> None:
    done = []
    with Interruption() as interruption:
        for frame in interruption.until(range(10)):
            if frame == 3:
                _interrupt()
            done.append(frame)
    assert done == [0, 1, 2, 3]
    assert interruption.asked


def test_a_source_that_gives_nothing_is_not_waited_for() -> None:
    def silent() -> Iterator[int]:
        yield 0
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        time.sleep(30)
        yield 1

    before = signal.signal(signal.SIGALRM, lambda *_: _interrupt())
    begun = time.monotonic()
    try:
        with Interruption() as interruption:
            assert list(interruption.until(silent())) == [0]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interruption.asked
    assert time.monotonic() - begun < 10


def test_a_second_one_ends_the_work_on_a_frame() -> None:
    with pytest.raises(KeyboardInterrupt), Interruption() as interruption:
        for _ in interruption.until(range(10)):
            _interrupt()
            _interrupt()
    assert interruption.asked


def test_without_one_all_frames_come_and_afterwards_it_means_what_it_did() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        assert list(interruption.until(range(3))) == [0, 1, 2]
    assert not interruption.asked
    assert signal.getsignal(signal.SIGINT) is before


def test_errors_of_the_source_are_raised() -> None:
    def faulty() -> Iterator[int]:
        yield 0
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"), Interruption() as interruption:
        list(interruption.until(faulty()))
