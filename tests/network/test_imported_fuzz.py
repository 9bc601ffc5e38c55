from __future__ import annotations

import sys

import pytest

from tests.network.mutations import run, small_files

COUNT = 10_000


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
def test_hostile_files_are_imported_or_refused_in_time_and_memory() -> None:
    ends, faults = run(small_files(), COUNT, seed=0)
    assert faults == []
    assert sum(ends.values()) == COUNT
    assert ends["bad-tflite"] > COUNT / 20
    assert ends["imported"] > COUNT / 20
