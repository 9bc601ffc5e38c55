from __future__ import annotations

from collections.abc import Sequence

import pytest

from sdkgen.video.clock import Clock


def _times(stamps: Sequence[tuple[float | None, float | None]]) -> tuple[list[float], int | None]:
    clock = Clock(1.0)
    return [clock.tell(*pair) for pair in stamps], clock.broken_at


def test_presentation_times_that_go_on_are_kept() -> None:
    assert _times([(5, 3), (6.5, 4), (9, 5), (None, None)]) == ([0, 1.5, 4, 5], None)


def test_decoding_times_take_over_where_presentation_times_are_theirs() -> None:
    """As FFmpeg reads an AVI with B-frames: the frames' order is right, their presentation times are shuffled."""
    stamps = [(1, 2), (3, 3), (2, 4), (5, 5), (6, 6), (4, 7), (8, 8), (7, None)]
    assert _times(stamps) == ([0, 2, 3, 4, 5, 6, 7, 8], 2)


def test_after_a_jump_back_all_is_shifted() -> None:
    stamps: list[tuple[float | None, float | None]] = [(t, t) for t in (10, 11, 12, 0, 1, 2, 4, 0, 1)]
    assert _times(stamps) == ([0, 1, 2, 3, 4, 5, 7, 8, 9], 3)


def test_a_time_that_repeats_goes_on_by_one_frame() -> None:
    assert _times([(0, None), (1, None), (1, None), (2, None)]) == ([0, 1, 2, 3], 2)


def test_without_any_time_frames_follow_one_another() -> None:
    times, broken = _times([(None, None)] * 4)
    assert times == pytest.approx([0, 1, 2, 3])
    assert broken is None
